"""The exact sizes of a checkpoint whose files of weights lie beside its configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.quantization import FORMATS, SIXTEEN_BIT
from rightrig.facts.reading import no_file, plain
from rightrig.facts.safetensors import INDEX_KIND, INDEX_NAME, read_header, read_index
from rightrig.facts.stored import StoredTensor, class_bits, language_bytes, not_counted
from rightrig.facts.tensor_names import is_packed, part_of_tensor, stands_for_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rightrig.facts.llm import Checkpoint, Llm
    from rightrig.facts.safetensors import Index, Tensor

_WHOLE: Final = "model.safetensors"
# Their tensors hold codes whose number of weights no header tells.
_CODED: Final = frozenset({"exl2", "exl2-8bpw", "exl3", "aqlm", "vptq", "spqr"})
_WIDEST_BITS: Final = 40.0


def with_file_sizes(llm: Llm, folder: Path) -> Llm:
    """Return the model with the sizes of its files, where an index or the files are there.

    Bits a weight need the headers of all files; an index alone gives the bytes of a checkpoint
    that holds nothing but the language model.

    Raises:
        InputError: when the index or a file is damaged, or they contradict each other.
    """
    index_path = folder / INDEX_NAME
    index = read_index(index_path) if os.path.lexists(index_path) else None
    paths = _files(folder, index)
    if paths:
        tensors = [tensor for path in paths for tensor in read_header(path)]
        _check_index(index_path, index, tensors)
        return _with(llm, _stored(llm, tensors))
    if index is None or index.total_bytes is None:
        return llm
    parts = {part_of_tensor(name, llm.layer_count) for name in index.files}
    if parts & {"tower", "ahead"}:
        return llm
    return _updated(llm, {"file_bytes": index.total_bytes})


def _files(folder: Path, index: Index | None) -> list[Path]:
    """Return the files of weights, or none unless all of them are there."""
    names = {_WHOLE} if index is None else set(index.files.values())
    paths = [folder / name for name in sorted(names)]
    return paths if all(os.path.lexists(path) for path in paths) else []


def _check_index(path: Path, index: Index | None, tensors: list[Tensor]) -> None:
    """Refuse files that hold a tensor twice, or lack one that the index names."""
    names = {tensor.name for tensor in tensors}
    if len(names) != len(tensors):
        raise InputError(f"{plain(path.parent)}: two files of the checkpoint hold the same tensor")
    lacking = None if index is None else next((n for n in index.files if n not in names), None)
    if lacking is not None:
        raise no_file(path, INDEX_KIND, f"no file holds its tensor {plain(lacking, 60)}")


def _stored(llm: Llm, tensors: Iterable[Tensor]) -> Iterator[StoredTensor]:
    """Yield what each tensor stands for; a copy of tied embeddings is not loaded."""
    for tensor in tensors:
        part = part_of_tensor(tensor.name, llm.layer_count)
        if part == "head" and llm.tied_embeddings:
            continue
        weights = 0
        if stands_for_weights(tensor.name):
            weights = tensor.elements_count
            if is_packed(tensor.name, tensor.dtype):
                bits = int(_own_bits(llm.checkpoint, part))
                weights = weights * tensor.element_bits // max(1, bits)
        yield StoredTensor(part, weights, tensor.size_bytes)


def _own_bits(checkpoint: Checkpoint, part: str) -> float:
    """Return the bits a weight, scales included, that the configuration states for a part."""
    extra = {} if checkpoint.extra_bits is None else dict(checkpoint.extra_bits)
    own = FORMATS[checkpoint.format].bits_per_weight
    return next((bits for kind, bits in extra.items() if kind == part), own)


def _with(llm: Llm, stored: Iterable[StoredTensor]) -> Llm:
    """Return the model with exact bytes, and bits where the checkpoint is quantised.

    Engines load originals of 32 bits at 16, so that theirs say nothing about memory.
    """
    found = list(stored)
    changes: dict[str, object] = {"file_bytes": language_bytes(found) or None}
    name = llm.checkpoint.format
    if name not in SIXTEEN_BIT and name not in _CODED:
        bits = class_bits(found)
        if bits and max(bits.values()) <= _WIDEST_BITS:
            changes["class_bits"] = bits
    named = llm.model_copy(update={"not_counted": not_counted(llm, found)})
    return _updated(named, changes)


def _updated(llm: Llm, changes: dict[str, object]) -> Llm:
    """Return the model with a changed checkpoint."""
    return llm.model_copy(update={"checkpoint": llm.checkpoint.model_copy(update=changes)})

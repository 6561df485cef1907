"""Checkpoints in safetensors: the headers of the files, and the index beside them.

A file begins with the length of its header (eight bytes) and the header, a JSON object of at most
100 MB (repository huggingface/safetensors, README, "Format"). Tensor data is never read.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.reading import json_object, no_file, open_regular, plain, read_bounded

if TYPE_CHECKING:
    from pathlib import Path

KIND: Final = "safetensors file that can be read"
INDEX_KIND: Final = "index of a checkpoint"
INDEX_NAME: Final = "model.safetensors.index.json"
MOST_HEADER_BYTES: Final = 100_000_000
_MOST_FILES: Final = 10_000
_MOST_TOTAL_BYTES: Final = 1 << 60
_LENGTH_BYTES: Final = 8
_DTYPE_BITS: Final[dict[str, int]] = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ",
                     "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor of a file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int

    @property
    def elements_count(self) -> int:
        """Number of its elements, packed ones as one."""
        return math.prod(self.shape)

    @property
    def element_bits(self) -> int:
        """Bits of one element."""
        return _DTYPE_BITS[self.dtype]


@dataclass(frozen=True, slots=True)
class Index:
    """Which file holds which tensor, and how many bytes they take together."""

    files: dict[str, str]
    total_bytes: int | None


def read_header(path: Path) -> tuple[Tensor, ...]:
    """Return the tensors of one file, and check that their data is all there.

    Raises:
        InputError: when the file is damaged or cut short.
    """
    try:
        with open_regular(path, KIND) as stream:
            file_bytes = os.fstat(stream.fileno()).st_size
            length = int.from_bytes(stream.read(_LENGTH_BYTES), "little")
            if not 0 < length <= min(MOST_HEADER_BYTES, file_bytes - _LENGTH_BYTES):
                raise no_file(
                    path, KIND, f"it claims a header of {length:,} bytes and has {file_bytes:,}"
                )
            content = stream.read(length)
    except OSError as error:
        raise no_file(path, KIND, f"it cannot be read ({error.strerror})") from error
    header = json_object(content, path, KIND)
    header.pop("__metadata__", None)
    places = sorted((*_offsets(path, name, entry), name) for name, entry in header.items())
    _check_places(path, places, file_bytes - _LENGTH_BYTES - length)
    return tuple(_tensor(path, name, header[name], end - begin) for begin, end, name in places)


def _offsets(path: Path, name: str, entry: object) -> tuple[int, int]:
    """Return where a tensor's data begins and ends."""
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if (
        not isinstance(offsets, list)
        or len(offsets) != 2  # noqa: PLR2004 - begin and end
        or not all(type(offset) is int for offset in offsets)
        or not 0 <= offsets[0] <= offsets[1] <= _MOST_TOTAL_BYTES
    ):
        raise no_file(path, KIND, f"the place of tensor {plain(name, 60)} is no pair of offsets")
    return offsets[0], offsets[1]


def _check_places(path: Path, places: list[tuple[int, int, str]], data_bytes: int) -> None:
    """Refuse tensors that overlap or lie beyond the end of the file."""
    last = 0
    for begin, end, name in places:
        if begin < last:
            raise no_file(path, KIND, f"tensor {plain(name, 60)} overlaps the one before it")
        last = end
    if last > data_bytes:
        raise no_file(
            path,
            KIND,
            f"{last - data_bytes:,} bytes are missing at its end; the download is incomplete",
        )


def _tensor(path: Path, name: str, entry: object, size_bytes: int) -> Tensor:
    """Return a tensor whose size agrees with its shape and type."""
    dtype = entry.get("dtype") if isinstance(entry, dict) else None
    shape = entry.get("shape") if isinstance(entry, dict) else None
    shown = plain(name, 60)
    if not isinstance(dtype, str) or dtype not in _DTYPE_BITS:
        raise no_file(path, KIND, f"the type of tensor {shown} is {plain(dtype, 40)!a}, unknown")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise no_file(path, KIND, f"the shape of tensor {shown} is no list of whole numbers")
    bits = _product(shape) * _DTYPE_BITS[dtype]
    if bits != 8 * size_bytes:
        raise no_file(path, KIND, f"the shape and the size of tensor {shown} disagree")
    return Tensor(name, dtype, tuple(shape), size_bytes)


def _product(shape: list[int]) -> int:
    """Return the product, which stays small however long a hostile shape is."""
    product = 1
    for length in shape:
        product *= length
        if product > _MOST_TOTAL_BYTES:
            return -1
    return product


def read_index(path: Path) -> Index:
    """Return an index; files that it names lie beside it.

    Raises:
        InputError: when it is damaged, or names files elsewhere.
    """
    index = json_object(read_bounded(path, INDEX_KIND, MOST_HEADER_BYTES), path, INDEX_KIND)
    files = index.get("weight_map")
    if not isinstance(files, dict) or not files:
        raise no_file(path, INDEX_KIND, "it has no table 'weight_map'")
    names = set()
    for name in files.values():
        if not isinstance(name, str) or not _is_beside(name):
            raise no_file(path, INDEX_KIND, f"it names {plain(name, 60)!a}, no file beside it")
        names.add(name)
    if len(names) > _MOST_FILES:
        raise no_file(path, INDEX_KIND, f"it names more than {_MOST_FILES:,} files")
    return Index(files, _total_bytes(path, index.get("metadata")))


def _is_beside(name: str) -> bool:
    """Whether a name is that of a file in the same folder."""
    is_plain = name.isprintable() and not {"/", "\\", "\0", ":"} & set(name)
    return is_plain and name.endswith(".safetensors") and not name.startswith(".")


def _total_bytes(path: Path, metadata: object) -> int | None:
    """Return the size that an index states, if any."""
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    if isinstance(total, float) and math.isfinite(total) and total.is_integer():
        total = int(total)
    if total is None:
        return None
    if type(total) is not int or not 0 < total <= _MOST_TOTAL_BYTES:
        raise no_file(path, INDEX_KIND, f"its 'total_size' is {plain(repr(total), 40)}")
    return total

"""Tensors as files store them: which part of a model they belong to, and their mean bits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from rightrig.facts.llm import TensorClass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.llm import Llm

Part = TensorClass | Literal["ahead", "tower", "other"]
"""``ahead``: multi-token prediction; ``tower``: encoders of images and sound; ``other``: tables
that engines compute with but no class counts, such as factors of rotary positions."""
LANGUAGE: Final[tuple[TensorClass, ...]] = get_args(TensorClass)


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a file: the weights that it stands for, and its bytes.

    Scales and zero points stand for no weights; their bytes count with their matrix.
    """

    part: Part
    weights_count: int
    size_bytes: int


def class_bits(tensors: Iterable[StoredTensor]) -> dict[TensorClass, float]:
    """Return the mean bits a weight of each tensor class: 8 · bytes / weights.

    Classes of which there are no tensors take the mean of all, and a head that shares the
    embedding takes that one's: where an engine copies it, it copies those bits.
    """
    weights: Counter[Part] = Counter()
    sizes: Counter[Part] = Counter()
    for tensor in tensors:
        weights[tensor.part] += tensor.weights_count
        sizes[tensor.part] += tensor.size_bytes
    found = {kind: 8.0 * sizes[kind] / weights[kind] for kind in LANGUAGE if weights[kind]}
    if not found:
        return {}
    mean = 8.0 * sum(sizes[kind] for kind in found) / sum(weights[kind] for kind in found)
    found.setdefault("head", found.get("embedding", mean))
    return {kind: found.get(kind, mean) for kind in LANGUAGE}


def language_bytes(tensors: Iterable[StoredTensor]) -> int:
    """Return the bytes of the language model: all but the towers and the layers ahead."""
    return sum(t.size_bytes for t in tensors if t.part not in {"ahead", "tower"})


def not_counted(llm: Llm, tensors: Iterable[StoredTensor]) -> tuple[str, ...]:
    """Return what a record leaves out, with what the files hold and the dimensions do not say."""
    parts = {tensor.part for tensor in tensors}
    found = list(llm.not_counted)
    if "tower" in parts and not llm.towers and not any("tower" in name for name in found):
        found.append("encoders of images or sound")
    if "ahead" in parts and llm.ahead is None and not any("prediction" in name for name in found):
        found.append("multi-token prediction layers")
    return tuple(found)

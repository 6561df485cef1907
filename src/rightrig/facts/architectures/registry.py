"""The register of families: ``model_type`` → the function that reads its configuration."""

from __future__ import annotations

from collections.abc import Callable

from rightrig.facts.architectures.common import Config
from rightrig.facts.architectures.layers import Decoder

Reader = Callable[[Config], Decoder]
_READERS: dict[str, Reader] = {}


def architecture(*model_types: str) -> Callable[[Reader], Reader]:
    """Register a reader for the ``model_type`` values that it understands."""

    def register(reader: Reader) -> Reader:
        _READERS.update(dict.fromkeys(model_types, reader))
        return reader

    return register


def reader_of(model_type: str) -> Reader | None:
    """Return the reader of a family, or ``None``."""
    return _READERS.get(model_type)


def understood() -> tuple[str, ...]:
    """Return every ``model_type`` that has a reader, sorted."""
    return tuple(sorted(_READERS))

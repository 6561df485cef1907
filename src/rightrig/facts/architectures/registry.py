"""The register of families: ``model_type`` → the function that reads its configuration."""

from __future__ import annotations

from collections.abc import Callable

from rightrig.facts.architectures.common import Config
from rightrig.facts.architectures.layers import Decoder

Reader = Callable[[Config], Decoder]
_READERS: dict[str, Reader] = {}
_KEYS_READ: dict[str, frozenset[str]] = {}


def architecture(*model_types: str, reads: tuple[str, ...] = ()) -> Callable[[Reader], Reader]:
    """Register a reader for the ``model_type`` values that it understands.

    ``reads`` names the keys that this reader looks at and most others would miss; with a family
    that does not read them they are refused (``unsupported.foreign_key``, ``layer_types``).
    """

    def register(reader: Reader) -> Reader:
        _READERS.update(dict.fromkeys(model_types, reader))
        _KEYS_READ.update(dict.fromkeys(model_types, frozenset(reads)))
        return reader

    return register


def reader_of(model_type: str) -> Reader | None:
    """Return the reader of a family, or ``None``."""
    return _READERS.get(model_type)


def keys_read_by(model_type: str) -> frozenset[str]:
    """Return the uncommon keys that the reader of a family looks at."""
    return _KEYS_READ.get(model_type, frozenset())


def understood() -> tuple[str, ...]:
    """Return every ``model_type`` that has a reader, sorted."""
    return tuple(sorted(_READERS))

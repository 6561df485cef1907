"""The header of a GGUF file: its metadata and its tensors' shapes, types and places.

The format is that of ggml's documentation (repository ggml-org/ggml, docs/gguf.md), versions
2 and 3. Tensor data is never read; nothing is allocated because a count claims it.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from rightrig.facts.gguf_types import BLOCK_TYPES, REMOVED_TYPES
from rightrig.facts.reading import no_file, open_regular, plain

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.errors import InputError
    from rightrig.facts.gguf_types import BlockType

KIND: Final = "GGUF file that can be read"
MOST_HEADER_BYTES: Final = 64_000_000
"""Headers are as large as their vocabulary; the largest in use have 20 MB."""
_CHUNK_BYTES: Final = 1_000_000
_MOST_KEYS: Final = 1_000
_MOST_TENSORS: Final = 100_000
_MOST_STRINGS: Final = 2_000_000
_LONGEST_NAME_BYTES: Final = 1024
_LONGEST_KEPT: Final = 1000
_LONGEST_ARRAY_KEPT: Final = 2_000
_MOST_DIMENSIONS: Final = 4
_MOST_ELEMENTS: Final = 1 << 50
_MOST_ALIGNMENT: Final = 1 << 20
_DEFAULT_ALIGNMENT: Final = 32
_VERSIONS: Final = (2, 3)

_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS: Final = {
    number: struct.Struct(f"<{code}")
    for number, code in {
        0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOL: "B", 10: "Q", 11: "q",
        12: "d",
    }.items()
}  # fmt: skip
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")

Value = str | int | float | bool | tuple[int | float | bool, ...] | None
"""A metadata value; ``None`` for texts in lists and for lists too long to matter here."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: its shape with the row length first, and where its data begins."""

    name: str
    shape: tuple[int, ...]
    type: BlockType
    offset_bytes: int

    @property
    def weights_count(self) -> int:
        """Number of its weights."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of its data."""
        return self.weights_count // self.type.weights_count * self.type.block_bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What one GGUF file says before its data."""

    path: Path
    metadata: dict[str, Value]
    tensors: tuple[TensorInfo, ...]


def read_header(path: Path) -> Header:
    """Return the header of one file, and check that its data is all there.

    Raises:
        InputError: when the file is damaged, cut short, or of an unknown version or type.
    """
    try:
        with open_regular(path, KIND) as stream:
            cursor = _Cursor(path, stream)
            keys_count, tensors_count = _preamble(cursor)
            metadata = _metadata(cursor, keys_count)
            tensors = tuple(_tensor(cursor) for _ in range(tensors_count))
            file_bytes = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise no_file(path, KIND, f"it cannot be read ({error.strerror})") from error
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or not _is_alignment(alignment):
        raise no_file(path, KIND, f"'general.alignment' is {plain(alignment, 40)}")
    data_bytes = -(-cursor.position // alignment) * alignment
    _check_places(path, tensors, alignment, file_bytes - data_bytes)
    return Header(path, metadata, tensors)


class _Cursor:
    """A place in a file, of which no more is held than has been needed so far."""

    __slots__ = ("_content", "_path", "_stream", "position", "strings_count")

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path, self._stream = path, stream
        self._content = bytearray()
        self.position = 0
        self.strings_count = 0

    def wrong(self, reason: str) -> InputError:
        """Return the error for a header that breaks the format."""
        return no_file(self._path, KIND, reason)

    def _need(self, size_bytes: int) -> int:
        """Make the next bytes present and return where they begin."""
        start = self.position
        end = start + size_bytes
        if end > MOST_HEADER_BYTES:
            raise self.wrong(f"its header is longer than {MOST_HEADER_BYTES // 1_000_000} MB")
        while end > len(self._content):
            more = self._stream.read(_CHUNK_BYTES)
            if not more:
                raise self.wrong("it ends inside its header; the download is incomplete")
            self._content += more
        self.position = end
        return start

    def number(self, kind: struct.Struct) -> int | float:
        """Return one number."""
        start = self._need(kind.size)
        value: int | float = kind.unpack_from(self._content, start)[0]
        return value

    def count(self, what: str, most: int, *, wide: bool = True) -> int:
        """Return a count that a loop may run to."""
        number = int(self.number(_U64 if wide else _U32))
        if number > most:
            raise self.wrong(f"it claims {number:,} {what}, more than {most:,}")
        return number

    def text(self, what: str, most: int = MOST_HEADER_BYTES, kept: int = _LONGEST_KEPT) -> str:
        """Return a text, or the beginning of a long one."""
        size = self.count(f"bytes of {what}", most)
        start = self._need(size)
        return self._content[start : start + min(size, kept)].decode("utf-8", "replace")

    def skip(self, size_bytes: int) -> None:
        """Pass over bytes."""
        self._need(size_bytes)

    def skip_texts(self, count: int) -> None:
        """Pass over texts."""
        self.strings_count += count
        if self.strings_count > _MOST_STRINGS:
            raise self.wrong(f"it holds more than {_MOST_STRINGS:,} texts")
        for _ in range(count):
            self.skip(self.count("bytes of text", MOST_HEADER_BYTES))


def _preamble(cursor: _Cursor) -> tuple[int, int]:
    """Return the numbers of metadata keys and of tensors."""
    magic = int(cursor.number(_U32)).to_bytes(4, "little")
    if magic != b"GGUF":
        raise cursor.wrong(f"it begins with {plain(magic.decode('latin-1'))!a}, not with GGUF")
    version = int(cursor.number(_U32))
    if int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS:
        raise cursor.wrong("its numbers are big-endian; convert it to little-endian")
    if version not in _VERSIONS:
        raise cursor.wrong(f"its version is {version:,}; understood are 2 and 3")
    tensors_count = cursor.count("tensors", _MOST_TENSORS)
    return cursor.count("metadata keys", _MOST_KEYS), tensors_count


def _metadata(cursor: _Cursor, count: int) -> dict[str, Value]:
    """Return the metadata without its long lists."""
    metadata: dict[str, Value] = {}
    for _ in range(count):
        key = cursor.text("a key", _LONGEST_NAME_BYTES, _LONGEST_NAME_BYTES)
        if key in metadata:
            raise cursor.wrong(f"the key {plain(key, 60)!a} occurs twice")
        metadata[key] = _value(cursor, cursor.count("as a type", 0xFFFF_FFFF, wide=False))
    return metadata


def _value(cursor: _Cursor, kind: int) -> Value:
    """Return one metadata value."""
    if kind == _STRING:
        return cursor.text("text")
    if kind == _ARRAY:
        return _array(cursor)
    if kind not in _SCALARS:
        raise cursor.wrong(f"it has a metadata value of the unknown type {kind}")
    number = cursor.number(_SCALARS[kind])
    return bool(number) if kind == _BOOL else number


def _array(cursor: _Cursor) -> Value:
    """Return a short list of numbers; pass over every other list."""
    kind = cursor.count("as a type", 0xFFFF_FFFF, wide=False)
    if kind == _STRING:
        cursor.skip_texts(cursor.count("texts in a list", _MOST_STRINGS))
        return None
    if kind not in _SCALARS:
        raise cursor.wrong(f"it has a list of the unknown or nested type {kind}")
    scalar = _SCALARS[kind]
    count = cursor.count("numbers in a list", MOST_HEADER_BYTES // scalar.size)
    if count > _LONGEST_ARRAY_KEPT:
        cursor.skip(count * scalar.size)
        return None
    numbers = tuple(cursor.number(scalar) for _ in range(count))
    return tuple(map(bool, numbers)) if kind == _BOOL else numbers


def _tensor(cursor: _Cursor) -> TensorInfo:
    """Return one tensor's description."""
    name = cursor.text("a tensor's name", _LONGEST_NAME_BYTES, _LONGEST_NAME_BYTES)
    shown = plain(name, 60)
    dimensions = cursor.count(f"dimensions of {shown}", _MOST_DIMENSIONS, wide=False)
    shape = tuple(cursor.count(f"values along {shown}", _MOST_ELEMENTS) for _ in range(dimensions))
    number = cursor.count("as a type", 0xFFFF_FFFF, wide=False)
    kind = BLOCK_TYPES.get(number)
    if kind is None:
        known = REMOVED_TYPES.get(number)
        what = f"{known}, which llama.cpp no longer loads" if known else "unknown"
        raise cursor.wrong(f"the type of tensor {shown}, number {number}, is {what}")
    if not shape or min(shape) < 1 or math.prod(shape) > _MOST_ELEMENTS:
        raise cursor.wrong(f"the shape of tensor {shown} is {list(shape)}")
    if shape[0] % kind.weights_count:
        raise cursor.wrong(
            f"rows of {shape[0]:,} in tensor {shown} are no whole blocks of "
            f"{kind.weights_count} {kind.name} weights"
        )
    return TensorInfo(name, shape, kind, int(cursor.number(_U64)))


def _is_alignment(number: int) -> bool:
    """Whether a number may align data: a power of two, and not absurd."""
    return 0 < number <= _MOST_ALIGNMENT and not number & (number - 1)


def _check_places(
    path: Path, tensors: tuple[TensorInfo, ...], alignment: int, data_bytes: int
) -> None:
    """Refuse tensors that occur twice, overlap, or lie beyond the end of the file."""
    if len({tensor.name for tensor in tensors}) != len(tensors):
        raise no_file(path, KIND, "it names a tensor twice")
    end_bytes = 0
    for tensor in sorted(tensors, key=lambda one: one.offset_bytes):
        shown = plain(tensor.name, 60)
        if tensor.offset_bytes % alignment:
            raise no_file(path, KIND, f"tensor {shown} is not aligned to {alignment} bytes")
        if tensor.offset_bytes < end_bytes:
            raise no_file(path, KIND, f"tensor {shown} overlaps the one before it")
        end_bytes = tensor.offset_bytes + tensor.size_bytes
    if tensors and end_bytes > data_bytes:
        raise no_file(
            path,
            KIND,
            f"{end_bytes - data_bytes:,} bytes are missing at its end; the download is incomplete",
        )

"""The text of a file that anybody may have written, piece by piece, unpacked and bounded."""

from __future__ import annotations

import codecs
import os
import zlib
from typing import TYPE_CHECKING, Final

from rightrig.facts.reading import no_file, open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from rightrig.errors import InputError

KIND: Final = "profile"
MOST_FILE_BYTES: Final = 200 * 2**20
"""Largest file that is read."""
MOST_TEXT_BYTES: Final = 2**30
"""Largest text after unpacking: traces pack to about a tenth."""
_PIECE_BYTES: Final = 2**20
_GZIP: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31
_OTHERS: Final = {
    b"SQLite format 3": "a database of Nsight Systems; print it as a table: nsys stats "
    "--report cuda_gpu_trace --format csv --output step FILE",
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"(\xb5/\xfd": "packed by zstd; unpack it with unzstd",
}


def refused(path: Path, reason: str) -> InputError:
    """Return the error for a file that is no profile."""
    return no_file(path, KIND, reason)


def pieces_of(path: Path) -> Iterator[str]:
    """Yield the text of a file, plain or packed by gzip, about a MiB at a time.

    Bytes that are no UTF-8 become a sign for that: names of kernels are cut by some tools.

    Raises:
        InputError: when it cannot be read, is too large, binary, damaged or cut off.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    total, is_first = 0, True
    with open_regular(path, KIND) as stream:
        if os.fstat(stream.fileno()).st_size > MOST_FILE_BYTES:
            raise refused(path, f"it is larger than {MOST_FILE_BYTES // 2**20} MiB; record less")
        for data in _unpacked(stream, path):
            total += len(data)
            if total > MOST_TEXT_BYTES:
                raise refused(path, f"it unpacks to more than {MOST_TEXT_BYTES // 2**20} MiB")
            if is_first:
                _check_text(data, path)
                data = data.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 - of the first piece
                is_first = False
            yield decoder.decode(data)


def _check_text(data: bytes, path: Path) -> None:
    """Refuse what is no text, with the way to a text where there is one."""
    for magic, what in _OTHERS.items():
        if data.startswith(magic):
            raise refused(path, f"it is {what}")
    if b"\0" in data:
        raise refused(
            path,
            "it is binary; a report of Nsight Systems is printed by nsys stats "
            "--report cuda_gpu_trace --format csv",
        )


def _unpacked(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield the bytes of a stream, unpacked where they are packed."""
    try:
        head = stream.read(_PIECE_BYTES)
        if not head.startswith(_GZIP):
            while head:
                yield head
                head = stream.read(_PIECE_BYTES)
            return
        yield from _gunzipped(stream, head, path)
    except OSError as error:
        raise refused(path, f"it cannot be read ({error.strerror})") from error
    except zlib.error as error:
        raise refused(path, f"its gzip data are damaged ({error})") from error


def _gunzipped(stream: BinaryIO, head: bytes, path: Path) -> Iterator[bytes]:
    """Yield unpacked pieces, none larger than a MiB whatever it was packed to."""
    unpacker, data = zlib.decompressobj(_GZIP_WINDOW), head
    while True:
        piece = unpacker.decompress(data, _PIECE_BYTES)
        if piece:
            yield piece
        if unpacker.eof:
            data = unpacker.unused_data or stream.read(_PIECE_BYTES)
            if not data:
                return
            unpacker = zlib.decompressobj(_GZIP_WINDOW)  # another member follows
            continue
        data = unpacker.unconsumed_tail or stream.read(_PIECE_BYTES)
        if not data and not piece:
            raise refused(path, "it is cut off: its gzip data end too early")

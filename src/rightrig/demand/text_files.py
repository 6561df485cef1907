"""Files of others, read with limits: what is no text, too large or too long is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.reach import check_reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK_BYTES: Final = 4 * 2**20
_COMPRESSED: Final = {
    b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"(\xb5/\xfd": "unzstd",
    b"PK\x03\x04": "unzip", b"PAR1": "a tool that writes CSV",
}  # fmt: skip


def checked_size_bytes(path: Path, *, limit_bytes: float) -> int:
    """Return the size of a file that is there, is a file, is not empty and not too large."""
    check_reach(path)
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the path of a trace") from None
    except ValueError:
        raise InputError(f"{str(path)!r} is no path; give the path of a trace") from None
    if not is_file:
        what = "a folder" if path.is_dir() else "no regular file"
        raise InputError(f"{path} is {what}; give the file of a trace")
    if size == 0:
        raise InputError(f"{path} is empty; give a file with at least one request")
    if size > limit_bytes:
        raise InputError(
            f"{path} has {size / 2**20:,.0f} MiB; the most that is read at once is "
            f"{limit_bytes / 2**20:,.0f} MiB: give fewer requests"
        )
    return size


def chunks_of_lines(path: Path, *, line_bytes: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line, and lines without their ends, some MiB at a time.

    Args:
        path: The file.
        line_bytes: The longest line that is accepted; no longer one is ever held.
    """
    check_reach(path)
    first, rest = 1, b""
    try:
        with path.open("rb") as file:
            while data := file.read(_CHUNK_BYTES):
                whole, newline, after = (rest + data).rpartition(b"\n")
                if newline:
                    lines = _decoded(path, whole, first).split("\n")
                    _check_length(path, lines, first, line_bytes)
                    yield first, lines
                    first += len(lines)
                rest = after
                if len(rest) > line_bytes:
                    raise _too_long(path, first, line_bytes)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check that it can be read") from None
    if rest:
        yield first, [_decoded(path, rest, first)]


def text_of(path: Path) -> str:
    """Return a whole file whose size was checked."""
    check_reach(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check that it can be read") from None
    return _decoded(path, data, 1)


def head_of(path: Path, *, limit_bytes: int) -> str:
    """Return the beginning of a file, up to its last whole line where there is one."""
    check_reach(path)
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check that it can be read") from None
    whole, newline, rest = data.rpartition(b"\n")
    if newline or len(data) < limit_bytes:
        return _decoded(path, whole if newline else rest, 1)
    # A character may be cut at the end of what was read.
    return data.decode("utf-8", errors="ignore").removeprefix("\ufeff")


def _decoded(path: Path, data: bytes, first: int) -> str:
    if first == 1:
        for magic, tool in _COMPRESSED.items():
            if data.startswith(magic):
                raise InputError(f"{path} is compressed; unpack it with {tool} first")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first + data.count(b"\n", 0, error.start)
        raise InputError(
            f"{path} line {line} is no UTF-8 text (byte 0x{data[error.start]:02x}); save it as "
            "UTF-8 text"
        ) from None
    if "\0" in text:
        line = first + text.count("\n", 0, text.index("\0"))
        raise InputError(f"{path} line {line} holds a zero byte; give a text file")
    return text.removeprefix("\ufeff") if first == 1 else text


def _check_length(path: Path, lines: list[str], first: int, line_bytes: int) -> None:
    longest = max(range(len(lines)), key=lambda index: len(lines[index]))
    if len(lines[longest]) > line_bytes:
        raise _too_long(path, first + longest, line_bytes)


def _too_long(path: Path, line: int, line_bytes: int) -> InputError:
    return InputError(
        f"{path} line {line} is longer than {line_bytes / 2**20:,.0f} MiB; a trace has one short "
        "line a request"
    )

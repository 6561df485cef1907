"""Answers of HTTP/1.1, read piece by piece as they arrive; knows no socket.

A client of our own rather than a library: what arrives is stamped where it enters, a piece of a
stream costs a few microseconds, and all memory has a bound.
"""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.faults import FaultError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_HEAD_BYTES: Final = 65_536
MOST_ANSWER_BYTES: Final = 2**28
_LONGEST_SIZE_LINE: Final = 256
_HEX: Final = frozenset(string.hexdigits.encode())
_MOST_HEX_DIGITS: Final = 12
_MOST_DIGITS: Final = 15
_BODILESS: Final = (204, 304)
_OK: Final = 200
_NO_LIMIT: Final = 2**62

_HEAD, _LENGTH, _CHUNKED, _TRAILER, _TO_CLOSE, _DONE = range(6)


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer.

    Attributes:
        headers: Names in lower case; of several of one name the last.
        keeps_open: Whether the connection may be used again.
    """

    status: int
    headers: dict[str, str]
    keeps_open: bool


class Answering:
    """Reads one answer.

    ``feed`` calls ``on_head`` once and ``on_body`` for each piece of the body, and raises a
    ``FaultError`` for what is no HTTP or too long.

    Attributes:
        is_done: Whether the answer is complete.
        is_clean: Whether nothing came after its end.
    """

    __slots__ = (
        "_expects_break", "_left", "_on_body", "_on_head", "_rest", "_room", "_state", "is_clean",
        "is_done",
    )  # fmt: skip

    def __init__(self, on_head: Callable[[Head], None], on_body: Callable[[bytes], None]) -> None:
        """Begin before the first byte."""
        self._on_head, self._on_body = on_head, on_body
        self._state, self._rest = _HEAD, b""
        self._left, self._room = 0, MOST_ANSWER_BYTES
        self._expects_break = False
        self.is_done, self.is_clean = False, True

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._room -= len(data)
        if self._room < 0:
            raise FaultError("too-long", f"an answer of more than {MOST_ANSWER_BYTES:,} bytes")
        if self._rest:
            data, self._rest = self._rest + data, b""
        if self._state == _HEAD:
            data = self._head(data)
        if self._state == _CHUNKED:
            self._chunks(data)
        elif self._state in {_LENGTH, _TO_CLOSE}:
            self._plain(data)
        elif self._state == _TRAILER:
            self._trailer(data)
        elif self._state == _DONE and data:
            self.is_clean = False

    def close(self) -> bool:
        """Take the end of the connection; return whether the answer is complete then."""
        if self._state == _TO_CLOSE:
            self._end()
        return self.is_done

    def _end(self) -> None:
        self._state, self.is_done = _DONE, True

    def _head(self, data: bytes) -> bytes:
        """Read the head once it is there; return what follows it."""
        while self._state == _HEAD:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._wait_for_head(data)
                return b""
            head = read_head(data[:end])
            data = data[end + 4 :]
            if head.status < _OK:  # 100 Continue and the like: the answer is yet to come
                continue
            self._begin_body(head)
        return data

    def _wait_for_head(self, data: bytes) -> None:
        if len(data) > MOST_HEAD_BYTES:
            raise FaultError("too-long", f"a head of more than {MOST_HEAD_BYTES:,} bytes")
        if not b"HTTP/1.".startswith(data[:7]):
            raise FaultError("malformed", "no HTTP/1.1")
        self._rest = data

    def _begin_body(self, head: Head) -> None:
        headers = head.headers
        coding = headers.get("transfer-encoding", "").lower()
        if head.status in _BODILESS:
            self._end()
        elif coding:
            if coding != "chunked":
                raise FaultError("malformed", "a transfer encoding that is not known")
            self._state = _CHUNKED
        elif "content-length" in headers:
            self._left = _length(headers["content-length"])
            self._state = _LENGTH
            if self._left == 0:
                self._end()
        else:
            self._state, self._left = _TO_CLOSE, _NO_LIMIT
        self._on_head(head)

    def _plain(self, data: bytes) -> None:
        piece = data[: self._left]
        self._left -= len(piece)
        if piece:
            self._on_body(piece)
        if self._left == 0:
            self._end()
            self.is_clean = len(piece) == len(data)

    def _chunks(self, data: bytes) -> None:
        at, size = 0, len(data)
        while at < size:
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                self._expects_break = self._left == 0
                self._on_body(piece)
            elif self._expects_break:
                if size - at == 1:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise FaultError("malformed", "a chunk that does not end where it should")
                at += 2
                self._expects_break = False
            else:
                end = data.find(b"\r\n", at)
                if end < 0:
                    self._check_size_line(size - at)
                    break
                self._left = _chunk_size(data[at:end])
                at = end + 2
                if self._left == 0:
                    self._state = _TRAILER
                    self._trailer(data[at:])
                    return
        self._rest = data[at:]

    def _check_size_line(self, length: int) -> None:
        if length > _LONGEST_SIZE_LINE:
            raise FaultError("malformed", "a chunk without a size")

    def _trailer(self, data: bytes) -> None:
        """Skip the lines after the last chunk up to an empty one."""
        while (end := data.find(b"\r\n")) > 0:
            data = data[end + 2 :]
        if end < 0:
            if len(data) > MOST_HEAD_BYTES:
                raise FaultError("too-long", "a trailer without end")
            self._rest = data
            return
        self._end()
        self.is_clean = len(data) == 2  # noqa: PLR2004 - the empty line


def read_head(data: bytes) -> Head:
    """Return the head of an answer.

    Raises:
        FaultError: when it is none.
    """
    if len(data) > MOST_HEAD_BYTES:
        raise FaultError("too-long", f"a head of more than {MOST_HEAD_BYTES:,} bytes")
    first, *lines = data.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    code = rest[:3]
    if version not in {"HTTP/1.1", "HTTP/1.0"} or not (code.isdecimal() and code.isascii()):
        raise FaultError("malformed", "no HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise FaultError("malformed", "a header that is none")
        key, text = name.lower(), value.strip()
        if key == "content-length" and headers.get(key, text) != text:
            raise FaultError("malformed", "two lengths")
        headers[key] = text
    wish = headers.get("connection", "").lower()
    keeps_open = wish != "close" if version == "HTTP/1.1" else wish == "keep-alive"
    return Head(int(code), headers, keeps_open)


def _length(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _MOST_DIGITS:
        raise FaultError("malformed", "a length that is none")
    return int(text)


def _chunk_size(line: bytes) -> int:
    """Return the size of a chunk; extensions after it are skipped."""
    digits = line.partition(b";")[0].strip(b" \t")
    if not digits or len(digits) > _MOST_HEX_DIGITS or not _HEX.issuperset(digits):
        raise FaultError("malformed", "a chunk without a size")
    return int(digits, 16)

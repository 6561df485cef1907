"""Server-sent events: the payloads of a stream, as its pieces arrive.

Format: the WHATWG HTML standard, "Server-sent events"; a line ends with LF, CR LF or CR, an event
with an empty line, comments begin with a colon.
"""

from __future__ import annotations

from typing import Final

from rightrig.measuring.load.faults import FaultError

MOST_EVENT_BYTES: Final = 2**20
"""A chunk of an answer has a few hundred bytes; with log-probabilities a few thousand."""
_FIELDS: Final = frozenset((b"data", b"event", b"id", b"retry"))
_EVENT_END: Final = b"\n\n"


class Events:
    """Reads events; ``feed`` returns the payloads of those that are complete."""

    __slots__ = ("_has_return", "_lines", "_lines_bytes", "_pending", "_seen")

    def __init__(self) -> None:
        """Begin before the first byte."""
        self._pending = bytearray()
        self._seen = 0
        self._lines: list[bytes] = []
        self._lines_bytes = 0
        self._has_return = False

    def feed(self, data: bytes) -> list[bytes]:
        r"""Take what arrived; return the payloads of the events that it completes.

        Raises:
            FaultError: for lines that are no event stream, or an event that is too long.

        >>> Events().feed(b"data: a\n\n: ping\n\ndata: b\ndata: c\n\n")
        [b'a', b'b\nc']
        """
        if self._is_one(data):
            return [data[6:-2]]
        data = self._with_plain_breaks(data)
        if not self._pending and data.endswith(_EVENT_END):
            return self._read(data)
        self._pending += data
        end = self._pending.rfind(b"\n", self._seen)
        if end < 0:
            self._seen = len(self._pending)
            self._check_room(self._seen)
            return []
        whole = bytes(self._pending[: end + 1])
        del self._pending[: end + 1]
        self._seen = len(self._pending)
        self._check_room(self._seen)
        return self._read(whole)

    def _is_one(self, data: bytes) -> bool:
        """Whether the data is one whole event of the usual form: nearly always."""
        return (
            data.startswith(b"data: ")
            and data.endswith(_EVENT_END)
            and data.find(b"\n") == len(data) - 2
            and b"\r" not in data
            and len(data) < MOST_EVENT_BYTES
            and not (self._pending or self._lines or self._has_return)
        )

    def finish(self) -> list[bytes]:
        """Take the end of the stream; return the payload of an event that was left open."""
        left = bytes(self._pending) if self._pending else b""
        self._pending.clear()
        return self._read(left + _EVENT_END)

    def _with_plain_breaks(self, data: bytes) -> bytes:
        """Return the data with every end of a line as LF."""
        if self._has_return:
            # The CR that ended the last piece was taken as an end; its LF is not another.
            data = data.removeprefix(b"\n")
            self._has_return = False
        if b"\r" not in data:
            return data
        self._has_return = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _check_room(self, length: int) -> None:
        if length + self._lines_bytes > MOST_EVENT_BYTES:
            raise FaultError("too-long", f"an event of more than {MOST_EVENT_BYTES:,} bytes")

    def _read(self, text: bytes) -> list[bytes]:
        """Return the payloads that whole lines complete."""
        found: list[bytes] = []
        for line in text.split(b"\n")[:-1]:
            if not line:
                if self._lines:
                    found.append(b"\n".join(self._lines))
                    self._lines, self._lines_bytes = [], 0
            elif line.startswith(b"data:"):
                start = 6 if line[5:6] == b" " else 5
                self._check_room(len(line))
                self._lines.append(line[start:])
                self._lines_bytes += len(line)
            elif not _is_other_field(line):
                raise FaultError("malformed", "lines that are no event stream")
        return found


def _is_other_field(line: bytes) -> bool:
    """Whether a line is a comment or a field that carries no payload."""
    return line[:1] == b":" or line.partition(b":")[0] in _FIELDS

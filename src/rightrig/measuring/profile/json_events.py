"""The events of a Chrome trace, one after another: the whole text is never held."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NoReturn

from rightrig.measuring.profile.bounded import refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_EVENTS: Final = 6_000_000
_MOST_VALUE_CHARS: Final = 8 * 2**20
_MOST_DIGITS: Final = 100
_EVENTS: Final = "traceEvents"
_SPACE: Final = re.compile(r"[ \t\r\n,]*")


def events_of(pieces: Iterator[str], path: Path) -> Iterator[dict[str, object]]:
    """Yield the events of a trace: ``{"traceEvents": [...]}``, or a list of events alone.

    A list may lack its closing bracket, as programs that are killed leave it; an event that is
    cut off is an error.

    Raises:
        InputError: when the text is no such thing, nested too deeply, or too much.
    """
    text = _Text(pieces, path)
    if text.next_sign() == "{":
        text.position += 1
        _seek_events(text, path)
    if text.next_sign() != "[":
        raise refused(path, f"its {_EVENTS} are no list")
    text.position += 1
    count = 0
    while text.next_sign() not in {"]", ""}:
        event = text.value()
        count += 1
        if count > MOST_EVENTS:
            raise refused(path, f"it holds more than {MOST_EVENTS:,} events; record fewer steps")
        if isinstance(event, dict):
            yield event


def _seek_events(text: _Text, path: Path) -> None:
    """Go to the list of events of an object, over the names before it."""
    while text.next_sign() == '"':
        name = text.value()
        if text.next_sign() != ":":
            break
        text.position += 1
        if name == _EVENTS:
            return
        text.next_sign()
        text.value()
    raise refused(path, f"it is JSON without a list of {_EVENTS}")


class _Text:
    """A text of which a part is held, and a place in it."""

    def __init__(self, pieces: Iterator[str], path: Path) -> None:
        """Begin before the first piece."""
        self.position = 0
        self._pieces = pieces
        self._path = path
        self._held = ""
        self._decode = json.JSONDecoder(parse_int=_whole, parse_constant=_no_number).raw_decode

    def _read_on(self) -> bool:
        """Hold the next piece too, without what was read; false at the end."""
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._held = self._held[self.position :] + piece
        self.position = 0
        return True

    def next_sign(self) -> str:
        """Go to the next sign that is no space and no comma; return it, empty at the end."""
        while True:
            found = _SPACE.match(self._held, self.position)
            self.position = found.end() if found else self.position
            if self.position < len(self._held):
                return self._held[self.position]
            if not self._read_on():
                return ""

    def value(self) -> object:
        """Return the value that begins here, and go behind it.

        Raises:
            InputError: when there is none.
        """
        while True:
            try:
                value, end = self._decode(self._held, self.position)
                # A number at the edge of a piece may go on in the next one.
                if end < len(self._held) or not self._read_on():
                    self.position = end
                    return value
            except json.JSONDecodeError as error:
                if len(self._held) - self.position > _MOST_VALUE_CHARS:
                    raise refused(self._path, f"it is not JSON ({error.msg})") from error
                if not self._read_on():
                    raise refused(self._path, "it is cut off, or no JSON") from error
            except RecursionError as error:
                raise refused(self._path, "it is nested too deeply") from error
            except ValueError as error:
                raise refused(self._path, f"it is not JSON ({error})") from error


def _whole(digits: str) -> int:
    """Return a whole number; longer ones than any time or count are refused."""
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _no_number(name: str) -> NoReturn:
    """Refuse NaN and infinities, which are no JSON."""
    raise ValueError(f"{name} is no number")

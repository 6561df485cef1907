"""The command that starts an engine, with places for the port and the knobs."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, MissingError
from rightrig.measuring.tune.settings import PORT, is_off

if TYPE_CHECKING:
    from rightrig.measuring.tune.settings import Setting

_PLACE: Final = re.compile(
    r"\{(?P<name>[a-z][a-z0-9_]*)(?:\?(?P<on>[^{}:]*):(?P<off>[^{}:]*))?\}", re.ASCII
)
"""``{name}``, or ``{name?words when on:words when off}``; other braces are the command's own."""
_LONGEST: Final = 8_000


@dataclass(frozen=True, slots=True)
class Template:
    """A command with places.

    Attributes:
        words: As a shell would part them; no shell sees them.
        names: What has a place, the port aside.
        has_port: Whether the port has one.
    """

    words: tuple[str, ...]
    names: frozenset[str]
    has_port: bool

    def command(self, setting: Setting, port: int) -> tuple[str, ...]:
        """Return the command of a setting; a word that a switch leaves empty is left out."""
        values = {**dict(setting.pairs), PORT: str(port)}
        found: list[str] = []
        for word in self.words:
            filled = _PLACE.sub(lambda place: _filled(place, values), word)
            if _is_switch(word):
                found += shlex.split(filled)
            else:
                found.append(filled)
        return tuple(found)


def template_of(text: str, baseline: Setting) -> Template:
    """Return a template whose places are the port and the knobs of a baseline, all of them.

    Raises:
        InputError: for a place that the baseline does not fill, a knob that has no place (it would
            change nothing), or quotes that do not end.
        MissingError: when the program is not on this machine.
    """
    try:
        words = tuple(shlex.split(text)) if len(text) <= _LONGEST else ()
    except ValueError as error:
        raise InputError(f"--engine cannot be parted into words: {error}") from None
    if not words:
        raise InputError(f"--engine is a command of 1 to {_LONGEST:,} characters")
    names = {place["name"] for word in words for place in _PLACE.finditer(word)}
    has_port = PORT in names
    names.discard(PORT)
    _check_places(names, baseline)
    if _PLACE.search(words[0]):
        raise InputError("--engine begins with a program, not with a place for a knob")
    if shutil.which(words[0]) is None:
        raise MissingError(
            f"the engine {words[0][:80]!r} is no program of this machine; install it, or write its "
            "path into --engine"
        )
    return Template(words, frozenset(names), has_port)


def _check_places(names: set[str], baseline: Setting) -> None:
    """Refuse places without a value, and values without a place."""
    unfilled = sorted(names - set(baseline.names))
    if unfilled:
        raise InputError(
            f"--engine has a place {{{unfilled[0]}}} and --baseline does not say its value; add "
            f"{unfilled[0]}=…"
        )
    unplaced = sorted(set(baseline.names) - names)
    if unplaced:
        raise InputError(
            f"--engine has no place {{{unplaced[0]}}}, so that {unplaced[0]} would change nothing; "
            "write it where the engine takes it, or drop it"
        )


def _is_switch(word: str) -> bool:
    """Whether a word is one place with words for on and off, and nothing else."""
    place = _PLACE.fullmatch(word)
    return place is not None and place["on"] is not None


def _filled(place: re.Match[str], values: dict[str, str]) -> str:
    """Return what a place becomes."""
    value = values[place["name"]]
    if place["on"] is None:
        return value
    return str(place["off"] if is_off(value) else place["on"])

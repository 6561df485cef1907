"""Traffic of known kinds, with published statistics; data/presets.toml holds the numbers."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from rightrig.demand.arrival_text import parse_arrivals
from rightrig.demand.length_text import parse_lengths
from rightrig.demand.lengths import AnyLengths, Quantiles
from rightrig.demand.scenario import Scenario
from rightrig.errors import InputError

_LEVELS: Final = "levels"
_ABOUT: Final = ("summary", "note", "sources")


@dataclass(frozen=True, slots=True)
class Preset:
    """A scenario and where its numbers come from.

    Attributes:
        scenario: The traffic; where it has a rate, one request (session) a second.
        summary: One sentence.
        note: How the numbers were taken from the sources.
        sources: Addresses, with versions and licences.
    """

    scenario: Scenario
    summary: str
    note: str
    sources: tuple[str, ...]


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets.

    >>> preset_names()
    ('agent', 'batch', 'chat', 'code', 'rag', 'reasoning')
    """
    return tuple(sorted(set(_file()) - {_LEVELS}))


def preset(name: str) -> Preset:
    """Return a preset by name.

    Raises:
        InputError: when there is none of that name.
    """
    if name not in preset_names():
        raise InputError(
            f"no preset is called {name[:40]!r}; the presets are {', '.join(preset_names())}"
        )
    file = _file()
    fields = {key: value for key, value in file[name].items() if key not in _ABOUT}
    levels = tuple(file[_LEVELS]["ratio"])
    for side in ("input", "output"):
        fields[side] = _lengths(fields[side], levels)
    if "sessions" in fields:
        turns = parse_lengths(fields["sessions"]["turns"])
        fields["sessions"] = fields["sessions"] | {"turns": turns}
    if "arrivals" in fields:
        fields["arrivals"] = parse_arrivals(fields["arrivals"])
    about = file[name]
    return Preset(
        Scenario(name=name, **fields), about["summary"], about["note"], tuple(about["sources"])
    )


def _lengths(written: str | list[int], levels_ratio: tuple[float, ...]) -> AnyLengths:
    if isinstance(written, str):
        return parse_lengths(written)
    return Quantiles(levels_ratio=levels_ratio, values_tokens=tuple(written))


@functools.cache
def _file() -> dict[str, Any]:
    path = resources.files("rightrig.demand") / "data" / "presets.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))

"""What is tuned: settings of an engine, and the knobs that are turned, each by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PORT: Final = "port"
"""The word that stands for a free port in a template; no knob is called so."""
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_OFF: Final = frozenset({"0", "off", "no", "none", "false"})
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)", re.ASCII)
_LONGEST_VALUE: Final = 200
_MOST_VALUES: Final = 32
_MOST_KNOBS: Final = 32


@dataclass(frozen=True, slots=True)
class Setting:
    """Values of every knob, as texts.

    Attributes:
        pairs: Name and value, by name.
    """

    pairs: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> str:
        """Return the value of a knob."""
        return dict(self.pairs)[name]

    @property
    def names(self) -> tuple[str, ...]:
        """The knobs."""
        return tuple(name for name, _ in self.pairs)

    @property
    def text(self) -> str:
        """As it is written after ``--baseline``."""
        return ",".join(f"{name}={value}" for name, value in self.pairs)

    def turned(self, name: str, value: str) -> Setting:
        """Return the setting with one knob at another value."""
        return Setting(tuple((n, value if n == name else v) for n, v in self.pairs))

    def differences(self, other: Setting) -> tuple[str, ...]:
        """Return the knobs that differ."""
        theirs = dict(other.pairs)
        return tuple(name for name, value in self.pairs if theirs.get(name) != value)


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob and the values that it takes in turn, other than the baseline's."""

    name: str
    values: tuple[str, ...]


def baseline_of(text: str | None) -> Setting:
    """Return the baseline that ``max_num_seqs=8,tp=1`` describes.

    Raises:
        InputError: without one: what a change does is known only beside what there was before.
    """
    if not text or not text.strip():
        raise InputError(
            "tune needs the setting to start from: add --baseline max_num_seqs=16, with every knob "
            "as it is now (an engine's defaults are a good one)"
        )
    pairs: dict[str, str] = {}
    for part in _parts(text):
        name, value = _pair(part, "--baseline")
        if name in pairs:
            raise InputError(f"--baseline says {name} twice; say it once")
        pairs[name] = value
    return Setting(tuple(sorted(pairs.items())))


def knobs_of(texts: Sequence[str] | None, baseline: Setting) -> tuple[Knob, ...]:
    """Return the knobs that ``max_num_seqs=1,4,16`` and others describe, in their order.

    The baseline's own value is left out where it is named: it is measured anyway.

    Raises:
        InputError: for no knob, one without a baseline, one named twice, or no other value.
    """
    if not texts:
        raise InputError("tune needs a knob to turn: add --knob max_num_seqs=4,16,64")
    if len(texts) > _MOST_KNOBS:
        raise InputError(f"--knob is there {len(texts)} times: at most {_MOST_KNOBS} are tried")
    knobs = tuple(_knob(text, baseline) for text in texts)
    names = [knob.name for knob in knobs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"--knob {twice} is there twice; write its values into one")
    return knobs


def is_same(left: str, right: str) -> bool:
    """Whether two values mean the same: equal texts, or equal numbers.

    >>> is_same("0.90", "0.9"), is_same("fp8", "FP8"), is_same("on", "off")
    (True, True, False)
    """
    first, second = number_of(left), number_of(right)
    if first is not None and second is not None:
        return first == second
    return left.lower() == right.lower()


def is_off(value: str) -> bool:
    """Whether a value says that something is off."""
    return value.lower() in _OFF


def number_of(value: str) -> Decimal | None:
    """Return a value as a number, exactly as it is written; ``None`` for a word."""
    return Decimal(value) if _NUMBER.fullmatch(value) else None


def _knob(text: str, baseline: Setting) -> Knob:
    """Return one knob."""
    name, listed = _pair(text, "--knob")
    if name not in baseline.names:
        raise InputError(
            f"--knob {name} has no baseline: add {name}=… to --baseline, the value that it has now"
        )
    values: list[str] = []
    for value in _parts(listed):
        if not is_same(value, baseline[name]) and not any(is_same(value, v) for v in values):
            values.append(value)
    if not 1 <= len(values) <= _MOST_VALUES:
        raise InputError(
            f"--knob {text[:60]!r}: name from 1 to {_MOST_VALUES} values other than the "
            f"baseline's {baseline[name]}"
        )
    return Knob(name, tuple(values))


def _pair(text: str, option: str) -> tuple[str, str]:
    """Return name and value of ``name=value``."""
    name, equals, value = text.strip().partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not NAME.fullmatch(name) or not 1 <= len(value) <= _LONGEST_VALUE:
        raise InputError(f"{option} {text[:60]!r}: write it as max_num_seqs=16")
    if name == PORT:
        raise InputError(f"{option}: {PORT} is chosen by rightrig; leave it out")
    if not value.isprintable():
        raise InputError(f"{option} {name}: a value is printable text")
    return name, value


def _parts(text: str) -> Iterator[str]:
    """Yield what stands between commas."""
    for part in text.split(","):
        if part.strip():
            yield part.strip()

"""What a claim states: a number with its digits, a range, several of them, yes or no, or words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Amount
from rightrig.audit.units import Unit, parse_unit
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.interval import Interval

if TYPE_CHECKING:
    from rightrig.audit.units import Dimension

_NUMBER: Final = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,18})(?:\.\d{1,18})?(?:e[+-]?\d{1,2})?"
_ONE: Final = re.compile(rf"[~<>$]?\s*({_NUMBER})\s*%?\+?", re.IGNORECASE)
_RANGE: Final = re.compile(rf"[~$]?({_NUMBER})\s*(?:-|–|\.\.)\s*\$?({_NUMBER})\s*%?", re.IGNORECASE)
_YES: Final = {"yes": True, "true": True, "no": False, "false": False}
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written.

    Attributes:
        low, high: Its ends in base units; equal for a single number.
        dimension: What it measures.
        written: A unit of its last written digit, in base units.
        rounded: A unit of its last digit that is not zero, in base units.
        digits_count: Significant digits, zeros at the end of a whole number left out.
        text: As it was written.
    """

    low: float
    high: float
    dimension: Dimension
    written: float
    rounded: float
    digits_count: int
    text: str

    @property
    def is_range(self) -> bool:
        """Whether it has two ends."""
        return self.low != self.high

    @property
    def amount(self) -> Amount:
        """The number as an amount; a range counts from end to end."""
        middle = (self.low + self.high) / 2.0
        return Amount(Interval(self.low, middle, self.high), self.dimension)


Stated = Number | bool | str
"""One thing that a claim states."""


def parse_stated(text: str, unit_text: str = "") -> tuple[Stated, ...]:
    """Return what a text states; several figures are joined by ``/``.

    Args:
        text: Such as ``14``, ``$1,599``, ``2.5-3``, ``14/7``, ``yes`` or ``Mistral``.
        unit_text: Of its numbers, such as ``GB/s``.

    Raises:
        InputError: for nothing, too much, or a unit that is none.

    >>> parse_stated("14/7", "GB")[1].low, parse_stated("yes"), parse_stated("Mistral")
    (7000000000.0, (True,), ('Mistral',))
    """
    cleaned = text.strip()
    if not cleaned or len(cleaned) > _LONGEST:
        raise InputError(
            f"a claim states {plain(cleaned, 40)!r}: write a number, a range such as 2-3, yes, no, "
            f"or a few words of at most {_LONGEST} characters"
        )
    unit = parse_unit(unit_text or ("%" if "%" in cleaned else ""))
    parts = [part.strip() for part in cleaned.split("/")]
    numbers = [_number(part, unit) for part in parts]
    if all(number is not None for number in numbers):
        return tuple(number for number in numbers if number is not None)
    return (_YES.get(cleaned.lower(), cleaned),)


def _number(text: str, unit: Unit) -> Number | None:
    """Return one number or range, or nothing where the text is neither."""
    if found := _ONE.fullmatch(text):
        ends = (found[1], found[1])
    elif found := _RANGE.fullmatch(text):
        ends = (found[1], found[2])
    else:
        return None
    scale = unit.scale_ratio
    low, high = sorted(float(end.replace(",", "")) * scale for end in ends)
    first = ends[0].replace(",", "")
    return Number(
        low, high, unit.dimension, _written(first) * scale, _rounded(first) * scale,
        _digits(first), text,
    )  # fmt: skip


def _split(number: str) -> tuple[str, str, int]:
    """Return the whole and broken digits of a number, and its power of ten."""
    body, _, power = number.lower().lstrip("+-").partition("e")
    whole, _, broken = body.partition(".")
    return whole, broken, int(power or 0)


def _written(number: str) -> float:
    """Return a unit of the last digit that was written."""
    _, broken, power = _split(number)
    return float(10.0 ** (power - len(broken)))


def _rounded(number: str) -> float:
    """Return a unit of the last digit that is not zero."""
    whole, broken, power = _split(number)
    if broken.strip("0"):
        return float(10.0 ** (power - len(broken.rstrip("0"))))
    return float(10.0 ** (power + len(whole) - len(whole.rstrip("0")))) if whole.strip("0") else 1.0


def _digits(number: str) -> int:
    """Return how many digits say something."""
    whole, broken, _ = _split(number)
    digits = f"{whole}{broken}".lstrip("0")
    return len(digits if broken else digits.rstrip("0"))

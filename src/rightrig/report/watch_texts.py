"""Numbers of ``watch once`` as people read them, of any dimension; unknown ones as a dash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from rightrig.quantities import show_number

if TYPE_CHECKING:
    from rightrig.interval import Interval

Verdict = Literal["as predicted", "below the plan", "above the plan", ""]
NOTHING: Final = "–"


def percent(ratio: float | None) -> str:
    """Return a share in percent."""
    return NOTHING if ratio is None else f"{100.0 * ratio:.0f} %"


def digits_text(value: float | None, unit: float, digits: int) -> str:
    """Return a number in a unit, with so many digits behind the point."""
    return NOTHING if value is None else f"{value / unit:.{digits}f}"


def part_text(value: float | None, most: float | None, unit: float, digits: int) -> str:
    """Return a number and the most that it may be."""
    if value is None and most is None:
        return NOTHING
    return f"{digits_text(value, unit, digits)}/{digits_text(most, unit, digits)}"


def value_text(value: float | None, scale: float = 1.0) -> str:
    """Return a number with about three figures."""
    return NOTHING if value is None else show_number(value * scale)


def ends_text(value: Interval | None, scale: float = 1.0) -> str:
    """Return the ends of an interval; nothing where there is none."""
    if value is None:
        return ""
    return f"{show_number(value.low * scale)}–{show_number(value.high * scale)}"


def verdict_of(value: float | None, expected: Interval | None) -> Verdict:
    """Return where a value lies beside an interval of its unit; nothing where one is unknown."""
    if value is None or expected is None:
        return ""
    if value < expected.low:
        return "below the plan"
    return "above the plan" if value > expected.high else "as predicted"

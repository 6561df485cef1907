"""Amounts: an interval with what it measures, and what else an expression may come to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rightrig.audit.units import NONE, Dimension, Unit, show_dimension
from rightrig.errors import InputError
from rightrig.interval import Interval, product_if_independent, sum_if_independent

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Amount:
    """A number in base units.

    Attributes:
        interval: The central 80 %; one point where nothing is unsure.
        dimension: What it measures.
        limit: ``most`` for a bound that nothing passes, ``least`` for one that nothing goes
            below, empty for a value.
        varies: What it depends on where no single value is right (``day and place``).
    """

    interval: Interval
    dimension: Dimension = NONE
    limit: Literal["", "most", "least"] = ""
    varies: str = ""

    @property
    def mid(self) -> float:
        """The middle, in base units."""
        return self.interval.mid

    @property
    def is_exact(self) -> bool:
        """Whether it is one point."""
        return self.interval.low == self.interval.high


Value = Amount | bool | str
"""What an expression comes to, where it says one thing."""


@dataclass(frozen=True, slots=True)
class Readings:
    """What a claim may mean: each reading by its name, with what it then comes to."""

    by_name: Mapping[str, Value]


Found = Value | tuple[Value, ...] | Readings
"""What an expression comes to: a value, one for each figure of the claim, or readings."""


def amount_of(value: float | Interval, unit: Unit) -> Amount:
    """Return a value in a unit as an amount in base units."""
    interval = value if isinstance(value, Interval) else Interval.exact(float(value))
    if not all(math.isfinite(end) for end in (interval.low, interval.mid, interval.high)):
        raise InputError("it comes to no finite number")
    return Amount(_times(interval, unit.scale_ratio), unit.dimension)


def added(left: Amount, right: Amount, sign: float = 1.0) -> Amount:
    """Return a sum, or with a sign of -1 a difference.

    Raises:
        InputError: where the two measure different things.
    """
    if left.dimension != right.dimension:
        raise InputError(
            f"{show_dimension(left.dimension)} and {show_dimension(right.dimension)} cannot be "
            f"{'added' if sign > 0 else 'subtracted'}; give numbers their unit, such as 5 * GB"
        )
    other = _times(right.interval, sign)
    return _joined(left, right, sum_if_independent((left.interval, other)), left.dimension)


def multiplied(left: Amount, right: Amount, power: Literal[1, -1] = 1) -> Amount:
    """Return a product, or with a power of -1 a quotient.

    Raises:
        InputError: for a division by zero.
    """
    both = zip(left.dimension, right.dimension, strict=True)
    dimension = tuple(one + power * two for one, two in both)
    other = right.interval
    if power < 0:
        if other.low <= 0.0 <= other.high:
            raise InputError("a division by zero")
        other = other.map(lambda value: 1.0 / value)
    if left.is_exact:
        product = _times(other, left.mid)
    elif right.is_exact:
        product = _times(left.interval, other.mid)
    else:
        product = product_if_independent(left.interval, other)
    return _joined(left, right, product, dimension)


def bounded(value: Amount, limit: Literal["most", "least"]) -> Amount:
    """Return an amount as a bound."""
    return Amount(value.interval, value.dimension, limit, value.varies)


def varying(low: Amount, high: Amount, what: str) -> Amount:
    """Return an amount that lies between two, by something that a claim has to say."""
    if low.dimension != high.dimension:
        raise InputError("the two ends measure different things")
    ends = sorted((low.interval.low, high.interval.high))
    return Amount(Interval(ends[0], sum(ends) / 2.0, ends[1]), low.dimension, "", what)


def _times(interval: Interval, factor_ratio: float) -> Interval:
    """Return an interval times a known factor of either sign."""
    return interval.map(lambda value: value * factor_ratio)


def _joined(left: Amount, right: Amount, interval: Interval, dimension: Dimension) -> Amount:
    """Return an amount made of two: what they vary with stays, a bound does not."""
    if not all(math.isfinite(end) for end in (interval.low, interval.mid, interval.high)):
        raise InputError("it comes to no finite number")
    varies = ", ".join(dict.fromkeys(filter(None, (left.varies, right.varies))))
    return Amount(interval, dimension, "", varies)

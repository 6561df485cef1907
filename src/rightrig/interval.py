"""Interval: a value that says how sure it is.

An interval is the central 80 %: one time in ten the truth lies below ``low``, one time
in ten above ``high``. Its algebra is small on purpose: scaling, the reciprocal, a
monotone map, and two named rules for combining two of them. Anything else would
pretend to know how errors depend on each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Interval:
    """The central 80 % of a quantity; its unit is that of the name which holds it.

    >>> Interval(8.0, 10.0, 13.0).scaled(2.0)
    Interval(low=16.0, mid=20.0, high=26.0)
    >>> Interval(8.0, 10.0, 12.5).reciprocal()
    Interval(low=0.08, mid=0.1, high=0.125)
    """

    low: float
    mid: float
    high: float

    def __post_init__(self) -> None:
        """Refuse ends that are out of order or not numbers."""
        if not self.low <= self.mid <= self.high:
            raise InputError(
                f"an interval needs low <= mid <= high, got {self.low}, {self.mid}, {self.high}"
            )

    @classmethod
    def exact(cls, value: float) -> Interval:
        """Return the interval of a quantity that is known."""
        return cls(value, value, value)

    @classmethod
    def around(cls, mid: float, factor_ratio: float) -> Interval:
        """Return ``mid`` divided and multiplied by ``factor_ratio`` (at least 1)."""
        if factor_ratio < 1.0:
            raise InputError(f"a factor of uncertainty is at least 1, got {factor_ratio}")
        return cls(mid / factor_ratio, mid, mid * factor_ratio)

    @property
    def width_ratio(self) -> float:
        """High over low, less one; 0 for a known value."""
        return self.high / self.low - 1.0 if self.low > 0.0 else math.inf

    def scaled(self, factor_ratio: float) -> Interval:
        """Return the interval times a known, non-negative factor."""
        return self.map(lambda value: value * factor_ratio)

    def reciprocal(self) -> Interval:
        """Return the interval of one over the quantity, which must be positive."""
        if self.low <= 0.0:
            raise InputError(f"the reciprocal needs a positive interval, got low = {self.low}")
        return self.map(lambda value: 1.0 / value)

    def map(self, monotone: Callable[[float], float]) -> Interval:
        """Return the interval of a monotone function, rising or falling, of the quantity."""
        first, mid, last = monotone(self.low), monotone(self.mid), monotone(self.high)
        return Interval(min(first, last), mid, max(first, last))


def product_if_independent(left: Interval, right: Interval) -> Interval:
    """Return the product of two positive quantities whose errors are independent.

    The log-widths add in quadrature, each side apart:
    ``ln(high/mid)² = ln(high₁/mid₁)² + ln(high₂/mid₂)²``.

    >>> product = product_if_independent(Interval.around(2.0, 1.3), Interval.around(3.0, 1.4))
    >>> round(product.mid, 3), round(product.high / product.mid, 3)
    (6.0, 1.532)
    """
    if left.low <= 0.0 or right.low <= 0.0:
        raise InputError("a product of independent intervals needs positive quantities")
    mid = left.mid * right.mid
    up = math.hypot(math.log(left.high / left.mid), math.log(right.high / right.mid))
    down = math.hypot(math.log(left.mid / left.low), math.log(right.mid / right.low))
    return Interval(mid * math.exp(-down), mid, mid * math.exp(up))


def sum_if_comonotone(left: Interval, right: Interval) -> Interval:
    """Return the sum of two quantities that are wrong together: the ends add.

    >>> sum_if_comonotone(Interval(1.0, 2.0, 3.0), Interval(4.0, 4.0, 5.0))
    Interval(low=5.0, mid=6.0, high=8.0)
    """
    return Interval(left.low + right.low, left.mid + right.mid, left.high + right.high)


def sum_if_independent(parts: Iterable[Interval]) -> Interval:
    """Return the sum of quantities whose errors are independent: each side in quadrature.

    >>> sum_if_independent([Interval(7.0, 10.0, 13.0), Interval(6.0, 10.0, 14.0)])
    Interval(low=15.0, mid=20.0, high=25.0)
    """
    known = tuple(parts)
    mid = sum(part.mid for part in known)
    down = math.hypot(*(part.mid - part.low for part in known))
    up = math.hypot(*(part.high - part.mid for part in known))
    return Interval(mid - down, mid, mid + up)

"""What used cards bring: an exponential through published values, and a step at a successor.

Values fall by about the same share every year, and by a further share at once when the next
generation can be had (F12.2). The published values are of few sellers and disagree: the ends of an
answer are the ends of what is published, and no more than that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.resale import Resale


def kept_yearly_ratio(values: Iterable[tuple[float, float]]) -> float:
    """Return the share of its value that a card keeps every year.

    Least squares of ``ln v = age · ln k`` through the price when new:
    ``k = exp(Σ age · ln v / Σ age²)``.

    Source: definition, least squares through a fixed point. Validity: within the ages of the
    values; a new generation takes a step.

    Args:
        values: Ages in years, each with the share of the price that is left.

    >>> round(kept_yearly_ratio([(1.0, 0.5), (2.0, 0.25)]), 6)
    0.5
    """
    known = tuple(values)
    slope = sum(age * math.log(share) for age, share in known)
    return math.exp(slope / sum(age * age for age, _ in known))


@dataclass(frozen=True, slots=True)
class ResaleCurve:
    """What is left of a price at any age.

    Attributes:
        kept_low_ratio, kept_high_ratio: Share that is kept every year, least and most.
        step_low_ratio, step_high_ratio: Share that a successor takes away at once.
    """

    name: str
    kept_low_ratio: float
    kept_high_ratio: float
    step_low_ratio: float
    step_high_ratio: float
    source: str

    def value_ratio(self, age_years: float, successor_years: float | None = None) -> Interval:
        """Return the share of the price that is left: least, middle (geometric), most.

        Args:
            age_years: Since the card was bought new.
            successor_years: Age at which the next generation comes; ``None`` for never. The
                published values hold such steps already, so that it is for a further one.
        """
        low, high = self.kept_low_ratio**age_years, self.kept_high_ratio**age_years
        if successor_years is not None and age_years >= successor_years:
            low, high = low * (1.0 - self.step_high_ratio), high * (1.0 - self.step_low_ratio)
        return Interval(low, math.sqrt(low * high), high)


def resale_curve(record: Resale) -> ResaleCurve:
    """Return the curve through the published values of a record."""
    source = record.sources[0]
    return ResaleCurve(
        name=record.slug,
        kept_low_ratio=kept_yearly_ratio((p.age_years, p.low_ratio) for p in record.points),
        kept_high_ratio=kept_yearly_ratio((p.age_years, p.high_ratio) for p in record.points),
        step_low_ratio=record.step_low_ratio,
        step_high_ratio=record.step_high_ratio,
        source=f"{record.name}, {source.date or 'undated'}, trust {record.trust} "
        f"({source.reference})",
    )

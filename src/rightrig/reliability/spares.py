"""Spare parts for a time without deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.facts.explanation import Explanation, Figure
from rightrig.quantities import show_number
from rightrig.reliability.rates import DAY_S, at_most_ratio, least_count

if TYPE_CHECKING:
    from rightrig.interval import Interval
    from rightrig.reliability.rates import Rate


@dataclass(frozen=True, slots=True)
class Spares:
    """How many parts to keep.

    Attributes:
        lead_time_s: From an order to its arrival.
        target_ratio: Chance that the spares last for it.
        expected_count: Failures in that time.
        spares_count: The fewest spares that reach the target.
        chance_ratio: With which those last.
        by_spares: Chance for each number of spares up to two above.
    """

    rate: Rate
    devices_count: int
    lead_time_s: float
    target_ratio: float
    expected_count: Interval
    spares_count: int
    chance_ratio: float
    by_spares: tuple[tuple[int, float], ...]

    def explain(self) -> Explanation:
        """Return the count and where it comes from."""
        per_year, days = self.rate.events_per_year.mid, self.lead_time_s / DAY_S
        sentences = (
            (
                f"{self.devices_count:,} devices ({self.rate.device}) at {show_number(per_year)} "
                f"failures a year each fail {show_number(self.expected_count.mid)} times in "
                f"{days:g} days."
            ),
            (
                f"Spares that last with a chance of {self.target_ratio:.8g} or more: "
                f"{self.spares_count:,}, which last with {self.chance_ratio:.2%}."
            ),
        )
        figures = (
            Figure(
                "expected_count", self.expected_count.mid, show_number(self.expected_count.mid),
                "m = n · rate · lead time (formula F11.6)",
            ),
            Figure(
                "spares_count", self.spares_count, str(self.spares_count),
                "the least s with P(N ≤ s) ≥ target; N Poisson, its rate as sure as its count",
            ),
        )  # fmt: skip
        return Explanation(sentences, figures, (self.rate.source,))


def spares(rate: Rate, devices_count: int, lead_time_s: float, target_ratio: float) -> Spares:
    """Return the fewest spares with P(failures in the lead time ≤ spares) ≥ target.

    Source: the base-stock model with Poisson demand, Palm 1938; the mixture of an uncertain rate.
    Validity: one lead time, failed cards do not return.

    >>> from rightrig.reliability.rates import stated_rate
    >>> spares(stated_rate(0.09, "GPU"), 1000, 30.0 * 86400.0, 0.95).spares_count
    12
    """
    expected = rate.expected_count(devices_count, lead_time_s)
    shape = rate.shape_count

    def chance_ratio(count: int) -> float:
        return at_most_ratio(count, expected.mid, shape)

    needed = least_count(lambda count: chance_ratio(count) >= target_ratio)
    rows = tuple((count, chance_ratio(count)) for count in range(max(0, needed - 4), needed + 3))
    return Spares(
        rate, devices_count, lead_time_s, target_ratio, expected, needed, chance_ratio(needed), rows
    )

"""Failures of a system in series: any device that fails stops it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.reliability.rates import DAY_S, YEAR_S, any_event_ratio, no_event_ratio

if TYPE_CHECKING:
    from rightrig.interval import Interval
    from rightrig.reliability.rates import Rate


@dataclass(frozen=True, slots=True)
class Fleet:
    """Equal devices, each of which fails at a rate, independently of the others.

    Attributes:
        devices_count: GPUs, or nodes where the rate is of nodes.
    """

    rate: Rate
    devices_count: int

    @property
    def mtbf_s(self) -> Interval:
        """Mean time between failures of any device: M = 1 / (n · r), for a series system M₁ / n."""
        return self.rate.per_s.scaled(self.devices_count).reciprocal()

    @property
    def failures_per_year(self) -> Interval:
        """Expected failures of all devices in a year of 365.25 days."""
        return self.rate.expected_count(self.devices_count, YEAR_S)

    def expected_count(self, time_s: float) -> Interval:
        """Return the expected failures in a time."""
        return self.rate.expected_count(self.devices_count, time_s)

    def interrupted_ratio(self, time_s: float) -> Interval:
        """Return P(at least one failure in a time) = 1 − e^(−n·r·t)."""
        return self.expected_count(time_s).map(any_event_ratio)


def fleet_of(rate: Rate, gpus_count: int, gpus_per_device_count: int = 1) -> Fleet:
    """Return the devices that some GPUs are; a node that is partly used counts whole."""
    return Fleet(rate, math.ceil(gpus_count / gpus_per_device_count))


def survival_points(
    fleet: Fleet, longest_s: float, points_count: int
) -> tuple[tuple[float, Interval], ...]:
    """Return P(no failure by then) at equal steps of time: (days, chance)."""
    steps = (longest_s * i / (points_count - 1) for i in range(points_count))
    return tuple(
        (time_s / DAY_S, fleet.expected_count(time_s).map(no_event_ratio)) for time_s in steps
    )

"""Rates of failure from counts: how often, and how sure the count makes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scipy.special import betainc, gammaincinv, pdtr

from rightrig.errors import InputError
from rightrig.interval import Interval
from rightrig.quantities import SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.facts.failure_rate import FailingPart, FailureRate

DAY_S: Final = 24.0 * SECONDS_PER_HOUR
YEAR_S: Final = 365.25 * DAY_S
"""A year as rates of failure are published; the money of a year counts 8,760 h (0.07 % less)."""
_LOW_RATIO: Final = 0.1
_HIGH_RATIO: Final = 0.9
_PRIOR_COUNT: Final = 0.5
"""What Jeffreys' prior adds to a count of events."""
_MOST_COUNT: Final = 2**100


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happens to one device.

    Attributes:
        per_s: Events of one device in a second.
        device: What a device is: a GPU, a node of 8 GPUs, a gigabyte.
        shape_count: Shape of the gamma law that the count leaves for the rate; infinite where a
            rate is taken as known.
        source: Where it comes from.
    """

    per_s: Interval
    device: str
    shape_count: float
    source: str

    @property
    def events_per_year(self) -> Interval:
        """Events of one device in a year of 365.25 days."""
        return self.per_s.scaled(YEAR_S)

    def expected_count(self, devices_count: float, time_s: float) -> Interval:
        """Return the mean number of events: m = r · n · t (formula book F11.4).

        >>> round(stated_rate(1.0, "gigabyte").expected_count(80 * 1000, 0.25 * YEAR_S).mid, 6)
        20000.0
        """
        return self.per_s.scaled(devices_count * time_s)

    def counted(self, devices_count: float, time_s: float) -> tuple[int, int]:
        """Return the central 80 % of how many events there will be, by rate and by chance."""
        mean_count = self.expected_count(devices_count, time_s).mid
        return events_range(mean_count, self.shape_count)


def counted_rate_per_s(events_count: float, exposure_s: float) -> Interval:
    """Return the rate that a count shows, in events a device second.

    The middle is n / T; the ends are those of the gamma law of the rate after n events in T with
    Jeffreys' prior, Γ(n + ½, T), 10 % and 90 %. Without an event the middle is the median of it.

    Source: Jeffreys 1946, doi:10.1098/rspa.1946.0056. Validity: events independent, at a constant
    rate.

    Raises:
        InputError: for no exposure, or a negative count.
    """
    if exposure_s <= 0.0 or events_count < 0.0:
        raise InputError("a rate needs a count of 0 or more in a time above 0")
    shape = events_count + _PRIOR_COUNT
    low, median, high = (
        float(gammaincinv(shape, q)) / exposure_s for q in (_LOW_RATIO, 0.5, _HIGH_RATIO)
    )
    return Interval(low, events_count / exposure_s if events_count > 0.0 else median, high)


def rate_of(record: FailureRate, *parts: FailingPart) -> Rate:
    """Return the rate that a record states, of some parts of a system or of all.

    Raises:
        InputError: when only a rate over all causes is published, or a share of devices.
    """
    device = _device_text(record)
    if record.is_counted:
        events = sum(map(record.events_of_count, parts)) if parts else record.events_count
        per_s = counted_rate_per_s(events, record.exposure_s)
        hours = record.exposure_s / SECONDS_PER_HOUR
        source = f"{record.name}: {events:,} in {hours:,.0f} {device}-hours"
        return Rate(per_s, device, events + _PRIOR_COUNT, source)
    published = record.published
    if published is None or published.hours_count is None or parts:
        raise InputError(
            f"{record.slug} states no rate of events"
            + (" by cause" if parts else " over time")
            + "; 'rightrig risk presets' shows what each source states"
        )
    exposure_s = published.hours_count * published.devices_count * SECONDS_PER_HOUR
    low, high = published.low_count / exposure_s, published.high_count / exposure_s
    source = f"{record.name}: a published rate without a count"
    return Rate(Interval(low, math.sqrt(low * high), high), device, math.inf, source)


def show_span(time_s: float) -> str:
    """Return a span of time in the unit that people use, with four figures.

    >>> show_span(11_135.0), show_span(1116.3), show_span(1_728_000.0), show_span(45.0)
    ('3.093 h', '18.61 min', '20 days', '45 s')
    """
    for unit_s, unit, from_s in (
        (DAY_S, "days", 2.0 * DAY_S), (SECONDS_PER_HOUR, "h", 2.0 * SECONDS_PER_HOUR),
        (60.0, "min", 120.0),
    ):  # fmt: skip
        if time_s >= from_s:
            return f"{float(f'{time_s / unit_s:.4g}'):,.10g} {unit}"
    return f"{time_s:.4g} s"


def _device_text(record: FailureRate) -> str:
    """Return what the hours of a record are of."""
    if record.device == "node":
        return f"node of {record.gpus_per_device_count} GPUs"
    return {
        "gpu": "GPU", "memory-gb": "gigabyte", "memory-mbit": "megabit", "processor": "processor",
    }[record.device]  # fmt: skip


def stated_rate(events_per_year: float, device: str) -> Rate:
    """Return a rate that a user states, in events of a device in a year; it is taken as known."""
    return Rate(Interval.exact(events_per_year / YEAR_S), device, math.inf, "as stated")


def no_event_ratio(mean_count: float) -> float:
    """Return P(no event) = e^−m of a Poisson law of mean m."""
    return math.exp(-mean_count)


def any_event_ratio(mean_count: float) -> float:
    """Return P(≥ 1 event) = 1 − e^−m of a Poisson law of mean m.

    Source: definition of the Poisson law. Validity: events independent.
    """
    return -math.expm1(-mean_count)


def at_most_ratio(most_count: int, mean_count: float, shape_count: float = math.inf) -> float:
    """Return P(N ≤ s), N Poisson of a mean that is gamma-distributed with a shape.

    That mixture is the negative binomial law: P(N ≤ s) = I_p(k, s + 1) with p = k / (k + m); a
    shape of infinity is the Poisson law of a known mean.

    Source: Greenwood and Yule 1920, doi:10.2307/2341080. Validity: one unknown rate for all
    devices.
    """
    if mean_count == 0.0:
        return 1.0
    if math.isinf(shape_count):
        return float(pdtr(most_count, mean_count))
    p = shape_count / (shape_count + mean_count)
    return float(betainc(shape_count, most_count + 1.0, p))


def least_count(reached: Callable[[int], bool]) -> int:
    """Return the smallest whole number of 0 or more from which something holds."""
    high = 1
    while not reached(high - 1) and high < _MOST_COUNT:
        high *= 2
    low, high = high // 2, high - 1
    while low < high:
        middle = (low + high) // 2
        if reached(middle):
            high = middle
        else:
            low = middle + 1
    return low


def events_range(mean_count: float, shape_count: float = math.inf) -> tuple[int, int]:
    """Return the central 80 % of the number of events: its 10 % and 90 % quantiles."""
    low, high = (
        least_count(lambda s, q=q: at_most_ratio(s, mean_count, shape_count) >= q)  # type: ignore[misc]
        for q in (_LOW_RATIO, _HIGH_RATIO)
    )
    return low, high

"""Prices of rented accelerators: one row an offer, with its date and source."""

from __future__ import annotations

import datetime
import re
from typing import Final, Literal

from pydantic import PositiveFloat, PositiveInt

from rightrig.facts.source import Record

STALE_AFTER_DAYS: Final = 180
SHIPPED_ON: Final = datetime.date(2026, 11, 20)
"""The day on which the shipped offers were collected; their own dates are older."""
REFRESHED: Final = "refreshed"
"""The trust of an offer that ``rightrig prices refresh`` downloaded."""
_YEAR_MONTH_DAY: Final = re.compile(r"(20\d\d)(?:-(\d\d))?(?:-(\d\d))?")


def age_days(date: str, today: datetime.date) -> int | None:
    """Return the days since a price was seen; ``None`` where the source is undated.

    A month or a year alone counts from its first day: the age is then an upper bound.
    """
    match = _YEAR_MONTH_DAY.search(date)
    if match is None or "undated" in date:
        return None
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    return (today - datetime.date(year, month, day)).days


def staleness(date: str, today: datetime.date) -> str:
    """Return a warning for an old or undated price, else an empty text."""
    age = age_days(date, today)
    if age is None:
        return "undated"
    return f"{age} days old" if age > STALE_AFTER_DAYS else ""


class Price(Record):
    """One offer of one provider.

    ``on_demand_usd_per_hour`` is for the **whole instance** of ``gpu_count`` cards; use
    ``per_gpu_usd_per_hour`` for one card. ``max_gpu_count`` is the largest multiple that the
    provider puts into one machine at the same price per card. ``prepaid`` offers are for a
    fixed span that is paid in advance: shown, never planned with. ``user_file`` is the file of
    a user's catalogue that the offer was read from. ``availability`` is ``in stock`` where the
    provider listed the offer as rentable on its date; a ``listed`` one may be sold out.
    """

    provider: str
    region: str
    instance: str
    gpu: str
    gpu_count: PositiveInt
    max_gpu_count: PositiveInt
    on_demand_usd_per_hour: PositiveFloat | None = None
    spot_usd_per_hour: PositiveFloat | None = None
    date: str
    source: str
    trust: str
    terms: Literal["on-demand", "prepaid"] = "on-demand"
    availability: Literal["listed", "in stock"] = "listed"
    note: str = ""
    user_file: str | None = None

    @property
    def offer(self) -> tuple[str, ...]:
        """What makes it the same offer at another price."""
        return (self.provider, self.region, self.instance, self.gpu, self.terms)

    @property
    def is_refreshed(self) -> bool:
        """Whether it was downloaded by ``rightrig prices refresh``."""
        return self.trust == REFRESHED and self.user_file is None

    @property
    def per_gpu_usd_per_hour(self) -> float | None:
        """On-demand price of one card, in USD/h."""
        if self.on_demand_usd_per_hour is None:
            return None
        return self.on_demand_usd_per_hour / self.gpu_count

    @property
    def spot_per_gpu_usd_per_hour(self) -> float | None:
        """Spot price of one card, in USD/h."""
        return None if self.spot_usd_per_hour is None else self.spot_usd_per_hour / self.gpu_count

    def age_days(self, today: datetime.date) -> int | None:
        """Return the days since the price was seen; ``None`` where the source is undated."""
        return age_days(self.date, today)

    def staleness(self, today: datetime.date) -> str:
        """Return a warning for an old or undated price, else an empty text."""
        return staleness(self.date, today)

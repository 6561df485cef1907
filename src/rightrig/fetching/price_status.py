"""Which snapshot of prices is in use, and in which state it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.errors import RightrigError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.facts.price import SHIPPED_ON
from rightrig.facts.price_snapshot import FILE, PREVIOUS, read_snapshot

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping
    from pathlib import Path

    from rightrig.facts.price import Price


@dataclass(frozen=True, slots=True)
class PriceStatus:
    """The prices in use.

    Attributes:
        path: Where a refreshed snapshot lies or would lie; ``None`` where none is looked for.
        refreshed: The day of the refreshed snapshot; ``None`` where the shipped one is in use.
        today: The day that ages are counted to.
        prices: All rows in use, of users' own files too.
        damage: Why the file is not used; empty where it is whole or absent.
        has_previous: Whether an earlier snapshot can be brought back.
    """

    path: Path | None
    refreshed: datetime.date | None
    today: datetime.date
    prices: tuple[Price, ...]
    damage: str
    has_previous: bool

    @property
    def age_days(self) -> int:
        """Days since the snapshot in use was collected."""
        return (self.today - (self.refreshed or SHIPPED_ON)).days

    @property
    def refreshed_count(self) -> int:
        """Rows in use that were downloaded."""
        return sum(price.is_refreshed for price in self.prices)

    @property
    def user_count(self) -> int:
        """Rows in use of users' own files."""
        return sum(price.user_file is not None for price in self.prices)

    def providers(self) -> Mapping[tuple[str, str], int]:
        """Return provider and date of its rows → how many are in use."""
        return Counter((price.provider, price.date) for price in self.prices)

    def explain(self) -> Explanation:
        """Return which prices answer, and why."""
        which = "refreshed" if self.refreshed else "shipped"
        why = f" because {self.damage}" if self.damage else ""
        age = Figure("age_days", float(self.age_days), f"{self.age_days} days", str(self.path))
        return Explanation((f"The {which} prices answer{why}.",), (age,))


def status_of(folder: Path | None, prices: tuple[Price, ...], today: datetime.date) -> PriceStatus:
    """Return the state of the prices in use.

    Args:
        folder: Of refreshed prices, or ``None`` where they do not count.
        prices: The rows in use.
        today: The day that ages are counted to.
    """
    if folder is None:
        return PriceStatus(None, None, today, prices, "", has_previous=False)
    refreshed, damage = None, ""
    try:
        found = read_snapshot(folder / FILE, today)
        refreshed = None if found is None else found.refreshed
    except RightrigError as error:
        damage = str(error)
    has_previous = (folder / PREVIOUS).exists()
    return PriceStatus(folder / FILE, refreshed, today, prices, damage, has_previous)

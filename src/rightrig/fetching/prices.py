"""``prices refresh``: newer prices into the user's cache; a bad download never replaces good ones.

What comes is mapped to cards of the catalogue (:mod:`~rightrig.fetching.price_cards`), checked
against the prices already known, and written at once (:mod:`~rightrig.fetching.price_store`). A
provider whose list failed, or shrank by half, keeps the offers it had.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import MissingError, RightrigError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.facts.price_snapshot import FILE, Snapshot, read_snapshot
from rightrig.facts.reading import plain
from rightrig.fetching.gpuhunt_offers import NAMES
from rightrig.fetching.price_rows import rows_of
from rightrig.fetching.price_store import keep

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.price import Price
    from rightrig.fetching.gpuhunt_offers import Download

PLAUSIBLE_RATIO: Final = 20.0
"""Further below the lowest, or above the highest known price of a card, a new one is doubted."""
FEWEST_RATIO: Final = 0.5
"""Of the offers that a provider had, how many a new list must hold to replace them."""
_PLAUSIBLE_USD_PER_HOUR: Final = (0.02, 50.0)
"""Of one card for which no price is known: far outside what any card was ever rented at."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one card may plausibly cost an hour."""

    low_usd_per_hour: float
    high_usd_per_hour: float


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A price that is too far off to be believed."""

    price: Price
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class ProviderRefreshed:
    """What became of one provider.

    Attributes:
        name: As in the prices.
        date: The day of its list; empty where none came.
        offers_count: Offers that came.
        prices_count: Rows of it in the snapshot now.
        kept: Why its earlier offers stayed; empty where the new ones count.
    """

    name: str
    date: str
    offers_count: int
    prices_count: int
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a refresh did.

    Attributes:
        path: The file; ``None`` where nothing was written.
        snapshot: What is in it.
        providers: One each.
        left_out: Reason and name → offers that made no price.
        quarantined: Prices that are not believed.
    """

    path: Path | None
    snapshot: Snapshot
    providers: tuple[ProviderRefreshed, ...]
    left_out: Mapping[tuple[str, str], int]
    quarantined: tuple[Quarantined, ...]

    def explain(self) -> Explanation:
        """Return what was taken and what was not."""
        rows_count = len(self.snapshot.prices)
        taken = ", ".join(p.name for p in self.providers if not p.kept) or "nobody"
        came = sum(p.offers_count for p in self.providers)
        out = sum(self.left_out.values())
        sentences = (
            f"{came:,} offers came; the snapshot holds {rows_count:,} prices, new ones of {taken}.",
            f"{out:,} offers were left out, and {len(self.quarantined)} prices are not believed.",
        )
        figure = Figure("prices_count", float(rows_count), f"{rows_count:,}", "gpuhunt")
        sources = tuple(sorted({price.source for price in self.snapshot.prices}))
        return Explanation(sentences, (figure,), sources)


def refresh(
    found: Download,
    folder: Path,
    catalog: Catalog,
    today: datetime.date,
    *,
    accept_fewer: bool = False,
) -> Refresh:
    """Put what was downloaded into the snapshot of a folder.

    Args:
        found: The lists that came.
        folder: Of the snapshot.
        catalog: Without refreshed prices: its cards, and its prices as what is plausible.
        today: The day of the refresh.
        accept_fewer: Take a list that shrank by half, too.

    Raises:
        MissingError: when no list came, or the folder cannot be written.
    """
    if not found.lists:
        raise MissingError(
            "no prices came, and those in use are unchanged: check the network or give a file with "
            f"--from ({plain(_reasons(found.failures))})"
        )
    before = _known(folder)
    bounds = bounds_of(catalog.prices())
    left_out: Counter[tuple[str, str]] = Counter()
    doubted: list[Quarantined] = []
    done, prices = [], []
    for listed in found.lists:
        rows = rows_of(listed, catalog)
        left_out.update(rows.left_out)
        believed, strange = _believed(rows.prices, bounds)
        doubted += strange
        earlier = [p for p in before if _is_of(p, listed.name)]
        known_count = len(earlier) or sum(_is_of(p, listed.name) for p in catalog.prices())
        why = "" if accept_fewer and believed else _why_kept(len(believed), known_count)
        now = earlier if why else believed
        prices += now
        day = listed.date.isoformat()
        done.append(ProviderRefreshed(listed.name, day, len(listed.offers), len(now), why))
    done += _failed(found.failures, before)
    fresh = {told.name for told in done if told.date}
    prices += [p for p in before if not any(_is_of(p, name) for name in fresh)]
    snapshot = Snapshot(refreshed=today, prices=tuple(prices))
    path = None if all(told.kept for told in done) else keep(snapshot, folder)
    return Refresh(path, snapshot, tuple(done), left_out, tuple(doubted))


def _reasons(failures: Mapping[str, str]) -> str:
    """Return why lists did not come, each reason once with its providers."""
    by_reason: dict[str, list[str]] = {}
    for name, why in sorted(failures.items()):
        by_reason.setdefault(why, []).append(NAMES.get(name, name))
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items())


def _failed(failures: Mapping[str, str], before: Sequence[Price]) -> list[ProviderRefreshed]:
    """Return what became of the providers whose lists did not come."""
    named = [(NAMES.get(provider, provider), why) for provider, why in sorted(failures.items())]
    return [
        ProviderRefreshed(name, "", 0, sum(_is_of(p, name) for p in before), why)
        for name, why in named
    ]


def _known(folder: Path) -> tuple[Price, ...]:
    """Return the prices of the snapshot in a folder; none of a damaged one."""
    try:
        found = read_snapshot(folder / FILE)
    except RightrigError:
        return ()
    return () if found is None else found.prices


def _is_of(price: Price, provider: str) -> bool:
    """Return whether a price is of a provider's list; Google's also makes those of TPUs."""
    return price.provider == provider or (price.provider, provider) == ("gcp-tpu", "gcp")


def _why_kept(new_count: int, known_count: int) -> str:
    """Return why a new list does not replace known offers; empty where it does."""
    if not new_count:
        return "no offer of a known card came"
    if new_count < FEWEST_RATIO * known_count:
        return f"{new_count} offers came where {known_count} were known; --accept-fewer takes them"
    return ""


def _believed(
    prices: Iterable[Price], bounds: Mapping[str, Bounds]
) -> tuple[list[Price], list[Quarantined]]:
    """Return the prices that are plausible beside the known ones, and those that are not."""
    believed, doubted = [], []
    for price in prices:
        limits = bounds.get(price.gpu, Bounds(*_PLAUSIBLE_USD_PER_HOUR))
        each = (price.per_gpu_usd_per_hour, price.spot_per_gpu_usd_per_hour)
        if all(p is None or limits.low_usd_per_hour <= p <= limits.high_usd_per_hour for p in each):
            believed.append(price)
        else:
            doubted.append(Quarantined(price, limits))
    return believed, doubted


def bounds_of(known: Iterable[Price]) -> dict[str, Bounds]:
    """Return what each card may cost: a factor around its lowest and highest known price."""
    found: dict[str, Bounds] = {}
    for price in known:
        for each_usd_per_hour in (price.per_gpu_usd_per_hour, price.spot_per_gpu_usd_per_hour):
            if each_usd_per_hour is None:
                continue
            old = found.get(price.gpu, Bounds(math.inf, 0.0))
            found[price.gpu] = Bounds(
                min(old.low_usd_per_hour, each_usd_per_hour / PLAUSIBLE_RATIO),
                max(old.high_usd_per_hour, each_usd_per_hour * PLAUSIBLE_RATIO),
            )
    return found

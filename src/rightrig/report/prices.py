"""The reports of rental offers: lists, one card's offers, and which snapshot is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from rightrig.facts.price import SHIPPED_ON
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.record import listed_json

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from rightrig.facts.price import Price
    from rightrig.facts.price_list import ListedOffer
    from rightrig.facts.source import Record
    from rightrig.fetching.price_status import PriceStatus
    from rightrig.report.schema.prices import (
        PriceListedJson,
        PricesJson,
        PriceStatusJson,
        ProviderPricesJson,
        SnapshotJson,
    )

WARN_AFTER_DAYS: Final = 30
"""Prices of clouds change several times a year: after a month a snapshot is worth renewing."""
_UNLISTED: Final = frozenset({"note"})
_MOST_NAMED: Final = 3
_MOST_PLACES: Final = 2
_REFRESH: Final = "'rightrig prices refresh' downloads newer ones"


def prices_document(offers: Sequence[ListedOffer], status: PriceStatus) -> Document:
    """Return rental offers; a node's price is never shown as a card's."""
    if not offers:
        return (Paragraph("No offer is known for that."), *snapshot_document(status))
    rows = tuple(_row(group, status.today) for group in same_but_for_place(offers))
    headers = (
        "gpu", "$/h a card", "spot $/h a card", "$/h instance", "cards", "provider", "instance",
        "region", "country", "terms", "availability", "date", "age", "trust",
    )  # fmt: skip
    has_spot = all(offer.price.spot_usd_per_hour is not None for offer in offers)
    spare = (10, 11, *(() if has_spot else (2,)), 8, 13, 7, 9, 6)
    return (Grid(headers, rows, (1, 2, 3), spare=spare), *snapshot_document(status))


class Placed(Protocol):
    """An offer of machines that stand somewhere."""

    @property
    def price(self) -> Price:
        """The record behind it."""

    @property
    def country(self) -> str | None:
        """Where they stand; ``None`` where one price is for several countries."""


_Placed = TypeVar("_Placed", bound=Placed)


def same_but_for_place(offers: Iterable[_Placed]) -> list[list[_Placed]]:
    """Return offers in their order, those together that differ in nothing but the region."""
    groups: dict[Price, list[_Placed]] = {}
    for offer in offers:
        key = offer.price.model_copy(update={"region": ""})
        groups.setdefault(key, []).append(offer)
    return list(groups.values())


def _row(group: Sequence[ListedOffer], today: datetime.date) -> tuple[str, ...]:
    """Return one line of a list."""
    price = group[0].price
    least, most = price.gpu_count, price.max_gpu_count
    return (
        price.gpu,
        _dollars(price.per_gpu_usd_per_hour),
        _dollars(price.spot_per_gpu_usd_per_hour),
        _dollars(price.on_demand_usd_per_hour),
        f"{least}–{most}" if most > least else str(least),
        price.provider,
        price.instance,
        *places_of(group),
        price.terms,
        availability_of(price),
        price.date,
        age_text(price, today),
        price.trust,
    )


def places_of(group: Sequence[Placed]) -> tuple[str, str]:
    """Return the regions and the countries of some offers, or how many there are."""
    countries = sorted({offer.country for offer in group if offer.country})
    regions = [offer.price.region for offer in group]
    return _few(regions, "regions"), _few(countries, "countries") or "–"


def _few(names: Sequence[str], kind: str) -> str:
    """Return some names, or how many there are."""
    return ", ".join(names) if len(names) <= _MOST_PLACES else f"{len(names)} {kind}"


def _dollars(amount_usd_per_hour: float | None) -> str:
    """Return an hourly price with three decimals."""
    return "–" if amount_usd_per_hour is None else f"{amount_usd_per_hour:.3f}"


def availability_of(price: Price) -> str:
    """Return how an offer can be had, in words."""
    return "spot only" if price.on_demand_usd_per_hour is None else price.availability


def age_text(price: Price, today: datetime.date) -> str:
    """Return the age of a price in words."""
    days = price.age_days(today)
    return "undated" if days is None else days_old(days)


def days_old(days: int) -> str:
    """Return an age in words."""
    return "1 day old" if days == 1 else f"{days} days old"


def prices_json(offers: Iterable[ListedOffer], status: PriceStatus) -> PricesJson:
    """Return rental offers as JSON, each old or undated one with a warning."""
    rows = [_listed_json(offer, status.today) for offer in offers]
    return {"prices": rows, "snapshot": _snapshot_json(status)}


def _listed_json(offer: ListedOffer, today: datetime.date) -> PriceListedJson:
    """Return one offer as JSON."""
    price = offer.price
    row: PriceListedJson = {
        **listed_json(price, _UNLISTED),
        "per_gpu_usd_per_hour": price.per_gpu_usd_per_hour,
        "country": offer.country,
        "age_days": price.age_days(today),
        "price_warning": price.staleness(today),
    }
    if not row["price_warning"]:
        del row["price_warning"]
    return row


def offers_document(slug: str, offers: Sequence[ListedOffer], status: PriceStatus) -> Document:
    """Return the offers for one card with their sources and notes."""
    if not offers:
        return (
            Paragraph(f"No rental offer for {slug} is known."), *snapshot_document(status),
        )  # fmt: skip
    named: dict[str, list[str]] = {}
    for offer in offers:
        price = offer.price
        told = f"{price.source}. {price.note}".rstrip()
        named.setdefault(told, []).append(f"{price.provider} {price.instance}")
    lines = [Paragraph(f"{_names(who)}: {told}", "dim") for told, who in named.items()]
    return (Paragraph(f"Offers for {slug}", "title"), *prices_document(offers, status), *lines)


def _names(names: Sequence[str]) -> str:
    """Return the first few of some names."""
    each = list(dict.fromkeys(names))
    more = f" and {len(each) - _MOST_NAMED} more" if len(each) > _MOST_NAMED else ""
    return ", ".join(each[:_MOST_NAMED]) + more


def snapshot_document(status: PriceStatus) -> Document:
    """Return the line that says which prices these are, and a warning where they are old."""
    age = days_old(status.age_days)
    if status.refreshed is None:
        which = f"the shipped snapshot of {SHIPPED_ON.isoformat()}, {age}"
    else:
        which = (
            f"refreshed on {status.refreshed.isoformat()}, {age}: {status.refreshed_count:,} "
            "offers, and the shipped ones of cards and providers that it lacks"
        )
    line = Paragraph(f"Prices: {which}.", "dim")
    if status.age_days <= WARN_AFTER_DAYS:
        return (line,)
    return (line, Paragraph(f"These prices are older than a month; {_REFRESH}.", "warn"))


def status_document(status: PriceStatus) -> Document:
    """Return which prices are in use, from which file, and of which days."""
    facts = (
        ("in use", "refreshed" if status.refreshed else "shipped"),
        ("date", (status.refreshed or SHIPPED_ON).isoformat()),
        ("age", days_old(status.age_days)),
        ("offers", _counts_text(status)),
        ("file", _file_text(status)),
        ("checksum", _checksum_text(status)),
        ("earlier snapshot", "kept: --undo brings it back" if status.has_previous else "none"),
    )
    rows = tuple(
        (provider, date, f"{count:,}")
        for (provider, date), count in sorted(status.providers().items())
    )
    return (
        Grid(("fact", "value"), facts),
        Grid(("provider", "date", "offers"), rows, (2,)),
        *snapshot_document(status)[1:],
    )


def _counts_text(status: PriceStatus) -> str:
    """Return how many offers of each origin are in use."""
    own, new = status.user_count, status.refreshed_count
    return f"{new:,} refreshed, {len(status.prices) - own - new:,} shipped, {own:,} of your own"


def _file_text(status: PriceStatus) -> str:
    """Return where the refreshed prices lie."""
    if status.path is None:
        return "none is read: RIGHTRIG_PRICES is shipped"
    return str(status.path) if status.refreshed or status.damage else f"{status.path} (none yet)"


def _checksum_text(status: PriceStatus) -> str:
    """Return whether the file is whole."""
    if status.damage:
        return status.damage
    return "matches" if status.refreshed else "–"


def status_json(status: PriceStatus) -> PriceStatusJson:
    """Return which prices are in use, as JSON."""
    providers: list[ProviderPricesJson] = [
        {"provider": provider, "date": date, "offers_count": count}
        for (provider, date), count in sorted(status.providers().items())
    ]
    return {**_snapshot_json(status), "providers": providers}


def _snapshot_json(status: PriceStatus) -> SnapshotJson:
    """Return which snapshot is in use, as JSON."""
    return {
        "in_use": "refreshed" if status.refreshed else "shipped",
        "date": (status.refreshed or SHIPPED_ON).isoformat(),
        "age_days": status.age_days,
        "is_old": status.age_days > WARN_AFTER_DAYS,
        "refreshed_count": status.refreshed_count,
        "user_count": status.user_count,
        "offers_count": len(status.prices),
        "path": None if status.path is None else str(status.path),
        "damage": status.damage,
        "has_previous": status.has_previous,
    }


def refreshed_document(records: Iterable[Record], today: datetime.date) -> Document:
    """Return the line of an answer that rests on refreshed prices, or nothing."""
    dates = refreshed_dates(records)
    if not dates:
        return ()
    newest, oldest = (today - dates[-1]).days, (today - dates[0]).days
    span = f"{newest} to " if newest != oldest else ""
    return (Paragraph(f"With refreshed prices, {span}{days_old(oldest)}.", "dim"),)


def refreshed_dates(records: Iterable[Record]) -> list[datetime.date]:
    """Return the days of the refreshed prices among some records, sorted."""
    import datetime  # noqa: PLC0415 - where an answer has such prices

    from rightrig.facts.price import Price  # noqa: PLC0415 - the same

    found = {r.date for r in records if isinstance(r, Price) and r.is_refreshed}
    return sorted(datetime.date.fromisoformat(date) for date in found)

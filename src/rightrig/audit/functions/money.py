"""Prices of hours and cards by provider and card, and what they make of a request."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Amount, amount_of, varying
from rightrig.audit.stated import Number
from rightrig.audit.units import parse_unit
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.interval import Interval
from rightrig.quantities import check_positive

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.audit.naming import Setting
    from rightrig.facts.price import Price

_MOST_USD: Final = 1e12
_MOST_PER_S: Final = 1e9
_LONGEST_S: Final = 1e9
_FEW_DAYS: Final = 2
_HOURLY: Final = parse_unit("USD/h")


def rental_usd_per_hour(setting: Setting, card: str, provider: str = "") -> Amount:
    """Return what an hour of one card is offered at, on demand; it varies with day and place.

    A node's price is divided by its cards. Without a provider, every provider counts.

    Raises:
        InputError: where the catalogue has no such offer.
    """
    offers = _offers(setting, card, provider)
    return _span([price.per_gpu_usd_per_hour for price in offers], offers)


def node_usd_per_hour(setting: Setting, card: str, provider: str) -> Amount:
    """Return what an hour of a provider's largest machine with a card is offered at.

    Raises:
        InputError: where the catalogue has no such offer.
    """
    offers = _offers(setting, card, provider)
    most = max(price.gpu_count for price in offers)
    whole = [price for price in offers if price.gpu_count == most]
    return _span([price.on_demand_usd_per_hour for price in whole], whole)


def _offers(setting: Setting, card: str, provider: str) -> list[Price]:
    """Return the on-demand offers of a card, of one provider where it is named."""
    slug, name = setting.catalog.gpu(card).slug, provider.strip().lower()
    found = [
        price
        for price in setting.catalog.prices()
        if price.gpu == slug
        and price.terms == "on-demand"
        and price.on_demand_usd_per_hour is not None
        and name in {"", price.provider.lower()}
    ]
    if not found:
        at = f" of {plain(provider, 40)}" if provider else ""
        raise InputError(f"the catalogue has no offer{at} for {slug}; 'rightrig prices' lists them")
    return found


def _span(offered_usd_per_hour: Iterable[float | None], offers: list[Price]) -> Amount:
    """Return what offers lie between, with the days on which they were seen."""
    known = [amount_of(usd, _HOURLY) for usd in offered_usd_per_hour if usd is not None]
    days = sorted({price.date for price in offers})
    seen = f"seen {'; '.join(days)}" if len(days) <= _FEW_DAYS else f"{len(known)} offers"
    low, high = (pick(known, key=lambda a: a.mid) for pick in (min, max))
    return varying(low, high, f"the day and the place ({plain(seen, 80)})")


def cards_bought_count(budget_usd: float, card_usd: float) -> float:
    """Return how many whole cards a budget buys, without the hosts that they need.

    >>> cards_bought_count(30_000.0, 1_800.0)
    16.0
    """
    check_positive(budget_usd, name="budget_usd", limit=_MOST_USD)
    check_positive(card_usd, name="card_usd", limit=_MOST_USD)
    return float(math.floor(budget_usd / card_usd))


def work_of_a_dollar_ratio(
    first_tokens_per_s: float, first_usd: float, second_tokens_per_s: float, second_usd: float
) -> float:
    """Return how many times the tokens of a dollar the first gives, at equal years of use.

    >>> round(work_of_a_dollar_ratio(42.0, 2535.0, 95.0, 31470.0), 2)
    5.49
    """
    for name, usd in (("first_usd", first_usd), ("second_usd", second_usd)):
        check_positive(usd, name=name, limit=_MOST_USD)
    for name, rate in (
        ("first_tokens_per_s", first_tokens_per_s), ("second_tokens_per_s", second_tokens_per_s),
    ):  # fmt: skip
        check_positive(rate, name=name, limit=_MOST_PER_S)
    return first_tokens_per_s / first_usd * second_usd / second_tokens_per_s


def capacity_requests_per_s(running_seqs_count: float, request_s: float) -> float:
    """Return the requests/s that are served at most: those that run over the time of one.

    Source: Little 1961, doi:10.1287/opre.9.3.383. Above it a queue grows without end.

    >>> round(capacity_requests_per_s(4.0, 0.05))
    80
    """
    check_positive(running_seqs_count, name="running_seqs_count", limit=_MOST_PER_S)
    check_positive(request_s, name="request_s", limit=_LONGEST_S)
    return running_seqs_count / request_s


def request_rent_usd(rig_usd_per_hour: float, rate_requests_per_s: float) -> float:
    """Return what one request costs on a rented machine that serves a steady rate.

    >>> round(request_rent_usd(0.34, 100.0) * 1e6, 3)
    0.944
    """
    check_positive(rig_usd_per_hour, name="rig_usd_per_hour", limit=_MOST_USD)
    check_positive(rate_requests_per_s, name="rate_requests_per_s", limit=_MOST_PER_S)
    return rig_usd_per_hour / (rate_requests_per_s * 3600.0)


def said_low(setting: Setting, claim: str, which: int = 1) -> Amount:
    """Return the low end of what a claim of the table states."""
    return _end(setting, claim, which, "low")


def said_high(setting: Setting, claim: str, which: int = 1) -> Amount:
    """Return the high end of what a claim of the table states."""
    return _end(setting, claim, which, "high")


def _end(setting: Setting, claim: str, which: int, end: str) -> Amount:
    """Return an end of a stated range."""
    stated = setting.stated.get(claim)
    if stated is None or not 1 <= which <= len(stated):
        raise InputError(f"the table has no claim {plain(claim, 40)!r} of {which} figures")
    found = stated[which - 1]
    if not isinstance(found, Number):
        raise InputError(f"the claim {plain(claim, 40)!r} states no number")
    return Amount(Interval.exact(found.low if end == "low" else found.high), found.dimension)


ENDS: Final = (said_low, said_high)
OFFERS: Final = (rental_usd_per_hour, node_usd_per_hour)
MONEY: Final = (
    cards_bought_count, work_of_a_dollar_ratio, capacity_requests_per_s, request_rent_usd,
)  # fmt: skip

"""From a provider's list to rows of prices: one a machine, spot beside on demand."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from rightrig.facts.price import REFRESHED, Price
from rightrig.fetching.price_cards import Cards, Unmapped, cards_of, rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.fetching.gpuhunt_offers import Offered, ProviderList

_MOST_SIZES: Final = 3
"""Machines with the same cards in one region that are kept: the cheapest."""
_SAME_RATIO: Final = 0.005
_DEAREST_USD_PER_HOUR: Final = 1e5
_MOST_CARDS: Final = 256
UNREAD: Final = "rows that gpuhunt cannot read"
NO_PRICE: Final = "prices that are none: zero, negative or not finite"
KIND: Final = "kinds of offers that are not known"
REPEATED: Final = "the same offers under another mark"
LARGER: Final = "larger machines with the same cards, dearer than three others"


class _Machine(NamedTuple):
    """What a price is for, but for the number of cards."""

    region: str
    instance: str
    gpu: str
    terms: str


@dataclass(frozen=True, slots=True)
class Rows:
    """The prices of one provider.

    Attributes:
        prices: One a machine and region.
        left_out: Reason and name → offers that made no price.
    """

    prices: tuple[Price, ...]
    left_out: Mapping[tuple[str, str], int]


def rows_of(listed: ProviderList, catalog: Catalog) -> Rows:
    """Return the prices of one provider's list, and what was left out of it."""
    left_out: Counter[tuple[str, str]] = Counter()
    if listed.unread_count:
        left_out[UNREAD, listed.name] = listed.unread_count
    lowest: dict[_Machine, dict[tuple[int, bool], float]] = defaultdict(dict)
    for offer in listed.offers:
        found = _cards(listed.provider, offer, catalog)
        if isinstance(found, Unmapped):
            left_out[found.reason, found.what] += 1
            continue
        machine = _Machine(
            _region(listed.provider, offer.location), offer.instance, found.gpu, _terms(offer)
        )
        key = (found.count, offer.is_spot)
        prices = lowest[machine]
        prices[key] = min(prices.get(key, math.inf), offer.price_usd_per_hour)
    made = [row for machine, prices in lowest.items() for row in _prices(machine, prices, listed)]
    kept = _cheapest(made)
    if len(made) > len(kept):
        left_out[LARGER, listed.name] = len(made) - len(kept)
    return Rows(tuple(kept), left_out)


def _cards(provider: str, offer: Offered, catalog: Catalog) -> Cards | Unmapped:
    """Return the cards of an offer that can be a price, or why it cannot."""
    flags = rules()["flags"]
    if not 0.0 < offer.price_usd_per_hour < _DEAREST_USD_PER_HOUR:
        return Unmapped(NO_PRICE, f"{provider} {offer.instance}")
    if set(offer.flags) & set(flags["duplicate"]):
        return Unmapped(REPEATED, provider)
    strange = sorted(set(offer.flags) - {*flags["plain"], *flags["prepaid"]})
    if strange and offer.cards_count:
        return Unmapped(KIND, strange[0])
    found = cards_of(provider, offer, catalog)
    if isinstance(found, Cards) and found.count > _MOST_CARDS:
        return Unmapped(KIND, f"{found.count} cards in one machine")
    return found


def _region(provider: str, location: str) -> str:
    """Return the region of a place; Google's zones of one region have one price."""
    if provider == "gcp" and location[-2:-1] == "-":
        return location[:-2]
    return location or "any"


def _terms(offer: Offered) -> str:
    """Return whether an offer is paid as it runs, or for a span in advance."""
    prepaid = set(offer.flags) & set(rules()["flags"]["prepaid"])
    return "prepaid" if prepaid else "on-demand"


def _prices(
    machine: _Machine, prices: Mapping[tuple[int, bool], float], listed: ProviderList
) -> Iterable[Price]:
    """Yield one price for all sizes of a machine at one price a card, or one for each size."""
    counts = sorted({count for count, _ in prices})
    pairs = [(prices.get((n, False)), prices.get((n, True))) for n in counts]
    if len(counts) > 1 and _proportional(counts, pairs):
        yield _price(machine, counts[0], counts[-1], pairs[0], listed)
        return
    for count, pair in zip(counts, pairs, strict=True):
        name = f"{machine.instance} x{count}" if len(counts) > 1 else machine.instance
        yield _price(machine._replace(instance=name), count, count, pair, listed)


def _proportional(counts: list[int], pairs: list[tuple[float | None, float | None]]) -> bool:
    """Return whether every size is a multiple of the smallest, at one price a card."""
    for kind in (0, 1):
        each = [pair[kind] for pair in pairs]
        if all(price is None for price in each):
            continue
        if any(price is None for price in each):
            return False
        cards = [price / n for price, n in zip(each, counts, strict=True) if price is not None]
        if max(cards) > min(cards) * (1.0 + _SAME_RATIO):
            return False
    return all(n % counts[0] == 0 for n in counts)


def _price(
    machine: _Machine,
    count: int,
    most: int,
    pair: tuple[float | None, float | None],
    listed: ProviderList,
) -> Price:
    """Return one row."""
    is_tpu = machine.gpu.startswith("tpu-") and listed.provider == "gcp"
    in_stock = listed.provider in rules()["stock"]["providers"]
    return Price.model_validate(
        {
            # The shipped prices of TPUs, which these replace, are under this name.
            "provider": "gcp-tpu" if is_tpu else listed.name,
            "region": machine.region, "instance": machine.instance, "gpu": machine.gpu,
            "gpu_count": count, "max_gpu_count": most,
            "on_demand_usd_per_hour": pair[0], "spot_usd_per_hour": pair[1],
            "date": listed.date.isoformat(), "source": listed.source, "trust": REFRESHED,
            "terms": machine.terms, "availability": "in stock" if in_stock else "listed",
        }
    )  # fmt: skip


def _cheapest(prices: list[Price]) -> list[Price]:
    """Return the cheapest machines of each region, card and size, and the cheapest spot one."""
    groups: dict[tuple[object, ...], list[Price]] = defaultdict(list)
    for price in prices:
        groups[price.region, price.gpu, price.gpu_count, price.terms].append(price)
    kept = []
    for group in groups.values():
        group.sort(key=lambda p: (p.on_demand_usd_per_hour or math.inf, p.instance))
        spot = min(group, key=lambda p: p.spot_usd_per_hour or math.inf)
        kept += group[:_MOST_SIZES] + ([] if spot in group[:_MOST_SIZES] else [spot])
    return kept

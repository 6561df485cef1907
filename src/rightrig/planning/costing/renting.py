"""Every way to rent a rig: what each provider asks, on which terms, and who does not rent it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rightrig.costs.bandwidth_loss import lost_bandwidth_usd_per_year
from rightrig.costs.rental import Billing, Need, Quote, quote
from rightrig.costs.soft import gain_usd_per_year
from rightrig.costs.spot import useful_usd_per_hour
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.facts.provider import country_of, in_countries, provider_of
from rightrig.quantities import SECONDS_PER_HOUR, show_number, show_usd
from rightrig.reliability.checkpoint import Saving, first_order_waste_ratio, young_s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.price import Price
    from rightrig.facts.provider import Provider

Terms = Literal["on-demand", "prepaid", "spot"]
Absence = Literal["not rented", "not in that size", "no offer known"]


@dataclass(frozen=True, slots=True)
class Interruptions:
    """What taking machines away costs: told, or worked out from three times.

    Attributes:
        told_waste_ratio: Share of the time that is lost, where the user says it.
        between_s: Mean time between two interruptions of the whole rig.
        save_s: Time of a save; 0 where nothing needs to be saved, as in serving.
        restart_s: From an interruption to work again.
    """

    told_waste_ratio: float | None = None
    between_s: float = 0.0
    save_s: float = 0.0
    restart_s: float = 0.0

    @property
    def waste_ratio(self) -> float:
        """Share of the paid time that is lost (F12.5, F11.3).

        With saves at Young's interval: saves, half an interval of work, and the restart. Without:
        the restart over the time until the next interruption and it together.
        """
        if self.told_waste_ratio is not None:
            return self.told_waste_ratio
        if self.save_s <= 0.0:
            return self.restart_s / (self.between_s + self.restart_s)
        saving = Saving(self.between_s, self.save_s, self.restart_s)
        return min(first_order_waste_ratio(young_s(self.save_s, self.between_s), saving), 1.0)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which offers count, and for how long.

    Attributes:
        used_s: How long the rig is needed.
        spot: Whether spot prices are shown instead of the others.
        countries: Where the machines must stand; none for anywhere.
        providers: Whose offers count; none for everybody's.
        interruptions: With ``spot``: what they cost; ``None`` where nobody says.
    """

    used_s: float
    spot: bool = False
    countries: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    interruptions: Interruptions | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to rent the rig.

    Attributes:
        quote: What it costs.
        country: Where the machines stand; ``None`` where one price is for several countries.
        billing: How the provider counts time.
        commitment: Terms of a prepaid offer; empty for the others, and where nobody says.
        gb_usd_per_hour: Rent of a marketed gigabyte of the card.
        useful_usd_per_hour: Of the rig, an hour of work that is kept; ``None`` unless it is spot
            and interruptions are told.
    """

    quote: Quote
    terms: Terms
    country: str | None
    billing: Billing
    commitment: str
    gb_usd_per_hour: float
    useful_usd_per_hour: float | None = None

    @property
    def price(self) -> Price:
        """The record behind it."""
        return self.quote.price


@dataclass(frozen=True, slots=True)
class Missing:
    """A provider that has no offer of the rig.

    Attributes:
        why: ``not rented`` only where a complete list of its own says so.
    """

    provider: str
    why: Absence


@dataclass(frozen=True, slots=True)
class Rent:
    """All offers of a rig, cheapest first, and who has none."""

    rig: Rig
    wish: Wish
    offers: tuple[Offer, ...]
    missing: tuple[Missing, ...]

    def explain(self) -> Explanation:
        """Return the cheapest offer, what is in its price, and what is not."""
        return _explain(self)


@dataclass(frozen=True, slots=True)
class Worth:
    """What more work, or less bandwidth, of a rented rig is worth a year.

    Attributes:
        card_usd_per_hour: Rent that it is valued at.
        gain_usd_per_year: Of ``gain_ratio`` more work; ``None`` where not asked.
        loss_usd_per_year: Of ``lost_bandwidth_ratio`` with ``exposed_ratio`` of a step waited.
    """

    card_usd_per_hour: float
    gain_ratio: float | None = None
    gain_usd_per_year: float | None = None
    lost_bandwidth_ratio: float | None = None
    exposed_ratio: float | None = None
    loss_usd_per_year: float | None = None


def rent(catalog: Catalog, rig: Rig, wish: Wish) -> Rent:
    """Return every offer in the size of a rig, cheapest first, and who has none.

    Raises:
        InputError: for a rig of several kinds of cards or of MIG instances, which nobody sells.
    """
    if not rig.is_uniform or rig.groups[0].mig:
        raise InputError(
            f"{rig.text} is rented out by nobody as a whole: name one kind of whole cards"
        )
    need = Need(rig.gpu.slug, rig.cards_per_node, rig.nodes_count, wish.used_s)
    offers = [
        offer
        for price in _within(catalog, wish)
        if (offer := _offer(catalog, rig.gpu, price, need, wish)) is not None
    ]
    offers.sort(key=lambda offer: (offer.useful_usd_per_hour or 0.0, offer.quote.total_usd))
    return Rent(rig, wish, tuple(offers), _missing(catalog, rig, wish, offers))


def worth(
    rig: Rig, card_usd_per_hour: float, gain_ratio: float | None, lost: tuple[float, float] | None
) -> Worth:
    """Return what a gain of work, and a loss of bandwidth, come to on a rig.

    Args:
        rig: Whose cards count.
        card_usd_per_hour: What one costs.
        gain_ratio: More work of the same cards.
        lost: Share of the bandwidth between cards that is lost, and share of a step that is
            waited for other cards.
    """
    cards = rig.cards_count
    gained = None if gain_ratio is None else gain_usd_per_year(gain_ratio, cards, card_usd_per_hour)
    if lost is None:
        return Worth(card_usd_per_hour, gain_ratio, gained)
    missed = lost_bandwidth_usd_per_year(lost[0], lost[1], cards, card_usd_per_hour)
    return Worth(card_usd_per_hour, gain_ratio, gained, lost[0], lost[1], missed)


def _within(catalog: Catalog, wish: Wish) -> Iterable[Price]:
    """Yield the offers of the wanted providers in the wanted countries."""
    wanted = {catalog.provider(name).slug for name in wish.providers}
    for price in catalog.prices():
        provider = provider_of(catalog, price)
        if wanted and (provider is None or provider.slug not in wanted):
            continue
        if in_countries(catalog, price, wish.countries):
            yield price


def _offer(catalog: Catalog, gpu: Gpu, price: Price, need: Need, wish: Wish) -> Offer | None:
    """Return one price as an offer of the rig, or ``None`` where it is none."""
    provider = provider_of(catalog, price)
    billing = Billing()
    if provider is not None and price.terms == "on-demand":
        billing = Billing(provider.billed_every_s, provider.billed_least_s)
    found = quote(price, need, billing, spot=wish.spot)
    if found is None:
        return None
    commitment = provider.prepaid if provider is not None and price.terms == "prepaid" else ""
    useful = None
    if wish.spot and wish.interruptions is not None:
        useful = useful_usd_per_hour(found.usd_per_hour, wish.interruptions.waste_ratio)
    return Offer(
        quote=found,
        terms="spot" if wish.spot else price.terms,
        country=country_of(catalog, price),
        billing=billing,
        commitment=commitment,
        gb_usd_per_hour=found.card_usd_per_hour / gpu.memory_marketed_gib,
        useful_usd_per_hour=useful,
    )


def _missing(
    catalog: Catalog, rig: Rig, wish: Wish, offers: Iterable[Offer]
) -> tuple[Missing, ...]:
    """Return the providers that have no offer of a rig, and why."""
    having = {found.slug for offer in offers if (found := provider_of(catalog, offer.price))}
    listed = {
        found.slug
        for price in catalog.prices()
        if price.gpu == rig.gpu.slug and (found := provider_of(catalog, price))
    }
    wanted = {catalog.provider(name).slug for name in wish.providers}
    return tuple(
        Missing(provider.slug, _why_missing(provider, rig.gpu, provider.slug in listed))
        for provider in catalog.providers()
        if provider.slug not in having and (not wanted or provider.slug in wanted)
    )


def _why_missing(provider: Provider, gpu: Gpu, is_listed: bool) -> Absence:  # noqa: FBT001 - private
    """Say why a provider has no offer of a rig."""
    if gpu.slug in provider.not_rented:
        return "not rented"
    return "not in that size" if is_listed else "no offer known"


def _explain(found: Rent) -> Explanation:
    """Return the sentences of an answer."""
    sentences: list[str] = []
    figures: tuple[Figure, ...] = ()
    sources: tuple[str, ...] = ()
    if found.offers:
        first = found.offers[0]
        total, hours = first.quote.total_usd, first.quote.paid_s / SECONDS_PER_HOUR
        sentences.append(
            f"Cheapest: {first.quote.purchase.text}, {show_usd(first.quote.usd_per_hour)}/h for "
            f"the rig, {show_usd(total)} for {show_number(hours)} h."
        )
        figures = (Figure("total_usd", total, show_usd(total), first.price.source),)
        sources = (f"{first.price.provider}: {first.price.date} ({first.price.source})",)
    sentences.append(
        "A rent holds the machine, its space, cooling and electricity: no electricity is added to "
        "it. Storage, egress and public addresses are billed apart by most providers."
    )
    if found.wish.spot:
        sentences.append(
            "Spot machines of one zone are mostly taken away together: replicas in one zone are "
            "one failure domain, so spread them or keep some on demand."
        )
    return Explanation(tuple(sentences), figures, sources)

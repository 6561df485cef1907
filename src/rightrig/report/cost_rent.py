"""The report of ``cost rent``: every offer of a rig, a node's price never as a card's."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

from rightrig.quantities import SECONDS_PER_HOUR, show_number, show_seconds, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.prices import age_text, places_of, same_but_for_place
from rightrig.report.values import explanation_json, finite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.costing.renting import Offer, Rent, Worth
    from rightrig.report.schema.cost import (
        OfferJson,
        RentJson,
        WorthJson,
    )

_WHY = {
    "not rented": "Not rented out (complete lists of their own)",
    "not in that size": "The card, but not so many in a machine, not on these terms or not there",
    "no offer known": "No offer is known (they may rent it)",
}


def _today() -> datetime.date:
    """Return the day that ages are counted from."""
    return datetime.datetime.now(tz=datetime.UTC).date()


def rent_document(found: Rent, valued: Worth | None) -> Document:
    """Return every offer of a rig, cheapest first, and who has none."""
    hours = show_number(found.wish.used_s / SECONDS_PER_HOUR)
    kind = "spot offer" if found.wish.spot else "offer"
    count = f"{len(found.offers)} {kind}{'' if len(found.offers) == 1 else 's'}"
    title = Paragraph(f"{count} of {found.rig.text} for {hours} h", "title")
    told = tuple(Paragraph(sentence) for sentence in found.explain().sentences)
    grid = (_grid(found),) if found.offers else ()
    return (title, *grid, *told, *_missing(found), *_worth(valued, found))


def _grid(found: Rent) -> Grid:
    """Return the table of offers."""
    useful = any(offer.useful_usd_per_hour is not None for offer in found.offers)
    headers = (
        "provider", "instance", "cards", "$/h node", "$/h card", "$/GB·h", "instances",
        "$/h rig", *(("$/h useful",) if useful else ()), "total $", "terms", "billed by", "region",
        "country", "date", "age", "trust",
    )  # fmt: skip
    today = _today()
    rows = tuple(_row(group, today, useful=useful) for group in same_but_for_place(found.offers))
    numeric = tuple(range(2, 10 if useful else 9))
    last = len(headers) - 1
    spare = (last, last - 4, 5, last - 3, 6, last - 5, last - 2, 1, 3, 7)
    return Grid(headers, rows, numeric, spare=spare)


def _row(group: Sequence[Offer], today: datetime.date, *, useful: bool) -> tuple[str, ...]:
    """Return one offer, in all its regions, as a line."""
    offer = group[0]
    quote, price = offer.quote, offer.price
    kept = offer.useful_usd_per_hour
    return (
        price.provider,
        price.instance,
        str(quote.purchase.cards_per_instance),
        f"{quote.instance_usd_per_hour:,.3f}",
        f"{quote.card_usd_per_hour:,.3f}",
        f"{offer.gb_usd_per_hour:.5f}",
        str(quote.purchase.instances_count),
        f"{quote.usd_per_hour:,.2f}",
        *((("–" if kept is None else _useful(kept)),) if useful else ()),
        f"{quote.total_usd:,.2f}",
        offer.terms,
        _billed(offer),
        *places_of(group),
        price.date,
        age_text(price, today),
        price.trust,
    )


def _useful(usd_per_hour: float) -> str:
    """Return dollars of an hour of work that is kept; there is none where all is lost."""
    return "∞" if math.isinf(usd_per_hour) else f"{usd_per_hour:,.2f}"


def _billed(offer: Offer) -> str:
    """Return the steps that time is billed in."""
    if offer.billing.step_s is None:
        return "in advance" if offer.terms == "prepaid" else "unknown"
    least = offer.billing.least_s
    more = f", at least {show_seconds(least)}" if least > offer.billing.step_s else ""
    return f"{show_seconds(offer.billing.step_s)}{more}"


def _missing(found: Rent) -> Document:
    """Return who has no offer, and the terms of what is prepaid."""
    lines = []
    for why, words in _WHY.items():
        names = [missing.provider for missing in found.missing if missing.why == why]
        if names:
            lines.append(Paragraph(f"{words}: {', '.join(names)}.", "dim"))
    terms = dict.fromkeys(offer.commitment for offer in found.offers if offer.commitment)
    return (*lines, *(Paragraph(f"Prepaid: {text}", "dim") for text in terms))


def _worth(valued: Worth | None, found: Rent) -> Document:
    """Return what a gain and a loss are worth."""
    if valued is None:
        return ()
    cards = f"{found.rig.cards_count:,} cards at {show_usd(valued.card_usd_per_hour)}/h"
    lines = []
    if valued.gain_usd_per_year is not None and valued.gain_ratio is not None:
        lines.append(
            f"{valued.gain_ratio:.0%} more work of {cards} is worth "
            f"{show_usd(valued.gain_usd_per_year)} a year: the rent of the cards that need not be "
            "added."
        )
    if valued.loss_usd_per_year is not None and valued.exposed_ratio is not None:
        lines.append(
            f"{valued.lost_bandwidth_ratio:.0%} less bandwidth on {cards} costs "
            f"{show_usd(valued.loss_usd_per_year)} a year where {valued.exposed_ratio:.0%} of a "
            "step is waited for other cards; what is hidden behind arithmetic costs nothing."
        )
    return tuple(Paragraph(line) for line in lines)


def rent_json(found: Rent, valued: Worth | None) -> RentJson:
    """Return the offers as JSON."""
    today = _today()
    wish = found.wish
    return {
        "rig": found.rig.text,
        "used_s": wish.used_s,
        "spot": wish.spot,
        "waste_ratio": None if wish.interruptions is None else wish.interruptions.waste_ratio,
        "offers": [_offer_json(offer, today) for offer in found.offers],
        "without_offer": [{"provider": m.provider, "why": m.why} for m in found.missing],
        "worth": None if valued is None else _worth_json(valued),
        "explanation": explanation_json(found.explain()),
    }


def _offer_json(offer: Offer, today: datetime.date) -> OfferJson:
    """Return one offer as JSON."""
    quote, price = offer.quote, offer.price
    return {
        "provider": price.provider,
        "region": price.region,
        "country": offer.country,
        "instance": price.instance,
        "gpu": price.gpu,
        "cards_per_instance": quote.purchase.cards_per_instance,
        "instances": quote.purchase.instances_count,
        "rented_cards": quote.purchase.rented_cards,
        "terms": offer.terms,
        "commitment": offer.commitment,
        "availability": price.availability,
        "instance_usd_per_hour": quote.instance_usd_per_hour,
        "card_usd_per_hour": quote.card_usd_per_hour,
        "gb_usd_per_hour": offer.gb_usd_per_hour,
        "rig_usd_per_hour": quote.usd_per_hour,
        "rig_usd_per_month": quote.purchase.rent_usd_per_month,
        "useful_usd_per_hour": finite(offer.useful_usd_per_hour),
        "billed_every_s": offer.billing.step_s,
        "billed_least_s": offer.billing.least_s,
        "paid_s": quote.paid_s,
        "total_usd": quote.total_usd,
        "date": price.date,
        "age_days": price.age_days(today),
        "price_warning": price.staleness(today) or None,
        "trust": price.trust,
        "source": price.source,
        "note": price.note,
    }


def _worth_json(valued: Worth) -> WorthJson:
    """Return a gain and a loss as JSON."""
    return {
        "card_usd_per_hour": valued.card_usd_per_hour,
        "gain_ratio": valued.gain_ratio,
        "gain_usd_per_year": valued.gain_usd_per_year,
        "lost_bandwidth_ratio": valued.lost_bandwidth_ratio,
        "exposed_ratio": valued.exposed_ratio,
        "loss_usd_per_year": valued.loss_usd_per_year,
    }

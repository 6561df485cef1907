"""From the words of ``cost own`` to the bill of an owner."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.bill import NOT_COUNTED, NOTHING_USD
from rightrig.costs.resale import resale_curve
from rightrig.costs.soft import abandoned_usd_per_month, debugging_usd
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.interval import Interval
from rightrig.planning.costing.owning import (
    LINES,
    OwnTerms,
    Told,
    colocation,
    owned,
    resale_of,
)
from rightrig.planning.costing.part_of import part_of
from rightrig.quantities import parse
from rightrig.report.cost_own import own_document, own_json
from rightrig.verbs.amounts import (
    SiteWords,
    labour_of,
    rig_or_machine,
    share_ratio,
    span_years,
    tariff_asked,
)
from rightrig.verbs.costing_owning import draw_asked
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.costs.bill import Bill
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.planning.costing.electricity import Draw
    from rightrig.planning.costing.part_of import PartOf
    from rightrig.report.schema.cost import (
        OwnJson,
    )

_MOST_RATE_PER_S: Final = 1e9
_ABANDONED_PARTS: Final = 3
_MARKET: Final = "market"
_A_KILOWATT: Final = re.compile(r"(.*\d)\s*(?:/kW)?\s*(?:/month)?")
"""An amount that recurs for each kilowatt and month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWords:
    """The words of ``cost own``; ``None`` where an option was left out."""

    rig: str
    against: str | None
    owned_years: float
    discount: str
    capex: str | None
    power: str | None
    host_power: str | None
    use: str
    resale: str | None
    successor_years: float | None
    staff: str | None
    colocation: str | None
    support: str | None
    debugging: str | None
    wage: str | None
    abandoned: str | None
    lines: tuple[str, ...]
    site: SiteWords


def own(catalog: Catalog, words: OwnWords) -> Found[OwnJson]:
    """Return the bill of owning a rig, and how much of another one's models and cost it has."""
    rig, bill = _bill(catalog, words, words.rig, words.capex)
    held = None if words.against is None else _held(catalog, words, rig, bill)
    return Found(
        data=lambda: own_json(bill, held),
        document=lambda: own_document(bill, held),
        yes=True,
        records=(*(group.gpu for group in rig.groups), *_facts(catalog, words)),
    )


def _facts(catalog: Catalog, words: OwnWords) -> tuple[Record, ...]:
    """Return the records that a bill may rest on, beside those of the cards."""
    _, tariff = tariff_asked(catalog, words.site)
    parts = (catalog.part(slug) for slug in catalog.slugs("parts"))
    curves = (catalog.resale(slug) for slug in catalog.slugs("resale"))
    return (*tariff, *parts, *(curves if words.resale is not None else ()))


def _bill(catalog: Catalog, words: OwnWords, text: str, capex: str | None) -> tuple[Rig, Bill]:
    """Return a rig and its bill."""
    rig, system = rig_or_machine(catalog, text)
    draw = draw_asked((rig, system), words.power, words.host_power, words.use)
    resale, origin = _resale(catalog, words, rig)
    terms = OwnTerms(
        owned_years=span_years(words.owned_years, "--years"),
        rate_per_year=share_ratio(words.discount, "--discount"),
        tariff=tariff_asked(catalog, words.site)[0],
        draw=draw,
        told=_told(catalog, words, draw, capex),
        support_ratio=0.0 if words.support is None else share_ratio(words.support, "--support"),
        resale_ratio=resale,
        resale_origin=origin,
    )
    return rig, owned(catalog, rig, terms)


def _told(catalog: Catalog, words: OwnWords, draw: Draw, capex: str | None) -> dict[str, Told]:
    """Return the lines that the user states."""
    purse = words.site.purse
    found: dict[str, Told] = {}
    if capex is not None:
        found["hardware"] = Told(purse.range_usd(capex, "--capex"))
    if words.staff is not None:
        found["staff"] = Told(purse.yearly_usd(words.staff, "--staff"))
    if words.colocation is not None:
        found["colocation"] = _colocation(catalog, words, draw)
    found |= _soft(words)
    for text in words.lines:
        key, told = _line(words, text)
        if key in found:
            raise InputError(f"the line {key} is stated twice: drop one, --with {plain(text, 60)}")
        found[key] = told
    return found


def _line(words: OwnWords, text: str) -> tuple[str, Told]:
    """Return one ``NAME=AMOUNT``."""
    key, equals, amount = text.partition("=")
    if not equals or key not in LINES:
        raise InputError(
            f"--with {plain(text, 60)!r}: write NAME=AMOUNT with one of {', '.join(LINES)}"
        )
    purse, name = words.site.purse, f"--with {key}"
    if LINES[key][1] == "a year":
        return key, Told(purse.yearly_usd(amount, name))
    return key, Told(purse.range_usd(amount, name))


def _colocation(catalog: Catalog, words: OwnWords, draw: Draw) -> Told:
    """Return space and cooling: a price a kilowatt and month, or what the market asks."""
    text = words.colocation or ""
    if text == _MARKET:
        return colocation(catalog, draw.busy_power_w)
    match = _A_KILOWATT.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"--colocation is {plain(text, 40)!r}: write dollars a kW and month, $217, or market"
        )
    bare = match[1]
    monthly = words.site.purse.range_usd(bare, "--colocation")
    kilowatts = draw.busy_power_w / 1e3
    return Told(monthly.scaled(12.0 * kilowatts), f"as given, {kilowatts:,.2f} kW ({draw.origin})")


def _soft(words: OwnWords) -> dict[str, Told]:
    """Return hours of engineers, and requests that users give up."""
    found: dict[str, Told] = {}
    purse = words.site.purse
    labour = labour_of(words.debugging, words.wage, purse)
    if labour is not None:
        found["debugging"] = Told(Interval.exact(debugging_usd(labour)))
    if words.abandoned is not None:
        parts = words.abandoned.split(",")
        if len(parts) != _ABANDONED_PARTS:
            raise InputError(
                "--abandoned is a rate, a share and a loss: write --abandoned 2/s,1%,$0.05"
            )
        rate = parse(parts[0], "rate", name="--abandoned", limit=_MOST_RATE_PER_S)
        share = share_ratio(parts[1], "--abandoned")
        lost = abandoned_usd_per_month(rate, share, purse.usd(parts[2], "--abandoned"))
        found["abandonment"] = Told(Interval.exact(12.0 * lost))
    return found


def _resale(catalog: Catalog, words: OwnWords, rig: Rig) -> tuple[Interval, str]:
    """Return what comes back at the end, as a share of the price of the hardware."""
    text = words.resale
    if words.successor_years is not None:
        span_years(words.successor_years, "--new-generation")
    if text is None or text == "none":
        return NOTHING_USD, NOT_COUNTED
    if text == "curve" or text in catalog.slugs("resale"):
        record = catalog.resale(_curve_name(catalog, rig) if text == "curve" else text)
        return resale_of(resale_curve(record), words.owned_years, words.successor_years)
    if words.successor_years is not None:
        raise InputError("--new-generation moves a curve: add --resale curve")
    return Interval.exact(share_ratio(text, "--resale")), "as given"


def _curve_name(catalog: Catalog, rig: Rig) -> str:
    """Return the published curve of a rig's cards."""
    family = rig.gpu.slug.partition("-")[0]
    if family in catalog.slugs("resale"):
        return family
    raise InputError(
        f"no published resale values of {rig.gpu.slug} are known: write a share, --resale 30%, or "
        f"take those of another card, one of {', '.join(catalog.slugs('resale'))}"
    )


def _held(catalog: Catalog, words: OwnWords, rig: Rig, bill: Bill) -> PartOf:
    """Return how much of another rig's cost and models a rig has."""
    other, against = _bill(catalog, words, words.against or "", None)
    if against.present_usd.mid <= 0.0:
        raise InputError(f"--against {other.text} costs nothing on these terms: leave it out")
    return part_of(catalog, rig, other, bill.present_usd.mid / against.present_usd.mid)

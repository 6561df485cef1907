"""Amounts as users of ``cost`` write them: shares, money, tariffs, rigs and machines by name."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.soft import Labour
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.facts.tariff import tariff_of_region
from rightrig.interval import Interval
from rightrig.planning.planned import Tariff
from rightrig.planning.search import tariff_facts, tariff_of
from rightrig.quantities import (
    HOURS_PER_MONTH,
    ONE_VALUE,
    SECONDS_PER_HOUR,
    check_positive,
    parse,
)
from rightrig.verbs.risk_words import long_s

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.power import PowerFact
    from rightrig.facts.source import Record
    from rightrig.facts.system import System

MOST_USD: Final = 1e12
MOST_YEARS: Final = 30.0
_LEAST_YEARS: Final = 1.0 / 366.0
_MOST_PUE_RATIO: Final = 10.0
_MOST_USD_PER_KWH: Final = 10.0
_MOST_WAGE_USD: Final = 1e5
_MOST_EUR_RATIO: Final = 100.0
_MOST_CARD_USD_PER_MONTH: Final = 1e6
_SHOWN: Final = 40
_NOTHING: Final = re.compile(r"\$?\s*0+(\.0*)?")
_SHARE: Final = re.compile(r"([+-]?\d+\.?\d*|[+-]?\.\d+)\s*(%?)")


def share_ratio(text: str, name: str, most_ratio: float = 1.0) -> float:
    """Return a share, written as ``10%`` or ``0.1``.

    Raises:
        InputError: for no number, and one below 0 or above the most.
    """
    if ".." in text:
        raise InputError(f"{name} is {plain(text, _SHOWN)!r}: {ONE_VALUE}")
    match = _SHARE.fullmatch(text.strip()[:_SHOWN])
    if match is None:
        raise InputError(f"{name} is {plain(text, _SHOWN)!r}: write a share such as 10% or 0.1")
    value = float(match[1]) / (100.0 if match[2] else 1.0)
    if not 0.0 <= value <= most_ratio:
        raise InputError(f"{name} is {value:.0%}: it is a share from 0 to {most_ratio:.0%}")
    return value


def hourly(text: str) -> str:
    """Return money a time as written, where a bare number is dollars an hour."""
    return f"{text}/h" if text.strip()[-1:].isdigit() else text


def card_usd_per_hour(text: str) -> float:
    """Return what an hour of one card costs, written ``$2.50/h`` or ``2.50``."""
    monthly = parse(
        hourly(text), "money_per_month", name="--card-price", limit=_MOST_CARD_USD_PER_MONTH
    )
    return monthly / HOURS_PER_MONTH


def span_years(years: float, name: str) -> float:
    """Return a number of years that somebody may own a machine, a day at least."""
    owned_years = check_positive(years, name=name, limit=MOST_YEARS)
    if owned_years < _LEAST_YEARS:
        raise InputError(
            f"{name} is {years:g}: a machine is owned for a day or longer, 0.003 years"
        )
    return owned_years


@dataclass(frozen=True, slots=True)
class Purse:
    """How money is read: dollars, and euros where their rate is given.

    Attributes:
        usd_per_eur_ratio: Rate of the day; ``None`` refuses euros.
    """

    usd_per_eur_ratio: float | None = None

    def __post_init__(self) -> None:
        """Refuse a rate that is none."""
        rate = self.usd_per_eur_ratio
        if rate is not None:
            check_positive(rate, name="--eur-usd", limit=_MOST_EUR_RATIO)

    def rate_ratio(self, name: str, text: str) -> float:
        """Return dollars in a euro, for an amount in euros.

        Raises:
            InputError: where the rate is not given: amounts in two currencies are never added.
        """
        if self.usd_per_eur_ratio is None:
            raise InputError(
                f"{name} {plain(text, _SHOWN)} is in euros and everything else in dollars: add the "
                "rate of the day, --eur-usd 1.08"
            )
        return self.usd_per_eur_ratio

    def usd(self, text: str, name: str, limit_usd: float = MOST_USD) -> float:
        """Return an amount of 0 or more, in dollars."""
        in_euros = "€" in text or "EUR" in text
        bare = text.replace("€", "").replace("EUR", "").strip()
        if _NOTHING.fullmatch(bare):
            return 0.0
        found = parse(bare, "money", name=name, limit=limit_usd)
        return found * self.rate_ratio(name, text) if in_euros else found

    def range_usd(self, text: str, name: str) -> Interval:
        """Return least and most, written ``25000..40000``, or one amount."""
        first, dots, last = text.partition("..")
        low = self.usd(first, name)
        high = self.usd(last, name) if dots else low
        if high < low:
            raise InputError(f"{name} {plain(text, _SHOWN)}: write the lower amount first")
        return Interval(low, 0.5 * (low + high), high)

    def yearly_usd(self, text: str, name: str) -> Interval:
        """Return what recurs, written with ``/month`` or ``/year``, in dollars a year."""
        for ending, times in (("/month", 12.0), ("/year", 1.0)):
            if text.strip().endswith(ending):
                return self.range_usd(text.strip().removesuffix(ending), name).scaled(times)
        raise InputError(
            f"{name} is {plain(text, _SHOWN)!r}: it recurs; write how often, $500/month or "
            "$6000/year"
        )


@dataclass(frozen=True, slots=True)
class SiteWords:
    """What a command says of its electricity; ``None`` where it does not."""

    tariff: str | None
    pue_ratio: float | None
    purse: Purse


def tariff_asked(catalog: Catalog, words: SiteWords) -> tuple[Tariff, tuple[Record, ...]]:
    """Return what electricity costs, and the records behind it.

    As said, of a region, or else the published averages.
    """
    usual = tariff_of(catalog)
    records: list[Record] = []
    tariff_fact, pue_fact = tariff_facts(catalog)
    if words.tariff is not None and ".." in words.tariff:
        raise InputError(
            f"--tariff is {plain(words.tariff, _SHOWN)!r}: write one price here; 'rightrig cost "
            "tokens' and 'cost break-even' take a range"
        )
    if words.tariff is None:
        rate, origin = usual.usd_per_kwh, f"{usual.usd_origin}, {_dated(tariff_fact)}"
        records.append(tariff_fact)
    elif _is_written(words.tariff):
        rate, origin = _written_usd_per_kwh(words.tariff, words.purse), "as given"
    else:
        fact = tariff_of_region(catalog, words.tariff)
        rate, origin = _rate_of(fact, words.purse)
        records.append(fact)
    pue, pue_origin = usual.pue_ratio, f"{usual.pue_origin}, {_dated(pue_fact)}"
    if words.pue_ratio is None:
        records.append(pue_fact)
    else:
        pue, pue_origin = _pue_ratio(words.pue_ratio), "as given"
    tariff = Tariff(usd_per_kwh=rate, pue_ratio=pue, usd_origin=origin, pue_origin=pue_origin)
    return tariff, tuple(records)


def _pue_ratio(value_ratio: float) -> float:
    """Return a PUE, which is 1 at least."""
    if not math.isfinite(value_ratio) or not 1.0 <= value_ratio <= _MOST_PUE_RATIO:
        raise InputError(
            f"--pue is {value_ratio:g}: a site takes at least what its machines take, 1, and "
            f"{_MOST_PUE_RATIO:g} at most"
        )
    return value_ratio


def _is_written(text: str) -> bool:
    """Whether a tariff is a price and not a region."""
    return text.strip()[:1] in {"", "$", "€", "-", "+", "."} or text.strip()[:1].isdigit()


def _written_usd_per_kwh(text: str, purse: Purse) -> float:
    """Return dollars a kilowatt hour."""
    return purse.usd(text.strip().replace("/kWh", ""), "--tariff", _MOST_USD_PER_KWH)


def _dated(fact: PowerFact) -> str:
    """Return the day and the source of a figure."""
    return f"{fact.sources[0].date or 'undated'} ({fact.sources[0].reference})"


def _rate_of(fact: PowerFact, purse: Purse) -> tuple[float, str]:
    """Return dollars a kilowatt hour of a region, and whose figure it is."""
    rate = 0.5 * (fact.low + fact.high)
    origin = f"{fact.region}, {fact.item}, {_dated(fact)}"
    if fact.unit == "EUR/kWh":
        rate *= purse.rate_ratio("--tariff", f"{fact.region} (€{rate:g}/kWh)")
        origin = f"{origin}, €1 = ${purse.usd_per_eur_ratio:g}"
    return rate, origin


def rig_or_machine(catalog: Catalog, text: str) -> tuple[Rig, System | None]:
    """Return a rig by its notation, or by the name of a machine of the catalogue."""
    if text.strip().lower() in catalog.slugs("systems"):
        system = catalog.system(text.strip().lower())
        return parse_rig(system.rig, catalog), system
    return parse_rig(text, catalog), None


def labour_of(debugging: str | None, wage: str | None, purse: Purse) -> Labour | None:
    """Return hours of engineers and their wage; ``None`` where nobody says.

    Raises:
        InputError: for one of them without the other.
    """
    if (debugging is None) != (wage is None):
        raise InputError("--debugging and --wage go together: --debugging 20h --wage $100")
    if debugging is None or wage is None:
        return None
    usd = purse.usd(wage.removesuffix("/h"), "--wage", _MOST_WAGE_USD)
    return Labour(long_s(debugging, "--debugging") / SECONDS_PER_HOUR, usd)

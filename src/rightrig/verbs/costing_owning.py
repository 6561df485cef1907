"""From the words of ``cost rent``, ``cost own`` and ``cost energy`` to their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.planning.costing.electricity import (
    Draw,
    Electricity,
    EnergyBill,
    draw_as_told,
    draw_of_rig,
    draw_of_system,
    efficiencies,
)
from rightrig.planning.costing.renting import Interruptions, Wish, rent, worth
from rightrig.quantities import HOURS_PER_MONTH, SECONDS_PER_HOUR, check_positive, parse
from rightrig.report.cost_energy import energy_document, energy_json
from rightrig.report.cost_rent import rent_document, rent_json
from rightrig.verbs.amounts import (
    SiteWords,
    card_usd_per_hour,
    rig_or_machine,
    share_ratio,
    span_years,
    tariff_asked,
)
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.system import System
    from rightrig.planning.costing.renting import Rent, Worth
    from rightrig.report.schema.cost import (
        EnergyJson,
        RentJson,
    )

_MOST_HOURS_COUNT: Final = 30.0 * 8760.0
_DAY_HOURS_COUNT: Final = 24.0
_LONGEST_S: Final = 1e9
_MOST_W: Final = 1e9
_MOST_HOST_W: Final = 1e5
_MOST_LOST_RATIO: Final = 0.99
"""Of time or of bandwidth: where all is lost, nothing is left to price."""


@dataclass(frozen=True, slots=True)
class RentWords:
    """The words of ``cost rent``; ``None`` where an option was left out."""

    rig: str
    hours_count: float | None
    days_count: float | None
    spot: bool
    country: str | None
    provider: str | None
    waste: str | None
    between: str | None
    save_time: str | None
    restart: str | None
    card_price: str | None
    gain: str | None
    bandwidth_loss: str | None
    exposed: str | None


def rented(catalog: Catalog, words: RentWords) -> Found[RentJson]:
    """Return every offer of a rig, and what a gain or a loss on it is worth."""
    rig, _ = rig_or_machine(catalog, words.rig)
    wish = Wish(
        used_s=_used_s(words),
        spot=words.spot,
        countries=_listed(words.country),
        providers=_listed(words.provider),
        interruptions=_interruptions(words),
    )
    found = rent(catalog, rig, wish)
    valued = _worth(words, rig, found)
    return Found(
        data=lambda: rent_json(found, valued),
        document=lambda: rent_document(found, valued),
        yes=bool(found.offers),
        records=(rig.gpu, *(offer.price for offer in found.offers)),
    )


def _listed(text: str | None) -> tuple[str, ...]:
    """Return words that are parted by commas."""
    return () if text is None else tuple(word.strip() for word in text.split(",") if word.strip())


def _used_s(words: RentWords) -> float:
    """Return how long the rig is needed; a month where nothing is said."""
    if words.hours_count is not None and words.days_count is not None:
        raise InputError("--hours and --days say the same twice: drop one")
    if words.days_count is not None:
        most = _MOST_HOURS_COUNT / _DAY_HOURS_COUNT
        days = check_positive(words.days_count, name="--days", limit=most)
        return days * _DAY_HOURS_COUNT * SECONDS_PER_HOUR
    hours = HOURS_PER_MONTH if words.hours_count is None else words.hours_count
    return check_positive(hours, name="--hours", limit=_MOST_HOURS_COUNT) * SECONDS_PER_HOUR


def _interruptions(words: RentWords) -> Interruptions | None:
    """Return what being taken away costs, where it is said."""
    timed = {"--mtbp": words.between, "--save-time": words.save_time, "--restart": words.restart}
    said = [name for name, text in timed.items() if text is not None]
    if not words.spot and (said or words.waste is not None):
        raise InputError(f"{(said or ['--spot-waste'])[0]} is of spot machines: add --spot")
    if words.waste is not None:
        if said:
            raise InputError(f"--spot-waste and {said[0]} say the same twice: drop one")
        return Interruptions(
            told_waste_ratio=share_ratio(words.waste, "--spot-waste", _MOST_LOST_RATIO)
        )
    if not said:
        return None
    if words.between is None:
        raise InputError(f"{said[0]} needs the mean time between interruptions: add --mtbp 6h")
    return Interruptions(
        between_s=parse(words.between, "time", name="--mtbp", limit=_LONGEST_S),
        save_s=_time_s(words.save_time, "--save-time"),
        restart_s=_time_s(words.restart, "--restart"),
    )


def _time_s(text: str | None, name: str) -> float:
    """Return a time, 0 where it is not said."""
    return 0.0 if text is None else parse(text, "time", name=name, limit=_LONGEST_S)


def _worth(words: RentWords, rig: Rig, found: Rent) -> Worth | None:
    """Return what a gain of work and a loss of bandwidth are worth, where asked."""
    lost = None
    if (words.bandwidth_loss is None) != (words.exposed is None):
        raise InputError(
            "--bandwidth-loss and --exposed go together: lost bandwidth costs only the share of a "
            "step that is waited for other cards"
        )
    if words.bandwidth_loss is not None and words.exposed is not None:
        lost = (
            share_ratio(words.bandwidth_loss, "--bandwidth-loss", _MOST_LOST_RATIO),
            share_ratio(words.exposed, "--exposed"),
        )
    gain = None if words.gain is None else share_ratio(words.gain, "--gain", 10.0)
    if gain is None and lost is None:
        if words.card_price is not None:
            raise InputError("--card-price is what a card-hour is valued at: add --gain 10%")
        return None
    return worth(rig, _valued_usd_per_hour(words, found), gain, lost)


def _valued_usd_per_hour(words: RentWords, found: Rent) -> float:
    """Return what an hour of a card is valued at: as said, or at the cheapest offer."""
    if words.card_price is not None:
        return card_usd_per_hour(words.card_price)
    if not found.offers:
        raise InputError("no offer says what a card costs: add --card-price $2.50/h")
    return found.offers[0].quote.card_usd_per_hour


@dataclass(frozen=True, slots=True)
class EnergyWords:
    """The words of ``cost energy``; ``None`` where an option was left out."""

    rig: str
    against: str | None
    power: str | None
    against_power: str | None
    host_power: str | None
    use: str
    owned_years: float
    sustained: str
    site: SiteWords


def energy(catalog: Catalog, words: EnergyWords) -> Found[EnergyJson]:
    """Return the electricity of one rig, or of two with their difference."""
    if words.against is None and words.against_power is not None:
        raise InputError("--against-power is of the second rig: add --against RIG")
    years = span_years(words.owned_years, "--years")
    tariff, facts = tariff_asked(catalog, words.site)
    sustained = share_ratio(words.sustained, "--sustained")
    if sustained == 0.0:
        raise InputError("--sustained is 0%: a card that sustains nothing does no work")
    named = [(words.rig, words.power)]
    if words.against is not None:
        named.append((words.against, words.against_power))
    found = [(*rig_or_machine(catalog, text), power) for text, power in named]
    bills = tuple(
        EnergyBill(draw_asked((rig, system), power, words.host_power, words.use), tariff, years)
        for rig, system, power in found
    )
    rigs = [rig for rig, _, _ in found]
    compared = len(rigs) > 1 and all(rig.is_uniform for rig in rigs)
    answer = Electricity(
        bills, efficiencies(rigs[0].gpu, rigs[1].gpu, sustained) if compared else ()
    )
    cards = tuple(group.gpu for rig in rigs for group in rig.groups)
    return Found(
        data=lambda: energy_json(answer),
        document=lambda: energy_document(answer),
        yes=True,
        records=(*cards, *facts),
    )


def draw_asked(
    named: tuple[Rig, System | None], power: str | None, host_power: str | None, use: str
) -> Draw:
    """Return what a rig draws: as said, as its maker says, or its cards at their limits."""
    rig, system = named
    use_ratio = share_ratio(use, "--use")
    if power is not None:
        if host_power is not None:
            raise InputError("--power is of the whole rig, hosts too: drop --host-power")
        return draw_as_told(
            rig.text, parse(power, "power", name="--power", limit=_MOST_W), use_ratio
        )
    if system is not None and (told := draw_of_system(system, use_ratio)) is not None:
        return told
    host = 0.0
    if host_power is not None:
        host = parse(host_power, "power", name="--host-power", limit=_MOST_HOST_W)
    return draw_of_rig(rig, use_ratio, host)

"""From the words of ``cost power`` and ``cost electrical`` to their questions and answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.electrifying import Circuit, Site, installation, usual_volts_v
from rightrig.planning.power_values import MOST_LOSS_RATIO, Goals, Question, money_of
from rightrig.planning.powering import powered
from rightrig.prediction.electrical import THREE_PHASES_COUNT, Feed
from rightrig.prediction.power_supply import REDUNDANCIES
from rightrig.quantities import check_count, check_positive, parse
from rightrig.report.cost_electrical import electrical_document, electrical_json
from rightrig.report.cost_power import power_document, power_json
from rightrig.verbs.amounts import Purse, SiteWords, share_ratio, span_years, tariff_asked
from rightrig.verbs.deploying import deploy, records_of
from rightrig.verbs.found import Found
from rightrig.verbs.renting import rent_of
from rightrig.verbs.saving import save_charts
from rightrig.verbs.traffic import Traffic, concurrency_of, lengths_of

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.planning.power_values import Money
    from rightrig.prediction.power_supply import Redundancy
    from rightrig.report.schema.power import (
        ElectricalJson,
        PowerJson,
    )

__all__ = [
    "CapWords", "Choices", "PowerAsked", "PriceWords", "SiteAsked", "Traffic", "electrical_of",
    "power_of",
]  # fmt: skip
_CIRCUIT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*v\s*:\s*(\d+(?:\.\d+)?)\s*a(?:\s*:\s*([13])\s*p)?")
_LEAST_V: Final = 100.0
_MOST_V: Final = 600.0
_MOST_A: Final = 6300.0
_LEAST_FACTOR_RATIO: Final = 0.5
_MOST_MACHINES: Final = 100_000
_MOST_MINUTES_COUNT: Final = 1440.0
_MOST_RACK_W: Final = 1e6
_MOST_S: Final = 3600.0
_HIGHEST_ONE_PHASE_V: Final = 277.0


@dataclass(frozen=True, slots=True)
class CapWords:
    """What ``--caps`` may say."""

    caps: bool = False
    most_loss: str | None = None
    ttft: str | None = None
    tpot: str | None = None
    save: str | None = None


@dataclass(frozen=True, slots=True)
class PriceWords:
    """What the command says of money and hours."""

    use: str = "100%"
    tariff: str | None = None
    pue_ratio: float | None = None
    price: str | None = None
    capex: str | None = None
    owned_years: float = 3.0


@dataclass(frozen=True, slots=True)
class PowerAsked:
    """The words of ``cost power``."""

    catalog: Catalog
    model: str
    on: str
    traffic: Traffic
    choices: Choices
    caps: CapWords
    prices: PriceWords


@dataclass(frozen=True, slots=True)
class SiteAsked:
    """The words of ``cost electrical``; ``None`` where an option was left out."""

    machines: int = 1
    volts_v: float | None = None
    phases: int | None = None
    pf_ratio: float = 0.95
    redundancy: str = "none"
    ups_minutes_count: float = 10.0
    circuit: str | None = None
    rack_limit: str | None = None


def power_of(asked: PowerAsked) -> Found[PowerJson]:
    """Return what a deployment draws, and under caps where they are asked for."""
    _check_caps(asked.caps)
    deployment = deploy(asked.catalog, asked.model, asked.on, asked.choices)
    money, records = _money(asked, deployment)
    result = powered(
        Question(
            deployment,
            lengths_of(deployment, asked.traffic),
            concurrency_of(asked.traffic.concurrency),
            money,
            _goals(asked.caps),
            asked.caps.caps,
        )
    )
    written: tuple[str, ...] = ()
    if asked.caps.save is not None:
        # Here, not above: few answers are drawn.
        from rightrig.report.charts_power import power_charts

        drawn = save_charts(asked.caps.save, power_charts(result))
        written = (*drawn.names, *drawn.hints)
    return Found(
        data=lambda: power_json(result),
        document=lambda: power_document(result, written),
        yes=result.prediction.fit.max_concurrency >= 1 and not (result.caps and not result.best),
        records=(*records_of(deployment), *records),
    )


def _check_caps(words: CapWords) -> None:
    """Refuse options that belong to ``--caps`` without it."""
    given = {
        "--most-loss": words.most_loss, "--ttft": words.ttft, "--tpot": words.tpot,
        "--save": words.save,
    }  # fmt: skip
    stray = next((name for name, value in given.items() if value is not None), None)
    if stray and not words.caps:
        raise InputError(f"{stray} goes with --caps only; leave it out, or add --caps")


def _goals(words: CapWords) -> Goals:
    """Return what a limit may not break."""
    loss = words.most_loss
    return Goals(
        MOST_LOSS_RATIO if loss is None else share_ratio(loss, "--most-loss"),
        None if words.ttft is None else parse(words.ttft, "time", name="--ttft", limit=_MOST_S),
        None if words.tpot is None else parse(words.tpot, "time", name="--tpot", limit=_MOST_S),
    )


def _money(asked: PowerAsked, deployment: Deployment) -> tuple[Money, tuple[Record, ...]]:
    """Return what the rig and its electricity cost, and the records behind that."""
    words = asked.prices
    use_ratio = share_ratio(words.use, "--use")
    if use_ratio == 0.0:
        raise InputError("--use is 0%: tokens have no cost where none are made; write more")
    purse = Purse()
    tariff, records = tariff_asked(
        asked.catalog, SiteWords(words.tariff, words.pue_ratio, purse)
    )  # fmt: skip
    rent = rent_of(asked.catalog, deployment, words.price)
    usual = money_of(
        deployment, asked.catalog, tariff, None if rent is None else rent.rent_usd_per_hour
    )
    years = span_years(words.owned_years, "--years")
    money = replace(usual, owned_years=years, use_ratio=use_ratio)
    if words.capex is not None:
        money = replace(money, capex_usd=purse.usd(words.capex, "--capex"), capex_text="as given")
    return money, records


def electrical_of(catalog: Catalog, name: str, asked: SiteAsked) -> Found[ElectricalJson]:
    """Return what machines with a rig's cards ask of a room."""
    rig = parse_rig(name, catalog)
    site = _site(asked, usual_volts_v(rig))
    result = installation(rig, name, site, catalog)
    return Found(
        data=lambda: electrical_json(result),
        document=lambda: electrical_document(result),
        yes=result.yes,
        records=tuple(group.gpu for group in rig.groups),
    )


def _site(asked: SiteAsked, usual_volts_v: float) -> Site:
    """Return the site of the words; where no voltage is named, that of the circuit or the usual."""
    circuit = None if asked.circuit is None else _circuit(asked)
    if circuit is not None and asked.volts_v is None and asked.phases is None:
        feed = circuit.feed
    else:
        volts_v = usual_volts_v if asked.volts_v is None else asked.volts_v
        feed = _feed(volts_v, 1 if asked.phases is None else asked.phases, asked.pf_ratio)
    limit = asked.rack_limit
    return Site(
        feed,
        check_count(asked.machines, name="--machines", limit=_MOST_MACHINES),
        _redundancy(asked.redundancy),
        check_positive(asked.ups_minutes_count, name="--ups-minutes", limit=_MOST_MINUTES_COUNT)
        * 60.0,
        circuit,
        None if limit is None else parse(limit, "power", name="--rack-limit", limit=_MOST_RACK_W),
    )


def _redundancy(text: str) -> Redundancy:
    """Return the redundancy of a word."""
    found = next((known for known in REDUNDANCIES if known == text.strip().lower()), None)
    if found is None:
        raise InputError(f"--redundancy is {text[:40]!r}: write {', '.join(REDUNDANCIES)}")
    return found


def _circuit(asked: SiteAsked) -> Circuit:
    """Return the circuit of ``120v:15a``, with ``:3p`` behind it for three phases."""
    text = (asked.circuit or "").strip().lower()
    match = _CIRCUIT.fullmatch(text[:40])
    if match is None:
        raise InputError(
            f"--circuit is {text[:40]!r}: write volts and amperes of the breaker, such as "
            "120v:15a, or 208v:30a:3p for three phases"
        )
    breaker_a = check_positive(float(match[2]), name="breaker of --circuit", limit=_MOST_A)
    return Circuit(_feed(float(match[1]), int(match[3] or 1), asked.pf_ratio), breaker_a)


def _feed(volts_v: float, phases: int, power_factor_ratio: float) -> Feed:
    """Return a feed that exists."""
    if not _LEAST_V <= volts_v <= _MOST_V:
        raise InputError(
            f"{volts_v:g} V: machines are fed with {_LEAST_V:.0f} to {_MOST_V:.0f} V, such as 120, "
            "208, 230 or 400"
        )
    if phases not in {1, THREE_PHASES_COUNT}:
        raise InputError(f"--phases is {phases}: write 1 or 3")
    if phases == 1 and volts_v > _HIGHEST_ONE_PHASE_V:
        raise InputError(f"{volts_v:g} V has three phases; add --phases 3, or :3p to the circuit")
    if not _LEAST_FACTOR_RATIO <= power_factor_ratio <= 1.0:
        raise InputError(f"--pf is {power_factor_ratio:g}: a power factor lies between 0.5 and 1")
    return Feed(volts_v, phases, power_factor_ratio)

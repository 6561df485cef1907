"""From the words of ``risk bits`` to its answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.interval import Interval
from rightrig.planning.risking import cards_of
from rightrig.quantities import GB, check_count, check_positive, parse
from rightrig.reliability.bit_errors import VULNERABLE_RATIO, concentration_count
from rightrig.reliability.bit_risk import Cards, ErrorRates, bit_risk
from rightrig.reliability.rates import YEAR_S, Rate, rate_of, stated_rate
from rightrig.reliability.sla import Service
from rightrig.verbs.risk_words import MOST_GPUS, below_one_ratio, long_s, share_ratio

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.reliability.bit_risk import BitRisk

_COMPUTE: Final = "llama-3"
_SPREAD: Final = "titan-dbe-new"
_MOST_PER_YEAR: Final = 1e9
_MOST_MONTHS_COUNT: Final = 1200.0
_MOST_CARD_BYTES: Final = 1e14
_MOST_REQUESTS: Final = 1e13


@dataclass(frozen=True, slots=True)
class Promise:
    """The words on a service."""

    requests_per_day: str | None
    sla: str | None
    reload: str
    engine_gpus: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of ``risk bits``."""

    rig: str | None
    gpus: int | None
    memory: str | None
    ecc: str | None
    months_count: float
    preset: str
    single_per_year: float | None
    double_per_year: float | None
    silent_per_year: float | None
    vulnerability: str | None
    concentration_count: float | None
    promise: Promise


@dataclass(frozen=True, slots=True)
class Answered:
    """What ``risk bits`` prints."""

    risk: BitRisk
    records: tuple[Record, ...]

    @property
    def yes(self) -> bool:
        """Whether a promise holds, where one was asked about."""
        return self.risk.sla is None or self.risk.sla.kept != "no"


def bit_risk_of(catalog: Catalog, asked: Asked) -> Answered:
    """Return the bit errors that were asked about."""
    cards, records = _cards(catalog, asked)
    months = check_positive(asked.months_count, name="--months", limit=_MOST_MONTHS_COUNT)
    rates, used = _rates(catalog, asked)
    found = bit_risk(cards, rates, months / 12.0 * YEAR_S, _service(asked.promise, cards))
    return Answered(found, (*records, *used))


def _cards(catalog: Catalog, asked: Asked) -> tuple[Cards, tuple[Record, ...]]:
    """Return the cards, of a rig or as stated."""
    ecc = None if asked.ecc is None else asked.ecc == "on"
    if asked.rig is not None:
        if asked.gpus is not None or asked.memory is not None:
            raise InputError("a rig says its cards and memory; leave --gpus and --memory out")
        rig = parse_rig(asked.rig, catalog)
        return cards_of(rig, ecc=ecc), tuple(group.gpu for group in rig.groups)
    if asked.gpus is None or asked.memory is None or ecc is None:
        raise InputError("name a rig such as 8xh100-sxm, or give --gpus, --memory and --ecc on|off")
    count = check_count(asked.gpus, name="--gpus", limit=MOST_GPUS)
    memory_bytes = parse(asked.memory, "bytes", name="--memory", limit=_MOST_CARD_BYTES)
    return Cards(count, memory_bytes / GB, ecc), ()


def _rates(catalog: Catalog, asked: Asked) -> tuple[ErrorRates, tuple[Record, ...]]:
    """Return how often errors come, as stated or as published."""
    single, compute = catalog.failure_rate(asked.preset), catalog.failure_rate(_COMPUTE)
    spread = catalog.failure_rate(_SPREAD)
    if single.kind != "correctable" or single.device != "memory-gb":
        raise InputError(
            f"{single.slug} counts no single-bit errors of a gigabyte; take titan-sbe, or state "
            "them with --rate-per-gb-year"
        )
    shape = asked.concentration_count
    rates = ErrorRates(
        _stated(asked.single_per_year, "--rate-per-gb-year", "gigabyte") or rate_of(single),
        _stated(asked.double_per_year, "--uncorrectable-per-gpu-year", "GPU")
        or rate_of(compute, "memory"),
        _stated(asked.silent_per_year, "--silent-per-gpu-year", "GPU")
        or rate_of(compute, "silent"),
        concentration_count(spread)
        if shape is None
        else check_positive(shape, name="--concentration", limit=math.inf),
        VULNERABLE_RATIO
        if asked.vulnerability is None
        else Interval.exact(share_ratio(asked.vulnerability, "--vulnerability")),
    )
    return rates, (single, compute, spread)


def _stated(events_per_year: float | None, name: str, device: str) -> Rate | None:
    """Return a rate that the user states; 0 is one."""
    if events_per_year is None:
        return None
    if events_per_year != 0.0:
        check_positive(events_per_year, name=name, limit=_MOST_PER_YEAR)
    return stated_rate(events_per_year, device)


def _service(promise: Promise, cards: Cards) -> Service | None:
    """Return who is served, where an SLA is asked about."""
    if promise.requests_per_day is None and promise.sla is None:
        return None
    if promise.requests_per_day is None or promise.sla is None:
        raise InputError("--requests-per-day and --sla belong together: 1M and 99.9%")
    check_count(promise.engine_gpus, name="--engine-gpus", limit=cards.count)
    requests = parse(
        promise.requests_per_day, "count", name="--requests-per-day", limit=_MOST_REQUESTS
    )
    return Service(
        requests,
        below_one_ratio(promise.sla, "--sla"),
        promise.engine_gpus,
        long_s(promise.reload, "--reload"),
    )

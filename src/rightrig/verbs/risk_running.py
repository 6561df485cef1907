"""From the words of ``risk run`` and ``risk checkpoint`` to their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.planning.risking import lost_usd, storage_usd_per_month
from rightrig.quantities import check_count, check_positive, parse
from rightrig.reliability.checkpoint import choices, kept_saves_count, with_own
from rightrig.reliability.rates import DAY_S
from rightrig.reliability.run_risk import run_risk
from rightrig.report.charts_risk import interval_chart, survival_chart
from rightrig.report.risk_values import CheckpointFound, RunFound, Saves
from rightrig.verbs.amounts import card_usd_per_hour
from rightrig.verbs.risk_saving import written
from rightrig.verbs.risk_words import LONGEST_S, MOST_GPUS, fleet, saving

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.reliability.checkpoint import Saving
    from rightrig.verbs.risk_words import RateWords, SavingWords

_MOST_DAYS_COUNT: Final = 36_525.0
_MOST_KEPT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class RunAsked:
    """The words of ``risk run``."""

    gpus: int
    days_count: float
    rate: RateWords
    saving: SavingWords
    interval: str | None
    card_price: str | None
    save: str | None


@dataclass(frozen=True, slots=True)
class Store:
    """The words on what saves take and cost."""

    keep: int | None
    price: str | None


@dataclass(frozen=True, slots=True)
class CheckpointAsked:
    """The words of ``risk checkpoint``."""

    gpus: int | None
    rate: RateWords
    saving: SavingWords
    interval: str | None
    store: Store
    save: str | None


def run_of(catalog: Catalog, asked: RunAsked) -> RunFound:
    """Return what failures do to a run, and draw its chance to survive."""
    gpus = check_count(asked.gpus, name="--gpus", limit=MOST_GPUS)
    span_s = check_positive(asked.days_count, name="--days", limit=_MOST_DAYS_COUNT) * DAY_S
    devices, record = fleet(catalog, asked.rate, gpus)
    times = saving(asked.saving, devices.mtbf_s.mid)
    risk = run_risk(devices, gpus, span_s, times, _interval_s(asked.interval, times))
    price = None if asked.card_price is None else card_usd_per_hour(asked.card_price)
    cost = None if price is None else lost_usd(risk.lost_gpu_s, price)
    charts = {"survival": survival_chart(risk)}
    return RunFound(risk, cost, record, written(asked.save, charts))


def checkpoint_of(catalog: Catalog, asked: CheckpointAsked) -> CheckpointFound:
    """Return intervals between saves, and draw what each wastes."""
    devices, record = fleet(catalog, asked.rate, asked.gpus)
    times = saving(asked.saving, devices.mtbf_s.mid)
    own_s = _interval_s(asked.interval, times)
    best = choices(times)[0]
    kept = asked.store.keep
    if kept is not None:
        check_count(kept, name="--keep", limit=_MOST_KEPT)
    least = kept_saves_count(own_s or best.interval_s, times)
    kept_count = kept if kept is not None else least
    saves = Saves(least, kept_count, _storage_usd_per_month(asked, kept_count))
    files = written(asked.save, {"checkpoint": interval_chart(times)})
    return CheckpointFound(devices, times, with_own(times, own_s), saves, record, files)


def _interval_s(text: str | None, times: Saving) -> float | None:
    """Return the work between saves that a user states.

    Raises:
        InputError: when a save would begin before the last one is flushed.
    """
    if text is None:
        return None
    interval_s = parse(text, "time", name="--interval", limit=LONGEST_S)
    if interval_s < times.flush_s:
        raise InputError(
            f"--interval is {text}: a save takes {times.flush_s:g} s to flush, and the next cannot "
            "begin before; give as much or more"
        )
    return interval_s


def _storage_usd_per_month(asked: CheckpointAsked, kept_count: int) -> float | None:
    """Return what the saves that are kept cost.

    Raises:
        InputError: for a price without a size.
    """
    if asked.store.price is None:
        return None
    if asked.saving.state is None:
        raise InputError("--storage-price needs --state: the bytes of one save")
    price = parse(asked.store.price, "money", name="--storage-price")
    state_bytes = parse(asked.saving.state, "bytes", name="--state")
    return storage_usd_per_month(state_bytes, kept_count, price)

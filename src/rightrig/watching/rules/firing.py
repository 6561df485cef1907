"""Alerts whose conditions one moment shows, without a Prometheus that remembers.

What takes time to see is not here: rates of errors, growth, budgets of objectives. Where a rule
waits for minutes, a condition here may be a passing one.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from rightrig.quantities import MILLION
from rightrig.watching.rules.alerts import BY_NAME
from rightrig.watching.rules.firing_cards import CONDITIONS, is_loaded
from rightrig.watching.rules.firing_text import percent
from rightrig.watching.xids import severity_of, xids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.watching.rules.alert import Severity
    from rightrig.watching.rules.thresholds import Thresholds
    from rightrig.watching.states import CardState, EngineState, Moment, Snapshot

_ORDER: Final = ("critical", "warning", "info")
_STALL_S: Final = 60.0
"""Reading a long prompt takes seconds without a token; a minute is more than that."""


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fires.

    Attributes:
        alert: Name of the rule.
        subject: ``GPU 3``, an engine's address, ``driver`` or ``deployment``.
        sentence: What is seen, without a full stop.
        runbook: Slug of the page that says what to do.
    """

    alert: str
    severity: Severity
    subject: str
    sentence: str
    runbook: str


def firing(moment: Moment, thresholds: Thresholds) -> tuple[Firing, ...]:
    """Return what fires at a moment, the worst first."""
    found = (
        *_of_driver(moment.snapshot, thresholds),
        *_of_cards(moment.snapshot, thresholds),
        *_of_peers(moment.snapshot, thresholds),
        *_of_engine(moment, thresholds),
        *_of_plan(moment, thresholds),
    )
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.severity)))


def _fires(alert: str, subject: str, sentence: str) -> Firing:
    """Return an alert of the table that fires."""
    rule = BY_NAME[alert]
    return Firing(alert, rule.severity, subject, sentence, rule.runbook)


def _of_driver(snapshot: Snapshot, thresholds: Thresholds) -> Iterator[Firing]:
    """Yield what is wrong with the driver; a machine that never had one is not broken."""
    trouble = snapshot.trouble
    if trouble == "LibRmVersionMismatch":
        yield _fires("DriverVersionMismatch", "driver", "library and kernel module differ")
    elif trouble == "hung":
        yield _fires("DriverDown", "driver", "a call of the driver hangs")
    elif trouble and (snapshot.cards or trouble != "LibraryNotFound"):
        yield _fires("DriverDown", "driver", f"it does not answer: {trouble}")
    elif not trouble and thresholds.cards_count is not None:
        count = len(snapshot.cards)
        # A card that is there and lost says so itself.
        if count < thresholds.cards_count:
            sentence = f"{count} GPUs, planned {thresholds.cards_count} a machine"
            yield _fires("GpusMissing", "driver", sentence)


def _of_cards(snapshot: Snapshot, thresholds: Thresholds) -> Iterator[Firing]:
    """Yield what is wrong with each card; of one that is lost nothing else can be known."""
    for card in snapshot.cards:
        subject = f"GPU {card.index}"
        for number, count in sorted(card.health.xids.items()):
            yield _fires(f"Xid{severity_of(number).title()}", subject, _xid(number, count))
        if card.trouble:
            yield _fires("GpuLost", subject, f"it does not answer: {card.trouble}")
            continue
        if snapshot.trouble:
            continue
        for alert, condition in CONDITIONS.items():
            if sentence := condition(card, thresholds):
                yield _fires(alert, subject, sentence)


def _xid(number: int, count: int) -> str:
    """Return what an error event is."""
    row = xids().get(number)
    times = "" if count == 1 else f", {count} times"
    return f"XID {number}{times}" + ("" if row is None else f": {row.meaning}")


def _of_peers(snapshot: Snapshot, thresholds: Thresholds) -> Iterator[Firing]:
    """Yield loaded cards that are far below the loaded cards beside them."""
    cards = [card for card in snapshot.cards if not card.trouble and is_loaded(card, thresholds)]
    if snapshot.trouble:
        return
    yield from _below("GpuSlowAmongPeers", cards, _clock_ratio, thresholds.slow_card_ratio)
    yield from _below("GpuWeakAmongPeers", cards, _power_ratio, thresholds.weak_card_ratio)


def _clock_ratio(card: CardState) -> float | None:
    """Return a card's clock over its highest."""
    clocks = card.clocks
    return clocks.sm_hz / clocks.sm_max_hz if clocks.sm_hz and clocks.sm_max_hz else None


def _power_ratio(card: CardState) -> float | None:
    """Return a card's power over its limit."""
    power = card.power
    return power.draw_w / power.limit_w if power.draw_w is not None and power.limit_w else None


def _below(
    alert: str,
    cards: list[CardState],
    share: Callable[[CardState], float | None],
    least_ratio: float,
) -> Iterator[Firing]:
    """Yield cards whose share is below a part of the median."""
    shares = {card.index: value for card in cards if (value := share(card)) is not None}
    usual_ratio = median(shares.values()) if shares else 0.0
    what = "clock" if alert == "GpuSlowAmongPeers" else "power"
    for index, value in shares.items():
        if usual_ratio > 0.0 and value / usual_ratio < least_ratio:
            sentence = f"its {what} is {percent(value / usual_ratio)} of the median card's"
            yield _fires(alert, f"GPU {index}", sentence)


def _of_engine(moment: Moment, thresholds: Thresholds) -> Iterator[Firing]:
    """Yield what is wrong with the engine."""
    engine = moment.engine
    if engine is None:
        return
    if engine.trouble:
        yield _fires("EngineDown", engine.url, engine.trouble)
        return
    used_ratio = engine.kv_used_ratio
    if used_ratio is not None and used_ratio >= thresholds.kv_high_ratio and engine.waiting_count:
        sentence = f"{percent(used_ratio)} of the KV cache in use, {engine.waiting_count:.0f} wait"
        yield _fires("KvCacheNearlyFull", engine.url, sentence)
    if _is_stalled(engine, moment):
        sentence = f"{engine.running_count:.0f} requests in the batch, and no token made"
        yield _fires("EngineStalled", engine.url, sentence)


def _is_stalled(engine: EngineState, moment: Moment) -> bool:
    """Return whether an engine with requests made no token for long."""
    derived = moment.derived
    if derived is None or derived.over_s < _STALL_S or not engine.running_count:
        return False
    return derived.output_tokens_per_s == 0.0


def _of_plan(moment: Moment, thresholds: Thresholds) -> Iterator[Firing]:
    """Yield what the plan promised and is not so."""
    derived, engine = moment.derived, moment.engine
    if derived is None or engine is None or not engine.running_count:
        return
    reached_ratio, least_ratio = derived.prediction_ratio, thresholds.prediction_ratio
    if reached_ratio is not None and least_ratio is not None and reached_ratio < least_ratio:
        sentence = f"{percent(reached_ratio)} of the predicted output, at least " + percent(
            least_ratio
        )
        yield _fires("OutputBelowPlan", "deployment", sentence)
        for card in moment.snapshot.cards:
            if not card.trouble and "software power cap" in (card.clocks.reasons or ()):
                yield _fires("PowerCapSlows", f"GPU {card.index}", f"at its limit, {sentence}")
    yield from _of_cost(moment, thresholds)


def _of_cost(moment: Moment, thresholds: Thresholds) -> Iterator[Firing]:
    """Yield a cost above the plan's, at the planned traffic."""
    derived, most_usd = moment.derived, thresholds.cost_usd_per_output_token
    if derived is None or derived.cost_usd_per_output_token is None or most_usd is None:
        return
    least_per_s = thresholds.peak_ratio * (thresholds.peak_requests_per_s or 0.0)
    is_peak = derived.requests_per_s is not None and derived.requests_per_s >= least_per_s
    cost_usd = derived.cost_usd_per_output_token
    if is_peak and cost_usd > most_usd:
        sentence = (
            f"${cost_usd * MILLION:.2f} a million output tokens, planned at most "
            f"${most_usd * MILLION:.2f}"
        )
        yield _fires("CostAbovePlan", "deployment", sentence)

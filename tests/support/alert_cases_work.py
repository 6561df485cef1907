"""The same as ``alert_cases``, of work, engines and the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from alert_cases import (
    CASES_OF_CARDS,
    DEPLOYMENT,
    ENGINE,
    EVEN,
    INFO,
    Case,
    at_60,
    card,
    card_labels,
    deployment,
    engine,
)
from promtool import Run

from rightrig.demand.objective import METRICS
from rightrig.quantities import MIB

if TYPE_CHECKING:
    from promtool import Series

    from rightrig.demand.objective import Metric

_CARD: Final = card_labels()
_STOPS: Final = (Run(1000, 100, 3), Run(1300, 0.0, EVEN))
_GOES_ON: Final = Run(1000, 100, EVEN)


def _engine_at(*generated: Run, running: float = 4, read: Run | float = 500) -> tuple[Series, ...]:
    return (
        engine("requests_running", running),
        engine("generation_tokens_total", *generated),
        engine("prompt_tokens_total", read),
    )


def _busy(share: float, occupancy: float, *, gpu: int = 0) -> tuple[Series, ...]:
    return (
        card("utilization_ratio", share, gpu=gpu),
        card("sm_occupancy_ratio", occupancy, gpu=gpu),
    )


def _drawing(share: float, power: float) -> tuple[Series, ...]:
    return (
        card("utilization_ratio", share),
        card("power_watts", 700 * power),
        card("power_limit_watts", 700),
    )


_HANGS: Final = (
    Case(
        "EngineStalled",
        345,
        4.0,
        ENGINE,
        _engine_at(*_STOPS),
        (
            _engine_at(_GOES_ON),
            _engine_at(*_STOPS, running=0),
            _engine_at(*_STOPS, read=_GOES_ON),
            # Started a minute ago: it may still read its first prompt.
            (
                engine("requests_running", Run(None, 0.0, 22), Run(4, 0.0, EVEN)),
                engine("generation_tokens_total", Run(0, 0.0, EVEN)),
            ),
        ),
    ),
    Case(
        "CollectiveHang",
        345,
        4.0,
        ENGINE,
        (*_engine_at(*_STOPS), *_busy(0.99, 0.048)),
        (
            (*_engine_at(_GOES_ON), *_busy(0.99, 0.048)),
            (*_engine_at(*_STOPS), *_busy(0.9, 0.048)),
            (*_engine_at(*_STOPS), *_busy(0.99, 0.055)),
        ),
    ),
    Case(
        "CollectiveHang",
        345,
        4.0,
        ENGINE,
        (*_engine_at(*_STOPS), *_drawing(0.99, 0.33)),
        ((*_engine_at(*_STOPS), *_drawing(0.99, 0.38)),),
    ),
    Case(
        "GpuBusyWithoutWork",
        0,
        0.048,
        _CARD,
        _busy(0.99, 0.048),
        (_busy(0.9, 0.048), _busy(0.99, 0.055)),
    ),
    Case(
        "GpuBusyAtIdlePower",
        0,
        0.33,
        _CARD,
        _drawing(0.99, 0.33),
        (_drawing(0.9, 0.33), _drawing(0.99, 0.38)),
    ),
)


def _four(idle: tuple[Run, ...] | float, memory: float = 7e10) -> tuple[Series, ...]:
    """Return three cards at work, and the first."""
    runs = idle if isinstance(idle, tuple) else (idle,)
    return (
        card("utilization_ratio", *runs),
        card("memory_used_bytes", memory),
        *(card("utilization_ratio", 0.95, gpu=gpu) for gpu in (1, 2, 3)),
        *(card("memory_used_bytes", 7e10, gpu=gpu) for gpu in (1, 2, 3)),
    )


def _two(idle: tuple[Run, ...], *, other: float = 0.95, memory: float = 7e10) -> tuple[Series, ...]:
    """Return the first card, and one at work."""
    return (
        card("utilization_ratio", *idle),
        card("memory_used_bytes", memory),
        card("utilization_ratio", other, gpu=1),
        card("memory_used_bytes", 7e10, gpu=1),
    )


def _peers(what: str, best: str, first: float, others: float, busy: float) -> tuple[Series, ...]:
    """Return four cards of which the first is below the others."""
    top = 2e9 if what == "sm_clock_hertz" else 700.0
    return tuple(
        one
        for gpu in range(4)
        for one in (
            card(what, first if gpu == 0 else others, gpu=gpu),
            card(best, top, gpu=gpu),
            card("utilization_ratio", busy, gpu=gpu),
        )
    )


def _clocks(share: float, busy: float = 0.55) -> tuple[Series, ...]:
    return _peers("sm_clock_hertz", "sm_clock_max_hertz", 1.9e9 * share, 1.9e9, busy)


def _powers(share: float, busy: float = 0.55) -> tuple[Series, ...]:
    return _peers("power_watts", "power_limit_watts", 600 * share, 600, busy)


def _used(*runs: Run | float) -> Series:
    return card("memory_used_bytes", *runs)


_PEERS: Final = (
    Case(
        "GpuIdleAmongBusy",
        60,
        0.09,
        _CARD,
        _four(at_60(0.95, 0.09)),
        (_four(0.11), _four(0.09, memory=1e9)),
    ),
    Case(
        "GpuIdleAmongBusy",
        60,
        0.09,
        _CARD,
        _two(at_60(0.95, 0.09)),
        (_two((Run(0.11),)), _two((Run(0.09),), other=0.85), _two((Run(0.09),), memory=1e9)),
    ),
    Case("GpuSlowAmongPeers", 0, 0.8, _CARD, _clocks(0.8), (_clocks(0.88), _clocks(0.8, 0.45))),
    Case("GpuWeakAmongPeers", 0, 0.57, _CARD, _powers(0.57), (_powers(0.66), _powers(0.57, 0.45))),
    Case(
        "GpuMemoryGrows",
        10_800,
        288 * MIB,
        _CARD,
        (_used(Run(5e10, 24 * MIB, EVEN)),),
        (
            (_used(Run(5e10, 20 * MIB, EVEN)),),
            (_used(Run(1e10, 0.0, 30), Run(7e10, 0.0, EVEN)),),
        ),
        step_s=300,
    ),
    Case(
        "GpuMemoryAbovePlan",
        60,
        8e10,
        _CARD,
        (_used(*at_60(7e10, 8e10)), INFO),
        ((_used(7.5e10), INFO), (_used(8e10),)),
    ),
    Case(
        "GpuMemoryFull",
        60,
        0.985,
        _CARD,
        (_used(*at_60(5e10, 7.88e10)), card("memory_total_bytes", 8e10)),
        ((_used(7.76e10), card("memory_total_bytes", 8e10)),),
    ),
)


def _kv(
    share: float | tuple[Run, Run], *, thrown: float = 1.0, waiting: float = 3.0
) -> tuple[Series, ...]:
    runs = share if isinstance(share, tuple) else (share,)
    return (
        engine("kv_cache_used_ratio", *runs),
        engine("preemptions_total", Run(0, thrown, EVEN)),
        engine("requests_waiting", waiting),
    )


def _ended(failed: float) -> tuple[Series, ...]:
    return (
        engine("requests_total", Run(1000, 100 - failed, EVEN), outcome="stop"),
        engine("requests_total", Run(100, failed, EVEN), outcome="error"),
    )


_ENGINE: Final = (
    Case("EngineDown", 60, 0.0, ENGINE, (engine("up", *at_60(1, 0)),), ((engine("up", 1),),)),
    Case(
        "KvCacheExhausted",
        60,
        0.96,
        ENGINE,
        _kv(at_60(0.5, 0.96)),
        (_kv(0.94), _kv(0.96, thrown=0.0)),
    ),
    Case(
        "KvCacheNearlyFull",
        60,
        0.91,
        ENGINE,
        _kv(at_60(0.5, 0.91)),
        (_kv(0.89), _kv(0.91, waiting=0.0)),
    ),
    Case(
        "QueueGrows",
        15,
        10.8,
        ENGINE,
        (engine("requests_waiting", Run(5, 0.27, EVEN)),),
        (
            (engine("requests_waiting", Run(5, 0.2375, EVEN)),),
            (engine("requests_waiting", Run(0, 0.27, EVEN)),),
        ),
    ),
    Case("EngineErrors", 15, 0.011, ENGINE, _ended(1.1), (_ended(0.9),)),
)


def _missed(metric: Metric, *shares: tuple[float, int]) -> tuple[Series, ...]:
    """Return observations, 100 a sample, of which a share is missed for so many samples."""
    runs, start = [], 1e6
    for share, count in shares:
        runs.append(Run(start, 100 * (1 - share), count))
        start += 100 * (1 - share) * (count + 1)
    return (
        engine("latency_observations_total", Run(1e6, 100, 4 * EVEN), metric=metric),
        engine("within_objective_total", *runs, metric=metric),
        INFO,
    )


def _burst(metric: Metric, count: int) -> tuple[Series, ...]:
    """Return so many observations at once, half of them missed, and none after."""
    return (
        engine("latency_observations_total", *at_60(1e6, 1e6 + count), metric=metric),
        engine("within_objective_total", *at_60(1e6, 1e6 + count / 2), metric=metric),
        INFO,
    )


def _objective(metric: Metric) -> tuple[Case, ...]:
    """Return what spends the budget of a p99 in each of two spans, fast and slowly."""
    name = metric.capitalize()
    labels = {**ENGINE, "metric": metric}
    return (
        Case(
            f"{name}BudgetBurnsFast",
            15,
            0.065,
            labels,
            _missed(metric, (0.065, EVEN)),
            (_missed(metric, (0.055, EVEN)), _missed(metric, (0.065, EVEN))[:2]),
        ),
        Case(
            f"{name}BudgetBurnsFast",
            60,
            0.5,
            labels,
            _burst(metric, 110),
            (_burst(metric, 85),),
        ),
        Case(
            f"{name}BudgetBurnsSlow",
            60,
            0.5,
            labels,
            _burst(metric, 110),
            (_burst(metric, 85), _burst(metric, 110)[:2]),
        ),
        Case(
            f"{name}BudgetBurnsSlow",
            15,
            0.011,
            labels,
            _missed(metric, (0.011, EVEN)),
            (_missed(metric, (0.009, EVEN)),),
        ),
    )


_LAST_HOUR: Final = Case(
    "TtftBudgetBurnsFast",
    21_240,
    0.147,
    {**ENGINE, "metric": "ttft"},
    # Six hours see little of it; the last hour sees all.
    _missed("ttft", (0.0, 299), (0.16, EVEN)),
    (_missed("ttft", (0.0, 299), (0.05, EVEN)),),
    step_s=60,
)


def _costing(per_million: float, requests_per_s: float) -> tuple[Series, ...]:
    return (
        deployment("rent_usd_per_hour", 20),
        deployment("output_tokens_per_second", 20 / per_million * 1e6 / 3600),
        engine("requests_total", Run(1e6, 60 * requests_per_s, EVEN), outcome="stop"),
        INFO,
    )


def _output(share: float, running: float = 2) -> tuple[Series, ...]:
    return deployment("prediction_ratio", share), engine("requests_running", running), INFO


_PLAN: Final = (
    Case(
        "OutputBelowPlan",
        0,
        0.75,
        DEPLOYMENT,
        _output(0.75),
        (_output(0.85), _output(0.75, running=0), _output(0.75)[:2]),
    ),
    Case(
        "CostAbovePlan",
        3420,
        8.8,
        DEPLOYMENT,
        _costing(8.8, 9.5),
        (_costing(7.2, 9.5), _costing(8.8, 8.5), _costing(8.8, 9.5)[:3]),
        step_s=60,
    ),
    Case(
        "CostAbovePlanToday",
        0,
        8.8,
        DEPLOYMENT,
        _costing(8.8, 1.0),
        (_costing(7.2, 1.0), _costing(8.8, 1.0)[:3]),
        step_s=60,
    ),
)
CASES: Final = (
    *CASES_OF_CARDS,
    *_HANGS,
    *_PEERS,
    *_ENGINE,
    *(case for metric in METRICS for case in _objective(metric)),
    _LAST_HOUR,
    *_PLAN,
)
"""Of every alert, at least one."""

"""Alerts of engines: down, out of KV cache, a queue that grows, requests that fail or wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.watching.rules.alert import ENGINE, Alert, fixed, of_plan, promql

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.demand.objective import Metric
    from rightrig.watching.rules.thresholds import Thresholds

FAST: Final = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
"""How many times too fast a budget of thirty days is spent, over which two spans.

2 % of it in an hour, or 5 % in six; the short span ends the alert soon after the trouble ends.
Source: The Site Reliability Workbook, chapter 5, "Alerting on SLOs" (Google, 2018).
"""
SLOW: Final = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))
"""10 % of it in a day, or in three; same source."""


def _burns(
    metric: Metric, spans: tuple[tuple[float, str, str], ...]
) -> Callable[[Thresholds], str]:
    """Return what spends the budget of one objective too fast."""

    def expr(thresholds: Thresholds) -> str:
        budget = thresholds.budget(metric)
        if budget is None:
            return ""
        # A share of 1 cannot be exceeded: of a p50 only slow burning can be seen.
        missed = ((budget.missed_ratio * rate, (long, short)) for rate, long, short in spans)
        count = thresholds.observations_count
        burning = "\nor\n".join(
            _both(metric, promql(share), windows, promql(count))
            for share, windows in missed
            if share < 1.0
        )
        return of_plan(burning, thresholds) if burning else ""

    return expr


def _both(metric: Metric, share: str, windows: tuple[str, str], count: str) -> str:
    """Return engines that miss a share over both spans, of enough observations to tell."""
    chosen = f'{{metric="{metric}"}}'
    seen = f"increase(rightrig_engine_latency_observations_total{chosen}[{windows[0]}])"
    missed = (f"(engine:objective_missed:ratio{window}{chosen} > {share})" for window in windows)
    return "\nand ".join((*missed, f"({seen} >= {count})"))


def _grows(thresholds: Thresholds) -> str:
    """Return queues that grow and never empty."""
    return (
        "deriv(rightrig_engine_requests_waiting[10m]) * 600 "
        f"> {promql(thresholds.queue_growth_count)}\n"
        "and min_over_time(rightrig_engine_requests_waiting[10m]) > 0"
    )


_ENGINE: Final = "rightrig-engine"
_OBJECTIVES: Final = "rightrig-objectives"
_WORDS: Final[tuple[tuple[Metric, str, str], ...]] = (
    ("ttft", "Ttft", "time to first token"),
    ("tpot", "Tpot", "time per output token"),
    ("e2e", "E2e", "time to the last token"),
    ("itl", "Itl", "time between tokens"),
)  # fmt: skip


def _burning(metric: Metric, prefix: str, words: str) -> tuple[Alert, Alert]:
    """Return the two alerts of an objective."""
    common = (
        "requests miss what the plan promises. An observation counts as within where its bucket "
        "ends at or below the objective, so a coarse bucket counts too many as missed: see "
        "rightrig_engine_objective_bound_seconds."
    )
    return (
        Alert(
            name=f"{prefix}BudgetBurnsFast",
            group=_OBJECTIVES,
            family=f"objective-{metric}",
            severity="critical",
            expr=_burns(metric, FAST),
            for_s=60,
            summary=f"The {words} of {ENGINE} breaks its objective now",
            description=f'{{{{ printf "%.3f" $value }}}} of recent {common}',
            runbook="latency",
            uses=("budgets", "observations_count"),
        ),
        Alert(
            name=f"{prefix}BudgetBurnsSlow",
            group=_OBJECTIVES,
            family=f"objective-{metric}",
            severity="warning",
            expr=_burns(metric, SLOW),
            for_s=900,
            summary=f"The {words} of {ENGINE} will break its objective within the month",
            description=f'{{{{ printf "%.3f" $value }}}} of {common}',
            runbook="latency",
            uses=("budgets", "observations_count"),
        ),
    )


ENGINES: Final = (
    Alert(
        name="EngineDown",
        group=_ENGINE,
        family="engine",
        severity="critical",
        expr=fixed("rightrig_engine_up == 0"),
        # A restart loads weights for minutes, and an update restarts one engine after the other.
        for_s=300,
        summary=f"The engine at {ENGINE} does not answer",
        description="Its metrics could not be read for five minutes: it is down, does not start, "
        "or hangs.",
        runbook="driver-crash",
    ),
    Alert(
        name="KvCacheExhausted",
        group=_ENGINE,
        family="kv-cache",
        severity="critical",
        expr=lambda t: (
            f"rightrig_engine_kv_cache_used_ratio >= {promql(t.kv_full_ratio)}\n"
            "and engine:preemptions:increase5m > 0"
        ),
        for_s=300,
        summary=f"The KV cache of {ENGINE} is full, and requests are thrown out of the batch",
        description="Each of them is computed again later. Fewer requests at once, shorter "
        "contexts "
        "or a smaller KV format end it.",
        runbook="out-of-memory",
        uses=("kv_full_ratio",),
    ),
    Alert(
        name="KvCacheNearlyFull",
        group=_ENGINE,
        family="kv-cache",
        severity="warning",
        expr=lambda t: (
            f"rightrig_engine_kv_cache_used_ratio >= {promql(t.kv_high_ratio)}\n"
            "and rightrig_engine_requests_waiting > 0"
        ),
        for_s=600,
        summary=f"The KV cache of {ENGINE} is nearly full, and requests wait",
        description='{{ printf "%.2f" $value }} of it are in use.',
        runbook="out-of-memory",
        uses=("kv_high_ratio",),
    ),
    Alert(
        name="QueueGrows",
        group=_ENGINE,
        family="queue",
        severity="warning",
        expr=_grows,
        for_s=300,
        summary=f"The queue of {ENGINE} grows",
        description='{{ printf "%.0f" $value }} requests more in ten minutes, and it never '
        "empties: "
        "more arrives than is served.",
        runbook="latency",
        uses=("queue_growth_count",),
    ),
    Alert(
        name="EngineErrors",
        group=_ENGINE,
        family="errors",
        severity="warning",
        expr=lambda t: f"engine:requests_failed:ratio5m > {promql(t.error_ratio)}",
        for_s=300,
        summary=f"Requests to {ENGINE} fail",
        description='{{ printf "%.3f" $value }} of those that ended in the last five minutes.',
        runbook="driver-crash",
        uses=("error_ratio",),
    ),
    *(alert for metric, prefix, words in _WORDS for alert in _burning(metric, prefix, words)),
)
"""Alerts of engines."""

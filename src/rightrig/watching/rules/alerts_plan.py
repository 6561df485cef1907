"""Alerts of what the plan promised: output and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import MILLION
from rightrig.watching.rules.alert import Alert, of_plan, promql

if TYPE_CHECKING:
    from rightrig.watching.rules.thresholds import Thresholds


def _output(thresholds: Thresholds) -> str:
    """Return deployments that make less than predicted while they have work."""
    if thresholds.prediction_ratio is None:
        return ""
    return of_plan(
        "avg_over_time(rightrig_deployment_prediction_ratio[10m]) "
        f"< {promql(thresholds.prediction_ratio)}\n"
        "and on (Hostname) (min_over_time(rightrig_engine_requests_running[10m]) > 0)",
        thresholds,
    )


def _cost(thresholds: Thresholds, window: str) -> str:
    """Return deployments whose rent over their tokens is above the plan's high end."""
    if thresholds.cost_usd_per_output_token is None:
        return ""
    # The mean of a gauge is right in the first hour too, where an increase would be too small.
    tokens_per_s = f"avg_over_time(rightrig_deployment_output_tokens_per_second[{window}])"
    return (
        "rightrig_deployment_rent_usd_per_hour\n"
        f"/ ({tokens_per_s} * 3600 / 1e6)\n"
        f"> {promql(thresholds.cost_usd_per_output_token * MILLION)}"
    )


def _cost_at_peak(thresholds: Thresholds) -> str:
    """Return them where as much is asked as planned: with less, a token costs more anyway."""
    cost = _cost(thresholds, "1h")
    if not cost or thresholds.peak_requests_per_s is None:
        return ""
    least = promql(thresholds.peak_ratio * thresholds.peak_requests_per_s)
    rate = f"sum by (Hostname) (rate(rightrig_engine_requests_total[1h])) >= {least}"
    return of_plan(f"{cost}\nand on (Hostname) ({rate})", thresholds)


def _cost_of_day(thresholds: Thresholds) -> str:
    """Return them over a day, whatever was asked."""
    cost = _cost(thresholds, "1d")
    return of_plan(cost, thresholds) if cost else ""


_GROUP: Final = "rightrig-plan"
_WHICH: Final = "{{ $labels.deployment }} on {{ $labels.Hostname }}"
PLAN: Final = (
    Alert(
        name="OutputBelowPlan",
        group=_GROUP,
        family="output",
        severity="warning",
        expr=_output,
        for_s=600,
        summary=f"{_WHICH} makes fewer tokens than predicted",
        description='{{ printf "%.2f" $value }} of what is predicted for as many users, below the '
        "low end of the prediction.",
        runbook="slow-node",
        uses=("prediction_ratio",),
    ),
    Alert(
        name="CostAbovePlan",
        group=_GROUP,
        family="cost",
        severity="warning",
        expr=_cost_at_peak,
        for_s=900,
        summary=f"{_WHICH} costs more a token than planned, at the planned traffic",
        description='${{ printf "%.2f" $value }} a million output tokens over the last hour.',
        runbook="cost",
        uses=("cost_usd_per_output_token", "peak_ratio", "peak_requests_per_s"),
    ),
    Alert(
        name="CostAbovePlanToday",
        group=_GROUP,
        family="cost",
        severity="info",
        expr=_cost_of_day,
        for_s=3600,
        summary=f"{_WHICH} cost more a token today than planned",
        description='${{ printf "%.2f" $value }} a million output tokens over the last day; with '
        "less "
        "traffic than planned each token costs more.",
        runbook="cost",
        uses=("cost_usd_per_output_token",),
    ),
)
"""Alerts of what the plan promised."""

"""Alerts of one card: heat, power, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.watching.rules.alert import CARD, CARD_LABELS, Alert, fixed, of_plan, promql

if TYPE_CHECKING:
    from rightrig.watching.rules.thresholds import Thresholds


def held(reason: str) -> str:
    """Return the cards whose clocks a reason holds down."""
    return f'max by ({CARD_LABELS}) (gpu:clock_event_active{{reason="{reason}"}} == 1)'


def loaded(thresholds: Thresholds) -> str:
    """Return the cards that work."""
    return f"gpu:utilization_ratio >= {promql(thresholds.busy_ratio)}"


def _capped(thresholds: Thresholds) -> str:
    """Return the cards that spend much of their time at the power limit."""
    return f"gpu:power_capped:ratio10m > {promql(thresholds.power_capped_ratio)}"


def _cap_slows(thresholds: Thresholds) -> str:
    """Return the same where output falls behind the plan; nothing where none is predicted."""
    if thresholds.prediction_ratio is None:
        return ""
    behind = (
        "avg_over_time(rightrig_deployment_prediction_ratio[10m]) "
        f"< {promql(thresholds.prediction_ratio)}"
    )
    return of_plan(f"{_capped(thresholds)}\nand on (Hostname) ({behind})", thresholds)


def _limit_lowered(thresholds: Thresholds) -> str:
    """Return the cards whose limit is below the plan's."""
    if thresholds.power_limit_w is None:
        return ""
    return of_plan(f"gpu:power_limit_watts < {promql(thresholds.power_limit_w)}", thresholds)


def _clock_drop(thresholds: Thresholds) -> str:
    """Return the loaded cards that run slowly although neither power nor heat is said to hold."""
    said = 'gpu:clock_event_active{reason!="hardware slowdown"} == 1'
    return (
        f"gpu:sm_clock_hertz / gpu:sm_clock_max_hertz < {promql(thresholds.clock_ratio)}\n"
        f"and on ({CARD_LABELS}) ({loaded(thresholds)})\n"
        f"unless on ({CARD_LABELS}) ({said})"
    )


_HEAT: Final = "rightrig-heat"
_POWER: Final = "rightrig-power"
CARDS: Final = (
    Alert(
        name="HwThermalSlowdown",
        group=_HEAT,
        family="thermal",
        severity="critical",
        expr=fixed(held("hardware thermal slowdown")),
        for_s=60,
        summary=f"{CARD} is too hot and halves its clocks",
        description="The card's own protection against heat is at work, and output falls by half "
        "or more. Everything that runs in lockstep with it waits.",
        runbook="thermal",
        sources="ours and DCGM",
    ),
    Alert(
        name="HwSlowdown",
        group=_HEAT,
        family="thermal",
        severity="critical",
        expr=fixed(
            f"{held('hardware slowdown')}\n"
            f"unless on ({CARD_LABELS}) "
            "(gpu:clock_event_active"
            '{reason=~"hardware thermal slowdown|hardware power brake"} == 1)'
        ),
        for_s=60,
        summary=f"The hardware of {CARD} halves its clocks",
        description="The driver names neither heat nor a power brake as the cause; look at both.",
        runbook="thermal",
        sources="ours and DCGM",
    ),
    Alert(
        name="SwThermalSlowdown",
        group=_HEAT,
        family="thermal",
        severity="warning",
        expr=fixed(held("software thermal slowdown")),
        for_s=120,
        summary=f"The driver slows {CARD} for heat",
        description="It lowers clocks to stay below the highest operating temperature.",
        runbook="thermal",
        sources="ours and DCGM",
    ),
    Alert(
        name="ThermalMarginSmall",
        group=_HEAT,
        family="thermal",
        severity="warning",
        expr=lambda t: f"gpu:thermal_margin_celsius <= {promql(t.margin_celsius)}",
        for_s=300,
        summary=f"{CARD} is close to slowing down for heat",
        description='{{ printf "%.0f" $value }} degrees remain until the card slows itself down.',
        runbook="thermal",
        uses=("margin_celsius",),
        sources="ours and DCGM",
    ),
    Alert(
        name="ThermalMarginGone",
        group=_HEAT,
        family="thermal",
        severity="critical",
        expr=fixed("gpu:thermal_margin_celsius <= 0"),
        for_s=60,
        summary=f"{CARD} has reached the temperature at which it slows down",
        description='The margin is {{ printf "%.0f" $value }} degrees.',
        runbook="thermal",
        sources="ours and DCGM",
    ),
    Alert(
        name="PowerBrake",
        group=_POWER,
        family="power",
        severity="critical",
        expr=fixed(held("hardware power brake")),
        for_s=30,
        summary=f"A power brake holds {CARD}",
        description="The power supply or the rack asserts it: too much is drawn, or a supply "
        "failed.",
        runbook="power",
        sources="ours and DCGM",
    ),
    Alert(
        name="PowerCapped",
        group=_POWER,
        family="power",
        severity="info",
        expr=_capped,
        for_s=300,
        summary=f"{CARD} runs at its power limit most of the time",
        description='{{ printf "%.2f" $value }} of the last ten minutes. Under full load that is '
        "normal; it matters where output falls behind the plan.",
        runbook="power",
        uses=("power_capped_ratio",),
        sources="ours and DCGM",
    ),
    Alert(
        name="PowerCapSlows",
        group=_POWER,
        family="power",
        severity="warning",
        expr=_cap_slows,
        for_s=300,
        summary=f"The power limit of {CARD} costs output that the plan counts on",
        description='At the limit for {{ printf "%.2f" $value }} of the last ten minutes, while '
        "output is below the low end of the prediction.",
        runbook="power",
        uses=("power_capped_ratio", "prediction_ratio"),
    ),
    Alert(
        name="PowerLimitBelowPlan",
        group=_POWER,
        family="power-limit",
        severity="warning",
        expr=_limit_lowered,
        for_s=300,
        summary=f"The power limit of {CARD} is below the plan's",
        description='It is {{ printf "%.0f" $value }} W. Somebody lowered it, or it was not set '
        "again after a restart.",
        runbook="power",
        uses=("power_limit_w",),
    ),
    Alert(
        name="ClockDrop",
        group=_POWER,
        family="clocks",
        severity="warning",
        expr=_clock_drop,
        for_s=300,
        summary=f"{CARD} runs slowly under load",
        description='The SMs run at {{ printf "%.2f" $value }} of their highest clock, and the '
        "driver names no power cap, heat or brake. A locked clock is one cause.",
        runbook="slow-node",
        uses=("clock_ratio", "busy_ratio"),
        sources="ours and DCGM",
    ),
)
"""Alerts of one card's heat, power and clocks."""

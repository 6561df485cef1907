"""Alerts of cards that seem to work and do not, of one that holds others up, and of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.watching.rules.alert import CARD, CARD_LABELS, ENGINE, Alert, fixed, of_plan, promql
from rightrig.watching.rules.alerts_cards import loaded

if TYPE_CHECKING:
    from rightrig.watching.rules.thresholds import Thresholds

_STALLED: Final = (
    "min_over_time(rightrig_engine_requests_running[5m]) > 0\n"
    # Of an engine that has just started five minutes are not known yet.
    "and rightrig_engine_requests_running offset 5m > 0\n"
    "and engine:generation_tokens:rate5m == 0\n"
    "unless rate(rightrig_engine_prompt_tokens_total[5m]) > 0"
)


def _always_busy(thresholds: Thresholds) -> str:
    """Return the cards on which a kernel runs all the time."""
    return f"gpu:utilization_ratio >= {promql(thresholds.hang_busy_ratio)}"


def _without_work(thresholds: Thresholds) -> str:
    """Return those of them with hardly a warp."""
    return (
        f"gpu:sm_occupancy_ratio < {promql(thresholds.hang_occupancy_ratio)}\n"
        f"and on ({CARD_LABELS}) ({_always_busy(thresholds)})"
    )


def _at_idle_power(thresholds: Thresholds) -> str:
    """Return those of them that draw as if they were idle."""
    return (
        f"gpu:power_watts / gpu:power_limit_watts < {promql(thresholds.hang_power_ratio)}\n"
        f"and on ({CARD_LABELS}) ({_always_busy(thresholds)})"
    )


def _collective_hang(thresholds: Thresholds) -> str:
    """Return stalled engines on hosts with such cards."""
    return (
        f"{_STALLED}\nand on (Hostname) (\n"
        f"  ({_without_work(thresholds)})\n  or\n  ({_at_idle_power(thresholds)})\n)"
    )


def _idle_among_busy(thresholds: Thresholds) -> str:
    """Return idle cards that hold as much memory as the loaded ones beside them."""
    least = promql(1.0 - thresholds.idle_card_ratio)
    busy = "gpu:utilization_ratio"
    # The median of two cards, one idle, is half: there the other one counts.
    median = (
        f"quantile by (Hostname) (0.5, {busy}) > {least}\n"
        f"or max by (Hostname) ({busy}) > {least} and count by (Hostname) ({busy}) == 2"
    )
    return (
        f"gpu:utilization_ratio < {promql(thresholds.idle_card_ratio)}\n"
        f"and on (Hostname) ({median})\n"
        f"and on ({CARD_LABELS}) (\n"
        "  gpu:memory_used_bytes > on (Hostname) group_left ()\n"
        "  0.5 * quantile by (Hostname) (0.5, gpu:memory_used_bytes)\n)"
    )


def _below_peers(share: str, ratio: str, thresholds: Thresholds) -> str:
    """Return loaded cards whose share is far below the median of those of their host."""
    of_loaded = f"({share} and on ({CARD_LABELS}) ({loaded(thresholds)}))"
    return (
        f"{of_loaded}\n/ on (Hostname) group_left ()\n"
        f"quantile by (Hostname) (0.5, {of_loaded})\n< {ratio}"
    )


def _slow(thresholds: Thresholds) -> str:
    """Return cards with a low clock."""
    share = "gpu:sm_clock_hertz / gpu:sm_clock_max_hertz"
    return _below_peers(share, promql(thresholds.slow_card_ratio), thresholds)


def _weak(thresholds: Thresholds) -> str:
    """Return cards that draw little."""
    share = "gpu:power_watts / gpu:power_limit_watts"
    return _below_peers(share, promql(thresholds.weak_card_ratio), thresholds)


def _grows(thresholds: Thresholds) -> str:
    """Return cards whose memory grew in each of three hours: loading a model grows in one."""
    least = promql(thresholds.memory_growth_bytes_per_hour)
    used = "gpu:memory_used_bytes"
    return (
        f"{used} - {used} offset 1h > {least}\n"
        f"and {used} offset 1h - {used} offset 2h > {least}\n"
        f"and {used} offset 2h - {used} offset 3h > {least}"
    )


def _above_plan(thresholds: Thresholds) -> str:
    """Return cards that hold more than the plan's fullest; nothing where no plan says."""
    if thresholds.memory_used_bytes is None:
        return ""
    return of_plan(f"gpu:memory_used_bytes > {promql(thresholds.memory_used_bytes)}", thresholds)


_HANG: Final = "rightrig-hangs"
_PEERS: Final = "rightrig-peers"
_MEMORY: Final = "rightrig-memory"
WORK: Final = (
    Alert(
        name="EngineStalled",
        group=_HANG,
        family="hang",
        severity="critical",
        expr=fixed(_STALLED),
        for_s=60,
        summary=f"The engine at {ENGINE} has requests and makes no tokens",
        description='{{ printf "%.0f" $value }} requests at least were in the batch for five '
        "minutes, "
        "and not one token was read or made.",
        runbook="nccl-hang",
    ),
    Alert(
        name="CollectiveHang",
        group=_HANG,
        family="hang",
        severity="critical",
        expr=_collective_hang,
        for_s=120,
        summary="Cards of {{ $labels.Hostname }} wait for each other, and {{ $labels.engine }} "
        "stands still",
        description="A kernel runs all the time with hardly a warp, or at the power of an idle "
        "card, "
        "while the engine makes no tokens: a collective operation waits for a rank that never "
        "comes.",
        runbook="nccl-hang",
        uses=("hang_busy_ratio", "hang_occupancy_ratio", "hang_power_ratio"),
    ),
    Alert(
        name="GpuBusyWithoutWork",
        group=_HANG,
        family="hang-card",
        severity="warning",
        expr=_without_work,
        for_s=600,
        summary=f"A kernel runs all the time on {CARD} and does hardly anything",
        description='Share of resident warps: {{ printf "%.3f" $value }}. It may wait for another '
        "rank.",
        runbook="nccl-hang",
        uses=("hang_busy_ratio", "hang_occupancy_ratio"),
        sources="ours and DCGM",
    ),
    Alert(
        name="GpuBusyAtIdlePower",
        group=_HANG,
        family="hang-card",
        severity="warning",
        expr=_at_idle_power,
        for_s=600,
        summary=f"A kernel runs all the time on {CARD}, at the power of an idle card",
        description='It draws {{ printf "%.2f" $value }} of its limit. It may wait for another '
        "rank.",
        runbook="nccl-hang",
        uses=("hang_busy_ratio", "hang_power_ratio"),
        sources="ours and DCGM",
    ),
    Alert(
        name="GpuIdleAmongBusy",
        group=_PEERS,
        family="peers",
        severity="warning",
        expr=_idle_among_busy,
        for_s=300,
        summary=f"{CARD} is idle while the others work",
        description="It holds as much memory as they do, so it belongs to the same engine: a rank "
        "of "
        "it stands still, or gets no requests.",
        runbook="tensor-parallel-stall",
        uses=("idle_card_ratio",),
        sources="ours and DCGM",
    ),
    Alert(
        name="GpuSlowAmongPeers",
        group=_PEERS,
        family="peers",
        severity="warning",
        expr=_slow,
        for_s=300,
        summary=f"{CARD} runs slower than the others of its host",
        description='Its clock is {{ printf "%.2f" $value }} of their median. With tensor '
        "parallelism "
        "all of them run at its pace.",
        runbook="slow-node",
        uses=("slow_card_ratio", "busy_ratio"),
        sources="ours and DCGM",
    ),
    Alert(
        name="GpuWeakAmongPeers",
        group=_PEERS,
        family="peers-power",
        severity="warning",
        expr=_weak,
        for_s=300,
        summary=f"{CARD} draws less than the others of its host",
        description='Its power is {{ printf "%.2f" $value }} of their median: it gets less work, '
        "or "
        "waits.",
        runbook="slow-node",
        uses=("weak_card_ratio", "busy_ratio"),
        sources="ours and DCGM",
    ),
    Alert(
        name="GpuMemoryGrows",
        group=_MEMORY,
        family="memory",
        severity="warning",
        expr=_grows,
        for_s=300,
        summary=f"Memory in use on {CARD} grows hour after hour",
        description='{{ printf "%.0f" $value }} bytes more in the last hour, and as much in each '
        "of "
        "the two before. An engine that allocates its cache once does not grow: something leaks.",
        runbook="out-of-memory",
        uses=("memory_growth_bytes_per_hour",),
        sources="ours and DCGM",
    ),
    Alert(
        name="GpuMemoryAbovePlan",
        group=_MEMORY,
        family="memory",
        severity="warning",
        expr=_above_plan,
        for_s=300,
        summary=f"More memory is in use on {CARD} than planned",
        description='{{ printf "%.0f" $value }} bytes, above the high end of the plan. Another '
        "program, "
        "or other limits of the engine.",
        runbook="out-of-memory",
        uses=("memory_used_bytes",),
    ),
    Alert(
        name="GpuMemoryFull",
        group=_MEMORY,
        family="memory",
        severity="warning",
        expr=lambda t: (
            f"gpu:memory_used_bytes / gpu:memory_total_bytes > {promql(t.memory_full_ratio)}"
        ),
        for_s=300,
        summary=f"The memory of {CARD} is full",
        description='{{ printf "%.3f" $value }} of it are in use: the next allocation may fail.',
        runbook="out-of-memory",
        uses=("memory_full_ratio",),
        sources="ours and DCGM",
    ),
)
"""Alerts of work that is none."""

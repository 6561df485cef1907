"""Alerts of what is missing: cards, the driver, readings that make sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.watching.rules.alert import (
    CARD,
    CARD_LABELS,
    Alert,
    fixed,
    promql,
    quoted,
)

if TYPE_CHECKING:
    from rightrig.watching.rules.thresholds import Thresholds

_MISMATCH: Final = 'rightrig_watch_driver_trouble{reason="LibRmVersionMismatch"} == 1'
_GROUP: Final = "rightrig-presence"
_SILENT: Final = (
    "max_over_time(host:gpus[6h])\n"
    "unless on (Hostname) host:gpus\n"
    "unless on (Hostname) (\n"
    '  max_over_time(gpu:temperature_celsius{UUID!=""}[6h]) '
    "and on (UUID) gpu:temperature_celsius\n"
    ")\n"
    "or\n"
    "max by (Hostname) (max_over_time(rightrig_watch_gpus[6h])) "
    "unless on (Hostname) rightrig_watch_gpus"
)
"""Hosts that were read and are not any more.

DCGM's exporter may call its host after its pod, which changes: no host is silent whose cards are
read under another name. Ours is missed even where DCGM's goes on: engines and lost cards are
known to ours alone.
"""


def _unwatched(thresholds: Thresholds) -> str:
    """Return that nobody serves the plan; nothing without one."""
    if not thresholds.deployment:
        return ""
    return f"absent(rightrig_deployment_info{{deployment={quoted(thresholds.deployment)}}})"


PRESENCE: Final = (
    Alert(
        name="GpuLost",
        group=_GROUP,
        family="presence",
        severity="critical",
        expr=fixed("rightrig_gpu_up == 0"),
        for_s=30,
        summary=f"{CARD} does not answer its driver",
        description="It fell off the bus, or waits for a reset. The driver's words are the label "
        "reason of rightrig_gpu_trouble; an XID 79 before it is the usual cause.",
        runbook="gpu-lost",
    ),
    Alert(
        name="GpusMissing",
        group=_GROUP,
        family="presence",
        severity="critical",
        expr=fixed("host:gpus < on (Hostname) host:gpus_expected"),
        for_s=60,
        summary="{{ $labels.Hostname }} has fewer GPUs than it should",
        description='{{ printf "%.0f" $value }} answer. Expected is what the plan names, or the '
        "most "
        "that were seen.",
        runbook="gpu-lost",
        sources="ours and DCGM",
    ),
    Alert(
        name="DriverDown",
        group=_GROUP,
        family="driver",
        severity="critical",
        expr=fixed(f"rightrig_watch_driver_up == 0\nunless on (Hostname) {_MISMATCH}"),
        for_s=30,
        summary="The GPU driver of {{ $labels.Hostname }} does not answer",
        description="It is not loaded, crashed, or hangs; the label reason of "
        "rightrig_watch_driver_trouble says which.",
        runbook="driver-crash",
    ),
    Alert(
        name="DriverVersionMismatch",
        group=_GROUP,
        family="driver",
        severity="critical",
        expr=fixed(f"max by (Hostname) ({_MISMATCH})"),
        for_s=30,
        summary="Driver and library of {{ $labels.Hostname }} are of different versions",
        description="The library was updated, and the old kernel module still runs.",
        runbook="version-mismatch",
    ),
    Alert(
        name="ReaderHung",
        group=_GROUP,
        family="reader",
        severity="warning",
        expr=lambda t: f"rightrig_watch_sample_age_seconds > {promql(t.sample_age_s)}",
        for_s=30,
        summary="The cards of {{ $labels.Hostname }} were not read for a while",
        description='The last reading is {{ printf "%.0f" $value }} s old: a call of the driver '
        "hangs. "
        "All other values of that host are as old.",
        runbook="telemetry",
        uses=("sample_age_s",),
    ),
    Alert(
        name="ReaderRestarts",
        group=_GROUP,
        family="reader",
        severity="warning",
        expr=lambda t: (
            "sum by (Hostname) (increase(rightrig_watch_reader_restarts_total[1h])) "
            f"> {promql(t.restarts_count)}"
        ),
        for_s=0,
        summary="The reader of {{ $labels.Hostname }} was started anew again and again",
        description='{{ printf "%.0f" $value }} times in the last hour: the driver hangs, crashes, '
        "or "
        "is reloaded.",
        runbook="driver-crash",
        uses=("restarts_count",),
    ),
    Alert(
        name="TelemetryAbsent",
        group=_GROUP,
        family="telemetry",
        severity="critical",
        expr=fixed("absent(host:gpus)"),
        for_s=300,
        summary="No GPU metrics arrive",
        description="Neither rightrig's exporter nor NVIDIA's DCGM exporter is scraped; no other "
        "alert of a card can fire.",
        runbook="telemetry",
        sources="ours and DCGM",
    ),
    Alert(
        name="HostSilent",
        group=_GROUP,
        family="telemetry",
        severity="critical",
        expr=fixed(_SILENT),
        for_s=300,
        summary="{{ $labels.Hostname }} sends no GPU metrics any more",
        description='It did within the last six hours, of {{ printf "%.0f" $value }} GPUs. The '
        "host, "
        "its exporter or the way to it is down.",
        runbook="telemetry",
        sources="ours and DCGM",
    ),
    Alert(
        name="PlanUnwatched",
        group=_GROUP,
        family="plan",
        severity="warning",
        expr=_unwatched,
        for_s=900,
        summary="No exporter says that it serves {{ $labels.deployment }}",
        description="Alerts of that plan cannot fire. Start `rightrig watch export --deployment "
        "FILE` on its machines, with the plan that these rules were written from.",
        runbook="telemetry",
    ),
    Alert(
        name="TelemetryBroken",
        group=_GROUP,
        family="telemetry",
        severity="warning",
        expr=lambda t: (
            f"gpu:utilization_ratio > {promql(t.telemetry_ratio)}\n"
            f"and on ({CARD_LABELS}) (gpu:sm_active_ratio == 0)"
        ),
        for_s=600,
        summary=f"Profiling metrics of {CARD} are stuck at zero",
        description="A kernel runs, and yet no SM is said to work: the counters are held by "
        "another "
        "profiler, or stopped after an error.",
        runbook="telemetry",
        uses=("telemetry_ratio",),
        sources="ours and DCGM",
    ),
    Alert(
        name="MigWithoutInstances",
        group=_GROUP,
        family="mig",
        severity="warning",
        expr=fixed(
            "rightrig_gpu_mig_enabled == 1\n"
            f"unless on ({CARD_LABELS}) rightrig_gpu_mig_memory_total_bytes"
        ),
        for_s=300,
        summary=f"{CARD} is in MIG mode and has no instance",
        description="No program can use it. Instances do not outlive a reboot unless something "
        "makes them again.",
        runbook="mig-misconfigured",
    ),
)
"""Alerts of what is missing."""

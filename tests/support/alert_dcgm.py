"""Samples of our exporter as NVIDIA's DCGM exporter would give them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from promtool import Run, Series

from rightrig.watching.rules.dcgm import BY_KEY
from rightrig.watching.rules.recorded import GAUGES, REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Names = Literal["old", "new"]
_OURS: Final = "rightrig_gpu_"
_ECC: Final = {"corrected": "corrected", "uncorrected": "uncorrected"}


def in_dcgm(some: Iterable[Series], names: Names, host: str | None = None) -> tuple[Series, ...]:
    """Return the same in DCGM's units, under its old names or its new, and with its labels.

    Args:
        some: Ours.
        names: Those until DCGM 4.5, or since 4.6.
        host: Another name of the host, as where the exporter runs in a pod of its own.
    """
    found = [_of(one, names) for one in some]
    return tuple(_labelled(one, names, host) for one in _packed(found))


def _of(ours: Series, names: Names) -> Series:
    """Return one series, still with our labels."""
    key, factor = _field_of(ours)
    field = BY_KEY[key]
    scale = factor / float(eval(f"1.0{field.factor}"))  # noqa: S307 - a factor of ours
    runs = tuple(_run(run, key, scale, ours) for run in ours.runs)
    return Series(field.names[0 if names == "old" else -1], ours.labels, runs)


def _run(run: Run, key: str, scale: float, ours: Series) -> Run:
    """Return a run; the fabric counts states, and XIDs are the last number."""
    if key == "fabric":
        return replace(run, start=3.0 if run.start else 2.0)
    if key == "xid":
        return Run(0.0, 0.0, 3) if run.start is None else Run(float(ours.labels["xid"]))
    return run.scaled(scale)


def _field_of(ours: Series) -> tuple[str, float]:
    """Return the field of DCGM that one of ours is, and what our value is multiplied with."""
    name = ours.name.removeprefix(_OURS)
    if name in GAUGES:
        return GAUGES[name], 1.0
    match name:
        case "clock_event_active":
            return "reasons", float(REASONS[ours.labels["reason"]])
        case "ecc_errors_total":
            return _ECC[ours.labels["kind"]], 1.0
        case "nvlink_errors_total":
            return f"nvlink_{ours.labels['kind']}", 1.0
    others = {
        "throttled_seconds_total": "power_capped",
        "pcie_replays_total": "pcie_replays",
        "fabric_ready": "fabric",
        "xid_events_total": "xid",
    }
    return others[name], 1.0


def _packed(some: list[Series]) -> Iterator[Series]:
    """Yield series; what holds clocks down is one number a card."""
    reasons = [one for one in some if one.name in BY_KEY["reasons"].names]
    yield from (one for one in some if one not in reasons)
    if reasons:
        longest = max(reasons, key=lambda one: len(one.runs))
        others = sum(float(one.runs[-1].start or 0) for one in reasons if one is not longest)
        runs = (replace(run, start=float(run.start or 0) + others) for run in longest.runs)
        yield replace(longest, runs=tuple(runs))


def _labelled(one: Series, names: Names, host: str | None) -> Series:
    """Return a series with DCGM's labels; Hostname became hostname in 2026."""
    ours = one.labels
    labels = {
        "gpu": ours["gpu"],
        "UUID": ours["UUID"],
        "device": f"nvidia{ours['gpu']}",
        "modelName": "NVIDIA H100 80GB HBM3",
        "Hostname" if names == "old" else "hostname": host or ours["Hostname"],
    }
    return replace(one, labels=labels)

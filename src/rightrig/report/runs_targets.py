"""The report of targets: what is worth measuring on a rig, estimated or measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rightrig.quantities import show_number, show_seconds
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import interval_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rightrig.interval import Interval
    from rightrig.prediction.predict import Prediction
    from rightrig.report.schema.runs import (
        MeasuringTargetJson,
        RunsTargetsJson,
        TargetEstimateJson,
        TargetMeasuredJson,
    )
    from rightrig.store.targets import MeasuredLevel, Workload

_NONE = "–"


@dataclass(frozen=True, slots=True)
class TargetLine:
    """One target.

    Attributes:
        weights, runtime: ``None`` where nothing could be deployed.
        estimate: What is predicted; never what was measured.
        measured: What the store holds of it.
        reason: Why nothing is predicted.
        command: What measures it; empty where it cannot be.
    """

    model: str
    weights: str | None
    runtime: str | None
    workload: Workload
    estimate: Prediction | None
    measured: MeasuredLevel | None
    reason: str
    command: str

    @property
    def status(self) -> Literal["pending", "estimated", "measured"]:
        """What is known of it: an estimate is never called measured."""
        if self.measured is not None:
            return "measured"
        return "pending" if self.estimate is None else "estimated"


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of a rig, in the notation of the command line."""

    rig: str
    store: str
    lines: tuple[TargetLine, ...]

    def count(self, status: str) -> int:
        """Return how many lines are of a status."""
        return sum(line.status == status for line in self.lines)


def targets_document(found: Targets) -> Document:
    """Return targets as a table: estimates and measurements in columns of their own."""
    if not found.lines:
        return (Paragraph(f"No usual model fits {found.rig}; name one with --model."),)
    headers = (
        "model", "weights", "workload", "status", "TPOT estimate", "TPOT measured",
        "TTFT estimate", "TTFT measured", "tokens/s estimate", "tokens/s measured", "run",
    )  # fmt: skip
    grid = Grid(headers, tuple(_row(line) for line in found.lines), (4, 5, 6, 7, 8, 9),
                spare=(6, 7, 1, 8, 9))  # fmt: skip
    counts = ", ".join(f"{found.count(s)} {s}" for s in ("measured", "estimated", "pending"))
    return (
        Paragraph(f"Targets of {found.rig}: {counts}", "title"),
        grid,
        Paragraph(f"{_workloads_text(found.lines)}.", "dim"),
        *_pending_notes(found.lines),
        *_next_note(found.lines),
        Paragraph(
            f"Measured: means of runs of {found.store} on this rig. Estimates are computed, with "
            "the ends of their central 80 %; nobody measured them.",
            "dim",
        ),
    )


def _row(line: TargetLine) -> tuple[str, ...]:
    """Return one line of the table."""
    load, estimate, measured = line.workload, line.estimate, line.measured
    return (
        line.model,
        line.weights or _NONE,
        load.name,
        line.status,
        _estimated(estimate.tpot_s if estimate else None, show_seconds),
        _measured(measured.tpot_s if measured else None, show_seconds),
        _estimated(estimate.ttft_s if estimate else None, show_seconds),
        _measured(measured.ttft_s if measured else None, show_seconds),
        _estimated(estimate.output_tokens_per_s if estimate else None, show_number),
        _measured(measured.output_tokens_per_s if measured else None, show_number),
        str(measured.run.id) if measured else _NONE,
    )


def _estimated(value: Interval | None, show: Callable[[float], str]) -> str:
    """Return an estimate with its ends, so that nobody takes it for a measurement."""
    return _NONE if value is None else f"{show(value.low)} … {show(value.high)}"


def _measured(value: float | None, show: Callable[[float], str]) -> str:
    """Return a measured mean."""
    return _NONE if value is None else show(value)


def _workloads_text(lines: Sequence[TargetLine]) -> str:
    """Return what each workload is."""
    parts = [
        f"{one.name}: {one.concurrency} at once, {one.input_tokens:,} tokens in and "
        f"{one.output_tokens:,} out"
        for one in dict.fromkeys(line.workload for line in lines)
    ]
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]


def _pending_notes(lines: Sequence[TargetLine]) -> Document:
    """Say why nothing is predicted, once a reason."""
    reasons = dict.fromkeys((x.model, x.reason) for x in lines if x.status == "pending")
    return tuple(Paragraph(f"{model}: {reason}.", "dim") for model, reason in reasons)


def _next_note(lines: Sequence[TargetLine]) -> Document:
    """Return the command that measures the first target which was not."""
    command = next((x.command for x in lines if x.command and x.status != "measured"), "")
    return (Paragraph(f"Next: {command}"),) if command else ()


def targets_json(found: Targets) -> RunsTargetsJson:
    """Return targets as JSON."""
    return {
        "store": found.store,
        "rig": found.rig,
        "pending_count": found.count("pending"),
        "estimated_count": found.count("estimated"),
        "measured_count": found.count("measured"),
        "targets": [_target_json(line) for line in found.lines],
    }


def _target_json(line: TargetLine) -> MeasuringTargetJson:
    """Return one target as JSON."""
    load = line.workload
    return {
        "model": line.model,
        "weights": line.weights,
        "runtime": line.runtime,
        "workload": load.name,
        "input_tokens": load.input_tokens,
        "output_tokens": load.output_tokens,
        "concurrency": load.concurrency,
        "status": line.status,
        "estimate": None if line.estimate is None else _estimate_json(line.estimate),
        "measured": None if line.measured is None else _measured_json(line.measured),
        "reason": line.reason,
        "command": line.command or None,
    }


def _estimate_json(estimate: Prediction) -> TargetEstimateJson:
    """Return a prediction as JSON."""
    return {
        "ttft_s": interval_json(estimate.ttft_s),
        "tpot_s": interval_json(estimate.tpot_s),
        "output_tokens_per_s": interval_json(estimate.output_tokens_per_s),
        "evidence": estimate.evidence,
    }


def _measured_json(found: MeasuredLevel) -> TargetMeasuredJson:
    """Return a measurement as JSON."""
    return {
        "run": found.run.id,
        "date": found.run.started[:10],
        "machine": found.run.new.machine,
        "ttft_s": found.ttft_s,
        "tpot_s": found.tpot_s,
        "output_tokens_per_s": found.output_tokens_per_s,
    }

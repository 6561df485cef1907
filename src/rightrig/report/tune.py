"""The report of an experiment: the baseline, what each change did, and what is worth keeping."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.measuring.tune.verdict import CONFIDENCE_RATIO
from rightrig.quantities import GIB, MIB, MILLION, show_gib, show_number, show_seconds, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import deployment_json, deployment_text, interval_json

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.deployment.deployment import Deployment
    from rightrig.measuring.tune.figures import Figures
    from rightrig.measuring.tune.settings import Setting
    from rightrig.measuring.tune.tuned import Change, Measured, Tuned
    from rightrig.report.schema.tuning import ChangeJson, TuneFiguresJson, TuneJson
    from rightrig.report.simulated import Traffic

_METRICS: Final = {
    "output-tokens": "output tokens/s", "requests": "requests/s", "goodput": "good requests/s",
    "ttft-p99": "TTFT p99", "tpot-p99": "TPOT p99", "e2e-p99": "E2E p99",
}  # fmt: skip
_FATES: Final = {
    "better": "better", "worse": "worse", "same": "within the spread", "misses": "misses the SLO",
    "limited": "no verdict", "failed": "did not run", "unfinished": "interrupted",
    "not tried": "not tried",
}  # fmt: skip
_UNKNOWN: Final = "–"
_LOG_LINES: Final = 6
_MANY: Final = 2
_SHOWN_WIDTH_RATIO: Final = 0.001


@dataclass(frozen=True, slots=True)
class TuneReport:
    """What a report is made from.

    Attributes:
        deployment: Of the baseline, as it is predicted; ``None`` where no model is named.
        engine: The template; empty for the simulator.
        traffic: Of the first run.
        run_ids: Of the runs in the store, those of earlier commands too.
        trouble: Why runs were not kept.
    """

    tuned: Tuned
    baseline: Setting
    deployment: Deployment | None
    engine: str
    traffic: Traffic
    slo: Slo
    repeats_count: int
    one_start: bool
    elapsed_s: float
    run_ids: tuple[int, ...] = ()
    trouble: str = ""


def tune_document(report: TuneReport) -> Document:
    """Return an experiment as a document."""
    tuned = report.tuned
    blocks: list[Paragraph | Grid] = [Paragraph(_title(report), "title")]
    blocks.append(Paragraph(report.traffic.text, "dim"))
    if not tuned.is_judged:
        return (*blocks, *_failed(report))
    blocks += [Paragraph(_baseline_sentence(report)), _changes(report), *_verdicts(report)]
    blocks += [Paragraph(note, "dim") for note in notes_of(report)]
    return tuple(blocks)


def _title(report: TuneReport) -> str:
    """Return what was tuned."""
    if report.engine and report.deployment is None:
        return f"Tuning: {report.engine}"
    where = "" if report.engine else ", simulated"
    assert report.deployment is not None or not report.engine  # noqa: S101 - one of both
    known = "" if report.deployment is None else deployment_text(report.deployment)
    return f"Tuning {known}{where}"


def _failed(report: TuneReport) -> list[Paragraph]:
    """Return what became of a baseline that did not run."""
    first = report.tuned.first
    if report.tuned.interrupted:
        return [Paragraph("Interrupted before the baseline was measured.", "warn")]
    if first.limited:
        text = f"The baseline could not be measured: {first.limited}. Nothing was changed."
        return [Paragraph(text, "bad")]
    text = f"The baseline {report.baseline.text} did not run: {first.failure}."
    return [Paragraph(text, "bad"), *_log_lines(first)]


def _log_lines(measured: Measured) -> list[Paragraph]:
    """Return the last lines of an engine that failed."""
    return [Paragraph(f"  | {line}", "dim") for line in measured.log[-_LOG_LINES:]]


def _baseline_sentence(report: TuneReport) -> str:
    """Return the baseline's figures."""
    tuned = report.tuned
    mean = tuned.baseline
    assert mean is not None  # noqa: S101 - it was judged
    count = _baseline_runs_count(tuned)
    spread = spread_ratio(report)
    noise = "" if spread is None else f", which spread by {spread:.1%}"
    parts = [
        f"{show_number(mean.output_tokens_per_s)} output tokens/s",
        f"{show_number(mean.requests_per_s)} requests/s",
        f"TTFT p50 {_seconds(mean.ttft_p50_s)}, p99 {_seconds(mean.ttft_p99_s)}",
        f"TPOT p99 {_seconds(mean.tpot_p99_s)}",
        f"E2E p99 {_seconds(mean.e2e_p99_s)}",
    ]
    if mean.good_ratio is not None:
        parts.append(f"{mean.good_ratio:.1%} in time")
    if mean.error_ratio > 0.0:
        parts.append(f"{mean.error_ratio:.1%} failed")
    parts += _memory_and_cost(mean)
    return f"Baseline {report.baseline.text} ({count} runs{noise}): {'; '.join(parts)}."


def _memory_and_cost(mean: Figures) -> list[str]:
    """Return what a setting takes and costs, where it is known."""
    parts = []
    if mean.memory_bytes is not None:
        parts.append(f"{_memory(mean.memory_bytes)} of memory")
    if mean.usd_per_output_token is not None:
        parts.append(f"{show_usd(mean.usd_per_output_token * MILLION)}/M output tokens")
    return parts


def _changes(report: TuneReport) -> Grid:
    """Return every change beside the baseline."""
    judged = report.tuned.judged
    has_prediction = any(c.foreseen.change_ratio is not None for c in report.tuned.changes)
    headers = ["change", _METRICS[judged.metric], "measured", "TTFT p99", "TPOT p99", "memory",
               "$/M out", "verdict"]  # fmt: skip
    if has_prediction:
        headers.insert(3, "predicted")
    rows = []
    for change in report.tuned.changes:
        row = [f"{change.step.knob}={change.step.value}", *_cells(report, change)]
        if has_prediction:
            row.insert(3, _percent(change.foreseen.change_ratio))
        rows.append(tuple(row))
    numeric = tuple(range(1, len(headers) - 1))
    names = {header: place for place, header in enumerate(headers)}
    spare = (names["$/M out"], names["memory"], names["TPOT p99"])
    return Grid(tuple(headers), tuple(rows), numeric, "One change each:", spare)


def _cells(report: TuneReport, change: Change) -> list[str]:
    """Return the cells of a change, but its name."""
    mean = change.measured.mean if change.measured else None
    if mean is None:
        return [_UNKNOWN] * 6 + [_FATES[change.fate]]
    judged = report.tuned.judged
    value = getattr(mean, judged.name)
    effect = _UNKNOWN
    if change.effect is not None:
        ends = change.effect.change_ratio
        effect = _percent(ends.mid)
        if ends.width_ratio > _SHOWN_WIDTH_RATIO:
            effect += f" ({_percent(ends.low)} … {_percent(ends.high)})"
    figure = _seconds(value) if judged.name.endswith("p99_s") else _number(value)
    memory = mean.memory_bytes
    cost = mean.usd_per_output_token
    return [
        figure, effect, _seconds(mean.ttft_p99_s), _seconds(mean.tpot_p99_s),
        _UNKNOWN if memory is None else _memory(memory),
        _UNKNOWN if cost is None else show_usd(cost * MILLION), _FATES[change.fate],
    ]  # fmt: skip


def _verdicts(report: TuneReport) -> list[Paragraph]:
    """Return what to keep, what stopped the experiment, and what did not run."""
    tuned = report.tuned
    blocks = _kept(report)
    if tuned.stopped:
        blocks.append(Paragraph(f"Stopped: {tuned.stopped}.", "warn"))
    if tuned.interrupted:
        blocks.append(Paragraph("Interrupted: what was measured until then is all of it.", "warn"))
    for change in tuned.changes:
        if change.reason and change.fate != "unfinished":
            line = f"{change.step.knob}={change.step.value}: {change.reason}."
            blocks.append(Paragraph(line, "warn" if change.measured else "dim"))
        blocks += _log_lines(change.measured) if change.measured else []
    return blocks


def _kept(report: TuneReport) -> list[Paragraph]:
    """Return what to keep."""
    tuned = report.tuned
    if not tuned.kept:
        none = "Keep the baseline: no change beats the spread."
        return [] if tuned.stopped else [Paragraph(none, "good")]
    kept = ", ".join(f"{knob}={value}" for knob, value in tuned.kept.items())
    beats = "It beats" if len(tuned.kept) < _MANY else "Each beats"
    blocks = [Paragraph(f"Keep: {kept}. {beats} the spread.", "good")]
    if len(tuned.kept) >= _MANY:
        setting = report.baseline
        for knob, value in tuned.kept.items():
            setting = setting.turned(knob, value)
        again = (
            "Each was measured by itself; what they do together was not. Tune again from "
            f"--baseline {setting.text}."
        )
        blocks.append(Paragraph(again))
    return blocks


def notes_of(report: TuneReport) -> list[str]:
    """Return how to read the figures."""
    tuned = report.tuned
    better = "more" if tuned.judged.is_more_better else "less"
    how = (
        f"Judged by {_METRICS[tuned.judged.metric]}, {better} is better. Each change differs from "
        "the baseline in one field. Intervals hold the truth of all changes together in "
        f"{CONFIDENCE_RATIO:.0%} of experiments (Dunnett, on logarithms, spread of all runs "
        "pooled); a change is better or worse when its whole interval lies on one side."
    )
    notes = [how, _order_note(report)]
    if tuned.last is not None:
        notes.append(f"The baseline was started again at the end: {_drift(tuned)}.")
    if report.one_start:
        notes.append(
            "One start a setting: what differs from start to start counts as an effect here; "
            "leave out --one-start to be sure."
        )
    if not report.engine:
        notes.append("Simulated: an estimate, which is not kept among measured runs.")
    reused = reused_count(tuned)
    if reused:
        notes.append(f"{reused} runs are of an earlier command; --fresh measures them again.")
    if report.run_ids:
        notes.append(f"Kept as runs {_numbers(report.run_ids)} ('rightrig runs show ID').")
    if report.trouble:
        notes.append(report.trouble)
    return notes


def _order_note(report: TuneReport) -> str:
    """Return in which order knobs were turned, and when values are left out."""
    names = list(dict.fromkeys(change.step.knob for change in report.tuned.changes))
    known = any(change.foreseen.change_ratio for change in report.tuned.changes)
    why = "largest predicted effect first" if known else "as they were written"
    order = f"Knobs in this order: {', '.join(names)} ({why}). " if len(names) > 1 else ""
    return (
        f"{order}Numbers go up from the baseline, then down; a direction ends with a value that "
        "fails, breaks an objective that the baseline keeps, or is surely worse than the best "
        "before it."
    )


def _drift(tuned: Tuned) -> str:
    """Return how far the baseline moved between its first and its last start."""
    last = tuned.last.mean if tuned.last else None
    first = tuned.first.mean
    change = tuned.judged.change_ratio(last, first) if last and first else None
    return "it cannot be compared" if change is None else f"it had moved by {change - 1.0:+.1%}"


def spread_ratio(report: TuneReport) -> float | None:
    """Return the standard deviation of the baseline's runs over their mean."""
    tuned = report.tuned
    runs = (*tuned.first.runs, *(tuned.last.runs if tuned.last else ()))
    values = [getattr(run, tuned.judged.name) for run in runs]
    known: list[float] = [value for value in values if value is not None]
    if len(known) < _MANY or not sum(known):
        return None
    return statistics.stdev(known) / statistics.fmean(known)


def reused_count(tuned: Tuned) -> int:
    """Return how many runs an earlier command had done."""
    measured = [tuned.first, tuned.last, *(change.measured for change in tuned.changes)]
    return sum(one.reused_count for one in measured if one is not None)


def _numbers(ids: tuple[int, ...]) -> str:
    """Return numbers of runs, briefly."""
    first, last = min(ids), max(ids)
    return f"{first}" if first == last else f"{first} to {last}"


def _percent(change_ratio: float | None) -> str:
    """Return a ratio as a change."""
    if change_ratio is None or not math.isfinite(change_ratio):
        return _UNKNOWN
    if change_ratio >= 10.0:  # noqa: PLR2004 - "+900 %" says less than "×10"
        return f"×{show_number(change_ratio)}"
    return f"{change_ratio - 1.0:+.1%}"


def _memory(size_bytes: float) -> str:
    """Return a size; small ones in MiB."""
    return show_gib(size_bytes) if size_bytes >= GIB else f"{size_bytes / MIB:,.0f} MiB"


def _seconds(value_s: float | None) -> str:
    """Return a time, or that it is not known."""
    return _UNKNOWN if value_s is None else show_seconds(value_s)


def _number(value_per_s: float | None) -> str:
    """Return a rate, or that it is not known."""
    return _UNKNOWN if value_per_s is None else show_number(value_per_s)


def tune_json(report: TuneReport) -> TuneJson:
    """Return an experiment as JSON."""
    tuned = report.tuned
    deployment = report.deployment
    return {
        "engine": report.engine,
        "deployment": None if deployment is None else deployment_json(deployment),
        "traffic": report.traffic.text,
        "metric": tuned.judged.metric,
        "baseline": dict(report.baseline.pairs),
        "baseline_figures": _figures_json(tuned.baseline, _baseline_runs_count(tuned)),
        "baseline_failure": tuned.first.failure or tuned.first.limited,
        "baseline_log": list(tuned.first.log),
        "baseline_runs_count": _baseline_runs_count(tuned),
        "spread_ratio": spread_ratio(report),
        "confidence_ratio": CONFIDENCE_RATIO,
        "changes": [_change_json(change) for change in tuned.changes],
        "kept": dict(tuned.kept),
        "stopped_because": tuned.stopped,
        "one_start": report.one_start,
        "run_ids": list(report.run_ids),
        "reused_runs_count": reused_count(tuned),
        "not_kept_because": report.trouble,
        "elapsed_s": report.elapsed_s,
        "notes": notes_of(report),
    }


def _baseline_runs_count(tuned: Tuned) -> int:
    """Return the runs of the baseline, before and after the changes."""
    return len(tuned.first.runs) + (len(tuned.last.runs) if tuned.last else 0)


def _change_json(change: Change) -> ChangeJson:
    """Return one change as JSON."""
    done = change.measured
    return {
        "knob": change.step.knob,
        "value": change.step.value,
        "fate": change.fate,
        "reason": change.reason,
        "change_ratio": None
        if change.effect is None
        else interval_json(change.effect.change_ratio),
        "predicted_change_ratio": change.foreseen.change_ratio,
        "not_predicted_because": change.foreseen.why,
        "figures": _figures_json(done.mean, len(done.runs)) if done else None,
        "reused_runs_count": done.reused_count if done else 0,
        "log": list(done.log) if done else [],
    }


def _figures_json(mean: Figures | None, runs_count: int) -> TuneFiguresJson | None:
    """Return means as JSON."""
    if mean is None:
        return None
    return {
        "runs_count": runs_count,
        "requests_count": mean.requests_count,
        "error_ratio": mean.error_ratio,
        "requests_per_s": mean.requests_per_s,
        "output_tokens_per_s": mean.output_tokens_per_s,
        "goodput_requests_per_s": mean.goodput_requests_per_s,
        "good_ratio": mean.good_ratio,
        "keeps_slo": mean.keeps_slo,
        "ttft_p50_s": mean.ttft_p50_s,
        "ttft_p99_s": mean.ttft_p99_s,
        "tpot_p50_s": mean.tpot_p50_s,
        "tpot_p99_s": mean.tpot_p99_s,
        "e2e_p50_s": mean.e2e_p50_s,
        "e2e_p99_s": mean.e2e_p99_s,
        "memory_bytes": mean.memory_bytes,
        "usd_per_output_token": mean.usd_per_output_token,
    }

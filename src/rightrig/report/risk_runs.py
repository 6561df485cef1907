"""The reports of ``risk run`` and ``risk checkpoint``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import SECONDS_PER_HOUR, show_number, show_usd
from rightrig.reliability.checkpoint import first_order_waste_ratio, young_s
from rightrig.reliability.rates import show_span
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.risk_values import files_document, files_json
from rightrig.report.values import between_text, explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.reliability.checkpoint import Saving
    from rightrig.reliability.checkpoint_simulation import DrawnRuns
    from rightrig.report.risk_values import CheckpointFound, RunFound
    from rightrig.report.schema.risk import (
        CheckpointJson,
        DrawnRunsJson,
        RiskRunJson,
    )

_SMALL_RATIO: Final = 0.1
"""Up to which save, restart and flush are short beside the time between failures."""


def run_document(found: RunFound) -> Document:
    """Return interruptions, lost time, and what it costs."""
    risk = found.risk
    sentences = risk.explain().sentences
    hours = risk.lost_gpu_s.scaled(1.0 / SECONDS_PER_HOUR)
    ends = "" if hours.low == hours.high else f" ({between_text(hours)})"
    lost = f"Lost: {show_number(hours.mid)} GPU hours{ends}"
    if found.lost_usd is not None:
        lost += f", {show_usd(found.lost_usd.mid)} of rent"
    return (
        Paragraph(sentences[0], "title"),
        *(Paragraph(text) for text in sentences[1:]),
        Paragraph(f"{lost}."),
        *_causes(found),
        *_late(risk.kept_saves_count),
        *_note(found),
        Paragraph(f"Rate: {risk.fleet.rate.source}.", "dim"),
        *files_document(found.files),
    )


def _causes(found: RunFound) -> Document:
    """Return how many of the interruptions each part brings, where the record says."""
    record = found.record
    if record is None or not record.causes:
        return ()
    parts = {cause.part: record.events_of_count(cause.part) for cause in record.causes}
    mean = found.risk.expected_count.mid
    rows = tuple(
        (part, f"{count:,}", show_number(mean * count / record.events_count))
        for part, count in sorted(parts.items(), key=lambda item: -item[1])
    )
    return (Grid(("part", f"events of {record.slug}", "expected here"), rows, (1, 2)),)


def _note(found: RunFound) -> Document:
    """Return what a reader should know of a rate without counts."""
    if found.record is None or found.record.is_counted:
        return ()
    return (Paragraph(found.record.note, "warn"),)


def _late(kept_count: int) -> Document:
    """Return how many saves late detection asks for."""
    if kept_count <= 2:  # noqa: PLR2004 - the last, and one before
        return ()
    return (
        Paragraph(
            f"Keep {kept_count} saves: a failure that is noticed so late may be in the newer ones.",
            "warn",
        ),
    )


def run_json(found: RunFound) -> RiskRunJson:
    """Return a run as JSON."""
    risk = found.risk
    return {
        "gpus_count": risk.gpus_count,
        "span_s": risk.span_s,
        "preset": None if found.record is None else found.record.slug,
        "mtbf_s": interval_json(risk.fleet.mtbf_s),
        "expected_interruptions_count": interval_json(risk.expected_count),
        "interruptions_range_count": list(risk.counted),
        "interrupted_ratio": interval_json(risk.interrupted_ratio),
        "interval_s": risk.interval_s,
        "useful_ratio": interval_json(risk.useful_ratio),
        "lost_s": interval_json(risk.lost_s),
        "lost_gpu_s": interval_json(risk.lost_gpu_s),
        "lost_usd": None if found.lost_usd is None else interval_json(found.lost_usd),
        "kept_saves_count": risk.kept_saves_count,
        "drawn": None if risk.drawn is None else _drawn_json(risk.drawn),
        "files": files_json(found.files),
        "explanation": explanation_json(risk.explain()),
    }


def _drawn_json(drawn: DrawnRuns) -> DrawnRunsJson:
    """Return drawn runs as JSON."""
    return {
        "mean_s": drawn.mean_s,
        "mean_error_s": drawn.mean_error_s,
        "elapsed_s": interval_json(drawn.elapsed_s),
        "failures_count": drawn.failures_count,
    }


def checkpoint_document(found: CheckpointFound) -> Document:
    """Return the intervals, what each wastes, and the saves to keep."""
    saving, best = found.saving, found.choices[0]
    rows = tuple(
        (
            one.name,
            f"{one.interval_s:,.0f} s",
            f"{1.0 - one.useful_ratio:.2%}",
            _first_order(first_order_waste_ratio(one.interval_s, saving)),
        )
        for one in found.choices
    )
    headers = ("interval", "work between saves", "waste", "first order")
    return (
        Paragraph(
            f"Save after every {show_span(best.interval_s)} of work: "
            f"{1.0 - best.useful_ratio:.1%} of the time is lost to saves, lost work and restarts",
            "title",
        ),
        Paragraph(_given(saving)),
        Grid(headers, rows, (1, 2, 3)),
        Paragraph(
            "waste: exact, one less the share of work that lasts (Daly 2006); first order: C/τ + "
            "(τ/2 + F + R + D)/M.",
            "dim",
        ),
        Paragraph("; ".join(f"{one.name}: {one.source}" for one in found.choices) + ".", "dim"),
        *_far(saving),
        *_kept(found),
        Paragraph(f"Rate: {found.fleet.rate.source}.", "dim"),
        *files_document(found.files),
    )


def _first_order(waste_ratio: float) -> str:
    """Return the first-order waste, where it can be one."""
    return f"{waste_ratio:.2%}" if waste_ratio < 1.0 else "over 100%"


def _given(saving: Saving) -> str:
    """Return the times of one failure and one save."""
    parts = [
        f"One failure in {show_span(saving.mtbf_s)}",
        f"a save stops the run for {show_span(saving.save_s)}",
        f"a restart takes {show_span(saving.restart_s)}" if saving.restart_s else "",
        f"a failure is noticed after {show_span(saving.detection_s)}" if saving.detection_s else "",
        f"a save can be used {show_span(saving.flush_s)} later" if saving.flush_s else "",
    ]
    return "; ".join(part for part in parts if part) + "."


def _far(saving: Saving) -> Document:
    """Return that first-order formulas do not hold, where times are not far apart."""
    longest_s = max(young_s(saving.save_s, saving.mtbf_s), saving.down_s, saving.flush_s)
    if longest_s <= _SMALL_RATIO * saving.mtbf_s:
        return ()
    return (
        Paragraph(
            "Young's interval and the first-order waste hold for times far below the time between "
            f"failures; here {show_span(longest_s)} is {longest_s / saving.mtbf_s:.0%} of it: "
            "go by the exact optimum.",
            "dim",
        ),
    )


def _kept(found: CheckpointFound) -> Document:
    """Return what the saves that are kept cost."""
    saves = found.saves
    note = _late(saves.least_count)
    if saves.kept_count < saves.least_count:
        note = (
            Paragraph(
                f"--keep {saves.kept_count} is too few: {saves.least_count} saves are needed so "
                "that one is older than a failure noticed late.",
                "bad",
            ),
        )
    if saves.storage_usd_per_month is None:
        return note
    cost = f"{saves.kept_count} saves cost {show_usd(saves.storage_usd_per_month)} a month."
    return (*note, Paragraph(cost))


def checkpoint_json(found: CheckpointFound) -> CheckpointJson:
    """Return the intervals as JSON."""
    saving, saves = found.saving, found.saves
    return {
        "preset": None if found.record is None else found.record.slug,
        "mtbf_s": interval_json(found.fleet.mtbf_s),
        "save_s": saving.save_s,
        "restart_s": saving.restart_s,
        "detection_s": saving.detection_s,
        "flush_s": saving.flush_s,
        "choices": [
            {
                "name": one.name,
                "interval_s": one.interval_s,
                "waste_ratio": 1.0 - one.useful_ratio,
                "first_order_waste_ratio": first_order_waste_ratio(one.interval_s, saving),
                "source": one.source,
            }
            for one in found.choices
        ],
        "least_saves_count": saves.least_count,
        "kept_saves_count": saves.kept_count,
        "storage_usd_per_month": saves.storage_usd_per_month,
        "files": files_json(found.files),
        "explanation": explanation_json(found.explain()),
    }

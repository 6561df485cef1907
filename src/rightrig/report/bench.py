"""The report of ``bench``: the verdict, each figure beside what it should be, what was left out."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal

from rightrig.measuring.bench.values import BLOCKS
from rightrig.quantities import GIGA, MIB, TERA, show_seconds
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import interval_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.measuring.bench.judging import Judged, Verdict
    from rightrig.measuring.bench.values import Block, Condition, Figure, Gap, Label, Measured
    from rightrig.report.schema.benching import (
        BenchConditionJson,
        BenchFigureJson,
        BenchFindingJson,
        BenchJson,
    )

_STYLES: Final[dict[str, Literal["good", "bad", "warn"]]] = {
    "healthy": "good", "degraded": "bad", "not judged": "warn",
}  # fmt: skip
_TITLES: Final[dict[Block, str]] = {
    "copy": "Copy within memory (read and written bytes)",
    "read": "Read of memory",
    "gemm": "Matrix products",
    "launch": "Starting a kernel",
    "decode-attention": "Attention of decoding sequences (keys and values read)",
    "prefill-attention": "Causal attention of a prompt",
    "transfer": "Between host and card",
    "peers": "Between cards",
    "collectives": "Among ranks (bus bandwidth as nccl-tests has it)",
    "stack": "Steps of layers on random weights",
    "clocks": "Sustained load",
}
_HIDDEN: Final = frozenset({"type", "n", "k", "heads", "kv_heads", "head_dim", "backend"})
"""Labels that a row says in another way, or that the first column need not repeat."""
_MOST_LEFT_OUT: Final = 12
_MOST_TOLD: Final = 120
_USUAL_ROWS: Final = 64


def bench_document(run_id: int, measured: Measured, verdict: Verdict) -> Document:
    """Return the verdict, a table a block, and what was left out."""
    versions = ", ".join(f"{name} {version}" for name, version in measured.versions.items())
    ended = "; interrupted: what follows was measured until then" if measured.interrupted else ""
    return (
        Paragraph(f"{verdict.word.upper()}: {verdict.why}", _STYLES[verdict.word]),
        Paragraph(
            f"{measured.title} ({measured.device}), {versions}; run {run_id} of the store, "
            f"{measured.taken_s:.0f} s{ended}",
            "dim",
        ),
        *_tables(told(verdict.figures)),
        *_notes(told(verdict.figures)),
        *_more(run_id, verdict),
        *_left_out(measured.gaps),
        Paragraph(
            "Medians of at least seven samples, after three warm-ups, on random data that no cache "
            "holds; between: tenth to ninetieth percentile. Each result was checked in float64.",
            "dim",
        ),
    )


def told(figures: Sequence[Judged]) -> tuple[Judged, ...]:
    """Return the figures that a report tells: all, or of many products the ones that say most.

    Of each shape and type: one row, about 64 rows, the quickest, and whatever has a note.
    """
    if len(figures) <= _MOST_TOLD:
        return tuple(figures)
    groups: dict[tuple[Label, ...], list[Judged]] = defaultdict(list)
    for one in figures:
        if one.figure.block == "gemm":
            labels = one.figure.labels
            groups[labels["type"], labels["n"], labels["k"]].append(one)
    kept = {id(one) for one in figures if one.figure.block != "gemm" or one.notes}
    for group in groups.values():
        rows = [float(one.figure.labels["m"]) for one in group]
        best = max(range(len(group)), key=lambda place: group[place].figure.rate_per_s)
        near = min(range(len(group)), key=lambda place: abs(rows[place] - _USUAL_ROWS))
        kept |= {id(group[place]) for place in (rows.index(min(rows)), near, best)}
    return tuple(one for one in figures if id(one) in kept)


def _more(run_id: int, verdict: Verdict) -> Iterator[Paragraph]:
    """Yield where the figures are that the report does not tell."""
    left = len(verdict.figures) - len(told(verdict.figures))
    if left:
        yield Paragraph(
            f"{left} more products of other m: rightrig runs show {run_id} --save FOLDER", "dim"
        )


def _tables(figures: Sequence[Judged]) -> Iterator[Grid]:
    """Yield a table for each block that has figures."""
    headers = (
        "what", "measured", "between", "datasheet", "of it", "expected (80 %)", "earlier here",
    )  # fmt: skip
    ordered = sorted(figures, key=lambda one: BLOCKS.index(one.figure.block))
    for block, some in groupby(ordered, key=lambda one: one.figure.block):
        rows = tuple(_row(one) for one in sorted(some, key=_place))
        # A column that nothing is known for is left out.
        kept = [n for n in range(len(headers)) if any(row[n] for row in rows)]
        yield Grid(
            tuple(headers[n] for n in kept),
            tuple(tuple(row[n] for n in kept) for row in rows),
            numeric=tuple(range(1, len(kept))),
            title=_TITLES[block],
        )


def _place(one: Judged) -> tuple[tuple[bool, float, str], ...]:
    """Return where a figure stands among those of its block: by its labels, numbers by size."""
    labels = {"": one.figure.name, **one.figure.labels}
    return tuple(
        (isinstance(label, str), 0.0 if isinstance(label, str) else float(label), str(label))
        for label in labels.values()
    )


def _row(one: Judged) -> tuple[str, ...]:
    """Return one figure as a row."""
    figure, known = one.figure, one.expected
    share, change = one.datasheet_ratio, one.change_ratio
    timing = figure.timing
    quick, slow = _shown(figure, timing.quickest_s), _shown(figure, timing.slowest_s)
    between = f"{quick} … {slow}" if figure.unit == "s" else f"{slow} … {quick}"
    should = ""
    if known.time_s is not None:
        low, high = known.time_s.low, known.time_s.high
        ends = (low, high) if figure.unit == "s" else (high, low)
        should = " … ".join(_shown(figure, end_s) for end_s in ends)
    return (
        f"{_what(figure)}{' *' if one.notes else ''}",
        _shown(figure, timing.median_s),
        between,
        "" if known.least_s is None else _shown(figure, known.least_s),
        "" if share is None else f"{share:.0%}",
        should,
        "" if change is None else f"{change:+.0%}",
    )


def _what(figure: Figure) -> str:
    """Return what tells a figure from others of its block."""
    labels = figure.labels
    head = [] if figure.block in {"copy", "read"} else [figure.name.replace("_", " ")]
    if figure.block == "gemm":
        head = [f"{labels['k']}×{labels['n']} {labels['type']}"]
    elif "heads" in labels:
        head = [f"{labels['heads']}/{labels['kv_heads']} heads of {labels['head_dim']}"]
    rest = [
        _label(name, label)
        for name, label in labels.items()
        if name not in _HIDDEN and not (figure.block == "clocks" and name == "m")
    ]
    return ", ".join([*head, *(word for word in rest if word)])


def _label(name: str, label: Label) -> str:
    """Return a label as people read it."""
    if name == "size_bytes":
        return f"{float(label) / MIB:.4g} MiB"
    if name in {"model", "shape", "way"}:
        return str(label)
    if name == "head":
        return "with head" if label else ""
    if name.endswith("_tokens"):
        return f"{name.removesuffix('_tokens')} {label:,}"
    return f"{name} {label}"


def _shown(figure: Figure, time_s: float) -> str:
    """Return a rate, or the time where the figure is one."""
    if figure.unit == "s":
        return show_seconds(time_s)
    if figure.unit == "flop":
        rate_flop_per_s = figure.amount_count / time_s
        if rate_flop_per_s < TERA:
            return f"{rate_flop_per_s / GIGA:.3g} GFLOP/s"
        return f"{float(f'{rate_flop_per_s / TERA:.3g}'):,.10g} TFLOP/s"
    return f"{figure.amount_count / time_s / GIGA:,.4g} GB/s"


def _notes(figures: Sequence[Judged]) -> Iterator[Paragraph]:
    """Yield what a reader has to know of single figures, and which kernels attention took."""
    for one in figures:
        for note in one.notes:
            style: Literal["bad", "warn"] = "bad" if one.figure.is_wrong else "warn"
            yield Paragraph(f"* {_what(one.figure)}: {note}", style)
    attends = (one.figure for one in figures if one.figure.block.endswith("attention"))
    for kernel in dict.fromkeys(figure.kernel for figure in attends if figure.kernel):
        yield Paragraph(f"Attention took the kernel {kernel}.", "dim")
    evidence = dict.fromkeys(one.expected.evidence for one in figures if one.expected.evidence)
    if evidence:
        yield Paragraph(f"Expected: from {'; '.join(evidence)}.", "dim")


def _left_out(gaps: Sequence[Gap]) -> Iterator[Paragraph]:
    """Yield what was not measured; of many, the first."""
    for gap in gaps[:_MOST_LEFT_OUT]:
        yield Paragraph(f"Left out: {gap.what}: {gap.why}", "dim")
    if len(gaps) > _MOST_LEFT_OUT:
        yield Paragraph(f"Left out: {len(gaps) - _MOST_LEFT_OUT} more (--json has all)", "dim")


def bench_json(run_id: int, measured: Measured, verdict: Verdict) -> BenchJson:
    """Return the same as data."""
    return {
        "run": run_id,
        "device": measured.device,
        "title": measured.title,
        "versions": dict(measured.versions),
        "verdict": verdict.word,
        "why": verdict.why,
        "interrupted": measured.interrupted,
        "taken_s": measured.taken_s,
        "condition": _condition_json(measured.condition),
        "findings": _findings_json(verdict),
        "figures": [_figure_json(one) for one in told(verdict.figures)],
        "more_figures_count": len(verdict.figures) - len(told(verdict.figures)),
        "left_out": [
            {"block": gap.block, "what": gap.what, "why": gap.why} for gap in measured.gaps
        ],
    }


def _findings_json(verdict: Verdict) -> list[BenchFindingJson]:
    """Return every rule that applied."""
    return [
        {
            "id": finding.id,
            "verdict": finding.word,
            "found_ratio": finding.found_ratio,
            "least_ratio": finding.least_ratio,
            "sentence": finding.sentence,
            "causes": list(finding.causes),
        }
        for finding in verdict.findings
    ]


def _figure_json(one: Judged) -> BenchFigureJson:
    """Return one figure as data."""
    figure, known, timing = one.figure, one.expected, one.figure.timing
    return {
        "block": figure.block,
        "name": figure.name,
        "labels": dict(figure.labels),
        "unit": figure.unit,
        "rate_per_s": None if figure.unit == "s" else figure.rate_per_s,
        "time_s": timing.median_s,
        "time_p10_s": timing.quickest_s,
        "time_p90_s": timing.slowest_s,
        "repeats_count": len(timing.samples_s),
        "datasheet_s": known.least_s,
        "datasheet_ratio": one.datasheet_ratio,
        "expected_s": None if known.time_s is None else interval_json(known.time_s),
        "evidence": known.evidence,
        "earlier_s": one.earlier_s,
        "change_ratio": one.change_ratio,
        "kernel": figure.kernel,
        "graphed": figure.graphed,
        "clock_hz": timing.clock_hz,
        "error_ratio": figure.error_ratio,
        "tolerated_ratio": figure.tolerated_ratio,
        "notes": list(one.notes),
    }


def _condition_json(condition: Condition) -> BenchConditionJson:
    """Return the state of the machine as data."""
    return {
        "limit_w": condition.limit_w,
        "usual_limit_w": condition.usual_limit_w,
        "pcie_lanes_count": condition.lanes_count,
        "pcie_most_lanes_count": condition.most_lanes_count,
        "pcie_generation": condition.link_generation_count,
        "pcie_most_generation": condition.most_link_generation_count,
        "ecc_on": condition.ecc_on,
        "ecc_uncorrected_count": condition.uncorrected_count,
        "remapped_rows_count": condition.remapped_count,
        "most_clock_hz": condition.most_clock_hz,
        "other_processes_count": condition.processes_count,
        "others_busy_ratio": condition.others_ratio,
        "slow_clock_reasons": list(condition.reasons),
    }

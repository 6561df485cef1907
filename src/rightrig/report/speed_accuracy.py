"""The parts of the page on the accuracy of speed, as Markdown; and its drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.prediction.evidence import EVIDENCE_ORDER
from rightrig.prediction.speed_accuracy import figures
from rightrig.prediction.speed_groups import (
    HIGH_LOW_RATIOS,
    HIT_RATIOS,
    REPORTED,
    TARGETS,
    judged_families,
    source_groups,
    sources,
)
from rightrig.report.scatter import Point, scatter_svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rightrig.prediction.run_tables import PlannedRow
    from rightrig.prediction.speed_accuracy import Coverage, Figures, Judgement
    from rightrig.prediction.speed_groups import Group, SourceGroup

IN_SAMPLE: Final = "in sample"
TABLE: Final = "table"
PROJECT: Final = "project"
_COVERED_RATIO: Final = 0.9
_QUANTITIES: Final = ("tpot", "ttft", "throughput", "maximum")
_LONGEST_REASON: Final = 110
_MILLI: Final = 1e3
_RATES: Final = ("output_tokens_per_s", "total_tokens_per_s", "prompt_tokens_per_s")
_PANELS: Final = {
    "tpot": ("TPOT", "ms", _MILLI, ("tpot_s",)),
    "ttft": ("TTFT", "s", 1.0, ("ttft_s",)),
    "throughput": ("Throughput", "tokens/s", 1.0, _RATES),
}
_FAMILIES: Final = {
    "vllm": "vLLM", "tensorrt-llm": "TensorRT-LLM", "sglang": "SGLang",
    "llama.cpp": "llama.cpp, Ollama", "ollama": "llama.cpp, Ollama",
}  # fmt: skip
_OTHERS: Final = "others"


def targets_part(runs: Sequence[PlannedRow], judged: Mapping[str, Judgement]) -> str:
    """Return what was asked of each group beside what came out."""
    rows = []
    for group in TARGETS:
        places = group.places(runs)
        cells = [group.name, f"{len(places):,}", _asked(group)]
        for way in (IN_SAMPLE, TABLE, PROJECT):
            found = figures(judged[way], places)
            cells += [_pair(found), _yes(is_met(group, found))]
        rows.append((*cells, ", ".join(sources(runs, places))))
    headers = (
        "group", "rows", "asked", "in sample", "met", "table left out", "met",
        "project left out", "met", "sources",
    )  # fmt: skip
    return _table(headers, rows, numeric=(1, 2, 3, 5, 7))


def is_met(group: Group, found: Figures) -> bool:
    """Return whether a group's errors are as small as was asked."""
    asked = ((group.median_ratio, found.median_ratio), (group.p90_ratio, found.p90_ratio))
    return all(most is None or ratio <= most for most, ratio in asked)


def misses_part(runs: Sequence[PlannedRow], judged: Mapping[str, Judgement]) -> str:
    """Return each miss as a sentence."""
    lines = []
    for group in TARGETS:
        places = group.places(runs)
        for way, words in ((IN_SAMPLE, "in the sample"), (TABLE, "with its table left out")):
            lines += _misses(group, figures(judged[way], places), words)
    for source in source_groups(runs):
        found = figures(judged[PROJECT], source.places)
        if source.median_ratio is not None and found.median_ratio > source.median_ratio:
            lines.append(
                f"{source.project} ({source.era}, {source.family}), left out: "
                f"{_percent(found.median_ratio)} in the median, "
                f"{_percent(source.median_ratio, 0)} asked."
            )
    return "".join(f"- {line}\n" for line in lines) or "Nothing was missed.\n"


def _misses(group: Group, found: Figures, words: str) -> list[str]:
    """Return what of a group's errors is larger than was asked."""
    asked = (
        ("in the median", group.median_ratio, found.median_ratio),
        ("at p90", group.p90_ratio, found.p90_ratio),
    )
    return [
        f"{group.name}, {words}: {_percent(ratio)} {which}, {_percent(most, 0)} asked."
        for which, most, ratio in asked
        if most is not None and ratio > most
    ]


def groups_part(runs: Sequence[PlannedRow], judged: Judgement) -> str:
    """Return the figures of every group under one way of predicting."""
    rows = []
    for group in (*TARGETS, *REPORTED):
        places = group.places(runs)
        if places:
            names = ", ".join(sources(runs, places))
            rows.append((group.name, *_cells(figures(judged, places)), names))
    headers = ("group", "rows", "median", "p90", "bias", "inside", "high ÷ low", "sources")
    return _table(headers, rows, numeric=range(1, 7))


def sources_part(runs: Sequence[PlannedRow], judged: Mapping[str, Judgement]) -> str:
    """Return the other sources of vLLM and SGLang; projects left out decide."""
    rows = [_source_row(source, judged) for source in source_groups(runs)]
    headers = (
        "source", "engine", "cards", "rows", "in sample", "table left out", "project left out",
        "seen elsewhere", "asked", "met",
    )  # fmt: skip
    return _table(headers, rows, numeric=(3, 4, 5, 6, 8))


def _source_row(source: SourceGroup, judged: Mapping[str, Judgement]) -> tuple[str, ...]:
    found = [figures(judged[way], source.places) for way in (IN_SAMPLE, TABLE, PROJECT)]
    most = source.median_ratio
    return (
        source.project,
        source.era,
        source.family,
        f"{len(source.places):,}",
        *(_pair(one) for one in found),
        "yes" if source.is_seen else "no",
        "–" if most is None else f"≤ {_percent(most, 0)}",
        "reported" if most is None else _yes(found[-1].median_ratio <= most),
    )


def hits_part(runs: Sequence[PlannedRow], judged: Mapping[str, Judgement]) -> str:
    """Return the share of measured values inside their intervals, by runtime."""
    low, high = HIT_RATIOS
    rows = []
    for name, places in judged_families(runs).items():
        hits = {way: figures(found, places).hit_ratio for way, found in judged.items()}
        met = [_yes(low <= hits[way] <= high) for way in (IN_SAMPLE, TABLE)]
        shown = [_percent(hit, 0) for hit in hits.values()]
        rows.append((name, f"{len(places):,}", *shown, *met, ", ".join(sources(runs, places))))
    ways = [way if way == IN_SAMPLE else f"{way} out" for way in judged]
    headers = ("runtime", "rows", *ways, "met in sample", "met, table out", "sources")
    return _table(headers, rows, numeric=range(1, 2 + len(ways)))


def widths_part(runs: Sequence[PlannedRow], judged: Mapping[str, Judgement]) -> str:
    """Return how wide intervals are, by what was measured nearby and by what is left out."""
    rows = []
    for evidence in EVIDENCE_ORDER:
        for way, found in judged.items():
            at = [place for place, known in enumerate(found.evidence) if known == evidence]
            if at:
                rows.append(_width_row(runs, found, at, evidence, way))
    headers = (
        "measured nearby", "left out", "rows", "high ÷ low", "asked", "met", "TPOT", "TTFT",
        "throughput", "maximum", "sources",
    )  # fmt: skip
    return _table(headers, rows, numeric=(2, 3, 4, 6, 7, 8, 9))


def _width_row(
    runs: Sequence[PlannedRow], found: Judgement, at: Sequence[int], evidence: str, way: str
) -> tuple[str, ...]:
    most = {str(name): ratio for name, ratio in HIGH_LOW_RATIOS.items()}[evidence]
    width = figures(found, at).high_low_ratio
    by_quantity = []
    for quantity in _QUANTITIES:
        own = [place for place in at if runs[place].quantity == quantity]
        by_quantity.append(f"{figures(found, own).high_low_ratio:.2f}" if own else "–")
    return (
        evidence, "nothing" if way == IN_SAMPLE else way, f"{len(at):,}", f"{width:.2f}",
        f"≤ {most:g}", _yes(width <= most), *by_quantity, _few(sources(runs, at)),
    )  # fmt: skip


def coverage_part(found: Coverage) -> str:
    """Return how many rows are predicted, and why others are not."""
    rows = [
        (_short(reason), f"{count:,}", ", ".join(names)) for reason, count, names in found.reasons
    ]
    return (
        f"{found.predicted_count:,} of {found.rows_count:,} rows are predicted. "
        f"{found.specified_count:,} rows name a card and a model that have a public specification; "
        f"of those {_percent(found.ratio)} are predicted (≥ {_percent(_COVERED_RATIO, 0)} asked: "
        f"{_yes(found.ratio >= _COVERED_RATIO)}).\n\n"
        + _table(("not predicted because", "rows", "sources"), rows, numeric=(1,))
    )


def drawings(runs: Sequence[PlannedRow], judged: Judgement) -> dict[str, str]:
    """Return a drawing of predicted over measured values for each panel."""
    predicted = np.exp(judged.log_errors) * [run.plan.run.measured for run in runs]
    families = (*dict.fromkeys(_FAMILIES.values()), _OTHERS)
    found = {}
    for name, (title, unit, scale, metrics) in _PANELS.items():
        points = [
            Point(f"{run.file} {run.row.row}", _engine(run), run.plan.run.measured * scale,
                  float(value) * scale)
            for run, value in zip(runs, predicted, strict=True)
            if run.plan.run.metric in metrics
        ]  # fmt: skip
        found[name] = scatter_svg(title, unit, points, families)
    return found


def _engine(run: PlannedRow) -> str:
    return _FAMILIES.get(run.plan.run.runtime.slug, _OTHERS)


def _asked(group: Group) -> str:
    return f"≤ {_percent(group.median_ratio or 0.0, 0)} / {_percent(group.p90_ratio or 0.0, 0)}"


def _pair(found: Figures) -> str:
    return f"{_percent(found.median_ratio)} / {_percent(found.p90_ratio)}"


def _cells(found: Figures) -> tuple[str, ...]:
    bias = f"{100.0 * found.bias_ratio:+.1f}"
    return (
        f"{found.rows_count:,}",
        _percent(found.median_ratio),
        _percent(found.p90_ratio),
        f"{'0.0' if bias in {'+0.0', '-0.0'} else bias} %",
        _percent(found.hit_ratio, 0),
        f"{found.high_low_ratio:.2f}",
    )


def _percent(ratio: float, digits: int = 1) -> str:
    return f"{100.0 * ratio:,.{digits}f} %"


def _yes(is_so: bool) -> str:  # noqa: FBT001 - the answer to a question
    return "yes" if is_so else "**no**"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


def _few(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _table(
    headers: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()
) -> str:
    """Return a table in Markdown."""
    right = set(numeric)
    rule = ["---:" if place in right else "---" for place in range(len(headers))]
    return "".join(f"| {' | '.join(line)} |\n" for line in (headers, rule, *rows))

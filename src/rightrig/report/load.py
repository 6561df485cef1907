"""The report of a load test: what each load showed, where the server breaks, what was predicted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.breaking import DEFINITION
from rightrig.measuring.load.faults import MEANINGS
from rightrig.quantities import show_number, show_seconds
from rightrig.report.document import Grid, Paragraph
from rightrig.report.load_beside import cost_blocks, prediction_blocks
from rightrig.report.load_levels import WHOLE, level_name, order
from rightrig.report.load_plan import plan_blocks, plan_document, rate_text, slo_blocks
from rightrig.report.loaded import is_at, overlaps
from rightrig.report.simulated import NAMES
from rightrig.report.values import deployment_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.interval import Interval
    from rightrig.measuring.load.breaking import Breaking
    from rightrig.measuring.load.outcome import LevelOutcome
    from rightrig.report.document import Block, Document
    from rightrig.report.loaded import Loaded, Met

_BLANK: Final = Paragraph("")
_METRICS: Final = ("ttft", "tpot", "itl", "e2e")
_SHOWN: Final = ("mean", "p50", "p90", "p95", "p99", "p99.9")
_MET: Final[dict[Met, Paragraph]] = {
    "met": Paragraph("MET: every limit is kept at the planned load.", "good"),
    "not": Paragraph("NOT MET: a limit is missed at the planned load.", "bad"),
}
_UNFOUND: Final = {
    "not reached": "NO BREAKING POINT: {held} requests/s, the highest rate tried, still held.",
    "below": "BREAKS AT ANY RATE TRIED: already {broken} requests/s broke.",
    "client-limited": "NO BREAKING POINT: CLIENT-LIMITED. This client could not keep the rate, so "
    "that nothing is known of the server there; run it on a machine with more free cores.",
    "interrupted": "NO BREAKING POINT: interrupted; {held} requests/s held.",
    "out of time": "NO BREAKING POINT YET: time was up; {held} requests/s held.",
}


def load_document(seen: Loaded) -> Document:
    """Return a load test as a document."""
    if not seen.outcomes:
        return plan_document(seen) if not seen.interrupted else tuple(_endings(seen))
    return (
        Paragraph(_title(seen), "title"),
        *((Paragraph(seen.traffic),) if seen.traffic else ()),
        *_plan_or_limits(seen),
        *((_MET[seen.met],) if seen.met in _MET else ()),
        *_breaking_blocks(seen),
        *_validity_blocks(seen),
        _BLANK,
        _levels(seen),
        _BLANK,
        *_latencies(seen),
        *_objectives(seen),
        *_faults(seen),
        *prediction_blocks(seen),
        *cost_blocks(seen),
        *_endings(seen),
    )


def _title(seen: Loaded) -> str:
    """Return what was asked, or whose results these are."""
    served = f": {deployment_text(seen.deployment)}" if seen.deployment is not None else ""
    if seen.tool != "rightrig":
        return f"Results of {seen.tool}{served}"
    return f"{seen.test.name} at {seen.test.url}{served}"


def _plan_or_limits(seen: Loaded) -> Document:
    """Return the plan, or the limits alone."""
    if seen.plan is not None:
        return plan_blocks(seen, seen.plan)
    return slo_blocks(seen.slo, is_usual=seen.is_usual_slo)


def _breaking_blocks(seen: Loaded) -> Iterator[Block]:
    """Yield the breaking point, and whether it was predicted."""
    breaking = seen.breaking
    if breaking is None:
        return
    found = breaking.rate_requests_per_s
    if found is not None:
        late = "" if breaking.status == "found" else f" ({breaking.status}: the bracket is wide)"
        held, broken = show_number(found.low), show_number(found.high)
        text = f"BREAKING POINT: {show_number(found.mid)} requests/s (held {held}, broke {broken})"
        yield Paragraph(f"{text}{late}.", "good")
    else:
        yield Paragraph(_unfound(breaking), "warn")
    yield Paragraph(f"That is the {DEFINITION}.", "dim")
    if not breaking.is_monotone:
        yield Paragraph(
            "NOT MONOTONE: a rate did better than a lower one, beyond noise; measure again with "
            "more --requests.",
            "warn",
        )
    predicted = seen.predicted_breaking_requests_per_s
    if found is not None and predicted is not None:
        yield _beside(found, predicted)


def _unfound(breaking: Breaking) -> str:
    """Return why there is no breaking point."""
    held = show_number(breaking.held_requests_per_s)
    return _UNFOUND[breaking.status].format(
        held=held if breaking.held_requests_per_s else "no rate of",
        broken=show_number(breaking.broken_requests_per_s),
    )


def _beside(found_requests_per_s: Interval, predicted_requests_per_s: Interval) -> Paragraph:
    """Return a breaking point beside the predicted one."""
    found, predicted = found_requests_per_s, predicted_requests_per_s
    ratio = found.mid / predicted.mid
    inside = "inside" if overlaps(found, predicted) else "OUTSIDE"
    text = f"Predicted {rate_text(predicted)}: found over predicted {ratio:.2f}, {inside} it."
    return Paragraph(text, "plain" if inside == "inside" else "warn")


def _validity_blocks(seen: Loaded) -> Iterator[Block]:
    """Yield what is wrong with the measurement itself."""
    for index, outcome in enumerate(seen.outcomes):
        if outcome.validity.verdict == "VALID":
            continue
        reasons = "; ".join(reason.rstrip(".") for reason in outcome.validity.reasons)
        name = level_name(seen, index)
        yield Paragraph(f"{outcome.validity.verdict} at {name}: {reasons}.", "bad")


def _levels(seen: Loaded) -> Grid:
    """Return a row a level: what came, what was answered, what was good."""
    rows = tuple(_level_row(seen, index) for index in order(seen))
    headers = (
        "load", "requests", "failed", "offered/s", "served/s", "good", "goodput/s",
        "output tokens/s", "in flight", "verdict",
    )  # fmt: skip
    return Grid(headers, rows, tuple(range(1, 9)), spare=(3, 8))


def _level_row(seen: Loaded, index: int) -> tuple[str, ...]:
    """Return the row of a level."""
    outcome = seen.outcomes[index]
    good, goodput = outcome.good_ratio, outcome.goodput_requests_per_s
    growing = ", queue grows" if outcome.window.is_growing else ""
    unsteady = "" if outcome.window.is_steady or growing else ", not steady"
    return (
        level_name(seen, index),
        f"{outcome.requests_count:,}",
        f"{outcome.requests_count - outcome.ok_count:,}",
        show_number(outcome.offered_requests_per_s),
        show_number(outcome.served_requests_per_s),
        "–" if good is None else f"{good:.1%}",
        "–" if goodput is None else show_number(goodput),
        show_number(outcome.output_tokens_per_s),
        f"{outcome.concurrency_mean_count:.3g} (max {outcome.concurrency_max_count:,})",
        f"{outcome.validity.verdict}{growing}{unsteady}",
    )


def _latencies(seen: Loaded) -> Iterator[Block]:
    """Yield percentiles of every level; a star where there are too few requests."""
    places = [index for index in order(seen) if seen.outcomes[index].latencies]
    if not places:
        yield Paragraph("No request was answered: there are no latencies.", "bad")
        return
    grid = (
        _whole_latencies(seen, places) if len(places) <= WHOLE else _short_latencies(seen, places)
    )
    yield grid
    if any("*" in cell for row in grid.rows for cell in row):
        yield Paragraph("* too few requests to determine it; --requests asks for more.", "dim")
    due = "TTFT and E2E count from the moment a request was due, whether or not it could be sent"
    yield Paragraph(f"{due}; TPOT is (last token − first) / (tokens − 1); ITL a gap.", "dim")


def _whole_latencies(seen: Loaded, places: list[int]) -> Grid:
    """Return a row a level and metric."""
    rows = tuple(
        (
            level_name(seen, index),
            NAMES[metric],
            *(_cell(seen.outcomes[index], metric, name) for name in _SHOWN),
        )
        for index in places
        for metric in _METRICS
        if metric in seen.outcomes[index].latencies
    )
    return Grid(("load", "latency", *_SHOWN), rows, tuple(range(2, 8)), spare=(5, 7))


def _short_latencies(seen: Loaded, places: list[int]) -> Grid:
    """Return a row a level: of many levels, medians and tails."""
    shown = [
        (metric, name)
        for metric in _METRICS
        for name in ("p50", "p99")
        if any(metric in seen.outcomes[index].latencies for index in places)
    ]
    rows = tuple(
        (level_name(seen, index), *(_cell(seen.outcomes[index], *one) for one in shown))
        for index in places
    )
    headers = ("load", *(f"{NAMES[metric]} {name}" for metric, name in shown))
    return Grid(headers, rows, tuple(range(1, len(headers))), spare=(5, 6))


def _cell(outcome: LevelOutcome, metric: str, statistic: str) -> str:
    """Return one statistic of a metric."""
    latency = outcome.latencies.get(metric)
    one = None if latency is None else latency.statistics.get(statistic)
    if one is None:
        return "–"
    return f"{show_seconds(one.value_s.mid)}{'' if one.is_enough else '*'}"


def _objectives(seen: Loaded) -> Iterator[Block]:
    """Yield each limit with what was measured; of many levels, at the peak and where missed."""
    peak = seen.peak_requests_per_s
    rows = [
        (
            level_name(seen, index),
            (
                f"{NAMES[kept.objective.metric]} p{kept.objective.percentile} ≤ "
                f"{show_seconds(kept.objective.limit_s)}"
            ),
            show_seconds(kept.value_s.mid) if math.isfinite(kept.value_s.mid) else "∞",
            "kept" if kept.is_kept else "MISSED",
            "" if kept.is_sure else "not sure: its interval holds the limit",
        )
        for index in order(seen)
        for kept in seen.outcomes[index].kept
        if len(seen.outcomes) <= WHOLE
        or not kept.is_kept
        or (peak is not None and is_at(seen.outcomes[index], peak))
    ]
    if rows:
        yield _BLANK
        yield Grid(("load", "limit", "measured", "verdict", "how sure"), tuple(rows), (2,))


def _faults(seen: Loaded) -> Iterator[Block]:
    """Yield how requests failed."""
    rows = [
        (level_name(seen, index), kind, f"{count:,}", MEANINGS[kind])
        for index in order(seen)
        for kind, count in seen.outcomes[index].faults.items()
        if count
    ]
    if rows:
        yield _BLANK
        yield Grid(("load", "failed", "requests", "meaning"), tuple(rows), (2,), spare=(3,))


def _endings(seen: Loaded) -> Iterator[Block]:
    """Yield notes, where it is kept, and that it was interrupted."""
    yield _BLANK
    told = dict.fromkeys(note for one in seen.outcomes for note in (*one.notes, *one.usage.notes))
    sources = sorted({one.usage.source for one in seen.outcomes if one.ok_count})
    if sources:
        yield Paragraph(f"Tokens are counted by: {', '.join(sources)}.", "dim")
    yield from (Paragraph(_sentence(note), "warn") for note in told)
    yield from (Paragraph(_sentence(note), "dim") for note in seen.notes)
    if seen.run_id is not None:
        yield Paragraph(f"Kept as run {seen.run_id} ('rightrig runs show {seen.run_id}').", "dim")
    if seen.interrupted:
        yield Paragraph("INTERRUPTED: what was measured until then is all of it.", "warn")


def _sentence(text: str) -> str:
    """Return a text that begins large, but for names, and ends with a full stop."""
    first = text.partition(" ")[0]
    is_name = first == "vllm" or "_" in first
    return f"{text if is_name else text[:1].upper() + text[1:]}".rstrip(".") + "."

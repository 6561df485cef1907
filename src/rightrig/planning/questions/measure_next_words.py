"""What to measure next, in sentences with their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.questions.measurements import sampled_ranks_text
from rightrig.quantities import show_seconds, show_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.interval import Interval
    from rightrig.planning.questions.measure_next import Doubt, NextMeasurement


def explained(found: NextMeasurement) -> Explanation:
    """Return the sentences: the first doubt in full, and how many others there are."""
    if not found.doubts:
        plans = f"{found.judged_count} plan{'s' * (found.judged_count > 1)}"
        closed = f"Of the {plans} every objective lies outside the intervals."
        return Explanation((closed, *_rank_sentences(found)))
    first = found.doubts[0]
    sentences = [_doubt_sentence(first), _run_sentence(first)]
    sentences += _nearby_sentences(first)
    sentences.append(f"Kernels: {first.weakness.text}")
    rest = len(found.doubts) - 1
    if rest:
        sentences.append(f"{rest} more question{'s are' if rest > 1 else ' is'} open.")
    sentences += _rank_sentences(found)
    figures = (
        Figure(
            "narrowing_ratio", first.narrowing_ratio, f"{first.narrowing_ratio:.0%}",
            "held-out runs by class of evidence",
        ),
    )  # fmt: skip
    return Explanation(tuple(sentences), figures)


_NAMES: Final = {"ttft": "TTFT p99", "tpot": "TPOT p99"}


def _span(value_s: Interval) -> str:
    """Return the ends of an interval."""
    return f"{show_seconds(value_s.low)} to {show_seconds(value_s.high)}"


def _doubt_sentence(doubt: Doubt) -> str:
    """Say what is not known."""
    said = f"{_NAMES[doubt.quantity]} of {doubt.name} is {_span(doubt.now_s)} ({doubt.evidence})"
    if doubt.limit_s is None or doubt.met_ratio is None:
        return f"{said}; no objective is set."
    return (
        f"{said}, and the objective of {show_seconds(doubt.limit_s)} lies within: it is met with "
        f"{doubt.met_ratio:.0%} chance."
    )


def _run_sentence(doubt: Doubt) -> str:
    """Say which run decides, and how sure its percentile is."""
    does = "measures" if doubt.limit_s is None else "decides"
    return f"This run {does} it: {doubt.run}. {sampled_ranks_text()}"


def _nearby_sentences(doubt: Doubt) -> Iterator[str]:
    """Yield what runs of other models on this card and runtime would decide."""
    if doubt.is_closest:
        yield (
            "Runs of this runtime on this card are behind the prediction already, so that only "
            "the deployment itself can say more."
        )
        return
    if not doubt.narrowing_ratio:
        yield (
            "Runs of another model on this card and runtime would not narrow the interval; only "
            "the deployment itself can say more."
        )
        return
    quick, middle, slow = doubt.outcomes()
    told = "; ".join(f"at {show_seconds(mid_s)} {name}" for mid_s, name in (quick, middle, slow))
    yield (
        f"Runs of any model on this card and runtime would narrow it by "
        f"{doubt.narrowing_ratio:.0%}, to {_span(doubt.after_s)} where they agree: {told}."
    )


def _rank_sentences(found: NextMeasurement) -> Iterator[str]:
    """Yield whether the order of rents hangs on the interval of throughput, and what decides it."""
    if len(found.rents) < 2:  # noqa: PLR2004 - nothing to compare
        return
    best = found.rents[0]
    if not found.rivals:
        yield f"{best.name} stays the cheapest within the interval of throughput."
        return
    span = best.now_usd_per_month
    known = "" if best.now_usd_per_month == best.after_usd_per_month else (
        f"; {show_usd(best.after_usd_per_month.low)} to "
        f"{show_usd(best.after_usd_per_month.high)} once this card and runtime are measured"
    )  # fmt: skip
    yield (
        f"The order by rent is open: {best.name} takes {show_usd(span.low)} to "
        f"{show_usd(span.high)} a month within the interval of throughput{known}, and "
        f"{found.rivals[0].name} at least {show_usd(found.rivals[0].now_usd_per_month.low)}. The "
        "same run with --request-rate inf shows what an engine carries."
    )

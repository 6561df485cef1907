"""What was measured of each load beside what was predicted of it, and what its tokens cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import MILLION, show_number, show_seconds, show_usd
from rightrig.report.document import Grid, Paragraph
from rightrig.report.load_levels import WHOLE, is_servers, level_name, order
from rightrig.report.simulated import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.interval import Interval
    from rightrig.measuring.load.levels_predicted import LevelPrediction
    from rightrig.report.document import Block
    from rightrig.report.loaded import Loaded

_BLANK: Final = Paragraph("")
_FEW: Final = (("ttft", "p99"), ("tpot", "mean"))
"""What is compared of many levels; JSON has all of it."""


def prediction_blocks(seen: Loaded) -> Iterator[Block]:
    """Yield what was measured beside what was predicted."""
    rows = [
        row
        for index in order(seen)
        if (prediction := seen.predictions[index]) is not None
        and is_servers(seen, seen.outcomes[index])
        for row in _predicted_rows(seen, index, prediction)
    ]
    if not rows:
        return
    yield _BLANK
    headers = ("load", "quantity", "measured", "predicted", "80 % between", "ratio", "found")
    yield Grid(headers, tuple(rows), (2, 3, 4, 5))
    found = next(one for one in seen.predictions if one is not None)
    yield Paragraph(f"Evidence of the predictions: {found.evidence}.", "dim")


def _predicted_rows(
    seen: Loaded, index: int, prediction: LevelPrediction
) -> Iterator[tuple[str, ...]]:
    """Yield a row a quantity."""
    outcome, name = seen.outcomes[index], level_name(seen, index)
    for metric, named in prediction.latencies.items():
        measured = outcome.latencies.get(metric)
        for statistic in ("mean", "p99"):
            if measured is None or statistic not in named or statistic not in measured.statistics:
                continue
            if len(seen.outcomes) > WHOLE and (metric, statistic) not in _FEW:
                continue
            value_s, predicted_s = measured.statistics[statistic].value_s.mid, named[statistic]
            texts = (value_s, predicted_s.mid, predicted_s.low, predicted_s.high)
            shown = [show_seconds(one) for one in texts]
            what = f"{NAMES[metric]} {statistic}"
            yield (
                name,
                what,
                *_compared(shown, value_s / predicted_s.mid, _lies_in_s(value_s, predicted_s)),
            )
    rate, rates = outcome.output_tokens_per_s, prediction.output_tokens_per_s
    shown = [show_number(one) for one in (rate, rates.mid, rates.low, rates.high)]
    yield (
        name,
        "output tokens/s",
        *_compared(shown, rate / max(rates.mid, 1e-9), rates.low <= rate <= rates.high),
    )


def _lies_in_s(value_s: float, predicted_s: Interval) -> bool:
    """Return whether a time lies within its prediction."""
    return predicted_s.low <= value_s <= predicted_s.high


def _compared(shown: list[str], ratio: float, is_inside: bool) -> tuple[str, ...]:  # noqa: FBT001 - a verdict
    """Return the cells of a comparison: measured, predicted, its ends, ratio and verdict."""
    ends = f"{shown[2]} … {shown[3]}"
    return shown[0], shown[1], ends, f"{ratio:.2f}", "inside" if is_inside else "OUTSIDE"


def cost_blocks(seen: Loaded) -> Iterator[Block]:
    """Yield what a million output tokens cost, beside the prediction."""
    price = seen.price
    if price is None or all(cost is None for cost in seen.costs):
        return
    rows = []
    for index in order(seen):
        cost = seen.costs[index]
        if cost is None or not is_servers(seen, seen.outcomes[index]):
            continue
        predicted = cost.predicted_usd_per_token
        middle = "–" if predicted is None else _per_million(predicted.mid)
        ends = ""
        if predicted is not None:
            ends = f"{_per_million(predicted.low)} … {_per_million(predicted.high)}"
        verdict = "REGRESSION" if cost.is_regression else ("as predicted" if predicted else "")
        measured = _per_million(cost.cost_usd_per_token)
        rows.append((level_name(seen, index), measured, middle, ends, verdict))
    yield _BLANK
    headers = ("load", "$ a million output tokens", "predicted", "80 % between", "found")
    yield Grid(headers, tuple(rows), (1, 2, 3))
    yield Paragraph(f"At {show_usd(price.cost_usd_per_hour)}/h: {price.source}.", "dim")


def _per_million(cost_usd_per_token: float) -> str:
    """Return dollars a million tokens."""
    return show_usd(cost_usd_per_token * MILLION)

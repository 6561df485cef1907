"""The engines of ``watch once``, beside what the plan lets one expect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.interval import product_if_independent
from rightrig.quantities import MILLION
from rightrig.report.document import Grid
from rightrig.report.watch_texts import NOTHING, ends_text, percent, value_text, verdict_of
from rightrig.watching.engines.histograms import all_count, quantile_bounds_s, within_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.demand.objective import Objective
    from rightrig.interval import Interval
    from rightrig.report.watched import Watched
    from rightrig.watching.expected import Expected
    from rightrig.watching.states import EngineState, Histogram, Latency

_SHOWN: Final[dict[Latency, str]] = {
    "ttft": "TTFT", "tpot": "TPOT", "itl": "ITL", "e2e": "E2E", "queue": "queue",
}  # fmt: skip
_MILLISECONDS_PER_S: Final = 1e3
_Row = tuple[str, str, str, str]


def engines_grid(engines: Sequence[EngineState]) -> Grid:
    """Return several engines, one a row."""
    rows = tuple(
        (
            one.url,
            count_text(one.running_count),
            count_text(one.waiting_count),
            percent(one.kv_used_ratio),
            one.trouble or "up",
        )
        for one in engines
    )
    return Grid(("engine", "running", "waiting", "KV", "state"), rows, (1, 2, 3))


def engine_grid(watched: Watched) -> Grid:
    """Return what all engines do together, beside the plan."""
    has_plan = watched.expected is not None
    rows = [*_load(watched), *_latencies(watched), *_rates(watched)]
    if not has_plan:
        return Grid(("engine", "now", ""), tuple((*row[:2], row[3]) for row in rows))
    return Grid(("engine", "now", "plan", ""), tuple(rows))


def count_text(count: float | None) -> str:
    """Return a count that may be unknown."""
    return NOTHING if count is None else f"{count:,.0f}"


def _load(watched: Watched) -> Iterator[_Row]:
    """Yield how full the engines are."""
    engine, expected = watched.seen.moment.engine, watched.expected
    if engine is None:
        return
    held = "" if expected is None else _most(expected.concurrent_count)
    running = f"{count_text(engine.running_count)} / {count_text(engine.waiting_count)}"
    yield "running / waiting", running, held, ""
    yield "KV cache used", percent(engine.kv_used_ratio), "", ""
    if engine.preemptions_count is not None:
        yield "preemptions", count_text(engine.preemptions_count), "", "since its start"


def _most(count: float | None) -> str:
    """Return how many the memory holds."""
    return "" if count is None else f"≤ {count:,.0f}"


def _latencies(watched: Watched) -> Iterator[_Row]:
    """Yield the latencies that the engines count, between bounds of their buckets."""
    promised = {} if watched.expected is None else watched.expected.promised
    for name, shown in _SHOWN.items():
        found = watched.latency(name)
        if found is None:
            continue
        histogram, over = found
        objective = promised.get(name)
        of_whom = "since start" if over == "start" else f"n {all_count(histogram):,.0f}"
        note = f"{of_whom}{_kept(histogram, objective)}"
        yield f"{shown} p50 / p95", _quantiles(histogram), _objective_text(objective), note


def _quantiles(histogram: Histogram) -> str:
    """Return between which bounds median and 95th percentile lie."""
    found = [quantile_bounds_s(histogram, ratio) for ratio in (0.5, 0.95)]
    known = [bounds for bounds in found if bounds is not None]
    is_short = all(high_s < 1.0 for _, high_s in known)
    unit, scale = ("ms", _MILLISECONDS_PER_S) if is_short else ("s", 1.0)
    told = [
        f"> {low_s * scale:.3g}"
        if high_s == math.inf
        else f"{low_s * scale:.3g}–{high_s * scale:.3g}"
        for low_s, high_s in known
    ]
    return f"{' / '.join(told)} {unit}"


def _objective_text(objective: Objective | None) -> str:
    """Return an objective."""
    return "" if objective is None else f"p{objective.percentile} ≤ {objective.limit_s:.3g} s"


def _kept(histogram: Histogram, objective: Objective | None) -> str:
    """Return the share that is surely within an objective."""
    if objective is None:
        return ""
    within, _ = within_count(histogram, objective.limit_s)
    return f", ≥ {100.0 * within / all_count(histogram):.3g} % within"


def _rates(watched: Watched) -> Iterator[_Row]:
    """Yield speed, cost, energy and bandwidth."""
    found, expected = watched.derived, watched.expected
    speed = watched.expected_tokens_per_s
    now = found.output_tokens_per_s
    yield "output tokens/s", value_text(now), ends_text(speed), verdict_of(now, speed)
    peak = "" if expected is None else f"peak {expected.peak_requests_per_s:.3g}"
    yield "requests/s", value_text(found.requests_per_s), peak, ""
    if expected is None:
        yield "output tokens/J", value_text(found.output_tokens_per_j), "", ""
        return
    cost = watched.expected_cost_usd_per_output_token
    money = found.cost_usd_per_output_token
    yield (
        "$/M output tokens", value_text(money, MILLION), ends_text(cost, MILLION),
        verdict_of(money, cost),
    )  # fmt: skip
    energy = _peak_tokens_per_j(expected)
    at_peak = f"{ends_text(energy)} at peak" if energy is not None else ""
    yield "output tokens/J", value_text(found.output_tokens_per_j), at_peak, ""
    source = f" ({found.bandwidth_source})" if found.bandwidth_source else ""
    yield "memory bandwidth", f"{percent(found.bandwidth_ratio)}{source}", "", ""


def _peak_tokens_per_j(expected: Expected) -> Interval | None:
    """Return the output of a joule at the planned peak."""
    rate, draw = expected.output_tokens_per_s, expected.draw_w
    if rate is None or draw is None:
        return None
    cards = expected.cards_count * expected.machines_count
    return product_if_independent(rate, draw.reciprocal()).scaled(1.0 / cards)

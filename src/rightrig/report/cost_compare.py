"""The report of ``cost compare``: the same requests on several sides, and who surely wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import MILLION, show_number, show_usd
from rightrig.report.cost_break_even import stale_blocks, swings_blocks, swings_json
from rightrig.report.cost_tokens import between_per_million
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.questions_layout import told
from rightrig.report.values import deployment_json, explanation_json, interval_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.costs.uncertain import Standing
    from rightrig.planning.costing.compare import Comparison, Contender
    from rightrig.planning.costing.coverage import Coverage
    from rightrig.report.schema.cost import (
        CostCompareJson,
        CostSideJson,
    )


def compare_document(found: Comparison, covered: Mapping[str, Coverage]) -> Document:
    """Return the sides, cheapest first, the verdict, and what decides."""
    lengths = found.lengths
    title = Paragraph(
        f"{found.llm.name}: {lengths.input_tokens:,.0f} tokens in, {lengths.output_tokens:,.0f} "
        f"out, {_demand_text(found)}",
        "title",
    )
    headers = ("side", "rigs", "a month", "$/M tokens", "work for a dollar", "is the cheapest")
    by_name = {one.name: one for one in found.contenders}
    rows = [_row(found, one) for one in found.standings]
    rows += [
        (name, "–", "N/A", f"N/A: {one.reason}", "N/A", "–")
        for name, one in by_name.items()
        if one.reason
    ]
    grid = Grid(headers, tuple(rows), (1, 2, 3, 4, 5), spare=(4, 1))
    note = Paragraph(
        "Brackets: the central 80 % under prices, speeds and loads that are not known exactly; "
        "what sides share moves them together. An API's speed and limits are not compared.",
        "dim",
    )
    return (
        title, grid, *_coverage_blocks(found, covered), note, *swings_blocks(found.swings),
        *stale_blocks((one.name, one.date) for one in found.contenders),
        *told(found.explain()),
    )  # fmt: skip


def _demand_text(found: Comparison) -> str:
    """Return the load in words."""
    rate, use = found.demand.rate_requests_per_s, found.demand.use_ratio
    if rate is None:
        ends = "" if use.low == use.high else f" ({use.low:.0%} to {use.high:.0%})"
        return f"each rig at {use.mid:.0%}{ends} of what it carries"
    ends = (
        "" if rate.low == rate.high else f" ({show_number(rate.low)} to {show_number(rate.high)})"
    )
    return f"{show_number(rate.mid)} requests/s{ends}"


def _row(found: Comparison, one: Standing) -> tuple[str, ...]:
    """Return one side as a line."""
    rigs = found.rigs_count[one.name]
    month = found.usd_per_month(one.cost_usd)
    work = found.work_ratios[one.name]
    return (
        one.name,
        "–" if rigs is None else f"{rigs:,}",
        "–" if month is None else show_usd(month.mid),
        between_per_million(one.cost_usd.scaled(1.0 / found.request_tokens)),
        "N/A" if work is None else f"{work:.2f}",
        f"{one.cheapest_ratio:.0%}",
    )


def _coverage_blocks(found: Comparison, covered: Mapping[str, Coverage]) -> Document:
    """Return which share of the catalogue's models each rig holds, beside its cost."""
    if not covered:
        return ()
    works = found.work_ratios
    rows = tuple(
        (
            name,
            f"{one.held_count} of {one.models_count}",
            f"{one.held_ratio:.0%}",
            "N/A" if works[name] is None else f"{1.0 / (works[name] or 1.0):.2f}",
        )
        for name, one in covered.items()
    )
    return (Grid(("rig", "models that fit", "share", "cost over the cheapest"), rows, (1, 2, 3)),)


def compare_json(found: Comparison, covered: Mapping[str, Coverage]) -> CostCompareJson:
    """Return the comparison as JSON, cheapest first and what cannot serve last."""
    by_name = {one.name: one for one in found.contenders}
    rate, use = found.demand.rate_requests_per_s, found.demand.use_ratio
    sides = [_side_json(found, by_name[one.name], one, covered) for one in found.standings]
    sides += [_side_json(found, one, None, covered) for one in found.contenders if one.reason]
    return {
        "model": found.llm.name,
        "input_tokens": found.lengths.input_tokens,
        "cached_tokens": found.lengths.cached_tokens,
        "output_tokens": found.lengths.output_tokens,
        "rate_requests_per_s": None if rate is None else interval_json(rate),
        "use_ratio": interval_json(use) if rate is None else None,
        "sides": sides,
        "winner": found.winner,
        "too_close_to_call": found.winner is None and len(found.standings) > 1,
        "inputs": swings_json(found.swings),
        "order_changes_at": found.flip_demand,
        "explanation": explanation_json(found.explain()),
    }


def _side_json(
    found: Comparison,
    one: Contender,
    standing: Standing | None,
    covered: Mapping[str, Coverage],
) -> CostSideJson:
    """Return one side as JSON."""
    cost = None if standing is None else standing.cost_usd
    month = None if cost is None else found.usd_per_month(cost)
    held = covered.get(one.name)
    stated = found.claimed_usd.get(one.name)
    return {
        "name": one.name,
        "deployment": None if one.capacity is None else deployment_json(one.capacity.deployment),
        "paid": "by the token" if one.bill is None else one.bill.text,
        "reason": one.reason,
        "rigs_count": found.rigs_count[one.name],
        "request_usd": None if cost is None else interval_json(cost),
        "usd_per_million_tokens": None if cost is None
        else interval_json(cost.scaled(MILLION / found.request_tokens)),
        "usd_per_month": None if month is None else interval_json(month),
        "stated_request_usd": stated,
        "work_per_usd_ratio": found.work_ratios[one.name],
        "cheapest_ratio": None if standing is None else standing.cheapest_ratio,
        "cheaper_than_ratio": {} if standing is None else dict(standing.beats_ratio),
        "models_held_count": None if held is None else held.held_count,
        "models_count": None if held is None else held.models_count,
    }  # fmt: skip

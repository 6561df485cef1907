"""The report of ``cost break-even``: months, and tokens a month, until a rig has paid."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING

from rightrig.facts.price import staleness
from rightrig.planning.costing.break_even import between
from rightrig.quantities import MILLION, show_number, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.questions_layout import told
from rightrig.report.values import explanation_json, finite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.costs.tornado import Swing
    from rightrig.interval import Interval
    from rightrig.planning.costing.break_even import BreakEven
    from rightrig.report.schema.cost import (
        BreakEvenJson,
        OpenFigureJson,
        OpenIntervalJson,
        SwingJson,
    )

_SHOWN_SWINGS = 6


def break_even_document(found: BreakEven) -> Document:
    """Return the two bills, the months and the volume, and what they hang on."""
    bill = found.own.bill
    way = "" if bill is None else f", {bill.text}"
    title = Paragraph(f"{found.own.name}{way}, against {found.rival}", "title")
    if found.reason:
        return (title, Paragraph(f"N/A: {found.reason}", "bad"), *told(found.explain()))
    asked = _millions(found.asked_tokens_per_month)
    rows = [
        ("work", f"{asked} tokens a month, {found.use_ratio:.0%} of what it does"),
        (f"{found.own.name} a month", show_usd(found.own_usd_per_month)),
        (f"{found.rival} a month", show_usd(found.rival_usd_per_month)),
    ]  # fmt: skip
    if found.months_count is not None and found.gross_months_count is not None:
        rows += [
            ("of the first, running it", show_usd(found.running_usd_per_month)),
            ("months until it has paid", between(found.months_count)),
            ("if running it were free", between(found.gross_months_count)),
        ]
    rows += [
        ("costs less from", f"{_millions(found.threshold_tokens_per_month)} tokens a month on"),
        ("probability that it costs less", f"{found.pays_ratio:.0%}"),
        ("advice", found.advice),
    ]
    grid = Grid((found.own.name, found.rival), tuple(rows))
    return (
        title, grid, *swings_blocks(found.swings), *stale_blocks(found.dates),
        *told(found.explain()),
    )  # fmt: skip


def stale_blocks(dates: Iterable[tuple[str, str]]) -> Document:
    """Return a warning for each side whose published price is old or undated."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    warned = ((name, staleness(date, today)) for name, date in dates if date)
    return tuple(
        Paragraph(f"The price of {name} is {warning}: look it up again.", "warn")
        for name, warning in warned
        if warning
    )


def swings_blocks(swings: tuple[Swing, ...]) -> Document:
    """Return what a ratio of two costs hangs on, most first."""
    if not swings:
        return ()
    headers = ("input", "from", "to", "cost of the first over the second", "both equal at")
    rows = tuple(
        (
            one.given.name,
            shown_value(one, one.given.value.low),
            shown_value(one, one.given.value.high),
            f"{one.low_ratio:.2f} to {one.high_ratio:.2f}",
            "–" if one.flip is None else f"{show_number(one.flip)} {one.given.unit}".strip(),
        )
        for one in swings[:_SHOWN_SWINGS]
    )
    return (Grid(headers, rows, (1, 2, 3, 4)),)


def shown_value(swing: Swing, value_ratio: float) -> str:
    """Return an end of an input as people read it."""
    unit = f" {swing.given.unit}" if swing.given.unit else ""
    return f"{show_number(value_ratio * swing.given.shown_ratio)}{unit}"


def swings_json(swings: tuple[Swing, ...]) -> list[SwingJson]:
    """Return the swings as JSON, values in the unit of each."""
    return [
        {
            "input": one.given.name,
            "unit": one.given.unit,
            "low": one.given.value.low * one.given.shown_ratio,
            "high": one.given.value.high * one.given.shown_ratio,
            "low_cost_ratio": one.low_ratio,
            "high_cost_ratio": one.high_ratio,
            "equal_at": one.flip,
        }
        for one in swings
    ]


def break_even_json(found: BreakEven) -> BreakEvenJson:
    """Return the answer as JSON; null stands for never."""
    return {
        "rig": found.own.name,
        "against": found.rival,
        "reason": found.reason,
        "use_ratio": found.use_ratio,
        "asked_tokens_per_month": found.asked_tokens_per_month,
        "full_tokens_per_month": found.full_tokens_per_month,
        "own_usd_per_month": found.own_usd_per_month,
        "running_usd_per_month": found.running_usd_per_month,
        "rival_usd_per_month": found.rival_usd_per_month,
        "gross_months_count": _months_json(found.gross_months_count),
        "months_count": _months_json(found.months_count),
        "threshold_tokens_per_month": finite(found.threshold_tokens_per_month),
        "pays_ratio": found.pays_ratio,
        "pays": found.pays,
        "is_sure": found.is_sure,
        "advice": found.advice,
        "inputs": swings_json(found.swings),
        "explanation": {**explanation_json(found.explain()), "figures": _figures_json(found)},
    }


def _figures_json(found: BreakEven) -> list[OpenFigureJson]:
    """Return the figures; an endless one is null."""
    return [
        {"name": f.name, "value": finite(f.value), "text": f.text, "source": f.source}
        for f in found.explain().figures
    ]


def _months_json(count: Interval | None) -> OpenIntervalJson | None:
    """Return months as JSON; an end that never comes is null."""
    if count is None:
        return None
    return {
        "low": finite(count.low),
        "mid": finite(count.mid),
        "high": finite(count.high),
    }


def _millions(count_tokens: float) -> str:
    """Return a number of tokens in millions."""
    return "∞" if math.isinf(count_tokens) else f"{show_number(count_tokens / MILLION)} M"

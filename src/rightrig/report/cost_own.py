"""The report of ``cost own``: every line of the bill with its range, and the totals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.costs.bill import NOT_COUNTED
from rightrig.quantities import show_usd, show_years
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.costs.bill import Bill, Line
    from rightrig.interval import Interval
    from rightrig.planning.costing.part_of import PartOf
    from rightrig.report.schema.cost import (
        OwnJson,
        PartOfJson,
    )

_MOST_LOST = 12


def own_document(bill: Bill, held: PartOf | None) -> Document:
    """Return the bill of an owner."""
    years = show_years(bill.owned_years)
    lines = tuple(_row(bill, line) for line in bill.lines)
    totals = (
        ("paid once", bill.price_usd),
        ("paid a year", bill.running_usd_per_year),
        (f"all payments of {years}, less resale", bill.paid_usd),
        ("the same in money of today", bill.present_usd),
        ("as an equal payment a month", bill.equal_usd_per_month),
        ("over cards and hours, a card-hour", bill.card_usd_per_hour),
    )
    return (
        Paragraph(f"Owning {bill.name} for {years}", "title"),
        Grid(("line", "when", "low", "middle", "high", "share"), lines, (2, 3, 4, 5), spare=(5,)),
        Grid(("total", "low", "middle", "high"), tuple(_total(*total) for total in totals),
             (1, 2, 3)),
        *(Paragraph(sentence) for sentence in bill.explain().sentences),
        Paragraph(
            f"Books, straight line: {show_usd(bill.depreciation_usd_per_year)} of value lost a "
            "year. Any line can be stated: --with NAME=AMOUNT.",
            "dim",
        ),
        *_coverage(held),
        *(
            Paragraph(f"{line.key}: {line.origin}", "dim")
            for line in bill.lines
            if line.is_counted or line.origin != NOT_COUNTED
        ),
    )  # fmt: skip


def _row(bill: Bill, line: Line) -> tuple[str, ...]:
    """Return one line of the bill."""
    amount = line.amount_usd
    part = bill.share_ratio(line) if line.is_counted else None
    share = "–" if part is None else f"{part:.1%}"
    money = (show_usd(amount.low), show_usd(amount.mid), show_usd(amount.high))
    return (line.key, line.when, *money, share)


def _total(name: str, amount_usd: Interval) -> tuple[str, ...]:
    """Return one total."""
    return (name, *(show_usd(end) for end in (amount_usd.low, amount_usd.mid, amount_usd.high)))


def _coverage(held: PartOf | None) -> Document:
    """Return what share of the cost holds what share of the models."""
    if held is None:
        return ()
    shown = ", ".join(held.lost[:_MOST_LOST])
    more = f" and {len(held.lost) - _MOST_LOST} more" if len(held.lost) > _MOST_LOST else ""
    lost = (Paragraph(f"Only {held.second} holds: {shown}{more}.", "dim"),) if held.lost else ()
    return (Paragraph(held.sentence), *lost)


def own_json(bill: Bill, held: PartOf | None) -> OwnJson:
    """Return the bill as JSON."""
    return {
        "rig": bill.name,
        "owned_years": bill.owned_years,
        "rate_per_year": bill.rate_per_year,
        "lines": [
            {
                "key": line.key,
                "name": line.name,
                "when": line.when,
                "amount_usd": interval_json(line.amount_usd),
                "counted": line.is_counted,
                "origin": line.origin,
            }
            for line in bill.lines
        ],
        "price_usd": interval_json(bill.price_usd),
        "running_usd_per_year": interval_json(bill.running_usd_per_year),
        "resale_usd": interval_json(bill.resale_usd),
        "paid_usd": interval_json(bill.paid_usd),
        "present_usd": interval_json(bill.present_usd),
        "equal_usd_per_month": interval_json(bill.equal_usd_per_month),
        "card_usd_per_hour": interval_json(bill.card_usd_per_hour),
        "depreciation_usd_per_year": bill.depreciation_usd_per_year,
        "against": None if held is None else _coverage_json(held),
        "explanation": explanation_json(bill.explain()),
    }


def _coverage_json(held: PartOf) -> PartOfJson:
    """Return a share of the cost and of the models as JSON."""
    return {
        "rig": held.second,
        "cost_ratio": held.cost_ratio,
        "covered_ratio": held.covered_ratio,
        "held_models": held.first_count,
        "held_models_of_other": held.second_count,
        "models": held.models_count,
        "lost": list(held.lost),
    }

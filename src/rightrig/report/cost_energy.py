"""The report of ``cost energy``: what rigs draw and pay, and what a joule buys on their cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import GIGA, show_years
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import explanation_json

if TYPE_CHECKING:
    from rightrig.planning.costing.electricity import Efficiency, Electricity, EnergyBill
    from rightrig.report.schema.cost import (
        EnergyBillJson,
        EnergyJson,
    )


def energy_document(found: Electricity) -> Document:
    """Return the electricity of one rig or two."""
    first = found.bills[0]
    names = " against ".join(bill.draw.name for bill in found.bills)
    told = found.explain()
    return (
        Paragraph(f"Electricity of {names}", "title"),
        Grid(
            ("rig", "W at work", "W mean", "PUE", "$/kWh", "$/month", "$/year",
             f"$ in {show_years(first.owned_years)}"),
            tuple(_row(bill) for bill in found.bills), (1, 2, 3, 4, 5, 6, 7), spare=(5, 3),
        ),
        *(Paragraph(sentence) for sentence in told.sentences),
        *(Paragraph(origin, "dim") for origin in told.sources),
        *_efficiency(found),
    )  # fmt: skip


def _row(bill: EnergyBill) -> tuple[str, ...]:
    """Return one rig as a line."""
    draw, tariff = bill.draw, bill.tariff
    return (
        draw.name,
        f"{draw.busy_power_w:,.0f}",
        f"{draw.mean_power_w:,.0f}",
        f"{tariff.pue_ratio:g}",
        f"{tariff.usd_per_kwh:g}",
        f"{bill.usd_per_month:,.2f}",
        f"{bill.usd_per_year:,.2f}",
        f"{bill.total_usd:,.2f}",
    )


def _efficiency(found: Electricity) -> Document:
    """Return what a joule buys on the cards of two rigs."""
    if not found.efficiencies:
        return ()
    first, second = (bill.draw.name for bill in found.bills)
    share = found.efficiencies[0].sustained_ratio
    sustained = (f"{first} at {share:.0%}", f"{second} at {share:.0%}") if share < 1.0 else ()
    headers = ("GFLOP/s per W of the card", first, second, *sustained, "better")
    rows = tuple(_efficiency_row(one, first, second) for one in found.efficiencies)
    note = (
        "Peaks over the cards' limits. One share of the peak counts for both sides: another for "
        "one of them would make any card the winner. Which card wins depends on the format."
    )
    numeric = tuple(range(1, len(headers) - 1))
    return (Grid(headers, rows, numeric), Paragraph(note, "dim"))


def _efficiency_row(one: Efficiency, first: str, second: str) -> tuple[str, ...]:
    """Return one kind of rate as a line."""
    ratio = one.winner_ratio
    winner = f"{first} {ratio:.2f}×" if ratio >= 1.0 else f"{second} {1.0 / ratio:.2f}×"
    sustained = one.sustained_flop_per_j if one.sustained_ratio < 1.0 else ()
    values = (one.first_flop_per_j, one.second_flop_per_j, *sustained)
    return (one.rate, *(f"{value / GIGA:,.1f}" for value in values), winner)


def energy_json(found: Electricity) -> EnergyJson:
    """Return the electricity as JSON."""
    return {
        "rigs": [_bill_json(bill) for bill in found.bills],
        "saved_usd_per_year": found.saved_usd_per_year,
        "saved_usd": found.saved_usd,
        "efficiency": [
            {
                "rate": one.rate,
                "sustained_ratio": one.sustained_ratio,
                "peak_flop_per_j": [one.first_flop_per_j, one.second_flop_per_j],
                "sustained_flop_per_j": list(one.sustained_flop_per_j),
            }
            for one in found.efficiencies
        ],
        "explanation": explanation_json(found.explain()),
    }


def _bill_json(bill: EnergyBill) -> EnergyBillJson:
    """Return one rig as JSON."""
    draw, tariff = bill.draw, bill.tariff
    return {
        "rig": draw.name,
        "busy_power_w": draw.busy_power_w,
        "idle_power_w": draw.idle_power_w,
        "mean_power_w": draw.mean_power_w,
        "use_ratio": draw.use_ratio,
        "pue_ratio": tariff.pue_ratio,
        "tariff_usd_per_kwh": tariff.usd_per_kwh,
        "cost_usd_per_month": bill.usd_per_month,
        "cost_usd_per_year": bill.usd_per_year,
        "owned_years": bill.owned_years,
        "total_usd": bill.total_usd,
    }

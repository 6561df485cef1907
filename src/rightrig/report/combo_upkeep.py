"""The lines of a combo on power, failures, and the rent from which owning is cheaper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import show_usd
from rightrig.report.cost_electrical import electrical_json
from rightrig.report.cost_own import own_json
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.risk import rig_document
from rightrig.report.values import Json, interval_json

if TYPE_CHECKING:
    from rightrig.planning.combos.combo import Combo
    from rightrig.planning.combos.upkeep import Power, Upkeep


def upkeep_document(found: Combo) -> Document:
    """Return watts and electricity, the rent that the rig stands against, and how it fails."""
    return (*_power(found), *_owning(found.upkeep), *rig_document(found.risk))


def _power(found: Combo) -> Document:
    """Return what the rig draws, or why nobody knows."""
    upkeep = found.upkeep
    if upkeep.power is None:
        return (Paragraph(f"Power: {upkeep.power_reason}."),)
    what = f"Power with {found.own.speeds.llm.name} in 8 bits" if found.truth else "Power"
    rows = tuple(
        (
            one.name,
            f"{one.power_w.mid:,.0f}",
            f"{one.power_w.low:,.0f} … {one.power_w.high:,.0f}",
            show_usd(one.cost_usd_per_year),
        )
        for one in upkeep.power.draws
    )
    return (
        Paragraph(what, "title"),
        Grid(("all cards", "watts", "80 % between", "$ a year"), rows, (1, 2, 3)),
        *(Paragraph(sentence) for sentence in upkeep.explain().sentences[:2]),
        Paragraph(
            "Other rooms and limits: 'rightrig cost electrical', 'rightrig cost power --caps'.",
            "dim",
        ),
    )


def _owning(upkeep: Upkeep) -> Document:
    """Return the price of all and the rent from which owning is cheaper."""
    bill = upkeep.bill
    if bill is None:
        text = "Owning: no price of the whole rig is known; 'rightrig cost own --price' takes one."
        return (Paragraph(text),)
    sentences = upkeep.explain().sentences[-2:]
    once = [line for line in bill.lines if line.when == "once" and line.is_counted]
    return (
        Paragraph("Buy or rent", "title"),
        *(Paragraph(sentence) for sentence in sentences),
        *(Paragraph(f"{line.name}: {line.origin}", "dim") for line in once),
        Paragraph("Every line of the bill, and others: 'rightrig cost own'.", "dim"),
    )


def upkeep_json(upkeep: Upkeep) -> Json:
    """Return the same as JSON, without the failures."""
    bill = upkeep.bill
    return {
        "power": None if upkeep.power is None else _power_json(upkeep.power),
        "power_reason": upkeep.power_reason,
        "owning": None if bill is None else own_json(bill, None),
        "owning_reason": upkeep.bill_reason,
        "threshold_usd_per_month": bill and interval_json(bill.equal_usd_per_month),
        "all_in_usd": bill and interval_json(bill.price_usd),
        "cheaper": upkeep.cheaper,
    }


def _power_json(power: Power) -> Json:
    """Return what a rig draws and asks of a room as JSON."""
    return {
        "draws": [
            {
                "name": one.name,
                "power_w": interval_json(one.power_w),
                "cost_usd_per_year": one.cost_usd_per_year,
            }
            for one in power.draws
        ],
        "host_w": interval_json(power.host_w),
        "tariff_usd_per_kwh": power.tariff.usd_per_kwh,
        "pue_ratio": power.tariff.pue_ratio,
        "electrical": electrical_json(power.installation),
    }

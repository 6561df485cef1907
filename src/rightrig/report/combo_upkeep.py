"""The lines of a combo on power, failures, and the rent from which owning is cheaper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.risk import rig_document
from rightrig.report.values import interval_json

if TYPE_CHECKING:
    from rightrig.costs.bill import Bill
    from rightrig.planning.combos.combo import Combo
    from rightrig.planning.combos.upkeep import Power, Upkeep
    from rightrig.report.schema.rigs import OwningJson, RigPowerJson, UpkeepJson


def upkeep_parts(found: Combo) -> dict[str, Document]:
    """Return watts and electricity, the rent that the rig stands against, and how it fails."""
    return {
        "power": _power(found),
        "owning": _owning(found.upkeep),
        "failures": rig_document(found.risk),
    }


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
        text = "Owning: no price of the whole rig is known; 'rightrig cost own --capex' takes one."
        return (Paragraph(text),)
    sentences = upkeep.explain().sentences[-2:]
    once = [line for line in bill.lines if line.when == "once" and line.is_counted]
    return (
        Paragraph("Buy or rent", "title"),
        *(Paragraph(sentence) for sentence in sentences),
        *(Paragraph(f"{line.name}: {line.origin}", "dim") for line in once),
        Paragraph("Every line of the bill, and others: 'rightrig cost own'.", "dim"),
    )


def upkeep_json(upkeep: Upkeep) -> UpkeepJson:
    """Return the same as JSON, without the failures."""
    return {
        "power": None if upkeep.power is None else _power_json(upkeep.power),
        "power_reason": upkeep.power_reason,
        "owning": None if upkeep.bill is None else _owning_json(upkeep.bill),
        "owning_reason": upkeep.bill_reason,
        "cheaper": upkeep.cheaper,
    }


def _power_json(power: Power) -> RigPowerJson:
    """Return what a rig draws and asks of a room as JSON."""
    room = power.installation
    supplies = room.machine.supplies
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
        "peak_w": interval_json(room.peak_w),
        "machines_count": room.machines_count,
        "supplies_count": supplies.count,
        "supply_rating_w": supplies.rating_w,
        "volts_v": room.site.feed.volts_v,
        "breaker_a": room.machine_breaker_a,
        "heat_btu_per_hour": room.heat_btu_per_hour,
        "rack_units_count": room.units_count,
    }


def _owning_json(bill: Bill) -> OwningJson:
    """Return the price of all and the rent from which owning is cheaper as JSON."""
    return {
        "all_in_usd": interval_json(bill.price_usd),
        "bought": [
            {"key": one.key, "amount_usd": interval_json(one.amount_usd), "origin": one.origin}
            for one in bill.lines
            if one.when == "once" and one.is_counted
        ],
        "owned_years": bill.owned_years,
        "running_usd_per_year": interval_json(bill.running_usd_per_year),
        "threshold_usd_per_month": interval_json(bill.equal_usd_per_month),
    }

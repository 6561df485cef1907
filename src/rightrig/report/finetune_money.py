"""Hours, failures, dollars and energy of a training run, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import GB, MILLION, show_number, show_usd
from rightrig.reliability.rates import show_span
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.questions_hardware import optional_json
from rightrig.report.values import interval_json

if TYPE_CHECKING:
    from rightrig.interval import Interval
    from rightrig.planning.finetuning.spending import Bill, Energy, Spent, Upkeep
    from rightrig.report.schema.finetune import (
        TrainingBillJson,
        TrainingSpentJson,
    )


def money_document(spent: Spent) -> Document:
    """Return what a run takes."""
    return (
        *_hours(spent),
        Paragraph(_upkeep_words(spent.upkeep)),
        *_bills(spent),
        *_energy(spent.energy),
    )


def _hours(spent: Spent) -> Document:
    """Return the time of the job, where one is named."""
    if spent.job_tokens is None or spent.elapsed_s is None or spent.work_s is None:
        return (Paragraph("No --tokens: hours and dollars of a job are not shown.", "dim"),)
    elapsed = spent.elapsed_s
    return (
        Paragraph(
            f"{show_number(spent.job_tokens)} tokens take {show_span(elapsed.mid)} "
            f"({show_span(elapsed.low)} to {show_span(elapsed.high)}), of which "
            f"{show_span(spent.work_s.mid)} are training.",
            "title",
        ),
    )


def _upkeep_words(upkeep: Upkeep) -> str:
    """Return what failures and saves take."""
    useful = upkeep.useful_ratio
    saves = (
        f"a save of {upkeep.state_bytes / GB:,.2f} GB stops it for "
        f"{show_span(upkeep.saving.save_s)} after every {show_span(upkeep.interval_s)} of work"
    )
    if upkeep.fleet is None:
        return f"Failures are left out; {saves}: {useful.mid:.2%} of the time is lasting work."
    return (
        f"Interrupted every {show_span(upkeep.fleet.mtbf_s.mid)} on average "
        f"({upkeep.fleet.rate.source}); {saves}: {useful.mid:.2%} of the time is lasting work "
        f"({useful.low:.2%} to {useful.high:.2%})."
    )


def _bills(spent: Spent) -> Document:
    """Return rent on demand and spot."""
    rows = tuple(
        _bill_row(name, bill)
        for name, bill in (("on demand", spent.rent), ("spot", spent.spot))
        if bill is not None
    )
    if not rows:
        return (Paragraph("Nobody rents this rig by the hour in the price list.", "warn"),)
    headers = ("rent", "cheapest offer", "$/h", "lasting", "$/M tokens", "whole job")
    return (Grid(headers, rows, (2, 3, 4, 5)), *_spot_words(spent))


def _bill_row(name: str, bill: Bill) -> tuple[str, ...]:
    """Return one bill."""
    return (
        name,
        bill.purchase.text,
        f"{bill.usd_per_hour:,.2f}",
        f"{bill.useful_ratio.mid:.1%}",
        show_usd(bill.usd_per_token.mid * MILLION),
        "" if bill.total_usd is None else _ends_usd(bill.total_usd),
    )


def _ends_usd(total_usd: Interval) -> str:
    """Return an amount with its ends."""
    low, high = show_usd(total_usd.low), show_usd(total_usd.high)
    return f"{show_usd(total_usd.mid)} ({low} to {high})"


def _spot_words(spent: Spent) -> Document:
    """Return what withdrawals do to the price of a spot rig, or from what share it pays."""
    if spent.spot is None:
        return ()
    if spent.preempted_s is not None:
        words = (
            f"Spot: withdrawn every {show_span(spent.preempted_s)} on average, which adds to the "
            "failures; saved at the optimum of both."
        )
    elif spent.rent is not None and spent.spot.usd_per_hour < spent.rent.usd_per_hour:
        saved = 1.0 - spent.spot.usd_per_hour / spent.rent.usd_per_hour
        words = (
            f"Spot pays as long as withdrawals cost less than {saved:.0%} of the time; "
            "--preempted-every 12h counts them."
        )
    else:
        return ()
    return (Paragraph(words, "dim"),)


def _energy(energy: Energy | None) -> Document:
    """Return watts, kilowatt hours and what they cost."""
    if energy is None:
        return ()
    cards, host = energy.cards_power_w, energy.host_power_w
    tariff = energy.tariff
    words = (
        f"Power: cards {cards.mid:,.0f} W ({cards.low:,.0f} to {cards.high:,.0f}), hosts "
        f"{host.mid:,.0f} W"
    )
    price = f"${tariff.usd_per_kwh:.3f}/kWh and PUE {tariff.pue_ratio:g}"
    if energy.use_kwh is not None and energy.total_usd is not None:
        words += (
            f"; {show_number(energy.use_kwh.mid)} kWh, {show_usd(energy.total_usd.mid)} on own "
            f"machines at {price}"
        )
    else:
        words += f"; {show_usd(energy.usd_per_hour)} an hour on own machines at {price}"
    return (Paragraph(f"{words}. Rent holds it already."),)


def spent_json(spent: Spent) -> TrainingSpentJson:
    """Return what a run takes, as JSON."""
    upkeep, energy = spent.upkeep, spent.energy
    return {
        "job_tokens": spent.job_tokens,
        "work_s": optional_json(spent.work_s),
        "elapsed_s": optional_json(spent.elapsed_s),
        "mtbf_s": None if upkeep.fleet is None else interval_json(upkeep.fleet.mtbf_s),
        "save_s": upkeep.saving.save_s,
        "state_bytes": upkeep.state_bytes,
        "interval_s": upkeep.interval_s,
        "useful_ratio": interval_json(upkeep.useful_ratio),
        "rent": _bill_json(spent.rent),
        "spot": _bill_json(spent.spot),
        "preempted_s": spent.preempted_s,
        "energy": None
        if energy is None
        else {
            "cards_power_w": interval_json(energy.cards_power_w),
            "host_power_w": interval_json(energy.host_power_w),
            "use_kwh": optional_json(energy.use_kwh),
            "total_usd": optional_json(energy.total_usd),
            "usd_per_hour": energy.usd_per_hour,
        },
    }


def _bill_json(bill: Bill | None) -> TrainingBillJson | None:
    """Return a bill as JSON."""
    if bill is None:
        return None
    return {
        "offer": bill.purchase.text,
        "usd_per_hour": bill.usd_per_hour,
        "useful_ratio": interval_json(bill.useful_ratio),
        "usd_per_token": interval_json(bill.usd_per_token),
        "total_usd": optional_json(bill.total_usd),
    }

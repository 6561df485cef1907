"""The report of what machines ask of a room: supplies, circuits, UPS, heat, racks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import show_number, show_seconds
from rightrig.report.cost_power import placement_blocks, placements_json
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.planning.electrifying import Circuit, Installation
    from rightrig.prediction.electrical import Feed
    from rightrig.report.schema.power import (
        ElectricalJson,
        WiredMachineJson,
    )

_KWH_J = 3.6e6
_WIRED = "wired, no plug"


def electrical_document(found: Installation) -> Document:
    """Return what machines ask of a room as a document."""
    count = found.machines_count
    title = f"{count} × {found.rig.text}" if count > 1 else found.rig.text
    return (
        Paragraph(f"{title}, {_feed_text(found.site.feed)}", "title"),
        *_answers(found),
        Grid(("quantity", "one machine", "all"), _rows(found), (1, 2)),
        Grid(
            ("transient", "worst draw", "ATX 3 rating for it"),
            tuple(
                (
                    show_seconds(one.duration_s), f"{one.power_w:,.0f} W",
                    f"{one.rating_w:,.0f} W",
                )
                for one in found.machine.transients
            ),
            (1, 2),
        ),
        *placement_blocks(found.placements),
        *(Paragraph(sentence) for sentence in found.explain().sentences),
        *(Paragraph(f"Source: {source}", "dim") for source in found.explain().sources),
    )  # fmt: skip


def _feed_text(feed: Feed) -> str:
    """Return a feed in words."""
    phases = "one phase" if feed.phases_count == 1 else f"{feed.phases_count} phases"
    return f"{feed.volts_v:g} V, {phases}, power factor {feed.power_factor_ratio:g}"


def _answers(found: Installation) -> tuple[Paragraph, ...]:
    """Return yes or no for what was named."""
    blocks = []
    circuit = found.site.circuit
    if circuit is not None:
        blocks.append(_circuit_answer(found, circuit))
    limit = found.site.rack_limit_w
    if limit is not None:
        word, style = ("yes", "good") if found.fits_rack else ("no", "bad")
        racks = (
            "no rack holds one"
            if found.racks_count is None
            else _counted(found.racks_count, "rack")
        )
        blocks.append(
            Paragraph(
                f"Rack of {limit:,.0f} W: {word}; a machine draws {found.machine.peak_w.mid:,.0f} "
                f"W at its peak, {racks}.",
                style,  # type: ignore[arg-type] # one of the styles
            )
        )
    return tuple(blocks)


def _circuit_answer(found: Installation, circuit: Circuit) -> Paragraph:
    """Return whether the named circuit carries everything, and what would."""
    carries = f"{circuit.continuous_w:,.0f} W for hours"
    asks = f"{found.peak_w.mid:,.0f} W at the peak"
    name = f"{circuit.feed.volts_v:g} V, {circuit.breaker_a:g} A"
    if found.fits_circuit:
        return Paragraph(f"Circuit {name}: yes; it carries {carries}, asked are {asks}.", "good")
    cap = "" if found.cap_w is None else f", or a limit of {found.cap_w:,.0f} W a card"
    return Paragraph(
        f"Circuit {name}: no; it carries {carries}, asked are {asks}. "
        f"{found.circuits_count} such circuits would carry it{cap}.",
        "bad",
    )


def _rows(found: Installation) -> tuple[tuple[str, str, str], ...]:
    """Return sizes for one machine and for all."""
    machine, count, feed = found.machine, found.machines_count, found.site.feed
    supplies = machine.supplies
    one_w, all_w = machine.peak_w, found.peak_w
    spare = f" ({supplies.spare_count} spare)" if supplies.spare_count else ""
    own = machine.host.kind == "system"
    supplied = "its own" if own else f"{supplies.count} × {supplies.rating_w:,.0f} W{spare}"
    inlet = "above C19" if found.inlet is None else found.inlet.name
    plug = _WIRED if found.plug is None else found.plug.name
    racks = "" if found.racks_count is None else f", {_counted(found.racks_count, 'rack')}"
    return (
        ("peak at the wall", f"{one_w.mid:,.0f} W", f"{all_w.mid:,.0f} W"),
        ("  low to high", f"{one_w.low:,.0f} … {one_w.high:,.0f} W",
         f"{all_w.low:,.0f} … {all_w.high:,.0f} W"),
        *_inside(found),
        ("power supplies", supplied,
         f"{supplies.count * count}"),
        ("current of a supply", f"{found.supply_a:.1f} A, {inlet}", ""),
        ("current", f"{feed.load_a(one_w.mid):.1f} A", f"{found.load_a:,.1f} A"),
        (f"breaker ({feed.standard}, 80 %)", _amperes(found.machine_breaker_a),
         _amperes(found.breaker_a)),
        ("plug", plug, ""),
        ("inrush at boot", "", f"{found.inrush_a[0]:,.0f} … {found.inrush_a[1]:,.0f} A"),
        ("UPS", "", f"{found.ups_va / 1e3:,.1f} kVA"),
        (f"battery for {show_number(found.site.backup_s / 60.0)} min", "",
         f"{found.battery_j / _KWH_J:,.2f} kWh"),
        ("heat", "", f"{found.heat_btu_per_hour:,.0f} BTU/h, {found.tons_count:,.1f} tons"),
        ("air at 15 °C rise", "", f"{found.air_cfm:,.0f} CFM"),
        ("rack units", f"{machine.host.units_count}", f"{found.units_count}{racks}"),
    )  # fmt: skip


def _inside(found: Installation) -> tuple[tuple[str, str, str], ...]:
    """Return cards and what is beside them; nothing where only the whole is published."""
    machine, count = found.machine, found.machines_count
    cards_w, host_w = machine.cards_w, machine.host.power_w.mid
    if not cards_w:
        return ()
    return (
        ("  cards at their limit", f"{cards_w:,.0f} W", f"{cards_w * count:,.0f} W"),
        ("  beside the cards", f"{host_w:,.0f} W", f"{host_w * count:,.0f} W"),
    )


def _counted(count: int, what: str) -> str:
    """Return a number of things."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _amperes(size_a: float | None) -> str:
    """Return a breaker."""
    return "above the largest" if size_a is None else f"{size_a:,.0f} A"


def electrical_json(found: Installation) -> ElectricalJson:
    """Return what machines ask of a room as JSON."""
    feed, circuit = found.site.feed, found.site.circuit
    return {
        "rig": found.rig.text,
        "machines_count": found.machines_count,
        "yes": found.yes,
        "volts_v": feed.volts_v,
        "phases_count": feed.phases_count,
        "power_factor_ratio": feed.power_factor_ratio,
        "machine": _machine_json(found),
        "peak_w": interval_json(found.peak_w),
        "load_a": found.load_a,
        "breaker_a": found.breaker_a,
        "ups_va": found.ups_va,
        "battery_j": found.battery_j,
        "inrush_a": list(found.inrush_a),
        "heat_btu_per_hour": found.heat_btu_per_hour,
        "cooling_tons_count": found.tons_count,
        "air_cfm": found.air_cfm,
        "rack_units_count": found.units_count,
        "racks_count": found.racks_count,
        "circuit_w": None if circuit is None else circuit.continuous_w,
        "circuits_count": found.circuits_count,
        "fits_circuit": found.fits_circuit,
        "fits_rack": found.fits_rack,
        "limit_that_fits_w": found.cap_w,
        "placements": placements_json(found.placements),
        "explanation": explanation_json(found.explain()),
    }


def _machine_json(found: Installation) -> WiredMachineJson:
    """Return one machine as JSON."""
    machine = found.machine
    return {
        "cards_w": machine.cards_w,
        "host_w": interval_json(machine.host.power_w),
        "host_source": machine.host.source,
        "peak_w": interval_json(machine.peak_w),
        "supplies_count": machine.supplies.count,
        "spare_supplies_count": machine.supplies.spare_count,
        "supply_rating_w": machine.supplies.rating_w,
        "supply_a": found.supply_a,
        "inlet": None if found.inlet is None else found.inlet.name,
        "plug": None if found.plug is None else found.plug.name,
        "breaker_a": found.machine_breaker_a,
        "rack_units_count": machine.host.units_count,
        "transients": [
            {"duration_s": t.duration_s, "power_w": t.power_w, "rating_w": t.rating_w}
            for t in machine.transients
        ],
    }

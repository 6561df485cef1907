"""What a rig asks of a room: supplies, circuits, UPS, heat, racks (F13, question F198)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, UnknownNameError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.placing import placements
from rightrig.prediction.electrical import (
    THREE_PHASES_COUNT,
    air_cfm,
    battery_j,
    cooling_tons_count,
    heat_btu_per_hour,
    inlet_of,
    plug_of,
    ups_va,
)
from rightrig.prediction.host_power import host_kind, host_of, known_host
from rightrig.prediction.power_supply import EFFICIENCY_RATIO, supplies_for, transients

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.system import System
    from rightrig.interval import Interval
    from rightrig.planning.placing import Placement
    from rightrig.prediction.electrical import Connector, Feed
    from rightrig.prediction.host_power import Host
    from rightrig.prediction.power_supply import Redundancy, Supplies, SupplyKind, Transient

_AIR_RISE_CELSIUS: Final = 15.0
_RACK_UNITS_COUNT: Final = 42
_UNITS_FOR_SWITCHES_COUNT: Final = 2
_INRUSH_LOW_RATIO: Final = 3.0
_INRUSH_HIGH_RATIO: Final = 5.0
_LEAST_CAP_RATIO: Final = 0.6
_WORKSTATION_V: Final = 120.0
_SERVER_V: Final = 208.0
_HIGHEST_OF_SUPPLIES_V: Final = 264.0
"""Supplies of servers and desktops take 100 to 240 V, with a tenth above."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """A circuit that is there: what feeds it, and its breaker."""

    feed: Feed
    breaker_a: float

    @property
    def continuous_w(self) -> float:
        """What it carries for hours, in W."""
        return self.feed.continuous_w(self.breaker_a)


@dataclass(frozen=True, slots=True)
class Site:
    """What is asked, and what there is.

    Attributes:
        machines_count: Equal machines; those of a rig of several nodes are multiplied.
        backup_s: Time that a UPS carries all of it.
        circuit: The only circuit, where one is named.
        rack_limit_w: Most that one rack may draw.
    """

    feed: Feed
    machines_count: int = 1
    redundancy: Redundancy = "none"
    backup_s: float = 600.0
    circuit: Circuit | None = None
    rack_limit_w: float | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine's power.

    Attributes:
        cards_w: Limits of all cards together.
        host: What is beside them.
        peak_w: Most that it draws from the wall for longer than a second; the middle is the
            figure that sizes are made for.
    """

    cards_count: int
    cards_w: float
    host: Host
    peak_w: Interval
    transients: tuple[Transient, ...]
    supplies: Supplies


@dataclass(frozen=True, slots=True)
class Installation:
    """What some machines ask of a room.

    Attributes:
        load_a: Current of all of them at their peak, on each conductor.
        breaker_a: Standard breaker for all of them on one circuit; ``None`` above the largest.
        machine_breaker_a: The same for one machine.
        supply_a: Current of one power supply at its share of the load.
        circuits_count: Circuits like the named one that the machines take.
        fits_circuit, fits_rack: ``None`` where nothing was named.
        cap_w: Limit of each card with which the named circuit is enough; ``None`` where no limit
            above 60 % of the board's power is.
    """

    rig: Rig
    site: Site
    machines_count: int
    machine: Machine
    load_a: float
    breaker_a: float | None
    machine_breaker_a: float | None
    supply_a: float
    ups_va: float
    battery_j: float
    inrush_a: tuple[float, float]
    heat_btu_per_hour: float
    tons_count: float
    air_cfm: float
    units_count: int
    racks_count: int | None
    circuits_count: int | None
    fits_circuit: bool | None
    fits_rack: bool | None
    cap_w: float | None
    placements: tuple[Placement, ...]

    @property
    def peak_w(self) -> Interval:
        """Most that all machines draw from the wall."""
        return self.machine.peak_w.scaled(self.machines_count)

    @property
    def yes(self) -> bool:
        """Whether everything that was named is enough."""
        return self.fits_circuit is not False and self.fits_rack is not False

    @property
    def inlet(self) -> Connector | None:
        """The inlet of each power supply."""
        return inlet_of(self.supply_a)

    @property
    def plug(self) -> Connector | None:
        """The plug of one machine's circuit; ``None`` where it is wired."""
        size = self.machine_breaker_a
        return None if size is None else plug_of(self.site.feed, size)

    def explain(self) -> Explanation:
        """Return how the figures came about."""
        return _explain(self)


def usual_volts_v(rig: Rig) -> float:
    """Return what feeds machines with such cards where nothing is said: a socket's, or a rack's."""
    on_a_desk = rig.gpu.cooling == "own fans" or rig.gpu.tier in {"consumer", "embedded"}
    return _WORKSTATION_V if on_a_desk else _SERVER_V


def installation(rig: Rig, name: str, site: Site, catalog: Catalog) -> Installation:
    """Return what machines with a rig's cards ask of a room.

    Args:
        rig: The cards.
        name: The text that named it; a system's name says what the whole machine draws.
        site: How many, and what there is.
        catalog: Where systems with the same cards are looked up.
    """
    machine = _machine(rig, name, site, catalog)
    count = site.machines_count * rig.nodes_count
    total_w = machine.peak_w.mid * count
    feed = site.feed
    load_a = feed.load_a(total_w)
    limit = site.rack_limit_w
    return Installation(
        rig=rig,
        site=site,
        machines_count=count,
        machine=machine,
        load_a=load_a,
        breaker_a=feed.breaker_a(load_a),
        machine_breaker_a=feed.breaker_a(feed.load_a(machine.peak_w.mid)),
        supply_a=_supply_a(machine, feed),
        ups_va=ups_va(total_w, feed.power_factor_ratio),
        battery_j=battery_j(total_w, site.backup_s),
        inrush_a=(_INRUSH_LOW_RATIO * load_a, _INRUSH_HIGH_RATIO * load_a),
        heat_btu_per_hour=heat_btu_per_hour(total_w),
        tons_count=cooling_tons_count(total_w),
        air_cfm=air_cfm(total_w, _AIR_RISE_CELSIUS),
        units_count=machine.host.units_count * count,
        racks_count=_racks_count(machine, count, limit),
        circuits_count=_circuits_count(machine, count, site.circuit),
        fits_circuit=None if site.circuit is None else total_w <= site.circuit.continuous_w,
        fits_rack=None if limit is None else machine.peak_w.mid <= limit,
        cap_w=_cap_w(rig, machine, count, site.circuit),
        placements=placements(rig),
    )


def _machine(rig: Rig, name: str, site: Site, catalog: Catalog) -> Machine:
    """Return one machine of a rig, with the host that is known for it or an estimated one."""
    if any(group.mig for group in rig.groups):
        raise InputError(f"{name[:60]!r} counts MIG instances; size the whole cards, without @mig")
    cards_w = sum((group.card_power_w or 0.0) * group.count for group in rig.groups)
    boards_w = sum((g.gpu.board_power_w or g.card_power_w or 0.0) * g.count for g in rig.groups)
    host = _known_host(rig, name, boards_w, catalog)
    unknown = next((g.gpu for g in rig.groups if g.card_power_w is None), None)
    if unknown is not None and host is None:
        raise InputError(f"the power of {unknown.slug} is not published; name its limit, as @300w")
    kind: SupplyKind = "desktop" if host_kind(rig.gpu) == "workstation" else "server"
    is_known = host is not None
    host = host or host_of(rig.gpu, cards_w, rig.cards_per_node)
    drawn = host.power_w.map(lambda watts: watts + cards_w)
    # What makers publish is drawn from the wall, with the losses of the supplies in it.
    peak = drawn if is_known else drawn.scaled(1.0 / EFFICIENCY_RATIO[kind])
    load_w = peak.mid * EFFICIENCY_RATIO[kind]
    worst_w = max(group.card_power_w or 0.0 for group in rig.groups)
    found = transients(worst_w, cards_w, load_w - cards_w)
    supplies = supplies_for(load_w, found, kind, site.redundancy)
    return Machine(rig.cards_per_node, cards_w, host, peak, found, supplies)


def _known_host(rig: Rig, name: str, boards_w: float, catalog: Catalog) -> Host | None:
    """Return the host of the named system, or of a server or rack with the same cards."""
    for system in (_named(name, catalog), *_alike(rig, catalog)):
        if system is None or system.power_w is None:
            continue
        host_w = system.power_w / system.nodes_count - boards_w
        if host_w >= 0.0:
            source = (
                f"{system.name}: {system.power_w:,.0f} W in all ({system.sources[0].reference})"
            )
            return known_host(rig.gpu, host_w, rig.cards_per_node, source)
    return None


def _named(name: str, catalog: Catalog) -> System | None:
    """Return the system of a name, or ``None``."""
    try:
        return catalog.system(name.strip())
    except UnknownNameError:
        return None


def _alike(rig: Rig, catalog: Catalog) -> list[System]:
    """Return whole machines with the same cards, for rigs that fill one."""
    if len(rig.groups) > 1 or rig.groups[0].board:
        return []
    systems = (catalog.system(slug) for slug in catalog.slugs("systems"))
    return [
        system
        for system in systems
        if system.kind in {"server", "rack", "desktop"}
        and system.gpu == rig.gpu.slug
        and system.gpu_count // system.nodes_count == rig.cards_per_node
    ]


def _supply_a(machine: Machine, feed: Feed) -> float:
    """Return the current of one supply, which hangs between two conductors.

    Of three phases of 380 V and more it hangs between one of them and neutral.
    """
    share_w = machine.peak_w.mid / machine.supplies.working_count
    is_high = feed.phases_count == THREE_PHASES_COUNT and feed.volts_v > _HIGHEST_OF_SUPPLIES_V
    volts = feed.volts_v / math.sqrt(feed.phases_count) if is_high else feed.volts_v
    return replace(feed, volts_v=volts, phases_count=1).load_a(share_w)


def _racks_count(machine: Machine, count: int, limit_w: float | None) -> int | None:
    """Return the racks that some machines take, by their units and by a rack's limit."""
    units = _RACK_UNITS_COUNT - _UNITS_FOR_SWITCHES_COUNT
    in_one = max(units // machine.host.units_count, 1)
    if limit_w is not None:
        in_one = min(in_one, int(limit_w // machine.peak_w.mid))
    return math.ceil(count / in_one) if in_one else None


def _circuits_count(machine: Machine, count: int, circuit: Circuit | None) -> int | None:
    """Return the circuits like the named one that some machines take.

    A machine whose supplies hang on several circuits takes as many as its load asks for.
    """
    if circuit is None:
        return None
    in_one = int(circuit.continuous_w // machine.peak_w.mid)
    if in_one:
        return math.ceil(count / in_one)
    return count * math.ceil(machine.peak_w.mid / circuit.continuous_w)


def _cap_w(rig: Rig, machine: Machine, count: int, circuit: Circuit | None) -> float | None:
    """Return the limit of each card with which the named circuit carries all machines."""
    if circuit is None or not rig.is_uniform:
        return None
    board_w = rig.gpu.board_power_w or machine.cards_w / machine.cards_count
    allowed_w = circuit.continuous_w / count
    wall_ratio = machine.peak_w.mid / (machine.cards_w + machine.host.power_w.mid)
    cap_w = (allowed_w / wall_ratio - machine.host.power_w.mid) / machine.cards_count
    least_w = _LEAST_CAP_RATIO * board_w
    is_less = least_w <= cap_w < machine.cards_w / machine.cards_count
    return 5.0 * (cap_w // 5.0) if is_less else None


def _explain(found: Installation) -> Explanation:
    """Return sentences, figures and sources of an installation."""
    machine, site = found.machine, found.site
    host_w = machine.host.power_w
    beside = f"{host_w.mid:,.0f} W ({host_w.low:,.0f} to {host_w.high:,.0f})"
    sentences = [
        f"One machine: {machine.cards_w:,.0f} W of cards and {beside} beside them."
        if machine.cards_w
        else f"One machine: {beside} in all; its chip alone is not published.",
        f"A breaker carries 80 % of its rating for hours ({site.feed.standard} ratings).",
        "Every watt becomes heat. Sizes are for the peak: cards at their limits, not for the mean.",
    ]
    if found.machines_count > 1 or machine.supplies.count > 1:
        sentences.append(
            "All supplies charge at once when power returns (inrush for 20 to 50 ms): start the "
            "machines in turn."
        )
    if machine.supplies.is_for_transients:
        sentences.append("Transients of the cards, not the steady load, size the supplies.")
    figures = (
        Figure("peak_w", found.peak_w.mid, f"{found.peak_w.mid:,.0f} W", machine.host.source),
        Figure("load_a", found.load_a, f"{found.load_a:,.1f} A", "W / (V·pf), of three phases √3"),
    )
    sources = (
        machine.host.source,
        "NEC 210.20(A), 240.6(A); IEC 60898-1; IEC 60320, IEC 60309",
        "transients: PCIe CEM 5.1 and ATX 3.x by tweaktown.com/news/85717 and hothardware.com",
        (
            "inrush for 20 to 40 ms: Legrand, PRO4X guide; 3 to 5 times the current: formulas F13, "
            "low trust"
        ),
    )
    return Explanation(tuple(sentences), figures, sources)

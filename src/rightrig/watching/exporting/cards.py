"""Lines of cards, and of what reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rightrig.watching.exporting.lines import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.watching.exporting.lines import Sheet
    from rightrig.watching.states import (
        CardState,
        Health,
        InstanceState,
        LinkState,
        ProcessState,
        Snapshot,
    )

_GPU: Final = "rightrig_gpu_"
_WATCH: Final = "rightrig_watch_"
_REASONS: Final = (
    "idle", "application clocks", "software power cap", "hardware slowdown", "sync boost",
    "software thermal slowdown", "hardware thermal slowdown", "hardware power brake",
    "display clocks",
)  # fmt: skip
_READY: Final = "completed"
_NO_FABRIC: Final = ("", "not supported")
_PLAIN: Final[tuple[tuple[str, Callable[[CardState], float | None]], ...]] = (
    ("utilization_ratio", lambda card: card.activity.gpu_ratio),
    ("memory_busy_ratio", lambda card: card.activity.memory_ratio),
    ("sm_active_ratio", lambda card: card.activity.sm_ratio),
    ("sm_occupancy_ratio", lambda card: card.activity.occupancy_ratio),
    ("tensor_active_ratio", lambda card: card.activity.tensor_ratio),
    ("dram_active_ratio", lambda card: card.activity.dram_ratio),
    ("memory_total_bytes", lambda card: card.memory_total_bytes),
    ("memory_used_bytes", lambda card: card.memory_used_bytes),
    ("temperature_celsius", lambda card: card.heat.gpu_celsius),
    ("memory_temperature_celsius", lambda card: card.heat.memory_celsius),
    ("thermal_margin_celsius", lambda card: card.heat.margin_celsius),
    ("power_watts", lambda card: card.power.draw_w),
    ("power_limit_watts", lambda card: card.power.limit_w),
    ("power_default_limit_watts", lambda card: card.power.default_limit_w),
    ("energy_joules_total", lambda card: card.power.energy_j),
    ("sm_clock_hertz", lambda card: card.clocks.sm_hz),
    ("sm_clock_max_hertz", lambda card: card.clocks.sm_max_hz),
    ("memory_clock_hertz", lambda card: card.clocks.memory_hz),
    ("memory_clock_max_hertz", lambda card: card.clocks.memory_max_hz),
    ("pcie_link_generation", lambda card: card.bus.generation),
    ("pcie_link_generation_max", lambda card: card.bus.max_generation),
    ("pcie_link_lanes", lambda card: card.bus.lanes),
    ("pcie_link_lanes_max", lambda card: card.bus.max_lanes),
    ("pcie_replays_total", lambda card: card.bus.replays_count),
)
"""Metrics of a card that have no labels of their own, and may change with every reading."""


def _health(writer: Writer, health: Health) -> None:
    """Write errors of memory, and what the driver did about them."""
    for name, counts in (
        ("ecc_errors_total", health.ecc_volatile),
        ("ecc_errors_ever_total", health.ecc_aggregate),
        ("remapped_rows_total", health.remapped_rows),
        ("retired_pages_total", health.retired_pages),
    ):
        for kind, count in counts.items():
            writer.add(name, count, kind=kind)
    writer.add("row_remap_pending", health.is_remap_pending)
    writer.add("row_remap_failed", health.has_remap_failed)
    writer.add("retired_page_pending", health.is_page_pending)
    writer.add("recovery_action", health.recovery_action)
    _xids(writer, health)


def _xids(writer: Writer, health: Health) -> None:
    """Write the driver's error events."""
    for xid, count in sorted(health.xids.items()):
        writer.add("xid_events_total", count, xid=str(xid))


def _links(writer: Writer, links: tuple[LinkState, ...]) -> None:
    """Write NVLinks."""
    for link in links:
        writer.add("nvlink_up", link.is_up, link=str(link.number))
        for kind, count in link.errors.items():
            writer.add("nvlink_errors_total", count, link=str(link.number), kind=kind)


def _instances(writer: Writer, instances: tuple[InstanceState, ...]) -> None:
    """Write MIG instances."""
    for one in instances:
        own = {"instance_id": str(one.number), "profile": one.profile}
        writer.add("mig_memory_total_bytes", one.memory_total_bytes, **own)
        writer.add("mig_memory_used_bytes", one.memory_used_bytes, **own)


def _processes(writer: Writer, processes: tuple[ProcessState, ...]) -> None:
    """Write programs that hold memory of the card."""
    writer.add("processes", len(processes))
    for one in processes:
        writer.add("process_memory_bytes", one.memory_bytes, pid=str(one.pid), process=one.name)


def _reasons(writer: Writer, reasons: tuple[str, ...] | None) -> None:
    """Write what holds clocks down; what does not is 0, so that an end is seen too."""
    if reasons is not None:
        for reason in _REASONS:
            writer.add("clock_event_active", reason in reasons, reason=reason)


def _state(writer: Writer, state: tuple[str, bool | None]) -> None:
    """Write of what a card is a part, and whether it is in parts itself."""
    fabric, mig = state
    if fabric not in _NO_FABRIC:
        writer.add("fabric_ready", fabric == _READY)
    writer.add("mig_enabled", mig)


_GROUPS: Final[tuple[tuple[Callable[[CardState], Any], Callable[[Writer, Any], None]], ...]] = (
    (lambda card: card.health, _health),
    (lambda card: card.links, _links),
    (lambda card: card.instances, _instances),
    (lambda card: card.processes, _processes),
    (lambda card: card.clocks.reasons, _reasons),
    (lambda card: (card.fabric, card.mig), _state),
)
"""What seldom changes: lines of it are written again only when it did."""


class CardLines:
    """Writes the lines of one card, reading after reading."""

    def __init__(self, card: CardState, host: str) -> None:
        """Write what every line of it begins with."""
        self._labels = {"gpu": str(card.index), "UUID": card.uuid, "Hostname": host}
        writer = self._writer()
        self._starts = [(_GPU + name, writer.start(name), of) for name, of in _PLAIN]
        self._kept: list[tuple[Any, Sheet]] = [(None, {})] * len(_GROUPS)

    def sheet(self, card: CardState, driver: str) -> Sheet:
        """Return its lines; of a lost card those that say so, and none that would be old."""
        writer = self._writer()
        writer.add("up", not card.trouble)
        writer.add(
            "info", 1, model_name=card.name, pci_bus_id=card.bus_id, vendor=card.vendor,
            driver_version=driver,
        )  # fmt: skip
        if card.trouble:
            writer.add("trouble", 1, reason=card.trouble)
            _xids(writer, card.health)
            return writer.sheet
        for policy, held_s in card.clocks.held_s.items():
            writer.add("throttled_seconds_total", held_s, policy=policy)
        sheet = writer.sheet
        for name, start, of in self._starts:
            if (value := of(card)) is not None:
                sheet[name] = f"{start}{value}\n"
        for place, (of_card, write) in enumerate(_GROUPS):
            sheet |= self._group(place, of_card(card), write)
        return sheet

    def _group(self, place: int, part: Any, write: Callable[[Writer, Any], None]) -> Sheet:  # noqa: ANN401 - of any kind
        """Return the lines of a part, as they were if it is as it was."""
        before, sheet = self._kept[place]
        if before is not part and before != part:
            writer = self._writer()
            write(writer, part)
            sheet = writer.sheet
            self._kept[place] = (part, sheet)
        return sheet

    def _writer(self) -> Writer:
        """Return what writes lines of this card."""
        return Writer(_GPU, self._labels)


class MachineLines:
    """Writes the lines of all cards of a machine, and of what reads them."""

    def __init__(self, host: str, planned_count: int | None) -> None:
        """Know no card yet.

        Args:
            host: Name of the machine.
            planned_count: Cards that the plan names; without a plan the most seen count.
        """
        self._host = host
        self._planned_count = planned_count
        self._most_count = 0
        self._lines: dict[tuple[int, str, str], CardLines] = {}

    def sheets(self, snapshot: Snapshot) -> list[Sheet]:
        """Return the lines of one reading."""
        keys = [(card.index, card.uuid, card.vendor) for card in snapshot.cards]
        self._lines = {
            key: self._lines.get(key) or CardLines(card, self._host)
            for key, card in zip(keys, snapshot.cards, strict=True)
        }
        self._most_count = max(self._most_count, len(snapshot.cards))
        cards = zip(keys, snapshot.cards, strict=True)
        return [
            *(self._lines[key].sheet(card, snapshot.driver) for key, card in cards),
            self._reader(snapshot),
        ]

    def _reader(self, snapshot: Snapshot) -> Sheet:
        """Return the lines of what reads the cards."""
        writer = Writer(_WATCH, {"Hostname": self._host})
        writer.add("driver_up", not snapshot.trouble)
        if snapshot.trouble:
            writer.add("driver_trouble", 1, reason=snapshot.trouble)
        writer.add("gpus", sum(not card.trouble for card in snapshot.cards))
        planned_count = self._planned_count
        writer.add("gpus_expected", self._most_count if planned_count is None else planned_count)
        for reason, count in snapshot.restarts.items():
            writer.add("reader_restarts_total", count, reason=reason)
        return writer.sheet

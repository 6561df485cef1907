"""The cards of ``watch once``: what they do, and how they are."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from rightrig.measuring.probe.wording import spans
from rightrig.quantities import GIB, MILLION
from rightrig.report.document import Grid
from rightrig.report.watch_texts import NOTHING, digits_text, part_text, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rightrig.report.watched import Watched
    from rightrig.watching.states import BusState, CardState, Health

_DONE_BY_NOBODY: Final = frozenset({"idle"})
"""Reasons that need no mention: a card that has nothing to do lowers its clocks."""
_SHORT: Final = {
    "application clocks": "application",
    "software power cap": "power cap",
    "hardware slowdown": "hardware",
    "software thermal slowdown": "heat (SW)",
    "hardware thermal slowdown": "heat (HW)",
    "hardware power brake": "power brake",
    "display clocks": "display",
}


def cards_grid(watched: Watched) -> Grid:
    """Return what the cards do."""
    headers = (
        "card", "busy", "SM", "occup.", "DRAM", "memory GiB", "SM MHz", "power W", "°C", "left",
    )  # fmt: skip
    rows = _alike((card.index, _work(card)) for card in watched.cards)
    return Grid(headers, rows, tuple(range(1, 10)), spare=(3, 4, 2, 9))


def _alike(rows: Iterable[tuple[int, tuple[str, ...]]]) -> tuple[tuple[str, ...], ...]:
    """Return rows of cards, neighbours that are alike as one: a screen holds few."""
    return tuple(
        (", ".join(spans(index for index, _ in group)), *cells)
        for cells, group in groupby(rows, key=lambda row: row[1])
    )


def _work(card: CardState) -> tuple[str, ...]:
    """Return what one card does."""
    if card.trouble:
        return ("lost", *[NOTHING] * 8)
    did, heat = card.activity, card.heat
    return (
        percent(did.gpu_ratio),
        percent(did.sm_ratio),
        percent(did.occupancy_ratio),
        percent(did.dram_ratio),
        part_text(card.memory_used_bytes, card.memory_total_bytes, GIB, 1),
        part_text(card.clocks.sm_hz, card.clocks.sm_max_hz, MILLION, 0),
        part_text(card.power.draw_w, card.power.limit_w, 1.0, 0),
        digits_text(heat.gpu_celsius, 1.0, 0),
        digits_text(heat.margin_celsius, 1.0, 0),
    )


def health_grid(watched: Watched) -> Grid:
    """Return how the cards are: errors, links, what holds their clocks."""
    headers = ("card", "ECC c/u", "rows c/u", "XID", "PCIe now/max", "NVLinks", "clocks held by")
    expected = watched.links_expected_count()
    rows = _alike(
        (
            card.index,
            (
                _pair(card.health.ecc_volatile),
                _rows(card.health),
                _xids(card.health),
                _bus(card.bus),
                _links(card, expected),
                _held(card),
            ),
        )
        for card in watched.cards
    )
    return Grid(headers, rows, (1, 2), spare=(2, 3))


def _pair(counts: Mapping[str, int]) -> str:
    """Return corrected and uncorrected errors."""
    if not counts:
        return NOTHING
    return f"{counts.get('corrected', 0):,}/{counts.get('uncorrected', 0):,}"


def _rows(health: Health) -> str:
    """Return replaced rows, or retired pages of cards that have those."""
    text = _pair(health.remapped_rows or health.retired_pages)
    if health.has_remap_failed:
        return f"{text} FAILED"
    return f"{text} pending" if health.is_remap_pending or health.is_page_pending else text


def _xids(health: Health) -> str:
    """Return error events of the driver: ``79``, ``31×4``."""
    told = [
        f"{number}×{count}" if count > 1 else f"{number}"
        for number, count in sorted(health.xids.items())
    ]
    return " ".join(told) or NOTHING


def _bus(bus: BusState) -> str:
    """Return the link now and the best it could be."""
    now = _slot(bus.generation, bus.lanes)
    most = _slot(bus.max_generation, bus.max_lanes)
    return NOTHING if now == most == NOTHING else f"{now}/{most}"


def _slot(generation: int | None, lanes: int | None) -> str:
    """Return a PCIe link: ``5x16``."""
    if generation is None and lanes is None:
        return NOTHING
    return f"{generation or '?'}x{lanes or '?'}"


def _links(card: CardState, expected_count: int | None) -> str:
    """Return NVLinks that are up, of those that should be, else of those that are there."""
    most = expected_count or len(card.links)
    if not most or card.trouble:
        return NOTHING
    return f"{sum(link.is_up for link in card.links)}/{most}"


def _held(card: CardState) -> str:
    """Return what holds the clocks down."""
    reasons = card.clocks.reasons
    if reasons is None:
        return NOTHING
    return ", ".join(_SHORT.get(one, one) for one in reasons if one not in _DONE_BY_NOBODY) or "–"

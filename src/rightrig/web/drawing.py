"""The memory of each card as a stacked bar: places in per cent, for a template to draw.

All bars of a drawing have one scale, so that a smaller card is a shorter bar. What counts in the
engine's budget lies left of its line, what lies beside it right of the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.prediction.memory_fit import HOST_RATIO
from rightrig.quantities import GIB, show_gib
from rightrig.report.document import Grid
from rightrig.report.views import grid_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.prediction.memory_fit import CardFit, Fit
    from rightrig.report.views import GridView

_SHOWN: Final = {"kv": "KV cache", "steps_ahead": "steps ahead", "compute": "buffers"}
"""Names of parts where people say something else than the models."""
_COLOURS: Final = {
    "weights": 0, "kv": 1, "activation": 2, "compute": 2, "graphs": 3, "runtime": 4, "context": 4,
    "steps_ahead": 5, "encoder": 6, "draft": 6, "adapters": 7, "host": 0,
}  # fmt: skip
"""Number of the colour of a part in ``report.css``; a part has the same on every rig."""
_LETTER_RATIO: Final = 0.015
"""Width of a letter, of a bar: a name is drawn where it has room."""
_MOST_BARS: Final = 8
"""With more cards, equal neighbours share a bar."""
_VISIBLE_RATIO: Final = 0.0005
_BEYOND_RATIO: Final = 1.0001


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar.

    Attributes:
        look: Class of the drawing: ``part-0`` … ``part-7``, ``free``, ``unusable``.
        text: Name and size.
        name: Drawn on it; empty without room.
    """

    look: str
    text: str
    name: str
    start_percent: str
    width_percent: str


@dataclass(frozen=True, slots=True)
class MemoryBar:
    """The memory of one card, or of equal ones.

    Attributes:
        note: Need, budget and verdict.
        length_percent: Of the whole memory, of the longest bar.
        mark_percent: Of the budget.
        is_over: Whether it holds more than the whole.
        aside: Why some of it cannot be used; empty where all can.
    """

    label: str
    note: str
    verdict: str
    segments: tuple[Segment, ...]
    length_percent: str
    mark_percent: str
    is_over: bool
    aside: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The bars of a fit, their legend and their numbers."""

    bars: tuple[MemoryBar, ...]
    legend: tuple[tuple[str, str], ...]
    numbers: GridView


@dataclass(frozen=True, slots=True)
class _Seat:
    """A card of the rig, or several alike, and what lies on it."""

    label: str
    card: CardFit
    unusable_bytes: float
    cause: str


def memory_drawing(fit: Fit) -> Drawing:
    """Return the memory of every card of a rig, and of the host where layers lie there."""
    seats = tuple(_seats(fit))
    longest_bytes = max(seat.card.total_bytes.mid for seat in seats)
    bars = [_bar(seat, longest_bytes) for seat in seats]
    bars += [_host_bar(fit)] if fit.lies_on_host else []
    looks: dict[str, str] = {}
    for seat in seats:
        for part in seat.card.components:
            looks.setdefault(_look(part.name), _named(part.name))
    looks["free"] = "free"
    if any(segment.look == "unusable" for bar in bars for segment in bar.segments):
        looks["unusable"] = "cannot be used"
    return Drawing(tuple(bars), tuple(looks.items()), _numbers(seats))


def _named(part: str) -> str:
    """Return a part as people call it."""
    return _SHOWN.get(part, part)


def _look(part: str) -> str:
    """Return the class of a part."""
    return f"part-{_COLOURS.get(part, 7)}"


def _seats(fit: Fit) -> Iterator[_Seat]:
    """Yield every card of the rig; of many, equal neighbours as one."""
    split, rig = fit.deployment.parallelism, fit.deployment.rig
    engines = split.replicas if rig.is_uniform else 1
    cards = [card for _ in range(engines) for card in fit.cards]
    least_bytes = min(card.budget_bytes.mid for card in fit.cards)
    start = 0
    for place, card in enumerate(cards):
        last = place + 1 == len(cards)
        if last or len(cards) <= _MOST_BARS or _holds(card) != _holds(cards[place + 1]):
            count = place + 1 - start
            label = f"Card {start}" if count == 1 else f"Cards {start} to {place}, each"
            yield _Seat(f"{label}: {card.gpu}", card, *_unusable(fit, card, least_bytes))
            start = place + 1


def _holds(card: CardFit) -> tuple[object, ...]:
    """Return what makes two cards alike."""
    return card.gpu, card.components


def _unusable(fit: Fit, card: CardFit, least_bytes: float) -> tuple[float, str]:
    """Return the bytes of a card's budget that its engine can never use, and why."""
    if fit.deployment.runtime.slug in LAYERED:
        return 0.0, ""
    # What the smallest card of an engine cannot hold, a larger one is never given.
    spare = card.budget_bytes.mid - max(least_bytes, card.required_bytes.mid)
    if spare <= 0.0:
        return 0.0, ""
    rule = (
        "tensor parallelism needs equal shares"
        if fit.deployment.parallelism.tp > 1
        else "stages take equal numbers of layers"
    )
    return spare, f"{rule}: the smallest card decides"


def _bar(seat: _Seat, longest_bytes: float) -> MemoryBar:
    """Return the bar of a card."""
    card = seat.card
    inside = [part for part in card.components if part.is_budgeted]
    beside = [part for part in card.components if not part.is_budgeted]
    pieces = [(_look(p.name), _named(p.name), p.size_bytes.mid) for p in inside]
    free = card.free_bytes - seat.unusable_bytes
    if free > 0.0:
        pieces.append(("free", "free", free))
    if seat.unusable_bytes:
        pieces.append(("unusable", "cannot be used", seat.unusable_bytes))
    pieces += [(_look(p.name), _named(p.name), p.size_bytes.mid) for p in beside]
    whole = card.total_bytes.mid
    rest = whole - sum(size for _, _, size in pieces)
    withheld = rest > 0.0 and card.budget_bytes.mid < whole
    if withheld:
        pieces.append(("unusable", "left to others by the engine's memory fraction", rest))
    need, budget = show_gib(card.required_bytes.mid), show_gib(card.budget_bytes.mid)
    used = sum(size for look, _, size in pieces if look not in {"free", "unusable"})
    return MemoryBar(
        seat.label, f"{need} of {budget}", card.verdict, _segments(pieces, longest_bytes, whole),
        _percent(whole / longest_bytes), _percent(card.budget_bytes.mid / longest_bytes),
        used / whole > _BEYOND_RATIO,
        f"{show_gib(seat.unusable_bytes)} cannot be used: {seat.cause}" if seat.cause else "",
    )  # fmt: skip


def _segments(
    pieces: list[tuple[str, str, float]], longest_bytes: float, end_bytes: float
) -> tuple[Segment, ...]:
    """Return parts one after the other, cut where the card ends."""
    found, reached = [], 0.0
    for look, name, size_bytes in pieces:
        start, reached = reached, reached + size_bytes
        width = (min(reached, end_bytes) - min(start, end_bytes)) / longest_bytes
        if width > _VISIBLE_RATIO:
            drawn = name if width > _LETTER_RATIO * (len(name) + 1) else ""
            text = f"{name}: {show_gib(size_bytes)}"
            found.append(
                Segment(look, text, drawn, _percent(start / longest_bytes), _percent(width))
            )
    return tuple(found)


def _host_bar(fit: Fit) -> MemoryBar:
    """Return the bar of the host's memory."""
    own_bytes = fit.deployment.rig.host_memory_bytes
    whole = max(own_bytes or 0.0, fit.host_bytes)
    usable = HOST_RATIO * own_bytes if own_bytes else fit.host_bytes
    pieces = [(_look("host"), "layers and buffers", fit.host_bytes)]
    if usable > fit.host_bytes:
        pieces.append(("free", "free", usable - fit.host_bytes))
    named = show_gib(usable) if own_bytes else "an amount that the rig does not name"
    note = f"{show_gib(fit.host_bytes)} of {named}, {fit.offloaded_layers} layers"
    return MemoryBar(
        "Host memory", note, "offload", _segments(pieces, whole, whole), "100%",
        _percent(usable / whole), fit.host_bytes > whole,
    )  # fmt: skip


def _numbers(seats: tuple[_Seat, ...]) -> GridView:
    """Return the numbers of the bars: a row a part, a column a kind of card."""
    shown: dict[tuple[object, ...], _Seat] = {}
    for seat in seats:
        shown.setdefault(_holds(seat.card), seat)
    columns = [seat.card for seat in shown.values()]
    sizes = [{part.name: part.size_bytes.mid for part in card.components} for card in columns]
    names = dict.fromkeys(name for size in sizes for name in size)
    rows = [
        (_named(name), *(f"{size[name] / GIB:,.2f}" if name in size else "–" for size in sizes))
        for name in names
    ]
    for name in ("required", "budget", "total"):
        found = (getattr(card, f"{name}_bytes").mid / GIB for card in columns)
        rows.append((_TOTALS[name], *(f"{size:,.2f}" for size in found)))
    heads = ("part, GiB", *(seat.label for seat in shown.values()))
    numeric = tuple(range(1, len(heads)))
    return grid_view(Grid(heads, tuple(rows), numeric, title="The numbers of the bars, GiB"))


_TOTALS: Final = {"required": "needed of the budget", "budget": "budget", "total": "whole card"}


def _percent(share_ratio: float) -> str:
    """Return a share of a width, to a hundredth of a per cent."""
    return f"{100.0 * min(max(share_ratio, 0.0), 1.0):.2f}%"

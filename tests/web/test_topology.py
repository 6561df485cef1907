"""The drawing of a rig's links: what joins cards is drawn, and said in words."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.web.topology import MOST_DRAWN, Drawing, drawing_of


def drawn(text: str) -> Drawing:
    """Return the drawing of a rig."""
    return drawing_of(parse_rig(text, shipped()))


def words_of(drawing: Drawing) -> str:
    """Return everything that is written on it."""
    lines = [line for box in drawing.boxes for line in box.lines]
    return "; ".join([*lines, *(label.text for label in drawing.labels)])


@pytest.mark.parametrize(
    ("rig", "fact", "arcs_count"),
    [
        ("8xh100-sxm", "NVSwitch: 450 GB/s a card, each way", 8),
        ("4xh100-sxm@hgx4", "NVLink, card to card: 150 GB/s between two, each way", 6),
        ("2xrtx-3090@nvlink", "NVLink, card to card: 56 GB/s between two, each way", 1),
        ("4xrtx-3090@nvlink", "NVLink, card to card: 56 GB/s between two, each way", 2),
        ("4xrtx-4090", "No link of their own: PCIe through host memory", 0),
        ("1xrtx-4090", "PCIe 32 GB/s", 0),
        ("2n:8xh200-sxm", "network: 12.5 GB/s each way", 8),
    ],
)
def test_what_joins_the_cards_is_drawn(rig: str, fact: str, arcs_count: int) -> None:
    """Known links have their known rates of one direction, and a line each."""
    drawing = drawn(rig)
    assert fact in words_of(drawing)
    assert sum(line.kind == "fabric" for line in drawing.lines) == arcs_count


def test_the_words_say_what_the_drawing_shows() -> None:
    """Who does not see it reads the same: cards, links by pairs, the network, what is not known."""
    about = drawn("2n:4xh100-sxm").about
    assert "2 equal machines with 4 H100 SXM5 80 GB." in about
    assert "6 pairs of cards: NVSwitch, 450 GB/s in each direction." in about
    assert "network of 12.5 GB/s" in about
    assert "NUMA" in about


def test_many_cards_are_counted_and_not_drawn() -> None:
    """A rack of 72 is drawn as eight and a box that says how many more there are."""
    drawing = drawn("72xgb200")
    assert sum(box.kind == "card" for box in drawing.boxes) == MOST_DRAWN
    assert "64 more" in words_of(drawing)


SLUGS = [gpu.slug for gpu in shipped().gpus()]


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    places=st.lists(st.integers(0, len(SLUGS) - 1), min_size=4, max_size=4),
    nodes=st.integers(1, 4),
)
def test_everything_lies_inside_the_drawing(
    counts: list[int], places: list[int], nodes: int
) -> None:
    """Boxes of any rig lie inside the picture and cards do not cover each other."""
    parts = [f"{count}x{SLUGS[place]}" for count, place in zip(counts, places, strict=False)]
    drawing = drawn(f"{nodes}n:{'+'.join(parts)}")
    for box in drawing.boxes:
        assert box.x >= 0
        assert box.x + box.width <= drawing.width
        assert box.y >= 0
        assert box.y + box.height <= drawing.height
    cards = sorted(box.x for box in drawing.boxes if box.kind in {"card", "more"})
    assert all(right - left >= 96 for left, right in itertools.pairwise(cards))
    assert all(label.y <= drawing.height for label in drawing.labels)

"""Lines of readers become cards, through any number of readers."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.watching.reading.assembling import Assembler
from rightrig.watching.reading.collector import joined
from rightrig.watching.reading.feed import Told
from rightrig.watching.states import CardState


def line(**told: object) -> bytes:
    return json.dumps(told).encode()


def card(index: int, uuid: str = "", **more: object) -> dict[str, object]:
    fixed = {"name": "H100", "uuid": uuid or f"GPU-{index}", "bus_id": "", "memory_total_bytes": 8}
    return {"index": index, "fixed": fixed, "slow": {"health": {}}, "fast": {}, **more}


def test_a_line_that_was_cut_is_passed_over() -> None:
    assembler = Assembler("NVIDIA")
    assert not assembler.take(b'{"at_s": 1.0, "cards": [{"ind')
    assert assembler.cards() == ()
    assert assembler.take(line(cards=[card(0)]))
    assert [one.uuid for one in assembler.cards()] == ["GPU-0"]


@pytest.mark.parametrize("printed", [b"5", b"null", b"[1]", b'"cards"', b"true"])
def test_what_a_library_prints_by_itself_is_passed_over(printed: bytes) -> None:
    assembler = Assembler("AMD")
    assert not assembler.take(printed)
    assert assembler.cards() == ()


def test_events_of_a_card_without_a_number_of_its_own_stay() -> None:
    assembler = Assembler("NVIDIA")
    bare = {"index": 0, "fixed": {"name": "x"}, "slow": {"health": {}}, "fast": {}}
    assembler.take(line(cards=[bare]))
    assembler.take(line(xids=[[0, 79]]))
    assembler.take(line(cards=[bare]))
    assert assembler.cards()[0].health.xids == {79: 1}


def test_what_is_told_once_stays_and_is_the_same_object() -> None:
    assembler = Assembler("NVIDIA")
    links = [{"number": 0, "is_up": True, "errors": {"replay": 2}}]
    first = card(
        0, slow={"links": links, "power": {"limit_w": 700.0}}, fast={"power": {"draw_w": 1.0}}
    )
    assembler.take(line(cards=[first]))
    (before,) = assembler.cards()
    assembler.take(line(cards=[{"index": 0, "fast": {"power": {"draw_w": 2.0}}}]))
    (after,) = assembler.cards()
    assert (after.power.limit_w, after.power.draw_w) == (700.0, 2.0)
    assert after.links is before.links
    assert after.health is before.health


def test_a_card_that_a_new_reader_does_not_find_is_missing() -> None:
    assembler = Assembler("NVIDIA")
    assembler.take(line(cards=[card(0), card(1), card(2)]))
    assembler.start()
    # The driver counts anew: what was the third is the second now.
    assembler.take(line(cards=[card(0), card(1, "GPU-2")]))
    found = {one.uuid: one.trouble for one in assembler.cards()}
    assert found == {"GPU-0": "", "GPU-1": "GpuNotFound", "GPU-2": ""}


def test_a_card_that_a_new_reader_cannot_open_is_the_one_that_was_there() -> None:
    assembler = Assembler("NVIDIA")
    assembler.take(line(cards=[card(0), card(1)]))
    assembler.start()
    assembler.take(line(cards=[card(0), {"index": 1, "lost": "GpuIsLost"}]))
    cards = assembler.cards()
    assert [(one.uuid, one.trouble) for one in cards] == [("GPU-0", ""), ("GPU-1", "GpuIsLost")]


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 2), st.sampled_from([13, 48, 79])))))
def test_every_event_counts_once_however_often_the_reader_is_started_anew(
    happened: list[tuple[int, int] | None],
) -> None:
    assembler = Assembler("NVIDIA")
    cards = [card(index) for index in range(3)]
    assembler.take(line(cards=cards))
    for event in happened:
        if event is None:
            assembler.start()
            assembler.take(line(cards=cards))
        else:
            assembler.take(line(xids=[event]))
    counted = {
        (one.index, xid): n for one in assembler.cards() for xid, n in one.health.xids.items()
    }
    assert counted == Counter(event for event in happened if event is not None)
    stripped = {
        (one.index, xid): n for one in assembler.cards("hung") for xid, n in one.health.xids.items()
    }
    assert stripped == counted


def test_a_machine_of_amd_is_not_troubled_by_the_lack_of_a_driver_of_nvidia() -> None:
    amd = Told(2.0, (CardState(0, "MI300X", vendor="AMD"),), "6.10.5")
    none = Told(1.0, trouble="LibraryNotFound", restarts={"driver": 3})
    both = joined([none, amd])
    assert (both.trouble, both.driver, len(both.cards)) == ("", "6.10.5", 1)
    assert joined([none]).trouble == "LibraryNotFound"

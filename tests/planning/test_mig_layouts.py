"""Layouts of MIG instances: how many there are, where a request lies, and what is stranded."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.index import DATA
from rightrig.planning.tenancy.mig_layouts import (
    Layout,
    NoPlace,
    Placed,
    maximal_layouts,
    multisets,
    place,
    plain_profiles,
    stranded,
    sure_order,
)

if TYPE_CHECKING:
    from rightrig.facts.mig import MigProfile, MigTable

CATALOG: Final = shipped()
TABLES: Final = tuple(sorted(path.stem for path in (DATA / "mig").glob("*.toml")))
SEVEN_SLICES: Final = tuple(name for name in TABLES if name not in {"a30", "rtx-pro-6000-server"})


def table(gpu: str) -> MigTable:
    found = CATALOG.mig_table(gpu)
    assert found is not None
    return found


def classic(cut: MigTable) -> tuple[MigProfile, ...]:
    """Return the plain profiles without the 1g of double memory."""
    wide = [
        p for p in plain_profiles(cut) if (p.compute_slice_count, p.memory_slice_count) != (1, 2)
    ]
    return tuple(wide)


@cache
def full_layouts(gpu: str) -> tuple[Layout, ...]:
    return maximal_layouts(table(gpu), plain_profiles(table(gpu)))


def requested(gpu: str, names: str) -> Layout | NoPlace:
    cut = table(gpu)
    return place(cut, [cut.profile(name) for name in names.split(",")])


def starts(found: Layout | NoPlace) -> list[tuple[str, int]]:
    assert isinstance(found, Layout)
    return [(p.profile.profile, p.start) for p in found.placed]


def assert_holds(layout: Layout) -> None:
    """Check a layout from its definition, position by position."""
    cut = layout.table
    covered: list[int] = []
    for placed in layout.placed:
        assert placed.start in placed.profile.starts
        covered += range(placed.start, placed.start + cut.positions_count(placed.profile))
    assert len(covered) == len(set(covered))
    assert all(p < cut.memory_slice_total * cut.positions_per_slice for p in covered)
    assert layout.compute_slices_count <= cut.compute_slice_total


@pytest.mark.parametrize("gpu", SEVEN_SLICES)
def test_a_card_of_seven_slices_has_19_layouts_of_classic_profiles(gpu: str) -> None:
    found = maximal_layouts(table(gpu), classic(table(gpu)))
    assert (len(found), len(multisets(found))) == (19, 14)


@pytest.mark.parametrize("gpu", SEVEN_SLICES)
def test_it_has_78_with_the_1g_of_double_memory(gpu: str) -> None:
    found = maximal_layouts(table(gpu), plain_profiles(table(gpu)))
    assert (len(found), len(multisets(found))) == (78, 38)


@pytest.mark.parametrize("gpu", ["a30", "rtx-pro-6000-server"])
def test_a_card_of_four_slices_has_five_layouts(gpu: str) -> None:
    found = maximal_layouts(table(gpu), plain_profiles(table(gpu)))
    assert (len(found), len(multisets(found))) == (5, 4)


@pytest.mark.parametrize("gpu", TABLES)
def test_layouts_hold_differ_and_take_no_more(gpu: str) -> None:
    cut = table(gpu)
    profiles = plain_profiles(cut)
    found = maximal_layouts(cut, profiles)
    assert len({layout.placed for layout in found}) == len(found)
    for layout in found:
        assert_holds(layout)
        for profile, start in ((p, s) for p in profiles for s in p.starts):
            wider = Layout(cut, (*layout.placed, Placed(profile, start)))
            with pytest.raises(AssertionError):
                assert_holds(wider)


@pytest.mark.parametrize("gpu", TABLES)
def test_every_start_leaves_room_for_as_many_as_the_driver_allows(gpu: str) -> None:
    cut = table(gpu)
    whole = cut.memory_slice_total * cut.positions_per_slice
    for profile in cut.profiles:
        size = cut.positions_count(profile)
        assert all(start + size <= whole for start in profile.starts)
        found = place(cut, [profile] * profile.max_instance_count)
        assert isinstance(found, Layout)
        assert isinstance(place(cut, [profile] * (profile.max_instance_count + 1)), NoPlace)


@pytest.mark.parametrize("gpu", TABLES)
def test_numbers_of_profiles_are_told_apart(gpu: str) -> None:
    numbers = [p.profile_id for p in table(gpu).profiles if p.profile_id is not None]
    assert len(numbers) == len(set(numbers))


def test_the_numbers_are_those_that_nvidia_smi_takes() -> None:
    numbers = {p.profile: p.profile_id for p in table("h100-sxm").profiles}
    assert numbers == {
        "1g.10gb": 19, "1g.10gb+me": 20, "1g.20gb": 15, "2g.20gb": 14, "3g.40gb": 9,
        "4g.40gb": 5, "7g.80gb": 0,
    }  # fmt: skip


def test_one_3g_and_two_2g_need_the_3g_at_4() -> None:
    found = requested("h100-sxm", "3g.40gb,2g.20gb,2g.20gb")
    assert ("3g.40gb", 4) in starts(found)
    assert isinstance(found, Layout)
    assert sure_order(found) is None, "a 3g that the driver puts at 0 leaves one place for a 2g"


def test_a_3g_at_0_strands_the_slices_of_the_second_2g() -> None:
    cut = table("h100-sxm")
    wanted = [cut.profile("2g.20gb")] * 2
    kept = Placed(cut.profile("3g.40gb"), 0)
    found = place(cut, wanted, [kept])
    assert isinstance(found, NoPlace)
    assert (
        "positions 4, 5, 6, 7 are free and 2g.20gb begins at 4 there: 2 are asked" in found.reason
    )
    assert isinstance(place(cut, wanted, [Placed(kept.profile, 4)]), Layout)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("3g.40gb,3g.40gb,1g.10gb", "needs 9 memory slices; h100-sxm has 8"),
        ("4g.40gb,4g.40gb", "needs 8 compute slices; h100-sxm has 7"),
        ("1g.10gb+me,1g.10gb+me", "needs 2 instances of 1g.10gb+me; h100-sxm has at most 1"),
    ],
)
def test_a_request_that_is_too_large_says_of_what(names: str, says: str) -> None:
    found = requested("h100-sxm", names)
    assert isinstance(found, NoPlace)
    assert found.reason == says


def test_the_widest_first_is_a_sure_order_where_there_is_one() -> None:
    found = requested("a100-sxm-80gb", "2g.20gb,4g.40gb,1g.10gb")
    assert isinstance(found, Layout)
    assert [p.profile for p in sure_order(found) or ()] == ["4g.40gb", "2g.20gb", "1g.10gb"]


def test_seven_small_instances_strand_twenty_sms_and_a_memory_slice() -> None:
    h100 = CATALOG.gpu("h100-sxm")
    found = requested("h100-sxm", ",".join(["1g.10gb"] * 7))
    assert isinstance(found, Layout)
    lost = stranded(h100, found)
    assert (lost.sm_count, lost.memory_slices_count, lost.compute_slices_count) == (20, 1, 0)
    assert lost.sm_ratio == pytest.approx(20 / 132)
    assert lost.memory_bytes == pytest.approx((79.25 - 7 * 9.75) * 2**30)


def test_two_3g_strand_a_compute_slice() -> None:
    found = requested("h100-sxm", "3g.40gb,3g.40gb")
    assert isinstance(found, Layout)
    lost = stranded(CATALOG.gpu("h100-sxm"), found)
    assert (lost.compute_slices_count, lost.sm_count) == (1, 12)


def test_sms_that_nobody_printed_make_the_stranded_ones_unknown() -> None:
    found = requested("b300-sxm", "1g.34gb")
    assert isinstance(found, Layout)
    assert stranded(CATALOG.gpu("b300-sxm"), found).sm_count is None


def test_more_instances_than_any_card_has_are_refused() -> None:
    cut = table("a30")
    with pytest.raises(InputError, match="65 instances are asked for"):
        place(cut, [cut.profiles[0]] * 65)


@given(
    gpu=st.sampled_from(["a100-sxm-80gb", "h200-sxm", "a30", "rtx-pro-6000-server"]),
    data=st.data(),
)
def test_a_request_has_a_place_exactly_when_some_full_layout_contains_it(
    gpu: str, data: st.DataObject
) -> None:
    cut = table(gpu)
    wanted = data.draw(st.lists(st.sampled_from(plain_profiles(cut)), min_size=1, max_size=7))
    found = place(cut, wanted)
    counts = Counter(p.profile for p in wanted)
    contains = [
        layout
        for layout in full_layouts(gpu)
        if all(layout.counts.get(name, 0) >= count for name, count in counts.items())
    ]
    assert isinstance(found, Layout) == bool(contains)
    if isinstance(found, Layout):
        assert_holds(found)
        assert found.counts == counts


@given(data=st.data())
def test_a_sure_order_ends_in_the_layout_wherever_the_driver_puts_each(data: st.DataObject) -> None:
    cut = table("h100-sxm")
    layout = data.draw(st.sampled_from(full_layouts("h100-sxm")))
    order = sure_order(layout)
    if order is None:
        return
    placed: tuple[Placed, ...] = ()
    for profile in order:
        taken = set(
            itertools.chain(
                *(range(p.start, p.start + cut.positions_count(p.profile)) for p in placed)
            )
        )
        free = [
            s for s in profile.starts
            if taken.isdisjoint(range(s, s + cut.positions_count(profile)))
        ]  # fmt: skip
        assert free
        placed = (*placed, Placed(profile, data.draw(st.sampled_from(free))))
    assert Layout(cut, placed).counts == layout.counts

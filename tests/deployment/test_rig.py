"""Rigs: what the notation means, how cards are linked, and that the text says it all."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.rig import NODE_LINK_BYTES_PER_S, Link, Rig, parse_rig
from rightrig.errors import InputError, UnknownNameError
from rightrig.quantities import GIB

CATALOG = rightrig.shipped()
SLUGS = CATALOG.slugs("gpus")


def rig(text: str) -> Rig:
    return parse_rig(text, CATALOG)


def test_a_bare_card_is_a_rig_of_one() -> None:
    one = rig("rtx-4090")
    assert (one.text, one.cards_count, one.is_uniform) == ("1xrtx-4090", 1, True)


@pytest.mark.parametrize(
    "text", ["8xh100-sxm", "8 x H100 SXM", "8XH100_SXM", "  8xh100-sxm ", "8xh100-sxm-80gb"]
)
def test_spelling_does_not_matter(text: str) -> None:
    assert rig(text) == rig("8xh100-sxm")


@pytest.mark.parametrize("text", ["DGX H100", "dgx-h100", "dgx h100"])
def test_a_machine_is_a_rig_by_its_name(text: str) -> None:
    assert rig(text) == rig("8xh100-sxm")


@pytest.mark.parametrize("slug", CATALOG.slugs("systems"))
def test_every_machine_of_the_catalogue_is_a_rig(slug: str) -> None:
    system = CATALOG.system(slug)
    found = rig(slug)
    assert (found.gpu.slug, found.cards_count) == (
        CATALOG.gpu(system.gpu).slug,
        system.gpu_count,
    )


def test_a_machine_may_stand_in_several_nodes() -> None:
    assert rig("2n:dgx-h100") == rig("2n:8xh100-sxm")


def test_nodes_multiply_cards() -> None:
    two = rig("2n:8xh200-sxm")
    assert (two.nodes_count, two.cards_per_node, two.cards_count) == (2, 8, 16)
    assert two.text == "2n:8xh200-sxm"


def test_a_mixed_rig_lists_its_cards_in_order() -> None:
    mixed = rig("4xrtx-4090+1xa100-sxm-80gb")
    assert not mixed.is_uniform
    assert mixed.cards_count == 5
    assert [card.gpu.slug for card in mixed.node_cards] == ["rtx-4090"] * 4 + ["a100-sxm-80gb"]
    assert mixed.text == "4xrtx-4090+1xa100-sxm-80gb"


def test_a_power_cap_replaces_the_boards_power() -> None:
    (group,) = rig("4xrtx-3090@220w").groups
    assert group.power_cap_w == pytest.approx(220.0)
    assert group.card_power_w == pytest.approx(220.0)


def test_without_a_cap_the_boards_power_counts() -> None:
    (group,) = rig("1xh100-sxm").groups
    assert group.card_power_w == pytest.approx(700.0)


@pytest.mark.parametrize("watts", ["0", "89", "451", "9999"])
def test_a_power_cap_lies_between_a_fifth_of_the_boards_power_and_all_of_it(watts: str) -> None:
    with pytest.raises(InputError, match="between 90 and 450 W"):
        rig(f"1xrtx-4090@{watts}w")


@pytest.mark.parametrize(
    ("slot", "bytes_per_s"),
    [("pcie3x16", 15.76e9), ("pcie3x4", 3.94e9), ("pcie4x8", 15.75e9), ("pcie5x16", 31.5e9)],
)
def test_a_slot_is_as_fast_as_its_lanes_and_no_faster_than_the_card(
    slot: str, bytes_per_s: float
) -> None:
    link = rig(f"2xrtx-4090@{slot}").link(2)
    assert link.kind == "pcie-host"
    assert link.bytes_per_s == pytest.approx(bytes_per_s, rel=0.01)


def test_host_memory_belongs_to_the_rig() -> None:
    assert rig("1xrtx-4090@ram=128GiB").host_memory_bytes == pytest.approx(128 * GIB)
    assert rig("1xrtx-4090@ram=64GB").host_memory_bytes == pytest.approx(64e9)
    assert rig("1xrtx-4090").host_memory_bytes is None


def test_options_combine() -> None:
    (group,) = rig("4xrtx-3090@220w@pcie3x16@nvlink").groups
    assert group.power_cap_w == pytest.approx(220.0)
    assert group.pcie_bytes_per_s == pytest.approx(15.76e9, rel=0.01)
    assert group.bridged


def test_one_card_needs_no_link() -> None:
    assert rig("8xh100-sxm").link(1) == Link("none", math.inf)


@pytest.mark.parametrize(
    ("text", "ranks", "kind", "bytes_per_s"),
    [
        # Half of an HGX-8 still hangs on its switches: 450 GB/s to anyone.
        ("8xh100-sxm", 8, "nvlink-switch", 450e9),
        ("4xh100-sxm", 4, "nvlink-switch", 450e9),
        ("4xh100-sxm", 2, "nvlink-switch", 450e9),
        # The four-GPU board has no switch: 150 GB/s a pair.
        ("4xh100-sxm@hgx4", 2, "nvlink-bridge", 150e9),
        ("4xh100-sxm@hgx4", 4, "nvlink-bridge", 450e9),
        # Direct links to seven peers, 64 GB/s each, 448 GB/s together.
        ("8xmi300x", 2, "mesh", 64e9),
        ("8xmi300x", 4, "mesh", 192e9),
        ("8xmi300x", 8, "mesh", 448e9),
        # A bridge joins two 3090s, where there is one.
        ("2xrtx-3090@nvlink", 2, "nvlink-bridge", 56.25e9),
        ("2xrtx-3090", 2, "pcie-host", 31.5e9),
        ("4xrtx-3090@nvlink", 4, "pcie-host", 31.5e9),
        # GeForce drivers refuse peer-to-peer; workstation and data-centre cards allow it.
        ("2xrtx-4090", 2, "pcie-host", 31.5e9),
        ("4xl40s", 4, "pcie", 31.5e9),
        ("2xa100-pcie-80gb@nvlink", 2, "nvlink-bridge", 300e9),
        # Beyond a node there is a network.
        ("2n:8xh100-sxm", 16, "network", NODE_LINK_BYTES_PER_S),
        ("2n:8xh100-sxm", 8, "nvlink-switch", 450e9),
    ],
)
def test_cards_are_joined_by_what_their_board_offers(
    text: str, ranks: int, kind: str, bytes_per_s: float
) -> None:
    link = rig(text).link(ranks)
    assert link.kind == kind
    assert link.bytes_per_s == pytest.approx(bytes_per_s, rel=0.01)


def test_a_mixed_rig_is_as_slow_as_its_slowest_link() -> None:
    assert rig("1xrtx-4090+1xrtx-3090@pcie3x4").link(2).bytes_per_s == pytest.approx(
        3.94e9, rel=0.01
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no rig: write it as 8xh100-sxm"),
        ("+8xh100-sxm", "is no rig"),
        ("8xh100-sxm+", "is no rig"),
        ("8xh100-sxm@", "is no rig"),
        ("0xh100-sxm", "count of 'h100-sxm' is 0: it must be a whole number from 1 to 72"),
        ("1000000000xh100-sxm", "count of 'h100-sxm' is 1000000000"),
        ("72xh100-sxm+1xrtx-4090", "cards of one node is 73"),
        ("0n:8xh100-sxm", "nodes is 0"),
        ("9999n:8xh100-sxm", "nodes is 9999: it must be a whole number from 1 to 1,024"),
        ("8xh100-sxm@fast", "@fast is no option of a rig: use 220w, pcie3x16"),
        ("2xrtx-4090@pcie9x16", "@pcie9x16 is no option"),
        ("1xrtx-4090@nvlink", "rtx-4090 has no NVLink"),
        ("8xh100-sxm@hgx4", "up to 4 SXM cards"),
        ("2xrtx-3090@hgx4", "up to 4 SXM cards"),
        ("1xrtx-4090@ram=abc", "ram is 'abc'"),
        ("1xrtx-4090@ram=0", "ram is 0"),
        ("1xl4@ram=64GB+1xl4@ram=128GB", "names two sizes of host memory; a machine has one"),
        ("-1xh100-sxm", "the count '-1'"),
        ("1.5xh100-sxm", "the count '1.5'"),
        ("rtx3090x2", "the number comes first, as in 2xrtx-3090"),
        ("RTX 4090 × 4", "as in 4xrtx-4090"),
        ("nopex2", "no GPU is called 'nopex2'"),
        ("h100", "may mean h100-nvl, h100-pcie or h100-sxm: say which"),
    ],
)
def test_wrong_notation_is_answered_with_the_limit_or_an_example(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        rig(text)
    assert says in str(caught.value)


def test_an_unknown_card_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UnknownNameError) as caught:
        rig("8xh100-sxmm")
    assert caught.value.suggestions[0] == "h100-sxm"


def options_of(slug: str) -> list[str]:
    gpu = CATALOG.gpu(slug)
    known = ["@pcie3x4", "@PCIE4x16", "@ram=128GiB"]
    if gpu.fabric is not None and gpu.fabric.kind == "nvlink":
        known.append("@nvlink")
    if gpu.board_power_w is not None:
        watts = int(gpu.board_power_w / 2)
        known += [f"@{watts}w", f"@{watts}W"]
    return known


@st.composite
def rig_texts(draw: st.DrawFn) -> str:
    nodes = draw(st.sampled_from(["", "1n:", "2n:", "4n:"]))
    groups = []
    for _ in range(draw(st.integers(1, 3))):
        slug = draw(st.sampled_from(SLUGS))
        options = draw(st.lists(st.sampled_from(options_of(slug)), max_size=3, unique=True))
        groups.append(f"{draw(st.integers(1, 8))}x{slug}{''.join(options)}")
    return nodes + "+".join(groups)


@settings(max_examples=200, deadline=None)
@given(rig_texts())
def test_the_text_of_a_rig_means_the_same_rig(text: str) -> None:
    once = rig(text)
    assert rig(once.text) == once
    assert rig(once.text).text == once.text


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_rig_or_an_error_of_input(text: str) -> None:
    try:
        found = rig(text)
    except InputError:
        return
    assert found.cards_count >= 1


@pytest.mark.parametrize("slug", SLUGS)
def test_only_a_mesh_gains_bandwidth_from_more_ranks(slug: str) -> None:
    cards = rig(f"8x{slug}")
    fabric = cards.gpu.fabric
    rates = [cards.link(ranks).bytes_per_s for ranks in (2, 4, 8)]
    if fabric is None or fabric.topology != "mesh":
        assert rates == sorted(rates, reverse=True)
    else:
        assert rates == sorted(rates)
        assert rates[-1] <= fabric.bytes_per_s

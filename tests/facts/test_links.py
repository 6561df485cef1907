"""Links: one direction always, and what two cards of a mesh really reach."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Final

import pytest

from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped

SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / ".." / "shared"
)
CATALOG: Final = shipped()
# What makers print for NVLink: both directions of one card together.
BIDIRECTIONAL_BYTES_PER_S: Final = {
    "nvlink2-v100": 300e9,
    "nvlink3-a100": 600e9,
    "nvlink4-h100-h200": 900e9,
    "nvlink5-b200": 1_800e9,
    "nvlink5-nvl72": 1_800e9,
    "nvlink-c2c-grace": 900e9,
    "nvlink-bridge-3090": 112.5e9,
    "nvlink-bridge-a6000-a40": 112.5e9,
    "nvlink-bridge-a30": 200e9,
    "nvlink-bridge-a100-pcie": 600e9,
    "nvlink-bridge-h100-pcie-nvl": 600e9,
    "nvlink-bridge-h200-nvl": 900e9,
}
# Of the table: the time through a switch and its wire, not between two cards.
NOT_PEER_LATENCY: Final = {"ib-edr-100", "ib-hdr-200"}


@pytest.mark.parametrize(("slug", "both"), BIDIRECTIONAL_BYTES_PER_S.items())
def test_nvlink_is_half_of_what_its_maker_prints(slug: str, both: float) -> None:
    assert CATALOG.link(slug).rated_bytes_per_s == both / 2


def test_every_nvlink_record_is_held_against_its_bidirectional_rate() -> None:
    found = {slug for slug in CATALOG.slugs("links") if slug.startswith("nvlink")}
    assert found == set(BIDIRECTIONAL_BYTES_PER_S)


# Cards whose NVLink was cut down for export, or is of an older desktop generation.
OTHER_DIRECTION_BYTES_PER_S: Final = {200e9, 50e9, 25e9}


def test_no_card_stores_both_directions_of_its_nvlink() -> None:
    allowed = {both / 2 for both in BIDIRECTIONAL_BYTES_PER_S.values()}
    allowed |= OTHER_DIRECTION_BYTES_PER_S
    fabrics = {g.slug: g.fabric for g in CATALOG.gpus() if g.fabric and g.fabric.kind == "nvlink"}
    assert len(fabrics) > 20
    assert {slug for slug, f in fabrics.items() if f.bytes_per_s not in allowed} == set()
    most = {"Volta": 150e9, "Turing": 50e9, "Ampere": 300e9, "Hopper": 450e9, "Blackwell": 900e9}
    for slug, fabric in fabrics.items():
        generation = CATALOG.gpu(slug).architecture.split()[0]
        assert fabric.bytes_per_s <= most[generation], slug


def test_pcie_is_lanes_times_transfers_with_its_coding() -> None:
    for generation, transfers_per_s in ((3, 8e9), (4, 16e9), (5, 32e9)):
        for lanes in (4, 8, 16):
            rated = CATALOG.link(f"pcie-gen{generation}-x{lanes}").rated_bytes_per_s
            assert rated == pytest.approx(transfers_per_s * lanes * 128 / 130 / 8, rel=0.002)


def test_an_h100_pair_is_fourteen_times_a_4090_pair_and_not_twenty_eight() -> None:
    h100, rtx = CATALOG.gpu("h100-sxm").fabric, CATALOG.gpu("rtx-4090").pcie
    assert h100 is not None
    assert rtx is not None
    assert h100.bytes_per_s / rtx.bytes_per_s == pytest.approx(14.3, abs=0.1)
    assert not rtx.peer_to_peer


def test_a_board_of_four_links_pairs_and_one_of_eight_switches() -> None:
    four = parse_rig("4xh100-sxm@hgx4", CATALOG)
    assert [four.link(ranks).bytes_per_s for ranks in (2, 4)] == [150e9, 450e9]
    eight = parse_rig("8xh100-sxm", CATALOG)
    assert [eight.link(ranks).bytes_per_s for ranks in (2, 8)] == [450e9, 450e9]


def test_two_mi300x_get_one_link_of_seven() -> None:
    link = CATALOG.link("infinity-fabric-mi300x-mi325x")
    assert link.rated_bytes_per_s == 448e9
    assert link.peer_bytes_per_s == 64e9
    assert link.peer_achieved_bytes_per_s == 47.7e9
    assert link.achieved_bytes_per_s == 312.9e9
    rig = parse_rig("8xmi300x", CATALOG)
    assert rig.link(2).bytes_per_s == 64e9
    assert rig.link(8).bytes_per_s == 448e9


@pytest.mark.parametrize("slug", CATALOG.slugs("links"))
def test_a_link_achieves_no_more_than_it_is_rated(slug: str) -> None:
    link = CATALOG.link(slug)
    if link.rated_bytes_per_s and link.achieved_bytes_per_s:
        assert link.achieved_bytes_per_s <= link.rated_bytes_per_s
    if link.peer_bytes_per_s and link.rated_bytes_per_s:
        assert link.peer_bytes_per_s <= link.rated_bytes_per_s


def test_every_figure_of_the_fact_table_is_in_the_records() -> None:
    path = SHARED / "facts" / "interconnects.csv"
    if not path.is_file():
        pytest.skip(f"interconnects.csv is not in {SHARED}: set RIGHTRIG_SHARED")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        link = CATALOG.link(row["kind"])
        for column, value in (
            ("theoretical_gbs_per_dir", link.rated_bytes_per_s),
            ("practical_gbs", link.achieved_bytes_per_s),
        ):
            if row[column]:
                assert value == pytest.approx(float(row[column]) * 1e9), row["kind"]
        if row["p2p_latency_us"] and row["kind"] not in NOT_PEER_LATENCY:
            assert link.peer_latency_s is not None, row["kind"]

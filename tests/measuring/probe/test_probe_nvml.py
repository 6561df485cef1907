from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fake_nvml import HGX_H100, build, write_state

from rightrig.facts.catalog import shipped
from rightrig.measuring.probe.findings import findings
from rightrig.measuring.probe.nvml import is_readable, parsed, read_nvml
from rightrig.measuring.probe.probed import probed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rightrig.measuring.probe.readings import Reading

pytestmark = pytest.mark.skipif(
    not is_readable(), reason="nvidia-ml-py is not here: pip install 'rightrig[nvidia]'"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture
def read(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Reading]:
    """Return what reads a machine in some state."""

    def reading(*states: dict[str, object], driver: Path = library, **limits: float) -> Reading:
        state = tmp_path / "state"
        write_state(state, HGX_H100, *states)
        monkeypatch.setenv("FAKE_NVML_STATE", str(state))
        monkeypatch.setenv("LD_LIBRARY_PATH", str(driver))
        return read_nvml(**limits)

    return reading


def rules_of(reading: Reading) -> dict[str, str]:
    subject = probed(reading, shipped(), "2026-11-21", is_here=False)
    return {one.rule_id: one.sentence for one in findings(subject)}


def test_a_healthy_board_of_eight_is_read_whole(read: Callable[..., Reading]) -> None:
    found = read()
    assert (found.troubles, found.is_partial) == ((), False)
    assert found.versions == {"driver": "550.54.15", "cuda": "12.4"}
    assert len(found.cards) == 8
    card = found.cards[5]
    assert (card.name, card.memory_mib) == ("NVIDIA H100 80GB HBM3", 81_559)
    assert (card.compute_capability, card.bus_bits) == ("9.0", 5_120)
    assert (card.ecc, card.mig, card.persistence, card.is_idle) == (True, False, True, True)
    assert card.clocks.sm_max_hz == pytest.approx(1_980e6)
    assert (card.power.set_w, card.power.default_w) == (700.0, 700.0)
    assert (card.numa_node, card.cpu_affinity) == (1, "48-95,144-191")
    assert card.fabric == "completed"
    assert sum(link.is_up for link in card.nvlinks) == 18
    assert set(found.links.paths.values()) == {"NV18"}
    assert set(found.links.peer.values()) == {"OK"}
    subject = probed(found, shipped(), "2026-11-21", is_here=False)
    assert subject.machine.rig == "8xh100-sxm"
    assert {one.rule_id for one in findings(subject)} == {"PROBE-NUMA"}


def test_a_lost_card_is_a_finding_and_the_others_are_read(read: Callable[..., Reading]) -> None:
    found = read({"gpu3.lost": 1})
    assert [bool(card.lost) for card in found.cards] == [n == 3 for n in range(8)]
    told = rules_of(found)
    assert told["PROBE-CARD-LOST"] == ("Card 3 of 8 does not answer: the card fell off the bus")
    assert probed(found, shipped(), "", is_here=False).machine.rig == "7xh100-sxm"


def test_a_card_that_is_lost_while_it_is_read_is_one_too(read: Callable[..., Reading]) -> None:
    found = read({"gpu6.error.nvmlDeviceGetNvLinkState": 15})
    assert found.cards[6].lost
    assert found.cards[6].memory_mib == 81_559
    assert found.troubles == ()


def test_a_call_that_hangs_ends_at_the_deadline_and_keeps_what_was_read(
    read: Callable[..., Reading],
) -> None:
    found = read({"gpu2.hang": "nvmlDeviceGetMaxClockInfo"}, deadline_s=3.0)
    assert [card.index for card in found.cards] == [0, 1]
    assert found.is_partial
    (trouble,) = found.troubles
    assert "nvmlDeviceGetMaxClockInfo of card 2" in trouble
    assert "3 s" in trouble
    assert rules_of(found)["PROBE-ANSWERS"] == trouble


def test_an_old_driver_lacks_functions_and_says_the_rest(
    read: Callable[..., Reading], tmp_path: Path
) -> None:
    found = read({"driver": "450.80.02"}, driver=build(tmp_path / "old", is_old=True))
    card = found.cards[0]
    assert (card.memory_mib, card.ecc, card.mig, card.bus_bits) == (81_559, True, None, None)
    assert "nvmlDeviceGetMemoryBusWidth" in card.lacks
    told = rules_of(found)
    assert "driver 450.80.02 lacks" in told["PROBE-DRIVER-WHOLE"]
    assert "older than 520.61.05" in told["PROBE-DRIVER-CARD"]


def test_the_older_name_of_a_function_is_no_lack(
    read: Callable[..., Reading], tmp_path: Path
) -> None:
    found = read({"gpu*.reasons": 0x84}, driver=build(tmp_path / "old", is_old=True))
    assert found.cards[0].slowdowns == ("software power cap", "hardware power brake")
    assert "nvmlDeviceGetCurrentClocksEventReasons" not in found.cards[0].lacks


def test_two_versions_of_one_driver_are_named(read: Callable[..., Reading]) -> None:
    (trouble,) = read({"init": 18}).troubles
    assert "LibRmVersionMismatch" in trouble
    assert "restart the machine" in trouble


def test_without_a_driver_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    found = read_nvml()
    if found.cards:
        pytest.skip("this machine has a card of NVIDIA")
    assert found.troubles == ()


def test_mig_instances_are_named_by_the_driver(read: Callable[..., Reading]) -> None:
    parts: dict[str, object] = {"count": 1, "gpu0.mig": 1}
    for number in (0, 1):
        parts[f"gpu0.mig{number}.memory"] = 40_448 << 20
        parts[f"gpu0.mig{number}.sms"] = 60
        parts[f"gpu0.mig{number}.name"] = "NVIDIA H100 80GB HBM3 MIG 3g.40gb"
    found = read(parts)
    assert [part.profile for part in found.cards[0].instances] == ["3g.40gb", "3g.40gb"]
    subject = probed(found, shipped(), "", is_here=False)
    assert subject.machine.rig == "2xh100-sxm@mig=3g.40gb"
    assert subject.machine.cards == ()


def test_links_that_are_down_are_counted(read: Callable[..., Reading]) -> None:
    found = read({"gpu1.link4": 0, "gpu1.link5": 0})
    assert rules_of(found)["PROBE-NVLINK"] == "Card 1 has 16 of 18 NVLinks up"
    assert found.links.paths[0, 1] == "NV16"
    assert found.links.paths[0, 2] == "NV18"


def test_four_cards_without_a_switch_are_a_board_of_four(read: Callable[..., Reading]) -> None:
    state: dict[str, object] = {"count": 4, "gpu*.link_type": 0}
    for card in range(4):
        others = [other for other in range(4) if other != card]
        for link in range(18):
            remote = HGX_H100[f"gpu{others[link // 6]}.bus_id"]
            state[f"gpu{card}.link{link}.remote"] = remote
    found = read(state)
    assert set(found.links.paths.values()) == {"NV6"}
    assert probed(found, shipped(), "", is_here=False).machine.rig == "4xh100-sxm@hgx4"


def test_lines_that_were_cut_are_passed_over() -> None:
    found = parsed('{"driver": "1.2"}\n{"found": {"index": 0, "na', "python did not answer")
    assert found.versions == {"driver": "1.2"}
    assert len(found.troubles) == 1

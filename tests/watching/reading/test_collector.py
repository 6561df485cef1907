"""Cards are read by the real nvidia-ml-py from a stand-in for the driver, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from exporter_process import children, is_running, needs_nvml
from fake_nvml import build, write_state
from fake_nvml.scenarios import DRIVER_RELOAD, ECC_STORM, GPU_LOST, HANG, HEALTHY

from rightrig.errors import MissingError
from rightrig.watching.reading import collector as collector_module
from rightrig.watching.reading.assembling import Assembler
from rightrig.watching.reading.collector import Collector
from rightrig.watching.reading.here import read_once
from rightrig.watching.states import Activity, Power

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rightrig.watching.states import Snapshot

pytestmark = needs_nvml
PERIOD_S = 0.05


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def become(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what changes the machine; it is healthy at first."""
    state = tmp_path / "state"
    monkeypatch.setenv("FAKE_NVML_STATE", str(state))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(library))

    def change(*states: Mapping[str, object]) -> None:
        write_state(state, HEALTHY, {"count": 4}, *states)

    change()
    return change


def until(
    collector: Collector, holds: Callable[[Snapshot], object], within_s: float = 12.0
) -> Snapshot:
    """Return the first reading of which something holds."""
    ends_s = time.monotonic() + within_s
    while time.monotonic() < ends_s:
        latest = collector.latest()
        if latest is not None and holds(latest):
            return latest
        time.sleep(0.01)
    raise AssertionError(f"not within {within_s} s: {collector.latest()}"[:2_000])


@contextmanager
def collecting() -> Iterator[Collector]:
    """Yield a collector that has read once."""
    with Collector(PERIOD_S) as found:
        until(found, lambda snapshot: snapshot.cards)
        yield found


def readers(keeper: int | None = None) -> list[int]:
    """Return the readers that a process started, this one if none is named."""
    return [
        pid
        for pid in children(keeper or os.getpid())
        if is_running(pid) and b"nvml_loop" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


@pytest.mark.usefixtures("become")
def test_one_reading_tells_everything_in_base_units() -> None:
    snapshot = read_once()
    assert (snapshot.trouble, snapshot.driver, len(snapshot.cards)) == ("", "550.54.15", 4)
    card = snapshot.cards[2]
    assert (card.index, card.name) == (2, "NVIDIA H100 80GB HBM3")
    assert card.uuid == "GPU-00000000-0000-0000-0000-000000000002"
    assert card.activity == Activity(0.93, 0.41, 0.885, 0.4225, 0.31, 0.675)
    assert card.memory_total_bytes == 81_559 << 20
    assert card.memory_used_bytes == 69_400 << 20  # without what the driver keeps for itself
    assert (card.heat.gpu_celsius, card.heat.memory_celsius, card.heat.margin_celsius) == (
        61,
        72,
        26,
    )
    assert card.power == Power(512.5, 700.0, 700.0, 9_876_543.21)
    assert (card.clocks.sm_hz, card.clocks.sm_max_hz) == (1.755e9, 1.98e9)
    assert card.clocks.reasons == ("software power cap",)
    assert card.clocks.held_s["power"] == 12.5
    assert card.health.ecc_volatile == {"corrected": 3, "uncorrected": 0}
    assert card.health.ecc_aggregate == {"corrected": 17, "uncorrected": 0}
    assert card.health.remapped_rows == {"corrected": 1, "uncorrected": 0}
    assert card.bus.replays_count == 4
    assert len(card.links) == 18
    assert (card.fabric, card.mig) == ("completed", False)
    (program,) = card.processes
    assert (program.pid, program.name, program.memory_bytes) == (4242, "python3", 69_000 << 20)


def test_a_share_that_is_not_a_number_is_left_out(become: Callable[..., None]) -> None:
    become({"gpu1.gpm_10": "nan"})
    activity = read_once().cards[1].activity
    assert (activity.sm_ratio, activity.dram_ratio) == (0.885, None)


def test_a_number_of_a_program_may_become_another_s(become: Callable[..., None]) -> None:
    with collecting() as collector:
        until(collector, lambda snapshot: snapshot.cards[0].processes[0].name == "python3")
        become({"gpu0.process0": f"17:{1 << 20}", "process.17": "/bin/other"})
        until(collector, lambda snapshot: snapshot.cards[0].processes[0].name == "other")
        become({"process.4242": "/bin/third"})
        until(collector, lambda snapshot: snapshot.cards[0].processes[0].name == "third")


def test_an_old_driver_is_asked_by_its_own_functions(
    become: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build(tmp_path / "old", is_old=True)))
    become({"gpu*.retired_corrected": 3, "gpu*.retired_uncorrected": 1, "gpu*.slowdown": 90})
    card = read_once().cards[0]
    assert card.memory_used_bytes == 70_000 << 20
    assert card.heat.margin_celsius == 29  # to where it slows down
    assert card.clocks.reasons == ("software power cap",)
    assert card.clocks.held_s == {
        "power": 12.5, "thermal": 0.0, "board_limit": 0.0, "reliability": 0.0,
    }  # fmt: skip
    assert card.health.ecc_aggregate == {"corrected": 17, "uncorrected": 0}
    assert card.health.retired_pages == {"corrected": 3, "uncorrected": 1}
    assert card.bus.replays_count == 4
    assert card.activity.sm_ratio is None
    assert card.power.energy_j is None
    assert card.processes[0].pid == 4242


def test_parts_of_a_card_are_named_by_the_driver(become: Callable[..., None]) -> None:
    become(
        {
            "gpu0.mig": 1,
            "gpu0.mig1.memory": 40_448 << 20,
            "gpu0.mig1.name": "NVIDIA H100 80GB HBM3 MIG 3g.40gb",
            "gpu0.error.nvmlDeviceGetUtilizationRates": 3,
        }
    )
    card = read_once().cards[0]
    assert card.mig
    assert card.activity.gpu_ratio is None
    (part,) = card.instances
    assert (part.number, part.profile) == (1, "3g.40gb")
    assert part.memory_total_bytes == 40_448 << 20


def test_a_lost_card_is_named_and_the_others_go_on(become: Callable[..., None]) -> None:
    with collecting() as collector:
        become(GPU_LOST)
        lost = until(collector, lambda snapshot: snapshot.cards[3].trouble)
        assert [card.trouble for card in lost.cards] == ["", "", "", "GpuIsLost"]
        card = lost.cards[3]
        assert card.uuid == "GPU-00000000-0000-0000-0000-000000000003"
        assert (card.power, card.activity, card.links) == (Power(), Activity(), ())
        assert lost.trouble == ""
        later = until(collector, lambda snapshot: snapshot.at_s > lost.at_s)
        assert later.cards[0].power.draw_w == 512.5
        become()
        back = until(collector, lambda snapshot: not snapshot.cards[3].trouble)
        assert back.cards[3].power.draw_w == 512.5


def test_a_lost_card_keeps_no_event_of_another_from_being_heard(
    become: Callable[..., None],
) -> None:
    with collecting() as collector:
        become(GPU_LOST)
        until(collector, lambda snapshot: snapshot.cards[3].health.xids == {79: 1})
        become(GPU_LOST, {"gpu1.xid.1": 13})
        heard = until(collector, lambda snapshot: snapshot.cards[1].health.xids)
        assert heard.cards[1].health.xids == {13: 1}
        assert heard.cards[3].health.xids == {79: 1}


def test_events_are_counted_once_and_survive_the_reader(become: Callable[..., None]) -> None:
    with collecting() as collector:
        become(ECC_STORM)
        until(collector, lambda snapshot: snapshot.cards[1].health.xids == {48: 2, 63: 1})
        (reader,) = readers()
        os.kill(reader, signal.SIGKILL)
        told = until(collector, lambda snapshot: snapshot.restarts["ended"] == 1)
        assert told.cards[1].health.xids == {48: 2, 63: 1}
        become(ECC_STORM, {"gpu1.xid.4": 79})
        until(collector, lambda snapshot: snapshot.cards[1].health.xids == {48: 2, 63: 1, 79: 1})


def test_a_driver_without_events_is_read_all_the_same(become: Callable[..., None]) -> None:
    become({"gpu*.no_events": 1, "gpu0.xid.1": 79})
    with collecting() as collector:
        become({"gpu*.no_events": 1, "gpu*.temperature": 64})
        found = until(collector, lambda snapshot: snapshot.cards[0].heat.gpu_celsius == 64)
        assert found.cards[0].health.xids == {}


def test_a_call_that_hangs_is_a_trouble_within_six_seconds_and_is_got_over(
    become: Callable[..., None],
) -> None:
    with collecting() as collector:
        (stuck,) = readers()
        become(HANG, {"gpu2.hang": HANG["gpu6.hang"]})
        hung = until(collector, lambda snapshot: snapshot.trouble, 6.0)
        assert hung.trouble == "hung"
        assert {card.trouble for card in hung.cards} == {"hung"}
        assert {card.power for card in hung.cards} == {Power()}
        become()
        well = until(collector, lambda snapshot: not snapshot.trouble)
        assert well.cards[2].power.draw_w == 512.5
        assert well.restarts == {"hung": 1, "ended": 0, "driver": 0}
        assert not is_running(stuck)


def test_one_reading_of_a_driver_that_hangs_ends_at_its_deadline(
    become: Callable[..., None],
) -> None:
    become({"gpu2.hang": "nvmlDeviceGetMaxClockInfo"})
    began_s = time.monotonic()
    snapshot = read_once(1.5)
    assert time.monotonic() - began_s < 4.0
    assert snapshot.trouble == "hung"
    assert [(card.index, card.power.draw_w) for card in snapshot.cards] == [(0, 512.5), (1, 512.5)]


def test_a_driver_that_is_loaded_anew_is_waited_for(become: Callable[..., None]) -> None:
    with collecting() as collector:
        become(DRIVER_RELOAD)
        away = until(collector, lambda snapshot: snapshot.trouble)
        assert away.trouble == "DriverNotLoaded"
        assert {card.trouble for card in away.cards} == {"DriverNotLoaded"}
        become()
        back = until(collector, lambda snapshot: not snapshot.trouble)
        assert back.restarts["driver"] >= 1
        assert back.cards[0].power.draw_w == 512.5


@pytest.mark.usefixtures("become")
def test_the_last_reading_is_there_at_once_and_no_reader_is_left() -> None:
    with collecting() as collector:
        began_s = time.perf_counter()
        for _ in range(1_000):
            collector.latest()
        assert time.perf_counter() - began_s < 0.5
        pids = readers()
        assert len(pids) == 1
    assert readers() == []
    assert not is_running(pids[0])


@pytest.mark.usefixtures("become")
def test_a_reader_that_nobody_keeps_ends_by_itself() -> None:
    program = (
        "import time; from rightrig.watching.reading.collector import Collector; "
        f"Collector({PERIOD_S}).__enter__(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as keeper:
        ends_s = time.monotonic() + 10.0
        kept: list[int] = []
        while not kept and time.monotonic() < ends_s:
            kept = readers(keeper.pid)
        keeper.kill()  # so that it cannot end its reader
    (reader,) = kept
    while is_running(reader) and time.monotonic() < ends_s:
        time.sleep(0.02)
    assert not is_running(reader)


@pytest.mark.usefixtures("become")
def test_a_reader_that_cannot_be_started_is_a_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        os.kill(readers()[0], signal.SIGKILL)
        until(collector, lambda snapshot: snapshot.restarts["ended"] >= 1)
        found = until(collector, lambda snapshot: snapshot.trouble == "ended")
        assert {card.trouble for card in found.cards} == {"ended"}
        monkeypatch.undo()


@pytest.mark.usefixtures("become")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_keeper_that_fails_leaves_no_old_value_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        monkeypatch.setattr(Assembler, "take", lambda *_: 1 / 0)
        found = until(collector, lambda snapshot: snapshot.trouble)
        assert (found.trouble, found.cards) == ("ended", ())


def test_without_a_driver_there_is_a_trouble_and_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    snapshot = read_once()
    if snapshot.cards:
        pytest.skip("this machine has a card of its own")
    assert snapshot.trouble in {"LibraryNotFound", "DriverNotLoaded"}


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("has_nvml", "has_amd"):
        monkeypatch.setattr(collector_module, name, lambda: False)
    with pytest.raises(MissingError, match=r"pip install 'rightrig\[watch\]'"):
        Collector(1.0)

"""A fault of a card is metrics of ``rightrig watch export``: the real program, a real scrape."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from engine_metrics import answering, served, vllm
from exporter_process import OPEN, Exported, Page, exporting, is_running, needs_nvml
from fake_nvml import build, write_state
from fake_nvml.scenarios import (
    DRIVER_RELOAD,
    ECC_STORM,
    FAULTS,
    GPU_LOST,
    HANG,
    HEALTHY,
    NVLINK_DOWN,
    PCIE_X4,
    THROTTLING,
)

from rightrig.watching.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = needs_nvml
LOST_TELL = {"rightrig_gpu_up", "rightrig_gpu_info", "rightrig_gpu_trouble"}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="module")
def machine(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """Return one exporter for the faults that it need not be started anew for."""
    state = tmp_path_factory.mktemp("machine") / "state"
    write_state(state, HEALTHY)
    with exporting(library, state) as exported:
        yield exported


@pytest.fixture
def healthy(machine: Exported) -> Exported:
    """Return the same when all of its cards answer again."""
    machine.become(HEALTHY)
    machine.until(lambda page: list(page.values("gpu_up").values()) == [1.0] * 8)
    return machine


def checked(text: str) -> None:
    """Let Prometheus' own program judge a scrape."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is absent: install Debian's prometheus")
    done = subprocess.run(
        [program, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def state_of(card: int, key: str) -> float:
    """Return what a file of a healthy machine says of a card."""
    found: Any = HEALTHY.get(f"gpu{card}.{key}", HEALTHY.get(f"gpu*.{key}"))
    return float(found)


@pytest.mark.parametrize(
    ("name", "key", "factor"),
    [
        ("gpu_utilization_ratio", "utilisation", 1e-2),
        ("gpu_memory_busy_ratio", "memory_busy", 1e-2),
        ("gpu_sm_active_ratio", "gpm_2", 1e-2),
        ("gpu_sm_occupancy_ratio", "gpm_3", 1e-2),
        ("gpu_tensor_active_ratio", "gpm_5", 1e-2),
        ("gpu_dram_active_ratio", "gpm_10", 1e-2),
        ("gpu_memory_total_bytes", "memory", 1.0),
        ("gpu_temperature_celsius", "temperature", 1.0),
        ("gpu_memory_temperature_celsius", "memory_temperature", 1.0),
        ("gpu_thermal_margin_celsius", "margin", 1.0),
        ("gpu_power_watts", "power", 1e-3),
        ("gpu_power_limit_watts", "power_limit", 1e-3),
        ("gpu_power_default_limit_watts", "power_default", 1e-3),
        ("gpu_energy_joules_total", "energy", 1e-3),
        ("gpu_sm_clock_hertz", "sm_clock", 1e6),
        ("gpu_sm_clock_max_hertz", "sm_clock_most", 1e6),
        ("gpu_memory_clock_hertz", "memory_clock", 1e6),
        ("gpu_memory_clock_max_hertz", "memory_clock_most", 1e6),
        ("gpu_pcie_link_generation", "pcie_generation", 1.0),
        ("gpu_pcie_link_generation_max", "pcie_generation_most", 1.0),
        ("gpu_pcie_link_lanes", "pcie_lanes", 1.0),
        ("gpu_pcie_link_lanes_max", "pcie_lanes_most", 1.0),
        ("gpu_pcie_replays_total", "pcie_replays", 1.0),
        ("gpu_recovery_action", "recovery_action", 1.0),
    ],
)
def test_a_value_is_that_of_the_driver_in_base_units(
    healthy: Exported, name: str, key: str, factor: float
) -> None:
    page = healthy.until(lambda page: name in page.text)
    expected = {str(card): pytest.approx(state_of(card, key) * factor) for card in range(8)}
    assert page.values(name) == expected


def test_a_healthy_machine_passes_as_prometheus_wants_it(healthy: Exported) -> None:
    page = healthy.until(lambda page: page.value("watch_driver_up") == 1.0)
    checked(page.text)
    assert page.values("gpu_up") == {str(card): 1.0 for card in range(8)}
    assert (page.value("watch_gpus"), page.value("watch_gpus_expected")) == (8.0, 8.0)
    reasons = page.values("gpu_clock_event_active", "reason", gpu=0)
    assert [reason for reason, value in reasons.items() if value] == ["software power cap"]
    assert len(reasons) == 9
    assert page.values("gpu_nvlink_up", "link", gpu=7) == {str(link): 1.0 for link in range(18)}
    assert page.values("gpu_process_memory_bytes", "pid", gpu=1) == {"4242": 69_000.0 * 2**20}
    info = next(one.labels for one in page.samples if one.name == "rightrig_gpu_info")
    assert (info["gpu"], info["driver_version"]) == ("0", "550.54.15")
    assert {one.name for one in page.samples} <= METRICS.keys()


def test_openmetrics_has_the_same_samples_where_it_is_asked_for(healthy: Exported) -> None:
    plain = healthy.scrape()
    open_ = healthy.scrape(OPEN)
    assert open_.text.endswith("# EOF\n")

    def without_age(page: Page) -> list[tuple[str, dict[str, str], float]]:
        return [(s.name, s.labels, s.value) for s in page.samples if "age" not in s.name]

    assert without_age(open_) == without_age(plain)
    assert healthy.get("/metrics", OPEN)[1].startswith(
        "application/openmetrics-text; version=1.0.0"
    )


def test_a_card_that_throttles_says_why_and_for_how_long(healthy: Exported) -> None:
    healthy.become(HEALTHY, THROTTLING)
    page = healthy.until(lambda page: page.value("gpu_thermal_margin_celsius", gpu=2) == -2.0)
    reasons = page.values("gpu_clock_event_active", "reason", gpu=2)
    assert {reason for reason, value in reasons.items() if value} == {
        "hardware slowdown", "software thermal slowdown", "hardware thermal slowdown",
    }  # fmt: skip
    assert page.value("gpu_throttled_seconds_total", gpu=2, policy="thermal") == 90.0
    assert page.value("gpu_clock_event_active", gpu=1, reason="hardware slowdown") == 0.0


def test_pcie_that_fell_back_is_seen_at_once(healthy: Exported) -> None:
    healthy.become(HEALTHY, PCIE_X4)
    page = healthy.until(lambda page: page.value("gpu_pcie_link_lanes", gpu=5) == 4.0)
    assert page.value("gpu_pcie_link_lanes_max", gpu=5) == 16.0
    assert page.value("gpu_pcie_link_generation", gpu=5) == 4.0


def test_what_seldom_changes_is_read_every_ten_seconds(healthy: Exported) -> None:
    """Errors of memory with their events, and of links, in one wait."""
    healthy.become(HEALTHY, ECC_STORM, NVLINK_DOWN, PCIE_X4)
    page = healthy.until(lambda page: page.value("gpu_row_remap_failed", gpu=1) == 1.0)
    assert page.values("gpu_ecc_errors_total", "kind", gpu=1) == {
        "corrected": 1_500.0, "uncorrected": 2.0,
    }  # fmt: skip
    assert page.value("gpu_ecc_errors_ever_total", gpu=1, kind="uncorrected") == 2.0
    assert page.value("gpu_remapped_rows_total", gpu=1, kind="uncorrected") == 2.0
    assert page.value("gpu_row_remap_pending", gpu=1) == 1.0
    assert page.value("gpu_recovery_action", gpu=1) == 1.0
    assert page.values("gpu_xid_events_total", "xid", gpu=1) == {"48": 2.0, "63": 1.0}
    assert page.values("gpu_row_remap_failed")["0"] == 0.0
    links = page.values("gpu_nvlink_up", "link", gpu=4)
    assert [link for link, is_up in links.items() if not is_up] == ["7"]
    assert page.values("gpu_nvlink_errors_total", "kind", gpu=4, link=7) == {
        "replay": 12.0, "recovery": 3.0, "crc_flit": 45.0, "crc_data": 0.0,
    }  # fmt: skip
    assert page.value("gpu_pcie_replays_total", gpu=5) == 981.0
    checked(page.text)


def test_a_lost_card_leaves_no_old_value_behind(healthy: Exported) -> None:
    healthy.become(HEALTHY, GPU_LOST)
    page = healthy.until(lambda page: page.value("gpu_xid_events_total", gpu=3, xid=79))
    page = healthy.until(lambda page: page.value("gpu_up", gpu=3) == 0.0)
    assert page.names_of(3) == LOST_TELL | {"rightrig_gpu_xid_events_total"}
    assert page.values("gpu_trouble", "reason") == {"GpuIsLost": 1.0}
    assert page.value("gpu_temperature_celsius", gpu=2) == 61.0
    assert (page.value("watch_gpus"), page.value("watch_gpus_expected")) == (7.0, 8.0)
    assert page.value("watch_driver_up") == 1.0
    checked(page.text)


def test_a_hung_call_is_a_metric_within_seven_seconds_and_no_gap(
    library: Path, tmp_path: Path
) -> None:
    write_state(tmp_path / "state", HEALTHY)
    with exporting(library, tmp_path / "state") as exported:
        exported.become(HEALTHY, HANG)
        page = exported.until(lambda page: page.value("watch_driver_up") == 0.0, 7.0)
        assert page.values("watch_driver_trouble", "reason") == {"hung": 1.0}
        assert set(page.values("gpu_up").values()) == {0.0}
        assert page.names_of(0) == LOST_TELL
        age_s = page.value("watch_sample_age_seconds")
        assert age_s is not None
        assert 4.0 < age_s < 8.0
        checked(page.text)
        assert exported.get("/healthz")[::2] == (200, "ok; driver: hung\n")
        exported.become(HEALTHY)
        well = exported.until(lambda page: page.value("watch_driver_up") == 1.0)
        assert well.value("watch_reader_restarts_total", reason="hung") == 1.0
        assert well.value("gpu_power_watts", gpu=6) == 512.5
        exported.become(HEALTHY, HANG)
        (reader,) = exported.readers()
        assert exported.end() == 0  # a reader that hangs is left to nobody
        assert not is_running(reader)


def test_a_driver_that_is_loaded_anew_and_a_reader_that_is_killed_are_got_over(
    library: Path, tmp_path: Path
) -> None:
    write_state(tmp_path / "state", HEALTHY)
    with exporting(library, tmp_path / "state") as exported:
        exported.become(HEALTHY, ECC_STORM)
        exported.until(lambda page: page.value("gpu_xid_events_total", gpu=1, xid=48) == 2.0)
        exported.become(HEALTHY, DRIVER_RELOAD)
        away = exported.until(lambda page: page.value("watch_driver_up") == 0.0)
        assert away.values("watch_driver_trouble", "reason") == {"DriverNotLoaded": 1.0}
        exported.become(HEALTHY, ECC_STORM)
        exported.until(lambda page: page.value("watch_driver_up") == 1.0)
        (reader,) = exported.readers()
        os.kill(reader, signal.SIGKILL)
        exported.until(lambda page: page.value("watch_reader_restarts_total", reason="ended"))
        page = exported.until(lambda page: page.value("watch_driver_up") == 1.0)
        assert page.value("watch_reader_restarts_total", reason="driver") == 1.0
        assert page.values("gpu_xid_events_total", "xid", gpu=1) == {"48": 2.0, "63": 1.0}


def test_engines_are_asked_beside_the_cards_and_one_that_hangs_stops_nothing(
    library: Path, tmp_path: Path, plan: str, never: Callable[[Any], None]
) -> None:
    write_state(tmp_path / "state", HEALTHY)
    with served({"/metrics": vllm()}) as engine, answering(never) as stuck:
        words = ["--engine", engine, "--engine", stuck, "--deployment", plan]
        with exporting(library, tmp_path / "state", *words) as exported:
            page = exported.until(lambda page: len(page.values("engine_up", "engine")) == 2)
            assert page.values("engine_up", "engine") == {engine: 1.0, stuck: 0.0}
            assert page.value("engine_requests_running", engine=engine) == 3.0
            assert page.value("engine_generation_tokens_total", model="tiny") == 17_729.0
            assert page.value("engine_requests_total", outcome="length") == 1_084.0
            # Of three first tokens two came within 0.1 s, the last bucket below 0.15 s.
            assert page.value("engine_objective_bound_seconds", metric="ttft") == 0.1
            assert page.value("engine_within_objective_total", metric="ttft") == 2.0
            assert page.value("engine_latency_observations_total", metric="ttft") == 3.0
            assert page.value("deployment_info", model="llama-3.1-8b") == 1.0
            assert page.value("deployment_peak_requests_per_second") == pytest.approx(6.5)
            assert page.value("deployment_rent_usd_per_hour") == pytest.approx(2.0)
            bounds = page.values("deployment_expected_output_tokens_per_second", "bound")
            assert bounds["low"] < bounds["mid"] < bounds["high"]
            assert page.value("watch_gpus_expected") == 1.0
            checked(page.text)
            assert exported.scrape(OPEN).value("engine_up", engine=stuck) == 0.0


def test_an_answer_that_is_on_its_way_is_not_waited_for(library: Path, tmp_path: Path) -> None:
    write_state(tmp_path / "state", HEALTHY)
    is_asked, is_over = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        is_asked.set()
        is_over.wait(10.0)

    with (
        answering(wait) as stuck,
        exporting(library, tmp_path / "state", "--engine", stuck) as exported,
    ):
        assert is_asked.wait(10.0)
        began_s = time.monotonic()
        assert exported.end() == 0
        is_over.set()
        assert time.monotonic() - began_s < 2.0


def test_an_engine_that_goes_down_is_the_same_series(library: Path, tmp_path: Path) -> None:
    write_state(tmp_path / "state", HEALTHY)
    pages = {"/metrics": vllm()}
    with served(pages) as engine, exporting(library, tmp_path / "state", "--engine", engine) as one:
        one.until(lambda page: page.value("engine_up", engine=engine, model="tiny") == 1.0)
        pages.clear()
        page = one.until(lambda page: page.value("engine_up", engine=engine, model="tiny") == 0.0)
        assert {s.name for s in page.samples if "engine" in s.labels} == {"rightrig_engine_up"}


def test_every_fault_is_a_scenario_of_these_tests() -> None:
    assert list(FAULTS.values()) == [
        THROTTLING, ECC_STORM, GPU_LOST, NVLINK_DOWN, PCIE_X4, HANG, DRIVER_RELOAD,
    ]  # fmt: skip

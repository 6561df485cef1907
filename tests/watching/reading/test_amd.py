"""AMD's cards are read by what is there: ``amdsmi``, else ``amd-smi``, else ``rocm-smi``.

The outputs are written by hand in the form of the programs; no machine printed them.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rightrig.watching.reading import collector as collector_module
from rightrig.watching.reading import here as here_module
from rightrig.watching.reading.amd_programs import cards_of_amd_smi, cards_of_rocm_smi
from rightrig.watching.reading.collector import Collector
from rightrig.watching.reading.here import read_once
from rightrig.watching.states import Activity, BusState, CardState

if TYPE_CHECKING:
    from collections.abc import Callable

FIXTURES = Path(__file__).parents[2] / "measuring" / "probe" / "fixtures"


def unit(value: float, name: str) -> dict[str, object]:
    return {"value": value, "unit": name}


METRIC: dict[str, Any] = {
    "gpu": 0,
    "usage": {"gfx_activity": unit(87, "%"), "umc_activity": unit(31, "%")},
    "power": {"socket_power": unit(610, "W"), "throttle_status": "N/A"},
    "clock": {
        "gfx_0": {"clk": unit(1_950, "MHz"), "max_clk": unit(2_100, "MHz")},
        "mem_0": {"clk": unit(1_300, "MHz"), "max_clk": unit(0, "MHz")},
    },
    "temperature": {"edge": "N/A", "hotspot": unit(71, "C"), "mem": unit(58, "C")},
    "pcie": {"width": 8, "speed": unit(16, "GT/s"), "replay_count": 6},
    "ecc": {"total_correctable_count": 4, "total_uncorrectable_count": 1},
    "energy": {"total_energy_consumption": unit(123_456.5, "J")},
    "mem_usage": {"total_vram": unit(196_592, "MB"), "used_vram": unit(150_000, "MB")},
}
LIBRARY = """
from enum import IntEnum

class AmdSmiException(Exception):
    def __init__(self, err_code):
        self.err_code = err_code

class AmdSmiMemoryType(IntEnum):
    VRAM = 0

class AmdSmiTemperatureType(IntEnum):
    EDGE = 0
    HOTSPOT = 1
    VRAM = 2

class AmdSmiTemperatureMetric(IntEnum):
    CURRENT = 0

class AmdSmiClkType(IntEnum):
    GFX = 1
    MEM = 4

def amdsmi_init(): pass
def amdsmi_get_processor_handles(): return ["a", "b"]
def amdsmi_get_gpu_driver_info(h): return {"driver_version": "6.12.12"}
def amdsmi_get_gpu_asic_info(h): return {"market_name": "AMD Instinct MI300X"}
def amdsmi_get_gpu_device_uuid(h): return f"uuid-{h}"
def amdsmi_get_gpu_device_bdf(h): return "0000:05:00.0"
def amdsmi_get_gpu_memory_total(h, kind): return 206_141_652_992
def _of(h, value):
    if h == "b":
        raise AmdSmiException(31)
    return value
def amdsmi_get_gpu_memory_usage(h, kind): return _of(h, 157_286_400_000)
def amdsmi_get_gpu_activity(h): return _of(h, {"gfx_activity": 87, "umc_activity": 31})
def amdsmi_get_temp_metric(h, kind, metric):
    if kind == AmdSmiTemperatureType.EDGE:
        raise AmdSmiException(2)
    return _of(h, {1: 71, 2: 58}[kind])
def amdsmi_get_power_info(h): return _of(h, {"socket_power": "N/A", "current_socket_power": 610})
def amdsmi_get_power_cap_info(h): return {"power_cap": 750_000_000}
def amdsmi_get_energy_count(h):
    return _of(h, {"energy_accumulator": 10**9, "counter_resolution": 15.3})
def amdsmi_get_clock_info(h, kind): return _of(h, {"clk": 1950, "max_clk": 2100})
def amdsmi_get_pcie_info(h):
    return _of(h, {
        "pcie_static": {"max_pcie_width": 16, "max_pcie_speed": 32000},
        "pcie_metric": {"pcie_width": 8, "pcie_speed": 16000, "pcie_replay_count": 6},
    })
def amdsmi_get_gpu_total_ecc_count(h): return {"correctable_count": 4, "uncorrectable_count": 1}
"""


@pytest.fixture
def only_amd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be a machine without anything of NVIDIA."""
    for module in (collector_module, here_module):
        monkeypatch.setattr(module, "has_nvml", lambda: False)
        monkeypatch.setattr(module, "has_amd", lambda: True)


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return what puts a program on the path that prints some text for a word."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def program(name: str, body: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return program


def is_as_told(card: CardState) -> None:
    """Whether a card is what each of the sources says of it."""
    assert (card.vendor, card.index, card.trouble) == ("AMD", 0, "")
    assert card.activity == Activity(gpu_ratio=0.87, memory_ratio=0.31)
    assert (card.heat.gpu_celsius, card.heat.memory_celsius) == (71.0, 58.0)
    assert card.power.draw_w == 610.0
    assert card.power.limit_w == 750.0
    assert (card.clocks.sm_hz, card.clocks.sm_max_hz) == (1.95e9, 2.1e9)
    assert card.clocks.reasons is None
    assert card.health.ecc_volatile == {"corrected": 4, "uncorrected": 1}
    assert card.bus == BusState(4, 8, 5, 16, 6)


@pytest.mark.usefixtures("only_amd")
def test_amd_smi_is_run_where_there_is_no_library(
    put: Callable[[str, str], None], tmp_path: Path
) -> None:
    metric = tmp_path / "metric.json"
    metric.write_text(json.dumps({"gpu_data": [METRIC]}))
    static = shlex.quote(str(FIXTURES / "mi300x.amd-smi.json"))
    put("amd-smi", f"case $1 in static) cat {static};; *) cat {shlex.quote(str(metric))};; esac")
    snapshot = read_once()
    assert (snapshot.trouble, snapshot.driver) == ("", "6.12.12")
    first, second = snapshot.cards[:2]
    is_as_told(first)
    assert first.name == "AMD Instinct MI300X"
    assert first.memory_used_bytes == 150_000 << 20
    assert first.power.energy_j == 123_456.5
    assert first.clocks.memory_max_hz is None  # the program does not know the most of it
    # The second has no word of what it does.
    assert (second.uuid, second.trouble) == ("0x0000000000000001", "GpuNotFound")


@pytest.mark.usefixtures("only_amd", "put")
def test_the_library_is_asked_where_it_can_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "amdsmi.py").write_text(LIBRARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Collector(0.05) as collector:
        ends_s = time.monotonic() + 10.0
        while (snapshot := collector.latest()) is None and time.monotonic() < ends_s:
            time.sleep(0.01)
        assert snapshot is not None
        begun_s = snapshot.at_s
        while snapshot.at_s == begun_s and time.monotonic() < ends_s:
            snapshot = collector.latest() or snapshot
    assert snapshot.at_s > begun_s
    first, second = snapshot.cards
    is_as_told(first)
    assert (first.uuid, first.memory_used_bytes) == ("uuid-a", 157_286_400_000)
    assert first.power.energy_j == pytest.approx(15_300.0)
    assert (second.uuid, second.trouble) == ("uuid-b", "NoAnswer")


@pytest.mark.usefixtures("only_amd")
def test_a_machine_whose_programs_find_no_card_has_no_driver(
    put: Callable[[str, str], None],
) -> None:
    put("amd-smi", "echo no driver; exit 1")
    put("rocm-smi", "echo '{}'")
    snapshot = read_once()
    assert snapshot.cards == ()


def test_an_old_program_tells_what_it_tells() -> None:
    value = json.loads((FIXTURES / "mi100.rocm-smi.json").read_text())
    value["card1"] |= {
        "GPU use (%)": "97",
        "Temperature (Sensor edge) (C)": "45.0",
        "Temperature (Sensor memory) (C)": "46.0",
        "Average Graphics Package Power (W)": "211.5",
        "sclk clock speed:": "(1502Mhz)",
        "PCIe Replay Count": "3",
    }
    cards, driver = cards_of_rocm_smi(value)
    assert driver == "6.3.6"
    fast, slow = cards[1]["fast"], cards[1]["slow"]
    assert fast["activity"]["gpu_ratio"] == 0.97
    assert fast["memory_used_bytes"] == 6_750_208
    assert fast["heat"] == {"gpu_celsius": 45.0, "memory_celsius": 46.0}
    assert fast["power"] == {"draw_w": 211.5}
    assert fast["clocks"]["sm_hz"] == 1.502e9
    assert fast["bus"] == {"generation": 4, "lanes": 16}
    assert slow["power"] == {"limit_w": 290.0}
    assert slow["bus"] == {"replays_count": 3}
    assert cards[0]["fast"]["power"] == {"draw_w": None}


@pytest.mark.parametrize("value", [None, [], {}, "text", {"gpu_data": "N/A"}])
def test_what_is_no_output_of_amds_is_no_card(value: object) -> None:
    assert cards_of_amd_smi(value, value) == ([], "")
    assert cards_of_rocm_smi(value) == ([], "")


def test_the_reader_loads_nothing_of_nvidia() -> None:
    program = "import sys, rightrig.watching.reading.amd_loop; print('pynvml' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"

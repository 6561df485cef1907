"""What is read off NVIDIA's driver: a stand-in for its library answers what a file says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from fake_nvml import HGX_H100, build, write_state

from rightrig.measuring.bench.nvml import Driver, reasons_of
from rightrig.measuring.bench.values import Condition, Sight

if TYPE_CHECKING:
    from pathlib import Path

_ASK: Final = """
import dataclasses, json, sys
from rightrig.measuring.bench.nvml import driver_of
driver = driver_of(sys.argv[1], 0)
print(json.dumps([dataclasses.asdict(driver.condition()), dataclasses.asdict(driver.sight(1.0)),
                  driver.version()]))
"""

NOT_SUPPORTED: Final = 3


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    return build(tmp_path_factory.mktemp("nvml"))


def said(library: Path, state: dict[str, object], identity: str = "") -> Any:
    file = library / "state"
    write_state(file, HGX_H100, state)
    env = {**os.environ, "LD_LIBRARY_PATH": str(library), "FAKE_NVML_STATE": str(file)}
    env.pop("CUDA_VISIBLE_DEVICES", None)
    done = subprocess.run(
        [sys.executable, "-c", _ASK, identity], env=env, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_what_a_driver_says_is_read_and_what_it_does_not_stays_unknown(library: Path) -> None:
    state: dict[str, object] = {
        "gpu0.pcie_lanes": 8, "gpu0.ecc_uncorrected": 3, "gpu0.rows_uncorrected": 2,
        "gpu0.temperature": 91, "gpu0.reasons": 0x24, "gpu0.power_limit": 500_000,
        "gpu0.error.nvmlDeviceGetComputeRunningProcesses_v2": NOT_SUPPORTED,
    }  # fmt: skip
    condition, sight, version = said(library, state)
    assert (condition["lanes_count"], condition["most_lanes_count"]) == (8, 16)
    assert (condition["link_generation_count"], condition["most_link_generation_count"]) == (5, 5)
    assert (condition["uncorrected_count"], condition["remapped_count"]) == (3, 2)
    assert (condition["limit_w"], condition["usual_limit_w"]) == (500.0, 700.0)
    assert (condition["ecc_on"], condition["most_clock_hz"]) == (True, 1.98e9)
    assert condition["reasons"] == ["power cap", "thermal"]
    assert (sight["temperature_celsius"], sight["power_w"]) == (91.0, 71.0)
    assert sight["clock_hz"] == 3.45e8
    assert version == "550.54.15"
    # Drivers of old cards do not tell.
    assert condition["processes_count"] is None


def test_an_older_driver_says_why_clocks_are_low_under_its_older_name(tmp_path: Path) -> None:
    pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    condition, sight, _ = said(build(tmp_path, is_old=True), {"gpu0.reasons": 0x4})
    assert condition["reasons"] == sight["reasons"] == ["power cap"]


def test_a_card_is_found_by_its_identity_and_by_no_other(library: Path) -> None:
    state: dict[str, object] = {"gpu1.pcie_lanes": 4}
    second = "00000000-0000-0000-0000-000000000001"
    assert said(library, state, second)[0]["lanes_count"] == 4
    assert said(library, state, "11111111-0000")[0]["lanes_count"] is None


def test_a_card_that_fell_off_the_bus_is_unknown_and_no_error(library: Path) -> None:
    condition, _, _ = said(library, {"gpu0.lost": 1})
    assert condition["lanes_count"] is None


def test_a_binding_without_a_function_leaves_its_answer_unknown() -> None:
    class Binding:
        NVMLError = OSError

        def nvmlDeviceGetPowerUsage(self, handle: object) -> int:  # noqa: N802 - as NVML has it
            del handle
            return 71_000

    assert Driver(Binding()).sight(2.0) == Sight(2.0, power_w=71.0)


def test_without_a_driver_everything_is_unknown() -> None:
    assert Driver().condition() == Condition()
    assert Driver().sight(2.0) == Sight(2.0)
    assert Driver().version() == ""
    assert reasons_of(None) == ()
    assert reasons_of(0x1) == ()
    assert reasons_of(0x40 | 0x80) == ("thermal", "power brake")

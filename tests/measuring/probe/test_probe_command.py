from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from fake_nvml import HGX_H100, build, write_state
from pydantic import TypeAdapter
from typer.testing import CliRunner

from rightrig.cli.app import app
from rightrig.facts.catalog import shipped
from rightrig.facts.machine import Machine, read_machine, write_machine
from rightrig.facts.measured_here import MeasuredHere
from rightrig.measuring.probe.nvml import is_readable
from rightrig.measuring.probe.probed import probed
from rightrig.measuring.probe.readings import Card, Reading
from rightrig.measuring.probe.snippets import KINDS, snippet
from rightrig.report.schema.probing import ProbeJson

if TYPE_CHECKING:
    from typer.testing import Result

FIXTURES: Final = Path(__file__).with_name("fixtures")
RUNNER: Final = CliRunner()
HAS_TORCH: Final = importlib.util.find_spec("torch") is not None


def rightrig(*words: str) -> Result:
    return RUNNER.invoke(app, list(words))


def answer(*words: str) -> dict[str, Any]:
    result = rightrig("probe", *words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    TypeAdapter(ProbeJson).validate_python(found)
    return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "machine.json"
    monkeypatch.setenv("RIGHTRIG_MACHINE", str(path))
    return path


def test_this_machine_is_probed_written_down_and_understood(machine: Path) -> None:
    found = answer()
    assert found["host"]["threads_count"] >= 1
    if not found["rig"]:
        pytest.skip("this machine's processor is of a maker that records do not know")
    assert found["saved"] == str(machine)
    assert read_machine(machine).rig == found["rig"]
    if not found["cards"]:
        assert found["rig"].startswith("1xthis-cpu")
        assert found["processor"]["fp32_flop_per_s"] > 1e9
        assert "PROBE-CARD" in [one["rule"] for one in found["findings"]]
    fit = rightrig("fit", "smollm2-135m", "--on", "this", "--runtime", "llama.cpp", "--json")
    assert json.loads(fit.stdout)["verdict"] == "fits"


def test_saved_outputs_are_not_taken_for_this_machine(machine: Path) -> None:
    found = answer("--file", str(FIXTURES / "rtx-4090.q.txt"))
    assert (found["rig"], found["saved"]) == ("2xrtx-4090", None)
    assert "--save FILE" in found["why_not_saved"]
    assert not machine.exists()


def test_a_machine_is_saved_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rented.json"
    found = answer("--file", str(FIXTURES / "mi300x.amd-smi.json"), "--save", str(path))
    assert found["saved"] == str(path)
    monkeypatch.setenv("RIGHTRIG_MACHINE", str(path))
    fit = rightrig("fit", "llama-3.1-8b", "--on", "this", "--json")
    rig = json.loads(fit.stdout)["deployment"]["rig"]
    assert rig == "7xmi300x@this+1xmi300x@600w@this"


def test_speeds_of_the_same_cards_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"

    def speed(card: str) -> MeasuredHere:
        return MeasuredHere(
            card=card, era="vllm-1", models=("llama-3.1-8b",), parameters={"step_s": 0.001},
            ends={"tpot": (0.9, 1.1)}, runs_count=9, date="2026-11-20",
        )  # fmt: skip

    before = Machine(
        name="a", date="2026-11-20", rig="1xl4", speeds=(speed("rtx-4090"), speed("l4"))
    )
    write_machine(before, path)
    found = answer("--file", str(FIXTURES / "rtx-4090.q.txt"), "--save", str(path))
    assert found["speeds_kept_count"] == 1
    assert read_machine(path).speeds == (speed("rtx-4090"),)


def test_another_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "thesis.json"
    path.write_text('{"chapter": 1}', "utf-8")
    log = str(FIXTURES / "rtx-4090.q.txt")
    result = rightrig("probe", "--file", log, "--save", str(path))
    assert result.exit_code != 0
    assert "is no file of a machine" in str(result.exception)
    assert "name another file with --save" in str(result.exception)
    assert path.read_text("utf-8") == '{"chapter": 1}'


def test_a_broken_file_of_this_machine_does_not_hide_what_was_found(machine: Path) -> None:
    machine.write_text("{", "utf-8")
    found = answer()
    assert found["saved"] is None
    if found["rig"]:
        assert "is no file of a machine" in found["why_not_saved"]
    assert machine.read_text("utf-8") == "{"


@pytest.mark.skipif(not is_readable(), reason="pip install 'rightrig[nvidia]' for this")
def test_a_driver_that_falls_silent_does_not_shrink_the_known_machine(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_machine(Machine(name="a", date="2026-11-20", rig="8xh100-sxm"), machine)
    write_state(tmp_path / "state", HGX_H100, {"gpu3.hang": "nvmlDeviceGetName"})
    monkeypatch.setenv("FAKE_NVML_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build(tmp_path / "driver")))
    monkeypatch.setattr("rightrig.measuring.probe.nvml.read_nvml.__defaults__", (2.0,))
    found = answer()
    assert found["rig"].startswith("3xh100-sxm")
    assert "not every card was read" in found["why_not_saved"]
    assert read_machine(machine).rig == "8xh100-sxm"


def names_in(value: object) -> set[str]:
    """Return the names of a JSON value, but for those of software and of formats."""
    if isinstance(value, list):
        return {name for inner in value for name in names_in(inner)}
    if not isinstance(value, dict):
        return set()
    inner = {name: one for name, one in value.items() if name not in {"versions", "native"}}
    return {*value, *(name for one in inner.values() for name in names_in(one))}


def test_every_name_of_the_answer_is_documented(machine: Path) -> None:
    del machine
    text = (Path(__file__).parents[3] / "docs/reference/json.md").read_text("utf-8")
    section = text.partition("## `probe`")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`([a-z0-9_]+)(?:\[\])?`", section))
    logs = [f"--file={FIXTURES / name}" for name in ("a100-mig.q.xml", "a100.ibstat.txt")]
    found = names_in(answer("--no-save")) | names_in(answer(*logs))
    assert {"profile", "rate_bits_per_s", "remedy"} <= found <= documented


def test_contradicting_options_are_refused(tmp_path: Path) -> None:
    result = rightrig("probe", "--save", str(tmp_path / "a.json"), "--no-save")
    assert "--save and --no-save contradict" in str(result.exception)


def test_the_report_names_cards_faults_precision_and_the_rig(machine: Path) -> None:
    del machine
    result = rightrig("probe", "--file", str(FIXTURES / "h100-hgx.q.txt"), "--no-save")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    for part in (
        "2 × NVIDIA H100 80GB HBM3",
        "0-1 h100-sxm 81,559 9.0 1,980 700 5 x16",
        "FAULT: Cards 0-1 are held to 86 of 1980 MHz: hardware power brake.",
        "driver 535.161.08",
        "it has no FP4",
        "Rig: 2xh100-sxm — use it with --on.",
    ):
        assert part in text, part


def test_unequal_paths_are_a_matrix() -> None:
    words = [f"--file={FIXTURES / name}" for name in ("rtx-4090.q.txt", "rtx-4090.topo.txt")]
    assert "joined by the processor's PCIe" in rightrig("probe", *words).stdout
    found = answer(*[f"--file={FIXTURES / n}" for n in ("a100.nvlink.txt", "dgx-a100.topo.txt")])
    assert found["pairs"][0] == {"cards": [0, 1], "path": "NV12", "peer_to_peer": ""}
    assert found["nics"][0] == "mlx5_0"


@pytest.mark.skipif(not is_readable(), reason="pip install 'rightrig[nvidia]' for this")
def test_the_command_reads_cards_through_the_driver(
    tmp_path: Path, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(tmp_path / "state", HGX_H100, {"gpu2.lost": 1, "gpu0.power_limit": 500_000})
    monkeypatch.setenv("FAKE_NVML_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build(tmp_path / "driver")))
    found = answer()
    assert found["sources"][0] == "NVML"
    assert found["rig"].startswith("1xh100-sxm@500w")
    assert "+6xh100-sxm" in found["rig"]
    assert found["findings"][0]["rule"] == "PROBE-CARD-LOST"
    assert found["saved"] == str(machine)


def texts() -> dict[str, str]:
    """Return every sample, for a card of each kind and for none."""
    catalog = shipped()
    names = ("NVIDIA H100 80GB HBM3", "NVIDIA GeForce RTX 3090", "AMD Instinct MI300X", "?")
    found: dict[str, str] = {}
    for name in names:
        subject = probed(
            Reading(cards=(Card(0, name, "NVIDIA"),)), catalog, "2026-11-21", is_here=False
        )
        found |= {f"{kind} {name}": snippet(kind, subject) for kind in KINDS}
    return found


@pytest.mark.parametrize(("name", "text"), texts().items())
def test_a_sample_compiles_and_asks_before_it_uses(name: str, text: str) -> None:
    compile(text, name, "exec")
    assert "$" not in text
    tree = ast.parse(text)
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {"time", "torch"}
    assert "torch.cuda.is_available()" in text


@pytest.mark.skipif(not HAS_TORCH, reason="no PyTorch here: make engines installs it")
@pytest.mark.parametrize("kind", ["fp8", "matmul"])
def test_a_sample_of_this_machine_runs(kind: str, machine: Path, tmp_path: Path) -> None:
    result = rightrig("probe", "--snippet", kind)
    assert result.exit_code == 0
    assert not machine.exists()
    path = tmp_path / "sample.py"
    path.write_text(result.stdout, "utf-8")
    ran = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    wanted = {"fp8": "relative error", "matmul": "GB/s"}[kind]
    assert wanted in ran.stdout


@pytest.mark.skipif(not HAS_TORCH, reason="no PyTorch here: make engines installs it")
def test_the_compiled_sample_runs_or_says_why_not(tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    path.write_text(texts()["compile ?"], "utf-8")
    ran = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "as written" in ran.stdout
    assert "compiled:" in ran.stdout or "does not work here" in ran.stdout


def test_a_sample_in_json_names_itself() -> None:
    words = ("--file", str(FIXTURES / "h100-hgx.q.txt"), "--snippet", "matmul", "--json")
    found = json.loads(rightrig("probe", *words).stdout)
    assert found["snippet"] == "matmul"
    assert "PEAK_TFLOPS = 989" in found["text"]
    assert "BANDWIDTH_GB_S = 3350" in found["text"]

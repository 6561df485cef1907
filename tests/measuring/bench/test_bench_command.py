"""``rightrig bench`` as its users see it: what it prints, keeps and refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from answer_types import assert_is
from bench_runs import figure, measured_on
from scripts import ROOT, load_script

from rightrig.facts.catalog import shipped
from rightrig.measuring.bench.device import Device
from rightrig.measuring.bench.expectation import Subject
from rightrig.measuring.bench.judging import GATES, judged
from rightrig.measuring.bench.values import BLOCKS, Condition, Gap
from rightrig.quantities import GIB
from rightrig.report.bench import bench_document, bench_json
from rightrig.report.markdown import markdown
from rightrig.report.schema.benching import BenchJson
from rightrig.store import open_store
from rightrig.verbs.benching import subject_of

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("RIGHTRIG_DB", str(tmp_path / "runs.db"))
    monkeypatch.setenv("RIGHTRIG_MACHINE", "")
    return str(tmp_path / "runs.db")


def test_the_json_of_a_card_has_every_name_of_its_type() -> None:
    found = bench_json(3, _measured(), _verdict())
    assert_is(BenchJson, json.dumps(found))
    assert found["figures"][0]["datasheet_ratio"] == pytest.approx(0.5)
    assert found["findings"][0]["id"] == "BENCH-COPY"
    assert found["condition"]["pcie_lanes_count"] == 8


def test_a_report_says_the_verdict_first_then_figures_and_what_was_left_out() -> None:
    text = markdown(bench_document(3, _measured(), _verdict()))
    first = text.splitlines()[0]
    assert "DEGRADED: copy within memory: 50% of the datasheet" in first
    assert "power cap" not in first
    assert "run 3 of the store" in text
    assert "2,400 GB/s" in text
    assert "4,800 GB/s" in text
    assert "Left out: peer to peer: it takes two cards" in text
    assert "2,048 MiB" not in text


def test_the_reference_names_all_of_the_json_and_the_how_to_every_gate() -> None:
    reference = (ROOT / "docs/reference/json.md").read_text(encoding="utf-8")
    section = next(
        p for p in re.split(r"^## ", reference, flags=re.MULTILINE) if p.startswith("`bench`")
    )
    found = bench_json(3, _measured(), _verdict())
    parts = (found, found["condition"], found["findings"][0], found["figures"][0])
    names = {name for part in parts for name in part} | set(found["left_out"][0])
    assert names - set(re.findall(r"`([a-z0-9_]+)(?:\[\])?`", section)) == set()
    page = (ROOT / "docs/how-to/bench-a-machine.md").read_text(encoding="utf-8")
    for gate in GATES:
        (row,) = [line for line in page.splitlines() if f"`{gate.id}`" in line]
        assert f"{gate.least_ratio:.0%}".replace("%", " %") in row
    assert [block for block in BLOCKS if f"| `{block}` |" not in page] == []


def test_many_products_are_told_by_those_that_say_most_and_stay_below_200_kb() -> None:
    many = [
        figure(
            "gemm", "gemm", "flop", (1e-4 * m / min(m, 512),) * 7, flop=m * 1e3, moved_bytes=1e7,
            labels={"type": dtype, "model": "llama", "shape": "qkv", "m": m, "n": n, "k": 4096},
            kernel="k" * 90,
        )
        for dtype in ("bfloat16", "float8_e4m3fn")
        for n in range(1024, 11264, 1024)
        for m in (2**power for power in range(14))
    ]  # fmt: skip
    measured = measured_on("cuda:0", *many)
    verdict = judged(measured, Subject(shipped().gpu("h200-sxm")), {})
    found = bench_json(3, measured, verdict)
    assert {one["labels"]["m"] for one in found["figures"]} == {1, 64, 512}
    assert len(found["figures"]) == 60
    assert found["more_figures_count"] == 220
    assert len(json.dumps(found, indent=1)) < 200_000
    text = markdown(bench_document(3, measured, verdict))
    assert "220 more products of other m: rightrig runs show 3 --save FOLDER" in text


def _measured() -> Any:
    size = 2.0**30
    copy = figure(
        "copy", "copy", "bytes", (2.0 * size / 2.4e12,) * 7, moved_bytes=2.0 * size,
        labels={"size_bytes": size},
    )  # fmt: skip
    labels = {"type": "int8", "model": "m", "shape": "qkv", "m": 1, "n": 6144, "k": 4096}
    product = figure("gemm", "gemm", "flop", (1e-5,) * 7, flop=1e7, moved_bytes=1e7, labels=labels)
    condition = Condition(lanes_count=8, most_lanes_count=16)
    gap = Gap("peers", "peer to peer", "it takes two cards")
    return replace(measured_on("cuda:0", copy, product, condition=condition), gaps=(gap,))


def _verdict() -> Any:
    return judged(_measured(), Subject(shipped().gpu("h200-sxm")), {})


@pytest.mark.parametrize(
    ("title", "memory_gib", "slug"),
    [
        ("NVIDIA H200", 139.8, "h200-sxm"),
        ("NVIDIA GeForce RTX 4060 Ti", 15.6, "rtx-4060-ti-16gb"),
        ("NVIDIA GeForce RTX 4060 Ti", 7.6, "rtx-4060-ti-8gb"),
        # Somebody soldered: all but the memory is as in the record.
        ("NVIDIA GeForce RTX 4090", 47.5, "rtx-4090"),
    ],
)
def test_a_card_is_known_by_its_name_and_its_memory(
    title: str, memory_gib: float, slug: str
) -> None:
    torch = SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 2))
    device = Device(torch, "cuda:0", title, (9, 0), 1e9, 1e6, whole_bytes=memory_gib * GIB)
    found = subject_of(shipped(), device, {})
    assert found.gpu is not None
    assert found.rig is not None
    assert (found.gpu.slug, found.rig.cards_count) == (slug, 2)
    odd = subject_of(shipped(), replace(device, title="NVIDIA Nothing 1"), {})
    assert (odd.gpu, odd.why_unknown[:22]) == (None, "no datasheet is known:")


def test_wrong_words_are_refused_in_one_sentence(program: Program) -> None:
    assert program.sentence("bench --only copy,fft").startswith(
        "rightrig: --only is 'fft': the blocks are copy, read, launch, gemm"
    )
    assert "--minutes is 61" in program.sentence("bench --minutes 61")
    pytest.importorskip("torch", reason="PyTorch is not installed (make engines)")
    assert "write cuda:0" in program.sentence("bench --device gpu")
    assert "no model is called 'nonsense'" in program.sentence("bench nonsense")


def test_without_pytorch_the_command_that_adds_it_is_named(
    program: Program, monkeypatch: pytest.MonkeyPatch, own_store: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, err = program.run("bench --quick")
    assert (code, out) == (3, "")
    assert err.strip().endswith("run: pip install 'rightrig[measure]'")
    assert not os.path.exists(own_store)  # noqa: PTH110 - a name


def test_a_run_is_kept_compared_with_and_told_as_json(program: Program, own_store: str) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (make engines)")
    first = json.loads(program.run("bench --quick --only launch --json")[1])
    assert first["verdict"] == "not judged"
    assert_is(BenchJson, json.dumps(first))
    second = json.loads(program.run("bench --quick --only launch --device cpu --json")[1])
    assert second["run"] == first["run"] + 1
    (launch,) = second["figures"]
    assert launch["earlier_s"] == pytest.approx(first["figures"][0]["time_s"])
    with open_store(own_store) as store:
        newest, oldest = store.runs(kind="bench")
    assert newest.status == oldest.status == "finished"
    assert newest.new.command == (
        "rightrig", "bench", "--quick", "--only", "launch", "--device", "cpu",
    )  # fmt: skip
    assert "torch" in newest.new.versions
    assert newest.samples == ("launch",)


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_ctrl_c_prints_what_was_found_and_exits_130(own_store: str) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (make engines)")
    command = [sys.executable, "-m", "rightrig", "bench", "--only", "launch,clocks", "--json"]
    process = subprocess.Popen(
        [*command, "--device", "cpu", "--minutes", "5"], stdout=subprocess.PIPE, text=True
    )
    until_s = time.monotonic() + 60.0
    while time.monotonic() < until_s and not _figures_kept(own_store):
        time.sleep(0.1)
    time.sleep(3.0)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    found = json.loads(printed)
    assert found["interrupted"]
    assert [one["block"] for one in found["figures"]] == ["launch", "clocks"]
    with open_store(own_store) as store:
        (run,) = store.runs(kind="bench")
    assert run.status == "interrupted"
    assert len(run.values) == 6
    assert "clocks" in run.samples


def _figures_kept(place: str) -> int:
    if not os.path.exists(place):  # noqa: PTH110 - a name
        return 0
    with open_store(place) as store:
        return sum(len(run.values) for run in store.runs(kind="bench"))


def test_the_script_for_a_machine_with_a_card_runs_on_a_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (make engines)")
    script = load_script("benchmarks/gpu_day.py")
    monkeypatch.setenv("OUT", str(tmp_path / "out"))
    words = ["--quick", "--device", "cpu", "--seconds", "12", "--blocks", "launch,transfer"]
    assert script.main(words) == 0
    told = json.loads((tmp_path / "out/gpu_day.json").read_text(encoding="utf-8"))
    assert set(told["blocks"]) == {"launch", "transfer"}
    assert told["blocks"]["launch"]["figures"]
    (samples,) = told["blocks"]["launch"]["samples"].values()
    assert len(samples["time_s"]) == 7
    assert told["copy"]["is_below"] is False
    assert "launch: figures 1, left out 1" in capsys.readouterr().out


def test_a_copy_of_an_h200_is_held_against_85_percent_of_4_8_tb_per_s() -> None:
    script = load_script("benchmarks/gpu_day.py")
    slow, sound = ({"rate_per_s": rate} for rate in (4.07e12, 4.09e12))
    assert script.copy_check([slow], "NVIDIA H200")["is_below"]
    assert not script.copy_check([slow, sound], "NVIDIA H200")["is_below"]
    assert not script.copy_check([slow], "AMD EPYC")["is_below"]

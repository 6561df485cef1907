"""``rightrig profile`` as people call it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from profile_traces import ATTENTION, GEMM, decode_step, in_a_row, mark, write
from pydantic import TypeAdapter
from typer.testing import CliRunner

from rightrig.cli.app import app
from rightrig.measuring.profile.recording import RECORDINGS
from rightrig.report.schema.profiling import (
    ProfileCountersJson,
    ProfileJson,
    ProfileRecordingJson,
)

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["profile", *words], prog_name="rightrig")


@pytest.fixture
def trace(tmp_path: Path) -> str:
    events: list[Any] = []
    at_us = 0.0
    for _ in range(3):
        rows = in_a_row(decode_step(32), at_us, 2.0)
        events += [mark("execute_context_0(0)_generation_16(16)", at_us, 9000.0), *rows]
        at_us += 9100.0
    return str(write(tmp_path / "step.json.gz", events))


def is_of(kind: Any, printed: str) -> None:
    told = json.loads(printed)
    told.pop("user_records", None)
    assert TypeAdapter(kind).validate_json(json.dumps(told), strict=True) == told


def test_a_profile_alone_says_what_takes_the_time(trace: str) -> None:
    printed = run(trace)
    assert printed.exit_code == 0, printed.output
    for text in ("feed-forward: gate, up", "Mean of 3 steps, found by the engine's annotations",
                 "each with 16 decoding", "Largest gaps between kernels"):  # fmt: skip
        assert text in printed.output
    is_of(ProfileJson, run(trace, "--json").stdout)


def test_a_profile_beside_a_model_says_where_the_gap_is(trace: str) -> None:
    words = (trace, "--model", "llama-3.1-8b", "--on", "1xh100-sxm", "--context", "2000")
    printed = run(*words)
    assert printed.exit_code == 0, printed.output
    assert "should wait for" in printed.output
    told = json.loads(run(*words, "--json").stdout)
    is_of(ProfileJson, json.dumps(told))
    assert told["model_step"] == {
        "decode_seqs": 16.0, "context_tokens": 2000.0, "prompt_tokens": 0.0,
    }  # fmt: skip
    measured = sum(line["measured_s"] for line in told["lines"])
    assert measured == pytest.approx(told["step_s"], rel=1e-6)


def test_counters_have_a_form_of_their_own(tmp_path: Path) -> None:
    head = '"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"\n'
    rows = (
        '"0","nvjet_a","gpu__time_duration.sum","us","20.5"\n'
        '"0","nvjet_a","dram__throughput.avg.pct_of_peak_sustained_elapsed","%","88"\n'
    )
    path = tmp_path / "counters.csv"
    path.write_text(head + rows, encoding="utf-8")
    printed = run(str(path), "--json")
    is_of(ProfileCountersJson, printed.stdout)
    assert json.loads(printed.stdout)["bound_by"] == "memory bandwidth"
    assert "88%" in run(str(path)).output
    both = run(str(path), "--model", "llama-3.1-8b", "--on", "1xh100-sxm")
    assert "the model was not asked" in both.output


@pytest.mark.parametrize("engine", RECORDINGS)
def test_the_commands_that_record_are_commands_of_a_shell(engine: str) -> None:
    printed = run("--record", engine)
    assert printed.exit_code == 0, printed.output
    checked = subprocess.run(
        ["/bin/bash", "-n"], input=printed.output, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    is_of(ProfileRecordingJson, run("--record", engine, "--json").stdout)
    assert "# Look for" in printed.output


@pytest.mark.parametrize("engine", RECORDINGS)
def test_what_reads_a_recording_lacks_its_file_alone(engine: str, program: Program) -> None:
    for way in RECORDINGS[engine].ways:
        words = way.reading.replace("MODEL", "llama-3.1-8b").replace("RIG", "1xh100-sxm")
        assert "there is no such file" in program.sentence(f"profile {words}")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("", "profile needs a file"),
        ("--record ollama", "there are instructions for vllm"),
        ("x.json --record vllm", "reads none"),
        ("absent.json", "there is no such file"),
        (".", "a folder, pipe or device"),
        ("{trace} --model llama-3.1-8b", "--model and --on belong together"),
        ("{trace} --on 1xl4", "--model and --on belong together"),
        ("{trace} --tp 2", "add --model and --on"),
        ("{trace} --model llama-3.1-8b --on 1xh100-sxm --batch 7", "it has steps of 16 decoding"),
        ("{trace} --model llama-3.1-8b --on 1xh100-sxm --batch -7", "--batch"),
        ("{trace} --context 0", "--context"),
        ("{trace} --steps -1", "--steps"),
        ("{trace} --model nobodyknows --on 1xl4", "no model"),
    ],
)
def test_wrong_words_are_one_sentence(
    words: str, reason: str, trace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "rightrig", "profile", *words.format(trace=trace).split()],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_names_that_a_terminal_would_act_on_are_shown_plainly(tmp_path: Path) -> None:
    events = in_a_row([("\x1b[2J\x1b]0;evil", 9.0), (GEMM, 2.0), (ATTENTION, 2.0)], 0.0, 1.0)
    printed = run(str(write(tmp_path / "t.json", events)))
    assert printed.exit_code == 0
    assert "\x1b[2J" not in printed.output

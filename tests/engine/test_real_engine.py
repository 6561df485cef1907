"""Load and tuning against a real engine: continuous batching of a tiny model on the CPU."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import numpy as np
import pytest
from real_engine import asked, environment, template, tiny_llama

from rightrig.store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program
    from real_engine import RealEngine


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep runs in a store of this test."""
    monkeypatch.setenv("RIGHTRIG_DB", str(tmp_path / "runs.db"))
    monkeypatch.setenv("RIGHTRIG_MACHINE", "")


def test_the_engine_says_the_same_each_time_and_as_much_as_is_asked(engine: RealEngine) -> None:
    first, again = (asked(engine, "how many words are in a question", 12) for _ in range(2))
    assert first["usage"]["completion_tokens"] == 12
    text = first["choices"][0]["message"]["content"]
    assert text
    assert text.isascii()
    assert again["choices"][0]["message"]["content"] == text


def test_load_streams_and_counts_what_the_engine_counts(
    engine: RealEngine, program: Program
) -> None:
    found = program.json(
        "load --concurrency 8 --requests 64 --input 40 --output 12 --ttft-p99 9s --seed 5 "
        f"--name {shlex.quote(engine.model)}", engine.url,
    )  # fmt: skip
    (level,) = found["levels"]
    assert level["ok_count"] == level["requests_count"]
    assert level["faults"] == {}
    assert level["usage"]["source"] == "usage"
    assert level["usage"]["wrong_count"] == 0
    with open_store() as store:
        samples = store.samples(found["run_id"], "level-1-requests")
    assert len(samples["output_tokens"]) == 64
    # No end of an answer is ever drawn, so that each is as long as was asked for.
    assert set(samples["output_tokens"].tolist()) == {12}
    assert np.median(samples["input_tokens"]) == pytest.approx(40, rel=0.15)
    # The engine's first chunk has a role and no token: it is not the first token.
    assert (samples["first_token_s"] >= samples["first_byte_s"]).all()
    assert np.median(samples["first_token_s"] - samples["first_byte_s"]) > 0.001
    assert level["latencies"]["ttft"]["statistics"]["p50"]["mid_s"] > 0.002


def test_load_finds_where_the_engine_breaks_and_the_store_has_every_level(
    engine: RealEngine, program: Program
) -> None:
    words = (
        "load --ramp --rate 40/s --requests 120 --input 120 --output 32 --ttft-p99 600ms "
        f"--tpot-p99 500ms --seconds 22s --name {shlex.quote(engine.model)} --json"
    )
    code, out = program.said(words, engine.url)
    found = json.loads(out)
    assert code in {0, 1}  # whether the planned load is kept, the machine of the test decides
    breaking = found["breaking"]
    if breaking["status"] == "client-limited":
        pytest.skip("this machine is too busy for a client beside the engine")
    assert breaking["status"] in {"found", "below", "out of time"}
    # Some hundred requests a second are beyond a model in Python on one core.
    assert 5.0 < breaking["broken_requests_per_s"] <= 160.0
    assert breaking["held_requests_per_s"] < breaking["broken_requests_per_s"]
    with open_store() as store:
        run = store.run(found["run_id"])
    assert run.status == "finished"
    assert run.new.kind == "load"
    kept = {v.labels["level"] for v in run.values if v.name == "requests_per_s"}
    assert len(kept) == len(found["levels"])


def test_tune_finds_a_better_setting_of_the_engine_than_a_bad_one(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With 4 tokens a step, a prompt of 120 takes 30 steps; with 256, one.
    command = template(max_batch_tokens="{batch_tokens}")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    found = program.json(
        "tune --baseline batch_tokens=4 --knob batch_tokens=256 --concurrency 8 --requests 24 "
        "--input 120 --output 8 --ttft-p99 20s --metric output-tokens --one-start "
        f"--name {shlex.quote(str(tiny_llama()))}", "--engine", command,
    )  # fmt: skip
    (change,) = found["changes"]
    assert (change["knob"], change["value"], change["fate"]) == ("batch_tokens", "256", "better")
    assert change["change_ratio"]["mid"] > 1.3
    assert found["kept"] == {"batch_tokens": "256"}
    for figures in (found["baseline_figures"], change["figures"]):
        assert figures["error_ratio"] == 0.0
        assert 50e6 < figures["memory_bytes"] < 4e9
    with open_store() as store:
        runs = store.runs("tune")
    assert len(runs) == 9
    assert {run.status for run in runs} == {"finished"}

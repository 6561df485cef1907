"""One's own runs: kept by the store, beside the predictions, and what they make of a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rightrig.facts.machine import Machine, machine_path, read_machine, write_machine
from rightrig.store import open_store
from rightrig.store.records import NewRun, Served, Value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from program import Program

MODEL = "meta-llama/Llama-3.1-8B"
PREDICT = f"predict {MODEL} --on this --input 1000 --output 300"
SERVED = Served(MODEL, "1xrtx-4090@this", "rtx-4090", 1, "vllm", "", "bf16", "bf16")
STEP_S = {1: 0.030, 4: 0.032, 16: 0.040}
"""TPOT of a machine with a slow host, by users."""


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIGHTRIG_MACHINE", str(tmp_path / "machine.json"))
    monkeypatch.setenv("RIGHTRIG_DB", str(tmp_path / "runs.db"))


def probed(name: str = "bench") -> None:
    path = machine_path()
    assert path is not None
    write_machine(Machine(name=name, date="2026-11-21", rig="1xrtx-4090"), path)


def labels_of(users: int) -> dict[str, str | float]:
    return {"concurrency": users, "input_tokens": 1000, "output_tokens": 300, "statistic": "mean"}


def kept(
    served: Served | None = SERVED,
    levels: Mapping[int, float] = STEP_S,
    machine: str = "bench",
    status: str = "finished",
    **labels: str | float,
) -> None:
    """Keep a load test: TPOT and the rate of tokens that follows from it."""
    with open_store() as store:
        writer = store.begin(NewRun("load", machine, ("rightrig", "load"), served=served))
        for users, step_s in levels.items():
            told = {**labels_of(users), **labels}
            rate = users * 300 / (0.2 + 299 * step_s)
            writer.add([Value("tpot_s", step_s, told), Value("output_tokens_per_s", rate, told)])
        writer.finish(status)  # type: ignore[arg-type] # a status by its name


def test_own_runs_stand_beside_their_predictions(program: Program) -> None:
    probed()
    kept()
    found = program.json("accuracy --mine")
    assert found["table"] == "inference"
    assert [row["row"] for row in found["rows"]] == list(range(1, 7))
    assert found["summary"]["predicted"] == 6
    assert found["groups"]["gpu"].keys() == {"rtx-4090"}


def test_a_refit_halves_the_error_and_leaves_other_machines_alone(program: Program) -> None:
    probed()
    kept()
    elsewhere = program.json(PREDICT.replace("this", "1xrtx-4090"))
    before = program.json("accuracy --mine")["summary"]["median_abs_error_ratio"]
    (fit,) = program.json("calibrate --mine")["machine_fits"]
    after = program.json("accuracy --mine")["summary"]["median_abs_error_ratio"]
    assert before == pytest.approx(fit["median_abs_error_before_ratio"], rel=1e-6)
    assert after == pytest.approx(fit["median_abs_error_after_ratio"], rel=1e-3)
    assert after < 0.05
    assert before > 0.1
    assert "step_s" in {move["kind"] for move in fit["moves"]}
    assert program.json(PREDICT.replace("this", "1xrtx-4090")) == elsewhere


def test_what_ran_here_is_predicted_as_measured_on_this_machine(program: Program) -> None:
    probed()
    kept()
    assert program.json(PREDICT)["evidence"] == "same GPU"
    program.json("calibrate --mine")
    found = program.json(f"{PREDICT} --concurrency 4")
    assert found["evidence"] == "measured on this machine"
    assert found["tpot_s"]["mid"] == pytest.approx(STEP_S[4], rel=0.05)
    other = program.json(PREDICT.replace(MODEL, "Qwen/Qwen2.5-7B"))
    assert other["evidence"] == "same GPU"


def test_the_text_of_a_refit_says_what_moved_and_where_it_is_kept(program: Program) -> None:
    probed()
    kept()
    text = program.text("calibrate --mine")
    assert "vllm-1 on rtx-4090: 6 measured figures" in text
    assert "turn_s vllm-1 none" in text
    assert f"Written: {machine_path()}" in text


def test_a_second_refit_finds_the_same(program: Program) -> None:
    probed()
    kept()
    first = program.json("calibrate --mine")
    assert program.json("calibrate --mine") == first


def test_an_engine_refitted_again_takes_the_place_of_its_earlier_refit(program: Program) -> None:
    probed()
    kept()
    program.json("calibrate --mine")
    kept(levels={2: 0.05, 8: 0.06})
    program.json("calibrate --mine")
    path = machine_path()
    assert path is not None
    (one,) = read_machine(path).speeds
    assert one.runs_count == 10


def test_runs_of_others_unfinished_ones_and_open_levels_do_not_count(program: Program) -> None:
    probed()
    kept(machine="another")
    kept(status="interrupted")
    kept(served=None)
    kept(verdict="CLIENT-LIMITED")
    (why,) = program.refusal("accuracy --mine")
    assert "no finished run of a closed loop on bench is kept" in why
    kept()
    assert program.json("accuracy --mine")["summary"]["rows"] == 6


def test_a_run_that_cannot_be_predicted_is_a_row_with_its_reason(program: Program) -> None:
    probed()
    kept(Served("no-such-model", "1xrtx-4090@this", "rtx-4090", 1, "vllm"), {1: 0.03})
    (why,) = program.refusal("calibrate --mine")
    assert "no run of bench can be predicted: no model is called 'no-such-model'" in why
    kept()
    rows = program.json("accuracy --mine")["rows"]
    assert [row["predicted"] is None for row in rows] == [True] * 2 + [False] * 6
    assert rows[0]["reason"].startswith("no model is called")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("accuracy --mine", "was not probed yet: run 'rightrig probe' first"),
        ("calibrate --mine", "was not probed yet: run 'rightrig probe' first"),
        ("calibrate --mine table.csv", "leave tables, --cross-validate and --save out"),
        ("calibrate --mine --save here", "leave tables, --cross-validate and --save out"),
        ("accuracy --mine table.csv", "--mine and a file are two questions"),
        ("calibrate", "calibrate needs tables of measured runs, or --mine"),
    ],
)
def test_wrong_words_say_what_is_wrong(program: Program, command: str, why: str) -> None:
    (said,) = program.refusal(command)
    assert why in said

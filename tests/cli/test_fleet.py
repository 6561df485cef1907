"""``rightrig fleet`` as users run it: the answer, its JSON, recipes, and wrong input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from program import Program

SCRIPT: Final = Path(sys.executable).with_name("rightrig")
EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "fleet.toml"
LONGEST_S: Final = 5.0
"""Of processor time: a machine that is shared takes longer."""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(monkeypatch, capsys, "fleet")


@pytest.fixture(scope="module")
def answer() -> Any:
    before = os.times()
    command = [str(SCRIPT), "fleet", str(EXAMPLE), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    spent_s = os.times().children_user - before.children_user
    assert (done.returncode, done.stderr) == (0, "")
    return {**json.loads(done.stdout), "spent_s": spent_s}


def test_the_example_is_answered_within_seconds_and_proven(answer: Any) -> None:
    assert answer["spent_s"] < LONGEST_S
    assert answer["status"] == "optimal"
    assert answer["solver_s"] < 3.0
    assert answer["gap_ratio"] == pytest.approx(0.0, abs=1e-6)
    assert answer["bound_usd_per_month"] == pytest.approx(answer["rent_usd_per_month"])


def test_the_example_answers_whether_two_cards_can_be_mixed(answer: Any) -> None:
    gpus = {pool["demand"]: pool["gpu"] for pool in answer["pools"]}
    assert gpus["chat"] == "rtx-4090"
    assert gpus["assistant"] == "a100-sxm-80gb"
    alone = [one["rent_usd_per_month"] for one in answer["one_kind"]]
    assert answer["rent_usd_per_month"] < min(alone)


def test_every_pool_of_the_json_has_a_route(answer: Any) -> None:
    targets = {t["pool"] for route in answer["routes"] for t in route["targets"]}
    assert targets == {pool["pool"] for pool in answer["pools"]}
    placed = {pool for host in answer["hosts"] for pool in host["engines"]}
    assert placed == targets


def test_the_answer_prints_objective_bound_and_gap(program: Program) -> None:
    code, out, _ = program.run("", str(EXAMPLE))
    text = " ".join(out.split())
    assert code == 0
    assert "gap 0.00% (proven cheapest, HiGHS)" in text
    assert "Mixing 2 kinds of cards saves $" in text


def test_a_recipe_is_the_configuration_alone(program: Program) -> None:
    code, out, _ = program.run("", str(EXAMPLE), "--recipe", "litellm")
    assert code == 0
    names = {entry["model_name"] for entry in yaml.safe_load(out)["model_list"]}
    assert names == {"chat", "documents", "documents-2", "documents-3", "assistant"}
    code, out, _ = program.run("", str(EXAMPLE), "--recipe", "nginx")
    assert code == 0
    assert "upstream assistant {" in out


def changed(tmp_path: Path, before: str, after: str) -> str:
    path = tmp_path / "fleet.toml"
    text = EXAMPLE.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    return str(path)


def test_a_fleet_that_cannot_be_leaves_with_1(program: Program, tmp_path: Path) -> None:
    file = changed(tmp_path, "headroom = 0.3", 'budget = "$300/month"')
    code, out, err = program.run(file)
    assert (code, err) == (1, "")
    assert "No fleet keeps every limit." in out
    assert "Without budget = $300 a month there is a fleet" in out


WRONG: Final = {
    ("headroom = 0.3", 'providers = ["nobody"]'): "[limits]: providers is 'nobody'; known are",
    ("headroom = 0.3", 'regions = "moon"'): "[limits]: regions is 'moon'; known are",
    ("headroom = 0.3", 'vendor = "acme"'): "[limits]: vendor is 'acme'; known are",
    ("headroom = 0.3", 'budget = "much"'): "[limits]: budget is 'much': write a number",
    ("headroom = 0.3", 'own = "4xrtx-4090@220w"'): "a fleet counts plain cards",
    ("headroom = 0.3", "[available]\nrtx-4091 = 3"): "[available]: 'rtx-4091' is no instance",
    ("headroom = 0.3", "[available]\n4090 = 3\nrtx-4090 = 2"): "rtx-4090 is named twice",
    ("headroom = 0.3", 'vendor = "AMD"'): "no offer is left",
    ('"rtx-4090", ', '"rtx-4091", '): "no GPU is called 'rtx-4091'",
    ('"llama-3.3-70b"', '"llama-9"'): "no model is called 'llama-9'",
    ('output = 300\nttft_p99 = "1s"', 'output = 300\nkv = "fp9"\nttft_p99 = "1s"'): "kv is 'fp9'",
    ("output = 400", 'output = "many"'): "[[demand]] documents: output",
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG, ids=WRONG.values())
def test_wrong_input_is_one_sentence_and_code_2(
    program: Program, tmp_path: Path, change: tuple[str, str]
) -> None:
    code, _, err = program.run(changed(tmp_path, *change))
    assert code == 2
    assert WRONG[change] in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--recipe", "haproxy"), "--recipe is 'haproxy': it is litellm or nginx"),
        (("--time-limit", "0s"), "--time-limit"),
    ],
)
def test_wrong_options_are_refused(program: Program, words: tuple[str, ...], said: str) -> None:
    code, _, err = program.run("", str(EXAMPLE), *words)
    assert code == 2
    assert said in err


def test_a_file_that_is_not_there_is_named(program: Program, tmp_path: Path) -> None:
    code, _, err = program.run(str(tmp_path / "none.toml"))
    assert code == 2
    assert "none.toml is no fleet file: there is no such file" in err

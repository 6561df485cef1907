"""What was planned is read from the JSON that the program itself prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.measuring.load.readers_plan import read_plan
from rightrig.verbs.deploying import deploy

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

PLAN = "plan llama-3.1-8b --rate 5/s --input 1000 --output 300 --ttft-p99 2s --gpu rtx-4090 --top 2"


def written(folder: Path, program: Program, command: str, leaves: int = 0) -> str:
    path = folder / "asked.json"
    path.write_text(json.dumps(program.json(command, leaves=leaves)))
    return str(path)


def test_a_plan_is_tested_at_what_it_must_carry(tmp_path: Path, program: Program) -> None:
    file = written(tmp_path, program, PLAN)
    planned, second = read_plan(file), read_plan(f"{file}#2")
    assert planned.origin == "plan"
    assert planned.peak_requests_per_s == pytest.approx(6.5)
    assert planned.words == "5 requests/s asked, and 30% headroom"
    assert (planned.input_tokens, planned.output_tokens) == (1000, 300)
    assert planned.slo.ttft_p99_s == 2.0
    assert planned.cost_usd_per_hour == pytest.approx(0.34, rel=0.5)
    assert planned.capacity_requests_per_s is not None
    assert second.choices != planned.choices
    deployment = deploy(shipped(), planned.model, planned.rig, planned.choices)
    assert deployment.rig.gpu.slug == "rtx-4090"
    assert deployment.precision.weights == planned.choices.weights


@pytest.mark.usefixtures("compiled")
def test_a_simulation_is_tested_at_its_rate(tmp_path: Path, program: Program) -> None:
    command = "simulate qwen3-8b --on 1xl4 --rate 1/s --requests 50 --input 64 --output 8"
    planned = read_plan(written(tmp_path, program, f"{command} --ttft-p90 9s --price 2/h"))
    assert planned.origin == "simulate"
    assert planned.peak_requests_per_s == pytest.approx(1.0, rel=0.3)
    assert planned.slo.ttft_p90_s == 9.0
    assert planned.cost_usd_per_hour == pytest.approx(2.0)


@pytest.mark.usefixtures("compiled")
def test_a_limit_that_was_found_is_the_peak(tmp_path: Path, program: Program) -> None:
    command = "simulate qwen3-8b --on 1xl4 --rate 1/s --requests 50 --input 64 --output 8"
    planned = read_plan(written(tmp_path, program, f"{command} --ttft-p90 200ms --find-limit"))
    assert planned.capacity_requests_per_s is not None
    assert planned.peak_requests_per_s == planned.capacity_requests_per_s.mid
    assert planned.capacity_requests_per_s.low < planned.capacity_requests_per_s.high


def test_a_prediction_is_tested_at_its_own_rate(tmp_path: Path, program: Program) -> None:
    command = "predict qwen3-8b --on 2xl4 --concurrency 4 --tp 2 --max-seqs 32"
    planned = read_plan(written(tmp_path, program, command))
    assert (planned.origin, planned.slo.objectives()) == ("predict", ())
    deployment = deploy(shipped(), planned.model, planned.rig, planned.choices)
    assert (deployment.parallelism.tp, deployment.limits.max_seqs) == (2, 32)


def test_an_engine_that_takes_no_share_of_memory_is_made_again(
    tmp_path: Path, program: Program
) -> None:
    command = "predict qwen3-8b --on 1xrtx-4090 --runtime llama.cpp --concurrency 4"
    planned = read_plan(written(tmp_path, program, command))
    assert planned.choices.memory_ratio is None
    deployment = deploy(shipped(), planned.model, planned.rig, planned.choices)
    assert deployment.runtime.slug == "llama.cpp"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "has no plans and no deployment"),
        ('{"plans": []}', "holds no plan that meets its question"),
        ('{"plans": [{}], "question": {}}', "rig: Field required"),
        ('{"plans": [{"rig": 3}], "question": {}}', "rig: Input should be"),
        ('{"deployment": {}}', "Field required; write one with rightrig plan"),
        ('{"plans": 3}', "holds no plan"),
        ("[]", "not an object"),
        ("{", "is not JSON"),
    ],
)
def test_a_file_without_a_plan_is_one_sentence(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(InputError) as told:
        read_plan(str(path))
    assert message in str(told.value)


def test_a_plan_that_is_not_there_is_told(tmp_path: Path, program: Program) -> None:
    file = written(tmp_path, program, PLAN)
    for number in ("0", "3", "99"):
        with pytest.raises(InputError, match=f"holds 2 plans; number {number} "):
            read_plan(f"{file}#{number}")
    with pytest.raises(InputError, match="no such file"):
        read_plan(str(tmp_path / "nothing"))
    other = written(tmp_path, program, "predict qwen3-8b --on 1xl4")
    with pytest.raises(InputError, match="holds one answer; leave #2 out"):
        read_plan(f"{other}#2")

"""``predict`` in its other forms: explained, swept, split, and kernels without a model."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from rightrig.verbs.sweeping import sweep_of

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

PREDICT = "predict llama-3.1-8b --on h100-sxm"
# One command of each form, and a name that its JSON has.
FORMS = {
    f"{PREDICT} --explain": "sensitivities",
    f"{PREDICT} --sweep concurrency=1..64": "points",
    "predict llama-3.1-8b --on 8xrtx-3090 --on 8xh100-sxm --splits": "steps",
    "predict --gemm 1,8192,8192 --gemm 8192,8192,8192 --on h100-sxm --on rtx-4090": "products",
    "predict --allreduce 8KiB --allreduce 128MiB --on 8xh100-sxm --ranks 8": "all_reduces",
}
DEEPSEEK = "predict deepseek-v3 --on 8xh200-sxm"
SENTENCES = (
    ("predict --on h100-sxm", "predict needs a model, such as"),
    (f"{PREDICT} --gemm 1,2,3", "leave 'llama-3.1-8b' out"),
    (f"{PREDICT} --explain --splits", "are two questions; ask one at a time"),
    (f"{PREDICT} --on l4", "--on names 2 rigs"),
    (f"{PREDICT} --save out", "--save goes with --sweep only"),
    (f"{PREDICT} --ranks 2", "--ranks goes with --allreduce only"),
    ("predict --gemm 1,2 --on h100-sxm", "write M,N,K as three whole numbers"),
    ("predict --gemm 1,two,3 --on h100-sxm", "write M,N,K as three whole numbers"),
    ("predict --gemm 1,0,3 --on h100-sxm", "N is 0"),
    ("predict --gemm 1,2,3 --on h100-sxm --tp 2", "--tp does not go with --gemm"),
    ("predict --gemm 1,2,3 --on h100-sxm --weights q4_k_m", "is a mix of types"),
    ("predict --gemm 1,2,3 --on h100-sxm --weights fp7", "no weight format is called 'fp7'"),
    ("predict --gemm 1,2,3 --on nosuch", "no GPU is called 'nosuch'"),
    ("predict --allreduce 8parsec --on 8xh100-sxm", "unit 'parsec' is not one of"),
    ("predict --allreduce 0 --on 8xh100-sxm", "--allreduce is 0"),
    ("predict --allreduce 8KiB --on h100-sxm", "is one; name more in --on"),
    ("predict --allreduce 8KiB --on 8xh100-sxm --ranks 9", "from 2 ranks to the 8 cards"),
    (f"{PREDICT} --sweep users=1..4", "write it as concurrency=1..64"),
    (f"{PREDICT} --sweep concurrency=", "write it as concurrency=1..64"),
    (f"{PREDICT} --sweep concurrency=a..b", "has no whole numbers"),
    (f"{PREDICT} --sweep concurrency=9..4", "the smaller end first"),
    (f"{PREDICT} --sweep concurrency=0..4", "values of at least 1"),
    (f"{PREDICT} --sweep concurrency=1..4 --concurrency 2", "leave that out"),
    (f"{PREDICT} --sweep input=1..1000000", "exceeds the 131,072"),
    (f"{PREDICT} --sweep output=1..4", "ask for 2 or more"),
    (f"{PREDICT} --sweep input=1..4 --save /dev/null/x", "cannot be written to"),
    (f"{PREDICT} --splits", "name two or more, such as 8xh100-sxm"),
    ("predict llama-3.1-8b --on 8xh100-sxm --splits --tp 2", "--tp does not go with --splits"),
    ("predict llama-3.1-8b --on 8xh100-sxm --splits --concurrency max", "write a whole number"),
    (
        "predict llama-3.1-8b --on 8xh100-sxm --splits --runtime llama.cpp",
        "splits by layers, not by tensors",
    ),
    (f"{PREDICT} --output 1", "an answer of one token has no time per output token"),
    (f"{PREDICT} --prefix-hit 1.5", "--prefix-hit is 1.5"),
    (f"{PREDICT} --image-patches 100", "no encoder of pictures is known"),
    (f"{PREDICT} --image-patches 0", "image-patches"),
    (f"{PREDICT} --prefix-hit nan", "--prefix-hit is nan"),
    (f"{PREDICT} --spec-tokens 4", "belong together"),
    (f"{PREDICT} --acceptance 0.7", "belong together"),
    (f"{PREDICT} --spec-tokens 4 --acceptance 1", "--acceptance is 1"),
    (f"{PREDICT} --spec-tokens 0 --acceptance 0.7", "--spec-tokens is 0"),
    (f"{PREDICT} --draft llama-3.2-1b-instruct", "add --spec-tokens 4 --acceptance 0.7"),
    (f"{PREDICT} --dp 2", "has none; use --replicas 2"),
    (f"{PREDICT} --ep 2", "has none; leave it out"),
    (f"{DEEPSEEK} --ep 4", "use 1 or 8"),
    (f"{DEEPSEEK} --cp 3", "use a divisor of 8"),
)


@pytest.mark.parametrize(("command", "name"), FORMS.items(), ids=list(FORMS))
def test_every_form_answers_in_text_and_json(program: Program, command: str, name: str) -> None:
    code, text, err = program.run(command)
    assert (code, err) == (0, "")
    assert "None" not in text
    assert "nan" not in text.lower().split()
    assert max(len(line) for line in text.splitlines()) < 150
    assert program.json(command)[name]


@pytest.mark.parametrize(("command", "says"), SENTENCES, ids=[c for c, _ in SENTENCES])
def test_wrong_input_is_answered_in_one_sentence(program: Program, command: str, says: str) -> None:
    code, out, err = program.run(command)
    assert (code, out) == (2, "")
    assert err.startswith("rightrig: ")
    assert len(err.splitlines()) == 1
    assert says in err


def test_an_explanation_has_every_part_of_the_step_in_table_and_chart(program: Program) -> None:
    command = f"{PREDICT} --concurrency 32 --explain"
    found, text = program.json(command), program.text(command)
    total_s = sum(part["time_s"] for part in found["parts"])
    for part in found["parts"]:
        assert text.count(part["name"]) >= 2
        assert f"{part['time_s'] / total_s:.1%} {part['resource']}" in text
        assert 0.0 <= part["share_of_limit_ratio"] <= 1.0
    assert "Ridge batch of dense weights: 295 tokens a step by the datasheet" in text
    assert len(found["sensitivities"]) == 6
    assert "█" in text


def test_a_sweep_takes_powers_of_two_and_the_ends() -> None:
    assert sweep_of("concurrency=1..64").values == (1, 2, 4, 8, 16, 32, 64)
    assert sweep_of("input=100..1000").values == (100, 128, 256, 512, 1000)
    assert sweep_of("output=512,2,2").values == (2, 512)
    assert sweep_of("concurrency=5..5").values == (5,)


def test_tokens_a_second_rise_over_a_sweep_and_the_file_holds_every_point(
    program: Program, tmp_path: Path
) -> None:
    command = f"{PREDICT} --sweep concurrency=1..64 --save {tmp_path}/out"
    points = program.json(command)["points"]
    rates = [point["output_tokens_per_s"]["mid"] for point in points]
    assert rates == sorted(rates)
    with (tmp_path / "out" / "sweep.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["concurrency"]) for row in rows] == [1, 2, 4, 8, 16, 32, 64]
    for row, rate in zip(rows, rates, strict=True):
        assert float(row["mid_output_tokens_per_s"]) == pytest.approx(rate)
        assert float(row["low_ttft_s"]) < float(row["mid_ttft_s"]) < float(row["high_ttft_s"])


def test_a_sweep_of_prompts_takes_the_other_quantities_as_they_are(program: Program) -> None:
    points = program.json(f"{PREDICT} --sweep input=256..4096 --concurrency 4")["points"]
    assert {point["concurrency"] for point in points} == {4}
    times = [point["ttft_s"]["mid"] for point in points]
    assert times == sorted(times)


def test_cards_that_are_slower_than_one_are_named_in_words(program: Program) -> None:
    command = "predict llama-3.1-8b --on 8xrtx-4090@pcie3x4 --splits --input 4000"
    slower = [step for step in program.json(command)["steps"] if step["is_slower_than_one"]]
    assert slower
    text = program.text(command)
    for step in slower:
        does = "decodes" if step["work"] == "decode" else "reads a prompt"
        assert f"on {step['tp']} cards it {does} {step['speedup_ratio']:.2f} times as fast" in text


def test_a_benchmark_that_reads_l2_is_flagged(program: Program) -> None:
    assert "reads L2" in program.text("predict --gemm 1,2048,2048 --on h100-sxm")
    assert "reads L2" not in program.text("predict --gemm 1,8192,8192 --on h100-sxm")


def test_a_second_card_stands_beside_the_first_of_each_shape(program: Program) -> None:
    found = program.json("predict --gemm 1,8192,8192 --on h100-sxm --on rtx-4090")["products"]
    first, second = found
    ratio = second["rate_flop_per_s"]["mid"] / first["rate_flop_per_s"]["mid"]
    assert first["to_first_ratio"] == 1.0
    assert second["to_first_ratio"] == pytest.approx(ratio)
    assert ratio == pytest.approx(1008 / 3350, rel=0.2)


def test_a_capped_card_is_told_from_a_free_one(program: Program) -> None:
    command = "predict --gemm 8192,8192,8192 --on rtx-4090@225w --on rtx-4090"
    capped, free = program.json(command)["products"]
    assert capped["gpu"] == "rtx-4090@225w"
    assert capped["time_s"]["mid"] > free["time_s"]["mid"]


def test_all_cards_of_a_rig_take_part_where_no_number_is_said(program: Program) -> None:
    (found,) = program.json("predict --allreduce 1MiB --on 4xh100-sxm")["all_reduces"]
    assert found["ranks"] == 4


def test_what_a_cache_and_a_draft_spare_is_said(program: Program) -> None:
    text = program.text(f"{PREDICT} --prefix-hit 0.5 --spec-tokens 4 --acceptance 0.8")
    assert "A prefix cache holds 500 tokens of each prompt." in text
    assert "A step verifies 4 drafted tokens and yields 3.36" in text
    assert "left out; name what drafts with --draft" in text
    drafted = f"{DEEPSEEK} --draft mtp --spec-tokens 1 --acceptance 0.8"
    assert "the time to draft them is included" in program.text(drafted)


@pytest.mark.parametrize(
    ("options", "split"),
    [("--dp 8", "tp1·dp8"), ("--tp 8 --ep 8", "tp8·ep8"), ("--tp 8 --cp 8", "tp8·cp8")],
)
def test_splits_of_experts_and_contexts_are_predicted(
    program: Program, options: str, split: str
) -> None:
    assert split in program.text(f"{DEEPSEEK} {options} --concurrency 64")

"""``rigs show`` of any rig, and ``ask go-no-go``, ``criteria``, ``lock-in``, ``ecosystem``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

CRITERIA = """
[traffic]
model = "llama-3.1-8b"
rate = "2/s"

[[criteria]]
name = "performance"
weight_ratio = 0.5
computed = "output_tokens_per_s"

[[criteria]]
name = "cost"
weight_ratio = 0.3
better = "less"
computed = "rent_usd_per_month"

[[criteria]]
name = "integration"
weight_ratio = {integration}

[[options]]
name = "one H100"
rig = "1xh100-sxm"
values = {{ integration = 5.0 }}

[[options]]
name = "one 4090"
rig = "1xrtx-4090"
values = {{ integration = 3.0 }}
"""


def test_a_rig_shows_its_memory_links_splits_and_alternatives(
    program: Program,
) -> None:
    code, text, _ = program.run("rigs show 2xrtx-3090@nvlink")
    assert code == 0
    one_line = " ".join(text.split())
    assert text.startswith("2xrtx-3090@nvlink: 37.2 GiB effective VRAM of 47.2 GiB visible")
    assert "the same rule leaves 38 GiB" in one_line
    assert "NV 56" in text
    assert "--tensor-parallel-size 2" in one_line
    for heading in ("Best at", "Bad at", "Who should avoid it", "Alternatives", "Rent: $"):
        assert heading in text


def test_a_list_price_says_once_that_it_is_undated_and_one_price_is_no_range(
    program: Program,
) -> None:
    undated, dated = (program.text(f"rigs show {name}") for name in ("dgx-h100", "dgx-spark"))
    assert "list price $300,000 to $450,000, undated Note" in undated
    assert "list price $3,999, 2025-10" in dated


def test_a_machine_is_shown_before_its_combo(program: Program) -> None:
    _, text, _ = program.run("rigs show dgx-spark")
    assert text.startswith("DGX Spark")
    assert "effective VRAM" in text
    code, text, _ = program.run("rigs show dgx-spark --json")
    answer: dict[str, Any] = json.loads(text)
    assert code == 0
    assert answer["slug"] == "dgx-spark"
    assert answer["combo"]["rig"] == "1xgb10"


def test_the_rule_of_the_headline_can_be_set(program: Program) -> None:
    _, text, _ = program.run("rigs show 1xl4 --overhead 2GiB --gpu-memory-utilization 0.9 --json")
    memory = json.loads(text)["combo"]["memory"]
    wanted = 0.9 * memory["visible_bytes"] - 2 * 2**30
    assert memory["effective_bytes"] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("rigs show dgx-h1000", "no rig is called 'dgx-h1000'"),
        ("rigs show 2xnosuch", "no GPU is called 'nosuch'"),
        ("rigs show 1xl4 --overhead many", "--overhead is 'many'"),
        ("rigs show 1xl4 --gpu-memory-utilization 1.5", "is 1.5: it is the share"),
        ("rigs show 100n:8xh100-sxm", "cards of the rig is 800"),
        ("ask go-no-go", "takes a file or --answers, one of them"),
        ("ask go-no-go --answers yes,no", "has 2 words and there are 8 criteria"),
        ("ask go-no-go --answers maybe,yes,yes,yes,yes,yes,yes,yes", "'maybe' is none of yes"),
        ("ask go-no-go --template --answers yes", "takes nothing else"),
        ("ask go-no-go nosuch.toml", "there is no such file"),
        ("ask criteria nosuch.toml", "there is no such file"),
        ("ask lock-in --on 1xm4-max --runtime vllm", "m4-max is Apple"),
        ("ask lock-in --on 1xl4 --rate 0/s", "rate is 0"),
        ("ask lock-in --on 1xl4 --provider nobody", "nobody has no price of l4"),
        ("ask ecosystem nosuch", "no GPU is called 'nosuch'"),
    ],
)
def test_wrong_input_is_one_sentence(program: Program, command: str, sentence: str) -> None:
    code, _, error = program.run(command)
    assert code == 2
    assert sentence in error
    assert len(error.strip().splitlines()) == 1


def test_a_filled_template_is_a_go(program: Program, tmp_path: Path) -> None:
    _, text, _ = program.run("ask go-no-go --template")
    path = tmp_path / "answers.toml"
    path.write_text(text, encoding="utf-8")
    code, text, _ = program.run(f"ask go-no-go {path}")
    assert code == 1
    assert text.startswith("No-go")
    path.write_text(path.read_text(encoding="utf-8").replace('unknown"', 'yes"'), encoding="utf-8")
    code, text, _ = program.run(f"ask go-no-go {path} --json")
    assert code == 0
    assert json.loads(text)["score_ratio"] == pytest.approx(1.0)


def test_criteria_are_computed_from_rigs(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "criteria.toml"
    path.write_text(CRITERIA.format(integration=0.2), encoding="utf-8")
    code, text, _ = program.run(f"ask criteria {path} --json")
    assert code == 0
    answer: dict[str, Any] = json.loads(text)
    options = {one["name"]: one for one in answer["options"]}
    fast, cheap = options["one H100"]["values"], options["one 4090"]["values"]
    assert fast["performance"] > 3 * cheap["performance"]
    assert fast["cost"] > cheap["cost"]
    assert options["one H100"]["score_ratio"] == pytest.approx(0.7)
    swing = next(one for one in answer["swings"] if one["criterion"] == "cost")
    assert swing["weight_level_ratio"] == pytest.approx(0.5)
    code, text, _ = program.run(f"ask criteria {path}")
    assert "one H100 wins with 0.700" in text
    assert "Computed: one 4090" in text


def test_weights_that_do_not_sum_to_one_are_refused(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "criteria.toml"
    path.write_text(CRITERIA.format(integration=0.1), encoding="utf-8")
    code, _, error = program.run(f"ask criteria {path}")
    assert code == 2
    assert "the weights sum to 0.9: they must sum to 1" in error


def test_lock_in_and_ecosystem_answer_as_text_and_as_json(
    program: Program,
) -> None:
    code, text, _ = program.run("ask lock-in --on 1xl4 --provider runpod --model llama-3.1-8b")
    assert code == 0
    assert "Leaving runpod for" in " ".join(text.split())
    assert "Exit to AMD" in text
    code, text, _ = program.run("ask ecosystem rtx-4090 mi300x --json")
    answer: dict[str, Any] = json.loads(text)
    assert code == 0
    assert {card["gpu"] for card in answer["cards"]} == {"rtx-4090", "mi300x"}


def test_missing_software_costs_its_share_of_the_hours(program: Program) -> None:
    words = "ask ecosystem h100-sxm mi300x --debugging 400h --wage $100/h"
    for card in program.json(words)["cards"]:
        lacks = 1.0 - card["score_ratio"]
        assert card["soft_usd"] == pytest.approx(lacks * 400.0 * 100.0)
    assert "--debugging and --wage go together" in program.sentence("ask ecosystem l4 --wage $5")

"""``ask`` about hardware: the decisive numbers, exit codes, JSON, and sentences for wrong words."""

from __future__ import annotations

import pytest
from program import Program

CHOOSE = "choose-gpu llama-2-7b --among rtx-4090,l4"
RIVALS = "many-or-one llama-3.1-8b --many 16xrtx-4090 --one 1xh100-sxm"
SENTENCES = (
    ("choose-gpu llama-2-7b --kind hobby", "--kind is 'hobby': it is development or production"),
    ("choose-gpu llama-2-7b --users 0", "--users is 0: it must be a whole number from 1"),
    ("choose-gpu llama-2-7b --users 3 --rate 1/s", "--rate and --users both say how much comes"),
    ("choose-gpu llama-2-7b --kind production", "add --rate 5/s or --users 200"),
    ("choose-gpu llama-2-7b --think 0s", "--think is 0s: it must be a positive, finite number"),
    ("choose-gpu llama-2-7b --card nosuch", "no GPU is called 'nosuch'"),
    ("choose-gpu llama-2-7b --among l4,,t4", "--among 'l4,,t4': write one to 32 names by comma"),
    ("choose-gpu llama-2-7b --weights q99", "no weight format is called 'q99'"),
    ("choose-gpu llama-2-7b --max-power lots", "--max-power is 'lots': write a number"),
    ("choose-gpu llama-2-7b --input 9000", "--input is 9000"),
    ("gpu-count llama-2-7b --gpus=", "--gpus '': write one to 32 names by comma"),
    ("gpu-count llama-2-7b --most-cards 0", "--most-cards is 0"),
    ("gpu-count llama-2-7b --context 1000000", "--context is 1000000"),
    ("gpu-count nosuch", "no model is called 'nosuch'"),
    ("many-or-one llama-2-7b --many 4xl4 --one 1xl4", "--many and --one are both l4"),
    ("many-or-one llama-2-7b --many 4xl4@70w --one 1xl40s", "has options or mixed cards"),
    (f"{RIVALS} --rate never", "--rate is 'never': write a number such as 5/s"),
    ("tiers llama-2-7b --capital nothing", "--capital is 'nothing': write a number"),
    ("tiers llama-2-7b --home-power -5W", "--home-power is -5"),
    ("consumer-or-datacenter llama-2-7b --rate 0/s", "--rate is 0/s: it must be a positive"),
    ("overkill llama-2-7b --on 2xl4+1xl40s --rate 1/s", "has options or mixed cards"),
    ("train-or-serve llama-2-7b", "name one or more cards and then the model"),
    ("train-or-serve llama-2-7b h100-sxm", "no GPU is called 'llama-2-7b'"),
    ("train-or-serve l4 llama-2-7b --sequence 0", "--sequence is 0"),
)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(monkeypatch, capsys, "ask")


@pytest.mark.parametrize(("command", "sentence"), SENTENCES)
def test_wrong_words_leave_with_a_sentence(command: str, sentence: str, program: Program) -> None:
    code, out, err = program.run(command)
    assert (code, out) == (2, "")
    assert sentence in " ".join(err.split())


def test_one_user_of_seven_billion_needs_no_more_than_24_gb(program: Program) -> None:
    answer = program.json(f"{CHOOSE} --users 1 --weights bf16")
    assert answer["deciding"]["does"] is True
    assert answer["deciding"]["gpu"] == "rtx-4090"
    assert answer["chosen"]["cards_count"] == 1


def test_thirteen_billion_at_16_bits_need_more_than_24_gb(program: Program) -> None:
    answer = program.json("choose-gpu llama-2-13b --users 1 --weights bf16 --among rtx-4090,l40s")
    assert answer["deciding"]["does"] is False
    assert answer["deciding"]["verdict"] == "no"


def test_a_choice_that_nothing_allows_is_a_no_with_the_nearest_miss(program: Program) -> None:
    answer = program.json(f"{CHOOSE} --max-power 10W", leaves=1)
    assert answer["chosen"] is None
    assert any("--max-power" in sentence for sentence in answer["nearest"])


def test_a_service_asks_for_objectives_headroom_and_a_spare_engine(program: Program) -> None:
    answer = program.json(f"{CHOOSE} --rate 1/s --kind production")
    asked = answer["question"]
    assert (asked["ttft_p99_s"], asked["tpot_p99_s"]) == (2.0, 0.2)
    assert (asked["headroom_ratio"], asked["spare_engines_count"]) == (0.3, 1)
    assert answer["dropped_cards_count"] == 1  # the RTX 4090


def test_seventy_billion_at_16_bits_take_two_h100(program: Program) -> None:
    answer = program.json("gpu-count llama-2-70b --weights checkpoint --context 4096")
    least = {row["gpu"]: row["least_cards_count"] for row in answer["rows"]}
    assert least == {"rtx-4090": 7, "h100-sxm": 2}
    assert 6 in [entry["tp"] for entry in answer["forbidden_tp"]]


def test_too_few_cards_are_a_no(program: Program) -> None:
    command = "gpu-count llama-2-70b --gpus rtx-4090 --weights checkpoint --most-cards 4"
    code, out, _ = program.run(command)
    assert code == 1
    assert "does not fit 4 cards" in " ".join(out.split())


def test_many_or_one_says_what_sums_up_and_what_is_delivered(program: Program) -> None:
    answer = program.json(f"{RIVALS} --rate 1/s --ttft-p99 2s")
    assert answer["many"]["hosts_count"] == 2
    assert answer["many"]["peak_flop_per_s"] == pytest.approx(16 * 165.2e12)
    assert answer["winner"] in {"16xrtx-4090", "1xh100-sxm"}
    assert {p["justified"] for p in answer["premiums"]} <= {"surely", "likely", "not"}
    assert program.run(f"{RIVALS} --rate 5000/s")[0] == 1


def test_overkill_leaves_with_0_when_it_is_and_1_when_not(program: Program) -> None:
    command = "overkill llama-2-7b --on 1xa100-sxm-80gb --rate"
    answer = program.json(f"{command} 1/s")
    assert answer["overkill"] is True
    assert answer["saving_usd_per_month"] > 0
    assert program.run(f"{command} 400/s")[0] == 1


def test_train_or_serve_says_that_70_billion_take_13_cards_of_80_gb(program: Program) -> None:
    code, out, _ = program.run("train-or-serve h100-sxm llama-2-70b --weights fp8")
    text = " ".join(out.split())
    assert code == 0
    assert "1,104 GB of states" in text
    assert "h100-sxm at least 13, not 8" in text


def test_budgets_are_answered_without_infinities(program: Program) -> None:
    answer = program.json("tiers llama-2-7b --weights fp8")
    assert [tier["to_usd_per_month"] for tier in answer["tiers"]] == [500.0, 5000.0, None]


def test_markets_are_answered_by_rate(program: Program) -> None:
    answer = program.json("consumer-or-datacenter llama-2-7b --weights fp8")
    assert answer["cheapest_at_asked"] in {"consumer", "other"}
    assert answer["corners"]

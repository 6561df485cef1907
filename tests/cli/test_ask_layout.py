"""``ask`` for layout, money and growth: answers, exit codes, JSON, and sentences for wrong use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rightrig.verbs.asking_layout import growth_ratio_per_month

if TYPE_CHECKING:
    from program import Program

GROWTH = "ask growth llama-3.1-8b --rate 5/s --growth 10%/month"
SCALING = "ask scaling --params 1B --link 4xrtx-4090 --step 2s"
# A command, its exit code, and names that its JSON has.
FORMS = (
    ("ask split llama-3.1-8b --on 4xh100-sxm --on 4xrtx-4090 --tpot-p99 50ms", 0, "rigs"),
    ("ask split llama-3.3-70b --on 1xrtx-4090", 1, "rigs"),
    ("ask split llama-3.1-8b --on 4xh100-sxm --rate 9999/s", 1, "rigs"),
    ("ask buy-or-rent --price $1700 --rent $0.34/h --power 450W", 0, "low_months_count"),
    ("ask buy-or-rent --gpu rtx-4090 --hours-a-day 2", 1, "least_use_ratio"),
    ("ask buy-or-rent --price 99 --rent 0.01 --power 450W", 1, "advice"),
    (f"{SCALING} --measured-speedup 3.2 --job-cost $136", 0, "causes"),
    ("ask scaling --params llama-3.3-70b --link 8xh100-sxm --step 5s", 1, "states"),
    ("ask mix llama-3.1-8b --rigs 4xrtx-4090,2xa100-sxm-80gb", 0, "routes"),
    ("ask mix deepseek-v3 --rigs 1xrtx-4090,1xl4", 1, "one_engine"),
    (f"{GROWTH} --start 2027-01-01 --tpot-p99 50ms", 0, "ends"),
    (f"{GROWTH} --budget 5/month", 1, "plans"),
    ("ask measure-next llama-3.1-8b --rate 5/s --tpot-p99 20ms", 0, "doubts"),
    ("ask measure-next llama-3.1-8b --rate 1/s --on 1xl4", 0, "doubts"),
)
SENTENCES = (
    ("ask split llama-3.1-8b --on 4xh100-sxm+1xl4", "ask 'rightrig ask mix'"),
    ("ask split llama-3.1-8b --on 4xh100-sxm --weights q99", "no weight format is called 'q99'"),
    ("ask split llama-3.1-8b --on 4xh100-sxm --output 1", "--output is 1"),
    ("ask split llama-3.1-8b --on 4xh100-sxm --rate 0", "--rate is 0"),
    ("ask buy-or-rent", "--price is missing"),
    ("ask buy-or-rent --price 9 --rent 1", "--power is missing"),
    ("ask buy-or-rent --gpu rtx-4090 --price 9..3", "write the lower price first"),
    ("ask buy-or-rent --gpu rtx-4090 --resale 99999", "is not below the price"),
    ("ask buy-or-rent --gpu rtx-4090 --resale 100%", "nothing is spent"),
    ("ask buy-or-rent --gpu rtx-4090 --resale 130%", "it is a share from 0 to 100%"),
    ("ask buy-or-rent --gpu rtx-4090 --pue 0.5", "--pue is 0.5"),
    ("ask buy-or-rent --gpu rtx-4090 --hours-a-day 25", "--hours-a-day is 25"),
    ("ask buy-or-rent --gpu rtx-4090 --tariff nan", "--tariff is 'nan'"),
    ("ask scaling --params 7B --link 10GB/s --step 5s", "--gpus is missing"),
    ("ask scaling --params 7B --link h100-sxm --step 5s", "one card exchanges nothing"),
    ("ask scaling --params 7Q --link 4xl4 --step 5s", "no model is called '7Q'"),
    (f"{SCALING} --gpus 9", "--gpus is 9 and 4xrtx-4090 has 4 cards"),
    (f"{SCALING} --measured-speedup 4", "above 0 and below 4"),
    (f"{SCALING} --state-bytes 1", "--state-bytes is 1"),
    (f"{SCALING} --overlap 2", "--overlap is 2: it is a share from 0 to 1"),
    ("ask mix llama-3.1-8b --rigs 4xrtx-4090", "names one kind of card"),
    ("ask mix llama-3.1-8b --rigs 4xrtx-4090,,l4", "none of them empty"),
    ("ask mix llama-3.1-8b --rigs 4xrtx-4090+1xl4,l4", "name each kind as a pool"),
    ("ask growth llama-3.1-8b --rate 5/s --growth fast", "write 10%/month or 200%/year"),
    ("ask growth llama-3.1-8b --rate 5/s --growth 0%", "--growth is 0"),
    (f"{GROWTH} --start tomorrow", "write a day as 2027-01-31"),
    (f"{GROWTH} --months 999", "--months is 999"),
    ("ask measure-next llama-3.1-8b --rate 1/s", "add --ttft-p99 or --tpot-p99"),
    ("ask measure-next llama-3.1-8b --rate 1/s --runtime vllm", "--runtime goes with --on"),
)


@pytest.mark.parametrize(("command", "code", "name"), FORMS, ids=[form[0] for form in FORMS])
def test_every_form_answers_as_text_and_as_json(
    program: Program, command: str, code: int, name: str
) -> None:
    assert program.text(command, leaves=code)
    assert program.json(command, leaves=code)[name] is not None


@pytest.mark.parametrize(("command", "sentence"), SENTENCES, ids=[pair[0] for pair in SENTENCES])
def test_wrong_use_is_one_sentence(program: Program, command: str, sentence: str) -> None:
    assert sentence in program.sentence(command)


def test_numbers_of_the_json_are_those_of_the_text(program: Program) -> None:
    command = "ask buy-or-rent --price $600..$800 --rent $0.34/h --power 450W --tariff 0.08 --pue 1"
    text = program.text(command)
    assert "after 2.7 to 3.6 months (2.4 to 3.2 if electricity were free)" in text
    assert program.json(command)["high_months_count"] == pytest.approx(3.6049, abs=1e-4)


def test_a_share_of_the_price_comes_back_as_its_dollars_do(program: Program) -> None:
    command = "ask buy-or-rent --price 1000 --rent 0.34/h --power 450W --tariff 0.08 --pue 1"
    share = program.json(f"{command} --resale 30%")
    dollars = program.json(f"{command} --resale 300")
    assert (share["resale_usd"], share["resale_ratio"]) == (0.0, 0.3)
    assert program.json(f"{command} --resale 0.3") == share
    assert share["low_months_count"] == pytest.approx(dollars["low_months_count"])


def test_a_year_of_growth_is_spread_over_twelve_months() -> None:
    assert (1.0 + growth_ratio_per_month("100%/year")) ** 12 == pytest.approx(2.0)
    assert growth_ratio_per_month("10%") == growth_ratio_per_month("0.1/month")

"""``cost tokens``, ``break-even`` and ``compare``: answers, exit codes, JSON, and wrong use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

TOKENS = "cost tokens llama-2-7b --on 1xrtx-4090"
BREAK_EVEN = "cost break-even llama-2-7b --on 1xrtx-4090"
USED = f"{BREAK_EVEN} --capex 600..800 --price 0.34 --power 450W"
COMPARE = "cost compare llama-3.3-70b 2xh100-sxm 4xrtx-4090/awq own:2xh100-sxm api:groq"
SEEDS = "cost compare llama-2-7b 1xh100-sxm 1xrtx-4090 --use 1"
# A command, its exit code, and names that its JSON has.
FORMS = (
    (f"{TOKENS} --use 0.6 --batches 1,8,32", 0, "prices"),
    (f"{TOKENS} --own --tariff 0.08..0.20 --pue 1 --use 40%..80%", 0, "time_shares"),
    (f"{TOKENS} --rate 100/s", 1, "reason"),
    ("cost tokens llama-3.3-70b --on 1xrtx-4090", 1, "batches"),
    (f"{TOKENS} --prefix-hit 0.5 --tpot-p99 50ms", 0, "mean_usd_per_token"),
    (f"{USED} --tariff 0.08 --pue 1", 0, "pays"),
    (f"{BREAK_EVEN} --price 0.01 --tariff 0.2", 1, "months_count"),
    (f"{BREAK_EVEN} --rent --against 0.5,1.5", 0, "threshold_tokens_per_month"),
    ("cost break-even llama-3.3-70b --on 8xh100-sxm --against api:deepinfra", 1, "advice"),
    (f"{COMPARE} --rate 2/s", 0, "too_close_to_call"),
    ("cost compare llama-2-7b 1xl4 api:0.5 --use 0.3..0.7 --coverage", 0, "winner"),
    ("cost compare llama-3.3-70b 1xrtx-4090 1xl4 --use 1", 1, "sides"),
)
SENTENCES = (
    (f"{TOKENS} --capex 1800", "--capex is of a rig that is bought: add --own"),
    (f"{TOKENS} --tariff 0.1", "--tariff is of a rig that is bought: add --own"),
    (f"{TOKENS} --own --price 0.34", "--price is a rent and nothing is rented here"),
    (f"{TOKENS} --own --budget 500/month", "--budget pays for hours of a rented rig"),
    (f"{BREAK_EVEN} --against 0.5 --price 0.34", "--price is a rent and nothing is rented here"),
    (f"{TOKENS} --own --resale 100% --tariff 0", "the rig costs nothing on these terms"),
    (f"{COMPARE} --rate 2/s --seed -1", "--seed is -1"),
    (f"{TOKENS} --use 200%", "--use is 200%: it is a share from 0 to 100%"),
    (f"{TOKENS} --use 0", "it is a share above 0"),
    (f"{TOKENS} --use 0.5 --rate 1/s", "say the load twice"),
    (f"{TOKENS} --price=-3", "must be a positive, finite number"),
    (f"{TOKENS} --price 3EUR", "unit 'EUR' is not one of"),
    (f"{TOKENS} --own --capex=-1800", "must be a positive, finite number"),
    (f"{TOKENS} --own --capex 0", "--capex is 0"),
    (f"{TOKENS} --own --capex 800EUR", "add the rate of the day, --eur-usd"),
    (f"{TOKENS} --own --resale 120%", "--resale is 120%"),
    (f"{TOKENS} --own --years 0", "--years is 0"),
    (f"{TOKENS} --own --years 1e-300", "a day or longer"),
    (f"{TOKENS} --batches a", "write whole numbers by comma"),
    (f"{TOKENS} --batches 0", "--batches is 0"),
    (f"{TOKENS} --budget=-5", "--budget is -5"),
    (f"{TOKENS} --tokens-per-s fast", "write output tokens/s by comma"),
    ("cost tokens llama-3.3-70b --on api:groq", "name a rig"),
    ("cost tokens llama-2-7b --on 1xrtx-4090+1xl4 --runtime vllm --price 1", "unequal cards"),
    (f"{BREAK_EVEN} --against api:nosuch", "no price of an API called 'nosuch' is known"),
    (f"{BREAK_EVEN} --against nosuch", "or write dollars a million"),
    (f"{BREAK_EVEN} --against 1,2,3", "write one price, or that of prompts and of answers"),
    (f"{BREAK_EVEN} --against=-2", "must be a positive, finite number"),
    (f"{BREAK_EVEN} --rent", "compares a rig with itself"),
    (f"{BREAK_EVEN} --capex 800..600", "write the lower amount first"),
    (f"{BREAK_EVEN} --pue 0.5", "--pue is 0.5"),
    (f"{BREAK_EVEN} --resale 0%..30%", "--resale is '0%..30%': it takes one value, not a range"),
    (f"{BREAK_EVEN} --other 0..50/month", "--other is '0..50/month': it takes one value"),
    (f"{BREAK_EVEN} --tariff 0.3..0.1", "write the lower value first"),
    ("cost break-even llama-3.3-70b --on 8xh100-sxm --against api:acme", "is served by deepinfra"),
    (COMPARE, "how much work is there?"),
    ("cost compare llama-3.3-70b 2xh100-sxm --use 1", "needs two sides"),
    ("cost compare llama-3.3-70b api:groq api:nebius --use 1", "name a rig as well"),
    ("cost compare llama-2-7b 1xl4 1xl4 --use 1", "named twice"),
    (f"{SEEDS} --bill 1/h", "--bill has 1 values for 2 rigs"),
    ("cost compare llama-2-7b own:1xl4 1xl40s --use 1 --bill 1/h,2/h", "write 1xl4 for own:1xl4"),
    ("cost compare llama-2-7b own:1xl4 1xl4 --use 1 --bill 1/h,2/h", "leave out own:1xl4, or"),
    (f"{SEEDS} --tokens-per-s 9", "--tokens-per-s has 1 values for 2 rigs"),
    (f"{SEEDS} --batch 4 --ttft-p99 1s", "objectives of latency go without it"),
    (f"{SEEDS} --batch 0", "--batch is 0"),
)  # fmt: skip


@pytest.mark.parametrize(("command", "code", "name"), FORMS, ids=[form[0] for form in FORMS])
def test_a_form_answers_in_text_and_json(
    program: Program, command: str, code: int, name: str
) -> None:
    assert program.text(command, leaves=code)
    assert name in program.json(command, leaves=code)


@pytest.mark.parametrize(("command", "words"), SENTENCES, ids=[pair[0] for pair in SENTENCES])
def test_wrong_use_is_one_sentence(program: Program, command: str, words: str) -> None:
    assert words in program.sentence(command)


@pytest.mark.parametrize(
    ("speed", "bill", "usd_per_million"),
    [
        (95, "10490/year", 3.501),
        (42, "845/year", 0.638),
        (2800, "10490/year", 0.1188),
        (320, "845/year", 0.0837),
    ],
)
def test_the_worked_costs_come_from_the_command(
    speed: int, bill: str, usd_per_million: float, program: Program
) -> None:
    # F076: three-year totals of $31,470 and $2,535, a third of them a year.
    command = f"cost tokens llama-2-7b --on 1xh100-sxm --price {bill}"
    found = program.json(f"{command} --tokens-per-s {speed}")
    cost = found["prices"]["all_usd_per_output_token"]
    assert cost * 1e6 == pytest.approx(usd_per_million, rel=5e-4)


def test_batch_32_is_won_by_1_42_on_the_sources_inputs_by_a_card_that_does_not_hold_it(
    program: Program,
) -> None:
    # F077.
    found = program.json(f"{SEEDS} --batch 32 --tokens-per-s 2800,320 --bill 10490/year,845/year")
    h100, rtx = found["sides"]
    assert h100["stated_request_usd"] / rtx["stated_request_usd"] == pytest.approx(1.42, abs=5e-3)
    assert rtx["reason"] == "does not fit with 32 sequences"
    assert found["winner"] == "1xh100-sxm"


def test_a_13b_in_16_bits_is_na_on_a_4090(program: Program) -> None:
    # F078.
    found = program.json("cost tokens llama-2-13b --on 1xrtx-4090 --batches 1", leaves=1)
    assert found["prices"] is None
    assert found["batches"][0]["fits"] is False
    assert found["batches"][0]["mean_usd_per_token"] is None


def test_a_budget_of_500_a_month_rents_an_l40s_for_a_share_of_the_hours(program: Program) -> None:
    # F094: 46 % at $1.50/h, 86 % at $0.80/h.
    for price, duty in (("1.50", 0.4566), ("0.80", 0.8562)):
        command = f"cost tokens llama-3.1-8b --on 1xl40s --price {price} --budget 500/month"
        found = program.json(command)
        assert found["duty_ratio"] == pytest.approx(duty, abs=1e-3)


def test_what_is_counted_of_electricity_is_said_where_no_power_is_given(program: Program) -> None:
    command = "cost break-even llama-2-7b --on 1xrtx-4090 --capex 700 --price 0.34"
    counted, *_ = [
        text for text in program.json(command)["explanation"]["sentences"] if "--power" in text
    ]
    assert " W for the cards at work (predicted) and " in counted
    assert " W for what is around them at all hours (estimated)" in counted
    told = program.json(f"{command} --power 450W")["explanation"]["sentences"]
    assert not any("--power" in text for text in told)


def test_what_decides_is_named_in_plain_words(program: Program) -> None:
    named = [one["input"] for one in program.json(f"{BREAK_EVEN} --against 0.5")["inputs"]]
    assert "ratio of true to predicted speed (dense models on vLLM)" in named


def test_charts_are_written(tmp_path: Path, program: Program) -> None:
    program.text(f"{USED} --save {tmp_path}")
    names = {path.name.partition(".")[0] for path in tmp_path.iterdir()}
    assert names == {"break_even", "tornado"}


def test_what_is_not_drawn_is_not_written(tmp_path: Path, program: Program) -> None:
    command = "cost tokens llama-3.3-70b --on 1xrtx-4090"
    said = program.sentence(f"{command} --save {tmp_path / 'out'}")
    assert "there is nothing to draw" in said
    assert not (tmp_path / "out").exists()

"""The same quantity in two commands of ``cost`` is the same number, and age is told alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from program import Program

TERMS: Final = "--capex 200000 --discount 8% --resale 20% --power 5kW --pue 1.3 --tariff 0.12"
MODEL: Final = "llama-3.1-8b --on 4xh100-sxm"


def test_an_owner_pays_the_same_a_month_in_own_tokens_and_break_even(program: Program) -> None:
    own = program.json(f"cost own 4xh100-sxm {TERMS} --use 60%")
    tokens = program.json(f"cost tokens {MODEL} --own {TERMS} --use 60%")
    paid = program.json(f"cost break-even {MODEL} {TERMS} --use 60% --against api:0.001", leaves=1)
    # By hand: 12 % of 5 kW idle, 1.3 at the meter, an annuity of three years at 8 %.
    mean_kw, years = 0.6 + 0.6 * (5.0 - 0.6), (1.0 - 1.08**-3) / 0.08
    energy = mean_kw * 1.3 * 8760.0 * 0.12
    expected = (200_000.0 + energy * years - 40_000.0 / 1.08**3) / years / 12.0
    assert own["equal_usd_per_month"]["mid"] == pytest.approx(expected)
    assert tokens["bill_usd_per_month"]["mid"] == pytest.approx(expected)
    assert paid["own_usd_per_month"] == pytest.approx(expected)
    assert paid["running_usd_per_month"] == pytest.approx(energy / 12.0)


def test_power_and_compare_price_a_token_of_an_owned_machine_alike(program: Program) -> None:
    power = program.json("cost power llama-3.3-70b --on 8xh100-sxm --concurrency 64 --caps")
    sides = program.json("cost compare llama-3.3-70b own:8xh100-sxm api:9 --batch 64 --use 1")[
        "sides"
    ]
    (own,) = (one for one in sides if one["paid"] == "owned")
    an_answer_token = own["usd_per_million_tokens"]["mid"] * 1e-6 * 1_300.0 / 300.0
    assert an_answer_token == pytest.approx(power["caps"][0]["own_usd_per_token"], rel=1e-3)


def test_the_machine_around_the_cards_draws_too(program: Program) -> None:
    asked = "cost tokens llama-3.3-70b --on 8xh100-sxm --own --capex 1 --use 1 --pue 1 --tariff 0.1"
    found = program.json(f"{asked} --batches 64")
    power = program.json("cost power llama-3.3-70b --on 8xh100-sxm --concurrency max")
    drawn_kw = found["bill_usd_per_month"]["mid"] / 730.0 / 0.1
    assert drawn_kw > (power["phases"][0]["power_w"]["mid"] + power["host_w"]["mid"]) / 1e3
    assert power["host_w"]["mid"] == pytest.approx(3_000.0)
    text = program.text(f"{asked} --batches 64")
    assert "power: predicted for the cards, estimated for what is beside them" in text


def test_an_offer_is_as_old_in_one_list_as_in_the_other(program: Program) -> None:
    rent = program.lines("cost rent 8xh100-sxm --provider coreweave")
    listed = program.lines("prices show h100-sxm")
    (row,) = (line for line in rent.splitlines() if line.startswith("coreweave"))
    (other,) = (line for line in listed.splitlines() if "coreweave  " in line)
    age = row.partition("2026-09-20")[2].split("days old")[0].strip()
    assert age.isdigit()
    assert f"{age} days old" in other


def test_instances_are_not_mistaken_for_their_cards(program: Program) -> None:
    text = program.text("cost rent 64n:8xh100-sxm --provider hyperstack --days 42")
    assert "64 × hyperstack n3-H100-SXM5x8 of 8 cards, $1,229/h for the rig" in text


def test_a_machine_that_costs_nothing_has_no_shares(program: Program) -> None:
    asked = "cost own 2xh100-sxm --capex 30000 --resale 100% --tariff 0"
    assert program.json(asked)["present_usd"]["mid"] == 0.0
    rows = [line.split() for line in program.lines(asked).splitlines()]
    assert ["hardware", "once", "$30,000", "$30,000", "$30,000", "–"] in rows


def test_spot_hours_that_are_all_lost_have_no_price(program: Program) -> None:
    asked = "cost rent h100-sxm --spot --mtbp 1s --save-time 2h --restart 5h"
    assert {offer["useful_usd_per_hour"] for offer in program.json(asked)["offers"]} == {None}
    assert "∞" in program.text(asked)
    assert "inf" not in program.text(asked)


def test_one_year_is_no_plural(program: Program) -> None:
    assert "$ in 1 year " in program.text("cost energy rtx-4090")
    assert "Owning 1xrtx-4090 for 1 year " in program.text("cost own rtx-4090 --years 1")


def test_published_averages_have_a_day_and_a_source(program: Program) -> None:
    text = program.text("cost energy rtx-4090")
    assert "tariff: US commercial average, 20" in text
    assert "PUE: industry average, 20" in text
    assert "Tariff: US commercial average, 20" in program.text(
        "cost power llama-3.1-8b --on rtx-4090"
    )

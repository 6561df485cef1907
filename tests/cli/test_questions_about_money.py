"""The commands of docs/how-to/questions-about-money.md, each with the number that decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from asked_pages import AskedPage

if TYPE_CHECKING:
    from program import Program

PAGE: Final = AskedPage("how-to/questions-about-money.md")


@PAGE.asks(
    "cost tokens llama-2-7b --on 1xh100-sxm --price 10490/year --tokens-per-s 95 --batches 1"
)
def test_31_470_dollars_at_95_tokens_a_second_are_3_50_a_million(
    program: Program, command: str
) -> None:
    # F076
    found = program.json(command)
    assert found["prices"]["all_usd_per_output_token"] * 1e6 == pytest.approx(3.501, rel=5e-4)


@PAGE.asks(
    "cost compare llama-2-7b 1xh100-sxm 1xrtx-4090 --use 1 --batch 32 --tokens-per-s 2800,320 "
    "--bill 10490/year,845/year"
)
def test_the_4090_wins_batch_32_by_1_42_and_does_not_hold_it(
    program: Program, command: str
) -> None:
    # F077
    found = program.json(command)
    h100, rtx = found["sides"]
    assert h100["stated_request_usd"] / rtx["stated_request_usd"] == pytest.approx(1.42, abs=5e-3)
    assert rtx["reason"] == "does not fit with 32 sequences"


@PAGE.asks("cost tokens llama-3.1-8b --on 1xl40s --price 1.50 --budget 500/month")
def test_500_dollars_a_month_are_46_percent_of_an_l40s(program: Program, command: str) -> None:
    # F094
    assert program.json(command)["duty_ratio"] == pytest.approx(500.0 / (1.5 * 730.0))


@PAGE.asks("cost own 4xh100-sxm --capex 200000 --discount 8% --power 5kW --pue 1.3 --tariff 0.12")
def test_200_000_dollars_stand_against_a_rent_of_7_037(program: Program, command: str) -> None:
    # F095
    found = program.json(command)
    assert found["equal_usd_per_month"]["mid"] == pytest.approx(7_036.6, abs=0.1)


@PAGE.asks("rigs show 8xh100-sxm")
def test_the_page_of_a_rig_has_power_failures_and_a_threshold(
    program: Program, command: str
) -> None:
    # F095, F096, F070
    found = program.json(command)["combo"]
    own = program.json("cost own 8xh100-sxm --host-power 4600W")
    for end in ("low", "mid", "high"):
        assert found["owning"]["threshold_usd_per_month"][end] == pytest.approx(
            own["equal_usd_per_month"][end]
        )
    assert found["owning"]["all_in_usd"] == own["price_usd"]
    assert found["power"]["peak_w"]["mid"] == pytest.approx(10_200.0)
    assert found["risk"]["failures_per_year"]["mid"] == pytest.approx(8 * 0.1082, abs=0.001)
    text = program.text(command)
    for words in ("decoding, full load", "All in, ", "Production: ", "How it fails"):
        assert words in text


@PAGE.asks(
    "cost energy 1xrtx-4090 --power 450W --against 1xrtx-4090 --against-power 350W --tariff 0.08 "
    "--pue 1 --years 3"
)
def test_450_and_350_watts_differ_by_70_dollars_a_year(program: Program, command: str) -> None:
    # F208, F074
    found = program.json(command)
    assert found["saved_usd_per_year"] == pytest.approx(0.1 * 8760.0 * 0.08)
    assert found["rigs"][1]["cost_usd_per_year"] == pytest.approx(245.28)


@PAGE.asks("cost rent 8xa100-sxm-80gb --provider coreweave --hours 1")
def test_a_node_of_21_60_is_2_70_a_card(program: Program, command: str) -> None:
    # F086
    (offer,) = program.json(command)["offers"]
    assert (offer["instance_usd_per_hour"], offer["card_usd_per_hour"]) == (21.6, 2.7)


@PAGE.asks(
    "cost rent 125n:8xh100-sxm --gain 10% --card-price 2.50/h --bandwidth-loss 20% --exposed 30%"
)
def test_ten_percent_of_a_thousand_cards_are_2_19_million(program: Program, command: str) -> None:
    # F098, F064: a step takes 1 + 0.3 · (1/0.8 − 1) of its time.
    text = program.text(command)
    assert "is worth $2,190,000 a year" in text
    lost = 0.3 * (1.0 / 0.8 - 1.0)
    assert f"costs ${21_900_000.0 * lost / (1.0 + lost):,.0f} a year" in text


@PAGE.asks("finetune llama-2-7b --find --method lora --tokens 100M --deadline 24h")
def test_one_cheap_card_trains_a_7b_by_tomorrow(program: Program, command: str) -> None:
    assert "1xrtx-4090 does it in" in program.text(command)


@PAGE.asks("cost power llama-3.1-8b --on 1xh100-sxm --concurrency max --caps --capex 30000")
def test_a_dear_card_keeps_its_power(program: Program, command: str) -> None:
    found = program.json(command)
    assert found["recommended_limit_w"] == 700.0


@PAGE.asks("risk run --gpus 1024 --days 30 --save-time 60s --card-price 2.50")
def test_a_month_on_1024_cards_is_interrupted_14_5_times(program: Program, command: str) -> None:
    # F073
    found = program.json(command)
    per_gpu_s = 21_233_664 * 3600.0 / 419
    assert found["expected_interruptions_count"]["mid"] == pytest.approx(
        1024 * 30 * 86_400.0 / per_gpu_s
    )


@PAGE.asks(
    "risk serve --replicas 40 --preset llama-3 --gpus-per-replica 8 --mttr 4h --target 99.9%"
)
def test_one_spare_keeps_forty_replicas_at_99_9(program: Program, command: str) -> None:
    found = program.json(command)
    assert (found["fewest_spares_count"], found["reached"]) == (1, True)


@PAGE.asks("risk rig 4xrtx-4090")
def test_a_rig_of_consumer_cards_is_ready_with_limits(program: Program, command: str) -> None:
    # F197, F072
    found = program.json(command)
    assert found["readiness"] == "with limits"
    assert [one["rule"] for one in found["reasons"]] == [
        "READY-TIER", "READY-ECCON", "READY-MACHINE",
    ]  # fmt: skip


def test_every_command_of_the_page_is_asked_here() -> None:
    assert sorted(PAGE.asked) == sorted(PAGE.commands)

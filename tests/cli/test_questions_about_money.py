"""The commands of docs/how-to/questions-about-money.md, each with the number that decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from scripts import ROOT, load_script

if TYPE_CHECKING:
    from program import Program

PAGE: Final = ROOT / "docs" / "how-to" / "questions-about-money.md"
EXAMPLES: Final = load_script("docs/refresh_readme.py")
COMMANDS: Final = tuple(
    " ".join(example.command.replace("\\\n", " ").split()).partition(" | ")[0]
    for block in EXAMPLES.blocks(PAGE.read_text(encoding="utf-8"))
    for example in block
)
"""What a shell runs, without what picks lines of it."""

ASKED: Final[list[str]] = []


def asks(command: str) -> pytest.MarkDecorator:
    """Give a test its command of the page."""
    ASKED.append(f"rightrig {command}")
    return pytest.mark.parametrize("command", [command])


@asks("cost tokens llama-2-7b --on 1xh100-sxm --price 10490/year --tokens-per-s 95 --batches 1")
def test_31_470_dollars_at_95_tokens_a_second_are_3_50_a_million(
    program: Program, command: str
) -> None:
    # F076
    found = program.json(command)
    assert found["prices"]["all_usd_per_output_token"] * 1e6 == pytest.approx(3.501, rel=5e-4)


@asks(
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


@asks(
    "cost break-even llama-3.1-8b --on 1xrtx-4090 --capex 1800 --price 0.34 --power 450W "
    "--tariff 0.12 --pue 1 --use 50%"
)
def test_a_card_pays_from_a_number_of_tokens_a_month(program: Program, command: str) -> None:
    # F187, F081. Rent is by the hour of work; the card is paid for around the clock.
    found = program.json(command)
    capital, idle_w, busy_w = 1800.0 / 36.0, 0.12 * 450.0, 450.0
    per_kw_month = 0.12 * 730.0 / 1e3
    # capital + idle + x·(busy − idle) = 0.34 · 730 · x, x the share of the hours at work.
    share = (capital + idle_w * per_kw_month) / (0.34 * 730.0 - (busy_w - idle_w) * per_kw_month)
    ratio = found["threshold_tokens_per_month"] / found["full_tokens_per_month"]
    assert ratio == pytest.approx(share, rel=1e-3)
    assert found["pays"]


@asks("cost tokens llama-3.1-8b --on 1xl40s --price 1.50 --budget 500/month")
def test_500_dollars_a_month_are_46_percent_of_an_l40s(program: Program, command: str) -> None:
    # F094
    assert program.json(command)["duty_ratio"] == pytest.approx(500.0 / (1.5 * 730.0))


@asks("cost own 4xh100-sxm --capex 200000 --discount 8% --power 5kW --pue 1.3 --tariff 0.12")
def test_200_000_dollars_stand_against_a_rent_of_7_037(program: Program, command: str) -> None:
    # F095
    found = program.json(command)
    assert found["equal_usd_per_month"]["mid"] == pytest.approx(7_036.6, abs=0.1)


@asks("rigs show 8xh100-sxm")
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


@asks("cost energy 4xrtx-4090 --against 2xa100-sxm-80gb --pue 1.3 --tariff 0.12 --years 5")
def test_two_clusters_differ_by_1_366_56_a_year(program: Program, command: str) -> None:
    # F182
    found = program.json(command)
    assert found["saved_usd_per_year"] == pytest.approx(1_366.56)
    assert found["saved_usd"] == pytest.approx(6_832.80)


@asks(
    "cost energy 1xrtx-4090 --power 450W --against 1xrtx-4090 --against-power 350W --tariff 0.08 "
    "--pue 1 --years 3"
)
def test_450_and_350_watts_differ_by_70_dollars_a_year(program: Program, command: str) -> None:
    # F208, F074
    found = program.json(command)
    assert found["saved_usd_per_year"] == pytest.approx(0.1 * 8760.0 * 0.08)
    assert found["rigs"][1]["cost_usd_per_year"] == pytest.approx(245.28)


@asks("cost rent 8xa100-sxm-80gb --provider coreweave --hours 1")
def test_a_node_of_21_60_is_2_70_a_card(program: Program, command: str) -> None:
    # F086
    (offer,) = program.json(command)["offers"]
    assert (offer["instance_usd_per_hour"], offer["card_usd_per_hour"]) == (21.6, 2.7)


@asks("cost rent 125n:8xh100-sxm --gain 10% --card-price 2.50/h --bandwidth-loss 20% --exposed 30%")
def test_ten_percent_of_a_thousand_cards_are_2_19_million(program: Program, command: str) -> None:
    # F098, F064: a step takes 1 + 0.3 · (1/0.8 − 1) of its time.
    text = program.text(command)
    assert "is worth $2,190,000 a year" in text
    lost = 0.3 * (1.0 / 0.8 - 1.0)
    assert f"costs ${21_900_000.0 * lost / (1.0 + lost):,.0f} a year" in text


@asks("finetune llama-2-70b --on 8xh100-sxm --method full")
def test_all_of_a_70b_model_needs_1104_gb_and_no_time_is_told(
    program: Program, command: str
) -> None:
    # F193, F061
    found = program.json(command, leaves=1)
    assert found["memory"]["whole_state_bytes"] == pytest.approx(16 * 68_976_648_192, rel=1e-3)
    assert (found["verdict"], found["time"]) == ("no", None)
    assert "1,104 GB needed" in program.text(command, leaves=1)


@asks("finetune llama-2-70b --on 1xrtx-4090 --method qlora")
def test_a_70b_qlora_does_not_fit_24_gb(program: Program, command: str) -> None:
    # F193, F120
    assert program.json(command, leaves=1)["verdict"] == "no"


@asks("finetune llama-2-70b --on 1xl40s --method qlora")
def test_a_70b_qlora_fits_48_gb(program: Program, command: str) -> None:
    # F193, F120
    assert program.json(command)["verdict"] in {"fits", "tight"}


@asks(
    "finetune qwen2.5-1.5b-instruct --on 4xrtx-4090 --method full --measured-one 7500 "
    "--measured 24000"
)
def test_20_percent_below_linear_is_what_four_4090_allow(program: Program, command: str) -> None:
    # F194, F062, F059
    found = program.json(command)
    assert found["linear_tokens_per_s"] == pytest.approx(30_000.0)
    assert found["is_as_expected"]
    assert found["causes"][0]["name"].startswith("nothing is wrong")


@asks("finetune llama-2-7b --on 4xrtx-4090 --method lora --measured-one 1600 --measured 5000")
def test_a_gap_of_22_percent_has_ranked_causes_with_evidence(
    program: Program, command: str
) -> None:
    # F194, F062: four cards alone would do 6,400.
    found = program.json(command)
    assert found["linear_tokens_per_s"] == pytest.approx(6_400.0)
    assert found["gap_ratio"] == pytest.approx(1.0 - 5_000.0 / 6_400.0, abs=0.01)
    fitting = [cause["fits"] for cause in found["causes"]]
    assert fitting == sorted(fitting, reverse=True)
    assert fitting[0]
    assert all(cause["run"] and cause["expected"] for cause in found["causes"])
    # Matrices of rank 16 are little to send: no link explains the gap.
    links = [one for one in found["causes"] if "slots" in one["name"] or "overlap" in one["name"]]
    assert links
    assert not any(one["fits"] for one in links)


@asks("finetune llama-2-7b --find --method lora --tokens 100M --deadline 24h")
def test_one_cheap_card_trains_a_7b_by_tomorrow(program: Program, command: str) -> None:
    assert "1xrtx-4090 does it in" in program.text(command)


@asks("cost electrical 8xrtx-4090 --circuit 120v:15a")
def test_eight_4090_do_not_run_on_an_outlet(program: Program, command: str) -> None:
    # F198
    found = program.json(command, leaves=1)
    assert found["circuit_w"] == pytest.approx(0.8 * 120.0 * 15.0 * 0.95)
    assert found["peak_w"]["mid"] > 8 * 450.0
    assert found["circuits_count"] == 4
    assert found["ups_va"] > found["peak_w"]["mid"] / 0.95


@asks("cost power llama-3.1-8b --on 1xh100-sxm --concurrency max --caps --capex 30000")
def test_a_dear_card_keeps_its_power(program: Program, command: str) -> None:
    found = program.json(command)
    assert found["recommended_limit_w"] == 700.0


@asks("risk bits 8xrtx-4090 --requests-per-day 1M --sla 99.99%")
def test_ecc_matters_for_a_strict_promise(program: Program, command: str) -> None:
    # F180, F202, F069
    found = program.json(command, leaves=1)
    assert found["sla"]["kept"] == "no"
    guarded = program.json(f"{command} --ecc on")
    assert guarded["sla"]["kept"] != "no"


@asks("risk bits 8xrtx-4090 --requests-per-day 1M --sla 80%")
def test_it_does_not_matter_for_a_loose_one(program: Program, command: str) -> None:
    # F180, F202
    found = program.json(command)
    assert found["sla"]["kept"] == "surely"
    strict = program.json(command.replace("80%", "99.99%"), leaves=1)
    assert found["silent_count"] == strict["silent_count"]


@asks("risk bits --gpus 1000 --memory 24GB --ecc off --months 3")
def test_a_fleet_without_ecc_sees_3_500_silent_errors_a_quarter(
    program: Program, command: str
) -> None:
    # F195, F068, F066: by Titan's rate; 72,000 only where one a gigabyte and month is asserted.
    assert program.json(command)["single_count"]["mid"] == pytest.approx(3502.5, abs=0.1)
    asserted = program.json(f"{command} --rate-per-gb-year 12")
    assert asserted["single_count"]["mid"] == pytest.approx(72_000.0)
    ecc = "risk bits --gpus 1000 --memory 80GB --rate-per-gb-year 1 --ecc on --months {}"
    quarter, year = (program.json(ecc.format(months))["corrected_count"]["mid"]
                     for months in (3, 12))  # fmt: skip
    assert (quarter, year) == pytest.approx((20_000.0, 80_000.0))


@asks("risk run --gpus 1024 --days 30 --save-time 60s --card-price 2.50")
def test_a_month_on_1024_cards_is_interrupted_14_5_times(program: Program, command: str) -> None:
    # F073
    found = program.json(command)
    per_gpu_s = 21_233_664 * 3600.0 / 419
    assert found["expected_interruptions_count"]["mid"] == pytest.approx(
        1024 * 30 * 86_400.0 / per_gpu_s
    )


@asks("risk serve --replicas 40 --preset llama-3 --gpus-per-replica 8 --mttr 4h --target 99.9%")
def test_one_spare_keeps_forty_replicas_at_99_9(program: Program, command: str) -> None:
    found = program.json(command)
    assert (found["fewest_spares_count"], found["reached"]) == (1, True)


@asks("risk rig 4xrtx-4090")
def test_a_rig_of_consumer_cards_is_ready_with_limits(program: Program, command: str) -> None:
    # F197, F072
    found = program.json(command)
    assert found["readiness"] == "with limits"
    assert [one["rule"] for one in found["reasons"]] == [
        "READY-TIER", "READY-ECCON", "READY-MACHINE",
    ]  # fmt: skip


def test_every_command_of_the_page_is_asked_here() -> None:
    assert sorted(ASKED) == sorted(COMMANDS)

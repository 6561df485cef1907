"""The 27 questions of docs/questions.md, each with the number that decides its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from asked_pages import AskedPage
from program import Program
from scripts import ROOT
from user_records import CARD

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = AskedPage("questions.md")
FIRST, LAST = 174, 200


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    monkeypatch.chdir(ROOT)
    return Program(monkeypatch, capsys)


def least_cards(found: Any) -> dict[str, int | None]:
    return {row["weights"]: row["least_cards_count"] for row in found["rows"]}


@PAGE.asks("ask choose-gpu llama-3.1-8b --users 1 --among rtx-4090")
def test_one_card_serves_one_user_of_an_8b_model(program: Program, command: str) -> None:
    found = program.json(command)
    assert found["deciding"]["verdict"] == "fits"
    assert found["deciding"]["does"]
    # One request each 30 s.
    assert found["deciding"]["wanted_requests_per_s"] == pytest.approx(1 / 30)
    assert (found["chosen"]["gpu"], found["chosen"]["cards_count"]) == ("rtx-4090", 1)


@PAGE.asks("ask many-or-one llama-3.1-8b --many 6xrtx-4090 --one 1xh100-sxm --tpot-p99 50ms")
def test_a_premium_is_measured_by_goodput_of_a_card(program: Program, command: str) -> None:
    found = program.json(command)
    assert found["one"]["peak_flop_per_s"] / found["many"]["peak_flop_per_s"] == pytest.approx(
        989.4 / (6 * 165.2), rel=1e-3
    )
    rent = next(one for one in found["premiums"] if one["basis"] == "rent")
    rents = [found[side]["rent_usd_per_month"] for side in ("one", "many")]
    assert rent["price_ratio"] == pytest.approx(6 * rents[0] / rents[1])
    goods = [found[side]["goodput_requests_per_s"]["mid"] for side in ("one", "many")]
    # Within the objective the dear card carries about six times as much, far below 16.
    each = 6 * goods[0] / goods[1]
    assert each == pytest.approx(rent["goodput_ratio"]["mid"]) == pytest.approx(5.8, rel=0.2)
    assert (rent["justified"] == "not") == (each < rent["price_ratio"])


@PAGE.asks("ask gpu-count llama-2-70b --gpus rtx-4090 --context 4096")
def test_rtx_4090_holds_70b_on_seven_cards_at_16_bits_and_on_two_at_four(
    program: Program, command: str
) -> None:
    found = program.json(command)
    least = least_cards(found)
    # 137.95 GB of weights, 23.5 GiB a card.
    assert (least["checkpoint"], least["fp8"], least["awq"]) == (7, 4, 2)
    assert found["rows"][0]["least_tensor_cards_count"] == 8
    assert {one["tp"] for one in found["forbidden_tp"]} == {3, 5, 6, 7}


@PAGE.asks("ask buy-or-rent --gpu rtx-4090 --tariff 0.12 --pue 1")
def test_a_card_of_3_130_dollars_has_paid_after_15_months_of_rent(
    program: Program, command: str
) -> None:
    found = program.json(command)
    rent, electricity = 0.34 * 730.0, 0.45 * 0.12 * 730.0
    assert found["gross_low_months_count"] == pytest.approx(3129.99 / rent)
    assert found["low_months_count"] == pytest.approx(3129.99 / (rent - electricity))
    assert found["low_months_count"] == pytest.approx(15.0, abs=0.01)


@PAGE.asks("ask overkill llama-2-7b --on 1xa100-sxm-80gb --rate 1/s")
def test_an_a100_is_too_much_for_one_request_a_second_of_7b(program: Program, command: str) -> None:
    found = program.json(command)
    assert found["overkill"]
    assert found["memory_ratio"] == pytest.approx(0.24, abs=0.03)
    assert found["saving_usd_per_month"] == pytest.approx(
        found["rent_usd_per_month"] - found["cheapest"]["rent_usd_per_month"]
    )
    assert found["saving_usd_per_month"] > 0


@PAGE.asks("ask mix llama-3.1-8b --rigs 4xrtx-4090,2xa100-sxm-80gb")
def test_six_unlike_cards_divide_no_heads_but_two_pools_do(program: Program, command: str) -> None:
    found = program.json(command)
    barred = found["one_engine"][0]["barred"]
    assert "32 attention heads do not divide by tp=6" in {one["reason"] for one in barred}
    layers = {share["gpu"]: share["layers"] for share in found["one_engine"][0]["shares"]}
    assert 4 * layers["rtx-4090"] + 2 * layers["a100-sxm-80gb"] == 32
    prices = {route["usd_per_token"]: route["chosen"] for route in found["routes"]}
    assert prices[min(prices)]


@PAGE.asks("risk bits 8xrtx-4090 --requests-per-day 1M --sla 99.99%")
def test_ecc_matters_for_a_strict_promise(program: Program, command: str) -> None:
    found = program.json(command, leaves=1)
    assert found["sla"]["kept"] == "no"
    assert program.json(f"{command} --ecc on")["sla"]["kept"] != "no"
    # The same errors are within a looser promise (F202).
    loose = program.json(command.replace("99.99%", "80%"))
    assert loose["sla"]["kept"] == "surely"
    assert loose["silent_count"] == found["silent_count"]


@PAGE.asks("fit llama-3.1-8b --on 1xrtx-4090-super")
def test_a_card_without_a_record_is_refused_and_one_of_the_user_is_answered(
    program: Program, command: str, tmp_path: Path
) -> None:
    code, out, err = program.run(command)
    assert (code, out) == (2, "")
    assert "did you mean rtx-4090 or rtx-4080-super" in err
    (tmp_path / "gpus").mkdir()
    (tmp_path / "gpus" / "rtx-4090-super.toml").write_text(CARD, encoding="utf-8")
    found = program.json(command, "--catalog", str(tmp_path))
    assert found["verdict"] == "fits"
    assert [record["name"] for record in found["user_records"]] == ["rtx-4090-super"]
    assert found["weights_bytes"] == pytest.approx(16.06e9, rel=1e-3)


@PAGE.asks("cost energy 4xrtx-4090 --against 2xa100-sxm-80gb --pue 1.3 --tariff 0.12 --years 5")
def test_two_clusters_differ_by_1_366_56_a_year(program: Program, command: str) -> None:
    found = program.json(command)
    assert found["saved_usd_per_year"] == pytest.approx(1_366.56)
    assert found["saved_usd"] == pytest.approx(6_832.80)


@PAGE.asks("ask scaling --params 1B --link 8xrtx-4090 --step 2s")
def test_eight_4090_train_together_and_lose_their_exchange_of_gradients(
    program: Program, command: str
) -> None:
    found = program.json(command)
    wait_s = found["sync_s"]["mid"]
    assert found["without_overlap"]["speedup_ratio"] == pytest.approx(8 * 2 / (2 + wait_s))
    assert found["without_overlap"]["speedup_ratio"] < found["with_overlap"]["speedup_ratio"] < 8.0
    # 7B over a link of 1.5 GB/s: 14 GB of gradients, 2·3/4 of them through each card's link.
    slow = program.json("ask scaling --params 7B --link 1.5GB/s --gpus 4 --step 5s")
    assert slow["sync_s"]["mid"] == pytest.approx(14.0)
    assert slow["without_overlap"]["speedup_ratio"] == pytest.approx(4 * 5 / 19)


@PAGE.asks("ask ecosystem rtx-4090 mi300x")
def test_software_is_the_mean_of_counts(program: Program, command: str) -> None:
    cards = {one["gpu"]: one for one in program.json(command)["cards"]}
    for card in cards.values():
        shares = [part["ratio"] for part in card["components"]]
        assert card["score_ratio"] == pytest.approx(sum(shares) / len(shares))
    assert cards["rtx-4090"]["compute_capability"] == "8.9"
    assert cards["rtx-4090"]["score_ratio"] > cards["mi300x"]["score_ratio"]


@PAGE.asks("fits --on 4xh100-sxm --versus 2xh100-sxm")
def test_half_of_four_h100_loses_models_and_wins_none(program: Program, command: str) -> None:
    found = program.json(command)
    changed = {change["model"]: (change["before"], change["after"]) for change in found["changes"]}
    # 405 B in four bits are 203 GB: below 4 × 80 GB, above 2 × 80 GB.
    assert changed["meta-llama/Llama-3.1-405B"] == ("fits", "no")
    assert all(before != "no" for before, _ in changed.values())
    # The engine and the system alone, and with the card.
    engine = program.json("fits --on 1xrtx-4090 --runtime vllm --versus-runtime sglang")
    assert engine["runtimes"] == ["vllm", "sglang"]
    lost = {change["model"] for change in engine["changes"] if change["after"] == "no"}
    assert "tiiuae/falcon-7b" in lost
    smaller = program.json("fits --on 1xrtx-4090 --versus 1xrtx-4080 --versus-os windows")
    assert (smaller["after"], smaller["operating_systems"]) == ("1xrtx-4080", [None, "windows"])
    assert all(change["before"] != "no" for change in smaller["changes"])


@PAGE.asks("ask split llama-3.3-70b --on 4xh100-sxm --rate 5/s --tpot-p99 50ms")
def test_one_wide_engine_carries_most_of_70b_over_nvlink(program: Program, command: str) -> None:
    (rig,) = program.json(command)["rigs"]
    splits = {one["split"]: one for one in rig["splits"]}
    assert rig["recommended"] == "tp4"
    wide, narrow = splits["tp4"], splits["2×tp2"]
    assert wide["goodput_requests_per_s"] > narrow["goodput_requests_per_s"] > 0
    # Twice as many ranks read half as much each.
    assert narrow["tpot_s"]["mid"] / wide["tpot_s"]["mid"] == pytest.approx(1.8, abs=0.15)


@PAGE.asks(
    "cost break-even llama-3.1-8b --on 1xrtx-4090 --capex 2500..3200 --price 0.34 "
    "--tariff 0.12 --pue 1 --use 50%"
)
def test_a_card_pays_from_a_number_of_tokens_a_month(program: Program, command: str) -> None:
    found = program.json(command, leaves=1)
    # 300 W of the computer at all hours; the card draws 441 W at work and 27 W beside it.
    capital, always_w, busy_w, per_kw_month = 2850.0 / 36.0, 327.0, 441.0 - 27.0, 0.12 * 730.0 / 1e3
    # capital + always + x·busy = 0.34 · 730 · x, x the share of the hours at work.
    share = (capital + always_w * per_kw_month) / (0.34 * 730.0 - busy_w * per_kw_month)
    ratio = found["threshold_tokens_per_month"] / found["full_tokens_per_month"]
    assert ratio == pytest.approx(share, rel=5e-3)
    assert 0.5 < ratio < 1.0
    assert not found["is_sure"]


@PAGE.asks(
    "cost break-even llama-3.1-8b --on 1xrtx-4090 --price 0.34 --tariff 0.12 --pue 1 --use 50%"
)
def test_with_a_machine_around_it_no_number_of_tokens_pays(program: Program, command: str) -> None:
    found = program.json(command, leaves=1)
    assert found["threshold_tokens_per_month"] > found["full_tokens_per_month"]
    assert found["is_sure"]
    assert not found["pays"]


@PAGE.asks("fits --on 1xrtx-4090")
def test_a_dense_model_of_about_ten_billion_fits_24_gb_at_16_bits(
    program: Program, command: str
) -> None:
    found = program.json(command)
    assert found["largest_dense_params"]["bf16"] == pytest.approx(10.2e9, rel=0.03)
    verdicts = {model["model"]: model["verdict"] for model in found["models"]}
    assert verdicts["meta-llama/Llama-3.1-8B"] == "fits"
    assert verdicts["deepseek-ai/DeepSeek-V3"] == "no"


@PAGE.asks("ask consumer-or-datacenter llama-3.1-8b --rate 20/s --weights fp8 --max-gpus 8")
def test_the_cheaper_market_changes_with_the_rate(program: Program, command: str) -> None:
    found = program.json(command)
    rates = [flip["at_requests_per_s"] for flip in found["flips"]]
    assert len(rates) > 1
    assert rates == sorted(rates)
    asked = next(flip for flip in found["flips"] if flip["at_requests_per_s"] >= 20)
    assert found["cheapest_at_asked"] == asked["before"]


@PAGE.asks("ask many-or-one llama-3.3-70b --many 16xrtx-4090 --one 1xh100-sxm --weights fp8")
def test_sixteen_cards_pool_384_gb_and_deliver_a_share_of_their_peak(
    program: Program, command: str
) -> None:
    found = program.json(command)
    many, one = found["many"], found["one"]
    assert many["hosts_count"] == 2
    assert many["pooled_bytes"] == pytest.approx(16 * 23.516 * 2**30, rel=1e-3)
    assert many["peak_flop_per_s"] == pytest.approx(16 * 165.2e12, rel=1e-3)
    peaks = many["peak_flop_per_s"] / one["peak_flop_per_s"]
    assert peaks == pytest.approx(2.67, rel=0.01)
    assert many["rated_power_w"] == 16 * 450.0
    assert one["engines_count"] == 1


@PAGE.asks("ask train-or-serve h100-sxm a100-sxm-80gb l40s llama-3.1-8b")
def test_training_8b_takes_128_gb_of_states_whatever_the_card(
    program: Program, command: str
) -> None:
    found = program.json(command)
    assert found["state_bytes"] == pytest.approx(16 * 8_030_261_248)
    least = {one["gpu"]: one["training"]["least_cards_count"] for one in found["cards"]}
    # 128.5 GB over 80, 80 and 48 GB.
    assert least == {"h100-sxm": 2, "a100-sxm-80gb": 2, "l40s": 3}
    served = {one["gpu"]: one["serving"]["cost_usd_per_million_tokens"] for one in found["cards"]}
    assert found["best_to_serve"] == min(served, key=served.__getitem__)


@PAGE.asks("ask tiers llama-3.1-8b")
def test_a_larger_budget_carries_more_and_none_is_passed(program: Program, command: str) -> None:
    found = program.json(command)
    ends = [tier["to_usd_per_month"] for tier in found["tiers"]]
    assert ends == [500.0, 5000.0, None]
    rented = [tier["rented"] for tier in found["tiers"]]
    assert rented[0]["rent_usd_per_month"] <= 500.0 < rented[1]["rent_usd_per_month"] <= 5000.0
    carried = [one["capacity_requests_per_s"] for one in rented]
    assert carried == sorted(carried)
    assert found["home"]["capital_usd"] <= found["home"]["capital_limit_usd"] == 5000.0
    assert found["home"]["power_limit_w"] == 1440.0


@PAGE.asks("ask gpu-count llama-2-70b --gpus h100-sxm --weights bf16 --context 4096")
def test_a_70b_model_in_bf16_is_tight_on_two_h100(program: Program, command: str) -> None:
    (row,) = program.json(command)["rows"]
    verdicts = {count["cards_count"]: count["verdict"] for count in row["counts"]}
    assert (verdicts[1], verdicts[2], verdicts[3]) == ("no", "tight", "fits")
    lacking = row["counts"][0]["splits"][0]["lacking_bytes"]
    # 68.98e9 × 2 B against a budget of 0.92 × 79.19 GiB; the cache and activations come on top.
    assert lacking == pytest.approx(137.95e9 - 0.92 * 79.19 * 2**30, rel=0.1)


@PAGE.asks("finetune llama-2-70b --on 1xl40s")
def test_70b_trains_with_qlora_on_48_gb_and_whole_on_no_eight_cards_of_80(
    program: Program, command: str
) -> None:
    methods = {one["job"]["method"]: one for one in program.json(command)["methods"]}
    verdicts = {name: one["verdict"] for name, one in methods.items()}
    assert verdicts == {"full": "no", "lora": "no", "qlora": "tight"}
    # F061, F120: 16 bytes a weight, and no time where it does not fit.
    whole = program.json("finetune llama-2-70b --on 8xh100-sxm --method full", leaves=1)
    assert whole["memory"]["whole_state_bytes"] == pytest.approx(16 * 68_976_648_192, rel=1e-3)
    assert (whole["verdict"], whole["time"]) == ("no", None)
    small = program.json("finetune llama-2-70b --on 1xrtx-4090 --method qlora", leaves=1)
    assert small["verdict"] == "no"


@PAGE.asks(
    "finetune qwen2.5-1.5b-instruct --on 4xrtx-4090 --method full --measured-one 7500 "
    "--measured 24000"
)
def test_20_percent_below_linear_is_what_four_4090_allow(program: Program, command: str) -> None:
    found = program.json(command)
    assert found["linear_tokens_per_s"] == pytest.approx(30_000.0)
    assert found["is_as_expected"]
    assert found["causes"][0]["name"].startswith("nothing is wrong")


@PAGE.asks("risk bits --gpus 1000 --memory 24GB --ecc off --months 3")
def test_a_fleet_without_ecc_sees_3_500_silent_errors_a_quarter(
    program: Program, command: str
) -> None:
    assert program.json(command)["single_count"]["mid"] == pytest.approx(3502.5, abs=0.1)
    asserted = program.json(f"{command} --rate-per-gb-year 12")
    assert asserted["single_count"]["mid"] == pytest.approx(72_000.0)
    ecc = "risk bits --gpus 1000 --memory 80GB --rate-per-gb-year 1 --ecc on --months {}"
    quarter, year = (program.json(ecc.format(months))["corrected_count"]["mid"]
                     for months in (3, 12))  # fmt: skip
    assert (quarter, year) == pytest.approx((20_000.0, 80_000.0))


@PAGE.asks(
    "tenants llama-2-7b --weights awq --context 4096 --on h100-sxm --profile 1g.10gb --price 30000"
)
def test_an_h100_has_seven_tenants_at_a_seventh_of_its_price(
    program: Program, command: str
) -> None:
    found = program.json(command)
    assert found["tenants_count"] == 7
    assert found["cost"]["tenant_price_usd"] == pytest.approx(30_000 / 7)
    assert found["cost"]["tenant_rent_usd_per_month"] == pytest.approx(
        found["cost"]["rent_usd_per_month"] / 7
    )
    assert {one["sm_count"] for one in found["cards"][0]["instances"]} == {16}


@PAGE.asks("rigs show 16xrtx-4090")
def test_sixteen_consumer_cards_are_ready_with_limits_and_three_kinds_of_users_avoid_them(
    program: Program, command: str
) -> None:
    text, combo = program.text(command), program.json(command)["combo"]
    assert {one["rule"] for one in combo["avoid"]} == {"AVOID-LONE", "AVOID-LONG", "AVOID-TRAIN"}
    assert all(one["reason"] in text for one in combo["avoid"])
    assert "Production: with limits - READY-TIER: rtx-4090 is no server part" in text
    assert combo["risk"]["readiness"] == "with limits"
    reasons = [one["rule"] for one in combo["risk"]["reasons"]]
    assert reasons == ["READY-TIER", "READY-ECCON", "READY-MACHINE"]
    assert program.json("risk rig 2n:8xh100-sxm")["readiness"] == "ready"


@PAGE.asks("cost electrical 8xrtx-4090 --circuit 120v:15a")
def test_eight_4090_do_not_run_on_an_outlet(program: Program, command: str) -> None:
    found = program.json(command, leaves=1)
    assert found["circuit_w"] == pytest.approx(0.8 * 120.0 * 15.0 * 0.95)
    assert found["peak_w"]["mid"] > 8 * 450.0
    assert found["circuits_count"] == 4
    assert found["ups_va"] > found["peak_w"]["mid"] / 0.95


@PAGE.asks("ask measure-next llama-3.3-70b --on 4xh100-sxm --rate 2/s --tpot-p99 20ms")
def test_the_next_run_measures_the_objective_that_lies_in_its_interval(
    program: Program, command: str
) -> None:
    found = program.json(command)
    doubt = found["doubts"][0]
    assert doubt["quantity"] == "tpot_p99_s"
    assert doubt["now_s"]["low"] < doubt["limit_s"] == 0.02 < doubt["now_s"]["high"]
    assert 0 < doubt["met_ratio"] < 1
    assert "--request-rate 2 " in doubt["run"]


@PAGE.asks("checklist --deployment examples/plan.json --strict")
def test_the_checklist_is_not_completed_while_something_fails_or_stays_open(
    program: Program, command: str, tmp_path: Path
) -> None:
    found = program.json(command, leaves=1)
    assert not found["ready"]
    was = {one["id"]: one["status"] for one in found["items"]}
    assert (was["CHECK-SLO"], was["CHECK-HEADROOM"]) == ("pass", "pass")
    # Nobody was named who has metrics.
    assert was["CHECK-UTILISATION"] == "not verifiable"
    todo = [one for one in found["items"] if one["status"] in {"fail", "not verifiable"}]
    assert all(one["found"] and (one["remedy"] or one["command"]) for one in todo)
    assert len(todo) == found["failed_count"] + found["unverified_count"]
    # Of 5 requests a second asked, 5.5 carried are too little room.
    plan = json.loads((ROOT / "examples" / "plan.json").read_text(encoding="utf-8"))
    plan["plans"][0]["capacity_requests_per_s"] = 5.5
    (tmp_path / "tight.json").write_text(json.dumps(plan), encoding="utf-8")
    tight = program.json(f"checklist --deployment {tmp_path}/tight.json", leaves=1)
    assert {one["id"]: one["status"] for one in tight["items"]}["CHECK-HEADROOM"] == "fail"


def test_the_page_has_every_question_in_order_each_with_a_command_that_is_asked() -> None:
    sections = PAGE.sections()
    assert list(sections) == [f"F{number}" for number in range(FIRST, LAST + 1)]
    assert {name: len(commands) for name, commands in sections.items() if len(commands) != 1} == {
        "F187": 2,  # the card alone, and the machine around it
        "F188": 2,  # two questions in one
    }
    assert sorted(PAGE.asked) == sorted(PAGE.commands)

"""``rightrig cost rent``, ``own`` and ``energy`` as users run them: answers, JSON, wrong input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from program import Program

# What is wrong, and what its sentence must say.
SENTENCES: Final = (
    ("energy 4xrtx-4090 --use 200%", "--use is 200%: it is a share from 0 to 100%"),
    ("energy 4xrtx-4090 --pue 0.5", "--pue is 0.5: a site takes at least"),
    ("energy 4xrtx-4090 --tariff -0.1", "--tariff is -0.1: it must be a positive"),
    ("energy 4xrtx-4090 --tariff 0.2EUR/kWh", "is in euros and everything else in dollars"),
    ("energy 4xrtx-4090 --tariff germany", "add the rate of the day, --eur-usd 1.08"),
    ("energy 4xrtx-4090 --tariff mars", "no tariff of 'mars' is known"),
    ("energy 4xrtx-4090 --against-power 1kW", "add --against RIG"),
    ("energy 4xrtx-4090 --power 1kW --host-power 1W", "drop --host-power"),
    ("energy 4xrtx-4090 --sustained 0%", "--sustained is 0%"),
    ("energy 4xrtx-4090 --years 0", "--years is 0"),
    ("energy 4xrtx-4090 --years 1e-300", "a day or longer"),
    ("energy tpu-v6e", "add --power with the watts of the rig"),
    ("own rtx-4090 --capex -5", "--capex is -5: it must be a positive"),
    ("own rtx-4090 --capex 9..3", "write the lower amount first"),
    ("own rtx-4090 --capex €500", "--capex €500 is in euros"),
    ("own rtx-4090 --capex €500 --eur-usd -1", "--eur-usd is -1"),
    ("own rtx-4090 --staff 4000", "it recurs; write how often, $500/month"),
    ("own rtx-4090 --with foo=3", "write NAME=AMOUNT with one of hardware, host"),
    ("own rtx-4090 --with host", "write NAME=AMOUNT"),
    ("own rtx-4090 --resale curve", "no published resale values of rtx-4090"),
    ("own rtx-4090 --resale 130%", "--resale is 130%"),
    ("own rtx-4090 --new-generation 2 --resale 30%", "add --resale curve"),
    ("own rtx-4090 --discount much", "--discount is 'much': write a share such as 10% or 0.1"),
    ("own rtx-4090 --with rack=1 --with rack=2", "the line rack is stated twice"),
    ("own rtx-4090 --capex 6 --with hardware=5", "the line hardware is stated twice"),
    ("own rtx-4090 --staff $1/month --with staff=2/month", "the line staff is stated twice"),
    ("own rtx-4090 --colocation $217/kWh", "--colocation is '$217/kWh': write dollars a kW"),
    ("own rtx-4090 --tariff 0.1..0.2", "--tariff is '0.1..0.2': write one price here"),
    ("own rtx-4090 --power -2kW", "--power is -2kW: it must be a positive"),
    ("own rtx-4090 --debugging 1e9h --wage $1", "--debugging is 1e9h: the largest accepted is"),
    ("own rtx-4090 --debugging 20h", "--debugging and --wage go together"),
    ("own rtx-4090 --abandoned 2/s,1%", "write --abandoned 2/s,1%,$0.05"),
    ("own tpu-v6e --power 1kW", "no price of tpu-v6e is known: add --capex"),
    ("rent rtx-4090 --hours 1 --days 1", "--hours and --days say the same twice"),
    ("rent rtx-4090 --hours -1", "--hours is -1"),
    ("rent rtx-4090 --spot-waste 10%", "--spot-waste is of spot machines: add --spot"),
    ("rent rtx-4090 --spot --spot-waste 100%", "--spot-waste is 100%: it is a share from 0"),
    ("rent rtx-4090 --spot --spot-waste 150%", "--spot-waste is 150%"),
    ("rent rtx-4090 --spot --restart 60s", "add --mtbp 6h"),
    ("rent rtx-4090 --spot --mtbp 6h --spot-waste 1%", "drop one"),
    ("rent rtx-4090 --provider nosuch", "no provider is called 'nosuch'"),
    ("rent rtx-4090 --country xx", "'xx' is no country"),
    ("rent rtx-4090 --bandwidth-loss 20%", "--bandwidth-loss and --exposed go together"),
    ("rent rtx-4090 --card-price $1/h", "add --gain 10%"),
    ("rent h100-sxm@mig=1g.10gb", "name one kind of whole cards"),
    ("rent nosuch", "no GPU is called 'nosuch'"),
)


@pytest.mark.parametrize(("command", "sentence"), SENTENCES, ids=[c for c, _ in SENTENCES])
def test_wrong_input_is_one_sentence(program: Program, command: str, sentence: str) -> None:
    code, out, err = program.run(f"cost {command}")
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


def test_the_annual_difference_of_two_clusters(program: Program) -> None:
    # F182, F090
    text = program.text(
        "cost energy 4xrtx-4090 --against 2xa100-sxm-80gb --pue 1.3 --tariff $0.12/kWh --years 5"
    )
    for figure in ("2,459.81", "1,093.25", "$1,366.56 less a year", "$6,832.80 in 5 years"):
        assert figure in text
    assert "In a cloud it is in the rent" in text  # F091


def test_the_same_with_watts_that_are_stated(program: Program) -> None:
    found = program.json(
        "cost energy 4xrtx-4090 --power 2340W --against 2xa100-pcie-80gb --against-power 1040W "
        "--pue 1 --tariff 0.12"
    )
    assert found["rigs"][0]["cost_usd_per_year"] == pytest.approx(2_459.808)
    assert found["saved_usd_per_year"] == pytest.approx(1_366.56)


def test_a_tariff_in_euros_needs_the_rate_and_takes_it(program: Program) -> None:
    found = program.json("cost energy rtx-4090 --tariff germany --eur-usd 1.08 --pue 1")
    assert found["rigs"][0]["tariff_usd_per_kwh"] == pytest.approx(0.3835 * 1.08)
    assert any("€1 = $1.08" in source for source in found["explanation"]["sources"])


def test_a_day_of_a_4090(program: Program) -> None:
    # F087, F082, F086
    text = program.text("cost rent rtx-4090 --days 1")
    assert "$8.16 for 24 h" in text
    assert "0.01417" in text
    assert "Not rented out (complete lists of their own): coreweave, lambda." in text


def test_a_node_is_shown_with_its_price_a_card(program: Program) -> None:
    # F086
    found = program.json("cost rent 8xa100-sxm-80gb --provider coreweave --hours 1")
    (offer,) = found["offers"]
    assert offer["instance_usd_per_hour"] == 21.6
    assert offer["card_usd_per_hour"] == pytest.approx(2.70)
    assert offer["billed_every_s"] == 60.0
    assert offer["date"] == "2026-09-20"
    assert offer["cards_per_instance"] == 8


def test_nobody_rents_such_a_machine_is_a_no(program: Program) -> None:
    text = program.text("cost rent 16xrtx-4090", leaves=1)
    assert text.startswith("0 offers of 16xrtx-4090")
    assert "not so many in a machine" in text


def test_reserved_blocks_state_their_terms(program: Program) -> None:
    found = program.json("cost rent 8xh100-sxm --provider aws")
    terms = {offer["terms"]: offer["commitment"] for offer in found["offers"]}
    assert terms["on-demand"] == ""
    assert terms["prepaid"].startswith("Capacity blocks: 1 to 14 days")


def test_spot_hours_of_work_cost_more_than_they_say(program: Program) -> None:
    # W116
    found = program.json("cost rent 8xh100-sxm --spot --mtbp 6h --save-time 120s --restart 600s")
    first = found["offers"][0]
    assert first["useful_usd_per_hour"] == pytest.approx(1.153651 * first["rig_usd_per_hour"])
    assert any("one failure domain" in s for s in found["explanation"]["sentences"])


def test_ten_percent_on_a_thousand_cards(program: Program) -> None:
    # F098, F064
    text = program.text(
        "cost rent 125n:8xh100-sxm --gain 10% --card-price $2.50/h --bandwidth-loss 20% "
        "--exposed 100%"
    )
    assert "10% more work of 1,000 cards at $2.50/h is worth $2,190,000 a year" in text
    assert "costs $4,380,000 a year" in text


def test_the_threshold_of_200_000_dollars(program: Program) -> None:
    # F095
    command = (
        "cost own 4xh100-sxm --capex 200000 --discount 8% --power 5kW --pue 1.3 --tariff 0.12 "
        "{more}"
    )
    found = program.json(command.format(more=""))
    assert found["equal_usd_per_month"]["mid"] == pytest.approx(7_036.6, abs=0.1)
    staffed = program.json(command.format(more="--staff $1000/month"))
    assert staffed["equal_usd_per_month"]["mid"] == pytest.approx(8_036.6, abs=0.1)


def test_three_years_of_an_h100_by_hand(program: Program) -> None:
    # F075, F074
    found = program.json("cost own h100-sxm --capex 30000 --power 700W --tariff 0.08 --pue 1")
    assert found["running_usd_per_year"]["mid"] == pytest.approx(490.56)
    assert found["paid_usd"]["mid"] == pytest.approx(31_471.68)
    keys = [line["key"] for line in found["lines"] if not line["counted"]]
    assert {"staff", "egress", "storage", "load-balancer", "training", "opportunity"} <= set(keys)


def test_soft_costs_are_lines(program: Program) -> None:
    # F092, F085
    found = program.json(
        "cost own rtx-4090 --debugging 20h --wage $100 --abandoned 2/s,1%,$0.05 --with "
        "rack=1000..2000 --with egress=$50/month --colocation $200 --support 5%"
    )
    lines = {line["key"]: line["amount_usd"] for line in found["lines"]}
    assert lines["debugging"]["mid"] == 2_000.0
    assert lines["abandonment"]["mid"] == pytest.approx(12 * 2_628.0)
    assert lines["rack"] == {"low": 1_000.0, "mid": 1_500.0, "high": 2_000.0}
    assert lines["egress"]["mid"] == 600.0
    assert lines["colocation"]["mid"] == pytest.approx(12 * 200.0 * 0.45)
    assert lines["support"]["mid"] == pytest.approx(0.05 * lines["hardware"]["mid"])


def test_resale_by_a_curve_and_a_successor(program: Program) -> None:
    plain, early = (
        program.json(f"cost own 8xh100-sxm --resale curve {more}")["resale_usd"]
        for more in ("", "--new-generation 1.5")
    )
    assert plain["low"] < plain["mid"] < plain["high"]
    assert early["low"] == pytest.approx(0.7 * plain["low"])
    assert early["high"] == pytest.approx(0.8 * plain["high"])


def test_a_share_of_the_cost_for_a_share_of_the_models(program: Program) -> None:
    # F097
    found = program.json("cost own 4xrtx-3090 --against 4xh100-sxm")["against"]
    assert found["cost_ratio"] < 0.1
    assert 0.7 < found["covered_ratio"] < 1.0
    assert len(found["lost"]) > 5


def test_the_bill_lists_what_is_zero_and_whose_figures_the_rest_are(program: Program) -> None:
    lines = program.lines("cost own 4xrtx-4090 --resale 20%").splitlines()
    rows = [line.split()[0] for line in lines if line.startswith(("rack", "staff", "energy"))]
    assert rows[:3] == ["rack", "energy", "staff"]
    assert any(line.startswith("hardware: 4 × rtx-4090, 2025-08-21") for line in lines)

"""Rent, ownership and electricity of rigs of the catalogue: every line listed, nothing twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.interval import Interval
from rightrig.planning.costing.electricity import (
    Electricity,
    EnergyBill,
    draw_as_told,
    draw_of_rig,
    draw_of_system,
    efficiencies,
)
from rightrig.planning.costing.owning import LINES, OwnTerms, Told, owned
from rightrig.planning.costing.part_of import part_of
from rightrig.planning.costing.renting import Interruptions, Wish, rent, worth
from rightrig.planning.planned import Tariff

if TYPE_CHECKING:
    from rightrig.costs.bill import Bill

CATALOG: Final = shipped()
TARIFF: Final = Tariff(0.08, 1.0, "given", "given")
DAY_S: Final = 86_400.0


def bill_of(rig: str, **told: float) -> Bill:
    amounts = {key.replace("_", "-"): Told(Interval.exact(usd)) for key, usd in told.items()}
    found = parse_rig(rig, CATALOG)
    draw = draw_of_rig(found, 1.0, 0.0)
    terms = OwnTerms(owned_years=3.0, rate_per_year=0.0, tariff=TARIFF, draw=draw, told=amounts)
    return owned(CATALOG, found, terms)


def amount(bill: Bill, key: str) -> Interval:
    return next(line.amount_usd for line in bill.lines if line.key == key)


def test_every_line_is_listed_once_and_most_are_zero() -> None:
    bill = bill_of("rtx-4090")
    assert [line.key for line in bill.lines] == list(LINES)
    counted = {line.key for line in bill.lines if line.is_counted}
    assert counted == {"hardware", "host", "energy"}
    (sentence,) = (s for s in bill.explain().sentences if s.startswith("Not counted"))
    assert "staff" in sentence
    assert "egress" in sentence


def test_an_h100_for_30_000_costs_31_471_68_over_three_years() -> None:
    # F075
    bill = bill_of("h100-sxm", hardware=30_000.0)
    assert bill.paid_usd.mid == pytest.approx(31_471.68)
    assert bill.present_usd == bill.paid_usd


def test_four_4090_take_hosts_and_eight_h100_come_in_a_machine() -> None:
    # F096: cards, host and network are lines with a range each.
    cards, machine = bill_of("4xrtx-4090"), bill_of("2n:8xh100-sxm")
    assert amount(cards, "host") == Interval(1_314.0, 5_657.0, 10_000.0)
    assert amount(machine, "hardware") == Interval(600_000.0, 750_000.0, 900_000.0)
    assert amount(machine, "host").high == 0.0
    assert amount(machine, "network").low == pytest.approx(2 * 15_060.0)
    # A DGX draws more than its cards: 10.2 kW at most.
    drawn = amount(machine, "energy")
    assert drawn.high / drawn.low == pytest.approx(10_200.0 / 5_600.0)


@settings(max_examples=25)
@given(st.sampled_from([key for key in LINES if key != "resale"]), st.floats(1.0, 1e6))
def test_a_stated_line_raises_the_bill_by_what_it_is_worth(key: str, usd: float) -> None:
    base = bill_of("h100-sxm", hardware=30_000.0)
    with_it = owned(
        CATALOG,
        parse_rig("h100-sxm", CATALOG),
        OwnTerms(
            owned_years=3.0, rate_per_year=0.0, tariff=TARIFF,
            draw=draw_of_rig(parse_rig("h100-sxm", CATALOG), 1.0, 0.0),
            told={"hardware": Told(Interval.exact(30_000.0)), key: Told(Interval.exact(usd))},
        ),
    )  # fmt: skip
    times = {"once": 1.0, "a year": 3.0}[LINES[key][1]]
    raised = with_it.paid_usd.mid - base.paid_usd.mid
    assert raised == pytest.approx(times * (usd - amount(base, key).mid), abs=1e-6)


def test_resale_lowers_the_bill_and_turns_its_ends_around() -> None:
    rig = parse_rig("h100-sxm", CATALOG)
    terms = OwnTerms(
        owned_years=3.0, rate_per_year=0.08, tariff=TARIFF,
        told={"hardware": Told(Interval.exact(30_000.0)), "energy": Told(Interval.exact(490.56))},
        resale_ratio=Interval(0.2, 0.3, 0.4),
    )  # fmt: skip
    found = owned(CATALOG, rig, terms).present_usd
    assert found.mid == pytest.approx(24_119.73, abs=5e-3)  # W112
    assert found.low < found.mid < found.high


def test_a_card_that_nobody_prices_needs_a_price() -> None:
    rig = parse_rig("tpu-v6e", CATALOG)
    terms = OwnTerms(owned_years=3.0, rate_per_year=0.0, tariff=TARIFF)
    with pytest.raises(InputError, match="no price of tpu-v6e is known: add --capex"):
        owned(CATALOG, rig, terms)


def test_coreweave_rents_a_node_at_2_70_a_card_and_no_4090() -> None:
    # F086: the node's price is not the card's, and "not available" is kept.
    found = rent(CATALOG, parse_rig("8xa100-sxm-80gb", CATALOG), Wish(DAY_S))
    (node,) = (offer for offer in found.offers if offer.price.provider == "coreweave")
    assert node.quote.instance_usd_per_hour == 21.6
    assert node.quote.card_usd_per_hour == pytest.approx(2.70)
    assert node.billing.step_s == 60.0
    without = rent(CATALOG, parse_rig("rtx-4090", CATALOG), Wish(DAY_S)).missing
    why = {missing.provider: missing.why for missing in without}
    assert why["coreweave"] == why["lambda"] == "not rented"
    assert why["aws"] == "no offer known"


def test_offers_are_sorted_and_each_card_price_is_that_of_the_record() -> None:
    found = rent(CATALOG, parse_rig("h100-sxm", CATALOG), Wish(DAY_S))
    totals = [offer.quote.total_usd for offer in found.offers]
    assert totals == sorted(totals)
    assert {offer.terms for offer in found.offers} == {"on-demand", "prepaid"}
    for offer in found.offers:
        assert offer.quote.card_usd_per_hour == pytest.approx(offer.price.per_gpu_usd_per_hour)


def test_a_gigabyte_of_a_4090_costs_1_4_cents_an_hour() -> None:
    # F082: $0.34 / 24 GB; $1.19 / 80 GB.
    found = {
        gpu: rent(CATALOG, parse_rig(gpu, CATALOG), Wish(DAY_S, providers=("runpod",))).offers[0]
        for gpu in ("rtx-4090", "a100-pcie-80gb")
    }
    assert found["rtx-4090"].gb_usd_per_hour == pytest.approx(0.01417, abs=5e-6)
    assert found["a100-pcie-80gb"].gb_usd_per_hour == pytest.approx(0.014875, abs=5e-6)


def test_machines_in_the_eu_only() -> None:
    found = rent(CATALOG, parse_rig("h100-sxm", CATALOG), Wish(DAY_S, countries=("eu",)))
    assert {offer.country for offer in found.offers} == {"FI"}


def test_spot_with_young_checkpoints_costs_15_percent_more_an_hour_of_work() -> None:
    # W116: mean 6 h between interruptions, saves of 120 s, restarts of 600 s.
    lost = Interruptions(between_s=6 * 3_600.0, save_s=120.0, restart_s=600.0)
    assert 1.0 / (1.0 - lost.waste_ratio) == pytest.approx(1.153651408, abs=1e-6)
    found = rent(
        CATALOG, parse_rig("8xh100-sxm", CATALOG), Wish(DAY_S, spot=True, interruptions=lost)
    )
    first = found.offers[0]
    assert first.terms == "spot"
    assert first.useful_usd_per_hour == pytest.approx(1.153651 * first.quote.usd_per_hour)


def test_serving_loses_only_the_restart() -> None:
    assert Interruptions(between_s=3_600.0, restart_s=400.0).waste_ratio == pytest.approx(0.1)


def test_a_gain_of_ten_percent_on_a_thousand_cards() -> None:
    # F098, F064
    rig = parse_rig("125n:8xh100-sxm", CATALOG)
    found = worth(rig, 2.5, 0.1, (0.2, 1.0))
    assert found.gain_usd_per_year == pytest.approx(2_190_000.0)
    assert found.loss_usd_per_year == pytest.approx(4_380_000.0)


def test_two_clusters_differ_by_1_366_56_a_year() -> None:
    # F090
    tariff = Tariff(0.12, 1.3, "given", "given")
    rigs = (parse_rig("4xrtx-4090", CATALOG), parse_rig("2xa100-sxm-80gb", CATALOG))
    bills = tuple(EnergyBill(draw_of_rig(rig, 1.0, 0.0), tariff, 5.0) for rig in rigs)
    found = Electricity(bills)
    assert [bill.usd_per_year for bill in bills] == pytest.approx([2_459.81, 1_093.25], abs=5e-3)
    assert found.saved_usd_per_year == pytest.approx(1_366.56, abs=5e-3)
    assert found.saved_usd == pytest.approx(6_832.80, abs=5e-3)


def test_a_rent_is_said_to_hold_the_electricity() -> None:
    # F091
    found = rent(CATALOG, parse_rig("h100-sxm", CATALOG), Wish(DAY_S)).explain()
    assert any("no electricity is added" in sentence for sentence in found.sentences)
    own = Electricity((EnergyBill(draw_as_told("x", 700.0, 1.0), TARIFF, 1.0),)).explain()
    assert any("counts twice" in sentence for sentence in own.sentences)


def test_the_winner_of_efficiency_depends_on_the_format_and_not_on_the_derate() -> None:
    # F089
    cards = (CATALOG.gpu("rtx-4090"), CATALOG.gpu("a100-sxm-80gb"))
    full = {one.rate: one for one in efficiencies(*cards, 1.0)}
    part = {one.rate: one for one in efficiencies(*cards, 0.6)}
    assert full["fp16"].first_flop_per_j / 1e9 == pytest.approx(367.1, abs=0.1)
    assert full["fp16"].second_flop_per_j / 1e9 == pytest.approx(780.0)
    assert full["fp32"].winner_ratio > 1.0 > full["fp16"].winner_ratio
    assert part["fp16"].sustained_flop_per_j[1] / 1e9 == pytest.approx(468.0)
    assert {rate: one.winner_ratio for rate, one in full.items()} == {
        rate: one.winner_ratio for rate, one in part.items()
    }


def test_a_machine_draws_what_its_maker_says() -> None:
    dgx = draw_of_system(CATALOG.system("dgx-h100"), 1.0)
    assert dgx is not None
    assert dgx.mean_power_w == 10_200.0


def test_one_4090_holds_a_part_of_the_models_of_four_3090() -> None:
    # F097
    small, large = parse_rig("rtx-4090", CATALOG), parse_rig("4xrtx-3090", CATALOG)
    other = part_of(CATALOG, small, large, 0.25)
    assert 0.3 < other.covered_ratio < 1.0
    assert len(other.lost) == other.second_count - other.both_count
    assert "costs 25% of 4xrtx-3090" in other.sentence


def test_idling_draws_less_than_work() -> None:
    rig = parse_rig("4xrtx-4090", CATALOG)
    half, full = draw_of_rig(rig, 0.5, 100.0), draw_of_rig(rig, 1.0, 100.0)
    assert full.mean_power_w == 1_900.0
    assert 0.5 * 1_900.0 < half.mean_power_w < 1_900.0
    assert replace(half, use_ratio=0.0).mean_power_w == half.idle_power_w

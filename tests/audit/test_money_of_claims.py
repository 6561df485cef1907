"""Rented hours, purchases and costs of a request, as expressions of a claims table ask for them."""

from __future__ import annotations

import datetime

import pytest
from audited_text import amount, found, in_unit

from rightrig.audit.auditing import audit
from rightrig.audit.figure import figure_of
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped

TODAY = datetime.date(2026, 11, 22)


def test_a_card_of_a_node_of_eight_costs_an_eighth_of_the_node() -> None:
    assert in_unit('node_usd_per_hour("a100-sxm-80gb", "coreweave")', "USD/h") == pytest.approx(
        21.6
    )
    assert in_unit('rental_usd_per_hour("a100-sxm-80gb", "CoreWeave")', "USD/h") == pytest.approx(
        2.7
    )


def test_the_price_of_an_hour_varies_and_says_when_it_was_seen() -> None:
    offered = amount('rental_usd_per_hour("a100-pcie-80gb", "runpod")')
    assert offered.interval.low * 3600.0 == pytest.approx(1.19)
    assert offered.interval.high * 3600.0 == pytest.approx(1.39)
    assert "2026-03-10" in offered.varies


def test_without_a_provider_the_offers_of_all_count() -> None:
    every = amount('rental_usd_per_hour("h100-sxm")')
    one = amount('rental_usd_per_hour("h100-sxm", "lambda")')
    assert every.interval.low < one.mid < every.interval.high
    assert "offers" in every.varies


@pytest.mark.parametrize("function", ["rental_usd_per_hour", "node_usd_per_hour"])
def test_an_offer_that_nobody_makes_is_refused(function: str) -> None:
    with pytest.raises(InputError, match="no offer of lambda for rtx-4090"):
        found(f'{function}("rtx-4090", "lambda")')


def test_16_whole_cards_are_bought_for_the_price_of_one_16_7_times_theirs() -> None:
    assert amount("cards_bought_count(30000 * USD, 1800 * USD)").mid == 16.0


def test_the_slower_card_does_5_5_times_the_work_for_a_dollar() -> None:
    ratio = amount("work_of_a_dollar_ratio(42/s, 2535*USD, 95/s, 31470*USD)").mid
    assert ratio == pytest.approx(5.488, abs=5e-4)


def test_4_requests_of_50_ms_at_once_are_80_a_second() -> None:
    assert in_unit("capacity_requests_per_s(4, 50*ms)", "req/s") == pytest.approx(80.0)


def test_a_request_of_100_a_second_costs_a_360_000th_of_an_hour() -> None:
    cost = in_unit("request_rent_usd(0.34*USD/h, 100*req/s)", "USD/req")
    assert cost == pytest.approx(0.34 / 360_000.0)


@pytest.mark.parametrize(
    "text",
    [
        "cards_bought_count(30000 * USD, 0 * USD)",
        "work_of_a_dollar_ratio(42/s, 0*USD, 95/s, 31470*USD)",
        "work_of_a_dollar_ratio(42/s, 2535*USD, 0/s, 31470*USD)",
        "capacity_requests_per_s(4, 0*ms)",
        "request_rent_usd(0.34*USD/h, 0*req/s)",
    ],
)
def test_nothing_is_divided_by_zero(text: str) -> None:
    with pytest.raises(InputError, match="positive"):
        found(text)


def _verdict(expression: str, claimed: str = "80") -> str:
    figures = [
        figure_of({"id": "batch", "claimed": "2-4", "unit": "seq"}),
        figure_of({"id": "latency", "claimed": "50-100", "unit": "ms"}),
        figure_of({"id": "word", "claimed": "yes"}),
        figure_of({"id": "rate", "claimed": claimed, "unit": "req/s", "expression": expression}),
    ]
    return audit(figures, shipped(), today=TODAY)[-1].verdict


def test_the_ends_of_what_other_claims_state_are_read() -> None:
    best = 'capacity_requests_per_s(said_high("batch"), said_low("latency"))'
    least = 'capacity_requests_per_s(said_low("batch"), said_high("latency"))'
    assert _verdict(best) == "correct"
    assert _verdict(least, "20") == "correct"
    assert _verdict(least) == "wrong"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('said_low("word")', "states no number"),
        ('said_high("none")', "no claim"),
        ('said_high("batch", 2)', "no claim"),
    ],
)
def test_a_claim_without_that_number_has_no_ends(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        _verdict(text)

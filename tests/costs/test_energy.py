"""Electricity a year, with PUE and idling; and what a joule buys at one share for both sides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.costs.energy import energy_usd_per_year, sustained_flop_per_j


@pytest.mark.parametrize(("power", "usd"), [(700.0, 490.56), (350.0, 245.28)])
def test_a_year_of_one_card_at_8_cents(power: float, usd: float) -> None:
    # F074
    assert energy_usd_per_year(power, 1.0, 0.08) == pytest.approx(usd, abs=1e-9)


def test_a_year_of_four_4090_against_two_a100_with_pue() -> None:
    # F090: 4 × 450 W and 2 × 400 W, PUE 1.3, $0.12/kWh.
    four, two = (energy_usd_per_year(watts, 1.3, 0.12) for watts in (1_800.0, 800.0))
    assert four == pytest.approx(2_459.81, abs=5e-3)
    assert two == pytest.approx(1_093.25, abs=5e-3)
    assert four - two == pytest.approx(1_366.56, abs=5e-3)
    assert 5.0 * (four - two) == pytest.approx(6_832.80, abs=5e-3)


def test_fp32_and_tensor_rates_have_different_winners() -> None:
    # F089: 83 and 19.5 TFLOP/s in FP32; 165.2 and 312 in FP16 with FP32 accumulation.
    fp32 = [sustained_flop_per_j(f, 1.0, w) / 1e9 for f, w in ((83e12, 450.0), (19.5e12, 400.0))]
    fp16 = [sustained_flop_per_j(f, 1.0, w) / 1e9 for f, w in ((165.2e12, 450.0), (312e12, 400.0))]
    assert fp32 == pytest.approx([184.4, 48.75], abs=0.05)
    assert fp16 == pytest.approx([367.1, 780.0], abs=0.05)
    assert fp32[0] > fp32[1]
    assert fp16[0] < fp16[1]


@given(st.floats(0.01, 1.0))
def test_one_derate_for_both_sides_never_moves_the_winner(derate: float) -> None:
    # F089
    first = sustained_flop_per_j(165.2e12, derate, 450.0)
    second = sustained_flop_per_j(312e12, derate, 400.0)
    assert first / second == pytest.approx(165.2 * 400.0 / (312.0 * 450.0))


def test_a_joule_buys_the_share_of_the_peak_that_is_sustained() -> None:
    assert sustained_flop_per_j(312e12, 0.5, 400.0) == pytest.approx(390e9)

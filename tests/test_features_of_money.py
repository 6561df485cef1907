"""Every calculation of money, power, failures and fine-tuning has the test that carries it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
FIRST, LAST, APART = 58, 99, 65
"""Rows F058 to F099; F065 is of splits and has its tests beside the matrix of engines."""
CARRIED: Final = {
    "F058": "costs/test_soft.py::test_a_training_that_waits_costs_more",
    "F059": "prediction/test_gradient_sync.py::"
    "test_two_a100_at_240_gb_per_s_exchange_70b_gradients_in_0_58_s_a_tenth_of_the_step",
    "F060": "prediction/test_gradient_sync.py::"
    "test_14_s_beside_5_s_are_73_7_percent_of_a_step_and_4_cards_do_1_05_times_the_work",
    "F061": "prediction/training/test_training_memory.py::"
    "test_full_70b_on_eight_cards_of_80_gb_is_refused_with_1104_gb_needed",
    "F062": "prediction/training/test_diagnosis.py::"
    "test_20_percent_below_linear_on_four_4090_is_what_their_links_allow",
    "F063": "planning/combos/test_upkeep.py::"
    "test_two_pcie_cards_pool_48_gb_of_which_44_serve",
    "F064": "costs/test_soft.py::"
    "test_a_fifth_of_the_bandwidth_of_8000_cards_fully_exposed_costs_35_million",
    "F066": "reliability/test_bit_errors.py::"
    "test_w105_f066_a_thousand_cards_of_80_gb_see_20_000_errors_in_a_quarter",
    "F067": "reliability/test_bit_errors.py::"
    "test_f067_uncorrectable_errors_of_a_fleet_follow_from_33_6_gpu_years",
    "F068": "reliability/test_bit_errors.py::"
    "test_f068_72_000_silent_errors_only_where_one_a_gigabyte_and_month_is_asserted",
    "F069": "reliability/test_bit_errors.py::"
    "test_f069_weights_that_are_loaded_anew_keep_what_stale_ones_break",
    "F070": "cli/test_risk.py::test_f070_more_cards_are_more_points_of_failure",
    "F071": "cli/test_risk.py::"
    "test_f071_each_failure_mode_of_a_rig_has_a_symptom_a_check_and_a_fix",
    "F072": "cli/test_risk.py::test_f072_readiness_follows_from_the_attributes_of_a_rig",
    "F073": "cli/test_risk.py::test_f073_a_run_of_54_days_meets_419_interruptions",
    "F074": "costs/test_energy.py::test_a_year_of_one_card_at_8_cents",
    "F075": "costs/test_ownership.py::test_three_years_of_an_h100_and_of_a_4090",
    "F076": "costs/test_token_price.py::test_the_four_costs_of_a_million_tokens",
    "F077": "costs/test_token_price.py::"
    "test_the_4090_costs_less_at_batch_1_and_at_batch_32_on_those_inputs",
    "F078": "planning/test_costing_tokens.py::test_a_13b_in_16_bits_has_no_price_on_a_4090",
    "F079": "costs/test_cost_plausibility.py::"
    "test_a_cost_of_3_2_dollars_needs_104_tokens_a_second",
    "F080": "costs/test_token_price.py::test_work_for_a_dollar_has_no_value_without_a_price",
    "F081": "costs/test_break_even.py::"
    "test_cards_of_600_to_800_dollars_pay_in_2_4_to_3_2_months_gross",
    "F082": "cli/test_cost_owning.py::test_a_day_of_a_4090",
    "F083": "costs/test_token_price.py::"
    "test_a_place_on_the_4090_costs_a_seventh_more_and_not_four_times_as_much",
    "F084": "costs/test_token_price.py::"
    "test_a_request_costs_what_it_does_up_to_the_capacity_and_has_no_cost_above",
    "F085": "costs/test_soft.py::test_one_percent_of_two_requests_a_second_lost_at_5_cents",
    "F086": "cli/test_cost_owning.py::test_a_node_is_shown_with_its_price_a_card",
    "F087": "costs/test_rental.py::test_a_day_and_thirty_days",
    "F088": "costs/test_rental.py::test_several_cards_an_hour",
    "F089": "costs/test_energy.py::test_fp32_and_tensor_rates_have_different_winners",
    "F090": "costs/test_energy.py::test_a_year_of_four_4090_against_two_a100_with_pue",
    "F091": "cli/test_cost_owning.py::test_the_annual_difference_of_two_clusters",
    "F092": "costs/test_soft.py::test_twenty_hours_of_an_engineer",
    "F093": "planning/test_costing_break_even.py::"
    "test_a_used_card_pays_in_2_7_to_3_6_months_and_2_4_to_3_2_without_electricity",
    "F094": "costs/test_token_price.py::"
    "test_500_dollars_a_month_rent_an_l40s_for_46_to_86_percent_of_the_hours",
    "F095": "costs/test_ownership.py::"
    "test_four_h100_for_200_000_dollars_cost_as_much_as_7_037_a_month",
    "F096": "planning/combos/test_upkeep.py::test_all_in_is_cards_host_and_network",
    "F097": "cli/test_cost_owning.py::test_a_share_of_the_cost_for_a_share_of_the_models",
    "F098": "costs/test_soft.py::"
    "test_ten_percent_of_a_thousand_cards_is_worth_2_2_million_a_year",
    "F099": "planning/test_tenants_mig.py::test_a_card_of_30000_dollars_costs_each_of_seven_4286",
    "F120": "prediction/training/test_training_memory.py::"
    "test_70b_qlora_does_not_fit_24_gb_and_does_48",
}  # fmt: skip


@cache
def functions_of(file: str) -> frozenset[str]:
    """Return the names of the functions at the top of a test file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_row_has_a_test() -> None:
    rows = {f"F{number:03}" for number in range(FIRST, LAST + 1) if number != APART}
    assert CARRIED.keys() == rows | {"F120"}


@pytest.mark.parametrize(("row", "place"), CARRIED.items(), ids=CARRIED)
def test_the_test_of_a_row_exists(row: str, place: str) -> None:
    file, _, function = place.partition("::")
    assert function in functions_of(file), row

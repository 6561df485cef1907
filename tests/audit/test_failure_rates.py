"""Published failure rates, as expressions of a claims table ask for them."""

from __future__ import annotations

import pytest
from audited_text import amount, found, in_unit

from rightrig.errors import InputError


def test_hbm3_of_llama_3_failed_once_in_34_gpu_years() -> None:
    assert in_unit('1 / failures_per_s("llama-3", "memory")', "yr") == pytest.approx(
        33.67, abs=0.01
    )


def test_every_part_of_llama_3_together_failed_once_in_6_gpu_years() -> None:
    assert in_unit('1 / failures_per_s("llama-3")', "yr") == pytest.approx(5.785, abs=0.005)


def test_a_gigabyte_of_titan_had_about_one_corrected_error_in_two_years() -> None:
    yearly = amount('failures_per_s("titan-sbe") * yr').interval
    assert yearly.low < 0.5834 < yearly.high
    assert yearly.mid == pytest.approx(0.5834, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('failures_per_s("llama-3", "hbm")', "is no part; write gpu, memory,"),
        ('failures_per_s("titan-sbe", "network")', "titan-sbe counts no failure of network"),
        ('failures_per_s("llama-9")', "llama-9"),
        ('failures_per_s("alibaba-2023")', "states no rate"),
    ],
)
def test_what_states_no_rate_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        found(text)

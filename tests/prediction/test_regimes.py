"""Which steps a load is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rightrig.prediction.regimes import (
    Lengths,
    Moment,
    Pace,
    burst_moments,
    next_moments,
    own_moments,
    prompt_bound_seqs,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

LENGTHS = Lengths(1000.0, 200.0)
MIXED = Pace(8192.0, mixes_prompts=True)
FIRST = Pace(8192.0, mixes_prompts=False)


def prompt_tokens(moments: Sequence[Moment]) -> float:
    return sum(float(m.weight_ratio * m.step.prefill_tokens) for m in moments)


@pytest.mark.parametrize("pace", [MIXED, FIRST])
@pytest.mark.parametrize("seqs", [1.0, 8.0, 64.0, 500.0])
def test_steps_read_as_many_prompt_tokens_as_sequences_finish(pace: Pace, seqs: float) -> None:
    others = seqs - 1.0
    read = prompt_tokens(next_moments(pace, seqs, others, LENGTHS))
    assert read == pytest.approx(others * 1000.0 / 200.0)


def test_prompts_share_steps_with_decoding_or_have_their_own() -> None:
    mixed = next_moments(MIXED, 64.0, 63.0, LENGTHS)
    assert sum(float(m.weight_ratio) for m in mixed) == pytest.approx(1.0)
    assert all(float(m.step.decode_seqs) == 64.0 for m in mixed)
    plain, prompts = next_moments(FIRST, 64.0, 63.0, LENGTHS)
    assert float(plain.weight_ratio) == 1.0
    assert float(prompts.step.decode_seqs) == 0.0


def test_a_long_prompt_is_read_in_chunks_that_stages_overlap() -> None:
    long = Lengths(20_000.0, 200.0)
    (alone,) = own_moments(MIXED, 4.0, long)
    assert float(alone.weight_ratio) == pytest.approx(20_000 / 8192)
    staged = Pace(8192.0, mixes_prompts=True, in_flight_count=4.0, overlap_count=4.0)
    (overlapped,) = own_moments(staged, 4.0, long)
    assert float(overlapped.weight_ratio) == pytest.approx(1 + (20_000 / 8192 - 1) / 4)


def test_a_cached_prefix_is_not_read_but_attended_to() -> None:
    hit = Lengths(1000.0, 200.0, cached_tokens=800.0)
    (own,) = own_moments(MIXED, 0.0, hit)
    assert float(own.step.prefill_tokens) == 200.0
    assert float(own.step.prefill_context_tokens) == 900.0


def test_the_first_prompts_of_all_users_fill_steps() -> None:
    (burst,) = burst_moments(MIXED, 32.0, LENGTHS)
    assert float(burst.weight_ratio * burst.step.prefill_tokens) == pytest.approx(32_000.0)
    assert float(burst.step.prefill_tokens) == 8192.0


def test_steps_bound_the_sequences_only_where_prompts_share_them() -> None:
    assert prompt_bound_seqs(MIXED, LENGTHS) == pytest.approx(8192 * 200 / 1200)
    assert np.isinf(prompt_bound_seqs(FIRST, LENGTHS))


def test_pictures_are_read_with_the_prompts_that_bring_them() -> None:
    pictured = Lengths(1000.0, 200.0, patches_count=4000.0)
    for moments in (own_moments(MIXED, 4.0, pictured), burst_moments(MIXED, 1.0, pictured)):
        assert sum(float(m.weight_ratio * m.step.patches_count) for m in moments) == 4000.0
    read = next_moments(MIXED, 64.0, 63.0, pictured)
    patches = sum(float(m.weight_ratio * m.step.patches_count) for m in read)
    assert patches == pytest.approx(63.0 / 200.0 * 4000.0)

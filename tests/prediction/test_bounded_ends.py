"""The ends of intervals never pass what the datasheet allows, nor their middles."""

from __future__ import annotations

import numpy as np

from rightrig.prediction.evidence import highest_tokens_per_s, low_end_s


def test_a_low_end_stays_between_the_roofline_and_the_middle() -> None:
    # Free; held up by the roofline; a roofline above the middle.
    found = low_end_s(10.0, 0.8, np.array([5.0, 9.0, 12.0]))
    assert np.asarray(found).tolist() == [8.0, 9.0, 10.0]


def test_a_throughput_is_at_most_what_the_low_end_of_the_step_and_the_roofline_make() -> None:
    # Held by the quicker step; by the datasheet; never below the middle.
    found = highest_tokens_per_s(100.0, 1.25, np.array([500.0, 110.0, 90.0]))
    assert np.asarray(found).tolist() == [125.0, 110.0, 100.0]

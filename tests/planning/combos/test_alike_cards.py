"""Cards that are most like a card."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.facts.catalog import shipped
from rightrig.planning.combos.alike_cards import alike_cards

GPUS = shipped().gpus()


def test_a_sister_is_the_nearest_and_its_ratios_are_stated() -> None:
    """An RTX 3090 Ti is like an RTX 3090: the same memory, 1,008 over 936 GB/s."""
    found = {one.gpu.slug: one for one in alike_cards(GPUS, shipped().gpu("rtx-3090"))}
    assert found["rtx-3090-ti"].bandwidth_ratio == pytest.approx(1008 / 936, rel=1e-3)
    assert found["rtx-3090-ti"].memory_ratio == pytest.approx(1.0, rel=0.02)


@given(st.sampled_from(GPUS), st.integers(1, 20))
def test_the_nearest_come_first_and_never_the_card_itself(gpu: object, most: int) -> None:
    """Distances rise, and as many cards as asked for are there."""
    own = next(one for one in GPUS if one is gpu)
    found = alike_cards(GPUS, own, most)
    distances = [one.distance_ratio for one in found]
    assert distances == sorted(distances)
    assert len(found) == most
    assert own.slug not in {one.gpu.slug for one in found}

"""How many bits a weight a rig leaves room for, and what is known of the quality there."""

from __future__ import annotations

import pytest

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.prediction.format_room import FormatRoom, format_room
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.work.weights import total_params_count

CATALOG = rightrig.shipped()


def fitted(model: str, rig: str, choices: Choices | None = None, context: int = 4096) -> Fit:
    asked = propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)
    return fit(asked, context, 1)


def room(model: str, rig: str, choices: Choices | None = None, context: int = 4096) -> FormatRoom:
    return format_room(fitted(model, rig, choices, context))


def test_a_70b_on_24_gb_has_room_for_2_66_bits_at_a_risk() -> None:
    found = room("llama-3.3-70b", "1xrtx-4090", Choices(runtime="llama.cpp"))
    assert found.bits_per_weight == pytest.approx(2.66, abs=0.02)
    assert found.is_risky
    assert found.point is not None
    assert found.table is not None
    assert found.point.bits_per_weight <= found.bits_per_weight
    assert (found.point.format, found.point.perplexity_ratio) == ("iq2_xs", 2.03)
    assert found.table.model == "meta-llama/Meta-Llama-3-70B"


def test_two_cards_take_the_risk_away() -> None:
    found = room("llama-3.3-70b", "2xrtx-4090", Choices(runtime="llama.cpp"))
    assert found.bits_per_weight > 4.82
    assert not found.is_risky
    assert found.point is not None
    assert found.point.format == "q4_k_m"


def test_where_nothing_so_small_was_published_no_format_is_named() -> None:
    found = room("llama-3.1-405b", "1xrtx-4090", Choices(runtime="llama.cpp"), 2048)
    assert found.bits_per_weight < 1.0
    assert found.point is None
    assert found.table is None
    assert found.is_risky


def test_room_beyond_16_bits_says_how_much_is_left_over() -> None:
    found = room("llama-3.1-8b", "1xh100-sxm")
    assert found.bits_per_weight > 32.0
    assert not found.is_risky


@pytest.mark.parametrize("weights", ["q8_0", "q4_k_m", "iq2_xs"])
def test_the_room_hardly_depends_on_the_format_that_was_asked_for(weights: str) -> None:
    found = room("llama-3.3-70b", "2xrtx-3090", Choices(runtime="llama.cpp", weights=weights))
    assert found.bits_per_weight == pytest.approx(5.42, rel=0.03)


@pytest.mark.parametrize(
    ("model", "rig"),
    [("llama-3.1-8b", "1xrtx-4090"), ("llama-3.3-70b", "4xh100-sxm"), ("qwen3-8b", "1xl4")],
)
def test_weights_of_just_so_many_bits_leave_nothing_free(model: str, rig: str) -> None:
    result = fitted(model, rig)
    bits = format_room(result).bits_per_weight
    params = total_params_count(result.deployment.llm)
    own = result.weights_bytes * 8.0 / params
    least = min(
        card.free_bytes
        - (bits / own - 1.0)
        * next(p.size_bytes.mid for p in card.components if p.name == "weights")
        for card in result.cards
    )
    assert least == pytest.approx(0.0, abs=1.0)


def test_a_longer_context_leaves_fewer_bits() -> None:
    bits = [room("llama-3.1-8b", "1xrtx-4090", context=n).bits_per_weight for n in (512, 8192)]
    assert bits[0] > bits[1]

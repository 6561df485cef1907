"""Mixed cards: equal shards, proportional stages, and pools with routes."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.demand.objective import Slo
from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.questions.mixing import Mix, grouped, mix, pipeline_shares
from rightrig.prediction.regimes import Lengths
from rightrig.work.weights import weight_bytes

CATALOG = rightrig.shipped()


@functools.cache
def mixed(models: str, rigs: str) -> Mix:
    return mix(
        CATALOG,
        [CATALOG.llm(name) for name in models.split(",")],
        [parse_rig(name, CATALOG) for name in rigs.split(",")],
        Choices(),
        Lengths(1000.0, 300.0),
        Slo(tpot_p99_s=0.1),
    )


def test_stages_of_a_4090_take_half_the_layers_of_an_a100_with_twice_the_bandwidth() -> None:
    llm = CATALOG.llm("llama-3.3-70b")
    rig = parse_rig("4xrtx-4090+2xa100-sxm-80gb", CATALOG)
    shares = pipeline_shares(llm, rig, weight_bytes(llm, "bf16"))
    assert [share.layers_count for share in shares] == [10, 10, 10, 10, 20, 20]
    assert max(share.stage_ratio for share in shares) == 1.0
    assert [count for _, count in grouped(shares)] == [4, 2]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 4))
def test_no_layer_moved_to_another_card_would_make_the_slowest_stage_quicker(
    few: int, more: int
) -> None:
    llm = CATALOG.llm("llama-3.1-8b")
    rig = parse_rig(f"{few}xrtx-3090+{more}xh100-sxm", CATALOG)
    shares = pipeline_shares(llm, rig, weight_bytes(llm, "bf16"))
    paces = [1.0 / card.gpu.memory_bandwidth_bytes_per_s for card in rig.node_cards]
    counts = [share.layers_count for share in shares]
    times = [count * pace for count, pace in zip(counts, paces, strict=True)]
    assert sum(counts) == llm.layer_count
    slowest = times.index(max(times))
    for other, pace in enumerate(paces):
        if other != slowest:
            assert (counts[other] + 1) * pace >= max(times) * (1.0 - 1e-9)


def test_cards_without_room_for_all_layers_have_no_stages() -> None:
    llm = CATALOG.llm("deepseek-v3")
    rig = parse_rig("1xrtx-4090+1xl4", CATALOG)
    assert pipeline_shares(llm, rig, weight_bytes(llm, "fp8")) == ()


def test_six_ranks_are_barred_by_the_rule_of_heads_and_equal_shards_by_what_they_waste() -> None:
    (engine,) = mixed("llama-3.1-8b", "4xrtx-4090,2xa100-sxm-80gb").engines
    assert [rule for _, rule, _ in engine.barred] == ["PAR-HEADS", ""]
    # Six times the 23.5 GiB of the smallest, of 4 × 23.5 and 2 × 79.3.
    assert "141.10 GiB of 252.76 GiB" in engine.barred[1][2]


def test_each_model_is_routed_to_the_cheapest_pool_that_holds_it() -> None:
    found = mixed("llama-3.1-8b,llama-3.3-70b", "4xrtx-4090,2xa100-sxm-80gb")
    routes = {route.model.split("/")[1]: route.pool for route in found.chosen()}
    assert routes == {
        "Llama-3.1-8B": "4xrtx-4090",
        "Llama-3.3-70B-Instruct": "2xa100-sxm-80gb",
    }
    rejected = [route for route in found.routes if route.layout is None]
    assert [(route.pool, "too much" in route.reason) for route in rejected] == [
        ("4xrtx-4090", True)
    ]


def test_the_cost_of_a_route_is_its_rent_over_what_it_carries() -> None:
    for route in mixed("llama-3.1-8b", "4xrtx-4090,2xa100-sxm-80gb").routes:
        assert route.layout is not None
        assert route.rent_usd_per_month is not None
        assert route.usd_per_token is not None
        tokens = route.layout.goodput_requests_per_s * 1300 * 730 * 3600
        assert route.usd_per_token == pytest.approx(route.rent_usd_per_month / tokens)


def test_one_kind_of_card_is_nothing_to_mix() -> None:
    with pytest.raises(InputError, match="names one kind of card"):
        mixed("llama-3.1-8b", "4xrtx-4090,2xrtx-4090")

"""Layouts: which splits of an engine are tried, by known numbers and by the rules they keep."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.compatibility import broken
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.parallelism import Parallelism, tp_reason
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.candidates import Choice, enumerate_candidates, spanning_candidates
from rightrig.planning.layouts import (
    BOARD_CARDS,
    MOST_CARDS,
    machine_cards,
    machine_layouts,
    spanning_layouts,
)
from rightrig.planning.limits import limits_for

CATALOG = rightrig.shipped()
DENSE, MLA, EXPERTS = "llama-3.3-70b", "deepseek-v3", "qwen3-30b-a3b"
HYBRID, WINDOWS = "Qwen/Qwen3-Next-80B-A3B-Instruct", "gemma-3-12b-it"
MODELS = (DENSE, MLA, EXPERTS, HYBRID, WINDOWS, "gpt-oss-20b", "qwen2.5-0.5b-instruct")
RUNTIMES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")


def inside(model: str, runtime: str = "vllm", cards: int = 8) -> tuple[Parallelism, ...]:
    return machine_layouts(CATALOG.llm(model), CATALOG.runtime(runtime), cards)


def test_a_dense_model_of_64_heads_has_fifteen_layouts_on_eight_cards() -> None:
    # tp divides 64 heads: 1, 2, 4, 8; with each, every number of stages that still fits.
    expected = {(tp, pp) for tp in (1, 2, 4, 8) for pp in range(1, 8 // tp + 1)}
    found = inside(DENSE)
    assert len(found) == len(expected) == 15
    assert {(one.tp, one.pp) for one in found} == expected
    assert {one.engine_cards for one in found} == set(range(1, 9))


def test_sixty_four_heads_are_never_shared_by_six_ranks() -> None:
    assert Parallelism(6) not in inside(DENSE)
    assert Parallelism(2, 3) in inside(DENSE)


def test_fourteen_heads_are_shared_by_two_ranks_at_most() -> None:
    # 14 heads on 2 key-value heads: 7 ranks divide the heads, but neither 2 by 7 nor 7 by 2.
    assert {one.tp for one in inside("qwen2.5-0.5b-instruct")} == {1, 2}


def test_a_latent_cache_is_spread_over_every_divisor_of_the_ranks() -> None:
    spread = {(one.tp, one.context_parallel) for one in inside(MLA) if one.attention_dp == 1}
    assert {cp for tp, cp in spread if tp == 8} == {1, 2, 4, 8}
    assert {cp for tp, cp in spread if tp == 2} == {1, 2}


def test_key_value_heads_are_spread_only_where_ranks_would_hold_copies() -> None:
    # 4 key-value heads: on 8 ranks each is held twice.
    assert {one.context_parallel for one in inside(EXPERTS) if one.tp == 8} == {1, 2}
    assert {one.context_parallel for one in inside(EXPERTS) if one.tp <= 4} == {1}
    # 8 key-value heads: no copies on 8 ranks, two of each on 16.
    assert {one.context_parallel for one in inside(DENSE)} == {1}
    wide = inside(DENSE, cards=64)
    assert {one.context_parallel for one in wide if one.tp == 16} == {1, 2}


@pytest.mark.parametrize("model", [HYBRID, WINDOWS, "gpt-oss-20b"])
def test_windows_and_recurrent_states_are_not_spread(model: str) -> None:
    assert {one.context_parallel for one in inside(model, cards=64)} == {1}


@pytest.mark.parametrize("model", MODELS)
def test_only_experts_bring_attention_dp_and_dealt_experts(model: str) -> None:
    has_experts = CATALOG.llm(model).has_experts
    found = inside(model)
    assert any(one.attention_dp > 1 for one in found) == has_experts
    assert any(one.ep > 1 for one in found) == has_experts


@pytest.mark.parametrize("model", MODELS)
def test_llama_cpp_cuts_layers_only(model: str) -> None:
    found = inside(model, "llama.cpp")
    assert found == tuple(Parallelism(1, cards) for cards in range(1, 9))


def test_a_fabric_that_joins_72_cards_makes_one_machine_of_64() -> None:
    assert machine_cards(CATALOG.gpu("gb200")) == MOST_CARDS == 64
    assert Parallelism(64) in inside(DENSE, cards=64)
    sizes = {one.engine_cards for one in inside(DENSE, cards=64)}
    assert sizes == {*range(1, 9), *range(16, 65, 8)}


@pytest.mark.parametrize(
    ("card", "cards"),
    [("h100-sxm", 8), ("l4", 8), ("mi300x", 8), ("gb10", 1), ("m3-ultra", 1), ("tpu-v5e", 8)],
)
def test_other_machines_hold_a_board_or_one_desktop_chip(card: str, cards: int) -> None:
    assert machine_cards(CATALOG.gpu(card)) == cards


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("machines", [2, 3, 8])
def test_only_stages_cross_between_machines(model: str, runtime: str, machines: int) -> None:
    llm, engine = CATALOG.llm(model), CATALOG.runtime(runtime)
    for one in spanning_layouts(llm, engine, BOARD_CARDS, machines):
        assert one.engine_cards == machines * BOARD_CARDS
        assert one.expert_ranks <= BOARD_CARDS
        assert one.pp % machines == 0
        assert one.pp <= llm.layer_count


@given(st.sampled_from(MODELS), st.sampled_from(RUNTIMES), st.integers(1, 8).map(lambda n: 8 * n))
@settings(max_examples=40, deadline=None)
def test_layouts_are_different_and_divide_what_they_share(
    model: str, runtime: str, cards: int
) -> None:
    llm = CATALOG.llm(model)
    found = inside(model, runtime, cards)
    assert len(set(found)) == len(found)
    for one in found:
        assert one.engine_cards <= cards
        assert tp_reason(llm, one.tp) is None
        assert 1 <= one.pp <= llm.layer_count
        assert one.tp % one.context_parallel == 0
        assert all(ffn.expert_count % one.experts_over == 0 for ffn in llm.ffns if one.ep > 1)


def enumerated(model: str, runtime: str, card: str) -> list[Deployment]:
    llm, gpu, engine = CATALOG.llm(model), CATALOG.gpu(card), CATALOG.runtime(runtime)
    choice = Choice((engine,))
    found = enumerate_candidates(llm, (gpu,), choice)
    rows = found.rows[["runtime", "format", "kv"]]
    wanted = [(0, option) for option in sorted(set(rows.tolist()))]
    wider = spanning_candidates(llm, found, choice, wanted, 32)
    most = machine_cards(gpu)
    deployments = []
    for row in (*found.rows.tolist(), *wider.rows.tolist()):
        _, _, name, kv, layout, step_tokens = row[:6]
        split = wider.layouts[layout]
        cards = min(split.engine_cards, most)
        rig = Rig((CardGroup(cards, gpu),), math.ceil(split.engine_cards / cards))
        precision = Precision(wider.formats[name], wider.kvs[kv])
        limits = limits_for(engine, gpu, split, step_tokens)
        deployments.append(Deployment(llm, rig, split, precision, engine, limits))
    return deployments


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model", [DENSE, MLA, EXPERTS, HYBRID, WINDOWS])
def test_every_row_that_is_enumerated_breaks_no_rule(model: str, runtime: str) -> None:
    found = [one for card in ("h100-sxm", "l4", "mi300x") for one in
             enumerated(model, runtime, card)]  # fmt: skip
    assert len(found) > 20
    for one in found:
        assert broken(one) == (), (one.rig.text, one.parallelism.text, one.precision)

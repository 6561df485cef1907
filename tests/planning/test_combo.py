"""A combo: headlines and verdicts of rigs, by one rule for all of them."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.facts.explanation import Explainable
from rightrig.planning.combos.combo import Combo, combo
from rightrig.planning.combos.links import topology
from rightrig.planning.combos.memory import pooled_memory
from rightrig.planning.combos.models import MODEL_CLASSES, long_sequence, models_on
from rightrig.planning.combos.rivals import purchase_of
from rightrig.planning.combos.speed import reference_speeds, streams_of
from rightrig.planning.combos.traits import AVOID_RULES
from rightrig.planning.fits import models_that_fit
from rightrig.quantities import GIB

CATALOG = rightrig.shipped()
FOUR = "4xh100-sxm"


@functools.cache
def known(text: str) -> Combo:
    return combo(CATALOG, rightrig.parse_rig(text, CATALOG))


def rig(text: str) -> rightrig.Rig:
    return rightrig.parse_rig(text, CATALOG)


@pytest.mark.parametrize(
    ("text", "marketed", "visible"),
    [(FOUR, 300.0, 296.8), ("4xrtx-4090", 76.0, 74.1), ("2xrtx-3090@nvlink", 38.0, 37.2)],
)
def test_one_rule_takes_five_gib_off_every_card(text: str, marketed: float, visible: float) -> None:
    found = pooled_memory(rig(text))
    assert found.effective_marketed_bytes / GIB == pytest.approx(marketed)
    assert found.effective_bytes / GIB == pytest.approx(visible, abs=0.1)


@given(st.floats(0.1, 1.0), st.floats(0.0, 40.0))
def test_effective_memory_is_linear_and_never_negative(ratio: float, overhead_gib: float) -> None:
    found = pooled_memory(rig("4xrtx-4090+1xa100-sxm-80gb"), ratio, overhead_gib * GIB)
    wanted = ratio * found.visible_bytes - 5 * overhead_gib * GIB
    assert found.effective_bytes == pytest.approx(max(0.0, wanted))
    assert found.equal_shares_bytes <= max(found.effective_bytes, 0.0) + 1.0


def test_equal_shares_of_unequal_cards_are_bound_by_the_smallest() -> None:
    found = pooled_memory(rig("4xrtx-4090+1xa100-sxm-80gb"))
    small, large = found.cards
    assert found.equal_shares_bytes / GIB == pytest.approx(5 * (23.52 - 5.0), abs=0.1)
    assert 4 * small.layer_ratio + large.layer_ratio == pytest.approx(1.0)
    assert 4 * small.sweep_ratio + large.sweep_ratio == pytest.approx(1.0)
    # Layers follow memory; the larger card also reads twice as fast.
    assert large.layer_ratio / small.layer_ratio == pytest.approx(79.35 / 23.52, rel=0.01)
    assert found.slowest.gpu == "a100-sxm-80gb"


@pytest.mark.parametrize(
    ("text", "kind", "pair", "together"),
    [
        (FOUR, "nvlink-switch", 450e9, 450e9),
        ("4xh100-sxm@hgx4", "nvlink-bridge", 150e9, 450e9),
        ("2xrtx-3090@nvlink", "nvlink-bridge", 56.25e9, 56.25e9),
        ("2xrtx-4090", "pcie-host", 31.5e9, 31.5e9),
    ],
)
def test_links_are_told_pair_by_pair_in_one_direction(
    text: str, kind: str, pair: float, together: float
) -> None:
    found = topology(rig(text))
    assert found.all_cards.kind == kind
    assert found.slowest.bytes_per_s == pytest.approx(pair)
    assert found.all_cards.bytes_per_s == pytest.approx(together)


def test_a_bridge_joins_neighbours_and_nobody_else() -> None:
    found = topology(rig("4xrtx-3090@nvlink"))
    kinds = {pair: link.kind for pair, link in found.pairs.items()}
    assert kinds[0, 1] == kinds[2, 3] == "nvlink-bridge"
    assert kinds[0, 2] == kinds[1, 3] == "pcie-host"
    assert all(found.pairs[one, two] == found.pairs[two, one] for one, two in found.pairs)


def test_a_million_tokens_of_a_70b_take_327_7_gb_and_four_80_gb_cards_hold_none() -> None:
    found = long_sequence(CATALOG, rig(FOUR))
    assert found.sequence_bytes == pytest.approx(327.68e9)
    assert found.held_count == 0
    assert (long_sequence(CATALOG, rig("2n:8xh200-sxm")).held_count or 0) > 0


def test_thirty_two_streams_of_a_70b_get_what_was_worked_out_by_hand() -> None:
    speeds = reference_speeds(CATALOG, rig(FOUR))
    short, long = streams_of(CATALOG, rig(FOUR), speeds)
    # Worked out by hand for FP8 on four ranks: about 58 and 40 tokens/s.
    assert short.tokens_per_s.low < 58.0 < short.tokens_per_s.high
    assert long.tokens_per_s.low < 40.0 < long.tokens_per_s.high
    assert short.quick_count > long.quick_count > 0


def test_four_ranks_answer_one_user_sooner_than_two_over_nvswitch() -> None:
    speeds = reference_speeds(CATALOG, rig(FOUR))
    tpot = {one.split.text: one.tpot_s.mid for one in speeds.running if one.tpot_s}
    assert tpot["2×tp2"] / tpot["tp4"] > 1.3
    assert speeds.quickest is not None
    assert speeds.quickest.split.tp == 4


def test_classes_of_four_h100_are_as_the_fits_say() -> None:
    found = {one.of.name: one for one in known(FOUR).coverage}
    assert list(found) == [one.name for one in MODEL_CLASSES]
    frontier = found["frontier MoE, from 200B"]
    assert frontier.example.llm.name == "deepseek-ai/DeepSeek-V4-Pro"
    assert frontier.example.verdict == "no"
    assert any(one.llm.name == "Qwen/Qwen3-235B-A22B" for one in frontier.held)
    # vLLM loads no weights of bitsandbytes without a plugin.
    middle = found["30B class"]
    assert len(middle.held) == middle.models_count - 1
    assert "unsloth/QwQ-32B-unsloth-bnb-4bit" not in {one.llm.name for one in middle.held}
    fitting = {model.llm.name for model in known(FOUR).models}
    for one in known(FOUR).coverage[:-1]:
        assert {model.llm.name for model in one.held} <= fitting
    # Of the class of long contexts a model may fit at 8,192 tokens and not at a million.
    assert len(found["1M context"].held) < found["1M context"].models_count


def test_models_of_one_shape_share_a_verdict_where_layers_are_dealt_out() -> None:
    names = ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B-Instruct", "openai/gpt-oss-120b")
    llms = [CATALOG.llm(name) for name in names]
    mixed = rig("1xrtx-4090+1xrtx-3090")
    found = {m.llm.name: m.verdict for m in models_on(CATALOG, mixed, llms, 8192)}
    choices = Choices(runtime="llama.cpp", weights="q4_k_m")
    each = models_that_fit(CATALOG, mixed, 8192, 1, choices, llms)
    assert found == {m.llm.name: m.verdict for m in each}


def test_who_should_avoid_four_h100_is_told_with_figures() -> None:
    reasons = {one.rule_id: one.reason for one in known(FOUR).avoid}
    assert "327.7 GB" in reasons["AVOID-LONG"]
    assert "1,051 GiB" in reasons["AVOID-TRAIN"]
    assert "Llama-3.1-8B" in reasons["AVOID-LONE"]
    assert "AVOID-MIX" not in reasons
    assert {rule.id for rule in AVOID_RULES} >= set(reasons)


def test_no_claim_stands_in_both_lists_and_each_has_a_number() -> None:
    found = known(FOUR)
    assert found.best
    assert not set(found.best) & set(found.bad)
    assert all(any(sign.isdigit() for sign in text) for text in (*found.best, *found.bad))


def test_alternatives_cost_or_hold_the_same_within_a_factor() -> None:
    found = known(FOUR)
    rent = found.own.rent_usd_per_month
    assert rent is not None
    assert found.same_rent
    assert found.same_memory
    for one in found.same_rent:
        assert rent / 1.3 <= (one.rent_usd_per_month or 0.0) <= rent * 1.3
    for one in found.same_memory:
        ratio = one.effective_bytes / found.own.effective_bytes
        assert 1 / 1.3 <= ratio <= 1.3


def test_nobody_rents_out_a_mix_of_cards() -> None:
    assert purchase_of(CATALOG.prices(), rig("1xrtx-4090+1xa100-sxm-80gb")) is None


def test_a_rank_is_the_place_among_all_that_have_the_quantity() -> None:
    found = known(FOUR)
    rank = next(one for one in found.ranks if one.name.startswith("output tokens/s"))
    better = [one for one in found.peers if one.tokens_per_s > found.own.tokens_per_s]
    assert rank.place == 1 + len(better)
    assert all(one.rig.cards_count == 4 for one in found.peers)


def test_a_rig_explains_itself_with_figures_and_sources() -> None:
    found = known(FOUR)
    assert isinstance(found, Explainable)
    told = found.explain()
    assert all(sentence.endswith((".", ").")) for sentence in told.sentences)
    assert told.figures[0].text == "296.8 GiB"
    assert all(figure.source for figure in told.figures)
    assert told.sources


def test_a_cluster_is_no_rig() -> None:
    with pytest.raises(InputError, match="cards of the rig is 800"):
        combo(CATALOG, rig("100n:8xh100-sxm"))

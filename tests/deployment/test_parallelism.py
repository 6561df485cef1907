"""Splits: which degrees of parallelism a model allows, and what is said of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.parallelism import (
    Parallelism,
    check_split,
    splits_of,
    tp_reason,
    valid_tps,
)
from rightrig.errors import InputError

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm

CATALOG = rightrig.shipped()
MODELS = CATALOG.slugs("llms")
LLAMA_70B = CATALOG.llm("llama-3.3-70b")
FALCON_7B = CATALOG.llm("falcon-7b")


def test_a_split_counts_its_cards() -> None:
    split = Parallelism(tp=2, pp=3, replicas=4)
    assert (split.engine_cards, split.cards) == (6, 24)


@pytest.mark.parametrize(
    ("split", "text"),
    [
        (Parallelism(), "tp1"),
        (Parallelism(4), "tp4"),
        (Parallelism(2, 3), "tp2·pp3"),
        (Parallelism(2, 1, 2), "2×tp2"),
    ],
)
def test_a_split_reads_as_people_write_it(split: Parallelism, text: str) -> None:
    assert split.text == text


def test_a_70b_splits_over_powers_of_two() -> None:
    assert valid_tps(LLAMA_70B, 8) == (1, 2, 4, 8)


def test_sixty_four_heads_go_further_by_copying_eight_kv_heads() -> None:
    assert valid_tps(LLAMA_70B, 64) == (1, 2, 4, 8, 16, 32, 64)


def test_three_ranks_cannot_share_64_heads() -> None:
    assert tp_reason(LLAMA_70B, 3) == "64 attention heads do not divide by tp=3"


def test_falcon_7b_has_71_heads_which_only_71_ranks_divide() -> None:
    assert FALCON_7B.attentions[0].head_count == 71
    assert valid_tps(FALCON_7B, 80) == (1, 71)


def test_latent_attention_has_no_kv_heads_to_divide() -> None:
    assert valid_tps(CATALOG.llm("deepseek-v3"), 16) == (1, 2, 4, 8, 16)


def test_kv_heads_that_do_not_match_the_ranks_are_named() -> None:
    qwen = CATALOG.llm("qwen2.5-7b-instruct")  # 28 heads, 4 key-value heads
    assert valid_tps(qwen, 8) == (1, 2, 4)
    assert tp_reason(qwen, 7) == ("4 key-value heads neither divide by tp=7 nor are divided by it")


def test_the_inner_width_must_divide_too() -> None:
    llama_13b = CATALOG.llm("llama-2-13b")  # 40 heads, inner width 13,824
    assert valid_tps(llama_13b, 8) == (1, 2, 4, 8)
    assert tp_reason(llama_13b, 5) == "the inner width 13824 does not divide by tp=5"


def test_splits_of_six_cards_end_with_a_pipeline() -> None:
    assert splits_of(LLAMA_70B, 6) == (Parallelism(2, 3), Parallelism(1, 6))


def test_without_options_the_most_tensor_parallel_split_is_taken() -> None:
    assert check_split(LLAMA_70B, 8, None, None) == Parallelism(8)
    assert check_split(LLAMA_70B, 6, None, None) == Parallelism(2, 3)
    assert check_split(FALCON_7B, 4, None, None) == Parallelism(1, 4)


def test_cards_left_over_become_replicas() -> None:
    assert check_split(LLAMA_70B, 8, 2, None) == Parallelism(2, 1, 4)
    assert check_split(LLAMA_70B, 8, 2, 2) == Parallelism(2, 2, 2)


def test_stages_alone_leave_the_rest_to_tensor_parallelism() -> None:
    assert check_split(LLAMA_70B, 8, None, 2) == Parallelism(4, 2)


@pytest.mark.parametrize(
    ("cards", "tp", "pp", "says"),
    [
        (6, 6, None, "valid on 6 cards: tp2·pp3, tp1·pp6; otherwise tp4 on 4 cards or tp8 on 8"),
        (3, 3, None, "64 attention heads do not divide by tp=3; valid on 3 cards: tp1·pp3"),
        (8, 16, None, "needs a multiple of 16 cards and the rig has 8"),
        (8, 4, 4, "tp=4 × pp=4 needs a multiple of 16 cards"),
        (8, None, 3, "pp=3 needs a multiple of 3 cards and the rig has 8"),
        (8, None, 81, "--pp 81 exceeds the 80 layers"),
    ],
)
def test_an_impossible_split_is_answered_with_the_nearest_valid_ones(
    cards: int, tp: int | None, pp: int | None, says: str
) -> None:
    with pytest.raises(InputError) as caught:
        check_split(LLAMA_70B, cards, tp, pp)
    assert says in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MODELS), st.integers(1, 72))
def test_every_split_of_some_cards_uses_them_all_and_is_allowed(slug: str, cards: int) -> None:
    llm = CATALOG.llm(slug)
    splits = splits_of(llm, cards)
    for split in splits:
        assert split.engine_cards == cards
        assert tp_reason(llm, split.tp) is None
        assert split.pp <= llm.layer_count
    assert [s.tp for s in splits] == sorted((s.tp for s in splits), reverse=True)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Llm, int, int | None, int | None]:
    llm, cards = CATALOG.llm(draw(st.sampled_from(MODELS))), draw(st.integers(1, 72))
    tp, pp = draw(st.none() | st.integers(1, 16)), draw(st.none() | st.integers(1, 16))
    return llm, cards, tp, pp


@settings(max_examples=300, deadline=None)
@given(questions())
def test_a_split_is_as_asked_or_an_error_that_names_a_way_out(
    question: tuple[Llm, int, int | None, int | None],
) -> None:
    llm, cards, tp, pp = question
    assume(tp or pp or splits_of(llm, cards))
    try:
        split = check_split(llm, cards, tp, pp)
    except InputError as error:
        said = str(error)
    else:
        said = ""
        assert split.cards == cards
        assert tp in {None, split.tp}
        assert pp in {None, split.pp}
        assert tp_reason(llm, split.tp) is None
    assert not said or "valid on" in said or "use fewer stages" in said


def test_more_cards_than_any_split_uses_are_an_error_of_input() -> None:
    with pytest.raises(InputError, match="33 cards"):
        check_split(CATALOG.llm("llama-3.1-8b"), 33, None, None)

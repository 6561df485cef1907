"""Several sequences of vLLM with windows: tokens in flight are bounded over all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.prediction.memory_fit import engine_of
from rightrig.prediction.paged_engines import paged_shares

if TYPE_CHECKING:
    from rightrig.prediction.engine_memory import CardShare

CATALOG = rightrig.shipped()
PAGE_BYTES = 10 * 16 * 8192  # Gemma 3 27B: 10 layers of 16 tokens, 16 heads of 2 × 128 × 2 B


def shares_of(model: str, runtime: str = "vllm", pp: int = 1) -> tuple[CardShare, ...]:
    rig = parse_rig(f"{pp}xh100-sxm", CATALOG)
    asked = propose(CATALOG, CATALOG.llm(model), rig, Choices(runtime=runtime, tp=1, pp=pp))
    return paged_shares(engine_of(asked))


def test_tokens_in_flight_are_held_once_for_all_sequences() -> None:
    # One group of full layers, six of windows of 1,024; two steps of 8,192 tokens in flight.
    (share,) = shares_of("gemma-3-27b-it")
    first = 2048 + 6 * (math.ceil((1023 + 2 * 8192) / 16) + 1)
    eight = 8 * (2048 + 6 * (64 + 1)) + 6 * 1024
    in_step = 2048 + 6 * (math.ceil((1023 + 8192) / 16) + 1)
    assert share.kv_bytes(32768) == in_step * PAGE_BYTES
    assert share.cache_bytes(32768, 1) == first * PAGE_BYTES
    assert share.ahead_bytes(32768, 1) == 6 * 512 * PAGE_BYTES == share.ahead_bytes(32768, 8)
    assert share.cache_bytes(32768, 8) == eight * PAGE_BYTES
    rooms = [pages * PAGE_BYTES for pages in (first - 1, first, eight - 1, eight)]
    assert [share.held_count(32768, room) for room in rooms] == [0.0, 1.0, 7.0, 8.0]


def test_one_step_more_than_stages_is_in_flight_and_one_before_0_26() -> None:
    (old,) = shares_of("gemma-3-27b-it", "vllm@0.19.0")
    assert old.kv_bytes(32768) == (2048 + 6 * (576 + 1)) * PAGE_BYTES == old.cache_bytes(32768, 1)
    assert old.ahead_bytes(32768, 8) == 0.0
    assert [share.ahead_tokens for share in shares_of("gemma-3-27b-it", pp=2)] == [2 * 8192] * 2


@pytest.mark.parametrize("runtime", ["vllm", "sglang", "tensorrt-llm"])
def test_full_layers_take_the_same_for_every_sequence(runtime: str) -> None:
    (share,) = shares_of("llama-3.1-8b", runtime)
    assert share.cache_bytes(8192, 7) == 7 * share.kv_bytes(8192)


@given(
    st.sampled_from(
        [
            "gemma-3-27b-it",
            "gpt-oss-20b",
            "meta-llama/Llama-4-Scout-17B-16E-Instruct",
            "qwen3.6-27b",
        ]
    ),
    st.integers(1, 100_000),
    st.integers(1, 2000),
)
def test_the_count_that_a_room_takes_is_the_last_whose_cache_it_holds(
    model: str, tokens: int, count: int
) -> None:
    (share,) = shares_of(model)
    needed = share.cache_bytes(tokens, count)
    assert share.held_count(tokens, needed) == count
    assert share.held_count(tokens, needed - 1.0) == count - 1
    assert share.cache_bytes(tokens + 1, count) >= needed
    assert needed <= count * share.cache_bytes(tokens, 1)
    assert 0.0 <= share.ahead_bytes(tokens, count) < needed

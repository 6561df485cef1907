"""How engines set cache aside where kinds of layers mix: small models, worked out by hand."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.facts.llm import Attention, Block, Recurrent
from rightrig.work.kv_cache import (
    kept_tokens,
    paged_sequence_kv_bytes,
    pooled_sequence_kv_bytes,
    sequence_kv_bytes,
    token_bytes,
)

CATALOG = rightrig.shipped()


def attention(
    head_dim: int = 8,
    kind: Literal["full", "sliding", "chunked"] = "full",
    window: int | None = None,
    kv_heads: int = 1,
) -> Block:
    """A layer whose token takes ``4·head_dim`` bytes a key-value head."""
    mixer = Attention(
        kind=kind, head_count=4, kv_head_count=kv_heads, head_dim=head_dim, window_tokens=window
    )
    return Block(attention=mixer, norm_params=0)


def state(size_bytes: int) -> Block:
    """A recurrent layer that keeps this many bytes."""
    mixer = Recurrent(
        kind="mamba2", head_count=1, key_dim=size_bytes // 4, value_dim=1, split_params=1
    )
    return Block(recurrent=mixer, norm_params=0)


def paged(
    *blocks: tuple[Block, int], tokens: int, in_flight: int = 16, ranks: int = 1, cp: int = 1
) -> float:
    return paged_sequence_kv_bytes(blocks, tokens, 16.0, ranks, in_flight, cp)


FULL = attention()  # 32 B a token


def test_a_state_that_fits_a_page_leaves_pages_of_16_tokens() -> None:
    # Page: 16 × 32 = 512 B, as large as the state. Groups of one layer: three of states with two
    # pages, one of attention with ceil(100/16) = 7.
    assert paged((state(512), 3), (FULL, 1), tokens=100) == (3 * 2 + 7) * 512


def test_pages_grow_in_steps_of_16_tokens_until_they_hold_a_state() -> None:
    # 600 B take 32 tokens: a page of 1,024 B, of which ceil(100/32) = 4.
    assert paged((state(600), 3), (FULL, 1), tokens=100) == (3 * 2 + 4) * 1024
    assert paged((state(1028), 3), (FULL, 1), tokens=100) == (3 * 2 + 3) * 48 * 32


def test_a_group_is_as_wide_as_the_rarer_kind() -> None:
    # 6 states and 2 attentions: groups of 2 layers, three of states.
    assert paged((state(512), 6), (FULL, 2), tokens=100) == (3 * 2 + 7) * 2 * 512


def test_a_short_group_is_padded() -> None:
    # 5 states in groups of 2: the third group has one layer and takes the pages of two.
    assert paged((state(512), 5), (FULL, 2), tokens=100) == (3 * 2 + 7) * 2 * 512


def test_kinds_that_nearly_agree_share_groups_of_the_larger_count() -> None:
    # 5 < 1.5 × 4: groups of 5; the 4 attentions are padded to 5.
    assert paged((state(512), 5), (FULL, 4), tokens=100) == (2 + 7) * 5 * 512


def test_states_alone_take_two_pages_a_layer() -> None:
    assert paged((state(512), 4), tokens=100_000) == 2 * 4 * 512


def test_smaller_tokens_fill_a_page_of_larger_ones() -> None:
    # Sliding tokens of 64 B: pages of 1,024 B, 16 of them or 32 of the full layers'. Groups of
    # 2: one full with ceil(100/32) = 4 pages, two sliding with ceil((32 - 1 + 16)/16) + 1 = 4.
    sliding = attention(head_dim=16, kind="sliding", window=32)
    assert paged((FULL, 2), (sliding, 4), tokens=100) == (4 + 2 * 4) * 2 * 1024


def test_tokens_that_do_not_divide_a_page_waste_its_rest() -> None:
    # 48 B against 32 B: 768 B do not divide by 512, so that both keep 16 tokens a page.
    sliding = attention(head_dim=12, kind="sliding", window=32)
    assert paged((FULL, 1), (sliding, 1), tokens=100) == (7 + 4) * 768


def test_a_window_beyond_the_context_keeps_the_context_and_one_page() -> None:
    sliding = attention(kind="sliding", window=4096)
    assert paged((FULL, 1), (sliding, 1), tokens=100) == (7 + 7 + 1) * 512


def test_a_chunk_and_the_tokens_in_flight_need_no_page_more() -> None:
    chunked = attention(kind="chunked", window=32)
    # ceil(min(32 + 16, 100)/16) = 3
    assert paged((FULL, 1), (chunked, 1), tokens=100) == (7 + 3) * 512
    assert paged((FULL, 1), (chunked, 1), tokens=20) == (2 + 2) * 512


def test_ranks_shrink_pages_with_their_heads() -> None:
    full, sliding = attention(kv_heads=2), attention(kind="sliding", window=32, kv_heads=2)
    whole, half, quarter = (
        paged((full, 1), (sliding, 1), tokens=100, ranks=ranks) for ranks in (1, 2, 4)
    )
    assert half == whole / 2
    assert quarter == half  # one head is left


@pytest.mark.parametrize(("cp", "kept"), [(1, 112), (2, 64), (4, 32), (8, 16), (16, 16)])
def test_context_ranks_share_the_tokens_before_they_are_paged(cp: int, kept: int) -> None:
    assert paged((FULL, 3), tokens=100, cp=cp) == kept * 3 * 32


COMPRESSED = Attention(
    kind="compressed", head_count=8, kv_head_count=1, head_dim=512, rope_head_dim=64,
    window_tokens=128, compression_tokens=4,
)  # fmt: skip


def test_compressed_attention_keeps_a_quarter_of_a_million_tokens() -> None:
    million = 1_048_576
    assert kept_tokens(COMPRESSED, million) == 128 + million / 4
    blocks = ((Block(attention=COMPRESSED, norm_params=0), 1),)
    # 16 bits: 512 values of 2 B, once for key and value.
    assert sequence_kv_bytes(blocks, million, 16.0) == (128 + million // 4) * 1024
    # 8 bits: 448 values of 1 B, 64 rotated of 2 B, 8 scales: 584 B.
    assert token_bytes(COMPRESSED, 8.0) == 584.0
    assert sequence_kv_bytes(blocks, million, 8.0) == (128 + million // 4) * 584


def test_a_window_without_compression_keeps_no_more_than_it() -> None:
    near = COMPRESSED.model_copy(update={"compression_tokens": 0})
    assert kept_tokens(near, 1_048_576) == 128


def test_a_million_tokens_of_deepseek_v4_take_an_eighth_of_v3() -> None:
    v4, v3 = (
        sequence_kv_bytes(CATALOG.llm(name).block_counts, 1_048_576, 16.0)
        for name in ("deepseek-v4-pro", "deepseek-v3")
    )
    assert v3 == 70_272 * 1_048_576
    assert v4 / v3 == pytest.approx(1 / 8, rel=0.05)


def test_sglang_gives_sliding_layers_0_8_of_the_tokens() -> None:
    sliding = attention(kind="sliding", window=16)
    mixed = ((FULL, 2), (sliding, 3))
    assert pooled_sequence_kv_bytes(mixed, 1000, 16.0, 1, 0.8) == (2 * 1000 + 3 * 800) * 32


def test_sglang_keeps_the_window_where_every_layer_slides() -> None:
    sliding = attention(kind="sliding", window=16)
    assert pooled_sequence_kv_bytes(((sliding, 3),), 1000, 16.0, 1, 0.8) == 3 * 16 * 32


def test_a_sequence_of_sglang_takes_the_larger_of_its_shares_of_two_pools() -> None:
    # Keys and values have 1/1.9 of the memory, states 0.9/1.9, of which a sequence takes five.
    blocks = ((FULL, 1), (state(512), 3))
    long, short = (pooled_sequence_kv_bytes(blocks, n, 16.0, 1, 0.8) for n in (1000, 10))
    assert long == pytest.approx(1.9 * 1000 * 32)
    assert short == pytest.approx(1.9 / 0.9 * 5 * 3 * 512)


hybrids = st.tuples(
    st.integers(0, 20), st.integers(1, 20), st.integers(0, 20), st.integers(1, 64)
).map(
    lambda n: (
        (attention(), n[1]),
        *(((attention(head_dim=n[3], kind="sliding", window=64), n[0]),) if n[0] else ()),
        *(((state(1000), n[2]),) if n[2] else ()),
    )
)


@given(hybrids, st.integers(1, 100_000), st.integers(1, 100_000), st.integers(1, 8192))
def test_groups_hold_what_the_layers_need_and_never_shrink(
    blocks: tuple[tuple[Block, int], ...], one: int, other: int, in_flight: int
) -> None:
    short, long = sorted((one, other))
    few, many = (paged(*blocks, tokens=tokens, in_flight=in_flight) for tokens in (short, long))
    assert few <= many
    assert many >= sequence_kv_bytes(blocks, long, 16.0)
    assert math.isfinite(many)

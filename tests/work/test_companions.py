"""What an engine loads beside the model: drafts, layers ahead, LoRA adapters, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.deployment import Companions
from rightrig.facts.llm import Attention, Block, Ffn
from rightrig.quantities import GIB
from rightrig.work.companions import adapter_bytes, draft_blocks, draft_weight_bytes
from rightrig.work.kv_cache import kv_bytes_per_token

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm

CATALOG = rightrig.shipped()
HIDDEN = 8
GQA = Attention(kind="full", head_count=4, kv_head_count=2, head_dim=4)
MLA = Attention(
    kind="mla", head_count=4, kv_head_count=4, head_dim=6, value_head_dim=4, nope_head_dim=4,
    rope_head_dim=2, kv_lora_rank=5, query_lora_rank=3,
)  # fmt: skip
DENSE = Ffn(inner_size=16)


def layer(attention: Attention | None, ffn: Ffn | None) -> tuple[tuple[Block, int], ...]:
    return ((Block(attention=attention, ffn=ffn, norm_params=0), 1),)


def adapters(block: tuple[tuple[Block, int], ...], ranks: int = 1, count: int = 1) -> float:
    return adapter_bytes(HIDDEN, block, Companions(lora_count=count, lora_rank=1), ranks)


# d_in + d_out of q, k, v, o and of gate, up, down.
Q_K_V_O = (8 + 16) + (8 + 8) + (8 + 8) + (16 + 8)
GATE_UP_DOWN = (8 + 16) + (8 + 16) + (16 + 8)


def test_one_adapter_of_rank_one_takes_two_slots_of_two_bytes() -> None:
    assert adapters(layer(GQA, DENSE)) == 2 * 2 * (Q_K_V_O + GATE_UP_DOWN)


def test_adapters_grow_with_their_number_and_rank() -> None:
    block = layer(GQA, DENSE)
    four = adapter_bytes(HIDDEN, block, Companions(lora_count=4, lora_rank=16), 1)
    assert four == 5 * 16 * 2 * (Q_K_V_O + GATE_UP_DOWN)


def test_without_adapters_there_are_no_slots() -> None:
    assert adapter_bytes(HIDDEN, layer(GQA, DENSE), Companions(), 1) == 0.0


@pytest.mark.parametrize(
    ("ranks", "widths"),
    [
        (2, (8 + 8) + (8 + 4) + (8 + 4) + (8 + 8) + (8 + 8) + (8 + 8) + (8 + 8)),
        # Two key-value heads over four ranks: each keeps one.
        (4, (8 + 4) + (8 + 4) + (8 + 4) + (4 + 8) + (8 + 4) + (8 + 4) + (4 + 8)),
    ],
)
def test_ranks_share_the_wide_side_of_an_adapter(ranks: int, widths: int) -> None:
    assert adapters(layer(GQA, DENSE), ranks) == 2 * 2 * widths


def test_mla_has_five_adapted_projections() -> None:
    # q_a, kv_a, q_b, kv_b, o
    widths = (8 + 3) + (8 + 5 + 2) + (3 + 24) + (5 + 4 * (4 + 4)) + (16 + 8)
    assert adapters(layer(MLA, None)) == 2 * 2 * widths


def test_routed_experts_carry_no_adapter_and_shared_ones_do() -> None:
    routed = Ffn(expert_count=4, experts_per_token=2, expert_inner_size=16)
    shared = routed.model_copy(update={"shared_inner_size": 16})
    assert adapters(layer(None, routed)) == 0.0
    assert adapters(layer(None, shared)) == 2 * 2 * GATE_UP_DOWN


def test_sixteen_adapters_of_rank_16_for_llama_3_1_8b_take_1_4_gb() -> None:
    llm = CATALOG.llm("llama-3.1-8b")
    # q 4096+4096, k and v 4096+1024, o 4096+4096, gate, up and down 4096+14336; 32 layers.
    widths = 32 * (2 * 8192 + 2 * 5120 + 3 * 18_432)
    found = adapter_bytes(4096, llm.block_counts, Companions(lora_count=16, lora_rank=16), 1)
    assert found == 17 * 16 * 2 * widths
    assert found == pytest.approx(1.425e9, rel=1e-3)


@given(count=st.integers(1, 64), rank=st.integers(1, 256), ranks=st.sampled_from((1, 2, 4, 8)))
def test_more_ranks_never_raise_the_adapters_of_a_rank(count: int, rank: int, ranks: int) -> None:
    blocks = CATALOG.llm("llama-3.3-70b").block_counts
    asked = Companions(lora_count=count, lora_rank=rank)
    whole, part = (adapter_bytes(HIDDEN, blocks, asked, n) for n in (1, ranks))
    assert whole / ranks <= part <= whole


def draft(name: str) -> Companions:
    return Companions(draft=CATALOG.llm(name))


def test_a_draft_of_1_billion_takes_2_5_gb_and_is_shared_by_ranks() -> None:
    llm = CATALOG.llm("llama-3.3-70b")
    one, four = (draft_weight_bytes(llm, draft("llama-3.2-1b"), n) for n in (1, 4))
    assert one == pytest.approx(2.0 * 1_235_814_400)
    assert four == pytest.approx(one / 4, rel=1e-3)


def test_a_draft_whose_heads_do_not_divide_is_whole_on_every_rank() -> None:
    llm = CATALOG.llm("qwen2.5-72b-instruct")
    small = draft("qwen2.5-0.5b-instruct")  # 14 heads
    whole = draft_weight_bytes(llm, small, 1)
    assert draft_weight_bytes(llm, small, 8) == whole
    assert draft_weight_bytes(llm, small, 2) < whole


def ahead_params(llm: Llm) -> int:
    """Parameters of DeepSeek-V3's layer ahead, by hand: 256 experts, one shared, MLA."""
    experts = 257 * 3 * 7168 * 2048
    mla = 7168 * 1536 + 1536 + 1536 * 128 * 192 + 7168 * 576 + 512
    mla += 512 * 128 * 256 + 128 * 128 * 7168
    router = 256 * 7168 + 256
    joined = 2 * 7168 * 7168 + 3 * 7168
    assert llm.ahead is not None
    return experts + mla + router + joined + 2 * 7168


def test_the_layer_ahead_of_an_nvfp4_checkpoint_stays_at_16_bits() -> None:
    """Measured on Jetson Thor: 75.17 GiB of weights with the layer, 70.47 GiB without."""
    llm = CATALOG.llm("nvidia/Qwen3.5-122B-A10B-NVFP4")
    found = draft_weight_bytes(llm, Companions(draft_ahead=True), 1)
    assert found == pytest.approx((75.17 - 70.47) * GIB, rel=0.01)


def test_the_layer_ahead_of_deepseek_v3_takes_11_6_gb_in_fp8() -> None:
    llm = CATALOG.llm("deepseek-v3")
    found = draft_weight_bytes(llm, Companions(draft_ahead=True), 1)
    assert found == pytest.approx(ahead_params(llm), rel=2e-3)
    assert found / 8 < draft_weight_bytes(llm, Companions(draft_ahead=True), 8) < found / 7


def test_a_draft_brings_its_own_cache() -> None:
    llm = CATALOG.llm("llama-3.3-70b")
    blocks = draft_blocks(llm, draft("llama-3.2-1b"))
    # 16 layers, 8 heads of 64, keys and values, 16 bits.
    assert kv_bytes_per_token(blocks, 16.0) == 16 * 8 * 64 * 2 * 2
    deepseek = CATALOG.llm("deepseek-v3")
    ahead = draft_blocks(deepseek, Companions(draft_ahead=True))
    assert kv_bytes_per_token(ahead, 16.0) == 576 * 2
    assert draft_blocks(llm, Companions()) == ()

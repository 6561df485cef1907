"""Sparse, compressed and shared attention, NAS and what older models need: counts by hand."""

from __future__ import annotations

import functools
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError, UnsupportedModelError
from rightrig.facts.architectures import read_config
from rightrig.facts.index import DATA
from rightrig.facts.llm import Llm
from rightrig.work.kv_cache import kept_tokens, sequence_kv_bytes, token_bytes
from rightrig.work.weights import (
    active_params_count,
    matmul_params_count,
    params_by_class,
    rank_weight_bytes,
    total_params_count,
    weight_bytes,
)

if TYPE_CHECKING:
    from rightrig.facts.llm import Attention

GIB = 1 << 30
VOCAB, WIDTH = 100, 64
PLAIN: dict[str, Any] = {
    "hidden_size": WIDTH,
    "vocab_size": VOCAB,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "intermediate_size": 128,
    "max_position_embeddings": 4096,
    "sliding_window": 32,
}
OUTSIDE = 2 * VOCAB * WIDTH + WIDTH
LATENT: dict[str, Any] = {
    **PLAIN,
    "num_key_value_heads": 8,
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 8,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 1,
    "index_n_heads": 2,
    "index_head_dim": 128,
    "index_topk": 64,
    "num_nextn_predict_layers": 1,
}
# Queries 64·24 + 24 + 24·8·12, latents 64·20 + 16, up 16·8·16, output 8·8·64.
LATENT_ATTENTION = 1536 + 24 + 2304 + 1280 + 16 + 2048 + 4096
# Queries 24·2·128, key 64·128 with a norm of 2·128, a weight for each of two heads.
INDEXER = 24 * 256 + 64 * 128 + 256 + 64 * 2
LATENT_MOE = 8 * 3 * 64 * 32 + 8 * 65 + 3 * 64 * 32


@functools.cache
def record(slug: str) -> Llm:
    text = (DATA / "llms" / f"{slug}.toml").read_text(encoding="utf-8")
    return Llm.model_validate(tomllib.loads(text))


def order(llm: Llm) -> list[Attention | None]:
    return [llm.blocks[index].attention for index in llm.layer_order]


def test_an_indexer_adds_its_matrices_and_its_cache() -> None:
    llm = read_config({**LATENT, "model_type": "deepseek_v32"}, name="test")
    dense = 3 * 64 * 128
    layers = 4 * (LATENT_ATTENTION + INDEXER + 2 * 64) + dense + 3 * LATENT_MOE
    assert total_params_count(llm) == OUTSIDE + layers
    assert token_bytes(llm.attentions[0], 16.0) == (16 + 4) * 2 + 132
    assert llm.ahead is not None
    assert llm.ahead.other_params == 2 * 64 * 64 + 3 * 64
    assert llm.not_counted == ()


def test_layers_that_share_a_choice_have_no_indexer_of_their_own() -> None:
    words = ["full", "full", "shared", "shared"]
    config = {**LATENT, "model_type": "glm_moe_dsa", "num_nextn_predict_layers": 0}
    listed = read_config({**config, "indexer_types": words}, name="test")
    every = read_config(config, name="test")
    by_rule = read_config(
        {**config, "index_topk_freq": 4, "index_skip_topk_offset": 2}, name="test"
    )
    assert total_params_count(every) - total_params_count(listed) == 2 * INDEXER
    assert listed.blocks == by_rule.blocks
    own = [a.indexer.cached_bytes_per_token for a in order(listed) if a and a.indexer]
    assert own == [132.0, 132.0, 0.0, 0.0], "all four read a choice, two cache keys"


def test_v4_counts_low_ranks_streams_and_compressors() -> None:
    config = {
        **PLAIN, "model_type": "deepseek_v4", "num_hidden_layers": 3, "num_key_value_heads": 1,
        "q_lora_rank": 24, "qk_rope_head_dim": 4, "o_groups": 2, "o_lora_rank": 12, "hc_mult": 2,
        "compress_ratios": [0, 4, 128, 0], "num_hash_layers": 1, "n_routed_experts": 8,
        "n_shared_experts": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
        "index_n_heads": 2, "index_head_dim": 128, "index_topk": 64,
    }  # fmt: skip
    llm = read_config(config, name="test")
    # wq_a and wkv with norms; wq_b; grouped output 64·24 + 24·64; one sink a head.
    attention = 64 * (24 + 16) + 24 + 16 + 24 * 128 + 128 // 2 * 24 + 24 * 64 + 8
    joints = 2 * (8 * 2 * 64 + 8 + 3)
    experts = 8 * 3 * 64 * 32 + 8 * 64 + 3 * 64 * 32
    by_four = 2 * 64 * 32 + 4 * 32 + 16
    by_many = 2 * 64 * 16 + 128 * 16 + 16
    indexer = 24 * 256 + 64 * 2 + (2 * 64 * 256 + 4 * 256 + 128)
    layers = 3 * (attention + joints + experts + 2 * 64) + 2 * 8
    head = 2 * 2 * 64 + 2 + 1
    assert total_params_count(llm) == OUTSIDE + head + layers + by_four + by_many + indexer
    assert [a.compression_tokens for a in order(llm) if a] == [0, 4, 128]
    assert llm.not_counted == ()


def test_v4_pro_keeps_9_62_gib_of_a_million_tokens_with_keys_of_two_bytes() -> None:
    """The figure that vLLM published (9.62 GiB a sequence at 16 bits)."""
    llm = record("deepseek-ai--deepseek-v4-pro")
    layers = []
    for block, count in llm.block_counts:
        attention = block.attention
        assert attention is not None
        if attention.indexer is not None:
            indexer = attention.indexer.model_copy(update={"cached_bytes_per_token": 256.0})
            attention = attention.model_copy(update={"indexer": indexer})
        layers.append((block.model_copy(update={"attention": attention}), count))
    assert sequence_kv_bytes(layers, 1 << 20, 16.0) / GIB == pytest.approx(9.62, abs=0.01)
    # As vLLM stores it: entries of 584 B, keys of 132 B.
    entries = 30 * (262_144 * (584 + 132)) + 31 * 8192 * 584 + 61 * 128 * 584
    assert sequence_kv_bytes(llm.block_counts, 1 << 20, 8.0) == entries


def test_v4_stores_experts_in_fp4_and_streams_at_16_bits() -> None:
    llm = record("deepseek-ai--deepseek-v4-flash")
    parts = params_by_class(llm)
    assert llm.checkpoint.extra_bits == {"expert": 4.25}
    fp8 = (parts["attention"] + parts["shared_expert"]) * (8 + 32 / 128**2)
    kept = sum(parts[kind] for kind in ("embedding", "head", "ffn", "router", "norm")) * 16
    assert weight_bytes(llm, "checkpoint") == pytest.approx(
        (fp8 + kept + parts["expert"] * 4.25) / 8
    )


@given(context=st.integers(1, 1 << 20), further=st.integers(1, 10_000))
def test_a_compressed_cache_grows_with_its_context(context: int, further: int) -> None:
    for attention in record("deepseek-ai--deepseek-v4-pro").attentions:
        assert 0 < kept_tokens(attention, context) <= context * 2
        assert kept_tokens(attention, context) <= kept_tokens(attention, context + further)


def test_v32_caches_what_its_kernel_lays_out() -> None:
    attention = record("deepseek-ai--deepseek-v3.2").attentions[0]
    assert token_bytes(attention, 8.0) == 656 + 132
    assert token_bytes(attention, 16.0) == 1152 + 132


def test_m3_reads_blocks_and_caches_an_index_key_in_sparse_layers_only() -> None:
    config = {
        **PLAIN, "model_type": "minimax_m3", "num_local_experts": 8, "num_experts_per_tok": 2,
        "intermediate_size": 32, "dense_intermediate_size": 128, "shared_intermediate_size": 32,
        "n_shared_experts": 1, "moe_layer_freq": [0, 0, 1, 1],
        "sparse_attention_config": {
            "use_sparse_attention": True, "sparse_attention_freq": [0, 1, 1, 1],
            "sparse_num_index_heads": 2, "sparse_index_dim": 16, "sparse_topk_blocks": 4,
            "sparse_block_size": 8,
        },
    }  # fmt: skip
    llm = read_config(config, name="test")
    attention = 2 * 64 * 128 + 2 * 64 * 32 + 2 * 16
    indexer = 64 * 3 * 16 + 2 * 16
    moe = 8 * 3 * 64 * 32 + 8 * 65 + 3 * 64 * 32
    layers = 4 * (attention + 2 * 64) + 3 * indexer + 2 * moe + 2 * 3 * 64 * 128
    assert total_params_count(llm) == OUTSIDE + layers
    found = [a.indexer.topk_tokens if a and a.indexer else None for a in order(llm)]
    assert found == [None, 32, 32, 32]
    assert token_bytes(llm.attentions[1], 16.0) == 2 * 2 * 16 * 2 + 16 * 2


def test_mimo_keeps_other_heads_in_local_layers() -> None:
    config = {
        **PLAIN, "model_type": "mimo_v2_flash", "v_head_dim": 8, "swa_num_key_value_heads": 4,
        "hybrid_layer_pattern": [0, 1, 1, 0], "moe_layer_freq": [0, 1, 1, 1],
        "n_routed_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
    }  # fmt: skip
    llm = read_config(config, name="test")
    full = 64 * 128 + 2 * 64 * (16 + 8) + 8 * 8 * 64
    local = 64 * 128 + 4 * 64 * (16 + 8) + 8 * 8 * 64 + 8
    moe = 8 * 3 * 64 * 32 + 8 * 65
    layers = 2 * (full + local) + 4 * 2 * 64 + 3 * 64 * 128 + 3 * moe
    assert total_params_count(llm) == OUTSIDE + layers
    kept = sequence_kv_bytes(llm.block_counts, 1000, 16.0)
    assert kept == 2 * 2 * (2 * 24 * 1000 + 4 * 24 * 32)


def test_step_gates_heads_and_has_more_of_them_in_local_layers() -> None:
    config = {
        **PLAIN, "model_type": "step3p5", "num_nextn_predict_layers": 1,
        "layer_types": ["full_attention", *["sliding_attention"] * 4],
        "attention_other_setting": {"num_attention_heads": 12}, "moe_layers_enum": "2,3",
        "moe_num_experts": 8, "moe_top_k": 2, "moe_intermediate_size": 32, "share_expert_dim": 32,
    }  # fmt: skip
    llm = read_config(config, name="test")
    attention = {n: 64 * 16 * (2 * n + 4) + 32 + 64 * n for n in (8, 12)}
    moe = 8 * 3 * 64 * 32 + 8 * 65 + 3 * 64 * 32
    layers = attention[8] + 3 * attention[12] + 4 * 128 + 2 * 3 * 64 * 128 + 2 * moe
    assert total_params_count(llm) == OUTSIDE + layers
    assert [a.head_count for a in order(llm) if a] == [8, 12, 12, 12]


GEMMA: dict[str, Any] = {
    **PLAIN,
    "model_type": "gemma4_text",
    "global_head_dim": 32,
    "layer_types": ["sliding_attention", "full_attention"] * 2,
}


def test_gemma_4_shares_caches_and_doubles_the_layers_that_do() -> None:
    narrow = {"hidden_size_per_layer_input": 8, "num_kv_shared_layers": 2}
    llm = read_config({**GEMMA, **narrow, "use_double_wide_mlp": True}, name="test")
    local, full = 2 * 64 * 128 + 2 * 64 * 32 + 32, 2 * 64 * 256 + 2 * 64 * 64 + 64
    sharing = 2 * 64 * 128 + 16 + 2 * 64 * 256 + 32
    layer = 5 * 64 + 1 + 2 * 64 * 8
    layers = local + full + sharing + 4 * layer + (2 + 2 * 2) * 3 * 64 * 128
    tables = VOCAB * 8 * 4
    assert total_params_count(llm) == VOCAB * 64 + 64 + 8 + tables + 64 * 8 * 4 + layers
    assert matmul_params_count(llm) == total_params_count(llm) - tables
    assert sequence_kv_bytes(llm.block_counts, 100, 16.0) == 2 * (2 * 32 * 32 + 2 * 64 * 100)


def test_gemma_4_takes_values_from_keys_and_puts_experts_beside_the_dense_part() -> None:
    experts = {"enable_moe_block": True, "num_experts": 8, "top_k_experts": 2}
    config = {**GEMMA, **experts, "moe_intermediate_size": 16, "attention_k_eq_v": True}
    llm = read_config({**config, "num_global_key_value_heads": 1}, name="test")
    local, full = 2 * 64 * 128 + 2 * 64 * 32 + 32, 2 * 64 * 256 + 64 * 32 + 64
    moe = 8 * 3 * 64 * 16 + 8 * 64 + 64 + 8
    layers = 2 * (local + full) + 4 * (7 * 64 + 1 + 3 * 64 * 128 + moe)
    assert total_params_count(llm) == VOCAB * 64 + 64 + layers
    assert active_params_count(llm) == total_params_count(llm) - 4 * 6 * 3 * 64 * 16
    keys = [token_bytes(a, 16.0) for a in llm.attentions]
    assert keys == [2 * 2 * 16 * 2, 2 * 32 * 2], "both keys and values are cached"


def test_gemma_4_reads_the_heads_of_full_layers_from_either_spelling() -> None:
    spelled = {**GEMMA, "attention_k_eq_v": True, "num_global_key_value_heads": 1}
    del spelled["global_head_dim"]
    own = {"head_dim": 32, "num_key_value_heads": 1}
    table = {
        **spelled,
        "num_global_key_value_heads": None,
        "per_layer_config": {"01": own, "3": own},
    }
    spelled["global_head_dim"] = 32
    assert read_config(table, name="test").blocks == read_config(spelled, name="test").blocks


def test_gemma_3n_counts_its_streams() -> None:
    """The files of E4B hold 31.5 million more: keys and values that shared layers do not use."""
    llm = read_config({"model_type": "gemma3n_text"}, name="test")
    unused = 15 * (2 * 2048 * 512 + 256)
    published, vision, audio = 7.85e9, 0.30e9, 0.68e9
    assert total_params_count(llm) + unused == pytest.approx(published - vision - audio, rel=5e-3)
    assert sum(a.shares_kv for a in order(llm) if a) == 15
    widths = [8192] * 34 + [16_384]
    wider = read_config({"model_type": "gemma3n_text", "intermediate_size": widths}, name="test")
    assert total_params_count(llm) - total_params_count(wider) == 34 * 3 * 2048 * 8192


def block_config(
    heads: int | None, share: float | None, *, linear: bool = False
) -> dict[str, object]:
    return {
        "attention": {
            "n_heads_in_group": heads, "no_op": heads is None and not linear,
            "replace_with_linear": linear,
        },
        "ffn": {"ffn_mult": share, "no_op": share is None, "replace_with_linear": False},
    }  # fmt: skip


def test_each_layer_of_a_searched_model_is_its_own() -> None:
    blocks = [
        block_config(4, 6.0), block_config(None, 1.5), block_config(8, None),
        block_config(None, 6.0, linear=True),
    ]  # fmt: skip
    config = {**PLAIN, "model_type": "nemotron-nas", "head_dim": None, "block_configs": blocks}
    llm = read_config(config, name="test")
    # Heads of 8; inner widths 2·6·64/3 = 256, and 64 rounded up to 256.
    layers = [
        2 * 64 * 64 + 2 * 64 * 16 + 3 * 64 * 256 + 128,
        3 * 64 * 256 + 64,
        2 * 64 * 64 + 2 * 64 * 8 + 64,
        64 * 64 + 3 * 64 * 256 + 128,
    ]
    assert total_params_count(llm) == OUTSIDE + sum(layers)
    assert sequence_kv_bytes(llm.block_counts, 10, 16.0) == 2 * 2 * 10 * 8 * (2 + 1)
    assert sum(rank_weight_bytes(llm, "bf16", 1, 2)) == pytest.approx(weight_bytes(llm, "bf16"))


def test_decilm_has_its_own_key_value_heads_in_each_layer() -> None:
    llm = record("deci--decilm-7b")
    heads = [a.kv_head_count for a in order(llm) if a]
    assert sum(heads) == 67
    assert sequence_kv_bytes(llm.block_counts, 1, 16.0) == 67 * 2 * 128 * 2


def test_the_first_qwen_halves_its_inner_width() -> None:
    config = {**PLAIN, "model_type": "qwen", "kv_channels": 8, "head_dim": None}
    llm = read_config(config, name="test")
    layer = 4 * 64 * 64 + 3 * 64 + 3 * 64 * 64 + 2 * 64
    assert total_params_count(llm) == OUTSIDE + 4 * layer


def test_recipes_of_mpt_have_biases_and_positions() -> None:
    config = {
        "model_type": "mpt", "d_model": 768, "n_heads": 12, "n_layers": 12, "vocab_size": 50_368,
        "max_seq_len": 2048, "no_bias": False, "attn_config": {"alibi": False},
    }  # fmt: skip
    assert total_params_count(read_config(config, name="test")) == 125_311_488


@pytest.mark.parametrize(
    ("slug", "total", "active"),
    [
        ("deepseek-ai--deepseek-v4-flash", 284.0, 13.0),
        ("deepseek-ai--deepseek-v4-pro", 1600.0, 49.0),
        ("zai-org--glm-5", 744.0, 40.0),
        ("zai-org--glm-5.2", 744.0, 40.0),
        ("minimaxai--minimax-m3", 428.0, 23.0),
        ("xiaomimimo--mimo-v2-flash", 309.0, 15.0),
        ("stepfun-ai--step-3.7-flash", 196.0, 11.0),
        ("google--gemma-4-26b-a4b", 25.2, 3.8),
        ("google--gemma-4-31b-it", 30.7, 30.7),
        ("nvidia--llama-3_3-nemotron-super-49b-v1", 49.9, 49.9),
    ],
)
def test_published_sizes(slug: str, total: float, active: float) -> None:
    llm = record(slug)
    assert total_params_count(llm) / 1e9 == pytest.approx(total, rel=0.02)
    # Makers leave out the embedding and the head, or count them; both are in ours.
    assert active_params_count(llm) / 1e9 == pytest.approx(active, rel=0.14)


@pytest.mark.parametrize(("slug", "billion"), [("e2b", 5.1), ("e4b", 7.94)])
def test_small_gemma_4_with_both_encoders(slug: str, billion: float) -> None:
    llm = record(f"google--gemma-4-{slug}-it")
    total = total_params_count(llm) + sum(tower.params for tower in llm.towers)
    assert {tower.kind for tower in llm.towers} == {"vision", "audio"}
    assert total / 1e9 == pytest.approx(billion, rel=0.01)


@pytest.mark.parametrize(
    "changes",
    [
        {"compress_ratios": [4, 4, 4]},
        {"compress_ratios": [4, 4, 4, 16]},
        {"layer_types": ["full_attention"] * 4},
    ],
)
def test_v4_refuses_ratios_that_it_does_not_know(changes: dict[str, object]) -> None:
    config = {**LATENT, "model_type": "deepseek_v4", "num_key_value_heads": 1, **changes}
    with pytest.raises(InputError, match=r"compress_ratios|layer_types"):
        read_config(config, name="test")


@pytest.mark.parametrize(
    ("model_type", "changes", "reason"),
    [
        ("llama", {"index_topk": 64}, "index cache"),
        ("llama", {"num_kv_shared_layers": 2}, "share keys and values"),
        ("llama", {"attention_k_eq_v": True}, "values are its keys"),
        ("llama", {"attention_other_setting": {"num_attention_heads": 12}}, "other heads"),
        ("qwen3", {"block_configs": [1]}, "dimensions of its own"),
        ("deepseek_v41", {}, "index cache"),
        ("mimo_v3", {}, "not understood yet"),
    ],
)
def test_what_another_family_prints_is_refused_by_name(
    model_type: str, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        read_config({**PLAIN, "model_type": model_type, **changes}, name="test")

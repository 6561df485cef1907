"""Which architecture of llama.cpp is which family, and what its keys are called there.

Keys are those of llama.cpp's converters (repository ggml-org/llama.cpp, conversion/, 2026-10).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMON: Final[Mapping[str, str]] = {
    "hidden_size": "embedding_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "intermediate_size": "feed_forward_length",
    "max_position_embeddings": "context_length",
    "sliding_window": "attention.sliding_window",
    "num_experts_per_tok": "expert_used_count",
}
"""Key of a configuration → key of a file, after the architecture's name."""
_EXPERTS: Final[Mapping[str, str]] = {
    "num_experts": "expert_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "shared_expert_intermediate_size": "expert_shared_feed_forward_length",
}
_LOCAL_EXPERTS: Final[Mapping[str, str]] = {"num_local_experts": "expert_count"}
_ROUTED_EXPERTS: Final[Mapping[str, str]] = {
    "n_routed_experts": "expert_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "n_shared_experts": "expert_shared_count",
    "first_k_dense_replace": "leading_dense_block_count",
}
_LATENT: Final[Mapping[str, str]] = {
    "q_lora_rank": "attention.q_lora_rank",
    "kv_lora_rank": "attention.kv_lora_rank",
    "qk_rope_head_dim": "rope.dimension_count",
}
_INDEXER: Final[Mapping[str, str]] = {
    "index_n_heads": "attention.indexer.head_count",
    "index_head_dim": "attention.indexer.key_length",
    "index_topk": "attention.indexer.top_k",
}
_DELTA: Final[Mapping[str, str]] = {
    "linear_conv_kernel_dim": "ssm.conv_kernel",
    "linear_key_head_dim": "ssm.state_size",
    "linear_num_key_heads": "ssm.group_count",
    "linear_num_value_heads": "ssm.time_step_rank",
    "full_attention_interval": "full_attention_interval",
}
_NEMOTRON: Final[Mapping[str, str]] = {
    "conv_kernel": "ssm.conv_kernel",
    "ssm_state_size": "ssm.state_size",
    "n_groups": "ssm.group_count",
    "mamba_num_heads": "ssm.time_step_rank",
    "n_routed_experts": "expert_count",
    "n_shared_experts": "expert_shared_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "moe_shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "moe_latent_size": "moe_latent_size",
}
_GEMMA4: Final[Mapping[str, str]] = {
    "head_dim": "attention.key_length_swa",
    "global_head_dim": "attention.key_length",
    "num_kv_shared_layers": "attention.shared_kv_layers",
    "hidden_size_per_layer_input": "embedding_length_per_layer_input",
    "num_experts": "expert_count",
    "moe_intermediate_size": "expert_feed_forward_length",
}
_GEMMA3N: Final[Mapping[str, str]] = {
    "num_kv_shared_layers": "attention.shared_kv_layers",
    "hidden_size_per_layer_input": "embedding_length_per_layer_input",
    "altup_num_inputs": "altup.num_inputs",
}
_LFM2_MOE: Final[Mapping[str, str]] = {
    "num_experts": "expert_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "num_dense_layers": "leading_dense_block_count",
}
_GRANITE_HYBRID: Final[Mapping[str, str]] = {
    **_LOCAL_EXPERTS,
    "mamba_d_conv": "ssm.conv_kernel",
    "mamba_d_state": "ssm.state_size",
    "mamba_n_groups": "ssm.group_count",
    "mamba_n_heads": "ssm.time_step_rank",
}
_JAMBA: Final[Mapping[str, str]] = {
    "mamba_d_conv": "ssm.conv_kernel",
    "mamba_d_state": "ssm.state_size",
    "mamba_dt_rank": "ssm.time_step_rank",
}
_MAMBA: Final[Mapping[str, str]] = {
    "conv_kernel": "ssm.conv_kernel",
    "state_size": "ssm.state_size",
    "time_step_rank": "ssm.time_step_rank",
    "intermediate_size": "ssm.inner_size",
}
_MAMBA2: Final[Mapping[str, str]] = {
    "conv_kernel": "ssm.conv_kernel",
    "state_size": "ssm.state_size",
    "num_heads": "ssm.time_step_rank",
    "n_groups": "ssm.group_count",
}
_KIMI_LINEAR: Final[Mapping[str, str]] = {
    "num_experts": "expert_count",
    "num_experts_per_token": "expert_used_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "num_shared_experts": "expert_shared_count",
    "first_k_dense_replace": "leading_dense_block_count",
}
_COMPRESSED: Final[Mapping[str, str]] = {
    **_INDEXER,
    "q_lora_rank": "attention.q_lora_rank",
    "qk_rope_head_dim": "rope.dimension_count",
    "o_groups": "attention.output_group_count",
    "o_lora_rank": "attention.output_lora_rank",
    "hc_mult": "hyper_connection.count",
    "num_hash_layers": "hash_layer_count",
}
_OWN_EXPERT_WIDTH: Final[Mapping[str, str]] = {"intermediate_size": "expert_feed_forward_length"}


@dataclass(frozen=True, slots=True)
class Family:
    """How one ``general.architecture`` maps: its ``model_type``, and its own keys."""

    model_type: str
    keys: Mapping[str, str] = field(default_factory=dict)
    local: str = "sliding_attention"


FAMILIES: Final[Mapping[str, Family]] = {
    **{
        name: Family(name)
        for name in (
            "bloom", "cohere2", "exaone", "exaone4", "falcon", "gemma", "gemma2", "glm4", "gpt2",
            "gptj", "granite", "internlm2", "nemotron", "olmo", "olmo2", "orion", "phi3", "qwen2",
            "qwen3", "smollm3", "starcoder2",
        )
    },
    "command-r": Family("cohere"),
    "deepseek2": Family("deepseek_v3", {**_ROUTED_EXPERTS, **_LATENT}),
    "deci": Family("llama"),
    "deepseek32": Family("deepseek_v32", {**_ROUTED_EXPERTS, **_LATENT, **_INDEXER}),
    "deepseek4": Family("deepseek_v4", {**_ROUTED_EXPERTS, **_COMPRESSED}),
    "gemma3": Family("gemma3_text"),
    "gemma3n": Family("gemma3n_text", _GEMMA3N),
    "gemma4": Family("gemma4_text", _GEMMA4),
    "glm-dsa": Family("glm_moe_dsa", {**_ROUTED_EXPERTS, **_LATENT, **_INDEXER}),
    "glm4moe": Family("glm4_moe", _ROUTED_EXPERTS),
    "gpt-oss": Family("gpt_oss", {**_LOCAL_EXPERTS, **_OWN_EXPERT_WIDTH}),
    "gptneox": Family("gpt_neox"),
    "granitehybrid": Family("granitemoehybrid", _GRANITE_HYBRID),
    "granitemoe": Family("granitemoe", _LOCAL_EXPERTS),
    "jamba": Family("jamba", _JAMBA),
    "kimi-linear": Family("kimi_linear", {**_LATENT, **_KIMI_LINEAR}),
    "lfm2": Family("lfm2", {"conv_L_cache": "shortconv.l_cache"}),
    "lfm2moe": Family("lfm2_moe", {**_LFM2_MOE, "conv_L_cache": "shortconv.l_cache"}),
    "llama": Family("llama", _LOCAL_EXPERTS),
    "llama4": Family(
        "llama4_text",
        {
            **_LOCAL_EXPERTS, **_OWN_EXPERT_WIDTH, "intermediate_size_mlp": "feed_forward_length",
            "interleave_moe_layer_step": "interleave_moe_layer_step",
            "attention_chunk_size": "attention.sliding_window",
        },
        "chunked_attention",
    ),
    "mamba": Family("mamba", _MAMBA),
    "mamba2": Family("mamba2", _MAMBA2),
    "minimax-m2": Family(
        "minimax_m2",
        {**_LOCAL_EXPERTS, **_OWN_EXPERT_WIDTH, "rotary_dim": "rope.dimension_count"},
    ),
    "mistral3": Family("ministral3"),
    "nemotron_h": Family("nemotron_h", _NEMOTRON),
    "nemotron_h_moe": Family("nemotron_h", _NEMOTRON),
    "olmoe": Family("olmoe", _EXPERTS),
    "phi2": Family("phi"),
    "phimoe": Family("phimoe", _LOCAL_EXPERTS),
    "qwen2moe": Family("qwen2_moe", _EXPERTS),
    "qwen2vl": Family("qwen2"),
    "qwen35": Family("qwen3_5_text", _DELTA),
    "qwen35moe": Family("qwen3_5_moe_text", {**_EXPERTS, **_DELTA}),
    "qwen3moe": Family("qwen3_moe", _EXPERTS),
    "qwen3next": Family("qwen3_next", {**_EXPERTS, **_DELTA}),
    "qwen3vl": Family("qwen3_vl_text"),
    "qwen3vlmoe": Family("qwen3_vl_moe_text", _EXPERTS),
    "seed_oss": Family("seed_oss"),
    "stablelm": Family("stablelm", {"use_parallel_residual": "use_parallel_residual"}),
    "starcoder": Family("gpt_bigcode"),
}  # fmt: skip
"""``general.architecture`` → family."""

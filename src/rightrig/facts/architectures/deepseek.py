"""DeepSeek V2 and V3, Kimi K2: latent attention, first layers dense, then experts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    dense,
    experts_per_token,
    hidden_size,
    layer_count,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config


def latent_attention(config: Config) -> Attention:
    """Return multi-head latent attention (arXiv:2405.04434).

    The norms over both latents follow from their ranks, so ``qk_norm_params`` stays 0.
    """
    heads = config.count("num_attention_heads")
    nope, rope = config.count("qk_nope_head_dim"), config.count("qk_rope_head_dim")
    bias = config.flag("attention_bias", default=False)
    return Attention(
        kind="mla",
        head_count=heads,
        kv_head_count=config.count("num_key_value_heads", heads),
        head_dim=nope + rope,
        value_head_dim=config.count("v_head_dim"),
        query_lora_rank=config.amount("q_lora_rank"),
        kv_lora_rank=config.count("kv_lora_rank"),
        nope_head_dim=nope,
        rope_head_dim=rope,
        bias=bias,
        output_bias=bias,
    )


def routed_experts(config: Config, *, router_bias: bool) -> Ffn:
    """Return the mixture of experts; the shared ones are as wide as a routed one each."""
    count = config.count("n_routed_experts")
    width = config.count("moe_intermediate_size")
    return Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=width,
        shared_inner_size=config.amount("n_shared_experts") * width,
        router_bias=router_bias,
    )


def sparse_layers(config: Config, attention: Attention, *, router_bias: bool) -> list[Block]:
    """Return the layers: ``first_k_dense_replace`` dense ones, experts after them.

    ``moe_layer_freq`` above 1 puts experts in every n-th layer only.
    """
    norms = 2 * hidden_size(config)
    count = layer_count(config)
    first = config.optional_count("first_k_dense_replace", low=0) or 0
    step = config.count("moe_layer_freq", 1)
    is_sparse = [layer >= first and layer % step == 0 for layer in range(count)]
    experts = routed_experts(config, router_bias=router_bias)
    sparse = Block(attention=attention, ffn=experts, norm_params=norms)
    if all(is_sparse):
        return [sparse] * count
    plain = Block(attention=attention, ffn=dense(config), norm_params=norms)
    return [sparse if layer else plain for layer in is_sparse]


@architecture("deepseek_v2")
def read_deepseek_v2(config: Config) -> Decoder:
    """Read DeepSeek V2, whose router has no correction."""
    return decoder(config, sparse_layers(config, latent_attention(config), router_bias=False))


@architecture("deepseek_v3", "kimi_k2")
def read_deepseek_v3(config: Config) -> Decoder:
    """Read DeepSeek V3, R1 and Kimi K2: the router adds a score correction an expert."""
    corrected = config.text("topk_method", "noaux_tc") == "noaux_tc"
    return decoder(config, sparse_layers(config, latent_attention(config), router_bias=corrected))

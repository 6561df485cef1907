"""Qwen 2 to 3, dense and with experts, the text part of their vision models, and MiMo-7B."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    decoder,
    dense,
    experts_per_token,
    grouped_attention,
    hidden_size,
    local_layers,
    windowed,
    with_head_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_FIRST_SLIDING_BY_DEFAULT: Final = 28


def _layers(config: Config, attention: Attention, ffns: list[Ffn]) -> list[Block]:
    """Return the layers; the window counts only where ``use_sliding_window`` is set.

    Most configurations print a ``sliding_window`` that is not in use. Where it is, the first
    ``max_window_layers`` layers attend to everything.
    """
    slides = config.flag("use_sliding_window", default=False)
    local = windowed(config, attention) if slides else attention
    first = config.optional_count("max_window_layers", low=0)
    first = _FIRST_SLIDING_BY_DEFAULT if first is None else first
    norms = 2 * hidden_size(config)
    kinds = {
        (is_local, ffn): Block(
            attention=local if is_local else attention, ffn=ffn, norm_params=norms
        )
        for ffn in dict.fromkeys(ffns)
        for is_local in (False, True)
    }
    slide = local_layers(config, lambda layer: slides and layer >= first)
    return [kinds[is_local, ffn] for is_local, ffn in zip(slide, ffns, strict=True)]


def _dense_ffns(config: Config) -> list[Ffn]:
    """Return the same dense feed-forward part for every layer."""
    return [dense(config)] * len(local_layers(config, bool))


def expert_ffns(config: Config, *, shared: bool) -> list[Ffn]:
    """Return each layer's feed-forward part: experts in every n-th layer, dense elsewhere."""
    count = config.count("num_experts")
    shared_size = config.amount("shared_expert_intermediate_size") if shared else 0
    experts = Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("moe_intermediate_size"),
        shared_inner_size=shared_size,
        shared_gate=shared_size > 0,
    )
    step = config.count("decoder_sparse_step", 1)
    dense_layers = frozenset(config.numbers("mlp_only_layers"))
    sparse = [
        layer not in dense_layers and (layer + 1) % step == 0
        for layer in range(config.count("num_hidden_layers"))
    ]
    if all(sparse):
        return [experts] * len(sparse)
    plain = dense(config)
    return [experts if is_sparse else plain for is_sparse in sparse]


@architecture("qwen2", "qwen2_vl", "qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text", "mimo")
def read_qwen2(config: Config) -> Decoder:
    """Read Qwen 2 and 2.5: always biases on query, key and value, none on the output."""
    return decoder(
        config,
        _layers(
            config, grouped_attention(config, bias=True, output_bias=False), _dense_ffns(config)
        ),
    )


@architecture("qwen2_moe")
def read_qwen2_moe(config: Config) -> Decoder:
    """Read Qwen 1.5 and 2 with experts: a shared expert behind a learned gate."""
    bias = config.flag("qkv_bias", default=True)
    ffns = expert_ffns(config, shared=True)
    return decoder(
        config, _layers(config, grouped_attention(config, bias=bias, output_bias=False), ffns)
    )


def _qwen3_attention(config: Config) -> Attention:
    """Return attention with norms on each query and key head."""
    bias = config.flag("attention_bias", default=False)
    return with_head_norms(grouped_attention(config, bias=bias))


@architecture("qwen3", "qwen3_vl_text")
def read_qwen3(config: Config) -> Decoder:
    """Read Qwen 3, dense."""
    return decoder(config, _layers(config, _qwen3_attention(config), _dense_ffns(config)))


@architecture("qwen3_moe", "qwen3_vl_moe_text")
def read_qwen3_moe(config: Config) -> Decoder:
    """Read Qwen 3 with experts: no shared expert, whatever size the configuration prints."""
    ffns = expert_ffns(config, shared=False)
    return decoder(config, _layers(config, _qwen3_attention(config), ffns))

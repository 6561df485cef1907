"""Nemotron-H and Nemotron 3: each layer is a mixer or a feed-forward part, never both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.ahead import joined_by_projection
from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    attention_of,
    decoder,
    experts_per_token,
    hidden_size,
)
from rightrig.facts.architectures.mixers import Mamba2, layer_order, mamba2_mixer, state_bits
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config
    from rightrig.facts.llm import Attention

_MIXER, _ATTENTION, _DENSE, _EXPERTS = "mixer", "attention", "dense", "experts"
_LETTERS: Final = {"M": _MIXER, "*": _ATTENTION, "-": _DENSE, "E": _EXPERTS}
_NAMES: Final = {
    "mamba": _MIXER, "linear_attention": _MIXER, "attention": _ATTENTION,
    "full_attention": _ATTENTION, "mlp": _DENSE, "moe": _EXPERTS,
}  # fmt: skip
_READS: Final = (
    "layer_types", "layers_block_type", "hybrid_override_pattern", "ssm_state_size",
    "mamba_num_heads",
)  # fmt: skip
_SAFE_STATE_BITS: Final = 32


def _order(config: Config, pattern_key: str, *list_keys: str) -> tuple[str, ...]:
    """Return the kinds of layers by the pattern of letters, or by a list of names."""
    pattern = config.text(pattern_key)
    strange = next((letter for letter in pattern if letter not in _LETTERS), None)
    if strange is not None:
        raise config.unsupported(
            f"the letter {strange!a} in {pattern_key!r} is not understood yet; understood are "
            f"{' '.join(_LETTERS)}"
        )
    if pattern:
        return tuple(_LETTERS[letter] for letter in pattern)
    return layer_order(config, list_keys, _NAMES, None)


def _attention(config: Config) -> Attention:
    """Return its attention, whose heads do not follow from the hidden size."""
    heads = config.count("num_attention_heads")
    kv_heads = config.count("num_key_value_heads", heads)
    attention = attention_of(config, hidden_size(config), heads, kv_heads)
    if config.has("head_dim"):
        return attention
    width = config.count("attention_head_dim", attention.head_dim)
    return attention.model_copy(update={"head_dim": width})


def _experts(config: Config) -> Ffn:
    """Return its experts: no gate, read and write at the latent width where there is one."""
    count = config.count("n_routed_experts")
    shared = config.optional_count("n_shared_experts", low=0)
    shared_size = config.amount("moe_shared_expert_intermediate_size")
    return Ffn(
        gated=False,
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("moe_intermediate_size"),
        shared_inner_size=shared_size * (1 if shared is None else shared),
        router_bias=True,
        expert_hidden_size=config.amount("moe_latent_size"),
    )


def _block(config: Config, kind: str) -> Block:
    """Return one layer: a norm and one part."""
    hidden = hidden_size(config)
    bias = config.flag("mlp_bias", default=False)
    if bias and kind == _EXPERTS:
        raise config.unsupported("experts with biases ('mlp_bias') are not understood yet")
    if kind == _MIXER:
        size = Mamba2(
            head_count=config.count("mamba_num_heads"),
            head_dim=config.count("mamba_head_dim"),
            group_count=config.count("n_groups"),
            state_size=config.count("ssm_state_size"),
            kernel=config.count("conv_kernel", 4),
            bias=config.flag("use_bias", default=False),
            conv_bias=config.flag("use_conv_bias", default=True),
            state_bits=state_bits(config, "mamba_ssm_cache_dtype", _SAFE_STATE_BITS),
        )
        return Block(recurrent=mamba2_mixer(hidden, size), norm_params=hidden)
    if kind == _ATTENTION:
        return Block(attention=_attention(config), norm_params=hidden)
    if kind == _EXPERTS:
        return Block(ffn=_experts(config), norm_params=hidden)
    ffn = Ffn(inner_size=config.count("intermediate_size"), gated=False, bias=bias)
    return Block(ffn=ffn, norm_params=hidden)


def _with_ahead(config: Config, plain: Decoder) -> Decoder:
    """Add the layers ahead: attention and experts together are one.

    ``Ahead`` names one block, so the attention beside the experts counts with the joining parts.
    """
    count = config.amount("num_nextn_predict_layers")
    if not count:
        return plain
    order = _order(config, "mtp_hybrid_override_pattern", "mtp_layers_block_type")
    if order not in {(), (_ATTENTION, _EXPERTS)}:
        raise config.unsupported(
            "layers ahead other than attention and experts are not understood yet "
            "('mtp_layers_block_type')"
        )
    joined = joined_by_projection(plain, count, _block(config, _EXPERTS))
    if joined.ahead is None:
        return joined
    attention = _attention(config)
    widths = 2 * (attention.head_count + attention.kv_head_count) * attention.head_dim
    hidden = hidden_size(config)
    beside = joined.ahead.other_params + hidden * widths + hidden
    return replace(joined, ahead=joined.ahead.model_copy(update={"other_params": beside}))


@architecture("nemotron_h", reads=_READS)
def read_nemotron_h(config: Config) -> Decoder:
    """Read Nemotron-H (arXiv:2504.03624) and Nemotron 3 (arXiv:2512.20856).

    The configuration's list of layers decides their number; some publish no other.
    """
    order = _order(config, "hybrid_override_pattern", "layers_block_type", "layer_types")
    if not order:
        raise config.unsupported(
            "Nemotron-H without 'hybrid_override_pattern' or 'layers_block_type' does not say "
            "what its layers are"
        )
    stated = config.optional_count("num_hidden_layers")
    if stated is not None and stated != len(order):
        raise config.wrong("num_hidden_layers", f"the {len(order):,} layers that it lists")
    kinds = {kind: _block(config, kind) for kind in dict.fromkeys(order)}
    return _with_ahead(config, decoder(config, [kinds[kind] for kind in order], Ends()))

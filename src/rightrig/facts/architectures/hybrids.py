"""Jamba, Bamba, Granite 4 and LFM 2: attention in a few layers, mixers in the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    dense,
    experts_per_token,
    grouped_attention,
    hidden_size,
    layer_count,
    with_head_norms,
)
from rightrig.facts.architectures.mixers import Mamba1, layer_order, mamba1_mixer, mamba2_of
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Block, Ffn, Recurrent

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config
    from rightrig.facts.llm import Attention

_MAMBA: Final = {
    "mamba": False, "linear_attention": False, "attention": True, "full_attention": True,
}  # fmt: skip
_CONV: Final = {"conv": False, "full_attention": True}
_LISTS: Final = ("layer_types", "layers_block_type")
_READS: Final = (*_LISTS, "mamba_d_state")


def _mixed(
    config: Config,
    mixers: tuple[Attention, Recurrent],
    attends: list[bool],
    ffns: list[Ffn],
    ends: Ends | None = None,
) -> Decoder:
    """Return layers of attention where it says so, of the other mixer elsewhere."""
    attention, recurrent = mixers
    layers = [
        Block(
            attention=attention if is_attention else None,
            recurrent=None if is_attention else recurrent,
            ffn=ffn,
            norm_params=2 * hidden_size(config),
        )
        for is_attention, ffn in zip(attends, ffns, strict=True)
    ]
    return decoder(config, layers, ends)


def _attends(config: Config, known: dict[str, bool], indices_key: str) -> list[bool]:
    """Return for each layer whether it attends: by a list of names, or by their numbers."""
    names = {name: name for name in known}
    order = layer_order(config, _LISTS, names, layer_count(config))
    if order:
        return [known[name] for name in order]
    chosen = frozenset(config.numbers(indices_key))
    return [layer in chosen for layer in range(layer_count(config))]


def _every(config: Config, period_key: str, offset_key: str, default: int) -> list[bool]:
    """Return for each layer whether it is the one of its period."""
    period = config.count(period_key, default)
    offset = config.optional_count(offset_key, low=0)
    offset = default // 2 if offset is None else offset
    return [layer % period == offset for layer in range(layer_count(config))]


@architecture("jamba", reads=_READS)
def read_jamba(config: Config) -> Decoder:
    """Read Jamba (arXiv:2403.19887): Mamba 1 with norms inside, experts in every other layer."""
    hidden = hidden_size(config)
    words = Mamba1(
        inner_size=config.count("mamba_expand", 2) * hidden,
        state_key="mamba_d_state",
        kernel_key="mamba_d_conv",
        rank_key="mamba_dt_rank",
        bias_key="mamba_proj_bias",
        conv_bias_key="mamba_conv_bias",
        has_norms=True,
    )
    plain = dense(config)
    count = config.count("num_experts", 16)
    experts = plain
    if count > 1:
        experts = Ffn(
            expert_count=count,
            experts_per_token=experts_per_token(config, count),
            expert_inner_size=config.count("intermediate_size"),
        )
    sparse = _every(config, "expert_layer_period", "expert_layer_offset", 2)
    return _mixed(
        config,
        (grouped_attention(config), mamba1_mixer(config, hidden, words)),
        _every(config, "attn_layer_period", "attn_layer_offset", 8),
        [experts if is_sparse else plain for is_sparse in sparse],
    )


@architecture("bamba", reads=_READS)
def read_bamba(config: Config) -> Decoder:
    """Read Bamba: Mamba 2, attention in the layers that ``attn_layer_indices`` lists."""
    bias = config.flag("attention_bias", default=False)
    ffn = dense(config, bias=config.flag("mlp_bias", default=False))
    return _mixed(
        config,
        (
            grouped_attention(config, bias=bias),
            mamba2_of(config, hidden_size=hidden_size(config)),
        ),
        _attends(config, _MAMBA, "attn_layer_indices"),
        [ffn] * layer_count(config),
    )


def _granite_ffn(config: Config) -> Ffn:
    """Return routed experts beside one shared part, or that part alone as a dense one."""
    shared = config.count("shared_intermediate_size")
    count = config.amount("num_local_experts")
    if not count:
        return Ffn(inner_size=shared)
    return Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("intermediate_size"),
        shared_inner_size=shared,
    )


@architecture("granitemoehybrid", reads=_READS)
def read_granite_hybrid(config: Config) -> Decoder:
    """Read Granite 4: Mamba 2, attention in a few layers, experts or none."""
    bias = config.flag("attention_bias", default=False)
    return _mixed(
        config,
        (
            grouped_attention(config, bias=bias),
            mamba2_of(config, hidden_size=hidden_size(config)),
        ),
        _attends(config, _MAMBA, "attn_layer_indices"),
        [_granite_ffn(config)] * layer_count(config),
    )


def _short_conv(config: Config) -> Recurrent:
    """Return LFM 2's gated short convolution, which keeps its last inputs alone."""
    hidden = hidden_size(config)
    kernel = config.count("conv_L_cache", 3)
    bias = 5 * hidden if config.flag("conv_bias", default=False) else 0
    return Recurrent(
        kind="short-conv",
        head_count=hidden,
        key_dim=0,
        value_dim=0,
        conv_channels=hidden,
        conv_kernel=kernel,
        split_params=hidden * 3 * hidden + hidden * kernel + hidden * hidden + bias,
    )


def _adjusted_width(config: Config) -> int:
    """Return the inner width of LFM 2: two thirds of what it states, rounded up."""
    width = config.count(config.first("block_ff_dim", "intermediate_size"))
    if not config.flag("block_auto_adjust_ff_dim", default=True):
        return width
    factor = config.values.get("block_ffn_dim_multiplier", 1.0)
    if not isinstance(factor, int | float) or not 0 < factor < 100:  # noqa: PLR2004 - a share
        raise config.wrong("block_ffn_dim_multiplier", "a number above 0 and below 100")
    step = config.count("block_multiple_of", 256)
    return -(-int(factor * int(2 * width / 3)) // step) * step


def _lfm_ends(config: Config) -> Ends:
    """Return what surrounds the layers; the flag for tied embeddings has an older name."""
    return Ends(tied_by_default=config.flag("tie_embedding", default=True))


@architecture("lfm2", reads=_LISTS)
def read_lfm2(config: Config) -> Decoder:
    """Read LFM 2, dense."""
    ffn = Ffn(inner_size=_adjusted_width(config))
    return _mixed(
        config,
        (with_head_norms(grouped_attention(config)), _short_conv(config)),
        _attends(config, _CONV, "full_attn_idxs"),
        [ffn] * layer_count(config),
        _lfm_ends(config),
    )


@architecture("lfm2_moe", reads=_LISTS)
def read_lfm2_moe(config: Config) -> Decoder:
    """Read LFM 2 with experts after a few dense layers."""
    count = config.count("num_experts")
    experts = Ffn(
        expert_count=count,
        experts_per_token=experts_per_token(config, count),
        expert_inner_size=config.count("moe_intermediate_size"),
        router_bias=config.flag("use_expert_bias", default=True),
    )
    first = config.optional_count("num_dense_layers", low=0)
    first = 2 if first is None else first
    plain = dense(config)
    return _mixed(
        config,
        (with_head_norms(grouped_attention(config)), _short_conv(config)),
        _attends(config, _CONV, "full_attn_idxs"),
        [plain if layer < first else experts for layer in range(layer_count(config))],
        _lfm_ends(config),
    )

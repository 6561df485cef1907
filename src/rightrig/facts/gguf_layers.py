"""Lists of one value a layer in GGUF files, in the words that configurations have for them.

What a list of heads or widths means is that of llama.cpp's loaders (repository
ggml-org/llama.cpp, src/models/*.cpp, 2026-10): no key-value heads, for example, make a layer
recurrent in one architecture and leave attention out in another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rightrig.facts.gguf_own import Own

Config = dict[str, object]
_HEADS: Final = "attention.head_count"
_KV_HEADS: Final = "attention.head_count_kv"
_WIDTHS: Final = "feed_forward_length"
_LOCAL: Final = "attention.sliding_window_pattern"
_SHARED_FROM: Final = 20
_LONG_CONTEXT_TOKENS: Final = 1_048_576


def _attends(config: Config, own: Own) -> list[bool]:
    """Return for each layer whether it attends, and state the key-value heads of those."""
    config["num_key_value_heads"] = own.single(_KV_HEADS)
    return [count > 0 for count in own.each(_KV_HEADS)]


def _write_nemotron_h(config: Config, own: Own) -> None:
    """Write Nemotron-H's kinds of layers: lists say which attend, and which feed forward."""
    experts = "E" if own.has("expert_count") else "-"
    attends, widths = _attends(config, own), own.each(_WIDTHS)
    config["hybrid_override_pattern"] = "".join(
        "*" if attending else experts if width else "M"
        for attending, width in zip(attends, widths, strict=True)
    )
    config["num_attention_heads"] = own.single(_HEADS)
    config["intermediate_size"] = (
        max(widths) if experts == "-" else own.values.get("expert_feed_forward_length")
    )


def _write_lfm2(config: Config, own: Own) -> None:
    """Write LFM 2: layers without key-value heads are convolutions; widths are final."""
    if own.has("attention.sliding_window"):
        raise own.unsupported("its attention has a window")
    config["layer_types"] = [
        "full_attention" if attending else "conv" for attending in _attends(config, own)
    ]
    config["block_auto_adjust_ff_dim"] = False


def _write_granite_hybrid(config: Config, own: Own) -> None:
    """Write Granite 4: layers without key-value heads are Mamba 2."""
    config["layer_types"] = [
        "attention" if attending else "mamba" for attending in _attends(config, own)
    ]
    shared = "expert_shared_feed_forward_length" if own.has("expert_count") else _WIDTHS
    config["shared_intermediate_size"] = own.number(shared)
    config["mamba_conv_bias"] = _has_conv_bias(own)


def _write_granite_moe(config: Config, own: Own) -> None:
    """Write Granite's experts beside a shared part as Granite 4 does, attention everywhere."""
    if own.has("expert_shared_feed_forward_length"):
        config["model_type"] = "granitemoehybrid"
        config["layer_types"] = ["attention"] * own.layer_count
        config["shared_intermediate_size"] = own.number("expert_shared_feed_forward_length")


def _has_conv_bias(own: Own) -> bool:
    """Whether the convolutions of state-space mixers have biases."""
    return any(tensor.endswith("ssm_conv1d.bias") for tensor in own.shapes)


def _period(own: Own, marked: Sequence[bool], what: str) -> tuple[int, int]:
    """Return the period and the offset at which layers are marked."""
    places = [layer for layer, is_marked in enumerate(marked) if is_marked]
    if not places:  # a period that never comes
        return len(marked) + 1, len(marked)
    period = places[1] - places[0] if len(places) > 1 else len(marked)
    if marked != [layer % period == places[0] for layer in range(len(marked))]:
        raise own.unsupported(f"{what} do not come at equal distances")
    return period, places[0]


def _write_jamba(config: Config, own: Own) -> None:
    """Write Jamba: periods of attention by the heads, of experts by the routers in the file."""
    attends = _attends(config, own)
    config["attn_layer_period"], config["attn_layer_offset"] = _period(
        own, attends, "its layers with attention"
    )
    sparse = [f"blk.{layer}.ffn_gate_inp.weight" in own.shapes for layer in range(len(attends))]
    config["expert_layer_period"], config["expert_layer_offset"] = _period(
        own, sparse, "its layers with experts"
    )
    config["num_experts"] = own.number("expert_count") if any(sparse) else 1
    inner, hidden = own.number("ssm.inner_size"), own.number("embedding_length")
    if inner % hidden:
        raise own.wrong("ssm.inner_size", f"a multiple of {hidden:,}")
    config["mamba_expand"] = inner // hidden


def _write_mamba(config: Config, own: Own) -> None:
    """Write which biases a Mamba mixer has."""
    config["use_bias"] = "blk.0.ssm_in.bias" in own.shapes
    config["use_conv_bias"] = _has_conv_bias(own)


def _write_kimi_linear(config: Config, own: Own) -> None:
    """Write Kimi Linear: layers without key-value heads are delta attention."""
    attends = _attends(config, own)
    config["linear_attn_config"] = {
        "full_attn_layers": [layer for layer, full in enumerate(attends, 1) if full],
        "kda_layers": [layer for layer, full in enumerate(attends, 1) if not full],
        "num_heads": own.number(_HEADS),
        "head_dim": own.number("kda.head_dim"),
        "short_conv_kernel_size": own.number("ssm.conv_kernel"),
    }


def _write_gemma3n(config: Config, own: Own) -> None:
    """Write Gemma 3n: the file keeps some dimensions as shapes of tensors only."""
    config["intermediate_size"] = list(own.each(_WIDTHS))
    config["laurel_rank"] = own.dimension("blk.0.laurel_l.weight", 1)
    config["vocab_size_per_layer_input"] = own.dimension("per_layer_token_embd.weight", 1)
    if "attention.shared_kv_layers" not in own.values:
        config["num_kv_shared_layers"] = max(0, own.layer_count - _SHARED_FROM)


def _write_gemma4(config: Config, own: Own) -> None:
    """Write Gemma 4: heads of its full layers, widths of those that share a cache."""
    local, kv_heads = own.each(_LOCAL), own.each(_KV_HEADS)
    full = [layer for layer, is_local in enumerate(local) if not is_local]
    config["num_key_value_heads"] = next(
        (count for count, is_local in zip(kv_heads, local, strict=True) if is_local), kv_heads[0]
    )
    width = own.number("attention.key_length")
    config["per_layer_config"] = {
        str(layer): {"head_dim": width, "num_key_value_heads": kv_heads[layer]} for layer in full
    }
    config["attention_k_eq_v"] = any(
        f"blk.{layer}.attn_k.weight" in own.shapes
        and f"blk.{layer}.attn_v.weight" not in own.shapes
        for layer in full
    )
    config["enable_moe_block"] = own.has("expert_count")
    if own.has("embedding_length_per_layer_input"):
        config["vocab_size_per_layer_input"] = own.dimension("per_layer_token_embd.weight", 1)
    _write_gemma4_widths(config, own)


def _write_gemma4_widths(config: Config, own: Own) -> None:
    """Write the inner width, twice as wide where layers share a cache, or one for all."""
    widths = own.each(_WIDTHS)
    shared = own.values.get("attention.shared_kv_layers") or 0
    first = own.layer_count - shared if isinstance(shared, int) else own.layer_count
    doubled = tuple(widths[0] * (1 if layer < first else 2) for layer in range(len(widths)))
    config["intermediate_size"] = widths[0]
    config["use_double_wide_mlp"] = widths == doubled and len(set(widths)) > 1
    if len(set(widths)) > 1 and widths != doubled:
        raise own.unsupported(f"its layers differ in {_WIDTHS!r}")


def _write_searched(config: Config, own: Own) -> None:
    """Write a Llama whose layers have dimensions of their own (NAS) as their makers do.

    Without key-value heads a layer has one matrix instead of attention, or neither where it
    has no query heads; without a width it has no feed-forward part.
    """
    lists = (_HEADS, _KV_HEADS, _WIDTHS)
    if not any(isinstance(own.values.get(key), tuple) for key in lists):
        return
    heads, widths = own.each(_HEADS), own.each(_WIDTHS)
    kv_heads = own.each(_KV_HEADS if _KV_HEADS in own.values else _HEADS)
    if all(len(set(numbers)) == 1 for numbers in (heads, kv_heads, widths)):
        return
    if own.has("expert_count"):
        raise own.unsupported("its layers have experts and dimensions of their own")
    if all(kv_heads) and len({*heads}) == len({*widths}) == 1:
        config["model_type"] = "deci"
        config["num_key_value_heads_per_layer"] = list(kv_heads)
        config["num_attention_heads"], config["num_key_value_heads"] = heads[0], max(kv_heads)
        config["intermediate_size"] = widths[0]
        return
    config["num_attention_heads"] = own.single(_HEADS)
    config["model_type"] = "nemotron-nas"
    config["num_key_value_heads"] = max(kv_heads)
    config["intermediate_size"] = max(widths)
    config["block_configs"] = [
        {"attention": _searched_attention(own, *counts), "ffn": _searched_ffn(width)}
        for *counts, width in zip(heads, kv_heads, widths, strict=True)
    ]


def _searched_attention(own: Own, heads: int, kv_heads: int) -> Config:
    """Return the table of one layer's attention."""
    if not kv_heads:
        return {"replace_with_linear": True} if heads else {"no_op": True}
    if heads % kv_heads:
        raise own.wrong(_KV_HEADS, f"numbers that divide {heads:,} query heads")
    return {"n_heads_in_group": heads // kv_heads}


def _searched_ffn(width: int) -> Config:
    """Return the table of one layer's feed-forward part."""
    return {"intermediate_size": width} if width else {"no_op": True}


def _write_delta(config: Config, own: Own) -> None:
    """Write which layers of Qwen3-Next and 3.5 are recurrent, where a list says so."""
    if own.values.get("attention.recurrent_layers") is not None:
        config["layer_types"] = [
            "linear_attention" if recurrent else "full_attention"
            for recurrent in own.each("attention.recurrent_layers")
        ]


def _write_indexers(config: Config, own: Own) -> None:
    """Write which layers of GLM 5 pick tokens themselves; the list is GLM 5.2's.

    Where a file of 5.2 has no list, its tensors say it.
    """
    if own.values.get("attention.indexer.types") is not None:
        picks = [number > 0 for number in own.each("attention.indexer.types")]
    elif own.number("context_length") < _LONG_CONTEXT_TOKENS:
        return
    else:
        layers = range(own.layer_count)
        picks = [f"blk.{layer}.indexer.proj.weight" in own.shapes for layer in layers]
    config["indexer_types"] = ["full" if pick else "shared" for pick in picks]


def _write_compressed(config: Config, own: Own) -> None:
    """Write DeepSeek V4: how many tokens share one entry in each layer."""
    config["compress_ratios"] = list(own.each("attention.compress_ratios"))


WRITERS: Final[Mapping[str, Callable[[Config, Own], None]]] = {
    "deepseek_v4": _write_compressed,
    "gemma3n_text": _write_gemma3n,
    "gemma4_text": _write_gemma4,
    "glm_moe_dsa": _write_indexers,
    "granitemoe": _write_granite_moe,
    "granitemoehybrid": _write_granite_hybrid,
    "jamba": _write_jamba,
    "kimi_linear": _write_kimi_linear,
    "lfm2": _write_lfm2,
    "lfm2_moe": _write_lfm2,
    "llama": _write_searched,
    "mamba": _write_mamba,
    "mamba2": _write_mamba,
    "nemotron_h": _write_nemotron_h,
    "qwen3_5_moe_text": _write_delta,
    "qwen3_5_text": _write_delta,
    "qwen3_next": _write_delta,
}
"""Family → what writes its layers before the keys that hold for all of them."""

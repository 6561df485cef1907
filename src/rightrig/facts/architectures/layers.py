"""What the readers of the families share: attention, feed-forward parts and their stacking."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError
from rightrig.facts.llm import Ahead, Attention, Block, Ffn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rightrig.facts.architectures.common import Config
    from rightrig.facts.llm import TensorClass

_IS_LOCAL: Final = {
    "full_attention": False,
    "sliding_attention": True,
    "chunked_attention": True,
}


@dataclass(frozen=True, slots=True)
class Decoder:
    """What a reader returns: an ``Llm`` without its name, format and sources."""

    hidden_size: int
    vocab_size: int
    max_context_tokens: int
    tied_embeddings: bool
    blocks: tuple[Block, ...]
    layout: tuple[tuple[int, int], ...]
    final_norm_params: int
    position_params: int = 0
    head_bias: bool = False
    layer_embedding_params: int = 0
    other_params: int = 0
    ahead: Ahead | None = None
    kept_16bit: tuple[TensorClass, ...] = ()
    """Classes that every checkpoint of the model leaves at 16 bits or more."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What surrounds the layers, where it differs from one norm and no position table."""

    tied_by_default: bool = False
    final_norm_params: int | None = None
    position_params: int = 0
    head_bias: bool = False
    layer_embedding_params: int = 0
    other_params: int = 0
    context_key: str = "max_position_embeddings"
    context_by_default_tokens: int | None = None


def hidden_size(config: Config) -> int:
    """Return the width of the residual stream."""
    return config.count("hidden_size")


def layer_count(config: Config) -> int:
    """Return the number of decoder layers."""
    return config.count("num_hidden_layers")


def decoder(config: Config, layers: Sequence[Block], ends: Ends | None = None) -> Decoder:
    """Join the layers, first one first, into runs of equal ones."""
    ends = Ends() if ends is None else ends
    hidden = config.count(config.first("hidden_size", "n_embd", "d_model", "n_embed"))
    kinds = list(dict.fromkeys(layers))
    norm = hidden if ends.final_norm_params is None else ends.final_norm_params
    return Decoder(
        hidden_size=hidden,
        vocab_size=config.count("vocab_size"),
        max_context_tokens=config.count(ends.context_key, ends.context_by_default_tokens),
        tied_embeddings=config.flag("tie_word_embeddings", default=ends.tied_by_default),
        blocks=tuple(kinds),
        layout=tuple((kinds.index(kind), len(list(run))) for kind, run in groupby(layers)),
        final_norm_params=norm,
        position_params=ends.position_params,
        head_bias=ends.head_bias,
        layer_embedding_params=ends.layer_embedding_params,
        other_params=ends.other_params,
    )


def attention_of(
    config: Config, hidden: int, heads: int, kv_heads: int, *, bias: bool = False
) -> Attention:
    """Return full attention; without a ``head_dim`` the heads share the hidden size."""
    if heads % kv_heads:
        raise InputError(
            f"{config.name}: {heads:,} attention heads are not a multiple of {kv_heads:,} "
            "key-value heads"
        )
    width = config.optional_count("head_dim")
    if width is None and hidden % heads:
        raise InputError(
            f"{config.name}: hidden size {hidden:,} is not divisible by {heads:,} attention "
            "heads; such a model states its 'head_dim'"
        )
    return Attention(
        kind="full",
        head_count=heads,
        kv_head_count=kv_heads,
        head_dim=hidden // heads if width is None else width,
        bias=bias,
        output_bias=bias,
    )


def grouped_attention(
    config: Config, *, bias: bool = False, output_bias: bool | None = None
) -> Attention:
    """Return full attention in the usual words of a configuration (MHA, GQA and MQA)."""
    heads = config.count("num_attention_heads")
    kv_heads = config.count("num_key_value_heads", heads)
    attention = attention_of(config, hidden_size(config), heads, kv_heads, bias=bias)
    if output_bias is None:
        return attention
    return attention.model_copy(update={"output_bias": output_bias})


def plain_attention(config: Config) -> Attention:
    """Return full attention whose four projections have biases if ``attention_bias`` says so."""
    return grouped_attention(config, bias=config.flag("attention_bias", default=False))


def with_head_norms(attention: Attention) -> Attention:
    """Add one norm over each query head and one over each key head, shared by the heads."""
    return attention.model_copy(update={"qk_norm_params": 2 * attention.head_dim})


def with_wide_norms(attention: Attention) -> Attention:
    """Add norms as wide as all query heads and as all key heads together."""
    width = (attention.head_count + attention.kv_head_count) * attention.head_dim
    return attention.model_copy(update={"qk_norm_params": width})


def windowed(
    config: Config,
    attention: Attention,
    key: str = "sliding_window",
    kind: Literal["sliding", "chunked"] = "sliding",
    default: int | None = None,
) -> Attention:
    """Return the attention bounded by a window; one as long as the context bounds nothing."""
    window = config.optional_count(key)
    window = default if window is None else window
    if window is None or window >= config.count("max_position_embeddings"):
        return attention
    return attention.model_copy(update={"kind": kind, "window_tokens": window})


def layer_types(config: Config) -> tuple[str, ...]:
    """Return the kinds of layers that the configuration prints, all of them understood."""
    names = config.texts("layer_types")
    strange = next((name for name in names if name not in _IS_LOCAL), None)
    if strange is not None:
        raise config.unsupported(
            f"the layer type {strange[:40]!a} is not understood yet; understood are "
            f"{', '.join(_IS_LOCAL)}"
        )
    return names


def local_layers(config: Config, is_local: Callable[[int], bool]) -> list[bool]:
    """Return for each layer whether its attention is local.

    ``layer_types`` decides where the configuration prints it, else the rule of the family.
    """
    count = layer_count(config)
    names = layer_types(config)
    if not names:
        return [is_local(layer) for layer in range(count)]
    if len(names) != count:
        raise config.wrong("layer_types", f"a list of {count:,} names, one a layer")
    return [_IS_LOCAL[name] for name in names]


def marks(config: Config, key: str, *, default: bool, table: Config | None = None) -> list[bool]:
    """Return for each layer whether a list of zeros and ones marks it, or the default.

    The list lies in the configuration, or in a table of it.
    """
    count = layer_count(config)
    source = config if table is None else table
    if not source.has(key):
        return [default] * count
    numbers = source.numbers(key)
    if len(numbers) != count or not set(numbers) <= {0, 1}:
        raise source.wrong(key, f"a 0 or 1 for each of {count:,} layers")
    return [number == 1 for number in numbers]


def mixed_layers(
    config: Config,
    full: Block,
    local: Block,
    is_local: Callable[[int], bool],
) -> list[Block]:
    """Return the layers of a model that mixes full and local attention."""
    return [local if layer else full for layer in local_layers(config, is_local)]


def dense(config: Config, *, gated: bool = True, bias: bool = False) -> Ffn:
    """Return a dense feed-forward part."""
    return Ffn(inner_size=config.count("intermediate_size"), gated=gated, bias=bias)


def experts_per_token(config: Config, expert_count: int) -> int:
    """Return the routed experts that one token visits."""
    return config.count("num_experts_per_tok", high=expert_count)


def uniform(config: Config, block: Block) -> list[Block]:
    """Return all layers of a model that has one kind; ``layer_types`` may not say otherwise."""
    local = local_layers(config, lambda _: False)
    if any(local) and block.attention is not None and block.attention.kind == "full":
        raise config.unsupported(
            "'layer_types' names local layers, which are not understood yet in this family"
        )
    return [block] * len(local)


def predicted_ahead(config: Config) -> tuple[str, ...]:
    """Name the layers for multi-token prediction, which no plain decoding runs."""
    keys = ("num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers")
    return ("multi-token prediction layers",) if any(map(config.amount, keys)) else ()

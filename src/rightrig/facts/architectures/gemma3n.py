"""Gemma 3n: four residual streams, embeddings of each layer, caches that layers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.layers import (
    Decoder,
    Ends,
    decoder,
    grouped_attention,
    hidden_size,
    layer_count,
    local_layers,
    windowed,
    with_head_norms,
)
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Block, Ffn

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_FULL_EVERY: Final = 5
# The published configurations leave out what equals the defaults of the library's class.
_DEFAULTS: Final[dict[str, int]] = {
    "vocab_size": 262_400,
    "vocab_size_per_layer_input": 262_144,
    "hidden_size": 2048,
    "num_hidden_layers": 35,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 256,
    "max_position_embeddings": 32_768,
    "sliding_window": 512,
    "hidden_size_per_layer_input": 256,
    "altup_num_inputs": 4,
    "num_kv_shared_layers": 15,
    "laurel_rank": 64,
    "intermediate_size": 16_384,
}


def _inner_sizes(config: Config) -> list[int]:
    """Return the inner width of each layer, printed once or one a layer."""
    count = layer_count(config)
    if not isinstance(config.values.get("intermediate_size"), list):
        return [config.count("intermediate_size")] * count
    sizes = list(config.numbers("intermediate_size"))
    if len(sizes) != count or not all(sizes):
        raise config.wrong("intermediate_size", f"a number, or one for each of {count:,} layers")
    return sizes


def _attention(config: Config, *, local: bool, shares: bool) -> Attention:
    """Return attention with norms on heads; where keys are shared only queries have one."""
    full = with_head_norms(grouped_attention(config))
    found = windowed(config, full) if local else full
    if not shares:
        return found
    return found.model_copy(update={"shares_kv": True, "qk_norm_params": found.head_dim})


def _other_params(config: Config) -> int:
    """Return a layer's matrices beside attention and feed-forward part.

    A low-rank path around attention, a gate and projection of the layer's own embedding, and
    what predicts and corrects the streams.
    """
    hidden, streams = hidden_size(config), config.count("altup_num_inputs")
    narrow = config.count("hidden_size_per_layer_input") + config.count("laurel_rank")
    return 2 * hidden * narrow + streams**2 + streams**3 + streams * hidden


@architecture(
    "gemma3n", "gemma3n_text", reads=("num_kv_shared_layers", "hidden_size_per_layer_input")
)
def read_gemma3n(config: Config) -> Decoder:
    """Read Gemma 3n E2B and E4B.

    The last ``num_kv_shared_layers`` use the cache of the last layer of their kind before them.
    """
    printed = {key: value for key, value in config.values.items() if value is not None}
    config = config.replaced({**_DEFAULTS, **printed})
    hidden, count = hidden_size(config), layer_count(config)
    first_shared = count - config.amount("num_kv_shared_layers")
    is_local = local_layers(config, lambda layer: bool((layer + 1) % _FULL_EVERY))
    other = _other_params(config)
    layers = [
        Block(
            attention=_attention(config, local=local, shares=layer >= first_shared),
            ffn=Ffn(inner_size=inner),
            # Four around the halves, one each of the low-rank path, the layer's embedding, the
            # streams' router, and the scale of the corrected stream.
            norm_params=8 * hidden,
            other_params=other,
        )
        for layer, (local, inner) in enumerate(zip(is_local, _inner_sizes(config), strict=True))
    ]
    narrow = config.count("hidden_size_per_layer_input")
    streams = config.count("altup_num_inputs")
    ends = Ends(
        tied_by_default=True,
        final_norm_params=hidden + narrow,
        layer_embedding_params=config.count("vocab_size_per_layer_input") * narrow * count,
        other_params=hidden * narrow * count + 2 * (streams - 1) * hidden * hidden,
    )
    return decoder(config, layers, ends)

"""DeepSeek V3.2 and GLM 5: latent attention that reads the tokens an indexer picks (DSA)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.ahead import joined_by_projection
from rightrig.facts.architectures.deepseek import latent_attention, sparse_layers
from rightrig.facts.architectures.layers import Decoder, decoder, hidden_size, layer_count
from rightrig.facts.architectures.registry import architecture
from rightrig.facts.llm import Attention, Indexer

if TYPE_CHECKING:
    from rightrig.facts.architectures.common import Config

_KEYS: Final = ("index_topk", "index_n_heads")
_SCALED_KEYS: Final = 128
_SCALE_BYTES: Final = 4
_FIRST_SHARED: Final = 2
_SPARSE_LAYER: Final = "deepseek_sparse_attention"
_LAYER_WORDS: Final = {"dense": False, "sparse": True}
_INDEX_WORDS: Final = {"full": True, "shared": False}


def index_key_bytes(width: int) -> float:
    """Return the bytes of a cached index key: FP8 and one FP32 scale for 128 values.

    132 B for 128 values, in vLLM and SGLang alike, whatever the format of the KV cache.
    """
    return float(width + width // _SCALED_KEYS * _SCALE_BYTES)


def _indexer(config: Config) -> Indexer:
    """Return the indexer: queries from their latent, one normed key, a weight a head."""
    hidden = hidden_size(config)
    heads, width = config.count("index_n_heads"), config.count("index_head_dim")
    queries = config.count("q_lora_rank") * heads * width
    return Indexer(
        head_count=heads,
        head_dim=width,
        topk_tokens=config.count("index_topk"),
        cached_bytes_per_token=index_key_bytes(width),
        params=queries + hidden * (width + heads) + 2 * width,
    )


def _words(config: Config, key: str, meaning: dict[str, bool]) -> list[bool]:
    """Return a list of one word a layer as what the words mean; absent is empty."""
    words = config.texts(key)
    if not words:
        return []
    if len(words) != layer_count(config) or not set(words) <= set(meaning):
        raise config.wrong(key, f"one of {', '.join(meaning)} for each layer")
    return [meaning[word] for word in words]


def _has_indexer(config: Config) -> list[bool]:
    """Return for each layer whether it picks tokens itself, or takes an earlier layer's choice.

    GLM 5.2 prints ``indexer_types``; before, every ``index_topk_freq``-th layer has one.
    """
    printed = _words(config, "indexer_types", _INDEX_WORDS)
    if printed:
        return printed
    step = config.count("index_topk_freq", 1)
    offset = config.optional_count("index_skip_topk_offset", low=0)
    first = _FIRST_SHARED if offset is None else offset
    return [
        max(layer - first + 1, 0) % step == 0 or step == 1 for layer in range(layer_count(config))
    ]


def _read(config: Config) -> Decoder:
    """Return the layers of DeepSeek V3, each with an indexer or with another layer's choice."""
    plain = latent_attention(config)
    own = _indexer(config)
    taken = own.model_copy(update={"params": 0, "cached_bytes_per_token": 0.0})
    kinds: dict[bool, Attention] = {
        True: plain.model_copy(update={"indexer": own}),
        False: plain.model_copy(update={"indexer": taken}),
    }
    if config.has("mlp_layer_types") and not config.has("first_k_dense_replace"):
        sparse = _words(config, "mlp_layer_types", _LAYER_WORDS)
        first = sparse.index(True) if True in sparse else len(sparse)
        if sparse != [layer >= first for layer in range(len(sparse))]:
            raise config.unsupported("dense layers after sparse ones are not understood yet")
        config = config.replaced({"first_k_dense_replace": first})
    layers = [
        block.model_copy(update={"attention": kinds[has]})
        for block, has in zip(
            sparse_layers(config, plain, router_bias=True), _has_indexer(config), strict=True
        )
    ]
    last = layers[-1].model_copy(update={"attention": kinds[True]})
    ahead = config.amount("num_nextn_predict_layers")
    return joined_by_projection(decoder(config, layers), ahead, last)


@architecture("deepseek_v32", reads=_KEYS)
def read_deepseek_v32(config: Config) -> Decoder:
    """Read DeepSeek V3.2: DeepSeek V3 with an indexer in every layer (arXiv:2512.02556)."""
    return _read(config)


@architecture("glm_moe_dsa", reads=(*_KEYS, "layer_types"))
def read_glm_moe_dsa(config: Config) -> Decoder:
    """Read GLM 5 to 5.2; from 5.2 on most layers share the choice of an earlier one."""
    if not set(config.texts("layer_types")) <= {_SPARSE_LAYER}:
        raise config.wrong("layer_types", f"{_SPARSE_LAYER!r} for every layer")
    return _read(config)

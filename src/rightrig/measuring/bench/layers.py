"""One decoder layer of random weights, as its record describes it: attention and feed-forward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rightrig.facts.llm import Attention, Block, Ffn
    from rightrig.measuring.bench.device import Device

TYPE: Final = "bfloat16"
_BYTES: Final = 2.0
_EPSILON_RATIO: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights of one layer, each ``[outputs, inputs]``, from N(0, 0.02).

    Attributes:
        attention, ffn: What the record says; either may be absent.
        weights: Product → matrix.
    """

    attention: Attention | None
    ffn: Ffn | None
    weights: dict[str, Any]

    def doubled(self) -> Layer:
        """Return the same in float64."""
        return replace(self, weights={name: w.double() for name, w in self.weights.items()})

    def cache(self, device: Device, sequences: int, context: int) -> Any:  # noqa: ANN401
        """Return keys and values of some sequences; a window keeps no more than itself."""
        attention = self.attention
        if attention is None:
            return None
        kept = min(context, attention.window_tokens or context)
        size = (sequences, attention.kv_head_count, kept, attention.head_dim)
        return tuple(device.random(*size, dtype=TYPE, spread_ratio=1.0) for _ in range(2))


def cache_bytes(layers: tuple[Layer, ...], sequences: int, context: int) -> float:
    """Return the bytes of keys and values of some sequences in all layers."""
    found = 0.0
    for layer in layers:
        if (attention := layer.attention) is not None:
            kept = min(context, attention.window_tokens or context)
            found += 2.0 * _BYTES * attention.kv_head_count * attention.head_dim * kept
    return found * sequences


def _sizes(block: Block, hidden: int) -> dict[str, tuple[int, int]]:
    """Return the matrices of a layer: outputs and inputs."""
    found: dict[str, tuple[int, int]] = {}
    if (attention := block.attention) is not None:
        heads = attention.head_count + 2 * attention.kv_head_count
        found["qkv"] = (heads * attention.head_dim, hidden)
        found["o"] = (hidden, attention.head_count * attention.head_dim)
    if (ffn := block.ffn) is not None:
        found["up"] = ((2 if ffn.gated else 1) * ffn.inner_size, hidden)
        found["down"] = (hidden, ffn.inner_size)
    return found


def layer_bytes(block: Block, hidden: int) -> float:
    """Return the bytes of a layer's matrices in 16 bits."""
    return _BYTES * sum(outputs * inputs for outputs, inputs in _sizes(block, hidden).values())


def layer_of(device: Device, block: Block, hidden: int) -> Layer:
    """Return a layer with random weights."""
    sizes = _sizes(block, hidden)
    weights = {name: device.random(*size, dtype=TYPE) for name, size in sizes.items()}
    return Layer(block.attention, block.ffn, weights)


def run_layer(torch: Any, layer: Layer, tokens: Any, cache: Any) -> Any:  # noqa: ANN401
    """Return what a layer makes of tokens ``[sequences, tokens, hidden]``.

    RMS norms before each part and residuals around it; rotary positions are left out, since they
    cost next to nothing and change no shape.

    Args:
        torch: PyTorch.
        layer: The layer.
        tokens: One each where there is a cache, else a whole prompt.
        cache: Keys and values of earlier tokens; the last one is the token's own and overwritten.
    """
    if layer.attention is not None:
        tokens = tokens + _attended(torch, layer, _normed(tokens), cache)
    if layer.ffn is not None:
        tokens = tokens + _fed(torch, layer, _normed(tokens))
    return tokens


def parts_of(torch: Any, layer: Layer, tokens: Any, cache: Any) -> list[Any]:  # noqa: ANN401
    """Return what each part of a layer makes of tokens, without the residual around it.

    What is added to tokens is small beside them: rounding the sum would hide what went wrong.
    """
    found = []
    if layer.attention is not None:
        found.append(_attended(torch, layer, _normed(tokens), cache))
    if layer.ffn is not None:
        found.append(_fed(torch, layer, _normed(tokens)))
    return found


def _normed(tokens: Any) -> Any:  # noqa: ANN401
    """Return tokens over their root mean square."""
    return tokens * (tokens.square().mean(-1, keepdim=True) + _EPSILON_RATIO).rsqrt()


def _fed(torch: Any, layer: Layer, tokens: Any) -> Any:  # noqa: ANN401
    """Return the feed-forward part: SwiGLU, or two matrices around a GELU."""
    linear, functional = torch.nn.functional.linear, torch.nn.functional
    wide = linear(tokens, layer.weights["up"])
    if layer.ffn is not None and layer.ffn.gated:
        gate, up = wide.chunk(2, -1)
        return linear(functional.silu(gate) * up, layer.weights["down"])
    return linear(functional.gelu(wide), layer.weights["down"])


def _attended(torch: Any, layer: Layer, tokens: Any, cache: Any) -> Any:  # noqa: ANN401
    """Return the attention part; query heads that share keys are rows of one attention."""
    attention = layer.attention
    if attention is None:
        raise ValueError("this layer has no attention")
    sequences, count, _ = tokens.shape
    kv, width = attention.kv_head_count, attention.head_dim
    mixed = torch.nn.functional.linear(tokens, layer.weights["qkv"])
    queries, keys, values = mixed.split((attention.head_count * width, kv * width, kv * width), -1)
    keys, values = (t.view(sequences, count, kv, width).transpose(1, 2) for t in (keys, values))
    if cache is None:
        result = _causal(torch, attention, queries, keys, values)
    else:
        result = _cached(torch, attention, queries, (keys, values), cache)
    return torch.nn.functional.linear(
        result.reshape(sequences, count, attention.head_count * width), layer.weights["o"]
    )


def _cached(torch: Any, attention: Attention, queries: Any, new: Any, cache: Any) -> Any:  # noqa: ANN401
    """Return attention of one token a sequence over its cache, the last place of which is its."""
    for kept, own in zip(cache, new, strict=True):
        kept[:, :, -1:].copy_(own)
    kv, width = attention.kv_head_count, attention.head_dim
    rows = queries.view(queries.shape[0], kv, attention.head_count // kv, width)
    return torch.nn.functional.scaled_dot_product_attention(rows, *cache)


def _causal(torch: Any, attention: Attention, queries: Any, keys: Any, values: Any) -> Any:  # noqa: ANN401
    """Return causal attention of a whole prompt, in the order of its tokens."""
    sequences, _, count, width = keys.shape
    group = attention.head_count // attention.kv_head_count
    rows = queries.view(sequences, count, attention.head_count, width).transpose(1, 2)
    wide = (t.repeat_interleave(group, 1) if group > 1 else t for t in (keys, values))
    found = torch.nn.functional.scaled_dot_product_attention(rows, *wide, is_causal=True)
    return found.transpose(1, 2)

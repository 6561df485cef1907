"""The largest dense model that a rig holds in each format: a headline, never a verdict."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import propose
from rightrig.errors import InputError
from rightrig.facts.llm import Attention, Block, Checkpoint, Ffn, Llm
from rightrig.prediction.memory_fit import fit
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from rightrig.deployment.propose import Choices
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog

HEADLINE_FORMATS: Final = ("bf16", "fp8", "awq", "f16", "q8_0", "q4_k_m")
_HEAD_DIM: Final = 128
_LAYER_STEPS: Final = tuple(range(8, 257, 8))
_KV_HEADS: Final = 8
_VOCABULARY: Final = 128_256
_MOST_TOKENS: Final = 10_485_760


@functools.cache
def reference_llm(layer_count: int) -> Llm:
    """Return a dense model of usual shape with this many layers.

    As many heads of 128 as layers, eight key-value heads, a feed-forward width of 3.5 times
    the hidden size, Llama 3's vocabulary: 32 layers have 8.0 billion parameters, 72 have 80.
    """
    hidden = _HEAD_DIM * layer_count
    attention = Attention(
        kind="full",
        head_count=layer_count,
        kv_head_count=min(_KV_HEADS, layer_count),
        head_dim=_HEAD_DIM,
    )
    block = Block(attention=attention, ffn=Ffn(inner_size=hidden * 7 // 2), norm_params=2 * hidden)
    return Llm(
        slug=f"dense-{layer_count}",
        name=f"dense model of {layer_count} layers",
        family="reference",
        hidden_size=hidden,
        vocab_size=_VOCABULARY,
        max_context_tokens=_MOST_TOKENS,
        tied_embeddings=False,
        blocks=(block,),
        layout=((0, layer_count),),
        final_norm_params=hidden,
        checkpoint=Checkpoint(format="bf16"),
    )


def largest_dense_params(
    catalog: Catalog,
    rig: Rig,
    context_tokens: int,
    concurrency: int,
    choices: Choices,
) -> dict[str, float]:
    """Return, by format, the parameters of the largest dense model that fits by the middle.

    Reference models of 8, 16, 24 … layers are tried and the last step is interpolated by free
    bytes. Formats that nothing loads on the rig are left out; 0 where not even eight layers fit.
    """
    found = {}
    for name in (choices.weights,) if choices.weights else HEADLINE_FORMATS:
        try:
            found[name] = _largest_params_count(
                catalog, rig, context_tokens, concurrency, replace(choices, weights=name)
            )
        except InputError:
            continue
    return found


def _largest_params_count(
    catalog: Catalog, rig: Rig, context_tokens: int, concurrency: int, choices: Choices
) -> float:
    """Return the parameters at which the tightest card has nothing free."""
    below, below_free = 0.0, 0.0
    for layers in _LAYER_STEPS:
        llm = reference_llm(layers)
        result = fit(propose(catalog, llm, rig, choices), context_tokens, concurrency)
        free = min(card.free_bytes for card in result.cards)
        params = float(total_params_count(llm))
        if free < 0.0:
            return below + (params - below) * below_free / (below_free - free) if below else 0.0
        below, below_free = params, free
    return below

"""Blocks ``decode-attention`` and ``prefill-attention``: PyTorch's own, and which kernel it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.bench.checking import (
    TOLERATED_RATIO,
    attention_error_ratio,
    causal_error_ratio,
)
from rightrig.measuring.bench.kernels import kernel_of
from rightrig.measuring.bench.shapes import PLAIN
from rightrig.measuring.bench.timing import timed
from rightrig.measuring.bench.values import Figure
from rightrig.quantities import GIB
from rightrig.work.operators import attention_flop, cache_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.llm import Attention
    from rightrig.measuring.bench.bench import Bench
    from rightrig.measuring.bench.values import Gap, Label

_ELEMENT_BYTES: Final = 2.0
_TYPE: Final = "bfloat16"


@dataclass(frozen=True, slots=True)
class Heads:
    """Query heads, heads of keys and values, and their width, as a model has them."""

    model: str
    query_count: int
    kv_count: int
    width_count: int

    def labels(self, sequences: int, context: int) -> dict[str, Label]:
        """Return what tells a figure from others."""
        return {
            "type": _TYPE, "model": self.model, "heads": self.query_count,
            "kv_heads": self.kv_count, "head_dim": self.width_count, "batch": sequences,
            "context_tokens": context,
        }  # fmt: skip


def heads_of(bench: Bench) -> tuple[Heads, ...]:
    """Return the distinct heads of the plan's models."""
    found: dict[tuple[int, int, int], Heads] = {}
    for model, llm in bench.models():
        for one in llm.attentions:
            if _is_plain(one):
                key = (one.head_count, one.kv_head_count, one.head_dim)
                found.setdefault(key, Heads(model, *key))
    return tuple(found.values())


def _is_plain(attention: Attention) -> bool:
    """Whether keys and values are as wide as queries, one set a head."""
    return attention.kind in PLAIN and attention.value_dim == attention.head_dim


def decodes(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield attention of one new token a sequence over its cached context: bytes a second."""
    cases = [(heads, *case) for heads in heads_of(bench) for case in bench.plan.decodes]
    if not cases:
        yield bench.gap("decode attention", "no attention of these models has keys of every head")
    for heads, sequences, context in bench.shuffle.sample(cases, len(cases)):
        what = f"{heads.query_count}/{heads.kv_count} heads, {sequences} × {context} tokens"
        yield from bench.attempt(what, partial(_decode, bench, heads, sequences, context))


def _decode(bench: Bench, heads: Heads, sequences: int, context: int) -> Iterator[Figure | Gap]:
    """Yield one case.

    Query heads that share keys are the rows of one attention: each key is then read once, which is
    what kernels for grouped queries are made for.
    """
    device = bench.device
    elements = 2.0 * heads.kv_count * heads.width_count
    read = float(cache_bytes(sequences, context, elements, _ELEMENT_BYTES))
    labels = heads.labels(sequences, context)
    if not device.holds(read):
        yield bench.gap(f"{sequences} × {context} tokens", f"its cache takes {read / GIB:.1f} GiB")
        return
    sets = device.rotations_count(read)
    size = (sequences, heads.kv_count, context, heads.width_count)
    caches = [(_random(bench, *size), _random(bench, *size)) for _ in range(sets)]
    group = heads.query_count // heads.kv_count
    queries = _random(bench, sequences, heads.kv_count, group, heads.width_count)
    attend = bench.torch.nn.functional.scaled_dot_product_attention

    def call(place: int) -> Any:  # noqa: ANN401 - a tensor
        return attend(queries, *caches[place % sets])

    found = timed(device, call, bench.method(as_graph=True, sets_count=sets))
    flop = float(attention_flop(sequences, context, heads.query_count, 2.0 * heads.width_count))
    yield Figure(
        "decode-attention", "decode_attention", labels, "bytes", found.timing, flop=flop,
        moved_bytes=read, kernel=kernel_of(device, call), graphed=found.graphed,
        error_ratio=attention_error_ratio(queries, *caches[0], call(0)),
        tolerated_ratio=TOLERATED_RATIO[_TYPE], in_cache=read * sets <= device.cache_bytes,
    )  # fmt: skip


def prefills(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield causal attention of one whole prompt: flop a second, half the square counted."""
    cases = [(heads, tokens) for heads in heads_of(bench) for tokens in bench.plan.prompts_tokens]
    if not cases:
        yield bench.gap("prefill attention", "no attention of these models has keys of every head")
    for heads, tokens in bench.shuffle.sample(cases, len(cases)):
        what = f"{heads.query_count} heads, {tokens} tokens"
        yield from bench.attempt(what, partial(_prefill, bench, heads, tokens))


def _prefill(bench: Bench, heads: Heads, tokens: int) -> Iterator[Figure | Gap]:
    """Yield one prompt; keys are laid out for every query head before, as flop alone count."""
    size = (1, heads.query_count, tokens, heads.width_count)
    queries, keys, values = (_random(bench, *size) for _ in range(3))
    attend = bench.torch.nn.functional.scaled_dot_product_attention

    def call(_: int) -> Any:  # noqa: ANN401 - a tensor
        return attend(queries, keys, values, is_causal=True)

    found = timed(bench.device, call, bench.method(as_graph=True))
    pairs = tokens * (tokens + 1) / 2.0
    flop = float(attention_flop(1.0, pairs, heads.query_count, 2.0 * heads.width_count))
    yield Figure(
        "prefill-attention", "prefill_attention", heads.labels(1, tokens), "flop", found.timing,
        flop=flop, moved_bytes=4.0 * queries.numel() * _ELEMENT_BYTES,
        kernel=kernel_of(bench.device, call), graphed=found.graphed,
        error_ratio=causal_error_ratio(queries, keys, values, call(0)),
        tolerated_ratio=TOLERATED_RATIO[_TYPE],
    )  # fmt: skip


def _random(bench: Bench, *sizes: int) -> Any:  # noqa: ANN401 - a tensor
    """Return a tensor of N(0, 1), which scores of trained models resemble."""
    return bench.device.random(*sizes, dtype=_TYPE, spread_ratio=1.0)

"""Block ``stack``: a decode step and a prefill step of layers of a model, on random weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.bench.checking import error_ratio
from rightrig.measuring.bench.layers import (
    TYPE,
    Layer,
    cache_bytes,
    layer_bytes,
    layer_of,
    parts_of,
    run_layer,
)
from rightrig.measuring.bench.shapes import uncovered
from rightrig.measuring.bench.timing import timed
from rightrig.measuring.bench.values import Figure
from rightrig.quantities import GIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.llm import Block, Llm
    from rightrig.measuring.bench.bench import Bench
    from rightrig.measuring.bench.values import Gap

_CACHE_MEMORY_RATIO: Final = 0.3
"""Share of the memory for tests that stays free for keys and values."""
_TOLERATED_RATIO: Final = 0.03
"""Of one layer in 16 bits beside float64: its products are rounded one after the other."""


@dataclass(frozen=True, slots=True)
class Stack:
    """Layers of one model, the first so many.

    Attributes:
        layers: Each with its weights.
        head: The language-model head, where memory held it too.
    """

    model: str
    llm: Llm
    layers: tuple[Layer, ...]
    head: Any | None


def stacks(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield steps of each model that can be built, or why it cannot."""
    for model, llm in tuple(bench.llms.items())[: bench.plan.stacks_count]:
        missing = uncovered(llm)
        if missing:
            yield bench.gap(f"steps of {model}", f"the stack does not cover {missing} yet")
        else:
            yield from bench.attempt(f"steps of {model}", partial(_steps, bench, model, llm))


def _steps(bench: Bench, model: str, llm: Llm) -> Iterator[Figure | Gap]:
    """Yield all steps of one model."""
    stack = _built(bench, model, llm)
    if not stack.layers:
        yield bench.gap(f"steps of {model}", "memory is too small for one layer of it")
        return
    for sequences, context in bench.shuffle.sample(bench.plan.steps, len(bench.plan.steps)):
        for as_graph in (True, False) if bench.device.is_card else (False,):
            yield from bench.attempt(
                f"decode of {model}, {sequences} × {context} tokens",
                partial(_decode, bench, stack, sequences, context, as_graph=as_graph),
            )
    for tokens in bench.plan.step_prompts_tokens:
        yield from bench.attempt(
            f"prefill of {model}, {tokens} tokens", partial(_prefill, bench, stack, tokens)
        )


def _built(bench: Bench, model: str, llm: Llm) -> Stack:
    """Return the first layers of a model: those of the plan, and no more than memory holds."""
    left = bench.device.memory_bytes * (1.0 - _CACHE_MEMORY_RATIO)
    most = bench.plan.layers_count or llm.layer_count
    kinds: list[Block] = []
    for index in llm.layer_order[:most]:
        left -= layer_bytes(llm.blocks[index], llm.hidden_size)
        if left < 0.0:
            break
        kinds.append(llm.blocks[index])
    head_bytes = 2.0 * llm.vocab_size * llm.hidden_size
    has_head = len(kinds) == llm.layer_count and head_bytes <= left
    layers = tuple(layer_of(bench.device, block, llm.hidden_size) for block in kinds)
    head = bench.device.random(llm.vocab_size, llm.hidden_size) if has_head else None
    return Stack(model, llm, layers, head)


def _decode(
    bench: Bench, stack: Stack, sequences: int, context: int, *, as_graph: bool
) -> Iterator[Figure | Gap]:
    """Yield one decode step: a token a sequence through all layers."""
    device, needed = bench.device, cache_bytes(stack.layers, sequences, context)
    if not device.holds(needed / _CACHE_MEMORY_RATIO):
        what = f"decode of {stack.model}, {sequences} × {context} tokens"
        yield bench.gap(what, f"its cache takes {needed / GIB:.1f} GiB")
        return
    caches = [layer.cache(device, sequences, context) for layer in stack.layers]
    tokens = device.random(sequences, 1, stack.llm.hidden_size, spread_ratio=1.0)

    def call(_: int) -> Any:  # noqa: ANN401 - a tensor
        return _through(bench, stack, tokens, caches)

    method = bench.method(as_graph=as_graph, calls_count=1)
    with bench.torch.no_grad():
        found = timed(device, call, method)
        if as_graph and not found.graphed:
            yield bench.gap(f"decode of {stack.model} as a graph", "it could not be captured")
            return
        wrong = _layer_error_ratio(bench, stack.layers[0], tokens, caches[0])
    yield Figure(
        "stack", "decode_step",
        {"model": stack.model, "layers": len(stack.layers), "head": float(stack.head is not None),
         "batch": sequences, "context_tokens": context, "type": TYPE,
         "way": "graph" if found.graphed else "eager"},
        "s", found.timing, graphed=found.graphed, error_ratio=wrong,
        tolerated_ratio=_TOLERATED_RATIO,
    )  # fmt: skip


def _prefill(bench: Bench, stack: Stack, prompt_tokens: int) -> Iterator[Figure | Gap]:
    """Yield the step that reads one prompt."""
    tokens = bench.device.random(1, prompt_tokens, stack.llm.hidden_size, spread_ratio=1.0)
    caches: list[None] = [None] * len(stack.layers)

    def call(_: int) -> Any:  # noqa: ANN401 - a tensor
        return _through(bench, stack, tokens, caches)

    with bench.torch.no_grad():
        found = timed(bench.device, call, bench.method(calls_count=1))
        wrong = _layer_error_ratio(bench, stack.layers[0], tokens, None)
    yield Figure(
        "stack", "prefill_step",
        {"model": stack.model, "layers": len(stack.layers), "head": float(stack.head is not None),
         "prompt_tokens": prompt_tokens, "type": TYPE},
        "s", found.timing, error_ratio=wrong, tolerated_ratio=_TOLERATED_RATIO,
    )  # fmt: skip


def _through(bench: Bench, stack: Stack, tokens: Any, caches: Any) -> Any:  # noqa: ANN401
    """Return what all layers make of some tokens; of a head, the last token's logits."""
    for layer, cache in zip(stack.layers, caches, strict=True):
        tokens = run_layer(bench.torch, layer, tokens, cache)
    if stack.head is None:
        return tokens
    return bench.torch.nn.functional.linear(tokens[:, -1], stack.head)


def _layer_error_ratio(bench: Bench, layer: Layer, tokens: Any, cache: Any) -> float:  # noqa: ANN401
    """Return the largest error of a part of one layer on one sequence, beside float64."""
    part = tokens[:1]
    own = None if cache is None else tuple(tensor[:1] for tensor in cache)
    found = parts_of(bench.torch, layer, part, own)
    doubled = None if own is None else tuple(tensor.double() for tensor in own)
    exact = parts_of(bench.torch, layer.doubled(), part.double(), doubled)
    return max(error_ratio(*pair) for pair in zip(found, exact, strict=True))

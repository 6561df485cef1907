"""What would make a deployment fit: changes from free to costly, each tried."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import broken
from rightrig.deployment.parallelism import splits_of
from rightrig.facts.quantization import GGUF_MIXES
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.deployment import Deployment

_SMALL_SEQS: Final = 64
_SMALL_BATCH: Final = 2048
_LEAST_CONTEXT: Final = 512
_MOST_CARDS: Final = 16
_VLLM_FORMATS: Final = ("fp8", "awq")


@dataclass(frozen=True, slots=True)
class Lever:
    """One change and what it gives.

    Attributes:
        change: What to do, in words.
        costs: What it takes away: ``nothing``, ``traffic``, ``quality``, ``money``.
        fit: The fit after the change.
    """

    change: str
    costs: str
    fit: Fit


def levers(result: Fit, limit: int = 3) -> tuple[Lever, ...]:
    """Return the cheapest changes that make a fit out of ``no``, cheapest first.

    Order: engine limits (free), KV format, weight format, shorter or fewer sequences, cards.
    """
    found: list[Lever] = []
    for lever in _candidates(result):
        if lever.fit.verdict in {"fits", "tight"}:
            found.append(lever)
        if len(found) == limit:
            break
    return tuple(found)


def _candidates(result: Fit) -> Iterator[Lever]:
    """Yield every change worth trying, from free to costly."""
    yield from _limits(result)
    yield from _formats(result)
    yield from _traffic(result)
    yield from _cards(result)


def _again(result: Fit, deployment: Deployment) -> Fit | None:
    """Return the fit of a changed deployment for the same traffic, unless a rule forbids it."""
    if broken(deployment):
        return None
    return fit(deployment, result.context_tokens, result.concurrency)


def _limits(result: Fit) -> Iterator[Lever]:
    """Yield smaller engine limits, where the engine sizes buffers by them."""
    deployment = result.deployment
    limits = deployment.limits
    seqs = max(_SMALL_SEQS, result.concurrency)
    if "layer" in deployment.runtime.splits or limits.max_seqs <= seqs:
        return
    smaller = replace(
        limits, max_seqs=seqs, max_batched_tokens=min(_SMALL_BATCH, limits.max_batched_tokens)
    )
    again = _again(result, replace(deployment, limits=smaller))
    if again is not None:
        change = f"--max-seqs {seqs} --max-batched-tokens {smaller.max_batched_tokens}"
        yield Lever(change, "nothing", again)


def _formats(result: Fit) -> Iterator[Lever]:
    """Yield smaller formats of the KV cache, then of the weights."""
    deployment = result.deployment
    reads_gguf = "layer" in deployment.runtime.splits
    for kv in ("q8_0",) if reads_gguf else ("fp8",):
        if deployment.precision.kv not in {kv, "q4_0"}:
            again = _again(result, deployment.with_precision(kv=kv))
            if again is not None:
                yield Lever(f"--kv {kv}", "quality", again)
    own_bits = _bits(deployment, deployment.precision.weights)
    names = reversed(GGUF_MIXES) if reads_gguf else _VLLM_FORMATS
    for name in names:
        if _bits(deployment, name) < own_bits:
            again = _again(result, deployment.with_precision(weights=name))
            if again is not None:
                yield Lever(f"--weights {name}", "quality", again)


def _bits(deployment: Deployment, name: str) -> float:
    """Return bits per weight of most of the model in a format."""
    bits = class_bits(deployment.llm, name)
    return bits["expert"] if deployment.llm.has_experts else bits["ffn"]


def _traffic(result: Fit) -> Iterator[Lever]:
    """Yield fewer sequences, then shorter ones."""
    if 1 <= result.max_concurrency < result.concurrency:
        again = fit(result.deployment, result.context_tokens, result.max_concurrency)
        yield Lever(f"--concurrency {result.max_concurrency}", "traffic", again)
    if _LEAST_CONTEXT <= result.max_context_tokens < result.context_tokens:
        again = fit(result.deployment, result.max_context_tokens, result.concurrency)
        yield Lever(f"--context {result.max_context_tokens}", "traffic", again)


def _cards(result: Fit) -> Iterator[Lever]:
    """Yield more cards of the same kind, split in the way that fits soonest."""
    deployment = result.deployment
    rig = deployment.rig
    if not rig.is_uniform or rig.nodes_count > 1:
        return
    count = rig.cards_count
    while count < _MOST_CARDS:
        count += 1
        group = replace(rig.groups[0], count=count)
        wider = replace(rig, groups=(group,))
        if "layer" in deployment.runtime.splits:
            splits = [replace(deployment.parallelism, pp=count)]
        else:
            splits = [s for s in splits_of(deployment.llm, count) if s.tp > 1 or count == 1][:2]
        for split in splits:
            again = _again(result, replace(deployment, rig=wider, parallelism=split))
            if again is not None and again.verdict != "no":
                yield Lever(f"--on {wider.text} ({split.text})", "money", again)
                return

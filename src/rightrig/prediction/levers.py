"""What would make a deployment fit: changes from free to costly, each tried."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import broken
from rightrig.deployment.deployment import Placement
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.parallelism import splits_of
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.quantities import show_gib
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.deployment.rig import Rig
    from rightrig.prediction.memory_fit import Verdict

_SMALL_SEQS: Final = 64
_SMALL_BATCH: Final = 2048
_LARGE_RATIO: Final = 0.95
_LEAST_CONTEXT: Final = 512
_NODE_CARDS: Final = 8
_MOST_NODES: Final = 4
_VLLM_FORMATS: Final = ("fp8", "awq")
_GGUF_LADDER: Final = (
    "q8_0", "q6_k", "q5_k_m", "q4_k_m", "iq4_xs", "iq3_m", "iq3_xxs", "iq2_m", "iq2_xs",
    "iq2_xxs",
)  # fmt: skip
_MOST_ALIKE: Final = 2
"""Changes of one cost that are named: the mildest that help."""


@dataclass(frozen=True, slots=True)
class Lever:
    """One change and what it gives.

    Attributes:
        change: What to do, in words.
        costs: What it takes away: ``nothing``, ``speed``, ``traffic``, ``quality``, ``money``.
        fit: The fit after the change.
    """

    change: str
    costs: str
    fit: Fit


def levers(
    result: Fit, others: Mapping[str, Deployment] | None = None, limit: int = 4
) -> tuple[Lever, ...]:
    """Return the cheapest changes that make a fit out of ``no``, cheapest first.

    Order: engine limits, another split of the same cards (free), another runtime, experts in host
    memory, KV format, weight format, fewer or shorter sequences, more cards.

    Args:
        result: The fit that failed.
        others: Deployments of the same model and rig to try, by the option that asks for them.
        limit: How many to return.
    """
    found: list[Lever] = []
    for lever in _candidates(result, others or {}):
        alike = sum(known.costs == lever.costs for known in found)
        if lever.fit.verdict in _helps(lever) and alike < _MOST_ALIKE:
            found.append(lever)
        if len(found) == limit:
            break
    return tuple(found)


def _helps(lever: Lever) -> tuple[Verdict, ...]:
    """Return the verdicts with which a change helps: in host memory only where it says so."""
    on_host = lever.fit.deployment.placement.host_expert_layers
    return ("fits", "tight", "offload") if on_host else ("fits", "tight")


def _candidates(result: Fit, others: Mapping[str, Deployment]) -> Iterator[Lever]:
    """Yield every change worth trying, from free to costly."""
    yield from _limits(result)
    yield from _resplit(result)
    for change, other in others.items():
        again = _again(result, other)
        if again is not None:
            yield Lever(change, "nothing" if _keeps_quality(result, other) else "quality", again)
    yield from _experts_on_host(result)
    yield from _formats(result)
    yield from _traffic(result)
    yield from _cards(result)


def _keeps_quality(result: Fit, other: Deployment) -> bool:
    """Whether another deployment stores the weights in no fewer bits."""
    own = result.deployment
    return _bits(other, other.precision.weights) >= _bits(own, own.precision.weights)


def _again(result: Fit, deployment: Deployment) -> Fit | None:
    """Return the fit of a changed deployment for the same traffic, unless a rule forbids it."""
    if broken(deployment):
        return None
    return fit(deployment, result.context_tokens, result.concurrency)


def _limits(result: Fit) -> Iterator[Lever]:
    """Yield a larger share of the card, then smaller limits, by which engines size buffers."""
    deployment = result.deployment
    limits = deployment.limits
    if deployment.runtime.slug in LAYERED:
        return
    if limits.memory_ratio < _LARGE_RATIO:
        fuller = replace(limits, memory_ratio=_LARGE_RATIO)
        again = _again(result, replace(deployment, limits=fuller))
        if again is not None:
            yield Lever(f"--gpu-memory-utilization {_LARGE_RATIO}", "nothing", again)
    seqs = max(_SMALL_SEQS, result.concurrency)
    if limits.max_seqs <= seqs:
        return
    smaller = replace(
        limits, max_seqs=seqs, max_batched_tokens=min(_SMALL_BATCH, limits.max_batched_tokens)
    )
    again = _again(result, replace(deployment, limits=smaller))
    if again is not None:
        change = f"--max-seqs {seqs} --max-batched-tokens {smaller.max_batched_tokens}"
        yield Lever(change, "nothing", again)


def _resplit(result: Fit) -> Iterator[Lever]:
    """Yield other splits of the same cards: more ranks for weights, more stages for buffers."""
    deployment = result.deployment
    own = deployment.parallelism
    if deployment.runtime.slug in LAYERED or own.attention_dp > 1:
        return
    for split in splits_of(deployment.llm, own.engine_cards):
        if (split.tp, split.pp) == (own.tp, own.pp) or split.tp > deployment.rig.cards_per_node:
            continue
        changed = replace(own, tp=split.tp, pp=split.pp, context_parallel=1)
        again = _again(result, replace(deployment, parallelism=changed))
        if again is not None:
            yield Lever(f"--tp {split.tp} --pp {split.pp}", "nothing", again)


def _experts_on_host(result: Fit) -> Iterator[Lever]:
    """Yield the fewest layers whose experts must lie in host memory, found by halving.

    Not where layers are placed by the user, nor where the rig names its host memory: there, whole
    layers were tried.
    """
    deployment = result.deployment
    is_free = deployment.placement == Placement() and deployment.rig.host_memory_bytes is None
    if deployment.runtime.slug not in LAYERED or not deployment.llm.has_experts or not is_free:
        return

    def hosted(count: int) -> Fit:
        placed = replace(deployment, placement=Placement(host_expert_layers=count))
        return fit(placed, result.context_tokens, result.concurrency)

    counts = range(1, deployment.llm.layer_count + 1)
    place = bisect_left(counts, 1, key=lambda count: int(hosted(count).verdict != "no"))
    if place < len(counts):
        found = hosted(counts[place])
        need = show_gib(found.host_bytes)
        yield Lever(f"--cpu-moe {counts[place]} ({need} of host memory)", "speed", found)


def _formats(result: Fit) -> Iterator[Lever]:
    """Yield smaller formats of the KV cache, then of the weights."""
    deployment = result.deployment
    reads_gguf = deployment.runtime.slug in LAYERED
    for kv in ("q8_0",) if reads_gguf else ("fp8",):
        if deployment.precision.kv not in {kv, "q4_0"}:
            again = _again(result, deployment.with_precision(kv=kv))
            if again is not None:
                yield Lever(f"--kv {kv}", "quality", again)
    own_bits = _bits(deployment, deployment.precision.weights)
    names = _GGUF_LADDER if reads_gguf else _VLLM_FORMATS
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
    """Yield the fewest cards of the same kind that fit: within a node of eight, then nodes."""
    deployment = result.deployment
    rig = deployment.rig
    if not rig.is_uniform or rig.nodes_count > 1:
        return
    group = rig.groups[0]
    wider = [
        replace(rig, groups=(replace(group, count=count),))
        for count in range(rig.cards_count + 1, _NODE_CARDS + 1)
    ]
    whole = replace(group, count=max(_NODE_CARDS, rig.cards_count))
    wider += [replace(rig, groups=(whole,), nodes_count=nodes) for nodes in (2, _MOST_NODES)]
    for larger in wider:
        for split in _splits(deployment, larger):
            again = _again(result, replace(deployment, rig=larger, parallelism=split))
            if again is not None and again.verdict in {"fits", "tight"}:
                yield Lever(f"--on {larger.text} ({split.text})", "money", again)
                return


def _splits(deployment: Deployment, rig: Rig) -> tuple[Parallelism, ...]:
    """Return the splits to try on more cards: the two most tensor-parallel inside a node."""
    if deployment.runtime.slug in LAYERED:
        return (replace(deployment.parallelism, pp=rig.cards_count),)
    inside = [s for s in splits_of(deployment.llm, rig.cards_count) if s.tp <= rig.cards_per_node]
    return tuple(inside[:2])

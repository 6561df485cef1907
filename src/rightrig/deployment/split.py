"""From --tp, --pp, --dp, --ep, --cp and --replicas to a parallelism."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.parallelism import Parallelism, check_split
from rightrig.errors import InputError
from rightrig.quantities import check_count

if TYPE_CHECKING:
    from rightrig.deployment.propose import Choices
    from rightrig.deployment.rig import Rig
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime

_ALL_OR_NONE: Final = ("vllm",)
"""Runtimes with a switch for expert parallelism, and no number of ranks for it."""


def chosen_split(llm: Llm, rig: Rig, runtime: Runtime, wanted: Choices) -> Parallelism:
    """Return the split: cards by layers for llama.cpp, else tensor and pipeline ranks.

    Raises:
        InputError: when the cards, the model or the runtime do not allow it.
    """
    _check_counts(rig, wanted)
    cards = rig.cards_count
    is_free = wanted.replicas is wanted.tp is wanted.pp is wanted.attention_dp is None
    # No link joins MIG instances: each serves alone.
    replicas = cards if is_free and any(group.mig for group in rig.groups) else 1
    replicas = wanted.replicas or replicas
    if cards % replicas:
        raise InputError(
            f"--replicas {replicas} does not divide the {cards} card{'s' * (cards > 1)} of "
            f"{rig.text}; every engine takes as many cards, so use a divisor of {cards}"
        )
    cards //= replicas
    if "tensor" not in runtime.splits:
        return _by_layers(cards, replicas, runtime, wanted)
    groups = _attention_groups(llm, cards, runtime, wanted)
    split = check_split(llm, cards // groups, wanted.tp, wanted.pp, rig.cards_per_node)
    split = replace(split, replicas=split.replicas * replicas, attention_dp=groups)
    return replace(
        split,
        context_parallel=_context_ranks(llm, split.tp, runtime, wanted),
        ep=_expert_ranks(llm, split, runtime, wanted),
    )


def _check_counts(rig: Rig, wanted: Choices) -> None:
    """Refuse counts that are none."""
    named = (
        ("--tp", wanted.tp), ("--pp", wanted.pp), ("--replicas", wanted.replicas),
        ("--dp", wanted.attention_dp), ("--ep", wanted.expert_parallel),
        ("--cp", wanted.context_parallel),
    )  # fmt: skip
    for name, value in named:
        if value is not None:
            check_count(value, name=name, limit=max(rig.cards_count, 1024))


def _by_layers(cards: int, replicas: int, runtime: Runtime, wanted: Choices) -> Parallelism:
    """Return the split of an engine that puts whole layers on cards."""
    for name, value in (
        ("--tp", wanted.tp), ("--dp", wanted.attention_dp), ("--ep", wanted.expert_parallel),
        ("--cp", wanted.context_parallel),
    ):  # fmt: skip
        if (value or 1) > 1:
            raise InputError(
                f"{runtime.name} splits by layers, not by tensors; leave {name} out or use "
                "--runtime vllm"
            )
    stages = wanted.pp or cards
    if cards % stages:
        raise InputError(
            f"--pp {stages} does not divide the {cards} cards over which {runtime.name} splits "
            "the layers; leave it out, or name as many cards in --on"
        )
    return Parallelism(1, stages, replicas * (cards // stages))


def _attention_groups(llm: Llm, cards: int, runtime: Runtime, wanted: Choices) -> int:
    """Return the groups that attend apart, when model, runtime and cards allow them."""
    groups = wanted.attention_dp or 1
    if groups == 1:
        return 1
    if "attention-dp" not in runtime.splits:
        raise InputError(f"--dp {groups}: {runtime.name} has no attention data parallelism")
    if not llm.has_experts:
        raise InputError(
            f"--dp {groups} shares experts over ranks and {llm.name} has none; use "
            f"--replicas {groups} for independent engines"
        )
    if cards % groups:
        raise InputError(
            f"--dp {groups} does not divide the {cards} card{'s' * (cards > 1)} of one engine; "
            f"use a divisor of {cards}"
        )
    uneven = next((f.expert_count for f in llm.ffns if f.expert_count % groups), None)
    if uneven is not None:
        raise InputError(f"--dp {groups} does not divide the {uneven} experts of {llm.name}")
    return groups


def _expert_ranks(llm: Llm, split: Parallelism, runtime: Runtime, wanted: Choices) -> int:
    """Return the ranks over which whole experts are dealt; 0 for the usual number."""
    ranks, most = wanted.expert_parallel, split.expert_ranks
    if ranks is None:
        return 0
    if "expert" not in runtime.splits:
        raise InputError(f"--ep {ranks}: {runtime.name} has no expert parallelism; leave it out")
    if not llm.has_experts:
        raise InputError(f"--ep {ranks} deals out experts and {llm.name} has none; leave it out")
    if most % ranks or (runtime.slug in _ALL_OR_NONE and ranks not in {1, most}):
        choices = "1 or" if runtime.slug in _ALL_OR_NONE else "a divisor of"
        raise InputError(
            f"--ep {ranks}: {runtime.name} deals experts over the {most} ranks of one engine "
            f"(tp × dp); use {choices} {most}"
        )
    uneven = next((f.expert_count for f in llm.ffns if f.expert_count % ranks), None)
    if uneven is not None:
        raise InputError(f"--ep {ranks} does not divide the {uneven} experts of {llm.name}")
    return ranks


def _context_ranks(llm: Llm, tp: int, runtime: Runtime, wanted: Choices) -> int:
    """Return the ranks over which one sequence's cache is spread (vLLM's decode context).

    They are among the tensor-parallel ranks that hold the same keys and values.
    """
    ranks = wanted.context_parallel or 1
    if ranks == 1:
        return 1
    if "context" not in runtime.splits:
        raise InputError(f"--cp {ranks}: {runtime.name} has no decode context parallelism")
    if llm.has_recurrent or any(a.window_tokens for a in llm.attentions):
        raise InputError(
            f"--cp {ranks} spreads caches that keep every token; some layers of {llm.name} do not"
        )
    heads = 1 if llm.has_mla else min((a.kv_head_count for a in llm.attentions), default=1)
    copies = max(1, tp // heads)
    if tp % ranks or ranks > copies:
        raise InputError(
            f"--cp {ranks} must divide the number of tensor-parallel ranks that hold the same "
            f"cache, {copies} (tp={tp}, {heads} key-value head{'s' if heads > 1 else ''}); "
            f"{f'use a divisor of {copies}, or ' if copies > 1 else ''}raise --tp"
        )
    return ranks

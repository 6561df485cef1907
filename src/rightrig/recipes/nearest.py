"""What comes nearest to a deployment that an engine, a card or a model does not allow."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.parallelism import valid_tps
from rightrig.deployment.propose import MODELLED, Choices, propose
from rightrig.errors import InputError
from rightrig.facts.quantization import USUAL_MIXES
from rightrig.recipes.making import unpredicted
from rightrig.recipes.writing import engine_reason
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.recipes.making import Use

_ENGINES: Final = (*MODELLED, "lmdeploy", "ollama")
_SYSTEMS: Final = ("linux",)
_MOST_TRIED: Final = 200
_OPTIONS: Final = {
    "memory_ratio": "--gpu-memory-utilization", "attention_dp": "--dp", "context_parallel": "--cp",
    "expert_parallel": "--ep", "operating_system": "--os",
    "flash_attention": "--no-flash-attention",
}  # fmt: skip
"""Choices whose option is called otherwise."""
_LEFT_OUT: Final = (
    ("attention_dp", "expert_parallel", "context_parallel"), ("tp", "pp", "replicas"),
    ("gpu_layers", "tensor_split", "cpu_moe", "flash_attention"), ("memory_ratio",),
    ("max_seqs", "max_batched_tokens"), ("draft",), ("loras", "lora_rank"),
)  # fmt: skip
"""Options that go together, where they are left out."""
_ALL_LEFT_OUT: Final = tuple(name for names in _LEFT_OUT for name in names)
_LOSS_RATIO: Final = 3.0
"""Bits too many that are as far from what was asked as one bit missing."""


def system_reason(deployment: Deployment) -> str | None:
    """Return why an engine cannot be started as it is under the named system, or ``None``.

    What its record says of the system is no build of its own: a detour, or a fork.
    """
    system = deployment.operating_system
    said = "" if system is None else deployment.runtime.operating_systems.get(system, "")
    if not said or system is None:
        return None
    name, other = deployment.runtime.name, SYSTEM_NAMES[system]
    return f"{name} has no build of its own for {other}: {said}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for.

    Attributes:
        use_of: Says how a deployment would be used. What must fit for a change to count, and what
            its engine must not refuse.
    """

    catalog: Catalog
    llm: Llm
    rig: Rig
    choices: Choices
    use_of: Callable[[Deployment], Use]


def nearest(wanted: Wanted) -> str:
    """Return the least change that works, as options; empty where none of those tried does.

    First one thing alone: the split, the cache's format, an option left out, the weights' format
    (the closest in bits), the engine; then engine and weights together. What fits wins over what
    only starts.
    """
    works = ""
    for changed, _ in zip(_changes(wanted), range(_MOST_TRIED), strict=False):
        verdict = _verdict(wanted, changed)
        if verdict is None or changed == wanted.choices:
            continue
        text = options_text(wanted.choices, changed)
        if verdict != "no":
            return text
        works = works or f"{text} (which does not fit yet)"
    return works


def options_text(own: Choices, changed: Choices) -> str:
    """Return the options by which choices differ from one's own, as a command line takes them."""
    said, left = [], []
    for one in fields(Choices):
        before, after = getattr(own, one.name), getattr(changed, one.name)
        name = _OPTIONS.get(one.name, "--" + one.name.replace("_", "-"))
        if before == after:
            continue
        if one.name == "flash_attention" or after is None:
            left.append(name)
        # One rank and one stage are usual.
        elif one.name not in {"tp", "pp"} or before is not None or after > 1:
            said.append(f"{name} {after}")
    return " ".join([*said, *([f"without {' and '.join(left)}"] if left else [])])


def _verdict(wanted: Wanted, choices: Choices) -> str | None:
    """Return whether it fits; ``None`` where its rules do not hold or its engine refuses it."""
    try:
        found = propose(wanted.catalog, wanted.llm, wanted.rig, choices)
        if system_reason(found) is not None:
            return None
        serving = unpredicted(found, wanted.use_of(found))
        return None if engine_reason(serving) else serving.fit.verdict
    except InputError:
        return None


def _changes(wanted: Wanted) -> Iterator[Choices]:
    """Yield changes, the least first."""
    own = wanted.choices
    yield from _splits(wanted)
    if own.kv is not None:
        yield replace(own, kv=None)
    for names in _LEFT_OUT:
        yield _without(own, names)
    yield replace(_without(own, _ALL_LEFT_OUT), kv=None)
    if own.operating_system is not None:
        for system in _SYSTEMS:
            yield replace(own, operating_system=system)
    engine = (own.runtime or "vllm").partition("@")[0]
    if own.weights is not None:
        yield from _formats(wanted, (engine,))
    for name in _ENGINES:
        yield replace(own, runtime=name)
        yield replace(own, runtime=name, kv=None)
        yield replace(own, runtime=name, kv=None, replicas=wanted.rig.nodes_count, pp=None)
    yield from _formats(wanted, _ENGINES)
    # Options of one family of engines mean nothing to the other.
    for name in _ENGINES:
        yield replace(_without(own, _ALL_LEFT_OUT), runtime=name, kv=None)


def _without(own: Choices, names: tuple[str, ...]) -> Choices:
    """Return choices with the usual value for these."""
    usual = Choices()
    return replace(own, **{name: getattr(usual, name) for name in names})


def _splits(wanted: Wanted) -> Iterator[Choices]:
    """Yield splits close to the asked one that use all cards of an engine, then one a machine."""
    own, nodes = wanted.choices, wanted.rig.nodes_count
    cards = wanted.rig.cards_count // (own.replicas or 1)
    if own.tp is not None or own.pp is not None or nodes > 1:
        asked = own.tp or wanted.rig.cards_per_node
        for tp in sorted(valid_tps(wanted.llm, cards), key=lambda n: (abs(n - asked), -n)):
            if cards % tp == 0 and cards // tp <= wanted.llm.layer_count:
                yield replace(own, tp=tp, pp=cards // tp)
    if nodes > 1:
        yield replace(own, replicas=nodes, pp=None)


def _formats(wanted: Wanted, engines: tuple[str, ...]) -> Iterator[Choices]:
    """Yield formats of these engines, the closest in bits to the asked one first."""
    own = wanted.choices
    asked = _bits(wanted.llm, own.weights or wanted.llm.checkpoint.format)
    found = []
    for place, name in enumerate(engines):
        for weights in wanted.catalog.runtime(name).weight_formats:
            if name in LAYERED and weights not in USUAL_MIXES:
                continue
            more = _bits(wanted.llm, weights) - asked
            # Bits that are missing cost quality, those too many only memory.
            found.append((more if more >= 0.0 else -_LOSS_RATIO * more, place, weights, name))
    for _, _, weights, name in sorted(found):
        choices = replace(own, runtime=name, weights=weights)
        yield choices
        if own.kv is not None:
            yield replace(choices, kv=None)


def _bits(llm: Llm, weights: str) -> float:
    """Return the bits of most weights in a format; those of 16 where it is not known."""
    try:
        bits = class_bits(llm, weights)
    except InputError:
        return 16.0
    return bits["expert"] if llm.has_experts else bits["ffn"]

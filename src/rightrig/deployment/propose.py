"""From what a user says to a deployment: what is not said takes the usual value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import broken, default_weights
from rightrig.deployment.deployment import Deployment, Precision, default_limits
from rightrig.deployment.parallelism import Parallelism, check_split
from rightrig.errors import InputError
from rightrig.facts.quantization import GGUF_MIXES, is_gguf_mix, weight_format
from rightrig.quantities import check_count

if TYPE_CHECKING:
    from rightrig.deployment.deployment import EngineLimits
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime

MODELLED: Final = ("vllm", "llama.cpp")
"""Runtimes whose memory and speed are computed, in order of preference."""
_MOST_SEQS: Final = 65_536
_MOST_BATCHED: Final = 1_048_576
_LEAST_MEMORY_RATIO: Final = 0.1


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user may fix; ``None`` leaves it to the usual value."""

    runtime: str | None = None
    weights: str | None = None
    kv: str | None = None
    tp: int | None = None
    pp: int | None = None
    replicas: int | None = None
    max_seqs: int | None = None
    max_batched_tokens: int | None = None
    memory_ratio: float | None = None


def propose(catalog: Catalog, llm: Llm, rig: Rig, choices: Choices | None = None) -> Deployment:
    """Return the deployment of a model on a rig.

    Args:
        catalog: Where the runtime is looked up.
        llm: The model.
        rig: The cards.
        choices: What is fixed.

    Raises:
        InputError: when the choices contradict each other, the model, or the cards.
    """
    wanted = choices or Choices()
    runtime = _runtime(catalog, llm, rig, wanted)
    own = llm.checkpoint.format
    if wanted.weights is None:
        weights = default_weights(runtime, own, rig.gpu)
    else:
        weights = wanted.weights.lower()
        _check_format(weights)
    deployment = Deployment(
        llm=llm,
        rig=rig,
        parallelism=_split(llm, rig, runtime, wanted),
        precision=Precision(
            weights, _usual_kv(runtime) if wanted.kv is None else wanted.kv.lower()
        ),
        runtime=runtime,
        limits=_limits(runtime, default_limits(runtime, rig.gpu), wanted),
    )
    bad = broken(deployment)
    if bad:
        raise InputError(f"{bad[0].reason} [{bad[0].rule_id}]")
    return deployment


def _usual_kv(runtime: Runtime) -> str:
    """Return the 16-bit format of a runtime's cache."""
    return "bf16" if "bf16" in runtime.kv_formats and runtime.slug == "vllm" else "fp16"


def _check_format(name: str) -> None:
    """Refuse a format that nobody knows, with the formats that exist."""
    if name != "checkpoint" and not is_gguf_mix(name):
        weight_format(name)


def _runtime(catalog: Catalog, llm: Llm, rig: Rig, wanted: Choices) -> Runtime:
    """Return the runtime asked for, or the first that runs on the rig."""
    if wanted.runtime is not None:
        runtime = catalog.runtime(wanted.runtime)
        if not runtime.modelled:
            raise InputError(
                f"--runtime {runtime.slug} is in the catalogue, but its memory and speed are not "
                f"modelled yet; modelled are {' and '.join(MODELLED)}"
            )
        return runtime
    if _is_gguf(llm, wanted):
        return catalog.runtime("llama.cpp")
    vllm = catalog.runtime("vllm")
    runs = all(group.gpu.vendor in vllm.vendors for group in rig.groups) and rig.is_uniform
    old = any(_below(group.gpu.compute_capability, vllm) for group in rig.groups)
    return vllm if runs and not old else catalog.runtime("llama.cpp")


def _is_gguf(llm: Llm, wanted: Choices) -> bool:
    """Whether the weights are a GGUF file: asked for, or what the model was read from."""
    if wanted.weights is None or wanted.weights.lower() == "checkpoint":
        return llm.config_kind == "gguf_header"
    return wanted.weights.lower() in GGUF_MIXES


def _below(own: str | None, runtime: Runtime) -> bool:
    """Whether a compute capability is below a runtime's floor."""
    floor = runtime.min_compute_capability
    return own is not None and floor is not None and float(own) < float(floor)


def _split(llm: Llm, rig: Rig, runtime: Runtime, wanted: Choices) -> Parallelism:
    """Return the split: cards by layers for llama.cpp, else tensor and pipeline ranks."""
    for name, value in (("--tp", wanted.tp), ("--pp", wanted.pp), ("--replicas", wanted.replicas)):
        if value is not None:
            check_count(value, name=name, limit=max(rig.cards_count, 1024))
    cards, replicas = rig.cards_count, wanted.replicas or 1
    if cards % replicas:
        raise InputError(f"--replicas {replicas} does not divide the {cards} cards of {rig.text}")
    cards //= replicas
    if "tensor" not in runtime.splits:
        if (wanted.tp or 1) > 1:
            raise InputError(
                f"{runtime.name} splits by layers, not by tensors; leave --tp out or use "
                "--runtime vllm"
            )
        stages = wanted.pp or cards
        if cards % stages:
            raise InputError(
                f"--pp {stages} does not divide the {cards} cards over which {runtime.name} splits "
                "the layers; leave it out, or name as many cards in --on"
            )
        return Parallelism(1, stages, replicas * (cards // stages))
    split = check_split(llm, cards, wanted.tp, wanted.pp, rig.cards_per_node)
    return replace(split, replicas=split.replicas * replicas)


def _limits(runtime: Runtime, usual: EngineLimits, wanted: Choices) -> EngineLimits:
    """Return the engine's limits with those that the user set."""
    ratio = wanted.memory_ratio
    if ratio is not None and runtime.memory_rule == "exact":
        raise InputError(
            f"{runtime.name} has no --gpu-memory-utilization: it takes what it needs; leave it out"
        )
    if ratio is not None and not _LEAST_MEMORY_RATIO <= ratio <= 1.0:
        raise InputError(
            f"--gpu-memory-utilization is {ratio:g}: it lies between {_LEAST_MEMORY_RATIO} and 1.0"
        )
    if wanted.max_seqs is not None:
        check_count(wanted.max_seqs, name="--max-seqs", limit=_MOST_SEQS)
    if wanted.max_batched_tokens is not None:
        check_count(wanted.max_batched_tokens, name="--max-batched-tokens", limit=_MOST_BATCHED)
    return replace(
        usual,
        max_seqs=wanted.max_seqs or usual.max_seqs,
        max_batched_tokens=wanted.max_batched_tokens or usual.max_batched_tokens,
        memory_ratio=ratio or usual.memory_ratio,
    )

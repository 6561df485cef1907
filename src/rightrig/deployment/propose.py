"""From what a user says to a deployment: what is not said takes the usual value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, get_args

from rightrig.deployment.compatibility import broken, default_weights
from rightrig.deployment.compatibility_cache import usual_kv
from rightrig.deployment.compatibility_formats import is_between
from rightrig.deployment.compatibility_model import family_reason
from rightrig.deployment.deployment import Companions, Deployment, Placement, Precision
from rightrig.deployment.limits import LAYERED, default_limits, version_of
from rightrig.deployment.split import chosen_split
from rightrig.errors import InputError
from rightrig.facts.gpu import PROCESSOR
from rightrig.facts.quantization import GGUF_MIXES, is_gguf_mix, weight_format
from rightrig.facts.runtime import OperatingSystem
from rightrig.quantities import check_count

if TYPE_CHECKING:
    from rightrig.deployment.deployment import EngineLimits
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime

USUAL: Final = ("vllm", "llama.cpp")
"""Runtimes that are tried where none is named, in order of preference."""
MODELLED: Final = (*USUAL, "sglang", "tensorrt-llm")
"""Runtimes whose memory and speed are computed."""
MEMORY_MODELLED: Final = (*MODELLED, "lmdeploy", "ollama", "transformers")
"""Runtimes whose memory is computed."""
_VERSIONED: Final = ("vllm",)
_VOCABULARY_SLACK_RATIO: Final = 0.01
_MOST_LORAS: Final = 1024
_MOST_LORA_RANK: Final = 1024
AHEAD: Final = "mtp"
"""The word for ``--draft`` that loads the model's own layers ahead."""
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
    attention_dp: int | None = None
    context_parallel: int | None = None
    draft: str | None = None
    lora_rank: int | None = None
    loras: int | None = None
    gpu_layers: int | None = None
    tensor_split: str | None = None
    cpu_moe: int | None = None
    flash_attention: bool = True
    operating_system: str | None = None
    expert_parallel: int | None = None


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
    runtime, version = _runtime(catalog, llm, rig, wanted)
    own = llm.checkpoint.format
    if wanted.weights is None:
        own_file = _is_gguf(llm, wanted)
        weights = "checkpoint" if own_file else default_weights(runtime, own, rig.gpu)
    else:
        weights = wanted.weights.lower()
        _check_format(weights)
    system = _system(rig, wanted)
    split = chosen_split(llm, rig, runtime, wanted)
    smallest = min((group.gpu for group in rig.groups), key=lambda gpu: gpu.memory_bytes.mid)
    usual = default_limits(runtime, smallest, split, version)
    deployment = Deployment(
        llm=llm,
        rig=rig,
        parallelism=split,
        precision=Precision(
            weights, usual_kv(runtime, llm) if wanted.kv is None else wanted.kv.lower()
        ),
        runtime=runtime,
        limits=limits_with(runtime, usual, wanted),
        version=version,
        companions=_companions(catalog, llm, runtime, wanted),
        placement=_placement(llm, rig, runtime, wanted),
        operating_system=system,
    )
    bad = broken(deployment)
    if bad:
        raise InputError(f"{bad[0].reason} [{bad[0].rule_id}]")
    return deployment


def _check_format(name: str) -> None:
    """Refuse a format that nobody knows, with the formats that exist."""
    if name != "checkpoint" and not is_gguf_mix(name):
        weight_format(name)


def _runtime(catalog: Catalog, llm: Llm, rig: Rig, wanted: Choices) -> tuple[Runtime, str]:
    """Return the runtime asked for and its version, or the first that runs on the rig."""
    if wanted.runtime is not None:
        return _named_runtime(catalog, wanted.runtime)
    if _is_gguf(llm, wanted):
        return catalog.runtime("llama.cpp"), ""
    vllm = catalog.runtime("vllm")
    runs = all(_knows_card(vllm, group.gpu) for group in rig.groups) and rig.is_uniform
    floor = vllm.min_compute_capability
    old = any(not is_between(group.gpu.compute_capability, floor, None) for group in rig.groups)
    llama_cpp = catalog.runtime("llama.cpp")
    # Where neither serves the family, vLLM's reason is the one to tell.
    knows = family_reason(vllm, llm) is None or family_reason(llama_cpp, llm) is not None
    return (vllm, "") if runs and not old and knows else (llama_cpp, "")


def _knows_card(runtime: Runtime, gpu: Gpu) -> bool:
    """Whether a runtime's usual build runs on a card; a processor is none."""
    return gpu.vendor in runtime.vendors and gpu.architecture != PROCESSOR


def _named_runtime(catalog: Catalog, text: str) -> tuple[Runtime, str]:
    """Return the runtime and version that ``vllm`` or ``vllm@0.19.0`` names."""
    name, at, version = text.partition("@")
    runtime = catalog.runtime(name)
    if runtime.slug not in MEMORY_MODELLED:
        raise InputError(
            f"--runtime {runtime.slug} is in the catalogue, but its memory is not modelled yet; "
            f"modelled are {', '.join(MEMORY_MODELLED)}"
        )
    if at and runtime.slug not in _VERSIONED:
        raise InputError(
            f"--runtime {text[:40]}: versions are told apart for {' and '.join(_VERSIONED)} only; "
            f"write --runtime {runtime.slug}"
        )
    if at and not version_of(version):
        raise InputError(f"--runtime {text[:40]}: write the version as in vllm@0.19.0")
    return runtime, version


def _is_gguf(llm: Llm, wanted: Choices) -> bool:
    """Whether the weights are a GGUF file: asked for, or what the model was read from."""
    if wanted.weights is None or wanted.weights.lower() == "checkpoint":
        return llm.config_kind == "gguf_header"
    return wanted.weights.lower() in GGUF_MIXES


def limits_with(runtime: Runtime, usual: EngineLimits, wanted: Choices) -> EngineLimits:
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
    if not wanted.flash_attention and runtime.slug not in LAYERED:
        raise InputError(
            f"--no-flash-attention is a switch of llama.cpp; {runtime.name} chooses its kernels"
        )
    return replace(
        usual,
        flash_attention=wanted.flash_attention,
        max_seqs=wanted.max_seqs or usual.max_seqs,
        max_batched_tokens=wanted.max_batched_tokens or usual.max_batched_tokens,
        memory_ratio=ratio or usual.memory_ratio,
    )


def _companions(catalog: Catalog, llm: Llm, runtime: Runtime, wanted: Choices) -> Companions:
    """Return the draft and the adapters that are loaded beside the model."""
    if (wanted.loras is None) != (wanted.lora_rank is None):
        raise InputError("--loras and --lora-rank belong together: how many adapters, of what rank")
    if wanted.loras is not None and wanted.lora_rank is not None:
        check_count(wanted.loras, name="--loras", limit=_MOST_LORAS)
        check_count(wanted.lora_rank, name="--lora-rank", limit=_MOST_LORA_RANK)
    if wanted.draft == "":
        raise InputError(f"--draft is empty: name a model, or {AHEAD}")
    asked = wanted.draft or wanted.loras
    if asked and runtime.slug in LAYERED:
        raise InputError(
            f"drafts and adapters are counted for engines that page their cache, not for "
            f"{runtime.name}; use --runtime vllm"
        )
    ahead = (wanted.draft or "").lower() == AHEAD
    if ahead and llm.ahead is None:
        raise InputError(f"--draft {AHEAD}: {llm.name} has no layers ahead; name a draft model")
    draft = catalog.llm(wanted.draft) if wanted.draft and not ahead else None
    if draft is not None and abs(draft.vocab_size / llm.vocab_size - 1.0) > _VOCABULARY_SLACK_RATIO:
        raise InputError(
            f"--draft {draft.name} has {draft.vocab_size:,} tokens and {llm.name} "
            f"{llm.vocab_size:,}: a draft shares the vocabulary"
        )
    return Companions(draft, ahead, wanted.loras or 0, wanted.lora_rank or 0)


def _placement(llm: Llm, rig: Rig, runtime: Runtime, wanted: Choices) -> Placement:
    """Return where llama.cpp puts layers, where the user says so."""
    given = [
        name
        for name, value in (
            ("--gpu-layers", wanted.gpu_layers), ("--tensor-split", wanted.tensor_split),
            ("--cpu-moe", wanted.cpu_moe),
        )
        if value is not None
    ]  # fmt: skip
    if not given:
        return Placement()
    if runtime.slug not in LAYERED:
        raise InputError(
            f"{given[0]} places layers, as llama.cpp does; {runtime.name} gives every card an "
            "equal share"
        )
    if wanted.gpu_layers is not None and wanted.gpu_layers < 0:
        raise InputError(f"--gpu-layers is {wanted.gpu_layers}: write 0 or more")
    if wanted.cpu_moe is not None and wanted.cpu_moe < 0:
        raise InputError(f"--cpu-moe is {wanted.cpu_moe}: write 0 or more")
    if wanted.cpu_moe is not None and not llm.has_experts:
        raise InputError(
            f"--cpu-moe keeps experts in host memory and {llm.name} has none; use --gpu-layers to "
            "keep layers there"
        )
    parts = _part_ratio(wanted.tensor_split, rig)
    return Placement(wanted.gpu_layers, parts, wanted.cpu_moe or 0)


def _part_ratio(text: str | None, rig: Rig) -> tuple[float, ...]:
    """Return the parts of ``--tensor-split 3,1``, one a card."""
    if text is None:
        return ()
    wrong = InputError(
        f"--tensor-split {text[:40]!r}: write one positive part for each of the "
        f"{rig.cards_count} cards, such as {','.join(['1'] * min(4, rig.cards_count))}"
    )
    try:
        parts = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise wrong from None
    if len(parts) != rig.cards_count or not all(0.0 <= p < 1e9 for p in parts) or not sum(parts):  # noqa: PLR2004 - no part is so large
        raise wrong
    return parts


def _system(rig: Rig, wanted: Choices) -> OperatingSystem | None:
    """Return the operating system that was named, when such a machine runs it."""
    name = (wanted.operating_system or "").lower()
    if wanted.operating_system is None:
        return None
    found: OperatingSystem | None = next((s for s in get_args(OperatingSystem) if s == name), None)
    if found is None:
        raise InputError(
            f"--os {wanted.operating_system[:20]!r}: write {', '.join(get_args(OperatingSystem))}"
        )
    apple = {group.gpu.vendor == "Apple" for group in rig.groups}
    if (name == "macos") not in apple:
        raise InputError(
            f"--os {name}: {rig.text} does not run it; macOS runs on Apple's machines alone, and "
            "they run nothing else here"
        )
    return found

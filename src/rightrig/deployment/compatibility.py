"""Which runtime loads which format on which card: rules over records."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.deployment.parallelism import tp_reason
from rightrig.deployment.rule import Rule, Violation, violations
from rightrig.facts.quantization import KV_BITS, is_gguf_mix

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime


def capability(text: str) -> tuple[int, int]:
    """Return a compute capability as two numbers.

    >>> capability("8.9") < capability("12.0")
    True
    """
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


def stored_format(deployment: Deployment) -> str:
    """Return the name of the weight format, with ``checkpoint`` resolved."""
    name = deployment.precision.weights
    return deployment.llm.checkpoint.format if name == "checkpoint" else name


def format_reason(runtime: Runtime, gpu: Gpu, format_name: str) -> str | None:
    """Return why a runtime does not load a weight format on a card, or ``None``."""
    if gpu.vendor != "NVIDIA":
        return _vendor_format_reason(runtime, gpu, format_name)
    floor = runtime.weight_formats.get(format_name)
    if floor is None:
        known = ", ".join(runtime.weight_formats)
        return f"{runtime.name} does not load {format_name}; it loads {known}"
    if gpu.compute_capability and capability(gpu.compute_capability) < capability(floor):
        return (
            f"{runtime.name} loads {format_name} from compute capability {floor}; "
            f"{gpu.slug} has {gpu.compute_capability}"
        )
    return None


def _vendor_format_reason(runtime: Runtime, gpu: Gpu, format_name: str) -> str | None:
    """Return why a runtime does not load a format on a card of another maker than NVIDIA."""
    known = runtime.vendor_weight_formats
    allowed = known.get(gpu.architecture, known.get(gpu.vendor, ()))
    if not allowed:
        return f"{runtime.name} does not run on {gpu.architecture}, as {gpu.slug} is"
    if format_name not in allowed:
        known_formats = ", ".join(allowed)
        return (
            f"{runtime.name} on {gpu.slug} loads {known_formats}, not {format_name}; "
            "choose one of those with --weights, or another --runtime"
        )
    return None


def is_native(runtime: Runtime, gpu: Gpu, format_name: str) -> bool:
    """Whether the tensor cores of a card multiply in this format, rather than in 16 bits."""
    floor = runtime.native_formats.get(format_name)
    if gpu.vendor != "NVIDIA":
        return floor is not None and gpu.peak.fp8_flop_per_s is not None and "fp8" in format_name
    if floor is None or gpu.compute_capability is None:
        return False
    return capability(gpu.compute_capability) >= capability(floor)


class VendorRule:
    """The runtime runs on the accelerators of this maker."""

    id: ClassVar[str] = "RT-VENDOR"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        runtime = subject.runtime
        for group in subject.rig.groups:
            if group.gpu.vendor not in runtime.vendors:
                makers = ", ".join(runtime.vendors)
                return f"{runtime.name} runs on {makers}; {group.gpu.slug} is {group.gpu.vendor}"
        return None


class CapabilityRule:
    """The card has the compute capability that the runtime asks for."""

    id: ClassVar[str] = "RT-CC"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        floor = subject.runtime.min_compute_capability
        for group in subject.rig.groups:
            own = group.gpu.compute_capability
            if floor and own and capability(own) < capability(floor):
                return (
                    f"{subject.runtime.name} needs compute capability {floor}; "
                    f"{group.gpu.slug} has {own}; try --runtime llama.cpp"
                )
        return None


class FormatRule:
    """The runtime loads this weight format on this card."""

    id: ClassVar[str] = "RT-FORMAT"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        name = stored_format(subject)
        reasons = (format_reason(subject.runtime, g.gpu, name) for g in subject.rig.groups)
        return next((reason for reason in reasons if reason), None)


class KvFormatRule:
    """The runtime keeps its KV cache in this format."""

    id: ClassVar[str] = "RT-KV"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        name = subject.precision.kv
        known = subject.runtime.kv_formats
        if name in known and name in KV_BITS:
            return None
        return (
            f"--kv {name!r} is no format of {subject.runtime.name}, which keeps its KV cache in "
            f"{', '.join(known)}"
        )


class SplitRule:
    """The runtime splits models in this way."""

    id: ClassVar[str] = "RT-SPLIT"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        split, runtime = subject.parallelism, subject.runtime
        if "tensor" not in runtime.splits and split.tp > 1:
            return f"{runtime.name} splits by layers, not by tensors; leave --tp out"
        if "layer" not in runtime.splits and not subject.rig.is_uniform:
            return (
                f"{runtime.name} gives every card an equal share and {subject.rig.text} mixes "
                "cards; use --runtime llama.cpp, which splits layers by memory"
            )
        return None


class HeadsRule:
    """Tensor parallelism divides the heads and the inner widths of the model."""

    id: ClassVar[str] = "PAR-HEADS"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        return tp_reason(subject.llm, subject.parallelism.tp)


class LayersRule:
    """Every pipeline stage has at least one layer."""

    id: ClassVar[str] = "PAR-LAYERS"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        layers, stages = subject.llm.layer_count, subject.parallelism.pp
        return f"{layers} layers make no {stages} stages" if stages > layers else None


class DomainRule:
    """A tensor-parallel group stays inside one machine."""

    id: ClassVar[str] = "PAR-NODE"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        ranks, cards = subject.parallelism.tp, subject.rig.cards_per_node
        if ranks > cards or (subject.rig.nodes_count > 1 and cards % ranks):
            return f"tp={ranks} spans machines of {cards} cards; use a divisor of {cards} and --pp"
        return None


class BatchRule:
    """The tokens of one step are at least the sequences that may run in it."""

    id: ClassVar[str] = "ENG-BATCH"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        limits = subject.limits
        if "layer" in subject.runtime.splits or limits.max_batched_tokens >= limits.max_seqs:
            return None
        return (
            f"{subject.runtime.name} refuses --max-batched-tokens {limits.max_batched_tokens} "
            f"below --max-seqs {limits.max_seqs}; raise the one or lower the other"
        )


RULES: Final[tuple[Rule[Deployment], ...]] = (
    VendorRule(),
    CapabilityRule(),
    FormatRule(),
    KvFormatRule(),
    SplitRule(),
    HeadsRule(),
    LayersRule(),
    DomainRule(),
    BatchRule(),
)
"""Every rule that a deployment must satisfy, in the order in which they are reported."""


def broken(deployment: Deployment) -> tuple[Violation, ...]:
    """Return the rules that a deployment breaks, with their reasons."""
    return violations(RULES, deployment)


def default_weights(runtime: Runtime, checkpoint_format: str, gpu: Gpu) -> str:
    """Return the format that a user of the runtime would start with.

    The checkpoint's own where it loads; 16-bit FP16 on cards without BF16; for runtimes that
    read GGUF files Q4_K_M, unless they know the checkpoint's own format (MXFP4).
    """
    loads = format_reason(runtime, gpu, checkpoint_format) is None
    if any(is_gguf_mix(name) for name in runtime.weight_formats):
        return "checkpoint" if loads else "q4_k_m"
    if checkpoint_format == "bf16" and not loads:
        return "fp16"
    return "checkpoint"

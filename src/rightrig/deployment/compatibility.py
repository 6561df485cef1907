"""Which runtime runs what on which card: the rules that a deployment must satisfy.

They read records only; families and stages are in ``compatibility_model``, formats in
``compatibility_formats``, caches and attention kernels in ``compatibility_cache``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.deployment.compatibility_cache import (
    AttentionRule,
    FlashCacheRule,
    KvFormatRule,
    TensorCacheRule,
)
from rightrig.deployment.compatibility_formats import (
    capability,
    format_reason,
    is_native,
    stored_format,
)
from rightrig.deployment.compatibility_model import FamilyRule, StagesRule
from rightrig.deployment.parallelism import tp_reason
from rightrig.deployment.rule import Rule, Violation, violations
from rightrig.facts.quantization import is_gguf_mix

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import OperatingSystem, Runtime

__all__ = [
    "RULES",
    "SYSTEM_NAMES",
    "broken",
    "capability",
    "default_weights",
    "format_reason",
    "is_native",
    "operating_system_reason",
    "stored_format",
]
SYSTEM_NAMES: Final = {"linux": "Linux", "windows": "Windows", "macos": "macOS"}


def operating_system_reason(runtime: Runtime, system: OperatingSystem) -> str | None:
    """Return why a runtime does not run under an operating system, or ``None``.

    ``None`` too where no record says; what to know there is in the runtime's record.
    """
    known = runtime.operating_systems
    if not known or system in known:
        return None
    others = " and ".join(SYSTEM_NAMES[name] for name in known)
    return (
        f"{runtime.name} does not run under {SYSTEM_NAMES[system]}; use {others}, or another "
        "--runtime"
    )


class OperatingSystemRule:
    """The runtime runs under the operating system of the machine."""

    id: ClassVar[str] = "RT-OS"

    def check(self, subject: Deployment) -> str | None:
        """Return why not; nothing where no system was named."""
        system = subject.operating_system
        return operating_system_reason(subject.runtime, system) if system else None


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
        if subject.llm.has_experts and name in subject.runtime.experts_without:
            return (
                f"{subject.runtime.name} loads {name} for models without experts only, and "
                f"{subject.llm.name} has some; use --weights fp8, or another --runtime"
            )
        reasons = (format_reason(subject.runtime, g.gpu, name) for g in subject.rig.groups)
        return next((reason for reason in reasons if reason), None)


class SplitRule:
    """The runtime splits models in this way."""

    id: ClassVar[str] = "RT-SPLIT"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        split, runtime = subject.parallelism, subject.runtime
        if "tensor" not in runtime.splits and split.tp > 1:
            return f"{runtime.name} splits by layers, not by tensors; leave --tp out"
        if split.pp > 1 and not {"pipeline", "layer"} & set(runtime.splits):
            return f"{runtime.name} has no pipeline stages (pp={split.pp}); use --tp alone"
        makers = {group.gpu.vendor for group in subject.rig.groups}
        if "layer" not in runtime.splits and len(makers) > 1:
            return (
                f"one engine of {runtime.name} runs on cards of one maker and {subject.rig.text} "
                "mixes them; use --runtime llama.cpp"
            )
        return None


class EqualCardsRule:
    """The cards are of one kind where the runtime wants it."""

    id: ClassVar[str] = "RT-EQUAL"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        if not subject.runtime.equal_cards_only or subject.rig.is_uniform:
            return None
        return (
            f"{subject.runtime.name} wants cards of one kind and {subject.rig.text} mixes them; "
            "name one kind in --on, or use --runtime llama.cpp"
        )


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


class InstanceRule:
    """One engine runs on one MIG instance: no link joins them."""

    id: ClassVar[str] = "PAR-MIG"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        cards = subject.parallelism.engine_cards
        if cards == 1 or not any(group.mig for group in subject.rig.groups):
            return None
        return (
            f"{subject.parallelism.text} would join {cards} MIG instances, which have no link; "
            f"use --replicas {subject.rig.cards_count}, or whole cards"
        )


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
    OperatingSystemRule(),
    VendorRule(),
    CapabilityRule(),
    FamilyRule(),
    FormatRule(),
    KvFormatRule(),
    AttentionRule(),
    FlashCacheRule(),
    TensorCacheRule(),
    SplitRule(),
    EqualCardsRule(),
    HeadsRule(),
    LayersRule(),
    StagesRule(),
    DomainRule(),
    InstanceRule(),
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

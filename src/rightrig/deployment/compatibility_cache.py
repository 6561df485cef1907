"""Which KV cache a runtime keeps for a model on a card: formats and attention kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rightrig.deployment.compatibility_formats import capability, is_between, loaded_formats
from rightrig.facts.quantization import KV_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Attention, Llm
    from rightrig.facts.runtime import AttentionKernel, Runtime


def _runs_on(kernel: AttentionKernel, gpu: Gpu) -> bool:
    """Whether an attention kernel is made for a card."""
    if kernel.vendor != gpu.vendor:
        return False
    if kernel.architectures and gpu.architecture not in kernel.architectures:
        return False
    own = gpu.compute_capability
    return is_between(own, kernel.from_capability, kernel.below_capability)


def _computes(kernel: AttentionKernel, attention: Attention) -> bool:
    """Whether an attention kernel knows the heads of one kind of layer."""
    kinds = (kernel.mla, kernel.compressed)
    if kinds != (attention.kind == "mla", attention.kind == "compressed"):
        return False
    # Layers with and without an indexer of compressed attention have one kernel.
    if not kernel.compressed and kernel.sparse != (attention.indexer is not None):
        return False
    if attention.sink_params and not kernel.sinks:
        return False
    if kernel.mla or kernel.head_dims:
        return kernel.mla or attention.head_dim in kernel.head_dims
    return kernel.least_head_dim <= attention.head_dim <= kernel.most_head_dim


def _attentions(runtime: Runtime, llm: Llm) -> Iterator[Attention]:
    """Yield the kinds of attention of a model whose kernels a runtime's record lists.

    Kernels for ``compressed`` attention (DeepSeek-V4) and for an indexer before ordinary heads
    (MiniMax-M3) come with the model: where no record lists any, nothing is known of them.
    """
    for attention in llm.attentions:
        if attention.kind == "compressed":
            is_listed = any(kernel.compressed for kernel in runtime.attention)
        elif attention.kind != "mla" and attention.indexer is not None:
            is_listed = any(kernel.sparse and not kernel.mla for kernel in runtime.attention)
        else:
            is_listed = True
        if is_listed:
            yield attention


def _is_served(runtime: Runtime, gpu: Gpu, llm: Llm, kv: str) -> bool:
    """Whether a runtime has a kernel on a card for every kind of attention of a model."""
    return all(
        any(
            kv in kernel.kv_formats and _computes(kernel, attention) and _runs_on(kernel, gpu)
            for kernel in runtime.attention
        )
        for attention in _attentions(runtime, llm)
    )


def _knows_kernels(runtime: Runtime, gpu: Gpu) -> bool:
    """Whether a record lists the kernels of a runtime for cards of this maker."""
    return any(kernel.vendor == gpu.vendor for kernel in runtime.attention)


def kv_formats_on(runtime: Runtime, gpu: Gpu, llm: Llm) -> tuple[str, ...]:
    """Return the formats of the KV cache that a runtime has kernels for on a card.

    All of the runtime's formats where no record lists its kernels.
    """
    if not _knows_kernels(runtime, gpu):
        return runtime.kv_formats
    return tuple(kv for kv in runtime.kv_formats if _is_served(runtime, gpu, llm, kv))


def usual_kv(runtime: Runtime, llm: Llm) -> str:
    """Return the format in which a runtime keeps the cache of a model that nobody asked about.

    16 bits, unless its kernels for the model read none (vLLM keeps DeepSeek-V4's in FP8).
    """
    usual = "bf16" if runtime.slug == "vllm" else "fp16"
    kernels = [kernel for kernel in runtime.attention if not kernel.on_request]
    wanted = tuple(_attentions(runtime, llm))
    read = [
        kv
        for kv in (usual, *runtime.kv_formats)
        if all(any(kv in k.kv_formats and _computes(k, a) for k in kernels) for a in wanted)
    ]
    return read[0] if kernels and read else usual


def attention_reason(runtime: Runtime, gpu: Gpu, llm: Llm, kv: str) -> str | None:
    """Return why no attention kernel of a runtime serves a model on a card, or ``None``."""
    if not _knows_kernels(runtime, gpu) or _is_served(runtime, gpu, llm, kv):
        return None
    here = [k for k in runtime.attention if _runs_on(k, gpu) and kv in k.kv_formats]
    odd = next(a for a in _attentions(runtime, llm) if not any(_computes(k, a) for k in here))
    served = kv_formats_on(runtime, gpu, llm)
    own = gpu.compute_capability or gpu.architecture
    return (
        f"{runtime.name} has no attention kernel for {_heads_text(odd)} with a KV cache in {kv} "
        f"on {gpu.slug} ({own}); {_remedy(runtime, gpu, odd, kv, served)}"
    )


def _heads_text(attention: Attention) -> str:
    """Say which heads a kernel would have to compute."""
    if attention.kind == "mla":
        return "sparse latent attention" if attention.indexer is not None else "latent attention"
    if attention.kind == "compressed":
        return "compressed attention"
    if attention.indexer is not None:
        return f"block-sparse heads of {attention.head_dim}"
    sinks = " and attention sinks" if attention.sink_params else ""
    return f"heads of {attention.head_dim}{sinks}"


def _remedy(
    runtime: Runtime, gpu: Gpu, attention: Attention, kv: str, served: tuple[str, ...]
) -> str:
    """Name a cache format that works there, or the cards on which this one does."""
    if served:
        # A card that does not multiply in BF16 keeps no cache in it either.
        usable = [name for name in served if name != "bf16" or name in loaded_formats(runtime, gpu)]
        return f"use --kv {(usable or served)[0]}"
    floors = sorted(
        (
            kernel.from_capability
            for kernel in runtime.attention
            if kernel.vendor == gpu.vendor
            and kernel.from_capability
            and kv in kernel.kv_formats
            and _computes(kernel, attention)
        ),
        key=capability,
    )
    if floors:
        return f"it has one for cards of compute capability {floors[0]}"
    return "use another --runtime"


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


class AttentionRule:
    """The runtime has an attention kernel for this model, KV cache and card."""

    id: ClassVar[str] = "RT-ATTENTION"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        runtime, llm, kv = subject.runtime, subject.llm, subject.precision.kv
        if not runtime.attention or kv not in runtime.kv_formats:
            return None
        reasons = (
            attention_reason(runtime, group.gpu, llm, kv)
            for group in subject.rig.groups
            if group.gpu.vendor in runtime.vendors
        )
        return next((reason for reason in reasons if reason), None)


class FlashCacheRule:
    """A quantised KV cache has the flash attention that it needs."""

    id: ClassVar[str] = "KV-FLASH"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        runtime, kv = subject.runtime, subject.precision.kv
        if subject.limits.flash_attention or kv not in runtime.flash_kv_formats:
            return None
        free = [name for name in runtime.kv_formats if name not in runtime.flash_kv_formats]
        return (
            f"{runtime.name} keeps a KV cache in {kv} with flash attention only, which is off; "
            f"turn it on, or use --kv {free[0]}"
        )


class TensorCacheRule:
    """The KV cache is one that the runtime can keep under a tensor split."""

    id: ClassVar[str] = "KV-TENSOR"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        runtime, kv = subject.runtime, subject.precision.kv
        allowed = runtime.tensor_split_kv_formats
        if subject.parallelism.tp == 1 or not allowed or kv in allowed:
            return None
        return (
            f"{runtime.name} keeps no KV cache in {kv} under a tensor split over "
            f"{subject.parallelism.tp} cards; use --kv {allowed[-1]}, or leave --tp out"
        )

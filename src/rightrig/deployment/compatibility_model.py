"""Which models a runtime serves, and what a model asks of its pipeline stages."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, ClassVar

from rightrig.deployment.limits import version_of
from rightrig.deployment.parallelism import stage_layers

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.llm import Attention, Llm
    from rightrig.facts.runtime import Runtime


def family_reason(runtime: Runtime, llm: Llm, version: str = "") -> str | None:
    """Return why a runtime does not serve a model's family, or ``None`` where it may.

    Args:
        runtime: The runtime, at the version of its record.
        llm: The model.
        version: Another version of it, as ``0.19.0``. Of another version only the end of
            support is known, not what it had never served.
    """
    refusal = None if runtime.families is None else runtime.families.refused.get(llm.family)
    if refusal is None:
        return None
    name = f"{runtime.name} {version or runtime.version} does not serve {llm.name}"
    others = [f"--runtime {refusal.instead}"]
    if not refusal.until:
        if version and version_of(version) != version_of(runtime.version):
            return None
        return f"{name}: it {refusal.because}; use {others[0]}"
    if version and version_of(version) <= version_of(refusal.until):
        return None
    others = [f"--runtime {runtime.slug}@{refusal.until}", *others]
    return (
        f"{name}: it served the family {llm.family} up to {refusal.until} only; use "
        f"{' or '.join(others)}"
    )


class FamilyRule:
    """The runtime serves models of this family."""

    id: ClassVar[str] = "RT-MODEL"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        return family_reason(subject.runtime, subject.llm, subject.version)


def stages_reason(runtime: Runtime, llm: Llm, stages_count: int) -> str | None:
    """Return why a runtime does not split a model into pipeline stages, or ``None``."""
    if stages_count == 1 or stages_count > llm.layer_count:
        return None
    if runtime.families is not None and llm.family in runtime.families.one_stage:
        return (
            f"{runtime.name} has no pipeline stages for the family {llm.family} "
            f"(pp={stages_count}); use --tp or --replicas"
        )
    if runtime.shares_kv_over_stages or not any(a.shares_kv for a in llm.attentions):
        return None
    apart = _reuse_over_stages(llm, stages_count)
    if apart is None:
        return None
    reader, source = apart
    return (
        f"layer {reader} of {llm.name} reuses the keys and values of layer {source}, and "
        f"pp={stages_count} puts them into two stages, which {runtime.name} refuses; use --tp or "
        "--replicas"
    )


class StagesRule:
    """The runtime splits this model into pipeline stages."""

    id: ClassVar[str] = "PAR-STAGES"

    def check(self, subject: Deployment) -> str | None:
        """Return why not."""
        return stages_reason(subject.runtime, subject.llm, subject.parallelism.pp)


def _reuse_over_stages(llm: Llm, stages_count: int) -> tuple[int, int] | None:
    """Return the first layer that reuses another stage's cache, and its source, or ``None``.

    The source is the last layer of the same kind that keeps a cache of its own.
    """
    stage = [
        number
        for number, size in enumerate(stage_layers(llm.layer_count, stages_count))
        for _ in range(size)
    ]
    starts = [0, *accumulate(count for _, count in llm.layout)]
    owners: dict[str, int] = {}
    for start, (block, count) in zip(starts, llm.layout, strict=False):
        attention: Attention | None = llm.blocks[block].attention
        if attention is None:
            continue
        if not attention.shares_kv:
            owners[attention.kind] = start + count - 1
            continue
        source = owners.get(attention.kind)
        if source is None:
            continue
        reader = next((n for n in range(start, start + count) if stage[n] != stage[source]), None)
        if reader is not None:
            return reader, source
    return None

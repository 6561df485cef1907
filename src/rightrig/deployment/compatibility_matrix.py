"""Which runtimes run on a rig: a row each, with formats, splits and what to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.deployment.compatibility import SYSTEM_NAMES, operating_system_reason
from rightrig.deployment.compatibility_cache import attention_reason, kv_formats_on
from rightrig.deployment.compatibility_formats import is_between, is_native, loaded_formats
from rightrig.deployment.compatibility_model import family_reason
from rightrig.deployment.parallelism import tp_reason, valid_tps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import OperatingSystem, Runtime, Split

Verdict = Literal["yes", "caveat", "no"]
PLAIN_FORMATS: Final = frozenset({"bf16", "fp16", "fp32", "f16", "f32"})
"""Formats without quantisation: they are multiplied as they are stored."""
SPLIT_NAMES: Final[dict[Split, str]] = {
    "tensor": "tp", "pipeline": "pp", "expert": "ep", "attention-dp": "dp", "context": "cp",
    "layer": "layers",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the runtimes are asked for.

    Attributes:
        rig: The cards.
        llm: A model, where one is named.
        operating_system: That of the machine, where it is named.
    """

    rig: Rig
    llm: Llm | None = None
    operating_system: OperatingSystem | None = None


@dataclass(frozen=True, slots=True)
class Support:
    """What one runtime does on a rig.

    Attributes:
        verdict: ``caveat`` where it runs and something is to be known first.
        native_formats: Weight formats that every card of the rig multiplies as they are.
        unpacked_formats: Those that it loads and unpacks to 16 bits before multiplying.
        splits: How it spreads a model over the cards of the rig.
        refused_splits: How it cannot, with reasons.
        reasons: Why not, where the verdict is no; else what to know.
    """

    runtime: Runtime
    verdict: Verdict
    native_formats: tuple[str, ...] = ()
    unpacked_formats: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    refused_splits: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def matrix(catalog: Catalog, asked: Asked) -> tuple[Support, ...]:
    """Return what each runtime of the catalogue does on a rig: those that run first."""
    order: dict[Verdict, int] = {"yes": 0, "caveat": 1, "no": 2}
    rows = [support(catalog.runtime(slug), asked) for slug in catalog.slugs("runtimes")]

    def rank(row: Support) -> tuple[int, bool]:
        return order[row.verdict], not (row.native_formats or row.unpacked_formats)

    return tuple(sorted(rows, key=rank))


def support(runtime: Runtime, asked: Asked) -> Support:
    """Return what one runtime does on a rig."""
    against = tuple(_reasons_against(runtime, asked))
    if against:
        return Support(runtime, "no", reasons=against)
    formats = _formats_on_all(runtime, asked.rig)
    native = tuple(name for name in formats if _is_native_on_all(runtime, asked.rig, name))
    splits, refused = _splits(runtime, asked)
    caveats = tuple(_caveats(runtime, asked, formats, native))
    return Support(
        runtime=runtime,
        verdict="caveat" if caveats else "yes",
        native_formats=native,
        unpacked_formats=tuple(name for name in formats if name not in native),
        splits=splits,
        refused_splits=refused,
        reasons=caveats,
    )


def _reasons_against(runtime: Runtime, asked: Asked) -> Iterator[str]:
    """Yield why a runtime does not run on a rig."""
    rig = asked.rig
    if asked.operating_system is not None:
        reason = operating_system_reason(runtime, asked.operating_system)
        if reason:
            yield reason.partition(";")[0].removeprefix(f"{runtime.name} ")
    family = None if asked.llm is None else family_reason(runtime, asked.llm)
    if family:
        yield family.partition(";")[0].partition(": it ")[2]
    for gpu in dict.fromkeys(group.gpu.slug for group in rig.groups):
        yield from _reasons_against_card(runtime, asked, gpu)
    if runtime.equal_cards_only and not rig.is_uniform:
        yield f"wants cards of one kind and {rig.text} mixes them"
    makers = {group.gpu.vendor for group in rig.groups}
    if runtime.splits and "layer" not in runtime.splits and len(makers) > 1:
        yield f"one engine runs on cards of one maker and {rig.text} mixes them"


def _reasons_against_card(runtime: Runtime, asked: Asked, slug: str) -> Iterator[str]:
    """Yield why a runtime does not run on one kind of card."""
    gpu = next(group.gpu for group in asked.rig.groups if group.gpu.slug == slug)
    if runtime.vendors and gpu.vendor not in runtime.vendors:
        yield f"runs on {', '.join(runtime.vendors)}; {slug} is {gpu.vendor}"
        return
    floor = runtime.min_compute_capability
    if not is_between(gpu.compute_capability, floor, None):
        older = [c for c in runtime.changes if c.before and c.topic == "min compute capability"]
        hint = f" ({older[0].version}: {older[0].text.rstrip('.')})" if older else ""
        yield f"needs compute capability {floor}; {slug} has {gpu.compute_capability}{hint}"
        return
    if _knows_formats(runtime, gpu) and not loaded_formats(runtime, gpu):
        yield f"does not run on {gpu.architecture}, as {slug} is"
        return
    if asked.llm is not None and not kv_formats_on(runtime, gpu, asked.llm) and runtime.attention:
        kv = runtime.kv_formats[0]
        yield (attention_reason(runtime, gpu, asked.llm, kv) or "").removeprefix(
            f"{runtime.name} has "
        )


def _knows_formats(runtime: Runtime, gpu: Gpu) -> bool:
    """Whether a record says which weight formats a runtime loads on cards of this maker."""
    known = runtime.weight_formats if gpu.vendor == "NVIDIA" else runtime.vendor_weight_formats
    return bool(known)


def _formats_on_all(runtime: Runtime, rig: Rig) -> tuple[str, ...]:
    """Return the weight formats that load on every card of a rig."""
    first, *others = (loaded_formats(runtime, group.gpu) for group in rig.groups)
    return tuple(name for name in first if all(name in other for other in others))


def _is_native_on_all(runtime: Runtime, rig: Rig, name: str) -> bool:
    """Whether every card of a rig multiplies in a weight format."""
    if name in PLAIN_FORMATS:
        return True
    return all(is_native(runtime, group.gpu, name) for group in rig.groups)


def _caveats(
    runtime: Runtime, asked: Asked, formats: tuple[str, ...], native: tuple[str, ...]
) -> Iterator[str]:
    """Yield what to know before using a runtime on a rig."""
    system = asked.operating_system
    if system is not None:
        known = runtime.operating_systems.get(system)
        if known is None:
            yield "operating systems are not recorded"
        elif known:
            yield f"under {SYSTEM_NAMES[system]}: {known}"
    if not asked.rig.is_uniform and runtime.splits and "layer" not in runtime.splits:
        yield "gives every card an equal share, so the smallest card bounds it"
    if runtime.kind == "orchestrator":
        yield "runs other engines, whose formats and splits count"
    elif not formats:
        yield "weight formats on these cards are not recorded"
    if asked.llm is not None and formats:
        yield from _caveats_of_model(runtime, asked, asked.llm.checkpoint.format, formats, native)


def _caveats_of_model(
    runtime: Runtime, asked: Asked, own: str, formats: tuple[str, ...], native: tuple[str, ...]
) -> Iterator[str]:
    """Yield what to know about a model's family, checkpoint and cache."""
    families = runtime.families
    if families is None or asked.llm is None or asked.llm.family not in families.served:
        yield "whether it serves this family of models is not recorded"
    if own not in formats:
        yield f"the checkpoint's {own} does not load and must be converted"
    elif own not in native:
        yield f"the checkpoint's {own} is unpacked to 16 bits before it is multiplied"
    lost = [kv for kv in runtime.kv_formats if kv not in _kv_formats(runtime, asked)]
    if lost:
        yield f"no attention kernel for a KV cache in {', '.join(lost)}"


def _kv_formats(runtime: Runtime, asked: Asked) -> tuple[str, ...]:
    """Return the cache formats that a runtime keeps for the model on every card."""
    if asked.llm is None:
        return runtime.kv_formats
    served = [kv_formats_on(runtime, group.gpu, asked.llm) for group in asked.rig.groups]
    return tuple(kv for kv in runtime.kv_formats if all(kv in other for other in served))


def _splits(runtime: Runtime, asked: Asked) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return how a runtime spreads a model over a rig, and how it cannot, with reasons."""
    allowed, refused = [], []
    if asked.rig.cards_count == 1:
        return (), ()
    for name in runtime.splits:
        text, reason = _split(name, asked)
        if reason:
            refused.append(f"{text}: {reason}")
        else:
            allowed.append(text)
    return tuple(allowed), tuple(refused)


def _split(name: Split, asked: Asked) -> tuple[str, str]:
    """Return one way to split as text, and why it is impossible (empty when it is not)."""
    rig, llm = asked.rig, asked.llm
    text = SPLIT_NAMES[name]
    if name == "tensor":
        return _tensor_split(rig, llm)
    if llm is not None and name == "pipeline":
        return f"{text}{min(rig.cards_count, llm.layer_count)}", ""
    if llm is not None and name == "expert":
        has_experts = any(b.ffn is not None and b.ffn.expert_count for b in llm.blocks)
        return text, "" if has_experts else "the model has no experts"
    return text, ""


def _tensor_split(rig: Rig, llm: Llm | None) -> tuple[str, str]:
    """Return the tensor-parallel degrees that use every card of a machine."""
    if rig.cards_per_node == 1:
        return SPLIT_NAMES["tensor"], "one card a machine"
    if llm is None:
        return SPLIT_NAMES["tensor"], ""
    cards = rig.cards_per_node
    ranks = [str(tp) for tp in valid_tps(llm, cards) if tp > 1 and cards % tp == 0]
    if not ranks:
        reason = tp_reason(llm, cards) or ""
        return SPLIT_NAMES["tensor"], reason
    return SPLIT_NAMES["tensor"] + "/".join(ranks), ""

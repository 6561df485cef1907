"""The parameters of the speed model: priors from sheets and kernels, and what runs made of them.

Few and physical: shares of a rate that kernels reach, times that hosts and messages take. Each
belongs to a family of cards, a card, an era of an engine, or a pair of them; where no run spoke,
its prior stands, so that an unmeasured card or engine borrows from its family.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.deployment.limits import version_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime

DATA: Final = Path(__file__).parent / "data"
Table = dict[str, Any]
KINDS: Final = (
    "compute", "memory", "cache", "scores", "card_compute", "card_memory",
    "engine_compute", "engine_memory", "engine_cache", "engine_scores",
    "experts_compute", "experts_memory", "experts_s",
    "step_s", "layer_s", "sequence_s", "request_s", "eager_s", "launch_ratio",
    "miss_ratio", "burst_ratio", "turn_s",
    "pair_compute", "pair_memory", "pair_host",
    "latency_s", "bus", "engine_latency", "engine_bus",
)  # fmt: skip
"""Kinds of parameters; a deployment uses one of each at most."""
_OF_KERNELS: Final = frozenset({"compute", "memory", "cache"})
_FROM_KERNELS: Final = {"compute": "compute_ratio", "memory": "memory_ratio"}
_SAMPLED_RANKS: Final = (2, 4, 8)


@functools.cache
def tables(name: str) -> Table:
    """Return one file of parameters."""
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Prior:
    """What a parameter is before runs speak: middle, spread of its logarithm, bounds."""

    mid: float
    spread: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Engine:
    """One era of a runtime, as ``data/engines.toml`` describes it."""

    era: str
    reads: str
    mixes_prompts: bool
    overlapped: bool
    fp16_accumulate: bool
    by_layers: bool
    splits_rows: bool
    ignores_windows: bool = False
    reserve_bytes: float = 0.0


@functools.cache
def _engines() -> tuple[Table, ...]:
    return tuple(tables("engines")["engine"])


@functools.cache
def engine_of(runtime_slug: str, version: str = "", kind: str = "") -> Engine:
    """Return the era of a runtime that a version belongs to.

    Without a version, the usual one or the newest. Some kinds of published runs called an
    engine in a way of their own.
    """
    own = [e for e in _engines() if e["runtime"] == runtime_slug]
    own = [e for e in own if e.get("kind", kind) == kind]
    own = [e for e in own if "kind" in e] or own
    numbers = version_of(version)
    known = [e for e in own if not numbers or version_of(e["since"]) <= numbers]
    usual = [e for e in own if e.get("usual") and not numbers]
    found = (usual or known or own or [_engines()[-1]])[-1]
    return Engine(
        found["era"],
        found["reads"],
        found["prompts"] == "mixed",
        found["overlapped"],
        found.get("fp16_accumulate", False),
        found.get("by_layers", False),
        found.get("splits_rows", False),
        found.get("ignores_windows", False),
        found.get("reserve_bytes", 0.0),
    )


def engine_for(runtime: Runtime, version: str = "", kind: str = "") -> Engine:
    """Return the era of a runtime's version, by default the record's."""
    return engine_of(runtime.slug, version or runtime.version, kind)


@functools.lru_cache(maxsize=512)
def _family_name(gpu_key: tuple[str, str, str, str]) -> Table:
    architecture, tier, vendor, capability = gpu_key
    for family in tables("families")["family"]:
        if (
            architecture in family.get("architectures", (architecture,))
            and tier in family.get("tiers", (tier,))
            and vendor in family.get("vendors", (vendor,))
            and capability in family.get("capabilities", (capability,))
        ):
            found: Table = family
            return found
    raise AssertionError("the last family matches every card")  # a fault of families.toml


def family_of(gpu: Gpu) -> Table:
    """Return the family of efficiencies that a card belongs to."""
    return _family_name((gpu.architecture, gpu.tier, gpu.vendor, gpu.compute_capability or ""))


@functools.cache
def _families() -> dict[str, Table]:
    return {family["name"]: family for family in tables("families")["family"]}


def kernels_of(family: Table, key: str, table: str = "gemm") -> tuple[Table | None, bool]:
    """Return the fitted kernels of a family in a type, and whether they are its own."""
    sampled: Table = tables("kernels")[table]
    for name, own in ((family.get("kernels"), True), (family.get("related"), False)):
        if name and key in sampled.get(name, {}):
            return sampled[name][key], own
    return None, False


@functools.cache
def prior(kind: str, key: str) -> Prior:
    """Return the prior of a parameter."""
    entry: Table = tables("priors")["kind"][kind]
    stated = tables("priors")["mid"].get(f"{kind}.{key}")
    low, high = float(entry["low"]), float(entry["high"])
    high = float(tables("priors")["high"].get(f"{kind}.{key}", high))
    mid, is_own = _middle(kind, key, entry.get("mid") if stated is None else stated)
    is_wide = not is_own and "unsampled_spread" in entry
    spread = float(entry["unsampled_spread" if is_wide else "spread"])
    return Prior(min(max(mid, low), high), spread, low, high)


def _middle(kind: str, key: str, stated: Any) -> tuple[float, bool]:  # noqa: ANN401 - TOML
    """Return the middle of a prior, and whether the family's own kernels were timed for it."""
    if stated is not None:
        return float(stated), False
    return _kernel_prior(kind, key) if kind in _OF_KERNELS else _link_prior(kind, key)


def _kernel_prior(kind: str, key: str) -> tuple[float, bool]:
    """Return the share that kernels reached: its own, its relative's, or that of 16 bits scaled."""
    name, _, width = key.partition(".")
    family = _families()[name]
    if kind == "cache":
        found, own = kernels_of(family, "bf16", "attention")
        if found is not None:
            return float(found["memory_ratio"]), own
        return 0.85 * float(family["memory_ratio"]), False
    field = _FROM_KERNELS[kind]
    found, own = kernels_of(family, width or "bf16")
    if found is not None:
        return float(found[field]), own
    base, _ = kernels_of(family, "bf16")
    share = float((base or family)[field])
    scale = tables("families")["format_factor_ratio"].get(width, 1.0) if kind == "compute" else 1.0
    return share * float(scale), False


def _link_prior(kind: str, key: str) -> tuple[float, bool]:
    """Return latency or bandwidth of a link: sampled in the family's kernels, or its default."""
    name, _, ranks = key.rpartition(".")
    sampled = tables("kernels")["all_reduce"].get(name)
    if sampled is not None:
        fit = (sampled.get("custom") or sampled["nccl"])[f"n{ranks}"]
        if kind == "latency_s":
            return float(fit["latency_s"]), True
        return float(fit["bus_bytes_per_s"] / _families()[name]["link_bytes_per_s"]), True
    default = tables("families")["link"][name]
    return float(default["latency_s" if kind == "latency_s" else "bandwidth_ratio"][ranks]), False


@functools.cache
def value(kind: str, key: str) -> float:
    """Return a parameter: fitted on runs, else its prior."""
    fitted: float | None = tables("fitted").get(kind, {}).get(key)
    return prior(kind, key).mid if fitted is None else fitted


def own_values(gpu: Gpu, engine: Engine) -> Mapping[str, float]:
    """Return what runs on this very machine made of parameters of a card under an engine."""
    found = next((one for one in gpu.measured_here if one.era == engine.era), None)
    return {} if found is None else found.parameters


def sampled_ranks(ranks_count: int) -> int:
    """Return the number of ranks whose samples stand for some ranks: the nearest above."""
    return next((n for n in _SAMPLED_RANKS if n >= ranks_count), _SAMPLED_RANKS[-1])

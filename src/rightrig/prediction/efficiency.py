"""Speeds: what one card and its links achieve for one runtime and one format.

Datasheet rates (``facts``) times fitted shares (``data/kernels.toml`` and
``data/families.toml``), with the evidence behind them.
"""

from __future__ import annotations

import functools
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rightrig.deployment.compatibility import is_native
from rightrig.facts.quantization import is_gguf_mix, weight_format

if TYPE_CHECKING:
    from rightrig.deployment.rig import Link
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime
    from rightrig.work.operators import Floats

DATA: Final = Path(__file__).parent / "data"
Evidence = Literal["this GPU and runtime", "same GPU", "same architecture", "datasheet only"]
EVIDENCE_ORDER: Final[tuple[Evidence, ...]] = (
    "this GPU and runtime", "same GPU", "same architecture", "datasheet only",
)  # fmt: skip
"""From the closest evidence to the weakest."""
Quantity = Literal["tpot", "ttft", "throughput", "tpot_p99", "ttft_p99"]
Table = dict[str, Any]
_COMPUTE_KEYS: Final = {"fp16": "bf16", "fp8": "fp8", "int8": "fp8", "fp4": "nvfp4"}
_SAMPLED_RANKS: Final = (2, 4, 8)


@dataclass(frozen=True, slots=True)
class KernelRates:
    """What one kind of kernel achieves: compute, memory, fixed time of a launch."""

    compute_flop_per_s: Floats
    memory_bytes_per_s: Floats
    overhead_s: Floats


@dataclass(frozen=True, slots=True)
class Speeds:
    """Everything that turns work into time on one card (arrays: on many, an element each).

    Attributes:
        gemm: Matrix products in the weights' format.
        head: The language-model head, in 16 bits or the file's own format.
        attention: Attention of decode steps.
        prefill_flop_per_s: Attention of prompts.
        expert_compute_ratio: Share of the matrix products' compute that grouped experts reach.
        peak_flop_per_s, peak_bytes_per_s: The datasheet, for the η = 1 bound.
        peak_16bit_flop_per_s: The same in 16 bits.
    """

    gemm: KernelRates
    head: KernelRates
    attention: KernelRates
    prefill_flop_per_s: Floats
    expert_compute_ratio: Floats
    peak_flop_per_s: Floats
    peak_16bit_flop_per_s: Floats
    peak_bytes_per_s: Floats
    step_overhead_s: Floats
    layer_overhead_s: Floats
    sequence_overhead_s: Floats
    overlapped: bool
    family: str
    evidence: Evidence
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LinkSpeed:
    """An all-reduce among some ranks: latency and bus bandwidth."""

    latency_s: Floats
    bus_bytes_per_s: Floats
    evidence: Evidence


@functools.cache
def tables(name: str) -> Table:
    """Return one file of fitted parameters."""
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


def family_of(gpu: Gpu) -> Table:
    """Return the family of efficiencies that a card belongs to."""
    for family in tables("families")["family"]:
        if (
            gpu.architecture in family.get("architectures", (gpu.architecture,))
            and gpu.tier in family.get("tiers", (gpu.tier,))
            and gpu.vendor in family.get("vendors", (gpu.vendor,))
            and (gpu.compute_capability or "")
            in family.get("capabilities", (gpu.compute_capability or "",))
        ):
            found: Table = family
            return found
    raise AssertionError("the last family matches every card")  # a fault of families.toml


def peak_flop_per_s(gpu: Gpu, compute: str, *, fp16_accumulate: bool = False) -> float | None:
    """Return the dense peak of a card in the type that its tensor cores multiply.

    Where a card has no rate in that type it multiplies in 16 bits; where it has none published
    at all, ``None``.
    """
    peak = gpu.peak
    sixteen = peak.bf16_flop_per_s or peak.fp16_flop_per_s or peak.fp32_flop_per_s
    if fp16_accumulate and peak.fp16_fp16_accumulate_flop_per_s:
        sixteen = peak.fp16_fp16_accumulate_flop_per_s
    rates = {
        "fp16": sixteen,
        "fp8": peak.fp8_flop_per_s or sixteen,
        "int8": peak.int8_flop_per_s or sixteen,
        "fp4": peak.fp4_flop_per_s or peak.fp8_flop_per_s or sixteen,
    }
    return rates[compute]


def compute_type(gpu: Gpu, runtime: Runtime, format_name: str) -> tuple[str, bool]:
    """Return the type in which a card multiplies a format, and whether it unpacks it first."""
    if is_gguf_mix(format_name):
        return "fp16", format_name != "f16"
    chosen = weight_format(format_name)
    if chosen.compute != "fp16" and is_native(runtime, gpu, format_name):
        return chosen.compute, False
    return "fp16", chosen.bits_per_weight < 16.0  # noqa: PLR2004 - 16-bit types


def speeds(
    gpu: Gpu, runtime: Runtime, format_name: str, power_cap_w: float | None = None
) -> Speeds:
    """Return what a card achieves for a runtime and a stored weight format.

    A power cap below the board's limit slows compute by the cube root of its share
    (dynamic power rises with the cube of the clock, F13) and leaves memory alone.
    """
    family, added = family_of(gpu), tables("runtimes")[runtime.slug]
    compute, unpacks = compute_type(gpu, runtime, format_name)
    is_llama_cpp = runtime.slug == "llama.cpp"
    peak = peak_flop_per_s(gpu, compute, fp16_accumulate=is_llama_cpp)
    sixteen = peak_flop_per_s(gpu, "fp16", fp16_accumulate=is_llama_cpp)
    if peak is None or sixteen is None:
        peak = sixteen = _FALLBACK_FLOP_PER_BYTE * gpu.memory_bandwidth_bytes_per_s
    cap_ratio = (power_cap_w / gpu.board_power_w) if power_cap_w and gpu.board_power_w else 1.0
    factor = _runtime_factors_ratio(added, family["name"])
    clock_ratio = math.cbrt(min(1.0, cap_ratio))
    gemm = _gemm_rates(
        gpu, family, _COMPUTE_KEYS[compute], peak * clock_ratio, factor, unpacks=unpacks
    )
    head = _gemm_rates(
        gpu, family, "bf16", sixteen * clock_ratio, factor, unpacks=is_llama_cpp and unpacks
    )
    return Speeds(
        gemm=gemm,
        head=head,
        attention=_attention_rates(gpu, family, sixteen * clock_ratio, factor),
        prefill_flop_per_s=sixteen * clock_ratio * added["prefill_attention_ratio"],
        expert_compute_ratio=added["expert_compute_ratio"],
        peak_flop_per_s=peak,
        peak_16bit_flop_per_s=sixteen,
        peak_bytes_per_s=gpu.memory_bandwidth_bytes_per_s,
        step_overhead_s=added["step_overhead_s"],
        layer_overhead_s=added["layer_overhead_s"],
        sequence_overhead_s=added["sequence_overhead_s"],
        overlapped=added["overlapped"],
        family=family["name"],
        evidence=evidence_of(gpu, family, runtime),
        sources=_sources(family, added),
    )


_FALLBACK_FLOP_PER_BYTE: Final = 50.0
"""Where no peak is published: about what cards of the same kind offer a byte (Apple, 34 to 60)."""


def evidence_of(gpu: Gpu, family: Table, runtime: Runtime | None = None) -> Evidence:
    """Return how close the measurements behind a card's speeds are.

    ``this GPU and runtime``: whole runs of that pair were held against the predictions;
    ``same GPU``: its own kernels were timed; ``same architecture``: those of a sister card.
    """
    known = tables("evidence")
    if runtime is not None and gpu.slug in known["runs"].get(runtime.slug, ()):
        return "this GPU and runtime"
    if gpu.slug in known["kernels"]["gpus"]:
        return "same GPU"
    return "same architecture" if "kernels" in family else "datasheet only"


def _runtime_factors_ratio(added: Table, family_name: str) -> tuple[float, float]:
    """Return the shares of the kernels' compute and memory efficiency that a runtime keeps."""
    compute = added.get("compute_by_family_ratio", {}).get(
        family_name, added["compute_factor_ratio"]
    )
    memory = added.get("memory_by_family_ratio", {}).get(family_name, added["memory_factor_ratio"])
    return compute, memory


def _gemm_rates(
    gpu: Gpu,
    family: Table,
    key: str,
    type_flop_per_s: float,
    factor_ratio: tuple[float, float],
    *,
    unpacks: bool,
) -> KernelRates:
    """Return what matrix products achieve in one type on one card."""
    shares = _gemm_shares(gpu, family, key)
    packed = tables("families")["weight_only_ratio"]
    compute_ratio = (
        shares["compute_ratio"] * factor_ratio[0] * (packed["compute"] if unpacks else 1.0)
    )
    memory_ratio = shares["memory_ratio"] * factor_ratio[1] * (packed["memory"] if unpacks else 1.0)
    return KernelRates(
        type_flop_per_s * min(1.0, compute_ratio),
        gpu.memory_bandwidth_bytes_per_s * min(1.0, memory_ratio),
        shares["overhead_s"],
    )


def _gemm_shares(gpu: Gpu, family: Table, key: str) -> Table:
    """Return fitted shares of a type: own samples, the related family's, or 16 bits scaled."""
    sampled: Table = tables("kernels")["gemm"]
    for name in (family.get("kernels"), family.get("related")):
        if name and key in sampled.get(name, {}):
            override = tables("families")["override"].get(gpu.slug, {}).get(key, {})
            return {**sampled[name][key], **override}
    base: Table = sampled[family["kernels"]]["bf16"] if "kernels" in family else family
    scale = tables("families")["format_factor_ratio"].get(key, 1.0)
    return {**base, "compute_ratio": base["compute_ratio"] * scale}


def _attention_rates(
    gpu: Gpu, family: Table, type_flop_per_s: float, factor_ratio: tuple[float, float]
) -> KernelRates:
    """Return what decode attention achieves (16-bit cache; an 8-bit one moves half the bytes)."""
    sampled: Table = tables("kernels")["attention"]
    names = (family.get("kernels"), family.get("related"))
    shares = next((sampled[name]["bf16"] for name in names if name in sampled), None)
    if shares is None:
        shares = {
            "compute_ratio": 0.3,
            "memory_ratio": 0.85 * family["memory_ratio"],
            "overhead_s": 2.0 * family["overhead_s"],
        }
    return KernelRates(
        type_flop_per_s * shares["compute_ratio"],
        gpu.memory_bandwidth_bytes_per_s * min(1.0, shares["memory_ratio"] * factor_ratio[1]),
        shares["overhead_s"],
    )


def _sources(family: Table, added: Table) -> tuple[str, ...]:
    """Return what the shares were fitted on."""
    fitted = tables("kernels")["meta"]["fitted_on"] if "kernels" in family else [family["source"]]
    return (*fitted, added["source"])


def link_speed(gpu: Gpu, link: Link, ranks: int) -> LinkSpeed:
    """Return the all-reduce speed among ``ranks`` cards joined by a link.

    Own samples where the family was timed on that kind of link, else the link's defaults as
    shares of its rated bandwidth. Between sampled rank counts the nearest one above counts.
    """
    if ranks <= 1:
        return LinkSpeed(0.0, math.inf, "same GPU")
    nearest = next((n for n in _SAMPLED_RANKS if n >= ranks), _SAMPLED_RANKS[-1])
    family = family_of(gpu)
    if link.kind in family.get("links", ()):
        fits = tables("kernels")["all_reduce"][family["kernels"]]
        fit = (fits.get("custom") or fits["nccl"])[f"n{nearest}"]
        own = link.bytes_per_s / _rated_bytes_per_s(gpu)
        return LinkSpeed(
            fit["latency_s"], fit["bus_bytes_per_s"] * min(1.0, own), evidence_of(gpu, family)
        )
    default = tables("families")["link"][link.kind]
    return LinkSpeed(
        default["latency_s"][str(nearest)],
        link.bytes_per_s * default["bandwidth_ratio"][str(nearest)],
        "datasheet only",
    )


def _rated_bytes_per_s(gpu: Gpu) -> float:
    """Return the link rate that a card's samples were timed at."""
    if gpu.fabric is not None and gpu.fabric.topology == "switch":
        return gpu.fabric.bytes_per_s
    return gpu.pcie.bytes_per_s if gpu.pcie else math.inf


def half_width_ratio(quantity: Quantity, evidence: Evidence) -> float:
    """Return the factor between the middle and the ends of a quantity's interval."""
    factor: float = tables("intervals")[quantity][evidence]
    return factor

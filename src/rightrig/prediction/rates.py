"""What each kind of work achieves: datasheet rates times the parameters that a deployment uses.

The formulas take numbers for one deployment, or arrays with an element for each of many: a
prediction and the calibration of all measured runs share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.compatibility import is_native
from rightrig.facts.quantization import is_gguf_mix, weight_format
from rightrig.prediction.parameters import family_of, kernels_of, sampled_ranks, tables, value
from rightrig.prediction.power import draw_of, waiting_draw_ratio
from rightrig.prediction.power_cap import clock_ratio, memory_speed_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.deployment.rig import Link
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime
    from rightrig.prediction.parameters import Engine
    from rightrig.work.operators import Floats, OperatorKind

COMPUTE_KEYS: Final = {"fp16": "bf16", "fp8": "fp8", "int8": "fp8", "fp4": "nvfp4"}
_SIXTEEN_BITS: Final = 16.0
_BUS_LINKS: Final = frozenset({"pcie", "pcie-host", "network", "mesh", "ada_pro", "blackwell_rtx"})
"""Keys of links other than NVLink; the two families were sampled on PCIe."""
_FALLBACK_FLOP_PER_BYTE: Final = 50.0
"""Where no peak is published: about what cards of the same kind offer a byte (Apple, 34 to 60)."""
_DECODE_SCORES_RATIO: Final = 0.4
"""Compute share of decode attention, where timings cannot tell it (``kernel_fit``)."""
_STAGE_RATIO: Final = 0.7
"""Share of a link's rate that one transfer from stage to stage reaches: a judgement."""


@dataclass(frozen=True, slots=True)
class KernelRates:
    """What one kind of work achieves: compute, memory (or link), fixed time of a launch."""

    compute_flop_per_s: Floats
    memory_bytes_per_s: Floats
    overhead_s: Floats


@dataclass(frozen=True, slots=True)
class Sheet:
    """The datasheet's side of a deployment: rates that no efficiency has touched.

    Attributes:
        flop_per_s: Of the type in which weights are multiplied, at the capped clock.
        sixteen_flop_per_s: In 16 bits, at the capped clock.
        memory_bytes_per_s: Of the card's memory, under the cap.
        link_bytes_per_s, stage_bytes_per_s: Of a card among ranks, and from stage to stage.
        gemm_overhead_s, attention_overhead_s: Fixed times of the sampled kernels.
        head_ratio: Share of the 16-bit rate that sampled products reach.
        head_is_packed: The head is unpacked like other weights.
    """

    flop_per_s: Floats
    sixteen_flop_per_s: Floats
    memory_bytes_per_s: Floats
    link_bytes_per_s: Floats
    stage_bytes_per_s: Floats
    gemm_overhead_s: Floats
    attention_overhead_s: Floats
    head_ratio: Floats
    head_is_packed: Floats


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
        return "fp16", format_name not in {"f16", "bf16"}
    chosen = weight_format(format_name)
    if chosen.compute != "fp16" and is_native(runtime, gpu, format_name):
        return chosen.compute, False
    return "fp16", chosen.bits_per_weight < _SIXTEEN_BITS


def link_key(gpu: Gpu, link: Link, ranks_count: int) -> str:
    """Return whose samples stand for messages among some ranks of a card: family's or link's."""
    family = family_of(gpu)
    name = family["name"] if link.kind in family.get("links", ()) else link.kind
    if link.kind == "none":
        name = "pcie"  # one card sends nothing; any key will do
    return f"{name}.{sampled_ranks(ranks_count)}"


def keys_of(
    gpu: Gpu, engine: Engine, width: str, link: str, *, has_groups: bool = False
) -> dict[str, str]:
    """Return which parameter of each kind a deployment uses.

    Args:
        gpu: The card.
        engine: The era of its engine.
        width: The type that is multiplied (``bf16``, ``fp8``, ``nvfp4``), or ``packed``.
        link: Key of the link among ranks; of one from stage to stage where there are no ranks.
        has_groups: Whether groups of ranks have sequences of their own (attention-DP), which
            start their steps together and wait for each other.
    """
    family = family_of(gpu)["name"]
    compute = "bf16" if width == "packed" else width
    waits = f"{engine.era}.groups" if has_groups else engine.era
    own, pair = f"{engine.era}.{width}", f"{engine.era}|{family}"
    kernels = f"{engine.era}.packed|{family}" if width == "packed" else pair
    is_bus = link.rpartition(".")[0] in _BUS_LINKS
    era_link = f"{engine.era}.{'bus' if is_bus else 'nvlink'}"
    return {
        "compute": f"{family}.{compute}", "memory": family, "cache": family, "scores": family,
        "card_compute": gpu.slug, "card_memory": gpu.slug,
        "engine_compute": own, "engine_memory": own, "engine_cache": engine.era,
        "engine_scores": engine.era, "experts_compute": own, "experts_memory": own,
        "experts_s": engine.era, "step_s": engine.era, "layer_s": engine.era,
        "sequence_s": engine.era, "request_s": waits, "eager_s": engine.era,
        "launch_ratio": engine.era, "miss_ratio": waits, "burst_ratio": waits,
        "turn_s": engine.era,
        "pair_compute": kernels, "pair_memory": kernels, "pair_host": pair,
        "latency_s": link, "bus": link,
        "engine_latency": era_link, "engine_bus": era_link,
    }  # fmt: skip


def sheet_of(
    gpu: Gpu, engine: Engine, width: str, compute: str, power_cap_w: float | None = None
) -> Sheet:
    """Return the datasheet's side for a card; links are added by the caller.

    A power cap slows compute with the clock; where it lies below what reading memory draws, it
    slows that a little too.
    """
    peak = peak_flop_per_s(gpu, compute, fp16_accumulate=engine.fp16_accumulate)
    sixteen = peak_flop_per_s(gpu, "fp16", fp16_accumulate=engine.fp16_accumulate)
    if peak is None or sixteen is None:
        peak = sixteen = _FALLBACK_FLOP_PER_BYTE * gpu.memory_bandwidth_bytes_per_s
    cap_ratio = power_cap_w / gpu.board_power_w if power_cap_w and gpu.board_power_w else 1.0
    clock = float(clock_ratio(cap_ratio))
    waiting = clock_ratio(cap_ratio, waiting_draw_ratio(draw_of(gpu)))
    family = family_of(gpu)
    own_ratio = float(tables("families")["override"].get(gpu.slug, {}).get(width, 1.0))
    gemm, _ = kernels_of(family, "bf16" if width == "packed" else width)
    plain, _ = kernels_of(family, "bf16")
    attention, _ = kernels_of(family, "bf16", "attention")
    fixed = (gemm or plain or family)["overhead_s"]
    return Sheet(
        flop_per_s=peak * clock * own_ratio,
        sixteen_flop_per_s=sixteen * clock,
        memory_bytes_per_s=gpu.memory_bandwidth_bytes_per_s * float(memory_speed_ratio(waiting)),
        link_bytes_per_s=1.0,
        stage_bytes_per_s=1.0,
        gemm_overhead_s=fixed,
        attention_overhead_s=attention["overhead_s"] if attention else 2.0 * fixed,
        head_ratio=(plain or family)["compute_ratio"],
        head_is_packed=float(engine.by_layers and width == "packed"),
    )


def kernel_rates(sheet: Sheet, of: Callable[[str], Floats]) -> dict[OperatorKind, KernelRates]:
    """Return what every kind of work achieves.

    Args:
        sheet: The datasheet's side.
        of: The value of the parameter of a kind.
    """
    return {**_product_rates(sheet, of), **_attention_rates(sheet, of), **_link_rates(sheet, of)}


def _product_rates(
    sheet: Sheet, of: Callable[[str], Floats]
) -> dict[OperatorKind, KernelRates]:  # fmt: skip
    """Return what matrix products achieve, and what runs row by row."""
    top, shared = sheet.memory_bytes_per_s, of("memory") * of("card_memory")
    card, pair = of("card_compute") * of("pair_compute"), of("pair_memory")
    launch_s = of("launch_ratio") * sheet.gemm_overhead_s
    products = _share(shared * of("engine_memory") * pair) * top
    whole = _share(shared * pair) * top
    return {
        "gemm": KernelRates(
            sheet.flop_per_s * _share(of("compute") * of("engine_compute") * card),
            products,
            launch_s,
        ),
        "head": KernelRates(
            sheet.sixteen_flop_per_s * _share(sheet.head_ratio * of("card_compute")),
            np.where(sheet.head_is_packed, products, whole),
            launch_s,
        ),
        "experts": KernelRates(
            sheet.flop_per_s * _share(of("compute") * of("experts_compute") * card),
            _share(shared * of("experts_memory") * pair) * top,
            of("experts_s") / 2.0 + launch_s,
        ),
        "rows": KernelRates(np.inf, _share(shared) * top, of("layer_s") * of("pair_host")),
    }


def _attention_rates(
    sheet: Sheet, of: Callable[[str], Floats]
) -> dict[OperatorKind, KernelRates]:  # fmt: skip
    """Return what attention achieves, of sequences that decode and of prompts."""
    reached = of("card_memory") * of("cache") * of("engine_cache") * of("pair_memory")
    cached = _share(reached) * sheet.memory_bytes_per_s
    scores = of("scores") * of("engine_scores") * of("card_compute") * of("pair_compute")
    return {
        "attention": KernelRates(
            sheet.sixteen_flop_per_s * _share(_DECODE_SCORES_RATIO * of("card_compute")),
            cached,
            of("launch_ratio") * sheet.attention_overhead_s,
        ),
        "prefill": KernelRates(sheet.sixteen_flop_per_s * _share(scores), cached, 0.0),
    }


def _link_rates(
    sheet: Sheet, of: Callable[[str], Floats]
) -> dict[OperatorKind, KernelRates]:  # fmt: skip
    """Return what messages among ranks and from stage to stage achieve."""
    latency_s = of("latency_s") * of("engine_latency")
    bus = _share(of("bus") * of("engine_bus")) * sheet.link_bytes_per_s
    ranks = KernelRates(np.inf, bus, latency_s)
    stage = _share(_STAGE_RATIO * of("engine_bus")) * sheet.stage_bytes_per_s
    return {
        "all_reduce": ranks,
        "all_gather": ranks,
        "all_to_all": ranks,
        "send": KernelRates(np.inf, stage, latency_s),
    }


def _share(product_ratio: Floats) -> Floats:
    """Return a share of a datasheet's rate: products of factors may not pass it."""
    return np.minimum(product_ratio, 1.0)


def looked_up(keys: Mapping[str, str]) -> Callable[[str], float]:
    """Return the fitted value of each kind for one deployment's keys."""
    return lambda kind: value(kind, keys[kind])

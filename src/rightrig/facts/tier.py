"""Which market a card is made for, and the attributes that say so.

A tier follows from the brand, the connectors and the form; it promises nothing else: an
RTX 3090 is a consumer card with NVLink, an A10 a data-centre card without it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu, Tier

_CONSUMER: Final = re.compile(r"GeForce|TITAN|Radeon (?:RX|VII)|Arc [AB]\d|Ryzen|Apple")
_GEFORCE: Final = re.compile(r"GeForce|TITAN")
_ECC: Final = {
    "none": "no ECC",
    "native": "ECC built into the memory",
    "optional-on": "ECC that can be switched off",
    "optional-off": "ECC that can be switched on",
}


def computed_tier(gpu: Gpu) -> tuple[Tier, str]:
    """Return the tier that follows from a card's attributes, and the one that decides."""
    if gpu.vendor == "Google":
        return "cloud", "it is only rented, never sold"
    if "module" in gpu.form_factor:
        return "embedded", "it is a module for devices"
    if _CONSUMER.search(gpu.name):
        return "consumer", "its brand is made for personal computers"
    if gpu.display_output_count:
        return (
            "professional",
            f"a workstation brand with {gpu.display_output_count} display outputs",
        )
    if gpu.form_factor == "SoC":
        return "professional", "a workstation's system on a chip"
    return "data-centre", "a server part without display outputs"


def tier_reasons(gpu: Gpu) -> tuple[str, ...]:
    """Return the sentences behind a card's tier: what decides, and what it has beside that."""
    tier, decisive = computed_tier(gpu)
    if tier != gpu.tier:
        tier, decisive = gpu.tier, "its record says so"
    has = [gpu.form_factor, _fabric(gpu), _ECC[gpu.ecc], _mig(gpu), _fp64(gpu)]
    sentences = [
        f"{tier}: {decisive}",
        f"it has: {'; '.join(text for text in has if text)}",
    ]
    if _GEFORCE.search(gpu.name):
        sentences.append("the licence of the GeForce driver excludes deployment in data centres")
    return tuple(sentences)


def _fabric(gpu: Gpu) -> str:
    """Return what joins cards beside PCIe."""
    if gpu.fabric is None:
        return "no link between cards but PCIe" if gpu.pcie is not None else ""
    name = {"nvlink": "NVLink", "infinity-fabric": "Infinity Fabric", "ici": "ICI"}.get(
        gpu.fabric.kind, gpu.fabric.kind
    )
    if gpu.fabric.topology == "bridge":
        return f"{name} by a bridge between {gpu.fabric.max_cards} cards"
    return f"{name} between {gpu.fabric.max_cards} cards"


def _mig(gpu: Gpu) -> str:
    """Return how far it can be divided."""
    count = gpu.mig_instance_count
    if not count:
        return ""
    return f"{'MIG' if gpu.vendor == 'NVIDIA' else 'partitions'} of up to {count} instances"


def _fp64(gpu: Gpu) -> str:
    """Return how FP64 vectors compare with FP32 vectors."""
    peak = gpu.peak
    if peak.fp64_flop_per_s is None or peak.fp32_flop_per_s is None:
        return ""
    ratio = peak.fp32_flop_per_s / peak.fp64_flop_per_s
    return f"FP64 at 1/{ratio:.0f} of FP32" if ratio > 1.5 else "FP64 at the rate of FP32"  # noqa: PLR2004 - between one and a half

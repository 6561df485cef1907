"""Which record of the catalogue a card is, by the name that its driver gives it and its memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, UnknownNameError
from rightrig.facts.source import Source
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.measuring.probe.readings import Card

# nvidia-smi prints 0.935 (L4, error correction on) to 1.0 of the class; system_profiler all of it.
_LEAST_RATIO: Final = 0.90
_MOST_RATIO: Final = 1.08
_FORMS: Final = {"sxm": "SXM", "pcie": "PCIe", "nvl": "NVL", "oam": "OAM", "hbm3": "SXM"}
_NOISE: Final = re.compile(
    r"\b(nvidia|amd|geforce|tesla|radeon(?= instinct)|graphics|vf)\b", re.IGNORECASE
)
_OWN: Final = "this-"


@dataclass(frozen=True, slots=True)
class Known:
    """A card, and what the catalogue knows of it.

    Attributes:
        gpu: Its record; ``None`` where there is none.
        is_variant: Whether the record is the catalogue's with this card's own memory.
        reason: Why there is no record.
        nearest: Slugs that look like it.
    """

    card: Card
    gpu: Gpu | None
    is_variant: bool = False
    reason: str = ""
    nearest: tuple[str, ...] = ()


def known(card: Card, catalog: Catalog) -> Known:
    """Return the record of a card.

    Of several that answer to its name, memory decides, then the form that the name tells. Where
    only the memory differs, the card gets a record of its own.
    """
    if card.lost or not card.name:
        return Known(card, None, reason=card.lost or "it has no name")
    for name in dict.fromkeys((card.name, _NOISE.sub("", card.name).strip())):
        claims = sorted(catalog.claims("gpus", name))
        if claims:
            return _chosen(card, [catalog.gpu(slug) for slug in claims])
    try:
        return _chosen(card, [catalog.gpu(card.name)])
    except UnknownNameError as error:
        return Known(card, None, reason=str(error), nearest=error.suggestions)
    except InputError as error:
        return Known(card, None, reason=str(error))


def _chosen(card: Card, gpus: list[Gpu]) -> Known:
    """Return the best of the records that answer to a card's name."""
    gpus = [gpu for gpu in gpus if _has_cores(card, gpu)] or gpus
    fitting = [gpu for gpu in gpus if _LEAST_RATIO <= memory_ratio(card, gpu) <= _MOST_RATIO]
    form = next((text for word, text in _FORMS.items() if word in card.name.lower()), "")
    candidates = fitting or gpus
    shaped = [gpu for gpu in candidates if form and gpu.form_factor.startswith(form)]
    gpu = min(shaped or candidates, key=lambda one: abs(memory_ratio(card, one) - 1.0))
    if not _has_cores(card, gpu):
        reason = (
            f"{gpu.slug} has {gpu.sm_count} cores and this one {card.sm_count}, so that it is "
            "another"
        )
        return Known(card, None, reason=reason, nearest=(gpu.slug,))
    if fitting:
        return Known(card, gpu)
    return Known(card, variant(card, gpu), is_variant=True)


def _has_cores(card: Card, gpu: Gpu) -> bool:
    """Whether a card and a record have as many cores, where both say.

    Only Apple sells chips of several sizes under one name.
    """
    if card.vendor != "Apple" or card.sm_count is None or gpu.sm_count is None:
        return True
    return card.sm_count == gpu.sm_count


def memory_ratio(card: Card, gpu: Gpu) -> float:
    """Return the memory that the driver prints over the record's; 1 where it prints none."""
    if card.memory_mib is None or (gpu.memory_is_unified and card.vendor != "Apple"):
        return 1.0
    mib = gpu.memory_nvml_mib or gpu.memory_marketed_gib * GIB / MIB
    return card.memory_mib / mib


def variant(card: Card, gpu: Gpu) -> Gpu:
    """Return a record with this card's own memory: ``this-m3-max-36gb``."""
    memory_mib = card.memory_mib or 0
    size_gib = max(1, round(memory_mib * MIB / GIB))
    own = Source(
        reference="rightrig probe",
        kind="measured",
        fields=("memory_marketed_gib", "memory_nvml_mib"),
        note=f"what its driver says; all else is of {gpu.slug}",
    )
    return gpu.model_copy(
        update={
            "slug": f"{_OWN}{gpu.slug}-{size_gib}gb",
            "name": f"{gpu.name}, {size_gib} GiB",
            "aliases": (),
            "memory_marketed_gib": float(size_gib),
            "memory_nvml_mib": None if gpu.memory_is_unified else memory_mib,
            "memory_cuda_bytes": card.memory_cuda_bytes,
            "launch_price_usd": None,
            "street_price": None,
            "sources": (own, *gpu.sources),
        }
    )

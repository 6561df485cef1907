"""What a planned rig looks like from the machine: cards, slots, links, and what messages reach."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError
from rightrig.facts.gpu import PROCESSOR
from rightrig.prediction.kernels import allreduce
from rightrig.quantities import GB, MIB
from rightrig.recipes.versions import least_driver
from rightrig.watching.expecting import expected_cards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.rig import CardGroup, Link
    from rightrig.facts.gpu import Gpu
    from rightrig.recipes.serving import Serving
    from rightrig.watching.expected import ExpectedCard

Path = Literal["", "nvlink", "bridge", "peers", "host"]
MESSAGE_BYTES: Final = 256 << 20
"""Of the all-reduce: large enough that latency no longer counts."""
_PAIR_RATIO: Final = 0.6
"""Of a link's rate, what a copy between two cards surely reaches: a judgement. Sound links reach
about 0.8."""
_KNOWN_RATIO: Final = 0.99
_ESTIMATED_RATIO: Final = 0.9
"""Of the planned memory that a card must show at least: as printed elsewhere, or as estimated."""
_OTHER_RATIO: Final = 1.03
"""Of the planned memory above which a card of an unknown name is another."""
_POWER_RATIO: Final = 0.95
_NOISE: Final = re.compile(r"nvidia|geforce|tesla")


@dataclass(frozen=True, slots=True)
class Kind:
    """Equal cards of one machine, by their numbers.

    Attributes:
        names: What their driver may call them, as :func:`plain_name` writes it.
        indices: Their numbers on the machine.
        least_mib: Memory that ``nvidia-smi`` must print at least.
        most_mib: Memory up to which a card of an unknown name may be one of them.
        generation, lanes: Of the slot that the rig names, else of the card.
        links_count: NVLinks that must be up.
        least_w: Power limit below which they are slower than predicted.
        has_ecc: Whether error correction is on as they are delivered.
        mig: Profile of the instances; empty for whole cards.
        instances_count: Of that profile, on all of them.
    """

    slug: str
    title: str
    names: tuple[str, ...]
    indices: tuple[int, ...]
    least_mib: int
    most_mib: int
    generation: int | None
    lanes: int | None
    links_count: int | None
    least_w: int | None
    has_ecc: bool
    mig: str = ""
    instances_count: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One machine of a planned rig.

    Attributes:
        path: How the cards of one engine reach each other.
        ranks_count: Cards of one engine on this machine.
        least_driver: Oldest driver of the pinned CUDA and of the cards; empty where not known.
        bus_gb_per_s: Bus bandwidth that an all-reduce among them reaches at least, the lower end
            of the prediction; ``None`` where none is predicted.
        pair_gb_per_s: What a copy between two cards reaches at least; ``None`` for no direct path.
    """

    rig: str
    kinds: tuple[Kind, ...]
    path: Path
    ranks_count: int
    least_driver: str
    bus_gb_per_s: float | None
    pair_gb_per_s: float | None

    @property
    def cards_count(self) -> int:
        """Cards of the machine."""
        return sum(len(kind.indices) for kind in self.kinds)


def wanted_of(serving: Serving) -> Wanted | None:
    """Return what a machine must look like; ``None`` where this is not checked.

    Checked are cards of NVIDIA, whose programs and their output were read.
    """
    rig = serving.deployment.rig
    if (
        any(group.gpu.vendor != "NVIDIA" for group in rig.groups)
        or rig.gpu.architecture == PROCESSOR
    ):
        return None
    ranks = min(serving.engine_cards, rig.cards_per_node)
    link = rig.link(ranks)
    return Wanted(
        rig=rig.text,
        kinds=tuple(_kinds(serving)),
        path=_path(link, rig.groups),
        ranks_count=ranks,
        least_driver=least_driver(serving),
        bus_gb_per_s=_bus_gb_per_s(serving, ranks),
        pair_gb_per_s=_pair_gb_per_s(serving, link),
    )


def plain_name(name: str) -> str:
    """Return a card's name without what differs from driver to driver.

    >>> plain_name("NVIDIA GeForce RTX 4090"), plain_name("Tesla V100-SXM2-32GB")
    ('rtx4090', 'v100sxm232gb')
    """
    return _NOISE.sub("", name.lower().translate(str.maketrans("", "", " -_\t")))


def _kinds(serving: Serving) -> Iterator[Kind]:
    """Yield the kinds of cards of one machine, in the order of the rig."""
    first = 0
    groups = serving.deployment.rig.groups
    for expected, group in zip(expected_cards(serving.deployment), groups, strict=True):
        # Instances of MIG are counted by the rig, cards by the machine.
        count = math.ceil(group.count / group.mig_most_count) if group.mig else group.count
        yield _kind(expected, group, tuple(range(first, first + count)))
        first += count


def _kind(expected: ExpectedCard, group: CardGroup, indices: tuple[int, ...]) -> Kind:
    """Return one kind of cards."""
    gpu = group.gpu
    is_printed = gpu.memory_nvml_mib is not None
    ratio = _KNOWN_RATIO if is_printed else _ESTIMATED_RATIO
    is_shared = gpu.memory_is_unified or bool(group.mig)
    watts = expected.power_limit_w
    return Kind(
        slug=gpu.slug,
        title=gpu.name,
        names=_names(gpu),
        indices=indices,
        least_mib=0 if is_shared else int(expected.memory_total_bytes * ratio / MIB),
        most_mib=0 if is_shared else int(expected.memory_total_bytes * _OTHER_RATIO / MIB),
        generation=expected.pcie_generation,
        lanes=expected.pcie_lanes,
        links_count=expected.links_count,
        least_w=None if watts is None or group.mig else int(watts * _POWER_RATIO),
        has_ecc=gpu.ecc in {"native", "optional-on"},
        mig=group.mig,
        instances_count=group.count if group.mig else 0,
    )


def _names(gpu: Gpu) -> tuple[str, ...]:
    """Return what a driver may call a card, each once."""
    return tuple(sorted({plain_name(name) for name in (gpu.slug, gpu.name, *gpu.aliases)} - {""}))


def _path(link: Link, groups: tuple[CardGroup, ...]) -> Path:
    """Return how cards of one engine must reach each other."""
    if link.kind == "pcie-host":
        return "host"
    if link.kind in {"nvlink-switch", "mesh"} or any(group.board for group in groups):
        return "nvlink" if link.kind != "none" else ""
    if link.kind == "nvlink-bridge":
        return "bridge"
    return "peers" if link.kind == "pcie" else ""


def _bus_gb_per_s(serving: Serving, ranks_count: int) -> float | None:
    """Return the least bus bandwidth of an all-reduce, the lower end of its prediction."""
    try:
        found = allreduce(serving.deployment.rig, float(MESSAGE_BYTES), ranks_count)
    except InputError:
        return None
    moved_bytes = 2.0 * (ranks_count - 1) / ranks_count * MESSAGE_BYTES
    return moved_bytes / found.time_s.high / GB


def _pair_gb_per_s(serving: Serving, link: Link) -> float | None:
    """Return what a copy between two cards of an engine surely reaches."""
    rig = serving.deployment.rig
    is_lone_pair = link.kind == "nvlink-bridge" and rig.cards_per_node == 2  # noqa: PLR2004 - a pair
    if link.kind not in {"nvlink-switch", "mesh", "pcie"} and not is_lone_pair:
        return None
    return _PAIR_RATIO * rig.link(2).bytes_per_s / GB

"""Cards that are most like a card: what else to look at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.gpu import Gpu

_MOST: Final = 6


@dataclass(frozen=True, slots=True)
class AlikeCard:
    """A card beside another one.

    Attributes:
        memory_ratio: Its visible memory over the other's; so the bandwidth.
        rate_ratio: Its dense rate of 16 bits over the other's; ``None`` where one is unknown.
    """

    gpu: Gpu
    memory_ratio: float
    bandwidth_ratio: float
    rate_ratio: float | None

    @property
    def distance_ratio(self) -> float:
        """How far apart they are: ``√(ln² memory + ln² bandwidth + ln² rate)``.

        Twice as much counts as half as much does; a rate that is not known counts as twice off.
        """
        rate = self.rate_ratio or 2.0
        parts = (self.memory_ratio, self.bandwidth_ratio, rate)
        return math.hypot(*(math.log(part) for part in parts))


def alike_cards(gpus: Sequence[Gpu], gpu: Gpu, most: int = _MOST) -> tuple[AlikeCard, ...]:
    """Return the cards nearest to one in memory, bandwidth and rate of 16 bits, nearest first.

    Args:
        gpus: To choose from; the card itself is left out.
        gpu: The card.
        most: How many.
    """
    found = [_beside(other, gpu) for other in gpus if other.slug != gpu.slug]
    return tuple(sorted(found, key=lambda one: (one.distance_ratio, one.gpu.slug))[:most])


def _beside(other: Gpu, gpu: Gpu) -> AlikeCard:
    """Return one card beside another."""
    own, its = (g.peak.bf16_flop_per_s or g.peak.fp16_flop_per_s for g in (gpu, other))
    return AlikeCard(
        other,
        other.memory_bytes.mid / gpu.memory_bytes.mid,
        other.memory_bandwidth_bytes_per_s / gpu.memory_bandwidth_bytes_per_s,
        its / own if own and its else None,
    )

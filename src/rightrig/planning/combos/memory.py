"""A rig's memory: the pooled headline, and what each card really has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.quantities import GIB

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.interval import Interval

OVERHEAD_BYTES: Final = 5.0 * GIB
"""Of each card, for the runtime, activations and a sequence of some 32,000 tokens: a rule of
thumb, the same for every card."""
MEMORY_RATIO: Final = 1.0
"""Share of the visible memory that the headline counts; engines take 0.9 or 0.92 of it."""


@dataclass(frozen=True, slots=True)
class CardMemory:
    """Equal cards of a rig.

    Attributes:
        count: Of all nodes.
        marketed_bytes: Class of one card: "80 GB" is 80 GiB.
        visible_bytes: What the driver lets an engine see of one card.
        layer_ratio: Share of the layers that one card takes where they are dealt by memory.
        sweep_ratio: Share of the time that such a step spends on one card, where reading the
            weights bounds it: ``(layers / bandwidth)`` over the sum of it.
    """

    gpu: str
    count: int
    marketed_bytes: float
    visible_bytes: Interval
    bandwidth_bytes_per_s: float
    layer_ratio: float
    sweep_ratio: float


@dataclass(frozen=True, slots=True)
class PooledMemory:
    """The memory of all cards together: headlines, never a verdict.

    Attributes:
        memory_ratio: Share ``u`` of the visible memory that is counted.
        overhead_bytes: Taken off each card, ``O``.
    """

    cards: tuple[CardMemory, ...]
    memory_ratio: float
    overhead_bytes: float

    @property
    def cards_count(self) -> int:
        """Cards of the rig."""
        return sum(card.count for card in self.cards)

    @property
    def marketed_bytes(self) -> float:
        """Sum of the sizes on the boxes."""
        return sum(card.count * card.marketed_bytes for card in self.cards)

    @property
    def visible_bytes(self) -> float:
        """Sum of what drivers show, by the middle."""
        return sum(card.count * card.visible_bytes.mid for card in self.cards)

    @property
    def effective_bytes(self) -> float:
        """Effective VRAM ``Σ u·M − n·O`` over what drivers show."""
        return self._less_overhead_bytes(self.visible_bytes)

    @property
    def effective_marketed_bytes(self) -> float:
        """The same over the sizes on the boxes: 4 × 80 GiB − 4 × 5 GiB = 300 GiB."""
        return self._less_overhead_bytes(self.marketed_bytes)

    def _less_overhead_bytes(self, total_bytes: float) -> float:
        """Return what a total leaves by the rule, at least nothing."""
        return max(0.0, self.memory_ratio * total_bytes - self.cards_count * self.overhead_bytes)

    @property
    def equal_shares_bytes(self) -> float:
        """What equal shares can use, ``n·min(u·M − O)``: tensor parallelism and most engines."""
        least = min(card.visible_bytes.mid for card in self.cards)
        return self.cards_count * max(0.0, self.memory_ratio * least - self.overhead_bytes)

    @property
    def slowest(self) -> CardMemory:
        """The cards on which a step by layers spends most of its time, each."""
        return max(self.cards, key=lambda card: card.sweep_ratio)


def pooled_memory(
    rig: Rig, memory_ratio: float = MEMORY_RATIO, overhead_bytes: float = OVERHEAD_BYTES
) -> PooledMemory:
    """Return the memory of a rig, by one rule for every card.

    Args:
        rig: The cards.
        memory_ratio: Share of the visible memory to count, 0 to 1.
        overhead_bytes: To take off each card.
    """
    gpus = [(group.count * rig.nodes_count, group.gpu) for group in rig.groups]
    total_bytes = sum(count * gpu.memory_bytes.mid for count, gpu in gpus)
    layers = [gpu.memory_bytes.mid / total_bytes for _, gpu in gpus]
    sweeps = [
        share / gpu.memory_bandwidth_bytes_per_s
        for share, (_, gpu) in zip(layers, gpus, strict=True)
    ]
    whole = sum(count * sweep for sweep, (count, _) in zip(sweeps, gpus, strict=True))
    return PooledMemory(
        tuple(
            CardMemory(
                gpu=gpu.slug,
                count=count,
                marketed_bytes=gpu.memory_marketed_gib * GIB,
                visible_bytes=gpu.memory_bytes,
                bandwidth_bytes_per_s=gpu.memory_bandwidth_bytes_per_s,
                layer_ratio=layer,
                sweep_ratio=sweep / whole,
            )
            for (count, gpu), layer, sweep in zip(gpus, layers, sweeps, strict=True)
        ),
        memory_ratio,
        overhead_bytes,
    )

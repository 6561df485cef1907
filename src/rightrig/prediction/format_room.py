"""How many bits a weight may take: the finest quantisation that a fit leaves room for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.facts.quality import RISK_BELOW_BITS, best_format
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from rightrig.facts.quality import QualityPoint, QualityTable
    from rightrig.prediction.memory_fit import CardFit, Fit


@dataclass(frozen=True, slots=True)
class FormatRoom:
    """The most bits a weight that fit, and what is known of the quality there.

    Attributes:
        bits_per_weight: Mean over all weights; what lies beyond 16 says how much is left over.
        point: The published format of least perplexity that takes no more; ``None`` where
            nothing so small was published.
        table: Where that was measured.
    """

    bits_per_weight: float
    point: QualityPoint | None
    table: QualityTable | None

    @property
    def is_risky(self) -> bool:
        """Whether so few bits put the quality at risk."""
        return self.bits_per_weight < RISK_BELOW_BITS


def format_room(result: Fit) -> FormatRoom:
    """Return the room for weights at the asked context and concurrency.

    ``bits · min over cards of (weights + free) / weights``: all else stays as it is.
    """
    params = total_params_count(result.deployment.llm)
    own_bits = result.weights_bytes * 8.0 / params
    ratio = min(_room_ratio(card) for card in result.cards)
    bits = max(0.0, own_bits * ratio)
    found = best_format(bits, float(params)) if bits else None
    point, table = found or (None, None)
    return FormatRoom(bits, point, table)


def _room_ratio(card: CardFit) -> float:
    """Return what weights could take of one card, over what they take."""
    own = next(part.size_bytes.mid for part in card.components if part.name == "weights")
    return (own + card.free_bytes) / own if own else float("inf")

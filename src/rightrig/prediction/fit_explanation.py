"""Why a deployment fits or does not: sentences, figures and sources of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.explanation import Explanation, Figure
from rightrig.quantities import show_bytes, show_gib

if TYPE_CHECKING:
    from rightrig.prediction.memory_fit import Fit


def explained(result: Fit) -> Explanation:
    """Return sentences, figures and sources of a fit."""
    card = result.binding
    split = result.deployment.parallelism
    need = f"{show_gib(card.required_bytes.mid)} of {show_gib(card.budget_bytes.mid)}"
    traffic = f"{result.concurrency} × {result.context_tokens:,} tokens"
    if result.verdict == "no" and card.verdict != "no":
        first = (
            f"The host would need {show_gib(result.host_bytes)} of "
            f"{show_gib(result.host_budget_bytes)} for {traffic}, "
            f"{show_gib(result.host_bytes - result.host_budget_bytes)} too much; the cards hold "
            "their part."
        )
    elif result.verdict == "no":
        first = (
            f"Card {card.card} ({card.gpu}, {split.text}) would need {need} for {traffic}, "
            f"{show_gib(-card.free_bytes)} too much."
        )
    else:
        first = (
            f"Card {card.card} ({card.gpu}, {split.text}) needs {need} for {traffic}; "
            f"{card.headroom_ratio:.0%} of the budget stays free."
        )
    largest = max(card.components, key=lambda part: part.size_bytes.mid)
    second = f"Largest part: {largest.name}, {show_bytes(largest.size_bytes.mid)} a card."
    figures = (
        Figure("weights_bytes", result.weights_bytes, show_bytes(result.weights_bytes), "F3.2"),
        Figure(
            "kv_bytes_per_token",
            result.kv_bytes_per_token,
            f"{result.kv_bytes_per_token:,.0f} B",
            "F2",
        ),
        Figure("budget_bytes", card.budget_bytes.mid, show_bytes(card.budget_bytes.mid), "F4.0"),
    )
    sources = tuple(dict.fromkeys(part.basis for part in card.components))
    return Explanation((first, second), figures, sources)

"""The smallest rig of each card that holds a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.combos.rivals import SIZES, purchase_of
from rightrig.planning.fits import models_that_fit
from rightrig.work.weights import weight_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.costs.offers import Purchase
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.fits import ModelFit

USUAL_TOKENS: Final = 8192
"""Context of the one sequence that must fit beside the weights."""
_HELD: Final = ("fits", "tight")
_SMALLEST_FORMATS: Final = ("checkpoint", "nvfp4", "awq", "q3_k_m")


@dataclass(frozen=True, slots=True)
class SmallestRig:
    """The fewest cards of one kind that hold a model.

    Attributes:
        held: The model on it, in the largest format that fits.
        purchase: The cheapest on-demand offer; ``None`` where none is known.
    """

    rig: Rig
    held: ModelFit
    purchase: Purchase | None

    @property
    def order_key(self) -> tuple[bool, float, float]:
        """What is cheaper comes first; without a price what has less memory does."""
        rent = self.purchase.rent_usd_per_month if self.purchase else None
        memory_bytes = self.rig.gpu.memory_bytes.mid * self.rig.cards_count
        return (rent is None, rent or 0.0, memory_bytes)


def smallest_rigs(catalog: Catalog, llm: Llm, gpus: Iterable[Gpu]) -> tuple[SmallestRig, ...]:
    """Return, for each card of which 1, 2, 4 or 8 hold a model, the fewest, the cheapest first.

    One sequence of :data:`USUAL_TOKENS` tokens, or of the model's most, beside the weights.

    Args:
        catalog: For runtimes and prices.
        llm: The model.
        gpus: The cards.
    """
    prices = catalog.prices()
    least_bytes = min(weight_bytes(llm, name) for name in _SMALLEST_FORMATS)
    found = []
    for gpu in gpus:
        # A rig whose memory is smaller than the smallest file holds it in no format.
        counts = [n for n in SIZES if n * gpu.memory_bytes.high >= least_bytes]
        held = _fewest(catalog, llm, gpu, counts)
        if held is not None:
            rig, fit = held
            found.append(SmallestRig(rig, fit, purchase_of(prices, rig)))
    return tuple(sorted(found, key=lambda one: (*one.order_key, one.rig.text)))


def _fewest(
    catalog: Catalog, llm: Llm, gpu: Gpu, counts: Sequence[int]
) -> tuple[Rig, ModelFit] | None:
    """Return the first of some numbers of cards that holds a model."""
    for count in counts:
        rig = Rig((CardGroup(count, gpu),))
        fit = models_that_fit(catalog, rig, USUAL_TOKENS, 1, Choices(), (llm,))[0]
        if fit.verdict in _HELD:
            return rig, fit
    return None

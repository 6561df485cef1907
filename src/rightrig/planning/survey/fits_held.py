"""What a survey of fits finds: arrays with an element a model, and deployments on demand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.planning.survey.fits_offers import moved
from rightrig.prediction.memory_fit import VERDICT_RANK, Fit, fit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.deployment.deployment import Deployment, EngineLimits
    from rightrig.deployment.rig import Rig
    from rightrig.facts.llm import Llm
    from rightrig.planning.survey.fits_offers import Offers
    from rightrig.prediction.memory_fit import Verdict

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]
    Codes = NDArray[np.int64]

VERDICTS: Final[tuple[Verdict, ...]] = tuple(VERDICT_RANK)
"""Verdicts by their codes, best first."""


@dataclass(frozen=True, slots=True)
class Held:
    """What fits: arrays with an element a model, in the order of the book.

    Attributes:
        llms: The models.
        rig: The cards.
        tokens: Context of a sequence; a model made for less is judged at its own most.
        users_count: Sequences at once, over all replicas.
        verdict: Codes, places in ``VERDICTS``.
        headroom_ratio: Free share of the budget of the card that decides; negative where it does
            not fit, NaN where nothing could be tried; so are the other sizes.
        required_bytes, budget_bytes: What is needed and granted on that card, by the middle.
        max_context_tokens, max_concurrency: The largest possible, each with the other as asked;
            0 where nothing could be tried.
        weights_bytes: The whole model, once.
        rank: All places, the largest model first.
        fits: Scalar fits, of models that need them (layers in host memory), by place.
        reasons: Why nothing could be tried, by place, where the offers do not say.
        offers: What was tried on rigs of this kind.
        rows: By place, what was chosen of it, and its limits on this rig.
    """

    llms: tuple[Llm, ...]
    rig: Rig
    tokens: Codes
    users_count: int
    verdict: Codes
    headroom_ratio: Floats
    required_bytes: Floats
    budget_bytes: Floats
    max_context_tokens: Codes
    max_concurrency: Codes
    weights_bytes: Floats
    rank: Places
    fits: dict[int, Fit]
    reasons: dict[int, str]
    offers: Offers | None = None
    rows: dict[int, tuple[Deployment, EngineLimits]] | None = None

    def deployment(self, place: int) -> Deployment | None:
        """Return the deployment of the largest format that fits, else of the smallest tried."""
        if place in self.fits:
            return self.fits[place].deployment
        if self.rows is None or place not in self.rows:
            return None
        tried, limits = self.rows[place]
        return moved(tried, self.rig, tried.parallelism, limits)

    def reason(self, place: int) -> str:
        """Return why nothing could be tried; empty where something was."""
        if place in self.reasons or self.offers is None:
            return self.reasons.get(place, "")
        return self.offers.reason(place, self.rig)

    def fit(self, place: int) -> Fit | None:
        """Return the whole fit of one model, card by card; ``None`` where none could be tried."""
        deployment = self.deployment(place)
        if deployment is None or place in self.fits:
            return self.fits.get(place)
        return fit(deployment, int(self.tokens[place]), self.users_count)

    def order(self) -> Places:
        """Return places, the best verdict first, then the largest model, then by name."""
        return np.asarray(self.rank[np.argsort(self.verdict[self.rank], kind="stable")])


def put(found: Held, number: int, whole: Fit) -> None:
    """Put a scalar fit into the arrays."""
    card = whole.binding
    found.fits[number] = whole
    found.verdict[number] = VERDICT_RANK[whole.verdict]
    found.headroom_ratio[number] = card.headroom_ratio
    found.required_bytes[number] = card.required_bytes.mid
    found.budget_bytes[number] = card.budget_bytes.mid
    found.weights_bytes[number] = whole.weights_bytes
    found.max_context_tokens[number] = whole.max_context_tokens
    found.max_concurrency[number] = whole.max_concurrency

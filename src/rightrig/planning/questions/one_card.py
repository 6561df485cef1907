"""The question that decides most cases: does one card of a kind do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.fits import models_that_fit
from rightrig.planning.questions.market import (
    at_any_price,
    keeping_options,
    weights_text,
)
from rightrig.quantities import show_gib

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.fits import ModelFit
    from rightrig.planning.options import EngineOption
    from rightrig.planning.search import Space


@dataclass(frozen=True, slots=True)
class Deciding:
    """The single question: does one card of a kind do?

    Attributes:
        fits: The model on that card for one request, in the largest format that fits.
        carrying: The engine on one such card that carries most within the objectives.
        wanted_requests_per_s: The traffic with its headroom.
    """

    gpu: Gpu
    fits: ModelFit
    carrying: EngineOption | None
    wanted_requests_per_s: float

    @property
    def is_held(self) -> bool:
        """Whether the model fits the card."""
        return self.fits.verdict in {"fits", "tight"}

    @property
    def yes(self) -> bool:
        """Whether one such card does: the model fits, and the card carries the traffic."""
        return (
            self.is_held
            and self.carrying is not None
            and self.carrying.rate_requests_per_s >= self.wanted_requests_per_s
        )


def deciding(catalog: Catalog, llm: Llm, gpu: Gpu, question: Question, space: Space) -> Deciding:
    """Return whether one card of a kind holds a model and carries the traffic.

    Args:
        catalog: Where runtimes are looked up.
        llm: The model.
        gpu: The card.
        question: Traffic, objectives, headroom.
        space: Formats and runtimes; its cards play no part.
    """
    workload = question.workload
    tokens = workload.input_tokens + workload.output_tokens
    fixed = space.formats if space.formats and len(space.formats) == 1 else None
    choices = Choices(weights=fixed[0] if fixed else None, kv=space.kv)
    fits = models_that_fit(catalog, Rig((CardGroup(1, gpu),)), tokens, 1, choices, (llm,))[0]
    single = (
        option
        for option in keeping_options(llm, *at_any_price(question, space, gpu))
        if option.split.engine_cards == 1
    )
    carrying = max(single, key=lambda option: option.rate_requests_per_s, default=None)
    return Deciding(gpu, fits, carrying, question.wanted_requests_per_s)


def deciding_sentences(found: Deciding) -> tuple[str, ...]:
    """Return the single question, its answer, and what follows."""
    fit, gpu = found.fits.fit, found.gpu
    asked = f"Does one {gpu.name} do? {'Yes' if found.yes else 'No'}"
    if fit is None:
        return (f"{asked}: {found.fits.reason}.",)
    card, weights = fit.binding, weights_text(fit.deployment.precision.weights)
    if not found.is_held:
        return (
            (
                f"{asked}: {found.fits.llm.name} ({weights}) does not fit its "
                f"{show_gib(card.budget_bytes.mid)}, {show_gib(-card.free_bytes)} are lacking, so "
                "it takes more cards, a larger card or a smaller format."
            ),
        )
    held = f"the model fits ({weights}, {found.fits.verdict})"
    most = found.carrying
    wanted = f"{found.wanted_requests_per_s:.3g} requests/s with headroom"
    if most is None:
        return (f"{asked}: {held}, but it misses the objectives even when idle.",)
    does = "carries" if found.yes else "does not carry"
    consequence = (
        "anything larger buys speed, not the service itself"
        if found.yes
        else "more such cards or a quicker one are needed"
    )
    return (
        (
            f"{asked}: {held} and {does} the {wanted} ({most.rate_requests_per_s:.3g}/s at most, "
            f"in {weights_text(most.weights)}); {consequence}."
        ),
    )

"""From a deployment and its use to what a recipe is made of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from rightrig.demand.objective import Slo
from rightrig.deployment.limits import LAYERED
from rightrig.errors import InputError
from rightrig.prediction.drafting import speculating
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.predict import predict, refuse_unmodelled
from rightrig.prediction.regimes import Lengths
from rightrig.recipes.checkpoints import checkpoint_of
from rightrig.recipes.serving import Serving

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.recipes.serving import Speculation

_UNPREDICTED: Final = ("no", "offload")
"""Verdicts of which no speed is predicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How a deployment is used; see :class:`Serving` for what each word means.

    Attributes:
        checkpoint: What holds the weights, where the user says it.
        acceptance_ratio: Share of drafted tokens that are accepted; without it, what drafting
            gains is not predicted.
    """

    context_tokens: int
    concurrency: int
    input_tokens: int
    output_tokens: int
    peak_requests_per_s: float | None = None
    slo: Slo = field(default_factory=Slo)
    rigs_count: int = 1
    prefix_cache: bool = True
    speculation: Speculation | None = None
    acceptance_ratio: float | None = None
    checkpoint: str | None = None
    asked: str = ""


def serving_of(deployment: Deployment, use: Use) -> Serving:
    """Return what a recipe of a deployment is made of.

    Speed is predicted for as many users as are promised, or as memory admits; not where it is not
    modelled.

    Args:
        deployment: Its rules hold; whether it fits is for the reader of ``fit`` to see.
        use: What is asked of one rig.
    """
    serving = unpredicted(deployment, use)
    lengths = Lengths(float(use.input_tokens), float(max(use.output_tokens, 2)))
    if use.speculation is not None and use.acceptance_ratio is not None:
        lengths = speculating(lengths, use.speculation.tokens_count, use.acceptance_ratio)
    if not _is_modelled(deployment) or not _is_held(serving):
        return serving
    return replace(serving, prediction=predict(deployment, lengths, use.concurrency))


def unpredicted(deployment: Deployment, use: Use) -> Serving:
    """Return the same without a prediction of its speed, which takes longest."""
    checkpoint, wanted = checkpoint_of(deployment, use.checkpoint)
    return Serving(
        deployment=deployment,
        fit=fit(deployment, use.context_tokens, use.concurrency),
        checkpoint=checkpoint,
        context_tokens=use.context_tokens,
        concurrency=use.concurrency,
        input_tokens=use.input_tokens,
        output_tokens=use.output_tokens,
        peak_requests_per_s=use.peak_requests_per_s,
        slo=use.slo,
        rigs_count=use.rigs_count,
        prefix_cache=use.prefix_cache,
        speculation=use.speculation,
        checkpoint_wanted=wanted,
        asked=use.asked,
    )


def _is_held(serving: Serving) -> bool:
    """Whether memory holds what is promised: of full length, or in an engine that pages of mean."""
    if serving.fit.verdict not in _UNPREDICTED:
        return True
    if serving.fit.verdict == "offload" or serving.runtime.slug in LAYERED:
        return False
    mean = min(serving.input_tokens + serving.output_tokens, serving.context_tokens)
    return fit(serving.deployment, mean, serving.concurrency).verdict not in _UNPREDICTED


def _is_modelled(deployment: Deployment) -> bool:
    """Whether the speed of an engine is modelled, on these cards."""
    try:
        refuse_unmodelled(deployment)
    except InputError:
        return False
    return True

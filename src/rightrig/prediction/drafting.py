"""Speculative decoding: what a step yields, and what drafting its tokens costs (formulas F9.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.parallelism import Parallelism, tp_reason
from rightrig.errors import InputError
from rightrig.prediction.step_time import Drafting
from rightrig.prediction.timers import timer_of
from rightrig.quantities import check_count
from rightrig.work.companions import ahead_format
from rightrig.work.operators import speculated_tokens_count

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.llm import Llm
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.step_time import StepTimer

MOST_DRAFTED: Final = 64


def speculating(lengths: Lengths, drafted_count: int, acceptance_ratio: float) -> Lengths:
    """Return lengths whose steps verify drafted tokens and yield ``(1 − α^(γ+1))/(1 − α)``.

    Every drafted token is accepted with the same probability α, whatever came before it: an
    upper bound, for texts have easy and hard passages.

    Raises:
        InputError: for a share outside 0 … 1, or too many drafted tokens.
    """
    check_count(drafted_count, name="--spec-tokens", limit=MOST_DRAFTED)
    if not 0.0 <= acceptance_ratio < 1.0:
        raise InputError(
            f"--acceptance is {acceptance_ratio:g}: it is the share of drafted tokens that are "
            "accepted, at least 0 and below 1, such as 0.7"
        )
    return replace(
        lengths,
        tokens_per_step_count=drafted_count + 1.0,
        accepted_count=float(speculated_tokens_count(acceptance_ratio, drafted_count)),
    )


def timer_for(deployment: Deployment, lengths: Lengths) -> StepTimer:
    """Return the step timer of one engine, with the passes that draft tokens for it."""
    timer = timer_of(deployment)
    passes = lengths.tokens_per_step_count - 1.0
    drafter = _drafter(deployment) if passes > 0.0 else None
    return timer if drafter is None else replace(timer, draft=Drafting(timer_of(drafter), passes))


def _drafter(deployment: Deployment) -> Deployment | None:
    """Return what drafts as a deployment of its own on the same cards, without stages."""
    companions, llm = deployment.companions, deployment.llm
    if companions.draft is not None:
        drafter, weights = companions.draft, "checkpoint"
    elif companions.draft_ahead and llm.ahead is not None:
        drafter, weights = _layer_ahead(llm), ahead_format(llm)
    else:
        return None
    split = deployment.parallelism
    # A draft whose heads the ranks do not divide is whole on each of them.
    tp = split.tp if tp_reason(drafter, split.tp) is None else 1
    return replace(
        deployment,
        llm=drafter,
        parallelism=Parallelism(tp, attention_dp=split.attention_dp, ep=split.ep),
        precision=replace(deployment.precision, weights=weights),
    )


def _layer_ahead(llm: Llm) -> Llm:
    """Return one layer ahead with the head: the model of a pass that drafts one token."""
    ahead = llm.ahead
    assert ahead is not None  # noqa: S101 - the caller has looked
    block = llm.blocks[ahead.block]
    joined = block.model_copy(update={"other_params": block.other_params + ahead.other_params})
    return llm.model_copy(update={"blocks": (joined,), "layout": ((0, 1),)})

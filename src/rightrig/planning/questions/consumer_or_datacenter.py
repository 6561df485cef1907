"""What one consumer card holds, and where consumer cards stop being the cheapest."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.costs.money import cost_usd_per_token
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.flips import flip_sentences, flips, rate_grid_requests_per_s
from rightrig.planning.questions.gpu_count import HELD, Asked, gpu_count
from rightrig.planning.questions.market import (
    engine_text,
    keeping_options,
    market,
    weights_text,
)
from rightrig.planning.search import plan
from rightrig.quantities import show_number, show_seconds, show_usd

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.flips import Flip
    from rightrig.planning.planned import PlannedRig
    from rightrig.planning.questions.gpu_count import CountFit
    from rightrig.planning.questions.market import Hire, Market
    from rightrig.planning.search import Space

Cheapest = Literal["consumer", "other", "none"]
RATES_REQUESTS_PER_S: Final = (0.01, 1000.0)
"""Ends of the rates that are searched."""
_GRID_STEPS: Final = 120
_EVERY: Final = 1000
_TPOT_GRID_S: Final = (0.2, 0.1, 0.05, 0.025, 0.0125)
_TPOT_BISECTIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Corner:
    """The cheapest consumer cards and the cheapest others at one rate.

    Attributes:
        consumer, other: As the plan has them; ``None`` where none keeps the objectives.
    """

    rate_requests_per_s: float
    consumer: PlannedRig | None
    other: PlannedRig | None


@dataclass(frozen=True, slots=True)
class TpotFlip:
    """The objective for TPOT p99 at which the cheapest card changes its market, at one rate.

    Attributes:
        loose_s, tight_s: Consumer cards are cheapest at the first, not at the second.
    """

    rate_requests_per_s: float
    loose_s: float
    tight_s: float


@dataclass(frozen=True, slots=True)
class ConsumerOrDatacenter:
    """The answer of ``ask consumer-or-datacenter``.

    Attributes:
        card: The consumer card that the first part is about.
        formats: (weight format, what one card holds).
        flips: Rates at which the cheapest card changes its market.
        corners: Both markets at the asked rate, and on both sides of the first flip between them.
        full: The engines of each market that cost least a token at full load, consumer cards first.
        tpot_flip: ``None`` without consumer engines, and where no objective between 200 ms and
            12.5 ms changes the market.
    """

    llm: Llm
    question: Question
    card: Gpu
    formats: tuple[tuple[str, CountFit], ...]
    flips: tuple[Flip[str], ...]
    corners: tuple[Corner, ...]
    full: tuple[Hire | None, Hire | None]
    tpot_flip: TpotFlip | None
    cheapest_at_asked: Cheapest

    @property
    def is_answered(self) -> bool:
        """Whether any market serves the model at the asked rate."""
        return self.cheapest_at_asked != "none"

    def explain(self) -> Explanation:
        """Return what fits, who is cheapest, and where that changes."""
        sentences = (
            _fit_sentence(self),
            *_rate_sentences(self),
            _full_sentence(self),
            *_corner_sentences(self),
        )
        if self.tpot_flip is not None:
            sentences += (_tpot_sentence(self.tpot_flip),)
        figures = tuple(
            Figure("flip_requests_per_s", flip.at_requests_per_s,
                   f"{flip.at_requests_per_s:.3g}/s", "prices; planning.options.engine_options")
            for flip in self.flips
        )  # fmt: skip
        return Explanation(sentences, figures, tuple(s.reference for s in self.card.sources))


def consumer_or_datacenter(
    catalog: Catalog, llm: Llm, card: Gpu, question: Question, space: Space
) -> ConsumerOrDatacenter:
    """Return what one card holds, and the rate and objective at which the cheapest market flips.

    What one engine carries does not depend on the rate, so that every rate of the grid is a
    matter of counting instances; plans are made at the corners alone.

    Args:
        catalog: Where runtimes are looked up.
        llm: The model.
        card: The consumer card to hold the model.
        question: Traffic, objectives, limits.
        space: What may be chosen from.
    """
    workload = question.workload
    tokens = workload.input_tokens + workload.output_tokens
    names = space.formats or ("checkpoint", "fp8", "awq", "q4_k_m")
    held = gpu_count(catalog, llm, Asked((card,), names, tokens, 1, 1, space.kv))
    rented = _rented_space(space)
    split = _markets(llm, question, rented)

    def cheapest(rate_requests_per_s: float) -> Cheapest:
        return _cheapest(split, rate_requests_per_s, question)

    grid = rate_grid_requests_per_s(*RATES_REQUESTS_PER_S, _GRID_STEPS)
    found = tuple(flips(cheapest, grid))
    at = cheapest(workload.rate_requests_per_s)
    return ConsumerOrDatacenter(
        llm=llm,
        question=question,
        card=card,
        formats=tuple((row.weights, row.counts[0]) for row in held.rows),
        flips=found,
        corners=_corners(llm, question, rented, found),
        full=(split[0].cheapest_when_full(), split[1].cheapest_when_full()),
        tpot_flip=_tpot_flip(llm, question, rented) if split[0].options else None,
        cheapest_at_asked=at,
    )


def _rented_space(space: Space) -> Space:
    """Return the space with the cards that somebody rents."""
    rented = {price.gpu for price in space.prices}
    return replace(space, gpus=tuple(gpu for gpu in space.gpus if gpu.slug in rented))


def _markets(llm: Llm, question: Question, space: Space) -> tuple[Market, Market]:
    """Return the engines on consumer cards and those on all others, with their offers."""
    options = keeping_options(llm, question, space)
    consumer = [option for option in options if option.gpu.tier == "consumer"]
    others = [option for option in options if option.gpu.tier != "consumer"]
    return market(consumer, space.prices), market(others, space.prices)


def _cheapest(
    split: tuple[Market, Market], rate_requests_per_s: float, question: Question
) -> Cheapest:
    """Return the market of the cheapest engines at a rate; a tie goes to consumer cards."""
    wanted = question.at_rate(rate_requests_per_s).wanted_requests_per_s
    consumer, other = (m.cheapest(wanted, question.limits) for m in split)
    if consumer is None:
        return "none" if other is None else "other"
    return "consumer" if _rent_usd(consumer) <= _rent_usd(other) else "other"


def _rent_usd(hire: Hire | None) -> float:
    """Return a rent a month; infinite where there is none."""
    return float("inf") if hire is None else hire.rent_usd_per_month


def _corners(
    llm: Llm, question: Question, space: Space, found: tuple[Flip[str], ...]
) -> tuple[Corner, ...]:
    """Return both markets' plans at the asked rate, and around the first flip between them."""
    rates = [question.workload.rate_requests_per_s]
    between = [flip for flip in found if "none" not in {flip.before, flip.after}]
    if between:
        edge = between[0].at_requests_per_s
        rates += [edge * 0.99, edge * 1.01]
    return tuple(_corner(llm, question, space, rate) for rate in rates)


def _corner(llm: Llm, question: Question, space: Space, rate_requests_per_s: float) -> Corner:
    """Return both markets' cheapest plans at one rate."""
    plans = plan(llm, question.at_rate(rate_requests_per_s), space, _EVERY).plans
    consumers = {gpu.slug for gpu in space.gpus if gpu.tier == "consumer"}
    consumer = next((p for p in plans if p.gpu in consumers), None)
    other = next((p for p in plans if p.gpu not in consumers), None)
    return Corner(rate_requests_per_s, consumer, other)


def _tpot_flip(llm: Llm, question: Question, space: Space) -> TpotFlip | None:
    """Return where a tighter objective for TPOT takes the cheapest place from consumer cards."""
    rate = question.workload.rate_requests_per_s

    def holds(tpot_s: float) -> bool:
        slo = question.slo.model_copy(update={"tpot_p99_s": tpot_s})
        asked = replace(question, slo=slo)
        return _cheapest(_markets(llm, asked, space), rate, asked) == "consumer"

    kept = [(tpot_s, holds(tpot_s)) for tpot_s in _TPOT_GRID_S]
    for (loose_s, before), (tight_s, after) in itertools.pairwise(kept):
        if before and not after:
            for _ in range(_TPOT_BISECTIONS):
                middle_s = (loose_s * tight_s) ** 0.5
                loose_s, tight_s = (  # noqa: PLW2901 - the bisection narrows the pair
                    (middle_s, tight_s) if holds(middle_s) else (loose_s, middle_s)
                )
            return TpotFlip(rate, loose_s, tight_s)
    return None


def _fit_sentence(found: ConsumerOrDatacenter) -> str:
    """Return the formats in which one card holds the model."""
    held = [
        f"{weights_text(name)} ({count.verdict})"
        for name, count in found.formats
        if count.verdict in HELD
    ]
    if not held:
        return f"One {found.card.name} holds {found.llm.name} in none of the formats tried."
    return f"One {found.card.name} holds {found.llm.name} {', '.join(held)}."


_NAMES: Final = {
    "consumer": "consumer cards",
    "other": "data-centre and professional cards",
    "none": "no rented card keeps the objectives",
}


def _tpot_sentence(flip: TpotFlip) -> str:
    """Return the objective for TPOT that takes the cheapest place from consumer cards."""
    return (
        f"At {flip.rate_requests_per_s:.3g} requests/s consumer cards are cheapest with TPOT p99 ≤ "
        f"{show_seconds(flip.loose_s)} and no longer with {show_seconds(flip.tight_s)}."
    )


def full_usd_per_million_tokens(hire: Hire, question: Question) -> float:
    """Return dollars a million tokens, prompt and answer, of engines at full load."""
    tokens = question.workload.input_tokens + question.workload.output_tokens
    return 1e6 * cost_usd_per_token(hire.rent_usd_per_month, hire.capacity_requests_per_s * tokens)


def _full_sentence(found: ConsumerOrDatacenter) -> str:
    """Return what a token costs in each market when every engine is full."""
    told = [
        f"{name} "
        + (
            "none"
            if hire is None
            else f"{engine_text(hire.option)} at "
            f"{show_usd(full_usd_per_million_tokens(hire, found.question))} a million tokens"
        )
        for name, hire in zip(("consumer", "others"), found.full, strict=True)
    ]
    return f"With every engine full: {'; '.join(told)}."


def _rate_sentences(found: ConsumerOrDatacenter) -> tuple[str, ...]:
    """Return who is cheapest at the asked rate, and where that changes."""
    rate = found.question.workload.rate_requests_per_s
    if found.cheapest_at_asked == "none":
        return (f"At {rate:.3g} requests/s {_NAMES['none']}.",)
    first = f"At {rate:.3g} requests/s {_NAMES[found.cheapest_at_asked]} are cheapest per token."
    low, high = RATES_REQUESTS_PER_S
    if not found.flips:
        return (first, f"That holds from {low:g} to {high:g} requests/s.")
    return (first, *flip_sentences(found.flips, _NAMES))


def _corner_sentences(found: ConsumerOrDatacenter) -> tuple[str, ...]:
    """Return both markets' plans with batch and price, at each corner."""
    return tuple(
        f"At {corner.rate_requests_per_s:.3g} requests/s: consumer {_planned(corner.consumer)}; "
        f"others {_planned(corner.other)}."
        for corner in found.corners
    )


def _planned(p: PlannedRig | None) -> str:
    """Return one plan in words: engines, rent, batch."""
    if p is None:
        return "none"
    batch = p.running_seqs / p.split.replicas
    return (
        f"{p.split.replicas} × {p.rig} at {show_usd(p.rent_usd_per_month)} a month, "
        f"{show_number(batch)} sequences at once in each"
    )

"""Which card to train on and which to serve with: dollars a token of both.

Training is a full run in mixed precision on the smallest rig of a card that holds it, by the
training model (``planning.finetuning``). Failures of a run are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.money import cost_usd_per_token
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.finetuning.choosing import chosen
from rightrig.planning.finetuning.search import rigs_of
from rightrig.planning.finetuning.spending import hourly_usd_per_hour, rent_of
from rightrig.planning.finetuning.wishes import StepWish, Wish, trains_reason
from rightrig.planning.layouts import BOARD_CARDS
from rightrig.planning.questions.many_or_one import predicted_tokens_per_s
from rightrig.planning.questions.market import (
    engine_text,
    keeping_options,
    market,
)
from rightrig.quantities import GIGA, SECONDS_PER_HOUR, show_number, show_usd
from rightrig.work.step import prefill_flop
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.planning.constraints import Question
    from rightrig.planning.questions.market import Hire
    from rightrig.planning.search import Space
    from rightrig.prediction.finetune import Finetune

STATE_BYTES_PER_WEIGHT: Final = 16.0
"""Weights and gradients at 16 bits, and Adam's FP32 copy, mean and variance: 2 + 2 + 12
(ZeRO, arXiv:1910.02054)."""
PASSES_COUNT: Final = 3.0
"""Forward, and backward at twice its cost."""


@dataclass(frozen=True, slots=True)
class Training:
    """Full fine-tuning or pre-training on one kind of card.

    Attributes:
        found: The run on the smallest rig that holds it; ``None`` where none that is tried does.
        least_cards: Fewest cards that hold weights, gradients and optimizer evenly spread;
            activations need more.
        cost_usd_per_token: By the cheapest rent of that rig; ``None`` where nobody rents it.
    """

    found: Finetune | None
    least_cards: int
    cost_usd_per_token: Interval | None

    @property
    def tokens_per_s(self) -> Interval | None:
        """Of one card of the rig."""
        if self.found is None or self.found.time is None:
            return None
        return self.found.time.tokens_per_s_per_card

    @property
    def is_one_machine(self) -> bool:
        """Whether eight cards hold the states: what is sold as one machine."""
        return self.least_cards <= BOARD_CARDS


@dataclass(frozen=True, slots=True)
class Serving:
    """Serving with one kind of card, each full instance loaded up to the objectives.

    Attributes:
        hire: One instance; ``None`` where no engine keeps the objectives or nobody rents one.
        goodput_tokens_per_s: Output of the instance within the objectives.
        saturated_tokens_per_s: Output of one engine with as many users as memory holds.
        cost_usd_per_token: Of prompt and answer alike, at the goodput.
    """

    hire: Hire | None
    goodput_tokens_per_s: Interval | None
    saturated_tokens_per_s: Interval | None
    cost_usd_per_token: float | None


@dataclass(frozen=True, slots=True)
class Both:
    """One card in both roles."""

    gpu: Gpu
    training: Training
    serving: Serving


@dataclass(frozen=True, slots=True)
class TrainOrServe:
    """The answer of ``ask train-or-serve``.

    Attributes:
        state_bytes: Weights, gradients and optimizer of the whole model.
        training_flop_per_token: Forward and backward.
    """

    llm: Llm
    question: Question
    sequence_tokens: int
    state_bytes: float
    training_flop_per_token: float
    cards: tuple[Both, ...]

    @property
    def best_to_serve(self) -> Both | None:
        """The card with the cheapest served token."""
        known = [b for b in self.cards if b.serving.cost_usd_per_token is not None]
        return min(known, key=lambda b: b.serving.cost_usd_per_token or 0.0, default=None)

    @property
    def best_to_train(self) -> Both | None:
        """The card with the cheapest trained token, among those that hold the states at all."""
        known = [b for b in self.cards if b.training.cost_usd_per_token is not None]
        return min(known, key=_train_usd, default=None)

    def explain(self) -> Explanation:
        """Return the best card of each role, what training takes, and what is left out."""
        sentences = (
            _serve_sentence(self),
            _train_sentence(self),
            _memory_sentence(self),
            _how_sentence(self),
        )
        figures = (
            Figure("state_bytes", self.state_bytes, f"{self.state_bytes / 1e9:,.0f} GB", "F4.3"),
        )
        references = (s.reference for both in self.cards for s in both.gpu.sources)
        return Explanation(sentences, figures, tuple(dict.fromkeys(references)))


def training_flop_per_token(llm: Llm, sequence_tokens: int) -> float:
    """Return flop to train on one token: ``6·N_mm + 6·L·H·h·S`` for causal attention (F10.1).

    Three times the forward pass of a sequence whose every position has a loss; ``N_mm`` are the
    active parameters that are multiplied. Recomputed activations are not counted.
    """
    # A prefill samples from its last position alone.
    heads_flop = 2.0 * llm.vocab_size * llm.hidden_size * (sequence_tokens - 1)
    forward_flop = prefill_flop(llm, float(sequence_tokens)) + heads_flop
    return PASSES_COUNT * forward_flop / sequence_tokens


def training_state_bytes(llm: Llm) -> float:
    """Return weights, gradients and Adam's states in mixed precision: 16 bytes a parameter (F4.3).

    They are those of training every parameter, experts that rest included.
    """
    return STATE_BYTES_PER_WEIGHT * total_params_count(llm)


def train_or_serve(
    catalog: Catalog,
    llm: Llm,
    gpus: tuple[Gpu, ...],
    question: Question,
    space: Space,
    sequence_tokens: int,
) -> TrainOrServe:
    """Return cards in both roles for one model.

    Args:
        catalog: Where runtimes are looked up.
        llm: The model.
        gpus: Cards to compare.
        question: Lengths and objectives of what is served.
        space: Formats, runtimes and prices.
        sequence_tokens: Tokens of one training sequence.
    """
    flop = training_flop_per_token(llm, sequence_tokens)
    state_bytes = training_state_bytes(llm)
    found = tuple(
        Both(
            gpu,
            _training(llm, gpu, space, sequence_tokens, state_bytes),
            _serving(catalog, llm, gpu, question, space),
        )
        for gpu in gpus
    )
    return TrainOrServe(llm, question, sequence_tokens, state_bytes, flop, found)


def _training(
    llm: Llm, gpu: Gpu, space: Space, sequence_tokens: int, state_bytes: float
) -> Training:
    """Return one card as it trains: on the smallest rig that holds a full run."""
    least_cards = math.ceil(state_bytes / gpu.memory_bytes.mid)
    if trains_reason(gpu):
        return Training(None, least_cards, None)
    wish = Wish("full", StepWish(seq_tokens=sequence_tokens))
    runs = (chosen(llm, rig, wish) for rig in rigs_of(gpu) if rig.cards_count >= least_cards)
    found = next((run for run in runs if run.time is not None), None)
    if found is None or found.time is None:
        return Training(None, least_cards, None)
    rent = rent_of(space.prices, found.job.rig)
    if rent is None:
        return Training(found, least_cards, None)
    token_s = found.time.tokens_per_s.reciprocal()
    hourly = hourly_usd_per_hour(rent)
    return Training(found, least_cards, token_s.scaled(hourly / SECONDS_PER_HOUR))


def _serving(catalog: Catalog, llm: Llm, gpu: Gpu, question: Question, space: Space) -> Serving:
    """Return one card as it serves."""
    options = keeping_options(llm, question, replace(space, gpus=(gpu,)))
    hire = market(options, space.prices).cheapest_when_full()
    if hire is None:
        return Serving(None, None, None, None)
    workload = question.workload
    each = predicted_tokens_per_s(catalog, llm, hire.option, question)
    output = hire.capacity_requests_per_s * workload.output_tokens
    tokens_per_s = hire.capacity_requests_per_s * (workload.input_tokens + workload.output_tokens)
    return Serving(
        hire=hire,
        goodput_tokens_per_s=each.scaled(output / each.mid),
        saturated_tokens_per_s=each,
        cost_usd_per_token=cost_usd_per_token(hire.rent_usd_per_month, tokens_per_s),
    )


def _train_usd(both: Both) -> float:
    """Return dollars a trained token by the middle; infinite where it is not known."""
    cost = both.training.cost_usd_per_token
    return math.inf if cost is None else cost.mid


def _serve_sentence(found: TrainOrServe) -> str:
    """Return the cheapest card to serve with."""
    best = found.best_to_serve
    if best is None or best.serving.hire is None:
        return f"To serve: no rented card of these keeps the objectives for {found.llm.name}."
    cost = show_usd((best.serving.cost_usd_per_token or 0.0) * 1e6)
    return f"To serve: {engine_text(best.serving.hire.option)} at {cost} a million tokens."


def _train_sentence(found: TrainOrServe) -> str:
    """Return the cheapest card to train on."""
    best = found.best_to_train
    if best is None or best.training.cost_usd_per_token is None:
        return "To train: nobody rents a rig of these cards that holds a full run."
    cost = best.training.cost_usd_per_token.scaled(GIGA)
    speed = best.training.tokens_per_s
    rate = "" if speed is None else f", {show_number(speed.mid)} tokens/s a card"
    rig = "" if best.training.found is None else best.training.found.job.rig.text
    return (
        f"To train: {rig} at {show_usd(cost.mid)} a billion tokens "
        f"({show_usd(cost.low)} to {show_usd(cost.high)}){rate}."
    )


def _how_sentence(found: TrainOrServe) -> str:
    """Return on what each card trains, and what is counted."""
    rigs = ", ".join(
        both.training.found.job.rig.text for both in found.cards if both.training.found is not None
    )
    where = f"on the smallest rig that holds it ({rigs})" if rigs else "on no rig that is tried"
    return (
        f"Training is a full run in mixed precision {where}; messages between cards are counted "
        "(100 Gb/s between machines), failures are not. A token takes "
        f"{found.training_flop_per_token / GIGA:.4g} GFLOP; "
        "'rightrig finetune' has other methods, hours and dollars."
    )


def _memory_sentence(found: TrainOrServe) -> str:
    """Return the bytes of a full run, and the cards that they take."""
    cards = "; ".join(
        f"{both.gpu.slug} at least {both.training.least_cards}"
        + ("" if both.training.is_one_machine else f", not {BOARD_CARDS}")
        for both in found.cards
    )
    return (
        f"Every parameter trained with Adam keeps {found.state_bytes / 1e9:,.0f} GB of states "
        f"(16 bytes each) before any activation: {cards}."
    )

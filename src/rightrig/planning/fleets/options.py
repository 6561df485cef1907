"""The requests of a fleet, and the engines that are worth running for them."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.planning.fleets.market import ENGINE_SIZES
from rightrig.planning.fleets.model import EngineKind
from rightrig.planning.options import engine_options
from rightrig.quantities import SECONDS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.fleets.model import Machine
    from rightrig.planning.options import EngineOption
    from rightrig.planning.search import Space

_LEAST_RUNNING_SEQS: Final = 0.1
"""An engine that keeps its objectives only with fewer sequences than this is not worth running.

The search gives an engine that misses an objective even when idle the load of an idle one, 0.02
sequences at a time.
"""
_MARGIN_RATIO: Final = 1.0 + 1e-9
"""Equal rates differ in the last digit."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Requests of one demand whose prompts lie in one range.

    Attributes:
        name: What pools and gateways call it.
        demand: The demand that it is part of.
        question: Its traffic, objectives, confidence and headroom.
        space: Runtimes and formats that may be chosen, on the cards of the market.
        low_tokens, high_tokens: Prompts are longer than the one and at most as long as the other.
    """

    name: str
    demand: str
    llm: Llm
    question: Question
    space: Space
    low_tokens: int = 0
    high_tokens: int | None = None

    @property
    def need_requests_per_s(self) -> float:
        """What its engines must be able to carry: the rate and the headroom."""
        return self.question.wanted_requests_per_s


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine worth running for a bucket.

    Attributes:
        kind: As the program sees it.
    """

    kind: EngineKind
    option: EngineOption


def choices_for(
    bucket: Bucket, need: int, machines: Sequence[Machine]
) -> tuple[tuple[Choice, ...], int]:
    """Return the engines worth running for a bucket, and how many there were before.

    An engine is dropped when another of the same card carries at least as much on each card and
    takes no more of them: so many of the smaller carry no less on the same cards, and find room
    wherever the larger does.

    Args:
        bucket: The requests.
        need: Place of the bucket among the needs of the program.
        machines: What engines may run on; those that fit in none are dropped first.
    """
    largest: dict[str, int] = defaultdict(int)
    for machine in machines:
        largest[machine.gpu] = max(largest[machine.gpu], machine.cards_count)
    options = [
        option
        for option in engine_options(bucket.llm, bucket.question, bucket.space)
        if _has_work(option, bucket.question)
        and option.split.engine_cards in ENGINE_SIZES
        and option.split.engine_cards <= largest[option.gpu.slug]
    ]
    kept: list[Choice] = []
    best: dict[str, float] = {}
    # Among equals the first format stays: the checkpoint's own comes before smaller ones.
    for option in sorted(
        options, key=lambda o: (o.gpu.slug, o.split.engine_cards, -o.rate_requests_per_s)
    ):
        slug, cards = option.gpu.slug, option.split.engine_cards
        each = option.rate_requests_per_s / cards
        if each > best.get(slug, 0.0) * _MARGIN_RATIO:
            best[slug] = each
            kind = EngineKind(need, slug, cards, option.rate_requests_per_s)
            kept.append(Choice(kind, option))
    return tuple(kept), len(options)


def _has_work(option: EngineOption, question: Question) -> bool:
    """Whether an engine keeps the objectives with work to do, by Little's law of its p99.

    That it keeps them is what makes it an option (``options.carries``).
    """
    answer_s = option.ttft_p99_s + (question.workload.output_tokens - 1) * option.tpot_p99_s
    return option.rate_requests_per_s * answer_s > _LEAST_RUNNING_SEQS


def at_load(bucket: Bucket, option: EngineOption, rate_requests_per_s: float) -> EngineOption:
    """Return an engine with its latencies at a load within its largest."""
    question, space = bucket.question, bucket.space
    asked = question.at_rate(rate_requests_per_s).without_headroom()
    runtimes = tuple(r for r in space.runtimes if r.slug == option.runtime)
    alike = replace(
        space, gpus=(option.gpu,), runtimes=runtimes, formats=(option.weights,), kv=option.kv
    )
    return next(
        found
        for found in engine_options(bucket.llm, asked, alike)
        if found.split == option.split and found.step_tokens == option.step_tokens
    )


def card_usd_per_month(machines: Iterable[Machine], gpu: str, engine_cards: int) -> float:
    """Return the least rent of one card in a machine that holds an engine; infinite for none.

    Only the cards that engines of this size can use are counted.
    """
    rents = [
        machine.rent_usd_per_month / (machine.cards_count // engine_cards * engine_cards)
        for machine in machines
        if machine.gpu == gpu and machine.cards_count >= engine_cards
    ]
    return min(rents, default=math.inf)


def request_usd(
    card_usd_per_month: float, cards_count: int, rate_requests_per_s: float, headroom_ratio: float
) -> float:
    """Return what a request costs on a full engine: ``rent · (1 + headroom) / (rate · month)``.

    F12.6 of the served rate, which the headroom keeps below the largest. The engines that a
    fleet really runs are rarely full: there a request costs more.

    >>> round(request_usd(730.0, 2, 2.0, 0.0), 6)
    0.000278
    """
    served = rate_requests_per_s / (1.0 + headroom_ratio) * SECONDS_PER_MONTH
    return card_usd_per_month * cards_count / served

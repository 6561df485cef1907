"""A survey: what each model of a book does on one rig, for how much, put together.

Verdicts are those of ``fits``, speeds those of ``predict``, dollars a token those of the cheapest
offer for the rig; nothing is worked out here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.costs.money import cost_usd_per_token
from rightrig.planning.combos.rivals import purchase_of
from rightrig.planning.survey.fits import VERDICTS, survey_fits
from rightrig.planning.survey.speeds import (
    MID,
    flows_of_many,
    speeds_of_many,
)
from rightrig.prediction.memory_fit import VERDICT_RANK
from rightrig.prediction.regimes import Lengths

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from numpy.typing import NDArray

    from rightrig.costs.offers import Purchase
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.propose import Choices
    from rightrig.deployment.rig import Rig
    from rightrig.planning.survey.fits import Book, Held
    from rightrig.prediction.memory_fit import Verdict

    Column = NDArray[np.float64]

_HELD: Final = VERDICT_RANK["tight"]
"""Verdicts up to this one hold the model on the cards, whose speed is then known."""


@dataclass(frozen=True, slots=True)
class Load:
    """What every model is asked for.

    Attributes:
        context_tokens: Of one sequence, prompt and answer together; a model made for less is
            asked for its own most.
        output_tokens: Of an answer, less than the context.
        users_count: Users who each wait for their answer …
        rate_requests_per_s: … or mean random arrivals, which count instead; memory is then judged
            for one sequence.
    """

    context_tokens: int
    output_tokens: int
    users_count: int = 1
    rate_requests_per_s: float | None = None

    @property
    def sequences_count(self) -> int:
        """Sequences at once that memory is judged for."""
        return self.users_count if self.rate_requests_per_s is None else 1


@dataclass(frozen=True, slots=True)
class Survey:
    """What the models of a book do on a rig: arrays, an element a model, in the book's order.

    NaN where the speed is not known. Intervals have a first axis: low, middle, high. With users
    the times are means, with a rate bounds of the 99th percentile.

    Attributes:
        held: Verdicts and memory.
        deployments: Of every model; ``None`` where nothing could be tried.
        running_seqs: Mean over all replicas.
        ttft_s, tpot_s: The TTFT has no end where requests come quicker than they are served.
        output_tokens_per_s: Of the whole rig.
        output_usd_per_token: At this load, for the rent of the rig; NaN where nobody rents it.
        purchase: The cheapest offer for the rig.
    """

    held: Held
    load: Load
    deployments: tuple[Deployment | None, ...]
    running_seqs: Column
    ttft_s: Column
    tpot_s: Column
    output_tokens_per_s: Column
    output_usd_per_token: Column
    purchase: Purchase | None

    def verdict(self, place: int) -> Verdict:
        """Return the verdict of a model."""
        return VERDICTS[int(self.held.verdict[place])]

    def has_speed(self, place: int) -> bool:
        """Whether the speed of a model is known."""
        return not np.isnan(self.tpot_s[MID, place])


def survey(
    book: Book, rig: Rig, choices: Choices, load: Load, timed: Container[int] | None = None
) -> Survey:
    """Return what every model of a book does on a rig.

    Args:
        book: The models, and what is known of kinds of rigs.
        rig: The cards.
        choices: What is fixed.
        load: What is asked of every model.
        timed: Places of the models whose speed is wanted; ``None`` for all.

    Raises:
        InputError: when a choice names what the catalogue does not know.
    """
    held = survey_fits(book, rig, choices, load.context_tokens, load.sequences_count)
    count = len(held.llms)
    deployments = tuple(held.deployment(place) for place in range(count))
    asked = [
        place
        for place in np.flatnonzero(held.verdict <= _HELD).tolist()
        if deployments[place] is not None and (timed is None or place in timed)
    ]
    running, ttft, tpot, output = _flow(held, deployments, load, asked)
    purchase = purchase_of(book.catalog.prices(), rig)
    usd = np.full((3, count), np.nan)
    if purchase is not None:
        with np.errstate(divide="ignore"):
            # The formula takes arrays too; the quickest end is the cheapest.
            usd[:] = cost_usd_per_token(purchase.rent_usd_per_month, output[::-1])  # type: ignore[arg-type]
    return Survey(
        held, load, deployments, running, ttft, tpot, output, usd, purchase
    )  # fmt: skip


def lengths_at(tokens_count: int, load: Load) -> Lengths:
    """Return prompt and answer of a model that serves so many tokens of a sequence."""
    output = min(load.output_tokens, max(tokens_count // 2, 1))
    return Lengths(float(max(tokens_count - output, 1)), float(output))


def _flow(
    held: Held, deployments: Sequence[Deployment | None], load: Load, places: Sequence[int]
) -> tuple[Column, Column, Column, Column]:
    """Return running sequences, TTFT, TPOT and tokens/s of all models."""
    count = len(held.llms)
    running = np.full(count, np.nan)
    ttft, tpot, output = np.full((3, 3, count), np.nan)
    alike: dict[int, Lengths] = {}
    lengths = []
    for tokens in held.tokens[places].tolist():
        if tokens not in alike:
            alike[tokens] = lengths_at(int(tokens), load)
        lengths.append(alike[tokens])
    asked = [deployment for place in places if (deployment := deployments[place]) is not None]
    capacity = held.max_concurrency[places].astype(float)
    rate = load.rate_requests_per_s
    if rate is None:
        found = speeds_of_many(asked, lengths, float(load.users_count), capacity)
        running[places], output[:, places] = found.running_seqs, found.output_tokens_per_s
        ttft[:, places], tpot[:, places] = found.ttft_s, found.tpot_s
    else:
        flows = flows_of_many(asked, lengths, rate, capacity)
        running[places] = flows.running_seqs
        ttft[:, places], tpot[:, places] = flows.ttft_p99_s, flows.tpot_p99_s
        made = np.array([one.output_tokens for one in lengths])
        output[:, places] = flows.rate_requests_per_s * made
    return running, ttft, tpot, output

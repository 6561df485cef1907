"""Constraints: the rules that an evaluated candidate must keep, in the order they are asked.

Each is one small class: an ID, the sentence that the user reads, which rows break it (over
all rows at once), and the reason for one row, with its numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import numpy as np

from rightrig.planning.bounds import BOUNDS
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import show_gib, show_seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.demand.objective import Limits, Metric, Objective, Slo
    from rightrig.demand.workload import Workload
    from rightrig.planning.table import Table

    Miss = NDArray[np.float64]
    """How far rows miss a rule, in any unit that orders them."""


@dataclass(frozen=True, slots=True)
class Question:
    """What candidates are judged by."""

    workload: Workload
    slo: Slo
    limits: Limits

    @property
    def wanted_requests_per_s(self) -> float:
        """What all engines must be able to carry: the rate of the traffic and its headroom."""
        return self.workload.rate_requests_per_s * self.limits.wanted_ratio

    @property
    def lengths(self) -> Lengths:
        """Prompt and answer, as speeds are asked about them."""
        return Lengths(float(self.workload.input_tokens), float(self.workload.output_tokens))

    def at_rate(self, rate_requests_per_s: float) -> Question:
        """Return the same question about another rate."""
        workload = self.workload.model_copy(update={"rate_requests_per_s": rate_requests_per_s})
        return replace(self, workload=workload)

    def without_headroom(self) -> Question:
        """Return the same question about the mean rate alone."""
        return replace(self, limits=self.limits.model_copy(update={"headroom_ratio": 0.0}))


class Constraint(Protocol):
    """A rule over a table of candidates; its docstring is the sentence that it stands for."""

    @property
    def id(self) -> str:
        """A short name, such as ``MEM-FIT``."""
        ...

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows break the rule."""
        ...

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return why one row breaks it."""
        ...

    def remedy(self, table: Table, number: int) -> str:
        """Return the smallest change of the question that would let one row keep it."""
        ...

    def miss(self, table: Table) -> Miss:
        """Return how far each row misses it, in any unit that orders them."""
        ...


class IsSold:
    """Someone rents (or sells) this card, with enough of them in one machine."""

    id: ClassVar[str] = "PRICE-NONE"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:  # noqa: ARG002 - the protocol's
        """Return which rows have no offer."""
        return ~table.is_sold

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return which offer is missing."""
        limits, cards = question.limits, table.engine_cards(number)
        where = f" at {limits.provider}" if limits.provider else ""
        where += f" in {', '.join(limits.country).upper()}" if limits.country else ""
        where += f" in {limits.region}" if limits.region else ""
        kind = "purchase" if limits.buys else "on-demand or spot" if limits.spot else "on-demand"
        slug = table.gpu(number).slug
        return f"no {kind} price is known{where} for {cards} × {slug} in one machine"

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"a price for {table.gpu(number).slug} in your own --catalog"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it."""
        return table.rows["cards"].astype(float)


class FitsMemory:
    """Every card holds its share and the KV cache of at least one request."""

    id: ClassVar[str] = "MEM-FIT"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:  # noqa: ARG002 - the protocol's
        """Return which rows hold no sequence."""
        return table.capacity_seqs < 1.0

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return what is lacking."""
        tokens = question.workload.input_tokens + question.workload.output_tokens
        lack = show_gib(float(table.short_bytes[number]))
        if table.is_bounded[number]:
            return (
                f"does not fit: the weights alone, divided by the cards of "
                f"{table.engine_text(number)}, pass each by {lack}; use more cards, a smaller "
                "format or a larger card"
            )
        return (
            f"does not fit: {table.engine_text(number)} lacks {lack} on its tightest card for one "
            f"request of {tokens:,} tokens; use more cards, a smaller format or a larger card"
        )

    def remedy(self, table: Table, number: int) -> str:  # noqa: ARG002 - the protocol's
        """Return what would let it pass."""
        return "smaller --weights, or a shorter --input and --output"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it."""
        return table.short_bytes


_LOWERED_BY: Final[dict[Metric, str]] = {
    "ttft": "more cards an engine, or quicker ones, prefill faster",
    "tpot": "smaller weights or more memory bandwidth lower it",
    "e2e": "quicker cards or shorter answers lower it",
    "itl": "a smaller --max-batched-tokens or quicker cards lower it",
}


@dataclass(frozen=True, slots=True)
class KeepsLatency:
    """The bounds on one latency keep its objectives, at the load that an engine really carries."""

    metric: Metric

    @property
    def id(self) -> str:
        """``SLO-TTFT`` and so on."""
        return f"SLO-{self.metric.upper()}"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows miss one even when nearly idle."""
        found = np.zeros(len(table.rows), bool)
        for one in self._objectives(question):
            found |= ~(table.judged_s[one] <= one.limit_s * ROUNDING_RATIO)
        return found

    def _objectives(self, question: Question) -> list[Objective]:
        """Return the objectives of this latency."""
        return [one for one in question.slo.objectives() if one.metric == self.metric]

    def _worst(self, table: Table, number: int) -> tuple[Objective, float]:
        """Return the objective that a row misses by most, and the latency that it has."""
        own = [o for o in table.judged_s if o.metric == self.metric]
        worst = max(own, key=lambda o: float(table.judged_s[o][number]) / o.limit_s)
        return worst, float(table.judged_s[worst][number])

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return the least latency, and the objective that it would keep."""
        one, least_s = self._worst(table, number)
        return (
            f"{self.metric.upper()} p{one.percentile} is {show_seconds(least_s)} even when idle"
            f"{_end(question)} on {table.engine_text(number)}, above {show_seconds(one.limit_s)}; "
            f"{_LOWERED_BY[self.metric]}"
        )

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        one, least_s = self._worst(table, number)
        return f"--{self.metric}-p{one.percentile} {_above(least_s)}"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it: the largest latency over its limit."""
        own = [table.judged_s[o] / o.limit_s for o in table.judged_s if o.metric == self.metric]
        return np.maximum.reduce(own) if own else np.zeros(len(table.rows))


def _above(least_s: float) -> str:
    """Return a duration just above another, as an option takes it."""
    return f"{math.ceil(least_s * 1e3 + 0.5)}ms"


def _end(question: Question) -> str:
    """Say which end of the prediction is judged."""
    return " at the pessimistic end" if question.limits.confidence == "surely" else ""


ROUNDING_RATIO: Final = 1.0 + 1e-9
"""The bisection ends on the objective itself."""


CONSTRAINTS: Final[tuple[Constraint, ...]] = (
    IsSold(),
    FitsMemory(),
    KeepsLatency("ttft"),
    KeepsLatency("tpot"),
    KeepsLatency("e2e"),
    KeepsLatency("itl"),
    *BOUNDS,
)
"""Every constraint of a plan, in the order in which a row's first broken one is named."""


def first_broken(table: Table, question: Question) -> NDArray[np.int64]:
    """Return, for each row, the place of the first constraint that it breaks; else their number."""
    first = np.full(len(table.rows), len(CONSTRAINTS))
    for place in reversed(range(len(CONSTRAINTS))):
        first[CONSTRAINTS[place].broken(table, question)] = place
    return first

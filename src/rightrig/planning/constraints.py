"""Constraints: the rules that an evaluated candidate must keep, in the order they are asked.

Each is one small class: an ID, the sentence that the user reads, which rows break it (over
all rows at once), and the reason for one row, with its numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import numpy as np

from rightrig.quantities import show_gib, show_seconds, show_usd

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


class WithinGpus:
    """The plan uses no more cards than allowed."""

    id: ClassVar[str] = "LIMIT-GPUS"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows use more."""
        return table.cards_count > question.limits.max_gpus_count

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return how many it would take."""
        return (
            f"takes {int(table.cards_count[number]):,} cards for the traffic, above "
            f"--max-gpus {question.limits.max_gpus_count}"
        )

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--max-gpus {int(table.cards_count[number])}"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it."""
        return table.cards_count


class WithinMachines:
    """The plan uses no more machines than allowed."""

    id: ClassVar[str] = "LIMIT-MACHINES"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows use more."""
        most = question.limits.max_machines_count
        return np.zeros(len(table.rows), bool) if most is None else table.machines_count > most

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return how many it would take."""
        return (
            f"takes {int(table.machines_count[number]):,} machines of {table.engine_text(number)}, "
            f"above --max-machines {question.limits.max_machines_count}"
        )

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--max-machines {int(table.machines_count[number])}"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it."""
        return table.machines_count


class WithinStock:
    """The plan uses no more of a card than can be had."""

    id: ClassVar[str] = "LIMIT-STOCK"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows use more."""
        stock = question.limits.available
        most = np.array([float(stock.get(gpu.slug, np.inf)) for gpu in table.candidates.gpus])
        return np.asarray(table.cards_count > most[table.rows["gpu"]])

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return how many it would take."""
        slug = table.gpu(number).slug
        had = question.limits.available[slug]
        return f"takes {int(table.cards_count[number]):,} × {slug}, and {had} are available"

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--available {table.gpu(number).slug}={int(table.cards_count[number])}"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it."""
        return table.cards_count


class WithinBudget:
    """The rent is within the budget."""

    id: ClassVar[str] = "LIMIT-BUDGET"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows cost more."""
        budget = question.limits.budget_usd_per_month
        if budget is None or question.limits.buys:
            return np.zeros(len(table.rows), bool)
        return np.asarray(table.usd > budget)

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return the gap."""
        rent = float(table.usd[number])
        budget = question.limits.budget_usd_per_month or 0.0
        gap = show_usd(rent - budget)
        return f"costs {show_usd(rent)} a month, {gap} above --budget {show_usd(budget)}"

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--budget {math.ceil(float(table.usd[number]))}/month"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it."""
        return table.usd


class WithinCapex:
    """What is bought costs no more than the capital that there is."""

    id: ClassVar[str] = "LIMIT-CAPEX"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows cost more."""
        capex = question.limits.max_capex_usd
        if capex is None or not question.limits.buys:
            return np.zeros(len(table.rows), bool)
        return np.asarray(table.usd > capex)

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return the gap."""
        usd, capex = float(table.usd[number]), question.limits.max_capex_usd or 0.0
        return (
            f"costs {show_usd(usd)} to buy, {show_usd(usd - capex)} above --capex {show_usd(capex)}"
        )

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--capex {math.ceil(float(table.usd[number]))}"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it."""
        return table.usd


class WithinPower:
    """The cards' rated power is within the limit."""

    id: ClassVar[str] = "LIMIT-POWER"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows draw more, or have no published power."""
        limit = question.limits.max_power_w
        if limit is None:
            return np.zeros(len(table.rows), bool)
        return ~(table.rated_power_w <= limit)

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return what it draws."""
        rated = float(table.rated_power_w[number])
        limit = question.limits.max_power_w or 0.0
        if np.isnan(rated):
            return (
                f"no power is published for {table.gpu(number).slug}, so --max-power cannot be kept"
            )
        return f"{rated:,.0f} W of cards, above --max-power {limit:,.0f} W"

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--max-power {math.ceil(float(table.rated_power_w[number]))}W"

    def miss(self, table: Table) -> Miss:
        """Return how far rows miss it."""
        return np.nan_to_num(table.rated_power_w, nan=np.inf)


CONSTRAINTS: Final[tuple[Constraint, ...]] = (
    IsSold(),
    FitsMemory(),
    KeepsLatency("ttft"),
    KeepsLatency("tpot"),
    KeepsLatency("e2e"),
    KeepsLatency("itl"),
    WithinGpus(),
    WithinMachines(),
    WithinStock(),
    WithinBudget(),
    WithinCapex(),
    WithinPower(),
)
"""Every constraint of a plan, in the order in which a row's first broken one is named."""


def first_broken(table: Table, question: Question) -> NDArray[np.int64]:
    """Return, for each row, the place of the first constraint that it breaks; else their number."""
    first = np.full(len(table.rows), len(CONSTRAINTS))
    for place in reversed(range(len(CONSTRAINTS))):
        first[CONSTRAINTS[place].broken(table, question)] = place
    return first

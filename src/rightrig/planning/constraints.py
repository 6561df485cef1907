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

    from rightrig.demand.objective import Limits, Slo
    from rightrig.demand.workload import Workload
    from rightrig.planning.table import Table


@dataclass(frozen=True, slots=True)
class Question:
    """What candidates are judged by."""

    workload: Workload
    slo: Slo
    limits: Limits


class Constraint(Protocol):
    """A rule over a table of candidates; its docstring is the sentence that it stands for."""

    id: ClassVar[str]

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows break the rule."""
        ...

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return why one row breaks it."""
        ...

    def remedy(self, table: Table, number: int) -> str:
        """Return the smallest change of the question that would let one row keep it."""
        ...


class FitsMemory:
    """Every card holds its share and the KV cache of at least one request."""

    id: ClassVar[str] = "MEM-FIT"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:  # noqa: ARG002 - the protocol's
        """Return which rows hold no sequence."""
        return table.capacity_seqs < 1.0

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return what is lacking."""
        tokens = question.workload.input_tokens + question.workload.output_tokens
        return (
            f"does not fit: {table.engine_text(number)} lacks "
            f"{show_gib(float(table.short_bytes[number]))} on its tightest card for one request of "
            f"{tokens:,} tokens; use more cards, a smaller format or a larger card"
        )

    def remedy(self, table: Table, number: int) -> str:  # noqa: ARG002 - the protocol's
        """Return what would let it pass."""
        return "smaller --weights, or a shorter --input and --output"


class KeepsTtft:
    """The bound on TTFT p99 keeps the objective."""

    id: ClassVar[str] = "SLO-TTFT"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows miss it even when nearly idle."""
        limit = question.slo.ttft_p99_s
        return (
            np.zeros(len(table.rows), bool)
            if limit is None
            else table.judged_ttft_s > limit * _ROUNDING_RATIO
        )

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return the least TTFT, and the objective that it would keep."""
        least = float(table.judged_ttft_s[number])
        return (
            f"TTFT p99 is {show_seconds(least)} even when idle{_end(question)} "
            f"on {table.engine_text(number)}, "
            f"above {show_seconds(question.slo.ttft_p99_s or 0.0)}; more cards an engine, or "
            "quicker ones, prefill faster"
        )

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--ttft-p99 {_above(float(table.judged_ttft_s[number]))}"


class KeepsTpot:
    """The bound on TPOT p99 keeps the objective."""

    id: ClassVar[str] = "SLO-TPOT"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows miss it even when nearly idle."""
        limit = question.slo.tpot_p99_s
        return (
            np.zeros(len(table.rows), bool)
            if limit is None
            else table.judged_tpot_s > limit * _ROUNDING_RATIO
        )

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return the least TPOT."""
        least = float(table.judged_tpot_s[number])
        return (
            f"TPOT p99 is {show_seconds(least)} even when idle{_end(question)} "
            f"on {table.engine_text(number)}, "
            f"above {show_seconds(question.slo.tpot_p99_s or 0.0)}; smaller weights or more "
            "memory bandwidth lower it"
        )

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--tpot-p99 {_above(float(table.judged_tpot_s[number]))}"


def _above(least_s: float) -> str:
    """Return a duration just above another, as an option takes it."""
    return f"{math.ceil(least_s * 1e3 + 0.5)}ms"


def _end(question: Question) -> str:
    """Say which end of the prediction is judged."""
    return " at the pessimistic end" if question.limits.confidence == "surely" else ""


_ROUNDING_RATIO: Final = 1.0 + 1e-9
"""The bisection ends on the objective itself."""


class HasPrice:
    """Someone rents this card on demand, with enough of them in one machine."""

    id: ClassVar[str] = "PRICE-NONE"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:  # noqa: ARG002 - the protocol's
        """Return which rows have no offer."""
        return np.isnan(table.rent_usd_per_month)

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return which offer is missing."""
        cards = table.engine_cards(number)
        where = f" at {question.limits.provider}" if question.limits.provider else ""
        return (
            f"no on-demand price is known{where} for {cards} × {table.gpu(number).slug} in one "
            "machine ('rightrig prices list' shows those that are)"
        )

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"a rental price for {table.gpu(number).slug}"


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


class WithinBudget:
    """The rent is within the budget."""

    id: ClassVar[str] = "LIMIT-BUDGET"

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows cost more."""
        budget = question.limits.budget_usd_per_month
        return (
            np.zeros(len(table.rows), bool) if budget is None else table.rent_usd_per_month > budget
        )

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return the gap."""
        rent = float(table.rent_usd_per_month[number])
        budget = question.limits.budget_usd_per_month or 0.0
        gap = show_usd(rent - budget)
        return f"costs {show_usd(rent)} a month, {gap} above --budget {show_usd(budget)}"

    def remedy(self, table: Table, number: int) -> str:
        """Return what would let it pass."""
        return f"--budget {math.ceil(float(table.rent_usd_per_month[number]))}/month"


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


CONSTRAINTS: Final[tuple[Constraint, ...]] = (
    FitsMemory(),
    KeepsTtft(),
    KeepsTpot(),
    HasPrice(),
    WithinGpus(),
    WithinBudget(),
    WithinPower(),
)
"""Every constraint of a plan, in the order in which a row's first broken one is named."""

"""Bounds: the most that a plan may take of cards, machines, money and power, each defined once.

A bound is a rule of the search (a ``Constraint`` over the table of candidates), and holds whatever
else takes such amounts as well: plans that were simulated, batches, and the rivals of a plan.
"""

from __future__ import annotations

import math
from abc import ABC
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from rightrig.quantities import show_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.demand.objective import Limits
    from rightrig.facts.gpu import Gpu
    from rightrig.planning.constraints import Question
    from rightrig.planning.table import Table

    Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Amounts:
    """What some rows take, a value a row; NaN of what plays no part in them, or is not known.

    Attributes:
        gpus: The kinds of card.
        kinds: Which of them each row is on; shape (rows,).
        cards_count: Cards of all engines.
        machines_count: Instances or machines.
        usd: Rent a month, or price when bought.
    """

    gpus: Sequence[Gpu]
    kinds: NDArray[np.integer]
    cards_count: Column
    machines_count: Column
    usd: Column

    @property
    def rated_power_w(self) -> Column:
        """Board power of all cards; infinite where none is published, for no limit is then kept."""
        watts = np.array([gpu.board_power_w or np.inf for gpu in self.gpus])
        return np.asarray(self.cards_count * watts[self.kinds])


class Bound(ABC):
    """The most that a plan may take of something; a subclass's docstring is its sentence.

    Attributes:
        id: As ``Constraint.id``.
        column: The amount of ``Amounts`` that it bounds.
        limit: The field of ``Limits`` that says how much that is.
        said: The reason for a row that passes it, to be filled in.
        option: The least limit that lets such a row pass, as the command line takes it.
    """

    id: ClassVar[str]
    column: ClassVar[str]
    limit: ClassVar[str]
    said: ClassVar[str]
    option: ClassVar[str]

    def most(self, limits: Limits, gpu: str) -> float:  # noqa: ARG002 - some differ by card
        """Return the most that is allowed on a card; infinite where there is no limit."""
        most: float | None = getattr(limits, self.limit)
        return np.inf if most is None else float(most)

    def taken(self, amounts: Amounts) -> Column:
        """Return what rows take of it."""
        taken: Column = getattr(amounts, self.column)
        return taken

    def allowed(self, amounts: Amounts, limits: Limits) -> Column:
        """Return the most that is allowed, for each row."""
        by_card = np.array([self.most(limits, gpu.slug) for gpu in amounts.gpus])
        return np.asarray(by_card[amounts.kinds])

    def is_passed(self, amounts: Amounts, limits: Limits) -> NDArray[np.bool_]:
        """Return which rows take more than is allowed."""
        return np.asarray(self.taken(amounts) > self.allowed(amounts, limits))

    def words(self, amounts: Amounts, number: int, limits: Limits, engine: str) -> str:
        """Return why one row passes it; ``engine`` is one of its engines in words."""
        taken = float(self.taken(amounts)[number])
        gpu = amounts.gpus[int(amounts.kinds[number])].slug
        most = self.most(limits, gpu)
        return self.said.format(
            taken=self._shown(taken), over=self._shown(taken - most), most=self._shown(most),
            most_number=most, gpu=gpu, engine=engine,
        )  # fmt: skip

    def broken(self, table: Table, question: Question) -> NDArray[np.bool_]:
        """Return which rows of a table pass it."""
        return self.is_passed(table.amounts, question.limits)

    def reason(self, table: Table, number: int, question: Question) -> str:
        """Return why one row of a table passes it."""
        return self.words(table.amounts, number, question.limits, table.engine_text(number))

    def remedy(self, table: Table, number: int) -> str:
        """Return the least limit that would let one row of a table pass."""
        least = math.ceil(self.miss(table)[number])
        return self.option.format(least=least, gpu=table.gpu(number).slug)

    def miss(self, table: Table) -> Column:
        """Return what rows of a table take: those that take least miss it by least."""
        return self.taken(table.amounts)

    def _shown(self, amount: float) -> str:
        """Return an amount as people read it."""
        return f"{amount:,.0f}"


class WithinGpus(Bound):
    """The plan uses no more cards than allowed."""

    id = "LIMIT-GPUS"
    column = "cards_count"
    limit = "max_gpus_count"
    said = "takes {taken} cards for the traffic, above --max-gpus {most_number:.0f}"
    option = "--max-gpus {least}"


class WithinMachines(Bound):
    """The plan uses no more machines than allowed."""

    id = "LIMIT-MACHINES"
    column = "machines_count"
    limit = "max_machines_count"
    said = "takes {taken} machines of {engine}, above --max-machines {most_number:.0f}"
    option = "--max-machines {least}"


class WithinStock(Bound):
    """The plan uses no more of a card than can be had."""

    id = "LIMIT-STOCK"
    column = "cards_count"
    limit = "available"
    said = "takes {taken} × {gpu}, and {most_number:.0f} are available"
    option = "--available {gpu}={least}"

    def most(self, limits: Limits, gpu: str) -> float:
        """Return how many of a card can be had; infinite where nobody said."""
        return float(limits.available.get(gpu, np.inf))


class _WithinMoney(Bound):
    """Dollars are not passed."""

    column = "usd"

    def _shown(self, amount: float) -> str:
        """Return dollars."""
        return show_usd(amount)


class WithinBudget(_WithinMoney):
    """The rent is within the budget."""

    id = "LIMIT-BUDGET"
    limit = "budget_usd_per_month"
    said = "costs {taken} a month, {over} above --budget {most}"
    option = "--budget {least}/month"

    def most(self, limits: Limits, gpu: str) -> float:
        """Return the budget where cards are rented."""
        return np.inf if limits.buys else super().most(limits, gpu)


class WithinCapex(_WithinMoney):
    """What is bought costs no more than the capital that there is."""

    id = "LIMIT-CAPEX"
    limit = "max_capex_usd"
    said = "costs {taken} to buy, {over} above --capex {most}"
    option = "--capex {least}"

    def most(self, limits: Limits, gpu: str) -> float:
        """Return the capital where cards are bought."""
        return super().most(limits, gpu) if limits.buys else np.inf


class WithinPower(Bound):
    """The cards' rated power is within the limit."""

    id = "LIMIT-POWER"
    column = "rated_power_w"
    limit = "max_power_w"
    said = "{taken} W of cards, above --max-power {most} W"
    option = "--max-power {least}W"

    def words(self, amounts: Amounts, number: int, limits: Limits, engine: str) -> str:
        """Return what a row draws, or that nobody knows."""
        if np.isfinite(self.taken(amounts)[number]):
            return super().words(amounts, number, limits, engine)
        gpu = amounts.gpus[int(amounts.kinds[number])].slug
        return f"no power is published for {gpu}, so --max-power cannot be kept"

    def remedy(self, table: Table, number: int) -> str:
        """Return the least limit, or what is missing to judge it."""
        if np.isfinite(self.miss(table)[number]):
            return super().remedy(table, number)
        return f"the board power of {table.gpu(number).slug} in your own --catalog"


BOUNDS: Final[tuple[Bound, ...]] = (
    WithinGpus(),
    WithinMachines(),
    WithinStock(),
    WithinBudget(),
    WithinCapex(),
    WithinPower(),
)
"""Every bound, in the order in which a row's first one that it passes is named."""


def is_beyond(amounts: Amounts, limits: Limits) -> NDArray[np.bool_]:
    """Return which rows pass some bound."""
    passed = [bound.is_passed(amounts, limits) for bound in BOUNDS]
    return np.asarray(np.logical_or.reduce(passed))


def most_cards_count(gpus: Sequence[Gpu], limits: Limits) -> Column:
    """Return the cards that the bounds allow of each kind, whatever their machines and money."""
    unknown, ones = np.full(len(gpus), np.nan), np.ones(len(gpus))
    each = Amounts(gpus, np.arange(len(gpus)), ones, unknown, unknown)
    with np.errstate(invalid="ignore"):  # no limit of power over a power that is not published
        most = [bound.allowed(each, limits) / bound.taken(each) for bound in BOUNDS]
    return np.asarray(np.fmin.reduce(most))

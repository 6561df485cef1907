"""Without a plan: how far each objective of latency would have to give way alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.planning.constraints import CONSTRAINTS, first_broken
from rightrig.planning.explain import sold_only
from rightrig.planning.finalists import planned_rigs
from rightrig.planning.ranking import ranking
from rightrig.planning.search import loaded, standing
from rightrig.planning.winner import cost_text, engines_text
from rightrig.quantities import show_seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.demand.objective import Objective
    from rightrig.planning.constraints import Question
    from rightrig.planning.planned import Plan, PlannedRig
    from rightrig.planning.search import Space, Standing
    from rightrig.planning.table import Table

_GROWTH_RATIO: Final = 8.0
_DOUBLINGS: Final = 5
_CLOSE_RATIO: Final = 1.01


@dataclass(frozen=True, slots=True)
class LeastObjective:
    """The tightest value of one objective that leaves a plan, every other limit kept.

    Attributes:
        asked: As it was asked.
        least_s: To within 1 %; ``None`` where no value helps.
        winner: The first plan then.
    """

    asked: Objective
    least_s: float | None
    winner: PlannedRig | None

    @property
    def text(self) -> str:
        """It in words."""
        name = f"{self.asked.metric.upper()} p{self.asked.percentile}"
        if self.least_s is None or self.winner is None:
            return f"No value of {name} alone gives a plan."
        return (
            f"{name} of {show_seconds(self.least_s)} instead of "
            f"{show_seconds(self.asked.limit_s)} alone gives one: {engines_text(self.winner)} at "
            f"{cost_text(self.winner)}."
        )


def least_objectives(plan: Plan, space: Space) -> tuple[LeastObjective, ...]:
    """Return, where there is no plan, how far each objective would have to give way alone.

    Args:
        plan: An answer without plans.
        space: What could be chosen from.
    """
    if plan.plans:
        return ()
    lean = sold_only(space, plan.question)
    found = standing(plan.llm, plan.question, lean)
    return tuple(
        _least(plan, lean, found, one) for one in plan.question.slo.objectives()
    )  # fmt: skip


def _least(plan: Plan, space: Space, found: Standing, asked: Objective) -> LeastObjective:
    """Return the tightest value of one objective that leaves a plan: bisection on its logarithm."""
    llm, question = plan.llm, plan.question

    def at(limit_s: float) -> tuple[Question, Table, NDArray[np.int64]]:
        name = f"{asked.metric}_p{asked.percentile}_s"
        slo = question.slo.model_copy(update={name: limit_s})
        changed = replace(question, slo=slo)
        table = loaded(llm, found, changed)
        return changed, table, np.flatnonzero(first_broken(table, changed) == len(CONSTRAINTS))

    low, high = asked.limit_s, asked.limit_s
    for _ in range(_DOUBLINGS):
        high *= _GROWTH_RATIO
        if len(at(high)[2]):
            break
    else:
        return LeastObjective(asked, None, None)
    while high / low > _CLOSE_RATIO:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if len(at(middle)[2]) else (middle, high)
    changed, table, feasible = at(high)
    first = ranking(llm, table, feasible, changed)[:1].tolist()
    return LeastObjective(
        asked, high, planned_rigs(llm, table, first, changed, space.tariff)[0]
    )  # fmt: skip

"""Ranking: what plans are ordered by, for the rows of a search and for plans alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.planning.evaluate import groups
from rightrig.planning.operating import operating

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.facts.llm import Llm
    from rightrig.planning.candidates import Candidates
    from rightrig.planning.constraints import Question
    from rightrig.planning.planned import PlannedRig
    from rightrig.planning.table import Table
    from rightrig.work.operators import Floats

    Column = NDArray[np.float64]

_NOTHING_PER_S: Final = 1e-12
"""A load so small that what costs anything for it comes last."""


@dataclass(frozen=True, slots=True)
class Merits:
    """What plans may be ranked by: values of one plan, or columns of rows.

    Attributes:
        usd: Rent a month, or price when bought.
        ttft_p99_s, tpot_p99_s: At the asked rate.
        capacity_requests_per_s: What is carried within the objectives.
        power_w: Mean draw of all cards at the asked rate; infinite where it is not known.
    """

    usd: Floats
    ttft_p99_s: Floats
    tpot_p99_s: Floats
    capacity_requests_per_s: Floats
    power_w: Floats

    def rank_key(self, question: Question) -> Floats:
        """Return what plans are ranked by, smaller is better: dollars, seconds or watts.

        ``token`` is the rent over the requests that the rig carries within the objectives, of the
        same tokens each; ``e2e`` the bound on TTFT and all tokens after it; ``energy`` what the
        cards draw at the asked traffic, which is the same for all.
        """
        by = question.limits.rank_by
        if by == "token":
            return self.usd / np.maximum(self.capacity_requests_per_s, _NOTHING_PER_S)
        later = question.workload.output_tokens - 1.0
        keys = {
            "month": self.usd,
            "capex": self.usd,
            "ttft": self.ttft_p99_s,
            "tpot": self.tpot_p99_s,
            "e2e": self.ttft_p99_s + later * self.tpot_p99_s,
            "energy": self.power_w,
        }
        return keys[by]


def plan_rank_key(plan: PlannedRig, question: Question) -> float:
    """Return what one plan is ranked by."""
    merits = Merits(
        plan.cost_usd, plan.ttft_p99_s.mid, plan.tpot_p99_s.mid, plan.capacity_requests_per_s,
        np.inf if plan.power_w is None else plan.power_w,
    )  # fmt: skip
    return float(merits.rank_key(question))


def ranking(
    llm: Llm, table: Table, numbers: NDArray[np.int64], question: Question
) -> NDArray[np.int64]:
    """Return rows best first: by what is asked, then the lower TPOT, then the lower TTFT."""
    is_drawn = question.limits.rank_by == "energy"
    power = _drawn_power_w(llm, table, numbers, question) if is_drawn else 0.0
    ttft, tpot = table.ttft_p99_s[numbers], table.tpot_p99_s[numbers]
    merits = Merits(
        table.usd[numbers], ttft, tpot, table.capacity_requests_per_s[numbers], power
    )  # fmt: skip
    return numbers[np.lexsort((numbers, ttft, tpot, np.asarray(merits.rank_key(question))))]


def best_of_each(candidates: Candidates, ranked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first row of each card and weight format, in the order given."""
    rows = candidates.rows[ranked]
    keys = rows["gpu"].astype(np.int64) * len(candidates.formats) + rows["format"]
    _, first = np.unique(keys, return_index=True)
    return np.asarray(ranked[np.sort(first)])


def _drawn_power_w(
    llm: Llm, table: Table, numbers: NDArray[np.int64], question: Question
) -> Column:
    """Return the mean draw of all cards of some rows at the asked rate; infinite where unknown."""
    power = np.full(len(table.rows), np.inf)
    for group in groups(llm, table.candidates, numbers):
        power[group.numbers] = operating(table, group, question).power_w
    return np.asarray(np.nan_to_num(power[numbers], nan=np.inf))

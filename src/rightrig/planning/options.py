"""Engine options: what one engine of each kind carries for a demand, and how it is sold.

The plan picks one option and as many engines of it as the traffic takes; a fleet mixes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.planning.constraints import ROUNDING_RATIO
from rightrig.planning.search import evaluated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.search import Space
    from rightrig.planning.table import Table


@dataclass(frozen=True, slots=True)
class EngineOption:
    """One engine on cards of one kind, and the load that it carries within the objectives.

    Attributes:
        split: Of one engine; ``split.engine_cards`` cards.
        rate_requests_per_s: Largest load of one engine within the objectives, without headroom.
        step_tokens: Most tokens in one step.
        capacity_seqs: Sequences that its memory holds.
        ttft_p99_s, tpot_p99_s: Analytic bounds at the asked rate.
    """

    gpu: Gpu
    split: Parallelism
    runtime: str
    weights: str
    kv: str
    step_tokens: int
    rate_requests_per_s: float
    capacity_seqs: float
    ttft_p99_s: float
    tpot_p99_s: float


def carries(table: Table) -> NDArray[np.bool_]:
    """Return which rows carry some load within the objectives, undivided."""
    found = table.is_sold & (table.engine_rate_per_s > 0.0)
    for one, values in table.judged_s.items():
        found &= values <= one.limit_s * ROUNDING_RATIO
    return np.asarray(found)


def engine_options(llm: Llm, question: Question, space: Space) -> tuple[EngineOption, ...]:
    """Return every engine that carries some load within the objectives of a question.

    Args:
        llm: The model.
        question: Traffic, objectives, confidence. What one engine carries does not depend on the
            rate; its latencies are those at the rate, shared by the engines that it takes.
        space: What may be chosen from.
    """
    table = evaluated(llm, question, space)
    return tuple(
        EngineOption(
            gpu=table.gpu(number),
            split=table.split(number),
            runtime=table.runtime(number).slug,
            weights=table.format_name(number),
            kv=table.kv_name(number),
            step_tokens=int(table.rows[number]["step_tokens"]),
            rate_requests_per_s=float(table.engine_rate_per_s[number]),
            capacity_seqs=float(table.capacity_seqs[number]),
            ttft_p99_s=float(table.ttft_p99_s[number]),
            tpot_p99_s=float(table.tpot_p99_s[number]),
        )
        for number in np.flatnonzero(carries(table)).tolist()
    )

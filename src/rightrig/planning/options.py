"""Engine options: what one engine of each kind carries for a demand, and how it is sold.

The plan picks one option and as many engines of it as the traffic takes; a fleet mixes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.planning.candidates import enumerate_candidates
from rightrig.planning.search import evaluated

if TYPE_CHECKING:
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.search import Space


@dataclass(frozen=True, slots=True)
class EngineOption:
    """One engine on cards of one kind, and the load that it carries within the objectives.

    Attributes:
        split: Of one engine; ``split.engine_cards`` cards.
        rate_requests_per_s: Largest load of one engine within the objectives, without headroom.
        capacity_seqs: Sequences that its memory holds.
        ttft_p99_s, tpot_p99_s: Analytic bounds at that load.
    """

    gpu: Gpu
    split: Parallelism
    runtime: str
    weights: str
    rate_requests_per_s: float
    capacity_seqs: float
    ttft_p99_s: float
    tpot_p99_s: float


def engine_options(llm: Llm, question: Question, space: Space) -> tuple[EngineOption, ...]:
    """Return every engine that carries some load within the objectives of a question.

    Args:
        llm: The model.
        question: Traffic, objectives, confidence; the rate itself plays no part.
        space: What may be chosen from.
    """
    candidates = enumerate_candidates(llm, space.gpus, space.runtimes, space.formats, space.kv)
    table = evaluated(llm, candidates, question, space)
    return tuple(
        EngineOption(
            gpu=table.gpu(number),
            split=table.split(number),
            runtime=table.runtime(number).slug,
            weights=table.format_name(number),
            rate_requests_per_s=float(table.engine_rate_per_s[number]),
            capacity_seqs=float(table.capacity_seqs[number]),
            ttft_p99_s=float(table.judged_ttft_s[number]),
            tpot_p99_s=float(table.judged_tpot_s[number]),
        )
        for number in np.flatnonzero(table.engine_rate_per_s > 0.0).tolist()
    )

"""One deployment under a closed loop of users: what runs, what waits, how fast it is.

Predictions and their sensitivities share it, so that a change of one rate goes through all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.prediction.serving import closed_loop

if TYPE_CHECKING:
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.step_time import StepTimer


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What users see of all engines together.

    Attributes:
        engine_seqs: Sequences that run at once in one engine.
        running_seqs: In all of them; fewer than users when memory or steps are short.
        busy_ratio: Share of the engines that have a user at all.
    """

    engine_seqs: float
    running_seqs: float
    busy_ratio: float
    rate_requests_per_s: float
    ttft_s: float
    tpot_s: float


def operating_point(
    timer: StepTimer,
    lengths: Lengths,
    users_seqs: float,
    capacity_seqs: float,
    replicas_count: int,
) -> OperatingPoint:
    """Return the operating point of some users over equal engines.

    Fewer users than engines leave the others idle. Users beyond what memory holds wait for a
    place: Little's law over the whole cycle.
    """
    admitted = min(users_seqs, capacity_seqs)
    point = closed_loop(timer, max(1.0, admitted / replicas_count), lengths)
    busy = min(float(replicas_count), admitted)
    engine = float(point.running_seqs)
    rate = float(point.rate_requests_per_s) * busy
    waiting_s = (users_seqs - admitted) / rate if users_seqs > admitted else 0.0
    return OperatingPoint(
        engine_seqs=engine,
        running_seqs=min(admitted, engine * replicas_count),
        busy_ratio=busy / replicas_count,
        rate_requests_per_s=rate,
        ttft_s=float(point.ttft_mean_s) + waiting_s,
        tpot_s=float(point.tpot_mean_s),
    )

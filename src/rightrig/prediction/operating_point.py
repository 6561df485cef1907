"""One deployment under a closed loop of users: what runs, what waits, how fast it is.

Predictions and their sensitivities share it, so that a change of one rate goes through all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.prediction.serving import closed_loop

if TYPE_CHECKING:
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.serving import Timer
    from rightrig.work.operators import Floats


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


@dataclass(frozen=True, slots=True)
class OperatingPoints:
    """The same of many deployments at once, an element each (``OperatingPoint``)."""

    engine_seqs: Floats
    running_seqs: Floats
    busy_ratio: Floats
    rate_requests_per_s: Floats
    ttft_s: Floats
    tpot_s: Floats


def operating_point(
    timer: Timer,
    lengths: Lengths,
    users_seqs: float,
    capacity_seqs: float,
    replicas_count: int,
) -> OperatingPoint:
    """Return the operating point of some users over equal engines of one deployment."""
    points = operating_points(timer, lengths, users_seqs, capacity_seqs, replicas_count)
    return OperatingPoint(
        engine_seqs=float(points.engine_seqs),
        running_seqs=float(points.running_seqs),
        busy_ratio=float(points.busy_ratio),
        rate_requests_per_s=float(points.rate_requests_per_s),
        ttft_s=float(points.ttft_s),
        tpot_s=float(points.tpot_s),
    )


def operating_points(
    timer: Timer,
    lengths: Lengths,
    users_seqs: Floats,
    capacity_seqs: Floats,
    replicas_count: Floats,
) -> OperatingPoints:
    """Return the operating points of some users over equal engines, for numbers or arrays.

    Fewer users than engines leave the others idle. Users beyond what memory holds wait for a
    place: Little's law over the whole cycle.
    """
    admitted = np.minimum(users_seqs, capacity_seqs)
    point = closed_loop(timer, np.maximum(1.0, admitted / replicas_count), lengths)
    busy = np.minimum(replicas_count, admitted)
    rate = point.rate_requests_per_s * busy
    return OperatingPoints(
        engine_seqs=point.running_seqs,
        running_seqs=np.minimum(admitted, point.running_seqs * replicas_count),
        busy_ratio=busy / replicas_count,
        rate_requests_per_s=rate,
        ttft_s=point.ttft_mean_s + (users_seqs - admitted) / rate,
        tpot_s=point.tpot_mean_s,
    )

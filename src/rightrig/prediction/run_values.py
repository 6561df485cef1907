"""From the times of a run's steps to the value that it measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rightrig.prediction.serving import first_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.prediction.run_plan import RunPlan

Array = NDArray[np.float64]
Names = NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Loads:
    """How each of many runs was loaded, and what it measured.

    Attributes:
        regime, metric: As ``runs.Regime`` and ``runs.Metric`` name them.
        users_seqs: Users or batch of one engine; running_seqs: those that run at once.
        engines_count: Engines of the run.
    """

    regime: Names
    metric: Names
    input_tokens: Array
    output_tokens: Array
    users_seqs: Array
    running_seqs: Array
    engines_count: Array


@dataclass(frozen=True, slots=True)
class Times:
    """Times of each run's steps, and what its prompts wait for besides.

    Attributes:
        own_s: Of the steps that read one prompt; burst_s: those of all users; next_s: from one
            token of a sequence to its next.
    """

    own_s: Array
    burst_s: Array
    next_s: Array
    request_s: Array
    miss_ratio: Array
    burst_ratio: Array
    turn_s: Array


def loads_of(plans: Sequence[RunPlan]) -> Loads:
    """Return how each run was loaded."""
    return Loads(
        np.array([plan.run.regime for plan in plans]),
        np.array([plan.run.metric for plan in plans]),
        np.array([plan.lengths.input_tokens for plan in plans]),
        np.array([plan.lengths.output_tokens for plan in plans]),
        np.array([plan.users_seqs for plan in plans]),
        np.array([plan.running_seqs for plan in plans]),
        np.array([float(plan.run.split.replicas) for plan in plans]),
    )


def run_values(loads: Loads, times: Times) -> Array:
    """Return the value of each run from its times.

    A closed loop answers ``b`` requests in a cycle of ``TTFT + (OSL − 1)·TPOT``; users beyond
    ``b`` wait for it (Little). A static batch reads all prompts, then decodes; beyond what memory
    holds it comes in waves. Offline and in decoding alone each running sequence gives a token
    every ``next_s``.
    """
    users, running, output = loads.users_seqs, loads.running_seqs, loads.output_tokens
    ttft_s = first_s(times, times.own_s, times.burst_s, running)
    cycle_s = ttft_s + (output - 1.0) * times.next_s
    batch_s = users / running * (times.burst_s + (output - 1.0) * times.next_s)
    rate = loads.engines_count * np.select(
        [loads.regime == "closed_loop", loads.regime == "static_batch"],
        [running * output / cycle_s, users * output / batch_s],
        running / times.next_s,
    )
    first = np.select(
        [loads.regime == "closed_loop", loads.regime == "static_batch"],
        [ttft_s + (users - running) / running * cycle_s, times.burst_s * users / running],
        times.burst_s,
    )
    return np.select(
        [
            loads.metric == "tpot_s", loads.metric == "ttft_s",
            loads.metric == "prompt_tokens_per_s", loads.metric == "requests_per_s",
            loads.metric == "total_tokens_per_s",
        ],
        [
            times.next_s, first,
            users * loads.engines_count * loads.input_tokens / times.burst_s, rate / output,
            rate * (1.0 + loads.input_tokens / output),
        ],
        rate,
    )  # fmt: skip

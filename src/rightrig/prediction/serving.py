"""From step times to latency and throughput of continuous batching.

Steps decode the running sequences; some of them read prompts too (``regimes``; formulas F8).
All functions take floats or arrays of operating points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from rightrig.prediction.regimes import (
    Lengths,
    Moment,
    burst_moments,
    decode_step,
    next_moments,
    own_moments,
    prompt_bound_seqs,
)
from rightrig.work.operators import Step

if TYPE_CHECKING:
    from rightrig.prediction.step_time import StepTimer
    from rightrig.work.operators import Floats

Z_99: Final = 2.326
"""Standard deviations to the 99th percentile of a normal distribution."""
_TAIL_RATIO: Final = 0.01
_MOST_BUSY_RATIO: Final = 0.999
_NEWTON_STEPS: Final = 10
_IDLE_SEQS: Final = 0.02
_BISECTIONS: Final = 12


class Waits(Protocol):
    """What a prompt waits for beside its own steps."""

    @property
    def request_s(self) -> Floats: ...  # noqa: D102 - see Speeds

    @property
    def miss_ratio(self) -> Floats: ...  # noqa: D102 - see Speeds

    @property
    def burst_ratio(self) -> Floats: ...  # noqa: D102 - see Speeds


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One engine under a steady random load.

    Attributes:
        running_seqs: Mean sequences in a step.
        rate_requests_per_s: Requests served.
        ttft_mean_s, tpot_mean_s: Means.
        ttft_p99_s, tpot_p99_s: Analytic bounds of the 99th percentiles.
    """

    running_seqs: Floats
    rate_requests_per_s: Floats
    ttft_mean_s: Floats
    tpot_mean_s: Floats
    ttft_p99_s: Floats
    tpot_p99_s: Floats


def mixed_step(
    timer: StepTimer, running_seqs: Floats, others_seqs: Floats, lengths: Lengths
) -> Step:
    """Return the mean step, with the prompts of ``others_seqs`` sequences mixed in.

    A step has room for ``step_tokens``; prompts beyond that wait (``prompt_bound_seqs``).
    """
    pace = timer.pace
    plain = decode_step(pace, running_seqs, lengths)
    batches = pace.in_flight_count * pace.groups_count
    tokens = lengths.read_tokens * lengths.accepted_count / lengths.output_tokens
    wanted = others_seqs / batches * tokens
    chunk = np.minimum(wanted, pace.step_tokens)
    return Step(
        plain.decode_seqs,
        lengths.mean_context_tokens,
        chunk,
        lengths.read_context_tokens,
        plain.decode_rows_count + chunk / lengths.read_tokens,
        plain.tokens_per_seq_count,
    )


def total_s(timer: StepTimer, moments: tuple[Moment, ...]) -> Floats:
    """Return the time of weighted steps, in seconds; steps of no weight cost no time."""
    return sum(moment.weight_ratio * timer.step_s(moment.step) for moment in moments)


def next_s(timer: StepTimer, running_seqs: Floats, others_seqs: Floats, lengths: Lengths) -> Floats:
    """Return the mean TPOT while the prompts of ``others_seqs`` sequences are read too.

    With speculative decoding a step yields ``accepted_count`` tokens of a sequence.
    """
    moments = next_moments(timer.pace, running_seqs, others_seqs, lengths)
    return total_s(timer, moments) / lengths.accepted_count


def first_s(speeds: Waits, own_s: Floats, burst_s: Floats, users_seqs: Floats) -> Floats:
    """Return the mean TTFT of ``N`` users in a closed loop, memory allowing.

    ``request + own · (1 + (miss − 1)·(N − 1)/N) + burst · (N − 1)/N · share``: a prompt often
    comes just after a step with others' prompts has begun, and the first prompts of a run all
    come at once. Both parameters are fitted on closed loops (``data/fitted.toml``).
    """
    others_ratio = (users_seqs - 1.0) / users_seqs
    missed = 1.0 + (speeds.miss_ratio - 1.0) * others_ratio
    return speeds.request_s + own_s * missed + speeds.burst_ratio * burst_s * others_ratio


def closed_loop(timer: StepTimer, users_seqs: Floats, lengths: Lengths) -> LoadPoint:
    """Return what users of one engine see, who each wait for their answer and ask again.

    Percentiles are not defined here: means stand in their place.
    """
    users = np.asarray(users_seqs, dtype=float)
    running = np.minimum(users, prompt_bound_seqs(timer.pace, lengths))
    others = np.maximum(running - 1.0, 0.0)
    tpot = next_s(timer, running, others, lengths)
    own = total_s(timer, own_moments(timer.pace, others, lengths))
    burst = total_s(timer, burst_moments(timer.pace, running, lengths))
    ttft = first_s(timer.speeds, own, burst, running)
    cycle = ttft + (lengths.output_tokens - 1.0) * tpot
    rate = running / cycle
    # Users beyond what the steps take in wait for their prompt to be read (Little's law).
    ttft = ttft + (users - running) / rate
    return LoadPoint(running, rate, ttft, tpot, ttft, tpot)


def open_loop(timer: StepTimer, running_seqs: Floats, lengths: Lengths) -> LoadPoint:
    """Return the load that keeps ``running_seqs`` sequences running, and its latencies.

    Little's law gives the rate: ``λ = b / (OSL · t(b))``. The running sequences of random
    arrivals are about Poisson, so one time in a hundred there are ``b + 2.33·√b``: the bound on
    TPOT takes a step of that size. Prompts queue for the engine one after another with
    utilisation ``ρ = λ·P`` (M/D/1); the bound on TTFT takes one step already under way, the
    99th percentile of the wait, and the prompt's own time. At ρ = 1 the queue has no end: the
    TTFT is infinite.
    """
    pace = timer.pace
    tpot = next_s(timer, running_seqs, running_seqs, lengths)
    rate = running_seqs / (lengths.output_tokens * tpot)
    crowd = running_seqs + Z_99 * np.sqrt(running_seqs)
    tpot_p99 = next_s(timer, crowd, crowd, lengths)
    decode_s = timer.step_s(decode_step(pace, running_seqs, lengths))
    own = total_s(timer, own_moments(pace, running_seqs, lengths))
    # What a prompt adds to the steps that run anyway is what occupies the engine; the stages of
    # a pipeline work on several prompts at once.
    steps = np.maximum(1.0, lengths.read_tokens / pace.step_tokens) if pace.mixes_prompts else 0.0
    at_once = pace.in_flight_count * pace.groups_count
    service = np.maximum(own - decode_s * steps, 0.0) / at_once
    busy = rate * service
    held = np.minimum(busy, _MOST_BUSY_RATIO)
    tail = wait_p99_s(service, held)
    mean_wait = service * held / (2.0 * (1.0 - held))
    endless = np.where(busy > _MOST_BUSY_RATIO, np.inf, 0.0)
    fixed = timer.speeds.request_s + own + endless
    return LoadPoint(
        running_seqs,
        rate,
        0.5 * tpot + mean_wait + fixed,
        tpot,
        tpot + tail + fixed,
        tpot_p99,
    )


def wait_p99_s(service_s: Floats, busy_ratio: Floats) -> Floats:
    """Return a bound on the 99th percentile of the wait before a deterministic service.

    Kingman (1964): in M/D/1, ``P(W > t) ≤ exp(−z·t/S)`` with ``z > 0`` from ``e^z = 1 + z/ρ``;
    and no more than a share ρ waits at all. Newton's method from above converges monotonically.

    >>> round(float(wait_p99_s(1.0, 0.3)), 2)
    2.23
    """
    busy = np.clip(busy_ratio, _TAIL_RATIO, _MOST_BUSY_RATIO)
    decay = 2.0 * np.log(1.0 / busy) + 2.0 * (1.0 - busy) + 1.0
    for _ in range(_NEWTON_STEPS):
        decay -= (np.log1p(decay / busy) - decay) / (1.0 / (busy + decay) - 1.0)
    wait = service_s * np.log(1.0 / _TAIL_RATIO) / decay
    return np.where(np.asarray(busy_ratio) > _TAIL_RATIO, wait, 0.0)


def largest_steady_seqs(capacity_seqs: Floats) -> Floats:
    """Return the mean running sequences whose 99th percentile still finds a place.

    Solves ``b + z·√b = capacity``: ``√b = (−z + √(z² + 4·capacity)) / 2``.
    """
    capacity = np.maximum(capacity_seqs, 0.0)
    return ((-Z_99 + np.sqrt(Z_99**2 + 4.0 * capacity)) / 2.0) ** 2


def largest_load(
    timer: StepTimer,
    lengths: Lengths,
    capacity_seqs: Floats,
    ttft_p99_s: Floats,
    tpot_p99_s: Floats,
) -> LoadPoint:
    """Return the largest steady load of one engine that keeps both objectives.

    Bisection on the running sequences: both bounds rise with them, but for small dips where
    more experts wake; a caller that needs certainty judges the real load too. Where even a
    nearly idle engine misses an objective, the point is that of the idle engine.
    """
    held = np.minimum(capacity_seqs, prompt_bound_seqs(timer.pace, lengths))
    high = np.maximum(np.asarray(largest_steady_seqs(held), dtype=float), _IDLE_SEQS)
    low = np.full_like(high, _IDLE_SEQS)
    whole = open_loop(timer, high, lengths)
    keeps = (whole.ttft_p99_s <= ttft_p99_s) & (whole.tpot_p99_s <= tpot_p99_s)
    low = np.where(keeps, high, low)
    for _ in range(_BISECTIONS):
        middle = np.sqrt(low * high)
        point = open_loop(timer, middle, lengths)
        keeps = (point.ttft_p99_s <= ttft_p99_s) & (point.tpot_p99_s <= tpot_p99_s)
        low, high = np.where(keeps, middle, low), np.where(keeps, high, middle)
    return open_loop(timer, low, lengths)


def at_rate(
    timer: StepTimer, lengths: Lengths, rate_requests_per_s: Floats, capacity_seqs: Floats
) -> LoadPoint:
    """Return the operating point of one engine at a rate, at most its capacity.

    Bisection on ``b − λ·OSL·t(b)``, which rises with b.
    """
    high = np.maximum(np.asarray(capacity_seqs, dtype=float), 2 * _IDLE_SEQS)
    low = np.full_like(high, 1e-6)
    for _ in range(2 * _BISECTIONS):
        middle = np.sqrt(low * high)
        step = next_s(timer, middle, middle, lengths)
        held = rate_requests_per_s * lengths.output_tokens * step
        low, high = np.where(middle < held, middle, low), np.where(middle < held, high, middle)
    return open_loop(timer, low, lengths)

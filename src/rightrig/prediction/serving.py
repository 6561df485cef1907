"""From step times to latency and throughput of continuous batching.

Every step decodes the running sequences and prefills a chunk of waiting prompts. With
``b`` sequences running, each new token of a sequence comes once a step, and prompts arrive
as sequences finish: ``b · ISL / OSL`` prompt tokens a step (formulas F8). All functions take
floats or arrays of operating points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

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
_BISECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of prompts and answers."""

    input_tokens: float
    output_tokens: float

    @property
    def mean_context_tokens(self) -> float:
        """Mean context of a running sequence: the prompt and half the answer."""
        return self.input_tokens + self.output_tokens / 2.0


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


def decode_step(timer: StepTimer, running_seqs: Floats, lengths: Lengths) -> Step:
    """Return a step that only decodes: at least one sequence, or no token would come.

    The stages of a pipeline work on one micro-batch each.
    """
    per_batch = np.maximum(running_seqs / timer.in_flight_count, 1.0)
    return Step(per_batch, lengths.mean_context_tokens, 0.0, 0.0, per_batch)


def mixed_step(
    timer: StepTimer, running_seqs: Floats, others_seqs: Floats, lengths: Lengths
) -> Step:
    """Return the mean step, with the prompts of ``others_seqs`` sequences mixed in.

    A step has room for ``step_tokens``; prompts beyond that wait (``prompt_bound_seqs``).
    """
    plain = decode_step(timer, running_seqs, lengths)
    wanted = others_seqs / timer.in_flight_count * (lengths.input_tokens / lengths.output_tokens)
    chunk = np.minimum(wanted, timer.step_tokens)
    return Step(
        plain.decode_seqs,
        lengths.mean_context_tokens,
        chunk,
        lengths.input_tokens / 2.0,
        plain.decode_seqs * (1.0 + 1.0 / lengths.output_tokens),
    )


def mixed_step_s(
    timer: StepTimer, running_seqs: Floats, others_seqs: Floats, lengths: Lengths
) -> Floats:
    """Return the time of the mean step, which is the mean TPOT."""
    return timer.step_s(mixed_step(timer, running_seqs, others_seqs, lengths))


def prompt_bound_seqs(timer: StepTimer, lengths: Lengths) -> Floats:
    """Return the sequences that steps can keep running, however many wait.

    A step of ``n`` tokens decodes ``b`` and prefills ``n − b`` of them, which replace
    ``(n − b)/ISL`` sequences while ``b/OSL`` finish: ``b = n·OSL/(ISL + OSL)`` a micro-batch.
    """
    tokens = lengths.input_tokens + lengths.output_tokens
    return timer.in_flight_count * timer.step_tokens * lengths.output_tokens / tokens


def prefill_s(timer: StepTimer, running_seqs: Floats, lengths: Lengths) -> Floats:
    """Return the time to prefill one prompt while ``running_seqs`` sequences decode."""
    plain = decode_step(timer, running_seqs, lengths)
    chunk = np.minimum(lengths.input_tokens, timer.step_tokens)
    chunks = np.maximum(1.0, lengths.input_tokens / chunk)
    step = Step(
        plain.decode_seqs,
        lengths.mean_context_tokens,
        chunk,
        lengths.input_tokens / 2.0,
        plain.decode_seqs + 1.0,
    )
    return chunks * timer.step_s(step)


def closed_loop(timer: StepTimer, running_seqs: Floats, lengths: Lengths) -> LoadPoint:
    """Return what ``running_seqs`` users see, who each wait for their answer and ask again.

    Prompts collide now and then: a prompt waits for about ``½·√(N−1)`` others, as closed-loop
    measurements show. Percentiles are not defined here: means stand in their place.
    """
    users = np.asarray(running_seqs, dtype=float)
    running = np.minimum(users, prompt_bound_seqs(timer, lengths))
    others = np.maximum(running - 1.0, 0.0)
    tpot = mixed_step_s(timer, running, others, lengths)
    own = prefill_s(timer, running, lengths) * (1.0 + 0.5 * np.sqrt(others))
    rate = running / (own + (lengths.output_tokens - 1.0) * tpot)
    # Users beyond what the steps take in wait for their prompt to be read (Little's law).
    ttft = own + (users - running) / rate
    return LoadPoint(running, rate, ttft, tpot, ttft, tpot)


def open_loop(timer: StepTimer, running_seqs: Floats, lengths: Lengths) -> LoadPoint:
    """Return the load that keeps ``running_seqs`` sequences running, and its latencies.

    Little's law gives the rate: ``λ = b / (OSL · t(b))``. The running sequences of random
    arrivals are about Poisson, so one time in a hundred there are ``b + 2.33·√b``: the bound on
    TPOT takes a step of that size. Prompts queue for the engine one after another with
    utilisation ``ρ = λ·P`` (M/D/1); the bound on TTFT takes one step already under way, the
    99th percentile of the wait, and the prompt's own time.
    """
    tpot = mixed_step_s(timer, running_seqs, running_seqs, lengths)
    rate = running_seqs / (lengths.output_tokens * tpot)
    crowd = running_seqs + Z_99 * np.sqrt(running_seqs)
    tpot_p99 = mixed_step_s(timer, crowd, crowd, lengths)
    decode_s = timer.step_s(decode_step(timer, running_seqs, lengths))
    own = prefill_s(timer, running_seqs, lengths)
    # What a prompt adds to the steps that run anyway is what occupies the engine.
    service = np.maximum(
        own - decode_s * np.maximum(1.0, lengths.input_tokens / timer.step_tokens), 0.0
    )
    busy = np.minimum(rate * service, _MOST_BUSY_RATIO)
    tail = wait_p99_s(service, busy)
    mean_wait = service * busy / (2.0 * (1.0 - busy))
    return LoadPoint(
        running_seqs,
        rate,
        0.5 * tpot + mean_wait + own,
        tpot,
        tpot + tail + own,
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
    held = np.minimum(capacity_seqs, prompt_bound_seqs(timer, lengths))
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
        step = mixed_step_s(timer, middle, middle, lengths)
        held = rate_requests_per_s * lengths.output_tokens * step
        low, high = np.where(middle < held, middle, low), np.where(middle < held, high, middle)
    return open_loop(timer, low, lengths)

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
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.demand.objective import Metric, Percentile
    from rightrig.prediction.regimes import Pace
    from rightrig.work.operators import Floats

QUANTILES: Final[dict[Percentile, float]] = {50: 0.0, 90: 1.282, 95: 1.645, 99: 2.326}
"""Standard deviations to each percentile of a normal distribution."""
Z_99: Final = QUANTILES[99]
_LEAST_BUSY_RATIO: Final = 0.01
_MOST_BUSY_RATIO: Final = 0.999
_NEWTON_STEPS: Final = 10
_IDLE_SEQS: Final = 0.02
_BISECTIONS: Final = 12
_RATE_BISECTIONS: Final = 16
_LEAST_SEQS: Final = 1e-6


class Waits(Protocol):
    """What a prompt waits for beside its own steps."""

    @property
    def request_s(self) -> Floats: ...  # noqa: D102 - see Speeds

    @property
    def miss_ratio(self) -> Floats: ...  # noqa: D102 - see Speeds

    @property
    def burst_ratio(self) -> Floats: ...  # noqa: D102 - see Speeds

    @property
    def turn_s(self) -> Floats: ...  # noqa: D102 - see Speeds


class Timer(Protocol):
    """What tells how long a step of an engine takes: of one (``StepTimer``), or of many at once."""

    @property
    def pace(self) -> Pace: ...  # noqa: D102 - see StepTimer

    @property
    def speeds(self) -> Waits: ...  # noqa: D102 - see StepTimer

    def step_s(self, step: Step) -> Floats: ...  # noqa: D102 - see StepTimer


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


def mixed_step(timer: Timer, running_seqs: Floats, others_seqs: Floats, lengths: Lengths) -> Step:
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


def total_s(timer: Timer, moments: tuple[Moment, ...]) -> Floats:
    """Return the time of weighted steps, in seconds; steps of no weight cost no time."""
    return sum(moment.weight_ratio * timer.step_s(moment.step) for moment in moments)


def next_s(
    timer: Timer,
    running_seqs: Floats,
    others_seqs: Floats,
    lengths: Lengths,
    *,
    come_singly: bool = False,
) -> Floats:
    """Return the mean TPOT while the prompts of ``others_seqs`` sequences are read too.

    With speculative decoding a step yields ``accepted_count`` tokens of a sequence.
    """
    moments = next_moments(timer.pace, running_seqs, others_seqs, lengths, come_singly=come_singly)
    return total_s(timer, moments) / lengths.accepted_count


def first_s(speeds: Waits, own_s: Floats, burst_s: Floats, users_seqs: Floats) -> Floats:
    """Return the mean TTFT of ``N`` users in a closed loop, memory allowing.

    ``request + own · (1 + (miss − 1)·(N − 1)/N) + burst · (N − 1)/N · share + turn · (N − 1)``: a
    prompt often comes just after a step with others' prompts has begun (``miss``), the first
    prompts of a run all come at once (a ``share`` of that is waited for), and a host may take
    requests in one after another (``turn``). The first two are fitted on closed loops
    (``data/fitted.toml``), the last on those of a machine of one's own alone.

    Source: fitted (``prediction/data/fitted.toml``) on published closed loops. Validity: steady
    users without think time, memory for all of them.
    """
    others_ratio = (users_seqs - 1.0) / users_seqs
    missed = 1.0 + (speeds.miss_ratio - 1.0) * others_ratio
    burst = speeds.burst_ratio * burst_s * others_ratio
    return speeds.request_s + own_s * missed + burst + speeds.turn_s * (users_seqs - 1.0)


def closed_loop(timer: Timer, users_seqs: Floats, lengths: Lengths) -> LoadPoint:
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


@dataclass(frozen=True, slots=True)
class Flow:
    """One engine in a steady flow of random arrivals, ready to be asked for percentiles.

    The running sequences of random arrivals are about Poisson, so that at the percentile of a
    normal quantile z there are ``b + z·√b``: the bound on TPOT takes a step of that size. Prompts
    queue for the engine one after another with utilisation ``ρ = λ·P`` (M/D/1); the bound on TTFT
    takes one step already under way, the percentile of the wait, and the prompt's own time. At
    ρ = 1 the queue has no end: the TTFT is infinite.

    Attributes:
        service_s: What a prompt adds to the steps that run anyway.
        busy_ratio: Utilisation by prompts, ρ.
        fixed_s: Host work of a request and its own steps; infinite where the queue has no end.
    """

    timer: Timer
    lengths: Lengths
    running_seqs: Floats
    rate_requests_per_s: Floats
    tpot_mean_s: Floats
    service_s: Floats
    busy_ratio: Floats
    fixed_s: Floats

    def tail_s(self, metric: Metric, percentile: Percentile) -> Floats:
        """Return the analytic bound of one percentile of a latency."""
        if metric == "ttft":
            tail_ratio = 1.0 - percentile / 100.0
            return self.tpot_mean_s + wait_tail_s(
                self.service_s, self.busy_ratio, tail_ratio
            ) + self.fixed_s  # fmt: skip
        if metric == "tpot":
            crowd = self.running_seqs + QUANTILES[percentile] * np.sqrt(self.running_seqs)
            return next_s(self.timer, crowd, crowd, self.lengths, come_singly=True)
        if metric == "itl":
            # The longest gap that a sequence sees: a step that reads a prompt as well.
            return total_s(
                self.timer, own_moments(self.timer.pace, self.running_seqs, self.lengths)
            )
        ttft = self.tail_s("ttft", percentile)
        return ttft + (self.lengths.output_tokens - 1.0) * self.tail_s("tpot", percentile)

    @property
    def ttft_mean_s(self) -> Floats:
        """Mean TTFT: half a step under way, the mean wait of M/D/1, the prompt's own time."""
        mean_wait = self.service_s * self.busy_ratio / (2.0 * (1.0 - self.busy_ratio))
        return 0.5 * self.tpot_mean_s + mean_wait + self.fixed_s

    @property
    def point(self) -> LoadPoint:
        """Return the means, and the bounds of the 99th percentiles."""
        return LoadPoint(
            self.running_seqs,
            self.rate_requests_per_s,
            self.ttft_mean_s,
            self.tpot_mean_s,
            self.tail_s("ttft", 99),
            self.tail_s("tpot", 99),
        )


def flow_of(timer: Timer, running_seqs: Floats, lengths: Lengths) -> Flow:
    """Return the flow that keeps ``running_seqs`` sequences running.

    Little's law gives its rate: ``λ = b / (OSL · t(b))``.
    """
    pace = timer.pace
    tpot = next_s(timer, running_seqs, running_seqs, lengths, come_singly=True)
    rate = running_seqs / (lengths.output_tokens * tpot)
    decode_s = timer.step_s(decode_step(pace, running_seqs, lengths))
    own = total_s(timer, own_moments(pace, running_seqs, lengths))
    # What a prompt adds to the steps that run anyway is what occupies the engine; the stages of
    # a pipeline work on several prompts at once.
    steps = np.maximum(1.0, lengths.read_tokens / pace.step_tokens) if pace.mixes_prompts else 0.0
    at_once = pace.in_flight_count * pace.groups_count
    service = np.maximum(own - decode_s * steps, 0.0) / at_once
    busy = rate * service
    endless = np.where(busy > _MOST_BUSY_RATIO, np.inf, 0.0)
    return Flow(
        timer=timer,
        lengths=lengths,
        running_seqs=running_seqs,
        rate_requests_per_s=rate,
        tpot_mean_s=tpot,
        service_s=service,
        busy_ratio=np.minimum(busy, _MOST_BUSY_RATIO),
        fixed_s=timer.speeds.request_s + own + endless,
    )


def open_loop(timer: Timer, running_seqs: Floats, lengths: Lengths) -> LoadPoint:
    """Return the load that keeps ``running_seqs`` sequences running, and its latencies."""
    return flow_of(timer, running_seqs, lengths).point


def wait_tail_s(service_s: Floats, busy_ratio: Floats, tail_ratio: float = 0.01) -> Floats:
    """Return a bound on a percentile of the wait before a deterministic service.

    Kingman (1964): in M/D/1, ``P(W > t) ≤ exp(−z·t/S)`` with ``z > 0`` from ``e^z = 1 + z/ρ``;
    and no more than a share ρ waits at all. Newton's method from above converges monotonically.

    Source: Kingman 1964, A martingale inequality in the theory of queues, Proc. Cambridge Phil.
    Soc. 60. Validity: Poisson arrivals, one server, services of one length; a
    bound.

    Args:
        service_s: Time of the service.
        busy_ratio: Utilisation ρ.
        tail_ratio: Share of the requests that may wait longer: 0.01 for the 99th percentile.

    >>> round(float(wait_tail_s(1.0, 0.3)), 2)
    2.23
    """
    busy = np.clip(busy_ratio, min(tail_ratio, _LEAST_BUSY_RATIO), _MOST_BUSY_RATIO)
    decay = 2.0 * np.log(1.0 / busy) + 2.0 * (1.0 - busy) + 1.0
    for _ in range(_NEWTON_STEPS):
        decay -= (np.log1p(decay / busy) - decay) / (1.0 / (busy + decay) - 1.0)
    wait = service_s * np.log(1.0 / tail_ratio) / decay
    return np.where(np.asarray(busy_ratio) > tail_ratio, wait, 0.0)


def largest_steady_seqs(capacity_seqs: Floats) -> Floats:
    """Return the mean running sequences whose 99th percentile still finds a place.

    Solves ``b + z·√b = capacity``: ``√b = (−z + √(z² + 4·capacity)) / 2``.
    """
    capacity = np.maximum(capacity_seqs, 0.0)
    return ((-Z_99 + np.sqrt(Z_99**2 + 4.0 * capacity)) / 2.0) ** 2


@dataclass(frozen=True, slots=True)
class Goal:
    """One objective: a percentile of a latency that may not pass a limit (an element a row)."""

    metric: Metric
    percentile: Percentile
    limit_s: Floats


def largest_load(
    timer: Timer, lengths: Lengths, capacity_seqs: Floats, goals: Sequence[Goal]
) -> Flow:
    """Return the largest steady load of one engine that keeps all objectives.

    Bisection on the running sequences: the bounds rise with them, but for small dips where
    more experts wake; a caller that needs certainty judges the real load too. Where even a
    nearly idle engine misses an objective, the flow is that of the idle engine.
    """
    held = np.minimum(capacity_seqs, prompt_bound_seqs(timer.pace, lengths))
    high = np.maximum(np.asarray(largest_steady_seqs(held), dtype=float), _IDLE_SEQS)
    low = np.full_like(high, _IDLE_SEQS)
    low = np.where(_keeps(flow_of(timer, high, lengths), goals), high, low)
    for _ in range(_BISECTIONS):
        if np.array_equal(low, high):
            break
        middle = np.sqrt(low * high)
        keeps = _keeps(flow_of(timer, middle, lengths), goals)
        low, high = np.where(keeps, middle, low), np.where(keeps, high, middle)
    return flow_of(timer, low, lengths)


def _keeps(flow: Flow, goals: Sequence[Goal]) -> NDArray[np.bool_]:
    """Return which rows keep every objective, and have a queue that ends."""
    kept = np.isfinite(flow.fixed_s)
    for goal in goals:
        kept &= flow.tail_s(goal.metric, goal.percentile) <= goal.limit_s
    return np.asarray(kept)


def at_rate(
    timer: Timer, lengths: Lengths, rate_requests_per_s: Floats, capacity_seqs: Floats
) -> Flow:
    """Return the operating point of one engine at a rate, at most its capacity.

    Bisection on ``b − λ·OSL·t(b)``, which rises with b, from what a nearly idle engine's TPOT
    would make of the rate.
    """
    high = np.maximum(np.asarray(capacity_seqs, dtype=float), 2 * _IDLE_SEQS)
    idle = np.full_like(high, _LEAST_SEQS)
    least_s = next_s(timer, idle, idle, lengths, come_singly=True)
    low = np.clip(rate_requests_per_s * lengths.output_tokens * least_s, _LEAST_SEQS, high)
    for _ in range(_RATE_BISECTIONS):
        middle = np.sqrt(low * high)
        step = next_s(timer, middle, middle, lengths, come_singly=True)
        held = rate_requests_per_s * lengths.output_tokens * step
        low, high = np.where(middle < held, middle, low), np.where(middle < held, high, middle)
    return flow_of(timer, low, lengths)

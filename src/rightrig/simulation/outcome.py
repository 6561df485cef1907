"""What a simulation found: latencies with both kinds of uncertainty, goodput, use, power, money."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval
from rightrig.quantities import SECONDS_PER_HOUR, show_number, show_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    Column = NDArray[np.float64]

    from rightrig.demand.objective import Objective
    from rightrig.deployment.deployment import Deployment
    from rightrig.prediction.evidence import Evidence
    from rightrig.simulation.cluster import Cluster

Verdict = Literal["surely", "likely", "not"]
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p99.9")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A figure of a simulation.

    Attributes:
        mid: As simulated with the middle of the prediction.
        sampling: Central 80 % for other draws of as many requests (batch means).
        model: Central 80 % for the speeds of the engine: the same requests on engines whose
            steps take as long as the ends of the prediction's interval say; ``None`` where that
            was not asked for.
    """

    mid: float
    sampling: Interval
    model: Interval | None = None

    @property
    def joined(self) -> Interval:
        """Both together, as independent errors: their logarithms add in quadrature."""
        if self.model is None:
            return self.sampling
        if self.mid <= 0.0 or min(self.sampling.low, self.model.low) <= 0.0:
            low = min(self.sampling.low, self.model.low)
            return Interval(low, self.mid, max(self.sampling.high, self.model.high))
        down = math.hypot(
            math.log(self.mid / self.sampling.low), math.log(self.mid / self.model.low)
        )
        up = math.hypot(
            math.log(self.sampling.high / self.mid), math.log(self.model.high / self.mid)
        )
        return Interval(self.mid * math.exp(-down), self.mid, self.mid * math.exp(up))


Latency = dict[str, Quantity]
"""Statistics of one metric by their names: ``mean``, ``p50`` … ``p99.9``."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One latency objective, and whether it was kept.

    Attributes:
        value: The statistic that it limits; requests that were not served count as infinite.
        verdict: ``surely`` (at the far end of the interval), ``likely`` (in the middle), ``not``.
        class_name: Of whom it was promised; empty for all requests.
    """

    objective: Objective
    value: Quantity
    verdict: Verdict
    class_name: str = ""


@dataclass(frozen=True, slots=True)
class ClassOutcome:
    """What the requests of one SLO class saw."""

    name: str
    requests_count: int
    served_count: int
    latencies: Mapping[str, Latency]


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The cluster over time, a value for each span of ``span_s``.

    Attributes:
        time_s: Begin of each span.
        arrivals_count, ended_count: Requests in the span.
        running_seqs, waiting_seqs: Mean requests with and without a place in an engine.
        output_tokens_per_s: Generated.
        busy_ratio: Share of the replicas that are in a step.
        kv_used_ratio: Mean share of all KV blocks that are in use; NaN without blocks.
        ttft_p99_s: Of the requests that arrived in the span; NaN where there were none.
    """

    span_s: float
    time_s: Column
    arrivals_count: Column
    ended_count: Column
    running_seqs: Column
    waiting_seqs: Column
    output_tokens_per_s: Column
    busy_ratio: Column
    kv_used_ratio: Column
    ttft_p99_s: Column


@dataclass(frozen=True, slots=True)
class StepLoad:
    """What steps of one kind worked on, means by time.

    Attributes:
        time_s: Of all such steps, over all replicas.
        decode_seqs: Sequences that decoded, all micro-batches of an engine together.
        prompt_tokens: Prompt tokens that a step read; 0 for steps that only decode.
    """

    time_s: float
    decode_seqs: float
    prompt_tokens: float


@dataclass(frozen=True, slots=True)
class ReplicaOutcome:
    """What one replica did.

    Attributes:
        on_s: Time for which it is paid: started, warm or serving.
    """

    index: int
    role: str
    served_count: int
    busy_s: float
    on_s: float
    steps_count: int
    prompt_tokens: int
    output_tokens: float


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What happened to the requests of a workload on a deployment.

    Attributes:
        deployment: What served them; ``None`` where a bare cluster was simulated.
        requests_count: All; each ended once as served, rejected, cancelled or timed out.
        duration_s: From the first arrival to the last end.
        offered_requests_per_s: Arrivals over the time of arrivals.
        latencies: By metric: ``ttft``, ``answer`` (first token of the answer after reasoning),
            ``tpot``, ``itl``, ``e2e``, ``wait`` (until first admitted); of requests served.
        goodput_requests_per_s: Served requests that met every objective, over the duration.
        good_ratio: Their share of all requests; ``None`` without objectives.
        kept: Each objective with its verdict.
        used_ratio: Share of the time that replicas were in a step.
        kv_used_ratio: Mean share of KV blocks in use while replicas were busy; ``None`` for slots.
        cache_hit_ratio: Share of prompt tokens that a prefix cache held.
        loads: Steps that only decode, and steps with prompts; a kind that did not occur is absent.
        power_w: Mean of the cards of replicas that are on.
        records: A row a request (``layout.RECORD``), in the order of the requests; ``None`` for
            runs too long to keep them.
        is_exact: Whether percentiles are of all requests; else of sketches (DataSketches REQ,
            rank error below 0.1 % at p99).
        wall_s: Time that the simulation itself took.
    """

    deployment: Deployment | None
    cluster: Cluster
    seed: int
    requests_count: int
    served_count: int
    rejected_count: int
    cancelled_count: int
    timed_out_count: int
    duration_s: float
    offered_requests_per_s: float
    input_tokens: int
    output_tokens: int
    latencies: Mapping[str, Latency]
    kept: tuple[Kept, ...]
    goodput_requests_per_s: float
    good_ratio: float | None
    used_ratio: float
    kv_used_ratio: float | None
    running_seqs: float
    preemptions_count: int
    retries_count: int
    cache_hit_ratio: float
    replicas: tuple[ReplicaOutcome, ...]
    loads: tuple[StepLoad, ...]
    series: Series | None
    classes: tuple[ClassOutcome, ...] = ()
    power_w: Interval | None = None
    price_usd_per_hour: float | None = None
    evidence: Evidence | None = None
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    records: NDArray[np.void] | None = field(default=None, repr=False)
    is_exact: bool = True
    wall_s: float = 0.0

    @property
    def served_requests_per_s(self) -> float:
        """Requests served over the duration."""
        return self.served_count / self.duration_s

    @property
    def output_tokens_per_s(self) -> float:
        """Tokens of the answers of served requests over the duration."""
        return self.output_tokens / self.duration_s

    @property
    def energy_j(self) -> Interval | None:
        """Energy of the cards over the duration; ``None`` where power is not known."""
        return None if self.power_w is None else self.power_w.scaled(self.duration_s)

    @property
    def energy_j_per_token(self) -> Interval | None:
        """Energy of the cards for an output token; ``None`` where power is not known."""
        if self.energy_j is None or self.output_tokens == 0:
            return None
        return self.energy_j.scaled(1.0 / self.output_tokens)

    @property
    def usd_per_good_token(self) -> float | None:
        """Rent over output tokens of requests that met the objectives (all served, without any).

        Their answers count as long as those of all served. ``None`` without a price, infinite
        when no request was good.
        """
        if self.price_usd_per_hour is None:
            return None
        served = self.served_count
        good = served if self.good_ratio is None else self.good_ratio * self.requests_count
        good_tokens = self.output_tokens * good / max(served, 1)
        hours = self.duration_s / SECONDS_PER_HOUR
        return self.price_usd_per_hour * hours / good_tokens if good_tokens else math.inf

    @property
    def verdict(self) -> Verdict:
        """How well all objectives are kept: as the worst of them; ``surely`` without any."""
        order: tuple[Verdict, ...] = ("not", "likely", "surely")
        return min((kept.verdict for kept in self.kept), key=order.index, default="surely")

    def explain(self) -> Explanation:
        """Return what limits the service, with figures and sources."""
        return _explain(self)


def _explain(outcome: Outcome) -> Explanation:
    """Return sentences, figures and sources of an outcome."""
    busy = (
        f"Replicas were busy {outcome.used_ratio:.0%} of the time with "
        f"{outcome.running_seqs:,.1f} requests each on average."
    )
    sentences = [busy]
    wait = outcome.latencies.get("wait")
    ttft = outcome.latencies.get("ttft")
    if wait and ttft and ttft["p99"].mid > 0.0:
        share = wait["p99"].mid / ttft["p99"].mid
        sentences.append(
            f"At p99 a request waits {show_seconds(wait['p99'].mid)} for a place, of "
            f"{show_seconds(ttft['p99'].mid)} to its first token ({min(share, 1.0):.0%})."
        )
    if outcome.preemptions_count:
        sentences.append(
            f"KV memory ran out: {outcome.preemptions_count:,} preemptions; more memory, an FP8 "
            "cache or fewer sequences at once (--max-seqs) would spare their work."
        )
    missed = [kept for kept in outcome.kept if kept.verdict == "not"]
    sentences += [
        f"{kept.objective.metric.upper()} p{kept.objective.percentile} is "
        f"{show_seconds(kept.value.mid)}, not {show_seconds(kept.objective.limit_s)}."
        for kept in missed
        if math.isfinite(kept.value.mid)
    ]
    sentences += outcome.notes
    figures = (
        Figure(
            "goodput_requests_per_s",
            outcome.goodput_requests_per_s,
            show_number(outcome.goodput_requests_per_s),
            "simulation",
        ),
    )
    return Explanation(tuple(sentences), figures, outcome.sources)

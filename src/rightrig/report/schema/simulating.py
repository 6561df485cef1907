"""What ``simulate`` answers."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.shared import (
    DeploymentJson,
    EvidenceWord,
    ExplanationJson,
    IntervalJson,
    MetWord,
    VerdictWord,
)

KeptWord: TypeAlias = Literal["surely", "likely", "not"]


class LengthsJson(TypedDict):
    """Statistics of the tokens of prompts or answers."""

    mean_tokens: float
    p50_tokens: float
    p90_tokens: float
    p99_tokens: float
    max_tokens: int


class TrafficJson(TypedDict):
    """The requests, and where they come from."""

    text: str
    origin: str
    source: str
    users_count: int | None
    requests_per_arrival_count: float
    prompts: LengthsJson
    answers: LengthsJson
    notes: list[str]


class StatisticJson(TypedDict):
    """A statistic with what other draws and other speeds would make it."""

    mid_s: float | None
    sampling_s: IntervalJson | None
    model_s: IntervalJson | None
    joined_s: IntervalJson | None


class LatencyJson(StatisticJson):
    """A statistic of a latency, and whether it rests on too few requests."""

    is_thin: bool


class KeptJson(StatisticJson):
    """An objective, the statistic that it limits, and its verdict."""

    metric: str
    percentile: int
    limit_s: float
    verdict: KeptWord


class HighestRateJson(TypedDict):
    """The highest rate that keeps the objectives."""

    rate_requests_per_s: IntervalJson
    rate_arrivals_per_s: IntervalJson
    binding: KeptJson | None
    tried_count: int


class SimulatedRentJson(TypedDict):
    """What the rig costs; of a price that the user said nobody asks it."""

    rent_usd_per_hour: float
    provider: str | None
    instance: str | None
    instances_count: int | None
    rented_cards_count: int | None
    date: str | None
    trust: str | None
    source: str | None


class ReplicaJson(TypedDict):
    """What one engine did."""

    index: int
    role: str
    served_count: int
    busy_s: float
    on_s: float
    steps_count: int
    prompt_tokens: int
    output_tokens: float


class RequestClassJson(TypedDict):
    """What the requests of one class saw."""

    name: str
    requests_count: int
    served_count: int
    latencies: dict[str, dict[str, LatencyJson]]


class RequestCountsJson(TypedDict):
    """How many requests ended how."""

    requests_count: int
    served_count: int
    rejected_count: int
    cancelled_count: int
    timed_out_count: int


class ServedJson(RequestCountsJson):
    """How many requests ended how, and the rates that follow."""

    duration_s: float
    offered_requests_per_s: float | None
    served_requests_per_s: float
    goodput_requests_per_s: float
    good_ratio: float | None
    input_tokens: int
    output_tokens: int
    output_tokens_per_s: float


class UseJson(TypedDict):
    """How much of the engines was used."""

    used_ratio: float
    kv_used_ratio: float | None
    running_seqs: float
    preemptions_count: int
    retries_count: int
    cache_hit_ratio: float
    replicas_count: int
    replicas: list[ReplicaJson]
    wall_s: float


class SimulateJson(ServedJson, UseJson):
    """What requests see over time."""

    deployment: DeploymentJson | None
    fit_verdict: VerdictWord
    traffic: TrafficJson
    router: str
    seed: int
    latencies: dict[str, dict[str, LatencyJson]]  # by metric, then by statistic
    objectives: list[KeptJson]
    slo_met: MetWord
    limit: HighestRateJson | None
    power_w: IntervalJson | None
    energy_j_per_token: IntervalJson | None
    price: SimulatedRentJson | None
    cost_usd_per_million_good_tokens: float | None
    classes: list[RequestClassJson]
    evidence: EvidenceWord | None
    is_exact: bool
    saved: list[str]
    explanation: ExplanationJson


class SimulateRefusedJson(RequestCountsJson):
    """The answer where not one request fits: none is served."""

    deployment: DeploymentJson
    fit_verdict: VerdictWord
    traffic: TrafficJson
    explanation: ExplanationJson


SimulateAnswerJson: TypeAlias = SimulateJson | SimulateRefusedJson

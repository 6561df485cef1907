"""What ``load`` answers: loads that were held, what a server did, where it breaks."""

from typing import Literal

from typing_extensions import TypedDict

from rightrig.report.schema.shared import DeploymentJson, IntervalJson

LoadKind = Literal["closed", "open"]
"""``closed``: users who each wait for their answer. ``open``: requests that wait for nobody."""
ValidWord = Literal["VALID", "CLIENT-LIMITED", "TOO-FEW"]
"""Whether the figures are the server's: ``CLIENT-LIMITED`` ones are the client's."""
BreakingWord = Literal[
    "found", "not reached", "below", "client-limited", "interrupted", "out of time"
]


class MeasuredStatisticJson(TypedDict):
    """A mean or percentile with the central 80 % for other runs as long."""

    low_s: float
    mid_s: float
    high_s: float
    is_enough: bool


class MeasuredLatencyJson(TypedDict):
    """One metric of one level."""

    count: int
    min_s: float
    max_s: float
    deviation_s: float
    statistics: dict[str, MeasuredStatisticJson]  # mean, p50, p90, p95, p99, p99_9


class MeasuredObjectiveJson(TypedDict):
    """One limit, and what was measured."""

    metric: str
    percentile: int
    limit_s: float
    measured_s: float | None  # null where so many failed that the percentile has no end
    is_kept: bool
    is_sure: bool


class WindowJson(TypedDict):
    """The part of a level that is counted."""

    start_s: float
    end_s: float
    cut_count: int
    is_steady: bool
    is_growing: bool
    reason: str


class ClientJson(TypedDict):
    """How well the client did its own part."""

    lag_p99_s: float | None
    loop_lag_p99_s: float | None
    cpu_ratio: float | None
    sent_ratio: float | None


class UsageJson(TypedDict):
    """Where counts of tokens come from, and whether they can be right."""

    source: str
    checked_count: int
    wrong_count: int
    input_ratio: float | None
    notes: list[str]


class LevelPredictionJson(TypedDict):
    """What was predicted of a level."""

    output_tokens_per_s: IntervalJson
    latencies: dict[str, dict[str, IntervalJson]]  # by metric, then by statistic
    good_ratio: IntervalJson | None
    evidence: str


class LevelCostJson(TypedDict):
    """What a million output tokens cost at a level."""

    cost_usd_per_million_output_tokens: float
    predicted_usd_per_million_output_tokens: IntervalJson | None
    is_regression: bool


class LevelJson(TypedDict):
    """One load, and what the server did; figures are of the window."""

    kind: LoadKind
    concurrency: int | None
    rate_requests_per_s: float | None
    peak_ratio: float | None  # over the planned peak
    started: str
    duration_s: float
    requests_count: int
    ok_count: int
    error_ratio: float
    faults: dict[str, int]
    statuses: dict[str, int]
    offered_requests_per_s: float
    served_requests_per_s: float
    goodput_requests_per_s: float | None
    good_ratio: float | None
    input_tokens_per_s: float
    output_tokens_per_s: float
    concurrency_mean_count: float
    concurrency_max_count: int
    latencies: dict[str, MeasuredLatencyJson]
    objectives: list[MeasuredObjectiveJson]
    verdict: ValidWord
    reasons: list[str]
    window: WindowJson
    client: ClientJson
    usage: UsageJson
    prediction: LevelPredictionJson | None
    cost: LevelCostJson | None
    notes: list[str]
    interrupted: bool


class TriedJson(TypedDict):
    """One rate of a search."""

    rate_requests_per_s: float
    good_ratio: float
    error_ratio: float
    is_growing: bool
    holds: bool


class BreakingJson(TypedDict):
    """The breaking point: between a rate that held and one that broke."""

    definition: str
    status: BreakingWord
    rate_requests_per_s: IntervalJson | None
    held_requests_per_s: float
    broken_requests_per_s: float | None
    is_monotone: bool
    tried: list[TriedJson]
    predicted_requests_per_s: IntervalJson | None
    found_over_predicted_ratio: float | None
    is_within_prediction: bool | None


class PlannedLevelJson(TypedDict):
    """One level of a planned test, with the same load for other tools."""

    peak_ratio: float
    rate_requests_per_s: float
    requests_count: int
    expected: Literal["holds", "breaks", "either"]
    vllm: str
    aiperf: str


class LoadPlanJson(TypedDict):
    """A load test of a plan."""

    origin: str
    peak_requests_per_s: float
    peak_words: str
    input_tokens: int
    output_tokens: int
    capacity_requests_per_s: IntervalJson | None  # as the file says it
    breaking_requests_per_s: IntervalJson | None  # by the definition of this test
    levels: list[PlannedLevelJson]
    criteria: list[str]


class LoadPriceJson(TypedDict):
    """What the server costs, and who says so."""

    cost_usd_per_hour: float
    source: str


class LoadJson(TypedDict):
    """A load test: what was planned, what was measured, what was predicted."""

    url: str | None
    name: str
    api: Literal["chat", "completions"]
    tool: str
    deployment: DeploymentJson | None
    traffic: str
    slo_s: dict[str, float]  # limits by metric and percentile
    is_usual_slo: bool
    slo_met: Literal["met", "not", "no objective", "not measured"]
    plan: LoadPlanJson | None
    levels: list[LevelJson]
    breaking: BreakingJson | None
    price: LoadPriceJson | None
    run_id: int | None
    command: str
    notes: list[str]
    interrupted: bool

"""What ``predict`` answers, in each of its forms."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.shared import (
    DeploymentJson,
    EvidenceWord,
    ExplanationJson,
    IntervalJson,
    VerdictWord,
)

ResourceWord: TypeAlias = Literal["memory bandwidth", "compute", "communication", "host"]
BoundWord: TypeAlias = Literal["memory bandwidth", "compute", "launch"]


class StepPartJson(TypedDict):
    """A part of a mean step, and what it waits for."""

    name: str
    time_s: float
    resource: ResourceWord
    share_of_limit_ratio: float


class PredictJson(TypedDict):
    """How fast: latencies, throughput, power, and the bottleneck."""

    deployment: DeploymentJson
    input_tokens: float
    output_tokens: float
    cached_tokens: float
    drafted_tokens: float
    yielded_tokens: float
    concurrency: int
    running_seqs: float
    fit_verdict: VerdictWord
    ttft_s: IntervalJson
    tpot_s: IntervalJson
    output_tokens_per_s: IntervalJson
    total_tokens_per_s: IntervalJson
    requests_per_s: IntervalJson
    e2e_s: IntervalJson
    user_tokens_per_s: IntervalJson
    power_w: IntervalJson | None
    energy_j_per_token: IntervalJson | None
    implausible: list[str]
    bottleneck: ResourceWord
    bottleneck_ratio: float
    bound_tpot_s: float
    evidence: EvidenceWord
    step_decode_seqs: float
    step_prefill_tokens: float
    parts: list[StepPartJson]
    explanation: ExplanationJson


class RidgeJson(TypedDict):
    """From how many rows on a part is bound by compute."""

    part: str
    rows_count: float
    ridge_rows_count: float
    achieved_rows_count: float
    is_passed: bool


class SensitivityJson(TypedDict):
    """What one change does to the speed."""

    change: str
    ttft_ratio: float
    tpot_ratio: float
    output_tokens_per_s_ratio: float


class PredictExplainedJson(PredictJson):
    """A prediction with its ridges and its sensitivities."""

    ridges: list[RidgeJson]
    sensitivities: list[SensitivityJson]


class SweepPointJson(TypedDict):
    """A prediction at one value of what is swept."""

    concurrency: int
    input_tokens: float
    output_tokens: float
    running_seqs: float
    fit_verdict: VerdictWord
    ttft_s: IntervalJson
    tpot_s: IntervalJson
    output_tokens_per_s: IntervalJson
    requests_per_s: IntervalJson
    power_w: IntervalJson | None
    bottleneck: ResourceWord
    bottleneck_ratio: float
    bound_tpot_s: float


class PredictSweepJson(TypedDict):
    """A prediction for each value of one quantity."""

    deployment: DeploymentJson
    swept: str
    evidence: EvidenceWord
    points: list[SweepPointJson]


class SplitStepJson(TypedDict):
    """One step on some cards of a rig."""

    rig: str
    tp: int
    work: Literal["decode", "prompt"]
    kernels_s: float
    communication_s: float
    host_s: float
    total_s: float
    speedup_ratio: float
    efficiency_ratio: float
    is_slower_than_one: bool
    fit_verdict: VerdictWord


class RefusedSplitJson(TypedDict):
    """Cards over which the model cannot be divided."""

    rig: str
    tp: int
    reason: str


class SplitsJson(TypedDict):
    """The steps on 1, 2, 4 and 8 cards of each rig."""

    model: str
    concurrency: int
    input_tokens: int
    steps: list[SplitStepJson]
    refused: list[RefusedSplitJson]


class GemmJson(TypedDict):
    """A matrix product on one card."""

    gpu: str
    m: int
    n: int
    k: int
    weights: str
    computed_in: str
    is_unpacked: bool
    flop: float
    working_set_bytes: float
    fits_l2: bool
    time_s: IntervalJson
    rate_flop_per_s: IntervalJson
    roofline_flop_per_s: float
    roofline_ratio: float
    bound: BoundWord
    evidence: str
    to_first_ratio: float  # beside the first of its shape


class GemmsJson(TypedDict):
    """Matrix products on cards."""

    products: list[GemmJson]


class AllReduceJson(TypedDict):
    """An all-reduce among the cards of a rig."""

    rig: str
    ranks: int
    message_bytes: float
    link: str
    link_bytes_per_s: float
    time_s: IntervalJson
    latency_s: float
    latency_ratio: float
    bus_bytes_per_s: float
    ring_s: float  # at rated speed, without latency
    evidence: str


class AllReducesJson(TypedDict):
    """All-reduces on rigs."""

    all_reduces: list[AllReduceJson]


PredictAnswerJson: TypeAlias = (
    PredictJson | PredictExplainedJson | PredictSweepJson | SplitsJson | GemmsJson | AllReducesJson
)

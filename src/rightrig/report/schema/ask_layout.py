"""The JSON of the questions about a deployment: splits, buying, scaling, mixes, growth, doubts."""

from typing import Literal

from typing_extensions import TypedDict

from rightrig.deployment.training import Sharing
from rightrig.planning.questions.buy_or_rent import Advice
from rightrig.report.schema.ask_hardware import BestFlipJson
from rightrig.report.schema.shared import (
    EvidenceWord,
    ExplanationJson,
    IntervalJson,
    VerdictWord,
)


class SplitLayoutJson(TypedDict):
    """One split of a rig."""

    split: str
    tp: int
    pp: int
    attention_dp: int
    replicas: int
    runtime: str
    weights: str
    ttft_s: IntervalJson
    tpot_s: IntervalJson
    goodput_requests_per_s: float
    output_tokens_per_s: float
    capacity_seqs: float
    capacity_tokens: float
    fit_verdict: VerdictWord
    on_front: bool


class BarredSplitJson(TypedDict):
    """A split that cannot be."""

    split: str
    reason: str


class RigSplitsJson(TypedDict):
    """The splits of one rig."""

    rig: str
    model: str
    link: Literal["none", "nvlink-switch", "nvlink-bridge", "mesh", "pcie", "pcie-host", "network"]
    input_tokens: float
    output_tokens: float
    rate_requests_per_s: float | None
    recommended: str | None
    quickest: str | None
    busiest: str | None
    splits: list[SplitLayoutJson]
    flips: list[BestFlipJson]
    refused: list[BarredSplitJson]
    explanation: ExplanationJson


class AskSplitJson(TypedDict):
    """``ask split``."""

    rigs: list[RigSplitsJson]


class BuyOrRentJson(TypedDict):
    """``ask buy-or-rent``; null for what never comes."""

    name: str
    advice: Advice
    price_low_usd: float
    price_high_usd: float
    resale_usd: float
    resale_ratio: float
    rent_usd_per_hour: float
    power_w: float
    tariff_usd_per_kwh: float
    pue_ratio: float
    use_ratio: float
    speed_ratio: float
    owned_years: float
    machines_count: int
    rented_usd_per_month: float
    running_usd_per_month: float
    gross_low_months_count: float | None
    gross_high_months_count: float | None
    low_months_count: float | None
    high_months_count: float | None
    least_use_ratio: float | None
    owned_low_usd: float
    owned_high_usd: float
    rented_usd: float
    sentences: list[str]
    sources: list[str]


class ShardedStateJson(TypedDict):
    """The memory of a card at one way of sharing states."""

    sharing: Sharing
    card_bytes: float
    fits: bool | None


class PaceJson(TypedDict):
    """The speed at one overlap."""

    overlap_ratio: float
    waited_s: float
    overhead_ratio: float
    speedup_ratio: float


class ScalingCauseJson(TypedDict):
    """One cause of a speed-up below the number of cards."""

    cause: str
    speedup_ratio: IntervalJson | None
    lost_ratio: float
    is_possible: bool
    finding: str
    confirm: str


class ScalingJson(TypedDict):
    """``ask scaling``."""

    params: float
    ranks: int
    compute_s: float
    whole_bytes: float
    states: list[ShardedStateJson]
    sharing: Sharing | None
    sync_s: IntervalJson | None
    without_overlap: PaceJson | None
    with_overlap: PaceJson | None
    measured_speedup_ratio: float | None
    causes: list[ScalingCauseJson]
    job_cost_usd: float | None
    job_cost_with_overlap_usd: float | None
    job_cost_without_overlap_usd: float | None
    explanation: ExplanationJson


class BarredWayJson(TypedDict):
    """A way of using unlike cards together that a rule forbids."""

    way: str
    rule: str
    reason: str


class LayerShareJson(TypedDict):
    """The layers of one card."""

    gpu: str
    layers: int
    weights_bytes: float
    stage_ratio: float


class OneEngineJson(TypedDict):
    """One engine over all cards."""

    model: str
    rig: str
    barred: list[BarredWayJson]
    shares: list[LayerShareJson]
    equal_shares_ratio: float
    layered_weights: str
    layered_verdict: str
    layered_tpot_s: float | None


class RouteJson(TypedDict):
    """One model on one pool of cards."""

    model: str
    pool: str
    chosen: bool
    split: str | None
    goodput_requests_per_s: float | None
    rent_usd_per_month: float | None
    usd_per_token: float | None
    reason: str


class MixJson(TypedDict):
    """``ask mix``."""

    one_engine: list[OneEngineJson]
    routes: list[RouteJson]
    explanation: ExplanationJson


class GrowthEndJson(TypedDict):
    """What a plan runs out of, and when; null for never."""

    kind: Literal["headroom", "objectives", "engines", "cards", "budget"]
    at_requests_per_s: float
    months_count: float | None
    date: str | None


class LargerEnginesJson(TypedDict):
    """Larger engines that carry a rate."""

    engines: str
    cards: int
    rent_usd_per_month: float
    capacity_requests_per_s: float


class GrowthStepJson(TypedDict):
    """What to add next."""

    date: str | None
    months_count: float
    from_requests_per_s: float
    engines: int
    cards: int
    rent_usd_per_month: float | None
    larger: LargerEnginesJson | None
    way: Literal["horizontal", "vertical"]


class GrowthJson(TypedDict):
    """``ask growth``."""

    rig: str
    replicas: int
    split: str
    weights: str
    runtime: str
    rent_usd_per_month: float
    capacity_requests_per_s: float
    rate_requests_per_s: float
    growth_ratio_per_month: float
    start: str
    months: int
    ends: list[GrowthEndJson]
    steps: list[GrowthStepJson]
    explanation: ExplanationJson


class DoubtOutcomeJson(TypedDict):
    """What a measured value would decide."""

    mid_s: float
    outcome: Literal["met surely", "met likely", "missed likely", "missed surely", "no objective"]


class DoubtJson(TypedDict):
    """One latency of one plan that a measurement would narrow."""

    place: int
    engines: str
    quantity: str
    limit_s: float | None
    evidence: EvidenceWord
    now_s: IntervalJson
    after_s: IntervalJson
    narrowing_ratio: float
    met_ratio: float | None
    outcomes: list[DoubtOutcomeJson]
    run: str
    kernel_resource: str
    kernel_change_ratio: float


class RentRangeJson(TypedDict):
    """What a plan costs by the interval of its throughput."""

    engines: str
    evidence: EvidenceWord
    now_usd_per_month: IntervalJson
    after_usd_per_month: IntervalJson


class MeasureNextJson(TypedDict):
    """``ask measure-next``."""

    judged: int
    doubts: list[DoubtJson]
    rents: list[RentRangeJson]
    rivals: list[str]
    explanation: ExplanationJson

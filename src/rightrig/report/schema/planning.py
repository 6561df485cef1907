"""What ``plan`` answers: plans, engines for a batch, upgrades, sweeps."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.ask_layout import GrowthJson, MeasureNextJson
from rightrig.report.schema.demanding import QuestionJson
from rightrig.report.schema.shared import EvidenceWord, ExplanationJson, IntervalJson, MetWord

VariedWord: TypeAlias = Literal["price", "rate", "input", "output", "ttft", "tpot", "e2e", "itl"]


class PurchaseJson(TypedDict):
    """What to rent, and how far its price is to be trusted."""

    provider: str
    region: str
    instance: str
    instances_count: int
    cards_per_instance: int
    rented_cards_count: int
    per_gpu_usd_per_hour: float | None  # on demand
    is_spot: bool
    date: str
    trust: str
    source: str
    price_warning: str  # empty where there is none


class BoughtJson(TypedDict):
    """What to buy."""

    price_usd: IntervalJson
    goods_usd: IntervalJson
    hosts_usd: IntervalJson
    hosts: str
    has_hosts: bool
    name: str
    units_count: int
    cards_per_unit_count: int
    low_usd: float
    high_usd: float
    has_host: bool
    date: str
    source: str
    price_warning: str


class PlannedJson(TypedDict):
    """One plan: engines, their latencies at the asked rate, their cost."""

    gpu: str
    cards_count: int
    rig: str
    tp: int
    pp: int
    dp: int
    ep: int
    cp: int
    replicas: int
    prefill_replicas: int
    runtime: str
    weights: str
    kv: str
    max_batched_tokens: int
    quality: str
    rent_usd_per_month: float
    capex_usd: float
    machines_count: int
    cost_usd_per_million_tokens: float
    full_cost_usd_per_million_tokens: float
    cost_usd_per_million_output_tokens: float
    capacity_requests_per_s: float
    running_seqs: float
    ttft_mean_s: float
    tpot_mean_s: float
    ttft_p99_s: IntervalJson
    tpot_p99_s: IntervalJson
    p99_method: Literal["analytic", "simulated"]
    slo_met: MetWord
    power_w: float | None
    host_power_w: float
    energy_usd_per_month: float | None
    evidence: EvidenceWord
    on_pareto_front: bool
    purchase: PurchaseJson | None
    bought: BoughtJson | None


class FrontJson(TypedDict):
    """A plan of the Pareto front in short."""

    rig: str
    split: str
    replicas: int
    prefill_replicas: int
    runtime: str
    weights: str
    kv: str
    rent_usd_per_month: float
    capex_usd: float
    ttft_p99_s: float
    tpot_p99_s: float
    capacity_requests_per_s: float


class OutbidJson(TypedDict):
    """The best candidate of a card that lost by cost."""

    gpu: str
    engine: str
    cost_usd: float
    gap_usd: float


class RejectedGpuJson(TypedDict):
    """A card without a candidate, and the rule that left none."""

    gpu: str
    rule: str
    reason: str


class RelaxationJson(TypedDict):
    """The smallest change of one limit that gives a plan."""

    rule: str
    option: str
    engine: str


class VariedWinnerJson(TypedDict):
    """The first plan when one input is another."""

    rig: str
    replicas: int
    cost_usd: float


class VaryingJson(TypedDict):
    """What one changed input does to the answer."""

    name: VariedWord
    change_ratio: float
    is_other: bool
    winner: VariedWinnerJson | None


class RateFlipJson(TypedDict):
    """A rate from which another card wins."""

    rate_requests_per_s: float
    before: str
    after: str


class HingesJson(TypedDict):
    """What a plan hangs on."""

    binding: str
    price_margin_ratio: float | None
    rival: PlannedJson | None
    varied: list[VaryingJson]
    flips: list[RateFlipJson]
    sentences: list[str]


class LeastObjectiveJson(TypedDict):
    """How far one objective would have to give way."""

    metric: Literal["ttft", "tpot", "e2e", "itl"]
    percentile: int
    asked_s: float
    least_s: float | None


class PlanJson(TypedDict):
    """The best rigs for traffic, objectives and budget; why the others lost."""

    model: str
    question: QuestionJson
    plans: list[PlannedJson]
    front: list[FrontJson]
    outbid: list[OutbidJson]
    rejected: list[RejectedGpuJson]
    candidates_count: int
    pruned_count: int
    evaluated_count: int
    feasible_count: int
    front_count: int
    elapsed_s: float
    explanation: ExplanationJson
    relaxations: list[RelaxationJson]
    hinges: NotRequired[HingesJson]
    least_objectives: NotRequired[list[LeastObjectiveJson]]
    measure_next: NotRequired[MeasureNextJson]
    runway: NotRequired[GrowthJson]


class JobRigJson(TypedDict):
    """Engines that do a batch in time."""

    gpu: str
    rig: str
    tp: int
    pp: int
    dp: int
    replicas: int
    runtime: str
    weights: str
    kv: str
    quality: str
    duration_s: IntervalJson
    tokens_per_s: float
    usd: float
    high_usd: float
    cost_usd_per_million_tokens: float
    in_time: Literal["surely", "likely"]
    evidence: EvidenceWord
    provider: str
    instance: str
    instances_count: int
    is_spot: bool
    date: str
    source: str


class PlanJobJson(TypedDict):
    """The cheapest engines for a batch."""

    model: str
    tokens_count: float
    deadline_s: float
    spot_waste_ratio: float
    rigs: list[JobRigJson]
    candidates_count: int
    feasible_count: int
    elapsed_s: float
    explanation: ExplanationJson


class PoolEnginesJson(TypedDict):
    """Equal engines on own cards."""

    count: int
    rig: str
    split: str
    runtime: str
    weights: str


class OwnPoolJson(TypedDict):
    """Own cards of one kind, and what they carry."""

    gpu: str
    cards_count: int
    rate_requests_per_s: float
    engines: list[PoolEnginesJson]


class UpgradeJson(TypedDict):
    """Something to buy, and what all cards carry then; names of it are null for nothing."""

    buy: str | None
    units_count: int
    capex_usd: float
    has_host: bool | None
    date: str | None
    source: str | None
    rate_requests_per_s: float
    is_enough: bool
    pools: list[OwnPoolJson]


class PlanUpgradeJson(TypedDict):
    """What to add to own cards."""

    own: str
    capex_usd: float
    wanted_requests_per_s: float
    now: UpgradeJson
    upgrades: list[UpgradeJson]
    explanation: ExplanationJson


class SpreadJson(TypedDict):
    """A time over the seeds."""

    least_s: float
    middle_s: float
    most_s: float


class ContenderJson(TypedDict):
    """One combination under one demand, all seeds together."""

    model: str
    rig: str
    runtime: str
    weights: str
    kv: str
    split: str
    max_seqs: int
    max_batched_tokens: int
    seeds_count: int
    met_count: int
    met: str
    good_ratio: float
    rent_usd_per_month: float | None
    provider: str
    cost_usd_per_million_good_tokens: float | None
    ttft_p99_s: SpreadJson | None
    tpot_p99_s: SpreadJson | None


class BestJson(TypedDict):
    """The answer for one model and demand."""

    model: str
    demand: str
    winner: ContenderJson | None
    nearest: ContenderJson | None
    meeting_count: int
    unpriced_count: int
    reason: str


class NotSimulatedJson(TypedDict):
    """Why some tasks were not simulated."""

    status: str
    reason: str
    tasks_count: int


class SweepRunJson(TypedDict):
    """What was done now, and what was found done."""

    engine: str
    jobs_count: int
    computed_count: int
    reused_count: int
    died_count: int
    torn_count: int
    elapsed_s: float


class PlanSweepJson(TypedDict):
    """The cheapest rig for each demand of a file; the rows are in the files."""

    tasks_count: int
    statuses_count: dict[str, int]
    best: list[BestJson]
    reasons: list[NotSimulatedJson]
    run: SweepRunJson
    folder: str
    files: list[str]
    explanation: ExplanationJson


PlanAnswerJson: TypeAlias = PlanJson | PlanJobJson | PlanUpgradeJson | PlanSweepJson

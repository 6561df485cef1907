"""The JSON of the questions about hardware: which card, how many, one rig or another, budgets."""

from typing import Literal

from typing_extensions import TypedDict

from rightrig.report.schema.demanding import QuestionJson
from rightrig.report.schema.shared import (
    DeploymentJson,
    ExplanationJson,
    IntervalJson,
    VerdictWord,
)


class HireJson(TypedDict):
    """Rented engines that carry an asked rate."""

    gpu: str
    cards_count: int
    engines_count: int
    tp: int
    pp: int
    runtime: str
    weights: str
    provider: str
    instance: str
    instances_count: int
    rent_usd_per_month: float
    capacity_requests_per_s: float
    ttft_p99_s: float
    tpot_p99_s: float


class PickJson(TypedDict):
    """A card that does, in as many engines as it takes."""

    gpu: str
    engine: str
    engines_count: int
    cards_count: int
    rent_usd_per_month: float | None
    purchase_usd: float | None
    rated_power_w: float | None
    ttft_p99_s: float
    tpot_p99_s: float


class DecidingCardJson(TypedDict):
    """Whether the card that decides does."""

    gpu: str
    does: bool
    verdict: VerdictWord
    wanted_requests_per_s: float
    carried_requests_per_s: float | None


class ChooseGpuJson(TypedDict):
    """``ask choose-gpu``."""

    model: str
    kind: Literal["development", "production"]
    question: QuestionJson
    chosen: PickJson | None
    deciding: DecidingCardJson
    to_rent: list[PickJson]
    to_buy: list[PickJson]
    nearest: list[str]
    dropped_cards_count: int
    explanation: ExplanationJson


class ForbiddenTpJson(TypedDict):
    """A number of tensor ranks that a model cannot have."""

    tp: int
    reason: str


class CountSplitJson(TypedDict):
    """One split of so many cards."""

    tp: int
    pp: int
    runtime: str
    verdict: VerdictWord
    headroom_ratio: float
    lacking_bytes: float


class EngineCountJson(TypedDict):
    """So many cards of one engine."""

    cards_count: int
    verdict: VerdictWord
    reason: str
    splits: list[CountSplitJson]


class CardCountsJson(TypedDict):
    """One card and format, at every number of cards."""

    gpu: str
    weights: str
    least_cards_count: int | None
    least_tensor_cards_count: int | None
    counts: list[EngineCountJson]


class GpuCountJson(TypedDict):
    """``ask gpu-count``."""

    model: str
    context_tokens: int
    concurrency: int
    rows: list[CardCountsJson]
    forbidden_tp: list[ForbiddenTpJson]
    explanation: ExplanationJson


class CheapestPlanJson(TypedDict):
    """The cheapest plan that does the same."""

    gpu: str
    cards_count: int
    rent_usd_per_month: float
    tpot_mean_s: float
    ttft_mean_s: float
    capacity_requests_per_s: float


class OverkillJson(TypedDict):
    """``ask overkill``."""

    overkill: bool
    deployment: DeploymentJson
    rate_requests_per_s: float
    capacity_requests_per_s: IntervalJson
    running_seqs: int
    memory_ratio: float
    capacity_ratio: float | None
    rent_usd_per_month: float | None
    tpot_s: IntervalJson | None
    ttft_s: IntervalJson | None
    cheapest: CheapestPlanJson | None
    saving_usd_per_month: float | None
    sharing_engines_count: int
    explanation: ExplanationJson


class ServingRoleJson(TypedDict):
    """One card as it serves."""

    rented: HireJson | None
    goodput_tokens_per_s: IntervalJson | None
    saturated_tokens_per_s: IntervalJson | None
    cost_usd_per_million_tokens: float | None


class TrainingRoleJson(TypedDict):
    """One card as it trains."""

    tokens_per_s: IntervalJson | None
    least_cards_count: int
    cost_usd_per_billion_tokens: IntervalJson | None


class BothRolesJson(TypedDict):
    """One card in both roles."""

    gpu: str
    serving: ServingRoleJson
    training: TrainingRoleJson


class TrainOrServeJson(TypedDict):
    """``ask train-or-serve``."""

    model: str
    sequence_tokens: int
    state_bytes: float
    training_flop_per_token: float
    best_to_serve: str | None
    best_to_train: str | None
    cards: list[BothRolesJson]
    explanation: ExplanationJson


class RivalRigJson(TypedDict):
    """One of two rigs; null where the model does not run on it, or nobody says a price."""

    rig: str
    cards_count: int
    hosts_count: int
    peak_flop_per_s: float | None
    pooled_bytes: float
    card_bytes: float
    engines_count: int
    tp: int | None
    pp: int | None
    runtime: str | None
    weights: str | None
    goodput_requests_per_s: IntervalJson | None
    saturated_tokens_per_s: IntervalJson | None
    ttft_p99_s: float | None
    tpot_p99_s: float | None
    rent_usd_per_month: float | None
    purchase_usd: float | None
    cost_usd_per_million_tokens: float | None
    rated_power_w: float | None


class PremiumJson(TypedDict):
    """What the dear rig costs more, and does more."""

    basis: str
    price_ratio: float
    goodput_ratio: IntervalJson
    justified: str


class BestFlipJson(TypedDict):
    """A rate from which another answer is the best."""

    at_requests_per_s: float
    before: str
    after: str


class ManyOrOneJson(TypedDict):
    """``ask many-or-one``."""

    model: str
    many: RivalRigJson
    one: RivalRigJson
    premiums: list[PremiumJson]
    flips: list[BestFlipJson]
    rate_requests_per_s: float | None
    winner: str | None
    explanation: ExplanationJson


class OutOfReachJson(TypedDict):
    """A format that a budget does not reach."""

    weights: str
    least_usd_per_month: float


class TierJson(TypedDict):
    """What one budget carries; null for one without an end."""

    from_usd_per_month: float
    to_usd_per_month: float | None
    rented: HireJson | None
    out_of_reach: list[OutOfReachJson]


class HomeLabJson(TypedDict):
    """What a lab at home carries."""

    capital_limit_usd: float
    power_limit_w: float
    gpu: str | None
    weights: str | None
    engines_count: int
    cards_count: int
    capital_usd: float
    price_basis: str
    energy_usd_per_month: float
    capacity_requests_per_s: float


class TiersJson(TypedDict):
    """``ask tiers``."""

    model: str
    tiers: list[TierJson]
    home: HomeLabJson
    explanation: ExplanationJson


class FormatVerdictJson(TypedDict):
    """Whether one card holds a format."""

    weights: str
    verdict: VerdictWord


class FullHireJson(HireJson):
    """Rented engines, and what tokens cost where they are full."""

    cost_usd_per_million_tokens: float


class FullMarketsJson(TypedDict):
    """The cheapest full engines of both markets."""

    consumer: FullHireJson | None
    other: FullHireJson | None


class TpotFlipJson(TypedDict):
    """The TPOT at which the other market becomes the cheaper."""

    rate_requests_per_s: float
    loose_s: float
    tight_s: float


class MarketPlanJson(TypedDict):
    """The cheapest plan of one market."""

    gpu: str
    cards_count: int
    engines_count: int
    weights: str
    rent_usd_per_month: float
    cost_usd_per_million_tokens: float
    running_seqs: float


class CornerJson(TypedDict):
    """Both markets at one rate."""

    rate_requests_per_s: float
    consumer: MarketPlanJson | None
    other: MarketPlanJson | None


class ConsumerOrDatacenterJson(TypedDict):
    """``ask consumer-or-datacenter``."""

    model: str
    card: str
    formats: list[FormatVerdictJson]
    cheapest_at_asked: Literal["consumer", "other", "none"]
    flips: list[BestFlipJson]
    full: FullMarketsJson
    tpot_flip: TpotFlipJson | None
    corners: list[CornerJson]
    explanation: ExplanationJson

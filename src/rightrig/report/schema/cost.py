"""The JSON of ``cost``: offers to rent, bills of owners, electricity, tokens, break-even, sides."""

from typing import Literal

from typing_extensions import TypedDict

from rightrig.costs.bill import When
from rightrig.report.schema.shared import (
    DeploymentJson,
    EvidenceWord,
    ExplanationJson,
    IntervalJson,
)


class OfferJson(TypedDict):
    """One offer of a rig."""

    provider: str
    region: str
    country: str | None
    instance: str
    gpu: str
    cards_per_instance: int
    instances: int
    rented_cards: int
    terms: Literal["on-demand", "prepaid", "spot"]
    commitment: str
    availability: Literal["listed", "in stock"]
    instance_usd_per_hour: float
    card_usd_per_hour: float
    gb_usd_per_hour: float
    rig_usd_per_hour: float
    rig_usd_per_month: float
    useful_usd_per_hour: float | None
    billed_every_s: float | None
    billed_least_s: float
    paid_s: float
    total_usd: float
    date: str
    age_days: int | None
    price_warning: str | None
    trust: str
    source: str
    note: str


class WithoutOfferJson(TypedDict):
    """A provider that does not rent a rig out, as far as known."""

    provider: str
    why: Literal["not rented", "not in that size", "no offer known"]


class WorthJson(TypedDict):
    """What a gain and a loss of speed are worth."""

    card_usd_per_hour: float
    gain_ratio: float | None
    gain_usd_per_year: float | None
    lost_bandwidth_ratio: float | None
    exposed_ratio: float | None
    loss_usd_per_year: float | None


class RentJson(TypedDict):
    """``cost rent``."""

    rig: str
    used_s: float
    spot: bool
    waste_ratio: float | None
    offers: list[OfferJson]
    without_offer: list[WithoutOfferJson]
    worth: WorthJson | None
    explanation: ExplanationJson


class BillLineJson(TypedDict):
    """One line of an owner's bill."""

    key: str
    name: str
    when: When
    amount_usd: IntervalJson
    counted: bool
    origin: str


class PartOfJson(TypedDict):
    """What share of another rig's cost holds what share of its models."""

    rig: str
    cost_ratio: float
    covered_ratio: float
    held_models: int
    held_models_of_other: int
    models: int
    lost: list[str]


class OwnJson(TypedDict):
    """``cost own``."""

    rig: str
    owned_years: float
    rate_per_year: float
    lines: list[BillLineJson]
    price_usd: IntervalJson
    running_usd_per_year: IntervalJson
    resale_usd: IntervalJson
    paid_usd: IntervalJson
    present_usd: IntervalJson
    equal_usd_per_month: IntervalJson
    card_usd_per_hour: IntervalJson
    depreciation_usd_per_year: float
    against: PartOfJson | None
    explanation: ExplanationJson


class EnergyBillJson(TypedDict):
    """What one rig draws and pays."""

    rig: str
    busy_power_w: float
    idle_power_w: float
    mean_power_w: float
    use_ratio: float
    pue_ratio: float
    tariff_usd_per_kwh: float
    cost_usd_per_month: float
    cost_usd_per_year: float
    owned_years: float
    total_usd: float


class EfficiencyJson(TypedDict):
    """What a joule buys on the cards of two rigs, the first's before the second's."""

    rate: str
    sustained_ratio: float
    peak_flop_per_j: list[float]
    sustained_flop_per_j: list[float]


class EnergyJson(TypedDict):
    """``cost energy``."""

    rigs: list[EnergyBillJson]
    saved_usd_per_year: float | None
    saved_usd: float | None
    efficiency: list[EfficiencyJson]
    explanation: ExplanationJson


class TokenPricesJson(TypedDict):
    """The price of each kind of token."""

    input_usd_per_token: float
    cached_usd_per_token: float | None
    output_usd_per_token: float
    all_usd_per_output_token: float
    request_usd: float


class TimeSharesJson(TypedDict):
    """What an engine's time goes to."""

    output_ratio: float
    input_ratio: float
    cached_ratio: float


class BatchPriceJson(TypedDict):
    """The price of tokens at one batch; null where it does not fit."""

    batch: int
    fits: bool
    reason: str
    output_tokens_per_s: IntervalJson | None
    bound_tokens_per_s: float | None
    passes_roofline: bool
    is_stated: bool
    all_usd_per_output_token: IntervalJson | None
    mean_usd_per_token: IntervalJson | None
    slot_usd_per_hour: float | None


class TokensJson(DeploymentJson):
    """``cost tokens``."""

    input_tokens: float
    cached_tokens: float
    output_tokens: float
    paid: str
    reason: str
    capacity_requests_per_s: float | None
    use_ratio: float
    bill_usd_per_month: IntervalJson | None
    idle_usd_per_month: float
    idle_engines_count: int
    mean_usd_per_token: IntervalJson | None
    prices: TokenPricesJson | None
    evidence: EvidenceWord
    time_shares: TimeSharesJson | None
    slot_usd_per_hour: float | None
    duty_ratio: float | None
    batches: list[BatchPriceJson]
    explanation: ExplanationJson


class SwingJson(TypedDict):
    """What one uncertain input does to a ratio of costs; its values in its ``unit``."""

    input: str
    unit: str
    low: float
    high: float
    low_cost_ratio: float
    high_cost_ratio: float
    equal_at: float | None


class OpenIntervalJson(TypedDict):
    """An interval, null for an end that never comes."""

    low: float | None
    mid: float | None
    high: float | None


class OpenFigureJson(TypedDict):
    """One number of an explanation; null where it has no end."""

    name: str
    value: float | None
    text: str
    source: str


class OpenExplanationJson(TypedDict):
    """An explanation with figures that may have no end."""

    sentences: list[str]
    figures: list[OpenFigureJson]
    sources: list[str]


class BreakEvenJson(TypedDict):
    """``cost break-even``; null stands for never."""

    rig: str
    against: str
    reason: str
    use_ratio: float
    asked_tokens_per_month: float
    full_tokens_per_month: float
    own_usd_per_month: float
    running_usd_per_month: float
    rival_usd_per_month: float
    gross_months_count: OpenIntervalJson | None
    months_count: OpenIntervalJson | None
    threshold_tokens_per_month: float | None
    pays_ratio: float
    pays: bool
    is_sure: bool
    advice: str
    inputs: list[SwingJson]
    explanation: OpenExplanationJson


class CostSideJson(TypedDict):
    """One side of a comparison; null where it cannot serve."""

    name: str
    deployment: DeploymentJson | None
    paid: str
    reason: str
    rigs_count: int | None
    request_usd: IntervalJson | None
    usd_per_million_tokens: IntervalJson | None
    usd_per_month: IntervalJson | None
    stated_request_usd: float | None
    work_per_usd_ratio: float | None
    cheapest_ratio: float | None
    cheaper_than_ratio: dict[str, float] | None
    models_held_count: int | None
    models_count: int | None


class CostCompareJson(TypedDict):
    """``cost compare``: the cheapest first, what cannot serve last."""

    model: str
    input_tokens: float
    cached_tokens: float
    output_tokens: float
    rate_requests_per_s: IntervalJson | None
    use_ratio: IntervalJson | None
    sides: list[CostSideJson]
    winner: str | None
    too_close_to_call: bool
    inputs: list[SwingJson]
    order_changes_at: float | None
    explanation: ExplanationJson

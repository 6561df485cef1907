"""Machines and rigs: what ``rigs list`` and ``rigs show`` answer."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.risk import RigRiskJson
from rightrig.report.schema.runtimes import SupportJson
from rightrig.report.schema.shared import (
    EvidenceWord,
    ExplanationJson,
    IntervalJson,
    SourceJson,
    VerdictWord,
)


class SystemListedJson(TypedDict):
    """A machine in short."""

    slug: str
    name: str
    aliases: list[str]
    kind: Literal["server", "rack", "desktop", "workstation", "cloud"]
    gpu: str
    gpu_count: int
    nodes_count: int
    topology: str
    host_cpu: str
    host_memory: str
    network: str
    network_bytes_per_s: NotRequired[float]
    power_w: NotRequired[float]
    list_price_low_usd: NotRequired[float]
    list_price_high_usd: NotRequired[float]
    price_date: str


class SystemRecordJson(SystemListedJson):
    """A machine with accelerators in it."""

    sources: list[SourceJson]
    note: str


class PooledCardJson(TypedDict):
    """Cards of one kind in a rig."""

    gpu: str
    count: int
    marketed_bytes: float
    visible_bytes: IntervalJson
    bandwidth_bytes_per_s: float
    layer_ratio: float
    sweep_ratio: float


class PooledMemoryJson(TypedDict):
    """The memory of a rig."""

    effective_bytes: float
    effective_marketed_bytes: float
    visible_bytes: float
    marketed_bytes: float
    equal_shares_bytes: float
    memory_ratio: float
    overhead_bytes: float
    cards: list[PooledCardJson]


class PairJson(TypedDict):
    """What joins two cards."""

    cards: list[int]
    kind: str
    bytes_per_s: float


class TopologyJson(TypedDict):
    """What joins the cards; rates are null for a card alone."""

    kind: str
    bytes_per_s: float | None
    peer_to_peer: bool
    network_bytes_per_s: float | None
    pairs: list[PairJson]  # of a rig whose pairs differ
    pair_bytes_per_s: float | None


class SplitSpeedJson(TypedDict):
    """One way to divide the reference model."""

    split: str
    runtime: str
    weights: str
    verdict: str
    tpot_s: IntervalJson | None
    output_tokens_per_s: IntervalJson | None
    users_count: int
    evidence: EvidenceWord | None
    reason: str


class HeldModelsJson(TypedDict):
    """Which models the rig holds."""

    fitting: list[str]
    models_count: int
    largest_dense_params: dict[str, float]  # by format


# "class" is a word of the language.
CoverageJson = TypedDict(
    "CoverageJson",
    {
        "class": str,
        "covered": str,
        "held": list[str],
        "models_count": int,
        "example": str,
        "example_verdict": VerdictWord,
    },
)
"""How many models of one class the rig holds."""


class LongSequenceJson(TypedDict):
    """One long sequence of the reference model."""

    model: str
    context_tokens: int
    sequence_bytes: float
    held_count: int | None  # null where the model does not run there


class StreamsJson(TypedDict):
    """How fast streams decode."""

    context_tokens: int
    streams_count: int
    user_tokens_per_s: IntervalJson
    quick_count: int
    held_count: int


class RankJson(TypedDict):
    """A place among rigs of as many cards."""

    name: str
    place: int
    of_count: int
    value: str
    best: str


class AvoidJson(TypedDict):
    """Who should avoid the rig."""

    rule: str
    reason: str


class ComboRivalJson(TypedDict):
    """One rig with its price, memory and speed."""

    rig: str
    model: str
    effective_bytes: float
    peak_format: str
    peak_flop_per_s: float | None
    tpot_s: float | None
    output_tokens_per_s: float | None
    output_tokens_per_usd: float | None
    rent_usd_per_month: float | None
    provider: str | None
    price_date: str | None
    price_source: str | None


class DrawJson(TypedDict):
    """What a rig draws at some work."""

    name: str
    power_w: IntervalJson
    cost_usd_per_year: float


class RigPowerJson(TypedDict):
    """What a rig draws and asks of a room."""

    draws: list[DrawJson]
    host_w: IntervalJson
    tariff_usd_per_kwh: float
    pue_ratio: float
    peak_w: IntervalJson
    machines_count: int
    supplies_count: int
    supply_rating_w: float
    volts_v: float
    breaker_a: float | None
    heat_btu_per_hour: float
    rack_units_count: int | None


class BoughtLineJson(TypedDict):
    """A line of what is bought once."""

    key: str
    amount_usd: IntervalJson
    origin: str


class OwningJson(TypedDict):
    """The price of all, and the rent from which owning is cheaper."""

    all_in_usd: IntervalJson
    bought: list[BoughtLineJson]
    owned_years: float
    running_usd_per_year: IntervalJson
    threshold_usd_per_month: IntervalJson


class UpkeepJson(TypedDict):
    """Watts, electricity, owning; a reason where one is not known."""

    power: RigPowerJson | None
    power_reason: str
    owning: OwningJson | None
    owning_reason: str
    cheaper: Literal["owning", "renting", "too close to call", "not known"]


class ComboJson(UpkeepJson):
    """Everything that is known of a rig."""

    rig: str
    memory: PooledMemoryJson
    topology: TopologyJson
    runtimes: list[SupportJson]
    splits: list[SplitSpeedJson]
    flags: list[str]
    models: HeldModelsJson
    classes: list[CoverageJson]
    long_sequence: LongSequenceJson
    streams: list[StreamsJson]
    ranks: list[RankJson]
    best_at: list[str]
    bad_at: list[str]
    avoid: list[AvoidJson]
    own: ComboRivalJson
    same_rent: list[ComboRivalJson]
    same_memory: list[ComboRivalJson]
    risk: RigRiskJson
    explanation: ExplanationJson


class RigShowJson(TypedDict):
    """``rigs show`` of any rig."""

    combo: ComboJson


class SystemShowJson(SystemRecordJson):
    """``rigs show`` of a machine."""

    combo: ComboJson


class RigsJson(TypedDict):
    """``rigs list``."""

    rigs: list[SystemListedJson]


RigAnswerJson: TypeAlias = RigShowJson | SystemShowJson

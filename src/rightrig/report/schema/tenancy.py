"""What ``tenants`` answers, in each of its forms."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.shared import ExplanationJson, IntervalJson, VerdictWord


class TenantJson(TypedDict):
    """What a kind of tenant asks for."""

    name: str
    model: str
    count: int
    context_tokens: int
    concurrency: int
    input_tokens: float
    output_tokens: float
    ttft_s: float | None
    tpot_s: float | None
    rate_requests_per_s: float | None


class TenantEngineJson(TypedDict):
    """The room and the speed of a tenant's engine."""

    tenant: str
    verdict: VerdictWord
    sm_count: int | None
    bf16_flop_per_s: float | None
    memory_bandwidth_bytes_per_s: float
    memory_bytes: float
    budget_bytes: float
    weights_bytes: float
    kv_pool_bytes: IntervalJson | None
    kv_tokens: IntervalJson | None
    max_concurrency: int
    ttft_s: IntervalJson | None
    tpot_s: IntervalJson | None
    output_tokens_per_s: IntervalJson | None
    missed: list[str]


class PlacementPlaceJson(TypedDict):
    """Where an instance lies on a card."""

    profile: str
    start: int


class MigEngineJson(PlacementPlaceJson, TenantEngineJson):
    """A tenant's engine on an instance."""


class StrandedJson(TypedDict):
    """What of a card belongs to no instance."""

    sm_count: int | None
    sm_ratio: float | None
    compute_slices_count: int
    memory_slices_count: int
    memory_bytes: float
    memory_ratio: float


class BareLayoutJson(TypedDict):
    """Instances on a card, and how they are created."""

    layout: dict[str, int]  # by profile
    placements: list[PlacementPlaceJson]
    creation: str | None  # without places; null where only places are sure
    placed_creation: str


class LayoutJson(BareLayoutJson):
    """Instances on a card, and what they strand."""

    stranded: StrandedJson


class MigCardJson(LayoutJson):
    """Equal cards of tenants."""

    count: int
    instances: list[MigEngineJson]


class TrialJson(TypedDict):
    """Whether an instance of one profile serves a tenant."""

    tenant: str
    profile: str
    is_served: bool
    reason: str


class TenantCostJson(TypedDict):
    """What each tenant costs."""

    offer: str | None
    rent_usd_per_month: float | None
    tenant_rent_usd_per_month: float | None
    price_usd: float | None
    tenant_price_usd: float | None


class IsolationJson(TypedDict):
    """What separates the tenants."""

    properties: dict[str, str]
    sources: list[str]


class TenantsMigJson(TypedDict):
    """Tenants on MIG instances of one kind of card."""

    mode: Literal["mig"]
    gpu: str
    tenants_count: int
    cards_count: int
    tenants: list[TenantJson]
    cards: list[MigCardJson]
    trials: list[TrialJson]
    cost: TenantCostJson | None
    isolation: IsolationJson
    explanation: ExplanationJson
    recipe: NotRequired[str]


class TenantsGpuJson(TypedDict):
    """A card that serves the tenants, in short."""

    gpu: str
    cards_count: int
    tenants_count: int
    layout: dict[str, int]
    cost: TenantCostJson | None


class TenantsAllGpusJson(TypedDict):
    """Every card that serves the tenants, the cheapest first."""

    mode: Literal["mig"]
    gpus: list[TenantsGpuJson]
    best: TenantsMigJson | None


class SharedEngineJson(TenantEngineJson):
    """A tenant's engine beside others on a card."""

    gpu_memory_utilization_ratio: float | None
    busy_ttft_s: IntervalJson
    busy_tpot_s: IntervalJson


class SharedCardJson(TypedDict):
    """Equal cards without partitions."""

    count: int
    engines: list[SharedEngineJson]


class TenantsSharedJson(TypedDict):
    """Tenants side by side on cards without partitions."""

    mode: Literal["shared"]
    gpu: str
    tenants_count: int
    cards_count: int
    most_busy_count: int
    has_mig: bool
    tenants: list[TenantJson]
    cards: list[SharedCardJson]
    refused: list[str]
    cost: TenantCostJson | None
    assumption: str
    warning: str
    isolation: IsolationJson
    explanation: ExplanationJson


class WithoutMigJson(TypedDict):
    """A card that cannot be cut."""

    mode: Literal["mig"]
    gpu: str
    cards: list[MigCardJson]  # none
    reason: str


class LayoutsJson(TypedDict):
    """The full layouts of a card."""

    gpu: str
    positional_count: int
    multisets_count: int
    layouts: list[LayoutJson]


class RequestedLayoutJson(LayoutJson):
    """The layout that was asked for."""

    gpu: str
    recipe: NotRequired[str]


class WithoutPlaceJson(TypedDict):
    """A card that does not hold the profiles that were asked for."""

    gpu: str
    layout: None
    reason: str


TenantsAnswerJson: TypeAlias = (
    TenantsMigJson
    | TenantsAllGpusJson
    | TenantsSharedJson
    | WithoutMigJson
    | LayoutsJson
    | RequestedLayoutJson
    | WithoutPlaceJson
)

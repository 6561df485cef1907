"""What ``fleet`` answers."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from rightrig.report.schema.demanding import LimitsJson, SloJson, WorkloadJson
from rightrig.report.schema.shared import ExplanationJson


class BucketJson(WorkloadJson, SloJson):
    """One size class of a demand."""

    name: str
    demand: str
    model: str
    low_tokens: int
    high_tokens: int | None
    usd_per_thousand_requests: dict[str, float]  # by card


class FleetOfferJson(TypedDict):
    """From whom a machine is rented."""

    provider: str
    region: str
    instance: str
    date: str
    trust: str
    source: str
    price_warning: str


class MachineJson(TypedDict):
    """Machines of one kind; without an offer they are owned."""

    gpu: str
    cards_count: int
    machines_count: int
    rent_usd_per_month: float
    offer: FleetOfferJson | None


class PoolJson(TypedDict):
    """Equal engines that serve one size class."""

    pool: str
    demand: str
    gpu: str
    engine_cards_count: int
    engines_count: int
    tp: int
    pp: int
    split: str
    runtime: str
    weights: str
    kv: str
    step_tokens: int
    engine_rate_requests_per_s: float
    flow_requests_per_s: float
    requests_per_month: float
    share_ratio: float
    load_ratio: float
    ttft_p99_s: float
    tpot_p99_s: float


class HostJson(TypedDict):
    """Which engines run on one machine."""

    machine: str
    engines: dict[str, int]  # by pool
    free_cards_count: int


class TargetJson(TypedDict):
    """A pool that takes a share of a route."""

    pool: str
    weight_ratio: float


class FleetRouteJson(TypedDict):
    """Where requests of some size go."""

    name: str
    model: str
    low_tokens: int
    high_tokens: int | None
    targets: list[TargetJson]


class OneKindJson(TypedDict):
    """The cheapest fleet of one kind of card."""

    gpu: str
    rent_usd_per_month: float


class RelaxedJson(TypedDict):
    """The cheapest fleet without some limits, and what it uses of them."""

    limits: list[str]
    rent_usd_per_month: float
    used: dict[str, float]  # by limit


class UnservedJson(TypedDict):
    """A demand that nothing serves."""

    demand: str
    reason: str


class RejectedRouteJson(TypedDict):
    """A card that cannot serve a size class."""

    demand: str
    gpu: str
    rule: str
    reason: str


class FleetJson(TypedDict):
    """The cheapest mix of cards for several models, with routes."""

    status: Literal["optimal", "time limit", "infeasible", "no answer", "unserved"]
    rent_usd_per_month: float | None
    bound_usd_per_month: float | None
    gap_ratio: float | None
    solver_s: float
    options_count: int
    kept_options_count: int
    cards_count: int
    limits: LimitsJson
    demands: list[BucketJson]
    machines: list[MachineJson]
    pools: list[PoolJson]
    hosts: list[HostJson]
    routes: list[FleetRouteJson]
    one_kind: list[OneKindJson]
    without_limits: list[RelaxedJson]
    unserved: list[UnservedJson]
    rejected: list[RejectedRouteJson]
    notes: list[str]
    explanation: ExplanationJson
    recipe: NotRequired[str]

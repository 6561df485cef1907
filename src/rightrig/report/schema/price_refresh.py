"""The JSON of ``prices refresh``."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class RefreshedProviderJson(TypedDict):
    """What came of one provider's offers; ``kept_because`` is empty where they are new."""

    provider: str
    date: str
    came_count: int
    offers_count: int
    kept_because: str


class LeftOutJson(TypedDict):
    """Offers that were left out for one reason."""

    reason: str
    what: str
    offers_count: int


class RentsJson(TypedDict, total=False):
    """What an instance costs; without a name that has no price."""

    on_demand_usd_per_hour: float
    spot_usd_per_hour: float


class QuarantinedJson(TypedDict):
    """An offer that is not believed, and what known prices allow for one card."""

    provider: str
    region: str
    instance: str
    gpu: str
    gpu_count: int
    max_gpu_count: int
    on_demand_usd_per_hour: NotRequired[float]
    spot_usd_per_hour: NotRequired[float]
    date: str
    source: str
    trust: str
    terms: Literal["on-demand", "prepaid"]
    availability: Literal["listed", "in stock"]
    note: str
    plausible_low_usd_per_hour: float
    plausible_high_usd_per_hour: float


class RefreshJson(TypedDict):
    """``prices refresh``; no path where nothing was written."""

    path: str | None
    refreshed: str
    offers_count: int
    providers: list[RefreshedProviderJson]
    left_out: list[LeftOutJson]
    quarantined: list[QuarantinedJson]


class UndoneJson(TypedDict):
    """``prices refresh --undo``."""

    refreshed: str
    offers_count: int

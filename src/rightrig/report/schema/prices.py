"""Rental offers: what ``prices list``, ``show`` and ``status`` answer."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class PriceRecordJson(TypedDict):
    """One offer of one provider."""

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
    user_file: NotRequired[str]


class PriceListedJson(PriceRecordJson):
    """One offer, with what follows from it."""

    per_gpu_usd_per_hour: float | None  # on demand
    country: str | None
    age_days: int | None
    price_warning: NotRequired[str]  # of an old or undated one


class SnapshotJson(TypedDict):
    """Which prices are in use."""

    in_use: Literal["shipped", "refreshed"]
    date: str
    age_days: int
    is_old: bool
    refreshed_count: int
    user_count: int
    offers_count: int
    path: str | None
    damage: str
    has_previous: bool


class PricesJson(TypedDict):
    """``prices list`` and ``prices show``."""

    prices: list[PriceListedJson]
    snapshot: SnapshotJson


class ProviderPricesJson(TypedDict):
    """The offers of one provider of one day."""

    provider: str
    date: str
    offers_count: int


class PriceStatusJson(SnapshotJson):
    """``prices status``."""

    providers: list[ProviderPricesJson]

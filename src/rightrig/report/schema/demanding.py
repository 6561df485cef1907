"""What was asked of a plan or of a fleet: traffic, objectives, limits."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class WorkloadJson(TypedDict):
    """The traffic."""

    rate_requests_per_s: float
    input_tokens: int
    output_tokens: int
    longest_tokens: NotRequired[int]  # of a trace or preset


class SloJson(TypedDict):
    """Latency objectives; two are there where they are not set, too."""

    ttft_p50_s: NotRequired[float]
    ttft_p90_s: NotRequired[float]
    ttft_p95_s: NotRequired[float]
    ttft_p99_s: float | None
    tpot_p50_s: NotRequired[float]
    tpot_p90_s: NotRequired[float]
    tpot_p95_s: NotRequired[float]
    tpot_p99_s: float | None
    e2e_p50_s: NotRequired[float]
    e2e_p90_s: NotRequired[float]
    e2e_p95_s: NotRequired[float]
    e2e_p99_s: NotRequired[float]
    itl_p50_s: NotRequired[float]
    itl_p90_s: NotRequired[float]
    itl_p95_s: NotRequired[float]
    itl_p99_s: NotRequired[float]


class LimitsJson(TypedDict):
    """What may not be exceeded, and what plans are ranked by."""

    budget_usd_per_month: float | None
    max_capex_usd: float | None
    max_power_w: float | None
    max_gpus_count: int
    max_machines_count: int | None
    vendor: str | None
    provider: str | None
    country: list[str]
    region: str | None
    gpu: str | None
    available: dict[str, int]  # by card
    headroom_ratio: float
    spare_engines_count: int
    min_engines_count: int
    confidence: Literal["surely", "likely"]
    buys: bool
    spot: bool
    rank_by: Literal["month", "token", "ttft", "tpot", "e2e", "energy", "capex"]


class QuestionJson(WorkloadJson, SloJson, LimitsJson):
    """What plans are judged by."""

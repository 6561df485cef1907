"""What ``watch once`` answers."""

from typing_extensions import TypedDict

from rightrig.report.schema.shared import IntervalJson


class WatchedWorkJson(TypedDict):
    """What one card does: shares of time, of units or of a peak, each 0 to 1."""

    busy_ratio: float | None
    memory_busy_ratio: float | None
    sm_active_ratio: float | None
    sm_occupancy_ratio: float | None
    tensor_active_ratio: float | None
    dram_active_ratio: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None


class WatchedStateJson(TypedDict):
    """Clocks, power and heat of one card."""

    sm_clock_hz: float | None
    sm_clock_max_hz: float | None
    clocks_held_by: list[str]
    power_w: float | None
    power_limit_w: float | None
    temperature_celsius: float | None
    memory_temperature_celsius: float | None
    thermal_margin_celsius: float | None


class WatchedHealthJson(TypedDict):
    """Errors and links of one card; counts of errors by kind."""

    ecc_volatile: dict[str, int]
    ecc_aggregate: dict[str, int]
    remapped_rows: dict[str, int]
    row_remap_pending: bool | None
    row_remap_failed: bool | None
    retired_pages: dict[str, int]
    xids: dict[str, int]
    recovery_action: int | None
    pcie_generation: int | None
    pcie_lanes: int | None
    pcie_max_generation: int | None
    pcie_max_lanes: int | None
    pcie_replays_count: int | None
    nvlinks_count: int
    nvlinks_up_count: int
    nvlinks_expected_count: int | None


class WatchedCardJson(WatchedWorkJson, WatchedStateJson, WatchedHealthJson):
    """One card."""

    card: int
    name: str
    uuid: str
    bus_id: str
    trouble: str


class WatchedLatencyJson(TypedDict):
    """One latency, between the bounds of the engine's buckets; ``null`` where there is none.

    ``over`` says of which requests: those of ``reading``, or, where none ended, of all since the
    engine's ``start``.
    """

    metric: str
    over: str
    observations_count: float
    mean_s: float | None
    p50_low_s: float | None
    p50_high_s: float | None
    p95_low_s: float | None
    p95_high_s: float | None


class WatchedEngineJson(TypedDict):
    """One engine, by its own metrics."""

    url: str
    kind: str
    model: str
    trouble: str
    requests_running_count: float | None
    requests_waiting_count: float | None
    kv_cache_used_ratio: float | None
    preemptions_count: float | None
    prompt_tokens: float | None
    generation_tokens: float | None
    requests_ended_count: dict[str, float]


class WatchedRatesJson(TypedDict):
    """What follows from two readings; of all engines together."""

    output_tokens_per_s: float | None
    requests_per_s: float | None
    cost_usd_per_output_token: float | None
    output_tokens_per_j: float | None
    bandwidth_ratio: float | None
    bandwidth_source: str
    prediction_ratio: float | None


class WatchedPlanJson(TypedDict):
    """What the plan promised: at as many users as run now, and at its peak."""

    name: str
    cards_count: int
    cost_usd_per_hour: float | None
    peak_requests_per_s: float
    output_tokens_per_s: IntervalJson | None
    cost_usd_per_output_token: IntervalJson | None
    peak_output_tokens_per_s: IntervalJson | None
    peak_cost_usd_per_output_token: IntervalJson | None
    peak_power_w: IntervalJson | None
    verdict: str
    unlike: str


class WatchedAlertJson(TypedDict):
    """One alert whose condition holds."""

    alert: str
    severity: str
    subject: str
    sentence: str
    runbook: str


class WatchOnceJson(TypedDict):
    """A machine at work, at one moment."""

    at: str
    over_s: float
    driver: str
    driver_trouble: str
    healthy: bool
    cards: list[WatchedCardJson]
    engines: list[WatchedEngineJson]
    latencies: list[WatchedLatencyJson]
    derived: WatchedRatesJson
    plan: WatchedPlanJson | None
    alerts: list[WatchedAlertJson]

"""The JSON of ``cost power`` and ``cost electrical``."""

from typing_extensions import TypedDict

from rightrig.planning.placing import Word
from rightrig.report.schema.shared import (
    DeploymentJson,
    ExplanationJson,
    IntervalJson,
    VerdictWord,
)


class PlacementJson(TypedDict):
    """What a rule says on where cards can stand."""

    rule: str
    word: Word
    sentence: str


class PowerPhaseJson(TypedDict):
    """What the cards draw in one phase; null where no work is done."""

    name: str
    power_w: IntervalJson
    tokens_per_s: float | None
    energy_j_per_token: IntervalJson | None
    memory_use_ratio: float | None
    compute_use_ratio: float | None


class PowerCapJson(TypedDict):
    """What one power limit does."""

    limit_ratio: float
    limit_w: float
    clock_ratio: float
    ttft_s: float
    tpot_s: float
    prefill_tokens_per_s: float
    output_tokens_per_s: float
    power_w: IntervalJson
    energy_j_per_token: float
    own_usd_per_token: float | None
    rent_usd_per_token: float | None
    heat_btu_per_hour: float
    keeps: bool


class PowerJson(TypedDict):
    """``cost power``."""

    deployment: DeploymentJson
    fit_verdict: VerdictWord
    concurrency: int
    phases: list[PowerPhaseJson]
    used_ratio: float
    used_j_per_token: float
    energy_usd_per_token: float
    tariff_usd_per_kwh: float
    pue_ratio: float
    host_w: IntervalJson
    capex_usd: float | None
    capex_of: str
    rent_usd_per_hour: float | None
    caps: list[PowerCapJson]
    recommended_limit_w: float | None
    reason: str
    placements: list[PlacementJson]
    explanation: ExplanationJson


class TransientJson(TypedDict):
    """The worst draw of a short time, and the ATX 3 rating that bears it."""

    duration_s: float
    power_w: float
    rating_w: float


class WiredMachineJson(TypedDict):
    """What one machine asks of a room; null above the largest of its kind."""

    cards_w: float
    host_w: IntervalJson
    host_source: str
    peak_w: IntervalJson
    supplies_count: int
    spare_supplies_count: int
    supply_rating_w: float
    supply_a: float
    inlet: str | None
    plug: str | None
    breaker_a: float | None
    rack_units_count: int
    transients: list[TransientJson]


class ElectricalJson(TypedDict):
    """``cost electrical``."""

    rig: str
    machines_count: int
    yes: bool
    volts_v: float
    phases_count: int
    power_factor_ratio: float
    machine: WiredMachineJson
    peak_w: IntervalJson
    load_a: float
    breaker_a: float | None
    ups_va: float
    battery_j: float
    inrush_a: list[float]
    heat_btu_per_hour: float
    cooling_tons_count: float
    air_cfm: float
    rack_units_count: int
    racks_count: int | None
    circuit_w: float | None
    circuits_count: int | None
    fits_circuit: bool | None
    fits_rack: bool | None
    limit_that_fits_w: float | None
    placements: list[PlacementJson]
    explanation: ExplanationJson

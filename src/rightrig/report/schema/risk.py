"""The JSON of ``risk``: bit errors, runs, checkpoints, services, spares, rigs, published rates."""

from typing import Literal

from typing_extensions import TypedDict

from rightrig.report.schema.shared import ExplanationJson, FilesJson, IntervalJson


class SlaJson(TypedDict):
    """Whether a promise on correct answers is kept."""

    kept: Literal["surely", "likely", "no"]
    promised_ratio: float
    requests_per_day: float
    corrupted_requests_per_day: IntervalJson
    corrupted_ratio: IntervalJson
    budget_requests_per_day: float


class BitsJson(TypedDict):
    """``risk bits``."""

    cards_count: int
    memory_bytes: float
    ecc: bool
    time_s: float
    single_count: IntervalJson
    double_count: IntervalJson
    compute_count: IntervalJson
    corrected_count: IntervalJson
    detected_count: IntervalJson
    silent_count: IntervalJson
    silent_range_count: list[int]
    any_silent_ratio: float
    any_silent_concentrated_ratio: float
    hit_cards_ratio: float
    hit_cards_concentrated_ratio: float
    corrupting_count: IntervalJson
    sla: SlaJson | None
    explanation: ExplanationJson


class DrawnRunsJson(TypedDict):
    """Runs drawn at random."""

    mean_s: float
    mean_error_s: float
    elapsed_s: IntervalJson
    failures_count: float


class RiskRunJson(TypedDict):
    """``risk run``."""

    gpus_count: int
    span_s: float
    preset: str | None
    mtbf_s: IntervalJson
    expected_interruptions_count: IntervalJson
    interruptions_range_count: list[int]
    interrupted_ratio: IntervalJson
    interval_s: float
    useful_ratio: IntervalJson
    lost_s: IntervalJson
    lost_gpu_s: IntervalJson
    lost_usd: IntervalJson | None
    kept_saves_count: int
    drawn: DrawnRunsJson | None
    files: FilesJson | None
    explanation: ExplanationJson


class CheckpointChoiceJson(TypedDict):
    """One interval between saves."""

    name: str
    interval_s: float
    waste_ratio: float
    first_order_waste_ratio: float
    source: str


class CheckpointJson(TypedDict):
    """``risk checkpoint``."""

    preset: str | None
    mtbf_s: IntervalJson
    save_s: float
    restart_s: float
    detection_s: float
    flush_s: float
    choices: list[CheckpointChoiceJson]
    least_saves_count: int
    kept_saves_count: int
    storage_usd_per_month: float | None
    files: FilesJson | None
    explanation: ExplanationJson


class ZonesJson(TypedDict):
    """Where replicas stand, and how often a whole zone works."""

    count: int
    up_ratio: float
    co_failure_ratio: float


class CarriedJson(TypedDict):
    """How often enough replicas work with so many spares."""

    spares_count: int
    carried_ratio: float


class ServeRiskJson(TypedDict):
    """``risk serve``."""

    needed_count: int
    spares_count: int
    fewest_spares_count: int | None
    target_ratio: float
    reached: bool
    carried_ratio: float
    short_s_per_year: float
    mtbf_s: float
    mttr_s: float
    zones: ZonesJson
    by_spares: list[CarriedJson]
    files: FilesJson | None
    explanation: ExplanationJson


class SparesChanceJson(TypedDict):
    """How likely so many spares last."""

    spares_count: int
    chance_ratio: float


class SparesJson(TypedDict):
    """``risk spares``."""

    devices_count: int
    lead_time_s: float
    target_ratio: float
    failures_per_device_year: IntervalJson
    expected_count: IntervalJson
    spares_count: int
    chance_ratio: float
    by_spares: list[SparesChanceJson]
    explanation: ExplanationJson


class ReadinessReasonJson(TypedDict):
    """Why a rig is not ready for production as it is."""

    rule: str
    reason: str


class FailureModeJson(TypedDict):
    """One way in which a rig fails."""

    id: str
    name: str
    why: str
    symptom: str
    check: str
    fix: str


class RigRiskJson(TypedDict):
    """``risk rig``."""

    rig: str
    cards_count: int
    failures_per_year: IntervalJson
    one_card_failures_per_year: IntervalJson
    any_failure_in_year_ratio: IntervalJson
    readiness: Literal["ready", "with limits", "not as it is"]
    reasons: list[ReadinessReasonJson]
    failure_modes: list[FailureModeJson]
    explanation: ExplanationJson


class FailureCauseJson(TypedDict):
    """One row of a published table."""

    name: str
    part: Literal["gpu", "memory", "silent", "node", "network", "software", "other"]
    events_count: int


class PresetJson(TypedDict):
    """One published rate; null for what is not published."""

    slug: str
    name: str
    kind: Literal["interruption", "correctable", "uncorrectable", "silent", "defective"]
    device: Literal["gpu", "node", "memory-gb", "memory-mbit", "processor"]
    gpus_per_device_count: int | None
    hardware: str
    events_count: int | None
    devices_count: int | None
    observed_s: float | None
    failures_per_device_year: IntervalJson | None
    concentration_count: float | None
    causes: list[FailureCauseJson]
    sources: list[str]
    note: str


class PresetsJson(TypedDict):
    """``risk presets``."""

    presets: list[PresetJson]

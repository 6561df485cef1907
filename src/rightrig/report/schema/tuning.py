"""What ``tune`` answers."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.shared import DeploymentJson, IntervalJson

FateWord: TypeAlias = Literal[
    "better", "worse", "same", "misses", "limited", "failed", "unfinished", "not tried"
]


class TuneFiguresJson(TypedDict):
    """Means of the runs of one setting; ``null`` where something is not known."""

    runs_count: int
    requests_count: int
    error_ratio: float
    requests_per_s: float
    output_tokens_per_s: float
    goodput_requests_per_s: float | None
    good_ratio: float | None
    keeps_slo: bool | None
    ttft_p50_s: float | None
    ttft_p99_s: float | None
    tpot_p50_s: float | None
    tpot_p99_s: float | None
    e2e_p50_s: float | None
    e2e_p99_s: float | None
    memory_bytes: float | None
    usd_per_output_token: float | None


class ChangeJson(TypedDict):
    """One change beside the baseline."""

    knob: str
    value: str
    fate: FateWord
    reason: str
    change_ratio: IntervalJson | None
    predicted_change_ratio: float | None
    not_predicted_because: str
    figures: TuneFiguresJson | None
    reused_runs_count: int
    log: list[str]


class TuneJson(TypedDict):
    """What each change does, and what is worth keeping."""

    engine: str
    deployment: DeploymentJson | None
    traffic: str
    metric: str
    baseline: dict[str, str]
    baseline_figures: TuneFiguresJson | None
    baseline_failure: str
    baseline_log: list[str]
    baseline_runs_count: int
    spread_ratio: float | None
    confidence_ratio: float
    changes: list[ChangeJson]
    kept: dict[str, str]
    stopped_because: str
    one_start: bool
    run_ids: list[int]
    reused_runs_count: int
    not_kept_because: str
    elapsed_s: float
    notes: list[str]

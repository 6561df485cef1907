"""What ``runs`` answers: measured runs of a store, tables of them, and targets."""

from typing import Literal

from typing_extensions import TypedDict

from rightrig.report.schema.shared import IntervalJson


class ServerRanJson(TypedDict):
    """What a server ran; empty where it is not known."""

    model: str
    rig: str
    gpu: str
    gpu_count: int
    runtime: str
    version: str
    weights: str
    kv: str
    tp: int
    pp: int
    interconnect: str


class KeptRunJson(TypedDict):
    """A run, without its figures."""

    id: int
    kind: str
    status: str
    machine: str
    started: str
    ended: str | None
    command: list[str]
    versions: dict[str, str]
    settings: dict[str, object]
    served: ServerRanJson | None
    samples: list[str]


class RunsJson(TypedDict):
    """The runs of a store, newest first."""

    store: str
    runs: list[KeptRunJson]


class RunValueJson(TypedDict):
    """One measured figure; its name ends with its unit."""

    name: str
    value: float
    labels: dict[str, str | float]


class RunShowJson(KeptRunJson):
    """A run with its figures."""

    store: str
    values_count: int
    values: list[RunValueJson]
    files: list[str]  # written with --save


class FiguresLeftOutJson(TypedDict):
    """Figures that make no row of a table."""

    reason: str
    figures_count: int


class RunsExportJson(TypedDict):
    """A table that was given."""

    store: str
    table: str
    rows_count: int
    imported_count: int
    left_out: list[FiguresLeftOutJson]
    file: str | None


class RunsImportJson(TypedDict):
    """A table that was brought in."""

    store: str
    id: int
    table: str
    rows_count: int
    machine: str


class RunsDeleteJson(TypedDict):
    """A run that was deleted."""

    store: str
    id: int
    kind: str
    started: str


class TargetEstimateJson(TypedDict):
    """What is predicted, as intervals; never measured."""

    ttft_s: IntervalJson
    tpot_s: IntervalJson
    output_tokens_per_s: IntervalJson
    evidence: str


class TargetMeasuredJson(TypedDict):
    """What a run of the store measured; ``None`` where it lacks the figure."""

    run: int
    date: str
    machine: str
    ttft_s: float | None
    tpot_s: float | None
    output_tokens_per_s: float | None


class MeasuringTargetJson(TypedDict):
    """One thing worth measuring."""

    model: str
    weights: str | None
    runtime: str | None
    workload: str
    input_tokens: int
    output_tokens: int
    concurrency: int
    status: Literal["pending", "estimated", "measured"]
    estimate: TargetEstimateJson | None
    measured: TargetMeasuredJson | None
    reason: str
    command: str | None  # measures it


class RunsTargetsJson(TypedDict):
    """What is worth measuring on a rig, and what of it was."""

    store: str
    rig: str
    pending_count: int
    estimated_count: int
    measured_count: int
    targets: list[MeasuringTargetJson]

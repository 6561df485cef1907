"""The JSON of ``finetune``: one run, every method, a search, a comparison with a measured speed."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from rightrig.deployment.training import (
    Checkpointing,
    Compute,
    Method,
    Offload,
    Optimizer,
    Sharing,
    Targets,
)
from rightrig.report.schema.shared import ExplanationJson, FilesJson, IntervalJson, VerdictWord


class TrainingJobJson(TypedDict):
    """A job: what is trained, on which rig, how it is spread."""

    model: str
    rig: str
    method: Method
    framework: str
    seq_tokens: int
    micro_seqs: int
    accumulation_count: int
    useful_ratio: float
    step_tokens: int
    tp: int
    pp: int
    context_parallel: int
    data_ranks: int
    sharing: Sharing
    checkpointing: Checkpointing
    optimizer: Optimizer
    has_master_weights: bool
    base: str
    compute: Compute
    offload: Offload
    rank: int | None
    targets: Targets | None


class TrainingMemoryJson(TypedDict):
    """The memory of the fullest card, its parts by name."""

    verdict: VerdictWord
    phase: Literal["backward", "step"]
    parts_bytes: dict[str, IntervalJson]
    required_bytes: IntervalJson
    budget_bytes: IntervalJson
    whole_state_bytes: float
    rig_bytes: float
    host_bytes: float


class TrainingTimeJson(TypedDict):
    """The speed of a job, the parts of a step by name."""

    tokens_per_s: IntervalJson
    useful_tokens_per_s: IntervalJson
    mfu_ratio: IntervalJson
    hfu_ratio: IntervalJson
    step_s: IntervalJson
    parts_s: dict[str, float]
    bottleneck: Literal[
        "arithmetic",
        "memory bandwidth",
        "communication",
        "pipeline bubble",
        "host",
        "optimizer",
    ]
    communication_ratio: float
    closeness: Literal["this framework and card", "this framework", "this card", "neither"]


class TrainedJson(TypedDict):
    """A job with its memory, and its time where it fits."""

    job: TrainingJobJson
    verdict: VerdictWord
    memory: TrainingMemoryJson
    time: TrainingTimeJson | None


class RemedyJson(TypedDict):
    """A change to a job that takes less memory."""

    name: str
    verdict: VerdictWord
    required_bytes: float


class ScalingPointJson(TypedDict):
    """The speed on so many cards."""

    cards_count: int
    tokens_per_s: IntervalJson
    efficiency_ratio: float
    communication_ratio: float
    holds: bool


class LinkPointJson(TypedDict):
    """The speed over one link between machines; null for one without a limit."""

    name: str
    bytes_per_s: float | None
    tokens_per_s: IntervalJson
    communication_ratio: float


class TrainingScalingJson(TypedDict):
    """Scaling over cards and links."""

    kind: Literal["weak", "strong"]
    points: list[ScalingPointJson]
    links: list[LinkPointJson]


class TrainingBillJson(TypedDict):
    """The rent of a run."""

    offer: str
    usd_per_hour: float
    useful_ratio: IntervalJson
    usd_per_token: IntervalJson
    total_usd: IntervalJson | None


class TrainingEnergyJson(TypedDict):
    """The power of a run, and what it costs on own machines."""

    cards_power_w: IntervalJson
    host_power_w: IntervalJson
    use_kwh: IntervalJson | None
    total_usd: IntervalJson | None
    usd_per_hour: float


class TrainingSpentJson(TypedDict):
    """What a run takes: hours, failures, dollars, energy."""

    job_tokens: float | None
    work_s: IntervalJson | None
    elapsed_s: IntervalJson | None
    mtbf_s: IntervalJson | None
    save_s: float
    state_bytes: float
    interval_s: float
    useful_ratio: IntervalJson
    rent: TrainingBillJson | None
    spot: TrainingBillJson | None
    preempted_s: float | None
    energy: TrainingEnergyJson | None


class TrainingRunJson(TrainedJson):
    """``finetune`` of one method on one rig."""

    nearest_remedy: str | None
    remedies: list[RemedyJson]
    scaling: TrainingScalingJson | None
    spent: TrainingSpentJson | None
    files: FilesJson | None
    explanation: ExplanationJson


class TrainingMethodsJson(TypedDict):
    """``finetune`` of every method."""

    methods: list[TrainingRunJson]
    files: FilesJson | None
    explanation: ExplanationJson


class DoerJson(TrainedJson):
    """A rig that does a job."""

    rig: str
    is_own: bool
    elapsed_s: IntervalJson
    total_usd: IntervalJson
    offer: str | None


class RejectedRigJson(TypedDict):
    """A card that does not do a job."""

    gpu: str
    why: Literal[
        "trains nothing", "not rented", "does not fit", "too slow", "too dear", "power unknown"
    ]
    words: str


class TrainingSearchJson(TypedDict):
    """``finetune --find``."""

    model: str
    method: Method
    job_tokens: float | None
    deadline_s: float | None
    budget_usd: float | None
    confidence: Literal["surely", "likely"]
    rigs_count: int
    timed_count: int
    rigs: list[DoerJson]
    rejected: list[RejectedRigJson]
    explanation: ExplanationJson


class SlownessCauseJson(TypedDict):
    """One cause of a run that is slower than expected."""

    name: str
    tokens_per_s: IntervalJson | None
    explained_ratio: float | None
    fits: bool
    run: str
    expected: str


class TrainingDiagnosisJson(TypedDict):
    """``finetune --measured``."""

    job: TrainingJobJson
    measured_tokens_per_s: float
    expected_tokens_per_s: IntervalJson
    linear_tokens_per_s: float
    gap_ratio: float
    is_as_expected: bool
    causes: list[SlownessCauseJson]
    explanation: ExplanationJson


class TrainingRecipeJson(TypedDict):
    """``finetune --recipe``."""

    recipe: str


TrainingAnswerJson: TypeAlias = (
    TrainingRunJson
    | TrainingMethodsJson
    | TrainingSearchJson
    | TrainingDiagnosisJson
    | TrainingRecipeJson
)
"""``finetune``, in one of its forms."""

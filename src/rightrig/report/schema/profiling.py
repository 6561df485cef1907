"""What ``profile`` answers, in each of its forms."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

BoundByWord: TypeAlias = Literal[
    "host", "communication", "memory bandwidth", "compute", "latency", "not known without a model"
]
"""What most of a step waits for."""


class ProfiledBatchJson(TypedDict):
    """What a step worked on, as far as the engine says it."""

    decode_seqs: int
    prompt_tokens: int
    context_tokens: float | None


class ProfiledKindJson(TypedDict):
    """Steps that worked on the same kind of batch."""

    batch: ProfiledBatchJson | None
    count: int
    mean_s: float


class ProfiledOperatorJson(TypedDict):
    """What one operator took in a step; without a model only that."""

    name: str
    time_s: float
    share_ratio: float
    calls_count: float


class ProfiledLineJson(TypedDict):
    """One operator beside the model's: calibrated, and the least by the datasheet."""

    name: str
    measured_s: float
    expected_s: float | None
    bound_s: float | None
    ratio: float | None
    waits_for: str | None


class ProfiledGapJson(TypedDict):
    """Idle time between two kernels, all such of a step."""

    before: str
    after: str
    idle_s: float
    count: float


class ProfiledTimelineJson(TypedDict):
    """When the device worked in a step."""

    shortest_s: float
    longest_s: float
    busy_s: float
    idle_s: float
    communication_s: float
    exposed_s: float
    together_s: float
    gaps: list[ProfiledGapJson]


class ProfiledStepJson(TypedDict):
    """The step that the model was asked about."""

    decode_seqs: float
    context_tokens: float
    prompt_tokens: float


class ProfileJson(TypedDict):
    """Where a step's time goes."""

    file: str
    device: str
    found_by: str
    steps_count: int
    waited_count: int
    devices_count: int
    kernels_count: int
    left_out_count: int
    kinds: list[ProfiledKindJson]
    batch: ProfiledBatchJson | None
    step_s: float
    timeline: ProfiledTimelineJson | None
    operators: list[ProfiledOperatorJson]
    unassigned_ratio: float
    unassigned: list[str]
    model_step: ProfiledStepJson | None
    expected_s: float | None
    bound_s: float | None
    lines: list[ProfiledLineJson]
    assumed: list[str]
    bound_by: BoundByWord
    bound_ratios: dict[str, float]
    sentences: list[str]
    changes: list[str]


class ProfiledCounterJson(TypedDict):
    """A kernel with the counters of Nsight Compute."""

    name: str
    time_s: float
    calls_count: int
    memory_ratio: float
    compute_ratio: float
    bound_by: BoundByWord


class ProfileCountersJson(TypedDict):
    """What kernels wait for, by their counters."""

    file: str
    kernels: list[ProfiledCounterJson]
    bound_by: BoundByWord
    bound_ratios: dict[str, float]
    sentences: list[str]
    changes: list[str]


class RecordingWayJson(TypedDict):
    """One way to record a step."""

    tool: str
    use: str
    commands: list[str]
    file: str


class ProfileRecordingJson(TypedDict):
    """How a step of an engine is recorded, and what to look for."""

    engine: str
    ways: list[RecordingWayJson]
    look_for: list[str]


ProfileAnswerJson: TypeAlias = ProfileJson | ProfileCountersJson | ProfileRecordingJson

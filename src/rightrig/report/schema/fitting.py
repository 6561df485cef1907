"""What ``fit`` and ``fits`` answer."""

from typing import TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.shared import (
    DeploymentJson,
    ExplanationJson,
    IntervalJson,
    VerdictWord,
)


class ComponentJson(TypedDict):
    """What takes memory of a card."""

    name: str
    bytes: IntervalJson
    source: str
    in_budget: bool


class CardFitJson(TypedDict):
    """One card and what lies on it."""

    card: int
    gpu: str
    verdict: VerdictWord
    total_bytes: IntervalJson
    budget_bytes: IntervalJson
    required_bytes: IntervalJson
    free_bytes: float
    headroom_ratio: float
    kv_bytes_per_token: float
    kv_bytes_per_sequence: float
    max_context_tokens: int
    max_seqs: int
    components: list[ComponentJson]


class WeightRoomJson(TypedDict):
    """How many bits a weight could take."""

    bits_per_weight: float
    format: str | None
    perplexity_ratio: float | None
    measured_on: str | None
    quality_risk: bool


class LeverJson(TypedDict):
    """A change that would make it fit."""

    change: str
    costs: str
    verdict: VerdictWord


class FitJson(TypedDict):
    """Does it fit, what takes the memory, what remains."""

    verdict: VerdictWord
    deployment: DeploymentJson
    context_tokens: int
    concurrency: int
    weights_bytes: float
    kv_bytes_per_token: float
    kv_bytes_per_sequence: float
    kv_bytes_per_sequence_ideal: float
    max_context_tokens: int
    max_concurrency: int
    host_bytes: float
    loading_host_bytes: IntervalJson
    room_for_weights: WeightRoomJson
    offloaded_layers: int
    binding_card: int
    cards: list[CardFitJson]
    levers: list[LeverJson]
    explanation: ExplanationJson


class HeldModelJson(TypedDict):
    """A model that a rig holds."""

    model: str
    verdict: VerdictWord
    runtime: str
    weights: str
    tp: int
    pp: int
    context_tokens: int
    concurrency: int
    headroom_ratio: float
    weights_bytes: float
    max_context_tokens: int
    max_concurrency: int


class RefusedModelJson(TypedDict):
    """A model that no runtime loads there."""

    model: str
    verdict: VerdictWord
    reason: str


class FitsJson(TypedDict):
    """Every model with its verdict on one rig."""

    rig: str
    models: list[HeldModelJson | RefusedModelJson]
    largest_dense_params: dict[str, float]  # by format


class ChangedModelJson(TypedDict):
    """A model whose verdict differs between two sides."""

    model: str
    before: VerdictWord
    after: VerdictWord
    reason: str


class FitChangesJson(TypedDict):
    """The models whose verdict differs between two rigs, runtimes or systems."""

    before: str
    after: str
    runtimes: list[str | None]
    operating_systems: list[str | None]
    changes: list[ChangedModelJson]


class MatrixGpuJson(TypedDict):
    """How many models a card holds, by format."""

    gpu: str
    fitting_models: dict[str, int]


class MatrixCellJson(TypedDict):
    """One model on one card in one format; without a verdict nothing loads it."""

    model: str
    gpu: str
    weights: str
    verdict: str | None
    least_seqs: int
    most_seqs: int


class FitMatrixJson(TypedDict):
    """Models by cards by formats; the cells of a small one."""

    context_tokens: int
    cards: int
    formats: list[str]
    models: int
    gpus: list[MatrixGpuJson]
    cells: list[MatrixCellJson] | None


FitsAnswerJson: TypeAlias = FitsJson | FitChangesJson | FitMatrixJson

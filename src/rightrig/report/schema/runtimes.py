"""Engines: what ``runtimes list`` and ``runtimes show`` answer."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.shared import SourceJson

SplitWord: TypeAlias = Literal["tensor", "pipeline", "layer", "expert", "attention-dp", "context"]
SystemWord: TypeAlias = Literal["linux", "windows", "macos"]


class AttentionKernelJson(TypedDict):
    """One implementation of attention in a runtime, on one range of cards."""

    name: str
    vendor: Literal["NVIDIA", "AMD", "Intel", "Apple"]
    architectures: list[str]
    from_capability: NotRequired[str]
    below_capability: NotRequired[str]
    kv_formats: list[str]
    head_dims: list[int]
    least_head_dim: int
    most_head_dim: int
    mla: bool
    compressed: bool
    sparse: bool
    sinks: bool
    on_request: bool
    source: str


class FamilyRefusalJson(TypedDict):
    """Why a runtime does not serve a family of models, and which one does."""

    because: str
    until: str
    instead: str


class RuntimeFamiliesJson(TypedDict):
    """The families of models that a runtime serves; of others nothing is known."""

    served: list[str]
    refused: dict[str, FamilyRefusalJson]
    one_stage: list[str]
    source: str


class StatementJson(TypedDict):
    """One published statement about a runtime, with its source."""

    topic: str
    text: str
    source: str


class VersionChangeJson(TypedDict):
    """What another version of a runtime does differently."""

    version: str
    before: bool
    date: str
    topic: str
    text: str
    source: str


class StackJson(TypedDict):
    """Versions that are known to work with one version of a runtime; unknown ones are empty."""

    version: str
    release: str
    image: str
    package: str
    python: str
    torch: str
    cuda: str
    nccl: str
    least_driver: str
    packages: dict[str, str]
    date: str
    source: str


class RuntimeListedJson(TypedDict):
    """An engine in short."""

    slug: str
    name: str
    aliases: list[str]
    version: str
    kind: Literal["engine", "orchestrator"]
    modelled: bool
    vendors: list[str]
    operating_systems: dict[SystemWord, str]
    min_compute_capability: NotRequired[str]
    weight_formats: dict[str, str]
    weight_formats_below: dict[str, str]
    experts_without: list[str]
    native_formats: dict[str, str]
    vendor_weight_formats: dict[str, list[str]]
    kv_formats: list[str]
    flash_kv_formats: list[str]
    tensor_split_kv_formats: list[str]
    attention: list[AttentionKernelJson]
    families: NotRequired[RuntimeFamiliesJson]
    shares_kv_over_stages: bool
    splits: list[SplitWord]
    equal_cards_only: bool
    memory_rule: Literal["of-total", "static-share", "of-free", "exact", "unstated"]
    default_memory_ratio: NotRequired[float]
    changes: list[VersionChangeJson]


class RuntimeRecordJson(RuntimeListedJson):
    """An inference engine at one version."""

    stacks: list[StackJson]
    statements: list[StatementJson]
    sources: list[SourceJson]
    note: str


class SupportJson(TypedDict):
    """What one engine does on a rig."""

    runtime: str
    version: str
    kind: Literal["engine", "orchestrator"]
    verdict: Literal["yes", "caveat", "no"]
    native_formats: list[str]
    unpacked_formats: list[str]
    splits: list[str]
    refused_splits: list[str]
    reasons: list[str]


class RuntimesJson(TypedDict):
    """``runtimes list``."""

    runtimes: list[RuntimeListedJson]


class RuntimesOnJson(TypedDict):
    """``runtimes list --on``."""

    rig: str
    model: str | None
    operating_system: SystemWord | None
    runtimes: list[SupportJson]


RuntimesAnswerJson: TypeAlias = RuntimesJson | RuntimesOnJson

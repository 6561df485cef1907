"""Objects that the JSON of several verbs holds."""

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict

VerdictWord: TypeAlias = Literal["fits", "tight", "offload", "no"]
"""How a model lies in the memory of a card or of a rig."""
EvidenceWord: TypeAlias = Literal[
    "measured on this machine",
    "this GPU and runtime",
    "same GPU",
    "same architecture",
    "datasheet only",
]
"""What was measured nearby."""
MetWord: TypeAlias = Literal["surely", "likely", "not", "no objective"]
"""Whether objectives are met: by the whole interval, by its middle, or not."""


class IntervalJson(TypedDict):
    """The central 80 % of a quantity; its unit is that of the name which holds it."""

    low: float
    mid: float
    high: float


class FigureJson(TypedDict):
    """A number that an explanation rests on."""

    name: str
    value: float
    text: str
    source: str


class ExplanationJson(TypedDict):
    """Why an answer is what it is."""

    sentences: list[str]
    figures: list[FigureJson]
    sources: list[str]


class DeploymentJson(TypedDict):
    """One model on one rig, split, stored and served in one way."""

    model: str
    rig: str
    runtime: str
    runtime_version: str
    weights: str
    checkpoint_format: str
    kv: str
    tp: int
    pp: int
    replicas: int
    attention_dp: int
    expert_parallel: int
    context_parallel: int
    max_seqs: int
    max_batched_tokens: int
    gpu_memory_utilization_ratio: float


class SourceJson(TypedDict):
    """One public source of a record."""

    reference: str
    kind: Literal[
        "datasheet",
        "specification",
        "repository",
        "page",
        "measured",
        "computed",
        "secondary",
        "unverified",
        "user",
    ]
    date: NotRequired[str]
    fields: list[str]
    note: str


class FilesJson(TypedDict):
    """Files that were written."""

    folder: str
    names: list[str]


class UserRecordJson(TypedDict):
    """A record of a user's own catalogue that an answer rests on."""

    kind: str
    name: str
    path: str


class WholeJson(TypedDict, total=False):
    """What every answer may have beside its own names.

    Attributes:
        user_records: Records of a user's own catalogue that the answer rests on.
        refreshed_prices_from: The day of the refreshed prices that it rests on.
    """

    user_records: list[UserRecordJson]
    refreshed_prices_from: str

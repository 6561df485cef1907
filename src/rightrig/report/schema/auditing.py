"""What ``audit`` answers."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

VerdictJson: TypeAlias = Literal[
    "correct", "approximate", "depends", "unverifiable", "wrong", "impossible"
]
ComputedBy: TypeAlias = Literal["facts and formulas", "arithmetic", "nothing"]


class RecomputedJson(TypedDict):
    """What a claim comes to, in its own unit: one for each figure of it, or for each reading."""

    reading: str | None
    value: float | None
    low: float | None
    high: float | None
    limit: Literal["most", "least"] | None
    text: str


class CheckedRuleJson(TypedDict):
    """A rule that a claim has to keep; what is broken has an ID and a reason."""

    name: str
    id: str | None
    reason: str | None


class BeforeJson(TypedDict):
    """What a claim came to before ``--set`` changed an input."""

    verdict: VerdictJson
    recomputed: list[RecomputedJson]


class ClaimJson(TypedDict):
    """One published figure, judged."""

    id: str
    source: str
    quote: str
    quantity: str
    claimed: str
    unit: str
    recomputed: list[RecomputedJson]
    verdict: VerdictJson
    factor_ratio: float | None
    reason: str
    depends_on: str
    rules: list[CheckedRuleJson]
    rests_on: list[str]
    expression: str | None
    computed_by: ComputedBy
    before: BeforeJson | None


class VerdictCountJson(TypedDict):
    """How many claims have a verdict."""

    verdict: VerdictJson
    claims_count: int


class ComputedCountJson(TypedDict):
    """How many claims were computed by what."""

    computed_by: ComputedBy
    claims_count: int


class SetInputJson(TypedDict):
    """What a row states instead."""

    id: str
    claimed: str
    instead_of: str


class AuditJson(TypedDict):
    """Every figure that is shown, and the counts of the whole table."""

    claims: list[ClaimJson]
    claims_count: int
    verdicts: list[VerdictCountJson]
    computed: list[ComputedCountJson]
    set: list[SetInputJson]


class AuditFunctionJson(TypedDict):
    """A function that an expression may call."""

    name: str
    kind: Literal["fact", "formula", "rule", "claim"]
    usage: str
    sentence: str


class AuditFunctionsJson(TypedDict):
    """Every function that an expression may call, and every unit."""

    functions: list[AuditFunctionJson]
    units: list[str]


AuditAnswerJson: TypeAlias = AuditJson | AuditFunctionsJson

"""The JSON of decisions: go or no-go, criteria, lock-in, ecosystem."""

from typing import Literal

from typing_extensions import TypedDict

from rightrig.report.schema.shared import ExplanationJson


class GoCriterionJson(TypedDict):
    """One criterion of a decision, with its answer."""

    id: str
    question: str
    weight_ratio: float
    blocks: bool
    answer: Literal["yes", "no", "unknown"]
    evidence: str


class GoNoGoJson(TypedDict):
    """``ask go-no-go``."""

    technique: str
    go: bool
    score_ratio: float
    blocking: list[str]
    open: list[str]
    criteria: list[GoCriterionJson]
    explanation: ExplanationJson


class TemplateJson(TypedDict):
    """A file to fill in."""

    template: str


class CriterionJson(TypedDict):
    """One weighted criterion."""

    name: str
    weight_ratio: float
    better: Literal["more", "less"]
    computed: Literal["output_tokens_per_s", "tpot_s", "rent_usd_per_month", "scaling_ratio"] | None


class ScoredOptionJson(TypedDict):
    """One option with its score; its values by criterion."""

    name: str
    score_ratio: float
    values: dict[str, float]
    normal_ratios: dict[str, float]


class WeightSwingJson(TypedDict):
    """The weight of a criterion at which another option wins; null where none does."""

    criterion: str
    weight_now_ratio: float
    weight_level_ratio: float | None
    winner: str | None


class DominatedJson(TypedDict):
    """An option that another beats in everything."""

    option: str
    by: str


class CriteriaJson(TypedDict):
    """``ask criteria``."""

    criteria: list[CriterionJson]
    normalisation: str
    options: list[ScoredOptionJson]
    swings: list[WeightSwingJson]
    dominated: list[DominatedJson]
    explanation: ExplanationJson


class TieJson(TypedDict):
    """One consideration: whether it ties to a vendor."""

    name: str
    state: Literal["free", "tied", "not known"]
    text: str
    source: str


class ExitJson(TypedDict):
    """What leaving for another vendor costs; null where no priced plan is known."""

    vendor: str
    gpu: str | None
    cards_count: int | None
    rent_usd_per_month: float | None
    difference_usd_per_month: float | None
    text: str


class LockInJson(TypedDict):
    """``ask lock-in``."""

    rig: str
    runtime: str
    model: str
    tied_count: int
    items: list[TieJson]
    own_rent_usd_per_month: float | None
    exits: list[ExitJson]
    explanation: ExplanationJson


class SoftwareKindJson(TypedDict):
    """One kind of software around a card."""

    name: str
    count: int
    most_count: int
    ratio: float
    names: list[str]


class EcosystemCardJson(TypedDict):
    """The software around one card; counts by family of models and by operating system."""

    gpu: str
    score_ratio: float
    components: list[SoftwareKindJson]
    families_count: dict[str, int]
    systems_count: dict[str, int]
    below_floor: list[str]
    compute_capability: str | None
    evidence: str
    soft_usd: float | None


class EcosystemJson(TypedDict):
    """``ask ecosystem``."""

    cards: list[EcosystemCardJson]
    explanation: ExplanationJson

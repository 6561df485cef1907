"""What ``recipe`` answers: commands, files, and what was proven of them."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from rightrig.report.schema.fitting import FitJson
from rightrig.report.schema.shared import DeploymentJson, IntervalJson, VerdictWord


class FlagJson(TypedDict):
    """One option of the engine; ``value`` is null for a switch."""

    name: str
    value: str | None
    why: str


class VariableJson(TypedDict):
    """One variable of the environment."""

    name: str
    value: str
    why: str


class RecipeFileJson(TypedDict):
    """One file of the recipe, by its path below the recipe's folder."""

    path: str
    about: str
    text: str


class PlaceLeftOutJson(TypedDict):
    """A place for which no file is written."""

    place: str
    why: str


class EngineWordsJson(TypedDict):
    """What means a quantity in one engine."""

    engine: str
    text: str


class TranslationJson(TypedDict):
    """One quantity, and the words that mean it in each engine."""

    quantity: str
    meaning: str
    words: list[EngineWordsJson]
    note: str


class ProofJson(TypedDict):
    """One thing that was checked."""

    id: str
    state: Literal["pass", "fail", "unverifiable"]
    subject: str
    said: str
    remedy: str


class ExpectedJson(TypedDict):
    """What is predicted at the promised concurrency."""

    concurrency: int
    ttft_s: IntervalJson
    tpot_s: IntervalJson
    output_tokens_per_s: IntervalJson
    evidence: str


class RecipeJson(TypedDict):
    """How a deployment is started.

    Attributes:
        checkpoint: What the engine loads; empty where it must be named (``checkpoint_wanted``).
        engines_count: Engines on one rig.
        rigs_count: Equal rigs of the plan.
        arguments: Words after the engine's program, as a parser takes them.
        expected: Null where the engine's speed is not modelled.
    """

    deployment: DeploymentJson
    verdict: VerdictWord
    context_tokens: int
    concurrency: int
    checkpoint: str
    checkpoint_wanted: str
    engines_count: int
    rigs_count: int
    engine: str
    engine_version: str
    command: str
    arguments: list[str]
    environment: list[VariableJson]
    flags: list[FlagJson]
    image: str
    port: int
    health: str
    metrics: str
    expected: ExpectedJson | None
    translations: list[TranslationJson]
    files: list[RecipeFileJson]
    left_out: list[PlaceLeftOutJson]
    notes: list[str]
    proofs: list[ProofJson]
    proven: bool


RecipeAnswerJson: TypeAlias = RecipeJson | FitJson
"""Where nothing fits, there is no recipe, and the answer is that of ``fit``."""

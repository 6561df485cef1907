"""Which classes of models a rig covers, and what a million tokens take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.deployment.propose import Choices, propose
from rightrig.errors import InputError
from rightrig.planning.combos.memory import pooled_memory
from rightrig.planning.fits import ModelFit, models_that_fit
from rightrig.planning.largest import largest_dense_params
from rightrig.prediction.layered_engines import file_bytes
from rightrig.prediction.memory_fit import fit
from rightrig.quantities import show_gib
from rightrig.work.kv_cache import sequence_kv_bytes
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm

CONTEXT_TOKENS: Final = 8192
LONG_TOKENS: Final = 1_000_000
LONG_MODEL: Final = "meta-llama/Llama-3.3-70B-Instruct"
_HELD: Final = ("fits", "tight")


@dataclass(frozen=True, slots=True)
class ModelClass:
    """A class of models that people ask for.

    Attributes:
        least_params_count, most_params_count: Total parameters.
        has_experts: Whether only mixtures of experts, or only dense models, belong to it.
        context_tokens: Of the one sequence that is asked for; models made for less do not
            belong to it where that is more than the usual.
        example: A model that is named in any case.
    """

    name: str
    least_params_count: int
    most_params_count: int
    has_experts: bool | None = None
    context_tokens: int = CONTEXT_TOKENS
    example: str = ""

    def holds(self, llm: Llm) -> bool:
        """Whether a model belongs to the class."""
        if self.has_experts is not None and llm.has_experts != self.has_experts:
            return False
        if self.context_tokens > CONTEXT_TOKENS and llm.max_context_tokens < self.context_tokens:
            return False
        return self.least_params_count <= total_params_count(llm) <= self.most_params_count


_BILLION: Final = 10**9
_ANY: Final = 10**15
MODEL_CLASSES: Final = (
    ModelClass(
        "up to 10B", 0, 10 * _BILLION, example="meta-llama/Llama-3.1-8B"
    ),
    ModelClass("30B class", 20 * _BILLION, 40 * _BILLION, example="Qwen/Qwen3-32B"),
    ModelClass(
        "70-100B dense", 60 * _BILLION, 110 * _BILLION, has_experts=False, example=LONG_MODEL
    ),
    ModelClass(
        "frontier MoE, from 200B", 200 * _BILLION, _ANY, has_experts=True,
        example="deepseek-ai/DeepSeek-V4-Pro",
    ),
    ModelClass(
        "1M context", 0, _ANY, context_tokens=LONG_TOKENS,
        example="meta-llama/Llama-4-Maverick-17B-128E-Instruct",
    ),
)  # fmt: skip
"""The classes; bounds are of total parameters."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a class a rig holds.

    Attributes:
        held: The models that fit, most parameters first.
        models_count: Models of the catalogue in the class.
        example: The class's example on the rig.
    """

    of: ModelClass
    held: tuple[ModelFit, ...]
    models_count: int
    example: ModelFit

    @property
    def word(self) -> str:
        """``all``, ``some`` or ``none`` of the class."""
        if not self.held:
            return "none"
        return "all" if len(self.held) == self.models_count else "some"


@dataclass(frozen=True, slots=True)
class LongSequence:
    """One sequence of a million tokens of a dense 70B model with a 16-bit cache.

    Attributes:
        sequence_bytes: Its cache over all cards, without copies and padding.
        held_count: Sequences that the rig holds; ``None`` where the model does not run there.
    """

    llm: Llm
    context_tokens: int
    sequence_bytes: float
    held_count: int | None


_LAYERED_FORMAT: Final = "q4_k_m"
_NOT_OF_A_SHAPE: Final = {
    "slug", "name", "aliases", "checkpoint", "published", "not_counted", "config_kind", "licence",
    "sources", "note",
}  # fmt: skip


def models_on(
    catalog: Catalog, rig: Rig, llms: Sequence[Llm], context_tokens: int
) -> tuple[ModelFit, ...]:
    """Return every model on a rig, for one sequence.

    Where vLLM runs, each in the largest format that fits. Where only llama.cpp does, in Q4_K_M:
    its buffers take long to lay out, so that models of one shape are laid out once.
    """
    if not by_layers(catalog, rig):
        return models_that_fit(catalog, rig, context_tokens, 1, Choices(), llms)
    alike: dict[str, list[Llm]] = {}
    for llm in llms:
        alike.setdefault(llm.model_dump_json(exclude=_NOT_OF_A_SHAPE), []).append(llm)
    return tuple(
        replace(found, llm=llm)
        for same in alike.values()
        for found in (_by_layers(catalog, rig, same[0], context_tokens),)
        for llm in same
    )


def _by_layers(catalog: Catalog, rig: Rig, llm: Llm, context_tokens: int) -> ModelFit:
    """Return one model in Q4_K_M; a file larger than all cards needs no layout."""
    visible_bytes = pooled_memory(rig).visible_bytes
    size_bytes = file_bytes(llm, _LAYERED_FORMAT)
    if size_bytes > visible_bytes:
        return ModelFit(
            llm,
            None,
            f"its file in Q4_K_M, {show_gib(size_bytes)}, is larger than the "
            f"{show_gib(visible_bytes)} that all cards show",
        )
    choices = Choices(runtime="llama.cpp", weights=_LAYERED_FORMAT)
    return models_that_fit(catalog, rig, context_tokens, 1, choices, [llm])[0]


def by_layers(catalog: Catalog, rig: Rig) -> bool:
    """Whether a rig is served by a runtime that puts whole layers on cards."""
    try:
        return propose(catalog, catalog.llm(LONG_MODEL), rig).runtime.slug in LAYERED
    except InputError:
        return False


def largest_params_count(catalog: Catalog, rig: Rig) -> dict[str, float]:
    """Return, by format, the parameters of the largest dense model of usual shape that fits."""
    names = (_LAYERED_FORMAT,) if by_layers(catalog, rig) else ("bf16", "fp8", "awq")
    found: dict[str, float] = {}
    for name in names:
        choices = Choices(weights=name)
        found |= largest_dense_params(catalog, rig, CONTEXT_TOKENS, 1, choices)
    return found


def held(models: Sequence[ModelFit]) -> tuple[ModelFit, ...]:
    """Return the models that fit or are tight, most parameters first."""
    found = [model for model in models if model.verdict in _HELD]
    found.sort(key=lambda model: (-total_params_count(model.llm), model.llm.name))
    return tuple(found)


def covered(catalog: Catalog, rig: Rig, models: Sequence[ModelFit]) -> tuple[Coverage, ...]:
    """Return how much of each class a rig holds.

    Args:
        catalog: Where runtimes are looked up.
        rig: The cards.
        models: Every model of the catalogue on the rig, for one sequence of 8,192 tokens.
    """
    found = []
    for each in MODEL_CLASSES:
        own: Sequence[ModelFit] = [model for model in models if each.holds(model.llm)]
        if each.context_tokens > CONTEXT_TOKENS:
            llms = [model.llm for model in own]
            own = models_on(catalog, rig, llms, each.context_tokens)
        example = next(model for model in own if model.llm.name == each.example)
        found.append(Coverage(each, held(own), len(own), example))
    return tuple(found)


def long_sequence(catalog: Catalog, rig: Rig) -> LongSequence:
    """Return what a million tokens of a dense 70B model take, and how many such a rig holds."""
    llm = catalog.llm(LONG_MODEL)
    try:
        found = fit(propose(catalog, llm, rig, Choices()), LONG_TOKENS, 1)
    except InputError:
        return LongSequence(llm, LONG_TOKENS, _cache_bytes(llm), None)
    return LongSequence(llm, LONG_TOKENS, _cache_bytes(llm), found.max_concurrency)


def _cache_bytes(llm: Llm) -> float:
    """Return the 16-bit cache of a million tokens, ``2·L·n_kv·d·2·S`` bytes for dense layers."""
    return sequence_kv_bytes(llm.block_counts, LONG_TOKENS, 16.0)

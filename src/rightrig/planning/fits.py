"""Which models of the catalogue fit a rig, each in the largest format that does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.propose import Choices, propose
from rightrig.errors import InputError
from rightrig.facts.quantization import SIXTEEN_BIT
from rightrig.planning.candidates import VLLM_FORMATS, WORTHWHILE_RATIO
from rightrig.prediction.memory_fit import VERDICT_RANK, Fit, Verdict, fit
from rightrig.work.weights import total_params_count, weight_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm

_GGUF_LADDER: Final = ("q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m")


@dataclass(frozen=True, slots=True)
class ModelFit:
    """One model on the rig.

    Attributes:
        fit: In the largest format that fits, else in the smallest tried; ``None`` where no
            format could be tried.
        reason: Why no format could be tried.
    """

    llm: Llm
    fit: Fit | None
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """The fit's verdict; ``no`` where nothing could be tried."""
        return "no" if self.fit is None else self.fit.verdict


def models_that_fit(
    catalog: Catalog,
    rig: Rig,
    context_tokens: int,
    concurrency: int,
    choices: Choices,
    llms: Sequence[Llm],
) -> tuple[ModelFit, ...]:
    """Return every model with its verdict, the best and largest first.

    Args:
        catalog: Where the runtime is looked up.
        rig: The cards.
        context_tokens: Of one sequence; a model made for less is judged at its own limit.
        concurrency: Sequences at once.
        choices: What the user fixed; a fixed weight format is the only one tried.
        llms: The models.
    """
    found = [_model_fit(catalog, rig, context_tokens, concurrency, choices, llm) for llm in llms]
    found.sort(key=lambda m: (VERDICT_RANK[m.verdict], -total_params_count(m.llm), m.llm.name))
    return tuple(found)


def _model_fit(
    catalog: Catalog, rig: Rig, context_tokens: int, concurrency: int, choices: Choices, llm: Llm
) -> ModelFit:
    """Return the first format, from the largest down, in which a model fits."""
    tokens = min(context_tokens, llm.max_context_tokens)
    last: Fit | None = None
    try:
        for deployment in deployments_of(catalog, rig, choices, llm):
            last = fit(deployment, tokens, concurrency)
            if last.verdict in {"fits", "tight"}:
                return ModelFit(llm, last)
    except InputError as error:
        return ModelFit(llm, last, str(error))
    return ModelFit(llm, last)


def deployments_of(catalog: Catalog, rig: Rig, choices: Choices, llm: Llm) -> Iterator[Deployment]:
    """Yield the usual deployment, then smaller formats of the same runtime."""
    usual = propose(catalog, llm, rig, choices)
    if choices.weights is not None:
        yield usual
        return
    if usual.runtime.slug not in LAYERED:
        yield usual
        if llm.checkpoint.format not in SIXTEEN_BIT:
            return  # a quantised checkpoint keeps its format
        own_bytes = weight_bytes(llm, usual.precision.weights)
        ladder = [
            name for name in VLLM_FORMATS if weight_bytes(llm, name) < WORTHWHILE_RATIO * own_bytes
        ]
    else:
        is_published = usual.precision.weights == "checkpoint"
        ladder = ["checkpoint"] if is_published else list(_GGUF_LADDER)
    for name in ladder:
        try:
            yield propose(
                catalog, llm, rig, replace(choices, weights=name, runtime=usual.runtime.slug)
            )
        except InputError:
            continue  # not on this card


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: cards, and what the user fixed for them."""

    rig: Rig
    choices: Choices

    @property
    def text(self) -> str:
        """The side in words: ``4xrtx-4090``, ``4xrtx-4090 with sglang under linux``."""
        runtime, system = self.choices.runtime, self.choices.operating_system
        with_runtime = f" with {runtime}" if runtime else ""
        return f"{self.rig.text}{with_runtime}{f' under {system}' if system else ''}"


@dataclass(frozen=True, slots=True)
class Change:
    """A model whose verdict differs between two sides.

    Attributes:
        before, after: The model on each.
        reason: Why the verdict of the second side is what it is.
    """

    before: ModelFit
    after: ModelFit
    reason: str


def changes(before: Sequence[ModelFit], after: Sequence[ModelFit]) -> tuple[Change, ...]:
    """Return the models whose verdict changes from one side to another, losses first.

    Args:
        before: What ``models_that_fit`` says of one side.
        after: What it says of the other, of the same models.
    """
    known = {model.llm.name: model for model in after}
    found = [
        Change(old, known[old.llm.name], _reason(known[old.llm.name]))
        for old in before
        if old.verdict != known[old.llm.name].verdict
    ]
    found.sort(key=lambda c: VERDICT_RANK[c.before.verdict] - VERDICT_RANK[c.after.verdict])
    return tuple(found)


def _reason(model: ModelFit) -> str:
    """Return the first sentence of a fit's explanation, or why nothing could be tried."""
    if model.fit is None:
        return model.reason
    deployment = model.fit.deployment
    told = model.fit.explain().sentences[0]
    return f"In {stored_format(deployment)} on {deployment.runtime.name}: {told}"

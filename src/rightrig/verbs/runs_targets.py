"""From the words of ``runs targets`` to what is worth measuring on a rig."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.fits import models_that_fit
from rightrig.planning.survey.curated import curated
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import check_count
from rightrig.report.runs_targets import TargetLine, Targets, targets_document, targets_json
from rightrig.store import open_store
from rightrig.store.targets import WORKLOADS, measured
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.planning.fits import ModelFit
    from rightrig.report.schema.runs import RunsTargetsJson
    from rightrig.store.records import Run, Served
    from rightrig.store.targets import Workload

_ANY_MODEL: Final = "meta-llama/Llama-3.2-1B-Instruct"
_CONTEXT: Final = 8192
_MOST_MODELS: Final = 100
_HELD: Final = ("fits", "tight")
_THIS: Final = "@this"


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command."""

    catalog: Catalog
    on: str
    models: tuple[str, ...]
    runtime: str | None
    weights: str | None
    kv: str | None
    top: int

    @property
    def choices(self) -> Choices:
        """What the user fixed of a deployment."""
        return Choices(self.runtime, self.weights, self.kv)


def targets_found(asked: Asked) -> Found[RunsTargetsJson]:
    """Return the targets of a rig, and what is known of each."""
    check_count(asked.top, name="--top", limit=_MOST_MODELS)
    rig = parse_rig(asked.on, asked.catalog)
    models = _models(asked, rig)
    with open_store() as store:
        runs, where = store.runs("load", status="finished"), store.shown
    lines = tuple(line for model in models for line in _lines(asked, rig, model, runs))
    found = Targets(rig.text, where, lines)
    records = (*(group.gpu for group in rig.groups), *(model.llm for model in models))
    return Found(
        data=lambda: targets_json(found),
        document=lambda: targets_document(found),
        yes=bool(lines),
        records=records,
    )


def _models(asked: Asked, rig: Rig) -> Sequence[ModelFit]:
    """Return the models that are named, or the largest that fits of each family."""
    catalog = asked.catalog
    if asked.models:
        named = [model_named(name, catalog) for name in dict.fromkeys(asked.models)]
        return models_that_fit(catalog, rig, _CONTEXT, 1, asked.choices, named)
    # A choice that no model could have is wrong input, not a rig without targets.
    propose(catalog, catalog.llm(_ANY_MODEL), rig, asked.choices)
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    usual = [llms[place] for place in sorted(curated(llms))]
    largest: dict[str, ModelFit] = {}
    for model in models_that_fit(catalog, rig, _CONTEXT, 1, asked.choices, usual):
        if model.verdict in _HELD:
            largest.setdefault(model.llm.family, model)
    return list(largest.values())[: asked.top]


def _lines(asked: Asked, rig: Rig, model: ModelFit, runs: Sequence[Run]) -> Iterator[TargetLine]:
    """Yield the targets of one model."""
    name, fit = model.llm.name, model.fit
    for workload in WORKLOADS:
        if workload.input_tokens + workload.output_tokens > model.llm.max_context_tokens:
            continue
        if fit is None or model.verdict not in _HELD:
            reason = model.reason or f"it does not fit {rig.text}"
            yield TargetLine(name, None, None, workload, None, None, reason, "")
            continue
        try:
            estimate, reason = predict(fit.deployment, _lengths(workload), workload.concurrency), ""
        except InputError as error:
            estimate, reason = None, str(error)
        yield TargetLine(
            name, fit.deployment.precision.weights, fit.deployment.runtime.slug, workload, estimate,
            measured(runs, workload, lambda s: _is_same(asked.catalog, fit.deployment, s)),
            reason, _command(fit.deployment, workload),
        )  # fmt: skip


def _lengths(workload: Workload) -> Lengths:
    """Return the lengths of a workload."""
    return Lengths(float(workload.input_tokens), float(workload.output_tokens))


def _is_same(catalog: Catalog, deployment: Deployment, served: Served) -> bool:
    """Whether a server ran this model, on this rig, in this format, on this runtime."""
    return (
        served.runtime == deployment.runtime.slug
        and served.weights in _formats(deployment)
        and served.kv in {"", deployment.precision.kv}
        and served.rig.replace(_THIS, "") == deployment.rig.text.replace(_THIS, "")
        and _model_slug(catalog, served.model) == _model_slug(catalog, deployment.llm.name)
    )


def _formats(deployment: Deployment) -> set[str]:
    """Return the names of the format of the weights: as asked for, and as published."""
    asked = deployment.precision.weights
    return {asked, deployment.llm.checkpoint.format} if asked == "checkpoint" else {asked}


def _model_slug(catalog: Catalog, name: str) -> str:
    """Return what the catalogue calls a model; what it does not know keeps its name."""
    try:
        return catalog.resolve("llms", name)
    except InputError:
        return name


def _command(deployment: Deployment, workload: Workload) -> str:
    """Return the command that measures a workload; ``URL`` is the server's."""
    words = (
        "rightrig", "load", "URL", "--model", deployment.llm.name, "--on", deployment.rig.text,
        "--runtime", deployment.runtime.slug, "--weights", deployment.precision.weights,
        "--concurrency", str(workload.concurrency), "--input", str(workload.input_tokens),
        "--output", str(workload.output_tokens),
    )  # fmt: skip
    return shlex.join(words)

"""From the words of ``fits`` to what a rig holds, what changes, or the whole matrix."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.demand.workload import MAX_TOKENS
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import MAX_CARDS_PER_NODE, parse_rig
from rightrig.errors import InputError
from rightrig.planning.fits import Side, changes, models_that_fit
from rightrig.quantities import check_count
from rightrig.verbs.deploying import MAX_CONCURRENCY
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named
from rightrig.verbs.saving import save

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.planning.fits import ModelFit
    from rightrig.report.schema.fitting import (
        FitChangesJson,
        FitMatrixJson,
        FitsAnswerJson,
        FitsJson,
    )

__all__ = ["Asked", "Choices", "Versus", "answer_of"]
_ANY_MODEL: Final = "meta-llama/Llama-3.2-1B-Instruct"
_MOST_NAMES: Final = 2000


@dataclass(frozen=True, slots=True)
class Versus:
    """What is another on the second side; the rest stays as it is."""

    rig: str | None = None
    runtime: str | None = None
    operating_system: str | None = None

    @property
    def words(self) -> dict[str, str]:
        """The options that were given, by name."""
        names = ("--versus", "--versus-runtime", "--versus-os")
        given = zip(names, astuple(self), strict=True)
        return {name: value for name, value in given if value is not None}

    def changed(self, choices: Choices) -> Choices:
        """Return the choices of the second side."""
        runtime, system = self.runtime, self.operating_system
        return replace(
            choices,
            runtime=choices.runtime if runtime is None else runtime,
            operating_system=choices.operating_system if system is None else system,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command."""

    catalog: Catalog
    on: str | None
    versus: Versus
    gpus: str | None
    models: str | None
    formats: str | None
    cards: int
    context: int
    concurrency: int
    choices: Choices
    as_matrix: bool
    every_model: bool
    save: str | None = None

    @property
    def text(self) -> str:
        """The traffic in words."""
        return f"{self.concurrency:,} × {self.context:,} tokens"


def answer_of(asked: Asked) -> Found[FitsAnswerJson]:
    """Return the answer of the form that was asked for.

    Raises:
        InputError: when the options do not go together.
    """
    check_count(asked.context, name="--context", limit=MAX_TOKENS)
    check_count(asked.concurrency, name="--concurrency", limit=MAX_CONCURRENCY)
    _check_form(asked)
    if asked.as_matrix:
        return _matrix(asked)
    return _changed(asked) if asked.versus.words else _held(asked)


def _check_form(asked: Asked) -> None:
    """Refuse options of one form with another."""
    of_matrix = {
        "--gpus": asked.gpus, "--models": asked.models, "--formats": asked.formats,
        "--cards": None if asked.cards == 1 else asked.cards, "--save": asked.save,
    }  # fmt: skip
    choices = asked.choices
    of_rig = {
        "--on": asked.on, **asked.versus.words, "--runtime": choices.runtime,
        "--weights": choices.weights, "--kv": choices.kv, "--os": choices.operating_system,
        "--all": asked.every_model or None,
        "--concurrency": None if asked.concurrency == 1 else asked.concurrency,
    }  # fmt: skip
    if asked.as_matrix:
        wrong = next((name for name, value in of_rig.items() if value is not None), None)
        if wrong:
            raise InputError(f"{wrong} does not go with --matrix; use --gpus, --models, --formats")
    else:
        wrong = next((name for name, value in of_matrix.items() if value is not None), None)
        if wrong:
            raise InputError(f"{wrong} goes with --matrix only")
        if asked.versus.words and asked.every_model:
            given = next(iter(asked.versus.words))
            raise InputError(f"--all does not go with {given}, which lists what changes")
        if asked.on is None:
            raise InputError("name a rig with --on, such as --on 1xrtx-4090, or ask for --matrix")


def _models_on(asked: Asked, side: Side) -> tuple[ModelFit, ...]:
    """Return every model of the catalogue with its verdict."""
    catalog = asked.catalog
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    # A choice that no model could have is wrong input, not a "no" for each model.
    propose(catalog, catalog.llm(_ANY_MODEL), side.rig, side.choices)
    return models_that_fit(catalog, side.rig, asked.context, asked.concurrency, side.choices, llms)


def _held(asked: Asked) -> Found[FitsJson]:
    """Return what one rig holds."""
    from rightrig.planning.largest import largest_dense_params
    from rightrig.report.fits import capped_note, fits_document, fits_json

    rig = parse_rig(asked.on or "", asked.catalog)
    models = _models_on(asked, Side(rig, asked.choices))
    largest = largest_dense_params(
        asked.catalog, rig, asked.context, asked.concurrency, asked.choices
    )
    return Found(
        data=lambda: fits_json(rig, models, largest),
        document=lambda: (
            *fits_document(rig, models, asked.text, largest, every_model=asked.every_model),
            *capped_note((m.llm for m in models), asked.context),
        ),
        yes=any(model.verdict != "no" for model in models),
        records=(*(g.gpu for g in rig.groups), *(m.llm for m in models)),
    )


def _changed(asked: Asked) -> Found[FitChangesJson]:
    """Return the models whose verdict differs between two rigs, runtimes or systems."""
    from rightrig.report.fits import capped_note, changes_document, changes_json

    on = asked.on or ""
    other = on if asked.versus.rig is None else asked.versus.rig
    before = Side(parse_rig(on, asked.catalog), asked.choices)
    after = Side(parse_rig(other, asked.catalog), asked.versus.changed(asked.choices))
    new = _models_on(asked, after)
    found = changes(_models_on(asked, before), new)
    return Found(
        data=lambda: changes_json(before, after, found),
        document=lambda: (
            *changes_document(before, after, found, asked.text),
            *capped_note((m.llm for m in new), asked.context),
        ),
        yes=True,
        records=(*(g.gpu for side in (before, after) for g in side.rig.groups),),
    )


def _matrix(asked: Asked) -> Found[FitMatrixJson]:
    """Return the matrix of models, cards and formats."""
    from rightrig.planning.matrix import MATRIX_FORMATS, fit_matrix
    from rightrig.report.fits import matrix_document, matrix_json, matrix_lines

    catalog = asked.catalog
    check_count(asked.cards, name="--cards", limit=MAX_CARDS_PER_NODE)
    gpus = [catalog.gpu(name) for name in _names(asked.gpus, "--gpus")] or list(catalog.gpus())
    llms: list[Llm] = [model_named(name, catalog) for name in _names(asked.models, "--models")]
    llms = llms or [catalog.llm(slug) for slug in catalog.slugs("llms")]
    formats = tuple(name.lower() for name in _names(asked.formats, "--formats")) or MATRIX_FORMATS
    matrix = fit_matrix(catalog, llms, gpus, formats, asked.context, asked.cards)
    if asked.save is not None:
        save(asked.save, "matrix.csv", matrix_lines(matrix))
    return Found(
        data=lambda: matrix_json(matrix),
        document=lambda: matrix_document(matrix),
        yes=bool(matrix.is_held.any()),
        records=(*gpus, *llms),
    )


def _names(text: str | None, option: str) -> list[str]:
    """Return the names of a list by comma."""
    if text is None:
        return []
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(names) > _MOST_NAMES:
        raise InputError(f"{option} {text[:40]!r}: write names by comma, none of them empty")
    return list(dict.fromkeys(names))

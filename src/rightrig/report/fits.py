"""The report of ``fits``: which models a rig holds, in which format, with how much room."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.planning.matrix import fitting_counts, largest_fitting
from rightrig.quantities import show_gib
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.llm import Llm
    from rightrig.planning.fits import Change, ModelFit, Side
    from rightrig.planning.matrix import Matrix
    from rightrig.report.schema.fitting import (
        FitChangesJson,
        FitMatrixJson,
        FitsJson,
        HeldModelJson,
        MatrixCellJson,
        RefusedModelJson,
    )


_FULL_MATRIX_MODELS = 60
_MOST_JSON_CELLS = 1000


def fits_document(
    rig: Rig,
    models: Sequence[ModelFit],
    asked: str,
    largest: Mapping[str, float],
    *,
    every_model: bool,
) -> Document:
    """Return the models that fit, and with ``every_model`` those that do not."""
    held = [m for m in models if m.verdict != "no"]
    shown = models if every_model else held
    rows = tuple(_row(model) for model in shown)
    headers = ("model", "verdict", "runtime, weights", "tightest card", "context", "sequences")
    return (
        Paragraph(f"{len(held)} of {len(models)} models fit {rig.text} ({asked})", "title"),
        Grid(headers, rows, (3, 4, 5), spare=(3,)),
        Paragraph(
            "Each in the largest format that fits; context and sequences are the largest possible, "
            "each with the other as asked. Smaller formats cost quality.",
            "dim",
        ),
        *_largest_paragraph(largest),
    )


def _largest_paragraph(largest: Mapping[str, float]) -> Document:
    """Return the parameter counts at which dense models stop to fit."""
    held = {name: params for name, params in largest.items() if params}
    if not held:
        return ()
    sizes = ", ".join(f"{params / 1e9:.1f} B in {name}" for name, params in held.items())
    return (Paragraph(f"Largest dense model of usual shape: {sizes}.", "dim"),)


def changes_document(before: Side, after: Side, found: Sequence[Change], asked: str) -> Document:
    """Return the models whose verdict changes from one side to another, each with its reason."""
    lost = sum(c.after.verdict == "no" for c in found)
    won = sum(c.before.verdict == "no" for c in found)
    title = (
        f"From {before.text} to {after.text} ({asked}): {lost} models no longer fit, {won} more "
        f"do, {len(found) - lost - won} change their verdict"
    )
    rows = tuple(
        (c.before.llm.name, f"{c.before.verdict} → {c.after.verdict}", c.reason) for c in found
    )
    grid = (Grid(("model", "verdict", f"on {after.text}"), rows, below=2),) if rows else ()
    return (Paragraph(title, "title"), *grid)


def changes_json(before: Side, after: Side, found: Sequence[Change]) -> FitChangesJson:
    """Return the changes as JSON."""
    return {
        "before": before.rig.text,
        "after": after.rig.text,
        "runtimes": [side.choices.runtime for side in (before, after)],
        "operating_systems": [side.choices.operating_system for side in (before, after)],
        "changes": [
            {
                "model": c.before.llm.name,
                "before": c.before.verdict,
                "after": c.after.verdict,
                "reason": c.reason,
            }
            for c in found
        ],
    }


def _counted(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def capped_note(llms: Iterable[Llm], context_tokens: int) -> Document:
    """Return the sentence on models that are asked for fewer tokens than the title says."""
    capped = sum(llm.max_context_tokens < context_tokens for llm in llms)
    if not capped:
        return ()
    were = "model was" if capped == 1 else "models were"
    text = (
        f"{capped} {were} made for fewer than {context_tokens:,} tokens: judged at the limit of "
        "each."
    )
    return (Paragraph(text, "dim"),)


def matrix_document(matrix: Matrix) -> Document:
    """Return the matrix: a table a card where few models are asked for, else counts a card."""
    sizes = " × ".join((
        _counted(len(matrix.llms), "model"), _counted(len(matrix.gpus), "GPU"),
        _counted(len(matrix.formats), "format"),
    ))  # fmt: skip
    title = Paragraph(
        f"{sizes}: one sequence of {matrix.context_tokens:,} tokens on "
        f"{_counted(matrix.cards_count, 'card')}",
        "title",
    )
    note = Paragraph(
        "vLLM where it loads the format on the card, else llama.cpp. A dash: nothing loads it "
        "there, or the model is published quantised otherwise. In brackets: sequences at once, "
        "pessimistic to optimistic.",
        "dim",
    )
    capped = capped_note(matrix.llms, matrix.context_tokens)
    if len(matrix.llms) * len(matrix.gpus) <= _FULL_MATRIX_MODELS:
        return (
            title,
            *(_card_grid(matrix, place) for place in range(len(matrix.gpus))),
            note,
            *capped,
        )
    return (title, _counts_grid(matrix), _COUNTS_NOTE, *capped)


_COUNTS_NOTE = Paragraph(
    "Models that fit or are tight, and the one with most parameters. --save DIR writes every cell, "
    "--models and --gpus narrow the matrix down to a table.",
    "dim",
)


def _card_grid(matrix: Matrix, place: int) -> Grid:
    """Return one card's models and formats."""
    rows = tuple(
        (llm.name, *(_cell(matrix, row, place, form) for form in range(len(matrix.formats))))
        for row, llm in enumerate(matrix.llms)
    )
    return Grid(("model", *matrix.formats), rows, title=matrix.gpus[place].slug)


def _cell(matrix: Matrix, model: int, gpu: int, form: int) -> str:
    """Return one cell: the verdict and the range of sequences."""
    word = matrix.verdict(model, gpu, form)
    if word not in {"fits", "tight"}:
        return word
    least, most = int(matrix.least_seqs[model, gpu, form]), int(matrix.most_seqs[model, gpu, form])
    return f"{word} ({least:,}–{most:,})" if least != most else f"{word} ({most:,})"


def _counts_grid(matrix: Matrix) -> Grid:
    """Return how many models each card holds in each format, and the largest."""
    counts = fitting_counts(matrix)
    rows = []
    for place, gpu in enumerate(matrix.gpus):
        largest = largest_fitting(matrix, place, 0)
        name = largest.name if largest else "–"
        rows.append((gpu.slug, *(str(int(n)) for n in counts[place]), name))
    numeric = tuple(range(1, len(matrix.formats) + 1))
    headers = ("GPU", *matrix.formats, f"largest in {matrix.formats[0]}")
    return Grid(headers, tuple(rows), numeric, spare=(len(matrix.formats) + 1,))


def matrix_json(matrix: Matrix) -> FitMatrixJson:
    """Return the matrix as JSON: every cell of a small one, else counts a card and format."""
    whole = matrix.codes.size <= _MOST_JSON_CELLS
    counts = fitting_counts(matrix)
    return {
        "context_tokens": matrix.context_tokens,
        "cards": matrix.cards_count,
        "formats": list(matrix.formats),
        "models": len(matrix.llms),
        "gpus": [
            {
                "gpu": gpu.slug,
                "fitting_models": dict(
                    zip(matrix.formats, (int(n) for n in counts[place]), strict=True)
                ),
            }
            for place, gpu in enumerate(matrix.gpus)
        ],
        "cells": [_cell_json(matrix, *place) for place in _places(matrix)] if whole else None,
    }


def _places(matrix: Matrix) -> Iterator[tuple[int, int, int]]:
    """Yield every cell's place."""
    models, gpus, formats = matrix.codes.shape
    return itertools.product(range(models), range(gpus), range(formats))


def _cell_json(matrix: Matrix, model: int, gpu: int, form: int) -> MatrixCellJson:
    """Return one cell as JSON."""
    verdict = matrix.verdict(model, gpu, form)
    return {
        "model": matrix.llms[model].name,
        "gpu": matrix.gpus[gpu].slug,
        "weights": matrix.formats[form],
        "verdict": None if verdict == "–" else verdict,
        "least_seqs": int(matrix.least_seqs[model, gpu, form]),
        "most_seqs": int(matrix.most_seqs[model, gpu, form]),
    }


def matrix_lines(matrix: Matrix) -> Iterator[str]:
    """Yield every cell as a line of CSV, the header first."""
    yield "model,gpu,weights,verdict,least_seqs,most_seqs\n"
    for place in _places(matrix):
        cell = _cell_json(matrix, *place)
        yield ",".join("" if value is None else str(value) for value in cell.values()) + "\n"


def _row(model: ModelFit) -> tuple[str, ...]:
    """Return one model as a line."""
    fit = model.fit
    if fit is None:
        return (model.llm.name, "no", "–", "–", "–", "–")
    card = fit.binding
    return (
        model.llm.name,
        fit.verdict,
        f"{fit.deployment.runtime.slug} {stored_format(fit.deployment)}",
        f"{show_gib(card.required_bytes.mid)} of {show_gib(card.budget_bytes.mid)}",
        f"{fit.max_context_tokens:,}",
        f"{fit.max_concurrency:,}",
    )


def fits_json(rig: Rig, models: Sequence[ModelFit], largest: Mapping[str, float]) -> FitsJson:
    """Return every model with its verdict as JSON."""
    return {
        "rig": rig.text,
        "models": [_model_json(model) for model in models],
        "largest_dense_params": dict(largest),
    }


def _model_json(model: ModelFit) -> HeldModelJson | RefusedModelJson:
    """Return one model as JSON."""
    fit = model.fit
    if fit is None:
        return {"model": model.llm.name, "verdict": "no", "reason": model.reason}
    split = fit.deployment.parallelism
    return {
        "model": model.llm.name,
        "verdict": fit.verdict,
        "runtime": fit.deployment.runtime.slug,
        "weights": fit.deployment.precision.weights,
        "tp": split.tp,
        "pp": split.pp,
        "context_tokens": fit.context_tokens,
        "concurrency": fit.concurrency,
        "headroom_ratio": fit.binding.headroom_ratio,
        "weights_bytes": fit.weights_bytes,
        "max_context_tokens": fit.max_context_tokens,
        "max_concurrency": fit.max_concurrency,
    }

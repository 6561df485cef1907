"""The report of ``fits``: which models a rig holds, in which format, with how much room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import show_gib
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.planning.fits import ModelFit
    from rightrig.report.values import Json


def fits_document(
    rig: Rig, models: Sequence[ModelFit], asked: str, *, every_model: bool
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
    )


def _row(model: ModelFit) -> tuple[str, ...]:
    """Return one model as a line."""
    fit = model.fit
    if fit is None:
        return (model.llm.name, "no", "–", "–", "–", "–")
    weights = fit.deployment.precision.weights
    name = model.llm.checkpoint.format if weights == "checkpoint" else weights
    card = fit.binding
    return (
        model.llm.name,
        fit.verdict,
        f"{fit.deployment.runtime.slug} {name}",
        f"{show_gib(card.required_bytes.mid)} of {show_gib(card.budget_bytes.mid)}",
        f"{fit.max_context_tokens:,}",
        f"{fit.max_concurrency:,}",
    )


def fits_json(rig: Rig, models: Sequence[ModelFit]) -> Json:
    """Return every model with its verdict as JSON."""
    return {"rig": rig.text, "models": [_model_json(model) for model in models]}


def _model_json(model: ModelFit) -> Json:
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

"""``rightrig fits``: which models of the catalogue a rig holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.fitting import FitsAnswerJson


def fits(
    catalog: Catalog,
    on: o.OnOrNone = None,
    versus: o.Versus = None,
    versus_runtime: o.VersusRuntime = None,
    versus_os: o.VersusOs = None,
    matrix: o.AsMatrix = False,
    gpus: o.MatrixGpus = None,
    models: o.MatrixModels = None,
    formats: o.MatrixFormats = None,
    cards: o.MatrixCards = 1,
    context: o.Context = 8192,
    concurrency: o.Sequences = 1,
    runtime: o.MemoryRuntime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    os: o.OperatingSystem = None,
    all: o.EveryModel = False,  # noqa: A002
    save: o.MatrixFolder = None,
) -> Found[FitsAnswerJson]:
    """Which models fit a rig, or each card, and in which format."""
    from rightrig.verbs.holding import Asked, Choices, Versus, answer_of

    asked = Asked(
        catalog, on, Versus(versus, versus_runtime, versus_os), gpus, models, formats,
        cards, context, concurrency, Choices(runtime, weights, kv, operating_system=os),
        as_matrix=matrix, every_model=all, save=save,
    )  # fmt: skip
    return answer_of(asked)

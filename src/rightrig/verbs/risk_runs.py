"""``rightrig risk run`` and ``risk checkpoint``: long runs that fail and are saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import risk_options as r
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.risk import (
        CheckpointJson,
        RiskRunJson,
    )


def run(
    catalog: Catalog,
    gpus: Annotated[int, typer.Option(help="GPUs that work together.")],
    days_count: Annotated[float, typer.Option("--days", help="For which they are held.")],
    preset: r.Preset = None,
    afr: r.Afr = None,
    mtbf: r.Mtbf = None,
    save_time: r.SaveTime = None,
    state: r.State = None,
    bandwidth: r.Bandwidth = None,
    restart: r.Restart = "10min",
    detection: r.Detection = None,
    flush: r.Flush = None,
    interval: r.Interval = None,
    card_price: Annotated[str | None, typer.Option(help="Of a GPU: $2.50/h.")] = None,
    save: r.ChartFolder = None,
) -> Found[RiskRunJson]:
    """A long run: interruptions, lost time, when it ends."""
    from rightrig.report.risk_runs import run_document, run_json
    from rightrig.verbs.risk_running import RunAsked, run_of
    from rightrig.verbs.risk_words import RateWords, SavingWords

    words = SavingWords(save_time, state, bandwidth, restart, detection, flush)
    asked = RunAsked(
        gpus, days_count, RateWords(preset, afr, mtbf), words, interval, card_price, save
    )
    found = run_of(catalog, asked)
    return Found(data=lambda: run_json(found), document=lambda: run_document(found),
        records=found.records,
    )  # fmt: skip


def checkpoint(
    catalog: Catalog,
    gpus: r.Gpus = None,
    preset: r.Preset = None,
    afr: r.Afr = None,
    mtbf: r.Mtbf = None,
    save_time: r.SaveTime = None,
    state: r.State = None,
    bandwidth: r.Bandwidth = None,
    restart: r.Restart = "10min",
    detection: r.Detection = None,
    flush: r.Flush = None,
    interval: r.Interval = None,
    keep: Annotated[int | None, typer.Option(help="Saves that are kept, with --state.")] = None,
    storage_price: Annotated[
        str | None, typer.Option(help="Of 10¹² bytes a month: $23, with --state.")
    ] = None,
    save: r.ChartFolder = None,
) -> Found[CheckpointJson]:
    """How often to save: exact optimum, Young, Daly; what each wastes."""
    from rightrig.report.risk_runs import checkpoint_document, checkpoint_json
    from rightrig.verbs.risk_running import CheckpointAsked, Store, checkpoint_of
    from rightrig.verbs.risk_words import RateWords, SavingWords

    words = SavingWords(save_time, state, bandwidth, restart, detection, flush)
    rate, store = RateWords(preset, afr, mtbf), Store(keep, storage_price)
    asked = CheckpointAsked(gpus, rate, words, interval, store, save)
    found = checkpoint_of(catalog, asked)
    return Found(data=lambda: checkpoint_json(found), records=found.records,
        document=lambda: checkpoint_document(found),
    )  # fmt: skip

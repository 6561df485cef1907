"""The user's own runs on this machine: beside the predictions, and what they make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightrig.deployment.propose import Choices
from rightrig.errors import InputError, RightrigError
from rightrig.facts.measurement import Measurement, positive_number
from rightrig.prediction.own_runs import OwnFigure, plan_own
from rightrig.prediction.reading_runs import METRICS
from rightrig.store import open_store
from rightrig.store.tables import inference_rows
from rightrig.verbs.deploying import deploy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.prediction.accuracy_score import Accuracy
    from rightrig.prediction.machine_fit import MachineFit
    from rightrig.store.records import Run, Served

_LIMITS: Final = ("max_seqs", "max_batched_tokens", "memory_ratio", "attention_dp", "replicas")
"""What the settings of a run may say of its server's limits, by the names of ``Choices``."""
_KINDS: Final = ("load", "tune")
_NONE: Final = (
    "no finished run of a closed loop on {name} is kept whose server is known: 'rightrig load URL "
    "--model MODEL --on this --concurrency 1,4,16' makes some"
)


@dataclass(frozen=True, slots=True)
class OwnRuns:
    """What the store has of this machine.

    Attributes:
        figures: Measured values that can be predicted.
        rest: Rows that cannot, with the reason.
    """

    figures: tuple[OwnFigure, ...]
    rest: tuple[tuple[Measurement, str], ...]


def own_runs(catalog: Catalog) -> OwnRuns:
    """Return the measured values of this machine's closed loops.

    Raises:
        InputError: when nobody probed the machine, or no such run is kept.
        MissingError: without the extra that keeps runs.
    """
    machine = catalog.machine()
    with open_store() as store:
        runs = [run for kind in _KINDS for run in store.runs(kind=kind, machine=machine.name)]
    figures: list[OwnFigure] = []
    rest: list[tuple[Measurement, str]] = []
    for run in sorted(runs, key=lambda one: one.id):
        for found in _figures(catalog, run, len(figures) + len(rest)):
            if isinstance(found, OwnFigure):
                figures.append(found)
            else:
                rest.append(found)
    if not figures and not rest:
        raise InputError(_NONE.format(name=machine.name))
    return OwnRuns(tuple(figures), tuple(rest))


def _figures(
    catalog: Catalog, run: Run, before_count: int
) -> Iterator[OwnFigure | tuple[Measurement, str]]:
    """Yield the rows of a run as values that can be predicted, or with the reason why not."""
    served, rows = run.new.served, inference_rows((run,))
    if not rows or served is None:
        return
    numbered = [Measurement(number, cells) for number, cells in enumerate(rows, before_count + 1)]
    try:
        deployment = _deployment(catalog, served, run.new.settings)
        figures = [_figure(deployment, row) for row in numbered]
        for figure in figures:
            plan_own(figure)
    except RightrigError as error:
        yield from ((row, str(error)) for row in numbered)
    else:
        yield from figures


def _figure(deployment: Deployment, row: Measurement) -> OwnFigure:
    """Return a row as a measured value in base units."""
    metric, scale = METRICS[row["metric"]]
    seqs = positive_number(row["concurrency_or_batch"])
    of_each = row["metric"] == "decode_tok_s_per_seq"
    measured = positive_number(row["value"]) * scale * (seqs if of_each else 1.0)
    lengths = positive_number(row["isl"]), positive_number(row["osl"])
    return OwnFigure(deployment, *lengths, seqs, metric, measured, row)


def _deployment(catalog: Catalog, served: Served, settings: Mapping[str, object]) -> Deployment:
    """Return what a server ran, on this machine's cards."""
    version = f"@{served.version}" if served.version and served.runtime == "vllm" else ""
    limits: dict[str, Any] = {name: settings[name] for name in _LIMITS if name in settings}
    choices = Choices(
        runtime=f"{served.runtime}{version}",
        weights=served.weights or None,
        kv=served.kv or None,
        tp=served.tp,
        pp=served.pp,
        **limits,
    )
    return deploy(catalog, served.model, served.rig, choices)


def refined(catalog: Catalog) -> tuple[MachineFit, ...]:
    """Refit this machine's parameters on its own runs, and keep them in its file.

    Raises:
        InputError: as for :func:`own_runs`; for runs of which none can be predicted; when the file
            cannot be written.
    """
    from rightrig.facts.machine import machine_path, write_machine
    from rightrig.prediction.machine_fit import fit_machine

    machine, found = catalog.machine(), own_runs(catalog)
    if not found.figures:
        raise InputError(f"no run of {machine.name} can be predicted: {found.rest[0][1]}")
    fits = fit_machine(found.figures)
    again = {(fit.here.card, fit.here.era) for fit in fits}
    kept = tuple(one for one in machine.speeds if (one.card, one.era) not in again)
    path = machine_path()
    if path is not None:
        speeds = (*kept, *(fit.here for fit in fits))
        write_machine(machine.model_copy(update={"speeds": speeds}), path)
    return fits


def judged_own(catalog: Catalog) -> Accuracy:
    """Return this machine's own runs beside what is predicted for it.

    Raises:
        InputError: as for :func:`own_runs`.
    """
    from rightrig.prediction.accuracy_inference import judge_planned
    from rightrig.prediction.accuracy_score import Accuracy
    from rightrig.prediction.own_runs import FILE
    from rightrig.prediction.run_tables import RunRow

    found = own_runs(catalog)
    plans = [plan_own(figure) for figure in found.figures]
    rows = [RunRow(FILE, run.row, run.project, run.plan) for run in plans]
    rows += [RunRow(FILE, row, row["source"], None, reason) for row, reason in found.rest]
    return Accuracy("inference", judge_planned(sorted(rows, key=lambda one: one.row.row)))

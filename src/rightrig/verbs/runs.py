"""``runs``: what was measured here, kept; tables of it; what is worth measuring next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.runs import (
        RunsDeleteJson,
        RunsExportJson,
        RunShowJson,
        RunsImportJson,
        RunsJson,
        RunsTargetsJson,
    )

_Kind = Literal["probe", "bench", "load", "tune", "profile", "table"]
_Status = Literal["running", "finished", "interrupted", "failed", "died"]
_Table = Literal["inference", "kv_capacity", "memory", "training"]
_Id = Annotated[int, typer.Argument(help="Number of the run.")]
_Machine = Annotated[str | None, typer.Option(help="Of this machine only.")]


def runs_list(
    catalog: Catalog,
    kind: Annotated[_Kind | None, typer.Option(help="Of this kind only.")] = None,
    machine: _Machine = None,
    status: Annotated[_Status | None, typer.Option(help="Of this status only.")] = None,
    limit: Annotated[int, typer.Option(help="The newest of them.")] = 50,
) -> Found[RunsJson]:
    """List the runs that are kept, newest first."""
    from rightrig.verbs.runs_kept import listed

    del catalog
    return listed(kind, machine, status, limit)


def runs_show(
    catalog: Catalog,
    id: _Id,  # noqa: A002 - its name on the command line
    save: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Write figures and samples there.")
    ] = None,
) -> Found[RunShowJson]:
    """Show one run: its figures, versions, samples, and the command to repeat it."""
    from rightrig.verbs.runs_kept import shown

    del catalog
    return shown(id, save)


def runs_export(
    catalog: Catalog,
    table: Annotated[_Table, typer.Option(help="Which table.")],
    machine: _Machine = None,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write it there; default: print it.")
    ] = None,
) -> Found[RunsExportJson]:
    """Give runs as a table that accuracy and calibrate read, as CSV."""
    from rightrig.verbs.runs_kept import given

    return given(catalog, table, machine, out)


def runs_import(
    catalog: Catalog,
    file: Annotated[
        str, typer.Argument(help="CSV of runs (inference, kv_capacity, memory, training).")
    ],
) -> Found[RunsImportJson]:
    """Keep a table that others measured, as it is."""
    from rightrig.verbs.runs_kept import brought

    del catalog
    return brought(file)


def runs_delete(
    catalog: Catalog,
    id: _Id,  # noqa: A002 - its name on the command line
    force: Annotated[bool, typer.Option("--force", help="Even one that seems to run.")] = False,
) -> Found[RunsDeleteJson]:
    """Delete a run, its figures and its samples."""
    from rightrig.verbs.runs_kept import deleted

    del catalog
    return deleted(id, force=force)


def runs_targets(
    catalog: Catalog,
    on: o.On,
    model: Annotated[
        list[str] | None, typer.Option(help="These in place of usual ones; may be repeated.")
    ] = None,
    runtime: o.Runtime = None,
    weights: o.Weights = None,
    kv: o.Kv = None,
    top: Annotated[int, typer.Option(help="Most models.")] = 8,
) -> Found[RunsTargetsJson]:
    """What is worth measuring on a rig: pending, estimated or measured."""
    from rightrig.verbs.runs_targets import Asked, targets_found

    return targets_found(Asked(catalog, on, tuple(model or ()), runtime, weights, kv, top))

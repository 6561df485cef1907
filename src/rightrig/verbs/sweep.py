"""``plan --sweep``: every combination of a file by simulation, many at once, resumed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.demand.sweep import read_sweep
from rightrig.errors import InputError
from rightrig.planning.sweeps.summary import summary_of
from rightrig.planning.sweeps.sweep import COLUMNS, results_of, sweep_of
from rightrig.quantities import check_count
from rightrig.report.sweep import Swept, sweep_document, sweep_json
from rightrig.running.pool import cores_count, on_this_machine
from rightrig.running.ray_engine import ADDRESS, check_ray, on_ray
from rightrig.running.results import write_results
from rightrig.running.run import run
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named
from rightrig.verbs.progress import watcher
from rightrig.verbs.saving import make_folder

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.planning.sweeps.sweep import Sweep
    from rightrig.planning.sweeps.work import SweepTask
    from rightrig.report.schema.planning import PlanSweepJson
    from rightrig.running.tasks import Engine

ENGINES: Final[dict[str, Engine[SweepTask]]] = {"local": on_this_machine, "ray": on_ray}
_MOST_JOBS: Final = 10_000


def swept_of(
    file: str, engine: str, jobs: int | None, save: str | None, catalog: Catalog
) -> Found[PlanSweepJson]:
    """Return the answer of a sweep, with its files written."""
    name = engine.lower()
    if name not in ENGINES:
        raise InputError(f"--engine is {engine[:40]!r}: it is one of {', '.join(ENGINES)}")
    if name == "ray":
        check_ray()
    if save is None:
        raise InputError("a sweep keeps its journal and results in a folder: add --save DIR")
    count = _jobs(name, jobs)
    sweep = sweep_of(read_sweep(Path(file)), catalog, lambda text: model_named(text, catalog))
    folder = make_folder(save)
    watcher().compiling()
    with watcher().tasks(len(sweep.tasks)) as tell:
        ran = run(sweep.work, sweep.tasks, folder, ENGINES[name], count, tell)
    rows = results_of(sweep, ran.rows, ran.errors)
    files = write_results(folder, COLUMNS, rows)
    swept = Swept(summary_of(rows), ran, save, files, name, count)
    return Found(
        data=lambda: sweep_json(swept),
        document=lambda: sweep_document(swept),
        yes=any(best.winner is not None for best in swept.summary.best),
        records=_records(sweep),
    )


def _jobs(engine: str, jobs: int | None) -> int:
    """Return the workers: as many as asked for, or as this machine has cores."""
    if jobs is not None:
        return check_count(jobs, name="--jobs", limit=_MOST_JOBS)
    if engine == "ray" and os.environ.get(ADDRESS):
        raise InputError(f"--engine ray on the cluster of {ADDRESS}: add --jobs, one for each core")
    return cores_count()


def _records(sweep: Sweep) -> tuple[Record, ...]:
    """Return the records that the answer rests on."""
    from rightrig.verbs.deploying import records_of

    found = (record for one in sweep.work.deployments for record in records_of(one))
    return tuple({id(record): record for record in found}.values())

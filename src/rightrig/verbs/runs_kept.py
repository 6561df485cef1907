"""From the words of ``runs`` to what a store keeps."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.quantities import check_count
from rightrig.report import runs as told
from rightrig.store import open_store
from rightrig.store.exchange import exported, import_table
from rightrig.verbs.found import Found
from rightrig.verbs.saving import save, save_bytes, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.runs import (
        RunsDeleteJson,
        RunsExportJson,
        RunShowJson,
        RunsImportJson,
        RunsJson,
    )
    from rightrig.store.database import Store
    from rightrig.store.records import Kind, Run, Status

_MOST_RUNS: Final = 100_000
_AS_PUBLISHED: Final = "checkpoint"


def listed(
    kind: Kind | None, machine: str | None, status: Status | None, limit: int
) -> Found[RunsJson]:
    """Return the runs of the store."""
    check_count(limit, name="--limit", limit=_MOST_RUNS)
    with open_store() as store:
        runs, where = (
            store.runs(kind, machine, limit, status=status, with_values=False),
            store.shown,
        )
    return Found(
        data=lambda: told.runs_json(runs, where),
        document=lambda: told.runs_document(runs, where),
        yes=bool(runs),
    )


def shown(run_id: int, folder: str | None) -> Found[RunShowJson]:
    """Return one run; with a folder, write its figures and samples there."""
    with open_store() as store:
        run, where = store.run(run_id), store.shown
        files = () if folder is None else tuple(_saved(store, run, folder))
    return Found(
        data=lambda: told.run_show_json(run, where, files),
        document=lambda: told.run_document(run, where, files),
    )


def _saved(store: Store, run: Run, folder: str) -> Iterator[str]:
    """Write the figures and samples of a run; yield the names of the files."""
    save(folder, "values.csv", _value_lines(run))
    yield "values.csv"
    for name in run.samples:
        save_bytes(folder, f"{name}.parquet", store.sample_file(run.id, name))
        yield f"{name}.parquet"


def _value_lines(run: Run) -> Iterator[str]:
    """Yield figures as lines of CSV, a column a label."""
    labels = list(dict.fromkeys(label for value in run.values for label in value.labels))
    rows: list[list[str | float]] = [
        [v.name, v.value, *(v.labels.get(label, "") for label in labels)] for v in run.values
    ]
    rows.insert(0, ["name", "value", *labels])
    for row in rows:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(row)
        yield line.getvalue()


def given(
    catalog: Catalog, table: str, machine: str | None, file: str | None
) -> Found[RunsExportJson]:
    """Return a table; without a file to write it to, it is what is printed."""
    with open_store() as store:
        found, where = exported(store, table, machine), store.shown
    found = replace(found, rows=tuple(_published(catalog, row) for row in found.rows))
    if file is None:
        note = told.left_out_text(found.left_out)
        if note:
            sys.stderr.write(f"{note}\n")
    else:
        write_file("--out", file, [found.text])
    return Found(
        data=lambda: told.export_json(found, where, file),
        document=lambda: told.export_document(found, where, file or ""),
        text=(lambda: found.text) if file is None else None,
        yes=bool(found.rows),
    )


def _published(catalog: Catalog, row: Mapping[str, str]) -> Mapping[str, str]:
    """Return a row that names the format of the weights where it says that it is the published."""
    if row.get("weight_dtype") != _AS_PUBLISHED:
        return row
    try:
        return {**row, "weight_dtype": catalog.llm(row["model"]).checkpoint.format}
    except InputError:
        return row  # a model that only its user knows


def brought(file: str) -> Found[RunsImportJson]:
    """Keep a table of others."""
    with open_store() as store:
        number = import_table(store, Path(file), ("rightrig", "runs", "import", file))
        run, where = store.run(number), store.shown
    return Found(
        data=lambda: told.import_json(run, where),
        document=lambda: told.import_document(run, where),
    )


def deleted(run_id: int, *, force: bool) -> Found[RunsDeleteJson]:
    """Delete a run; one that runs only with ``force``."""
    with open_store() as store:
        run, where = store.run(run_id), store.shown
        store.delete(run_id, even_running=force)
    return Found(
        data=lambda: told.delete_json(run, where),
        document=lambda: told.delete_document(run, where),
    )

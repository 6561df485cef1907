"""The reports of kept runs: lists, one run, tables given and brought in."""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import TYPE_CHECKING, Final

from rightrig.facts.reading import plain
from rightrig.quantities import show_bytes, show_number, show_seconds
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rightrig.report.schema.runs import (
        KeptRunJson,
        RunsDeleteJson,
        RunsExportJson,
        RunShowJson,
        RunsImportJson,
        RunsJson,
    )
    from rightrig.store.exchange import Exported
    from rightrig.store.records import Run, Value

_MOST_ROWS: Final = 100
_MOST_VALUES: Final = 1000
_SECOND: Final = len("2026-11-20T10:00:00")
_STYLES: Final = {"died": "bad", "failed": "bad", "interrupted": "warn", "running": "warn"}


def runs_document(runs: Sequence[Run], store: str) -> Document:
    """Return runs as a list."""
    if not runs:
        return (Paragraph(f"No such run is kept in {store}."),)
    headers = ("run", "kind", "status", "started (UTC)", "machine", "what")
    rows = tuple(
        (str(run.id), run.new.kind, run.status, time_text(run.started), plain(run.new.machine, 30),
         what_text(run))
        for run in runs
    )  # fmt: skip
    kept = f"{len(runs)} run{'' if len(runs) == 1 else 's'} of {store}"
    return (Grid(headers, rows, (0,), spare=(4,)), Paragraph(f"{kept}, newest first.", "dim"))


def runs_json(runs: Sequence[Run], store: str) -> RunsJson:
    """Return runs as JSON."""
    return {"store": store, "runs": [run_json(run) for run in runs]}


def run_json(run: Run) -> KeptRunJson:
    """Return a run as JSON, without its figures."""
    new = run.new
    return {
        "id": run.id,
        "kind": new.kind,
        "status": run.status,
        "machine": new.machine,
        "started": run.started,
        "ended": run.ended or None,
        "command": list(new.command),
        "versions": dict(new.versions),
        "settings": dict(new.settings),
        "served": None if new.served is None else dataclasses.asdict(new.served),  # type: ignore[typeddict-item] # its fields
        "samples": list(run.samples),
    }


def time_text(iso: str) -> str:
    """Return a time to the second, as people read it."""
    return iso[:_SECOND].replace("T", " ")


def what_text(run: Run) -> str:
    """Return what a run was about, in few words."""
    served, settings = run.new.served, run.new.settings
    if served is not None:
        return plain(f"{served.model} on {served.rig}, {served.runtime}", 60)
    if "table" in settings:
        rows_count = settings.get("rows_count")
        return plain(f"{rows_count} row{'' if rows_count == 1 else 's'} of {settings['table']}", 60)
    return plain(shlex.join(run.new.command), 60)


def run_document(run: Run, store: str, files: Sequence[str]) -> Document:
    """Return one run with its figures and all that is needed to do it again."""
    facts = [
        ("kind", run.new.kind),
        ("machine", run.new.machine),
        ("started (UTC)", time_text(run.started)),
        ("ended (UTC)", time_text(run.ended) or "–"),
        *((name, text) for name, text in _served_facts(run)),
        *((f"version of {name}", text) for name, text in run.new.versions.items()),
        *((name, _setting(value)) for name, value in run.new.settings.items()),
        ("samples", ", ".join(run.samples) or "none"),
        ("store", store),
    ]
    shown = tuple((plain(name, 40), plain(text, 120)) for name, text in facts)
    return (
        Paragraph(f"Run {run.id}: {run.status}", _STYLES.get(run.status, "title")),  # type: ignore[arg-type] # styles
        *_status_note(run),
        Grid(("fact", "value"), shown),
        *_values_blocks(run.values),
        Paragraph(f"To do it again: {plain(shlex.join(run.new.command), 1000)}"),
        *((Paragraph(f"Written: {', '.join(files)}."),) if files else ()),
    )


def _served_facts(run: Run) -> list[tuple[str, str]]:
    """Return what the server ran."""
    if run.new.served is None:
        return []
    fields = dataclasses.asdict(run.new.served)
    return [(name.replace("_", " "), str(value)) for name, value in fields.items() if value]


def _setting(value: object) -> str:
    """Return a setting as text."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _status_note(run: Run) -> Document:
    """Say what a status means that is not the usual one."""
    notes = {
        "died": "Its process is gone and had not said how it ended; what it wrote is whole.",
        "interrupted": "Somebody ended it early; the figures are those measured until then.",
        "failed": "It could not be done; the figures are those measured until then.",
        "running": "Its process runs, or is of another machine.",
    }
    return (Paragraph(notes[run.status], "dim"),) if run.status in notes else ()


def _values_blocks(values: Sequence[Value]) -> Document:
    """Return figures as a table: a column for each statistic."""
    statistics: dict[str, None] = {}
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for value in values:
        labels = dict(value.labels)
        statistic = str(labels.pop("statistic", "value"))
        statistics[statistic] = None
        of = ", ".join(f"{name} {_label(label)}" for name, label in labels.items())
        rows.setdefault((value.name, of), {})[statistic] = _shown(value)
    if not rows:
        return ()
    cells = tuple(
        (plain(name, 60), plain(of, 100), *(row.get(statistic, "") for statistic in statistics))
        for (name, of), row in list(rows.items())[:_MOST_ROWS]
    )
    headers = ("figure", "of", *(plain(one, 20) for one in statistics))
    more = len(rows) - len(cells)
    note = f"{more:,} more rows: --save FOLDER writes all of them."
    grid = Grid(headers, cells, tuple(range(2, len(headers))))
    return (grid, Paragraph(note, "dim")) if more else (grid,)


def _label(label: object) -> str:
    """Return a label: whole numbers without a point."""
    return f"{label:g}" if isinstance(label, float) else str(label)


def _shown(value: Value) -> str:
    """Return a figure in a unit that people read, by the end of its name."""
    if value.name.endswith("_bytes"):
        return show_bytes(value.value)
    if value.name.endswith("_s") and "_per_" not in value.name and value.value >= 0.0:
        return show_seconds(value.value)
    return show_number(value.value)


def run_show_json(run: Run, store: str, files: Sequence[str]) -> RunShowJson:
    """Return one run as JSON, with its first 1,000 figures."""
    return {
        **run_json(run),
        "store": store,
        "values_count": len(run.values),
        "values": [
            {"name": one.name, "value": one.value, "labels": dict(one.labels)}
            for one in run.values[:_MOST_VALUES]
        ],
        "files": list(files),
    }


def left_out_text(left_out: Mapping[str, int]) -> str:
    """Return in one sentence which figures make no row; empty when all do."""
    parts = [f"{count:,} because {reason}" for reason, count in left_out.items()]
    return f"Figures left out: {'; '.join(parts)}." if parts else ""


def export_document(table: Exported, store: str, file: str) -> Document:
    """Say what was written."""
    own = len(table.rows) - table.imported_count
    return (
        Paragraph(
            f"{len(table.rows):,} rows of the table {table.name} written to {plain(file)}: "
            f"{own:,} measured by runs of {store}, {table.imported_count:,} brought in."
        ),
        *((Paragraph(left_out_text(table.left_out), "warn"),) if table.left_out else ()),
    )


def export_json(table: Exported, store: str, file: str | None) -> RunsExportJson:
    """Return what was given, as JSON; the rows are in the file."""
    return {
        "store": store,
        "table": table.name,
        "rows_count": len(table.rows),
        "imported_count": table.imported_count,
        "left_out": [
            {"reason": reason, "figures_count": count} for reason, count in table.left_out.items()
        ],
        "file": file,
    }


def import_document(run: Run, store: str) -> Document:
    """Say what was brought in."""
    return (Paragraph(f"{what_text(run)} kept as run {run.id} of {store}."),)


def import_json(run: Run, store: str) -> RunsImportJson:
    """Return what was brought in, as JSON."""
    return {
        "store": store,
        "id": run.id,
        "table": str(run.new.settings["table"]),
        "rows_count": int(str(run.new.settings["rows_count"])),
        "machine": run.new.machine,
    }


def delete_document(run: Run, store: str) -> Document:
    """Say what was deleted."""
    text = f"Run {run.id} ({run.new.kind}, {time_text(run.started)}) deleted from {store}."
    return (Paragraph(text),)


def delete_json(run: Run, store: str) -> RunsDeleteJson:
    """Return what was deleted, as JSON."""
    return {"store": store, "id": run.id, "kind": run.new.kind, "started": run.started}

"""Tables of measured runs, in and out: what others measured is kept, what is kept is given."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.measurement import TABLES, read_table
from rightrig.facts.reading import plain
from rightrig.store.records import NewRun
from rightrig.store.sampling import digest
from rightrig.store.tables import inference_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rightrig.facts.measurement import MeasuredTable
    from rightrig.store.database import Store

_MINE: Final = "mine/"
_SEVERAL: Final = "several"


@dataclass(frozen=True, slots=True)
class Exported:
    """A table as the store gives it.

    Attributes:
        name: A key of ``TABLES``.
        rows: Column → text.
        imported_count: Rows that were brought in as they are.
        left_out: Reason → figures that are measured and make no row for it.
    """

    name: str
    rows: tuple[Mapping[str, str], ...]
    imported_count: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The table as CSV."""
        # A carriage return in a cell is quoted only where line ends have one.
        columns, text = TABLES[self.name], io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()


def exported(store: Store, name: str, machine: str | None = None) -> Exported:
    """Return a table: rows that were brought in, then those that the runs of this store make.

    Args:
        store: Where the runs are.
        name: A key of ``TABLES``; runs of ``load`` make rows of ``inference``, other runs none:
            the engines of ``tune`` were set badly on purpose.
        machine: Only of this machine.
    """
    brought = [
        row
        for run in reversed(store.runs("table", machine, status="finished"))
        if name in run.samples
        for row in _rows_of(store, run.id, name)
    ]
    if name != "inference":
        return Exported(name, tuple(brought), len(brought))
    made = inference_table(store.runs("load", machine))
    return Exported(name, (*brought, *made.rows), len(brought), made.left_out)


def import_table(store: Store, path: Path, command: Sequence[str]) -> int:
    """Keep a table of measured runs as one run, whose samples are its rows as they are.

    Args:
        store: Where to keep it.
        path: A CSV file with the header of one of ``TABLES``.
        command: What brought it in.

    Returns:
        The number of the run.

    Raises:
        InputError: for no such table, a row with cells too few or too many, or one that is there
            already.
    """
    import numpy as np  # noqa: PLC0415 - where a table is brought in

    table = read_table(path)
    fault = next((row for row in table.rows if row.fault), None)
    if fault is not None:
        raise InputError(f"{plain(path)}: row {fault.row}: {fault.fault}")
    cells = {c: [row[c] for row in table.rows] for c in TABLES[table.name]}
    content = digest(repr(cells).encode("utf-8", "backslashreplace"))
    _check_new(store, path, content)
    settings = {"table": table.name, "rows_count": len(table.rows), "sha256": content}
    new = NewRun("table", _machine_of(table), tuple(command), settings=settings)
    columns = {column: np.array(texts, dtype=object) for column, texts in cells.items()}
    return store.keep(new, {table.name: columns})


def _rows_of(store: Store, run_id: int, name: str) -> list[dict[str, str]]:
    """Return the rows of a table that was brought in."""
    columns = {column: array.tolist() for column, array in store.samples(run_id, name).items()}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _check_new(store: Store, path: Path, content: str) -> None:
    """Refuse rows that are there already, which would count twice."""
    for run in store.runs("table", status="finished", with_values=False):
        if run.new.settings.get("sha256") == content:
            raise InputError(
                f"the rows of {plain(path)} are in the store already, as run {run.id} "
                f"('rightrig runs delete {run.id}' removes them)"
            )


def _machine_of(table: MeasuredTable) -> str:
    """Return the machine that all rows name as their source, or where else they are from."""
    sources = {row["source"] for row in table.rows}
    return sources.pop().removeprefix(_MINE) if len(sources) == 1 else _SEVERAL

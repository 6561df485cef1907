"""A table that is brought in is given back as it was."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_runs import closed_level, load_run

from rightrig.errors import InputError
from rightrig.facts.measurement import TABLES, read_table
from rightrig.store import open_store
from rightrig.store.exchange import exported, import_table

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = ("rightrig", "runs", "import")
# What a reader strips from the ends of a cell is not part of it.
CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(str.strip)


def csv_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([columns, *rows])
    return text.getvalue()


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, list[str], list[list[str]]]:
    """Draw a table, its columns in any order, and rows of any text."""
    name = draw(st.sampled_from(sorted(TABLES)))
    columns = list(draw(st.permutations(TABLES[name])))
    row = st.lists(CELLS, min_size=len(columns), max_size=len(columns))
    return name, columns, draw(st.lists(row, min_size=1, max_size=4))


@settings(max_examples=40, deadline=None)
@given(table=tables(), other=tables())
def test_what_is_brought_in_is_given_back(
    table: tuple[str, list[str], list[list[str]]], other: tuple[str, list[str], list[list[str]]]
) -> None:
    name, columns, rows = table
    with TemporaryDirectory() as folder, open_store(f"{folder}/runs.db") as store:
        path = Path(folder, "table.csv")
        path.write_bytes(csv_text(columns, rows).encode())
        import_table(store, path, COMMAND)
        path.write_bytes(exported(store, name).text.encode())
        again = [[row[column] for column in columns] for row in read_table(path).rows]
        assert again == rows
        if other != table and set(other[1]) != set(columns):
            path.write_bytes(csv_text(other[1], other[2]).encode())
            import_table(store, path, COMMAND)
            assert len(exported(store, other[0]).rows) == len(other[2])
            assert len(exported(store, name).rows) == len(rows)


def row_of(**cells: str) -> str:
    whole = {"source": "o/p", "metric": "ttft_ms", "value": "5", **cells}
    columns = TABLES["inference"]
    return csv_text(columns, [[whole.get(column, "") for column in columns]])


def test_rows_of_others_come_before_those_of_runs_and_are_counted_apart(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text(row_of(source="mine/other-box"), encoding="utf-8")
    with open_store(str(tmp_path / "runs.db")) as store:
        number = import_table(store, path, COMMAND)
        assert store.run(number).new.machine == "other-box"
        writer = store.begin(load_run())
        writer.add(closed_level(4, ttft_s=0.05))
        writer.finish()
        tuned = store.begin(load_run(kind="tune"))
        tuned.add(closed_level(4, ttft_s=9.0))
        tuned.finish()
        table = exported(store, "inference")
        assert [row["source"] for row in table.rows] == ["mine/other-box", "mine/bench-1"]
        assert table.imported_count == 1
        only = exported(store, "inference", "bench-1")
        assert [row["source"] for row in only.rows] == ["mine/bench-1"]
    assert table.text.splitlines()[0] == ",".join(TABLES["inference"])


def test_rows_that_are_there_already_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text(row_of(), encoding="utf-8")
    with open_store(str(tmp_path / "runs.db")) as store:
        number = import_table(store, path, COMMAND)
        with pytest.raises(InputError, match=rf"already, as run {number}"):
            import_table(store, path, COMMAND)
        store.delete(number)
        import_table(store, path, COMMAND)


def test_a_row_with_cells_too_few_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text(row_of() + "a,b\r\n", encoding="utf-8")
    with open_store(str(tmp_path / "runs.db")) as store:
        with pytest.raises(InputError, match="row 2: the row has 2 cells and the header 19"):
            import_table(store, path, COMMAND)
        assert store.runs() == ()

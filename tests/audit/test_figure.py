"""Claims tables: what a file of them may be, and what it may not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from rightrig.audit.auditing import audit, counted
from rightrig.audit.figure import (
    COLUMNS,
    MOST_BYTES,
    MOST_ROWS,
    SHIPPED,
    figure_of,
    read_figures,
)
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ",".join(COLUMNS)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "claims.csv"


def test_a_table_needs_no_column_but_the_claim(table: Path) -> None:
    table.write_text("claimed\n14\nyes\n", encoding="utf-8")
    first, second = read_figures(table)
    assert (first.id, first.unit, second.id, second.stated) == ("row-1", "", "row-2", (True,))


def test_a_spreadsheet_writes_a_mark_and_other_line_ends(table: Path) -> None:
    table.write_bytes(b'\xef\xbb\xbfid,claimed,unit\r\nA,"1,599",USD\r\n\r\nB,14,GB\r\n')
    assert [figure.id for figure in read_figures(table)] == ["A", "B"]


def test_an_input_is_read_and_not_judged(table: Path) -> None:
    rows = 'G,given,0.08,USD/kWh,\nA,cost,0.16,USD/kWh,"2*said(""G"")"\n'
    table.write_text(f"id,quantity,claimed,unit,expression\n{rows}", encoding="utf-8")
    (found,) = audit(read_figures(table), shipped())
    assert (found.figure.id, found.verdict, found.is_arithmetic) == ("A", "correct", True)


def test_the_shipped_table_is_sound_and_says_why_it_computes_nothing() -> None:
    figures = read_figures(SHIPPED)
    found = audit(figures, shipped())
    assert sum(counted(found).values()) == sum(not figure.is_given for figure in figures)
    assert all(f.expression or f.lint or f.note or f.is_given for f in figures)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has a column claimed"),
        (b"\n", "it has a column claimed"),
        (b"id,unit\nA,GB\n", "it has a column claimed"),
        (b"claimed,price\n1,2\n", "column 'price' is unknown"),
        (b"claimed,\n1,2\n", "column '' is unknown"),
        (b"claimed,claimed\n1,2\n", "its header is wrong"),
        (b"claimed,\x1b[2J\n1,2\n", "is unknown"),
        (b"id,claimed\nA,1\nA,2\n", "the id 'A' is given twice"),
        (b"id,claimed\nrow-2,1\n,2\n", "the id 'row-2' is given twice"),
        (b"claimed\n1,2\n", "more cells than the header"),
        (b'claimed,quote\n1,"never closed\n' + b"x\n" * 99, "it is not CSV"),
        (b'claimed\n"1"2\n', "it is not CSV"),
        (b"claimed\n1\x00\n", "it holds a zero byte"),
        (b"claimed\n\xff\xfe1\n", "it is not UTF-8"),
        (bytes(range(256)) * 9, "it is not UTF-8"),
        (b"claimed,quote\n1," + b"x" * 1_000_000 + b"\n", "it is not CSV"),
        (b"claimed,quote\n1," + b"x" * 100_000 + b"\n", "longer than 800 characters"),
        (b"claimed,unit\n1," + b"/s" * 300 + b"\n", "has more than 6 parts"),
        (b"claimed,unit\n1,GB/furlong\n", "'furlong' in the unit"),
        (b"id,claimed\n" + b"A" * 41 + b",1\n", "no name of at most 40"),
        (b"id,claimed\nA\x1bB,1\n", "no name of at most 40"),
        (b"claimed,expression\n1,=cmd|' /C calc'!A0\n", "it cannot be read"),
        (b"claimed,expression\n1,@SUM(1+1)*cmd\n", "it cannot be read"),
        (b'claimed,expression\n1,"wins(""a"",1,""b"",2)"\n', "rules stand in the column lint"),
        (b'claimed,lint\n1,"(1,2)"\n', "it is no rule"),
        (b"claimed,unit,expression\n1,GB,5*s\n", "the claim states B"),
        (b"claimed,expression\n1,1/0\n", "division by zero"),
        (b"claimed\n" + b"1\n" * (MOST_ROWS + 1), "more than 2,000 rows"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_sentence(
    table: Path, content: bytes, why: str
) -> None:
    table.write_bytes(content)
    with pytest.raises(InputError, match=why) as refused:
        audit(read_figures(table), shipped())
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1000


def test_a_large_file_is_refused_unread(table: Path) -> None:
    with table.open("wb") as stream:
        stream.write(b"claimed\n")
        stream.truncate(100 * MOST_BYTES)  # no block of it is written
    with pytest.raises(InputError, match="larger than 2 MB"):
        read_figures(table)


def test_a_folder_a_pipe_a_device_and_nothing_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none.csv", type(tmp_path)("/dev/zero")):
        with pytest.raises(InputError, match="is no claims table"):
            read_figures(path)


def test_what_a_spreadsheet_would_run_is_a_word_here() -> None:
    figure = figure_of({"claimed": "=1+1", "quote": "=cmd|' /C calc'!A0"})
    assert figure.stated == ("=1+1",)


def test_a_table_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rightrig.audit.auditing.MOST_S", -1.0)
    with pytest.raises(InputError, match="split the table"):
        audit([figure_of({"claimed": "1"})], shipped())

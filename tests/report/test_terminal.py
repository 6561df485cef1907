"""Documents as text: bars that keep their measure, tables that fit."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from rightrig.report.document import Bar, Bars, Grid, Paragraph
from rightrig.report.terminal import bar_lines, columns_that_fit, plain_text, show_on

WIDE = Grid(("name", "size", "where", "note"), (("a" * 20, "1", "b" * 30, "c" * 40),), spare=(3, 2))


def test_a_wide_terminal_shows_every_column() -> None:
    assert columns_that_fit(WIDE, 120) == (0, 1, 2, 3)


@pytest.mark.parametrize(("width", "shown"), [(60, (0, 1, 2)), (30, (0, 1)), (5, (0, 1))])
def test_a_narrow_terminal_leaves_out_spare_columns_in_their_order(
    width: int, shown: tuple[int, ...]
) -> None:
    assert columns_that_fit(WIDE, width) == shown


def test_a_bar_shows_parts_in_proportion_and_the_budget() -> None:
    bars = Bars((Bar("card", (("weights", 10.0), ("kv", 5.0)), 20.0, 18.0),))
    line = bar_lines(bars, 100)[0]
    assert line.count("█") == 22
    assert line.count("▓") == 11
    assert line.count("·") == 11
    assert line.index("│") > line.rindex("▓")


def test_a_bar_that_overflows_says_so_at_its_end() -> None:
    bars = Bars((Bar("card", (("weights", 30.0),), 20.0, 18.0),))
    assert bar_lines(bars, 100)[0].rstrip().endswith("»")


def test_plain_text_aligns_numbers_to_the_right() -> None:
    grid = Grid(("a", "b"), (("x", "1"), ("y", "100")), numeric=(1,))
    assert plain_text((Paragraph("title"), grid)).splitlines() == [
        "title", "a    b", "─  ───", "x    1", "y  100",
    ]  # fmt: skip


LONG = Grid(
    ("id", "of", "size", "why"),
    (("A", "word " * 20, "1", "because " * 20), ("B", "x", "22", "")), numeric=(2,), below=3,
)  # fmt: skip


@pytest.mark.parametrize("width", [40, 100])
def test_sentences_stand_under_their_row_and_wide_cells_are_wrapped(width: int) -> None:
    lines = plain_text((LONG,), width).splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()).count("because") == 20
    assert lines[0].split() == ["id", "of", "size"]
    assert lines[2].startswith("A   word word")
    assert lines[-2].startswith("      because")
    assert lines[-1].split() == ["B", "x", "22"]
    console = Console(file=io.StringIO(), width=width)
    show_on(console, (LONG,))
    assert console.file.getvalue().splitlines() == lines  # type: ignore[attr-defined]


def test_an_address_is_not_broken() -> None:
    url = f"https://example.com/{'a' * 120}"
    assert f"      {url}" in plain_text((Grid(("id", "why"), (("A", url),), below=1),)).splitlines()


def test_no_line_of_a_file_is_wrapped() -> None:
    text = f"key:\n  - {'word ' * 30}end\n"
    assert plain_text((Paragraph(text),)) == text
    console = Console(file=io.StringIO(), width=40)
    show_on(console, (Paragraph(text),))
    assert console.file.getvalue().strip("\n") == text.strip("\n")  # type: ignore[attr-defined]

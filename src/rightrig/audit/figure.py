"""Published figures as a table: who said what, and how it is computed again."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.audit.expression import MOST_CHARACTERS, parse_expression
from rightrig.audit.stated import parse_stated
from rightrig.errors import InputError
from rightrig.facts.index import DATA
from rightrig.facts.reading import no_file, plain, read_bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from rightrig.audit.expression import Expression
    from rightrig.audit.stated import Stated

COLUMNS: Final = (
    "id", "source", "quote", "quantity", "claimed", "unit", "expression", "lint", "note",
)  # fmt: skip
"""Columns of a claims table; ``claimed`` is the one that must be there."""
MOST_ROWS: Final = 2_000
MOST_BYTES: Final = 2_000_000
SHIPPED: Final = DATA.parents[1] / "audit" / "data" / "claims.csv"
"""The 348 figures of the articles that rightrig grew from."""
GIVEN: Final = "given"
"""The quantity of a row that is no claim but an input of one, such as a tariff an article uses."""
_KIND: Final = "claims table"
_LONGEST: Final = MOST_CHARACTERS
_LONGEST_ID: Final = 40


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure.

    Attributes:
        id: What other rows call it by.
        source: Where it was published.
        quote: Its words, cut short.
        quantity: What it is a figure of; ``given`` for an input that is not judged.
        claimed: As it was written.
        unit: Of the number.
        stated: ``claimed`` as it is understood.
        expression: How it is computed again; ``None`` where nothing public can.
        lint: Rules that it must keep; ``None`` for none.
        note: Why, in words of the table's author.
    """

    id: str
    source: str
    quote: str
    quantity: str
    claimed: str
    unit: str
    stated: tuple[Stated, ...]
    expression: Expression | None
    lint: Expression | None
    note: str

    @property
    def is_given(self) -> bool:
        """Whether it is an input, and not judged."""
        return self.quantity == GIVEN


def figure_of(cells: Mapping[str, str], number: int = 1) -> Figure:
    """Return one row of a table as a figure.

    Args:
        cells: Column → text; what is absent is empty.
        number: Of the row: its id where it has none.

    Raises:
        InputError: says what is wrong with which column.
    """
    row = {name: cells.get(name, "").strip() for name in COLUMNS}
    for name, text in row.items():
        if len(text) > _LONGEST:
            raise InputError(f"its {name} is longer than {_LONGEST} characters")
    row_id = row["id"] or f"row-{number}"
    if len(row_id) > _LONGEST_ID or not row_id.isprintable():
        raise InputError(f"its id is no name of at most {_LONGEST_ID} characters")
    expression = parse_expression(row["expression"]) if row["expression"] else None
    lint = parse_expression(row["lint"]) if row["lint"] else None
    if expression is not None and "rule" in expression.kinds:
        raise InputError("its expression calls a rule; rules stand in the column lint")
    if lint is not None and lint.kinds - {"rule", "fact", "formula", "claim"}:
        raise InputError("its lint calls what is no rule")
    return Figure(
        row_id, row["source"], row["quote"], row["quantity"], row["claimed"], row["unit"],
        parse_stated(row["claimed"] or "nothing", row["unit"]), expression, lint, row["note"],
    )  # fmt: skip


def read_figures(path: Path) -> tuple[Figure, ...]:
    """Return the figures of a claims table (CSV with a header, UTF-8).

    Raises:
        InputError: for a file that is none, is too large, or has a row that is wrong.
    """
    content = read_bounded(path, _KIND, MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise no_file(path, _KIND, "it is not UTF-8 text") from error
    if "\0" in text:
        raise no_file(path, _KIND, "it holds a zero byte")
    return unique(_rows(text, path))


def _rows(text: str, path: Path) -> Iterator[Figure]:
    """Yield the figures of a text."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", strict=True)
    try:
        _check_header(reader.fieldnames or (), path)
        for number, row in enumerate(reader, 1):
            if number > MOST_ROWS:
                raise no_file(path, _KIND, f"it has more than {MOST_ROWS:,} rows")
            if "" in row:
                raise no_file(path, _KIND, f"row {number} has more cells than the header")
            yield _figure(row, number, path)
    except csv.Error as error:
        raise no_file(path, _KIND, f"it is not CSV ({plain(error, 80)})") from error


def _figure(row: Mapping[str, str | None], number: int, path: Path) -> Figure:
    """Return one row; an error says which."""
    try:
        return figure_of({name: text or "" for name, text in row.items()}, number)
    except InputError as error:
        raise InputError(f"{plain(path)} row {number}: {error}") from error


def _check_header(names: Iterable[str], path: Path) -> None:
    """Refuse a header that lacks a column or has an unknown or a repeated one."""
    found = [name.strip() for name in names]
    unknown = [name for name in found if name not in COLUMNS]
    if "claimed" not in found or unknown or len(set(found)) != len(found):
        what = f"column {plain(unknown[0], 40)!r} is unknown" if unknown else "its header is wrong"
        raise no_file(
            path, _KIND, f"{what}; it has a column claimed, and may have {', '.join(COLUMNS)}"
        )


def unique(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """Return figures whose ids differ."""
    by_id: dict[str, Figure] = {}
    for figure in figures:
        if figure.id in by_id:
            raise InputError(
                f"the id {plain(figure.id, 40)!r} is given twice; each row needs its own"
            )
        by_id[figure.id] = figure
    return tuple(by_id.values())

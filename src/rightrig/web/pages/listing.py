"""Lists: a table that is filtered by a form, sorted by the heads of its columns, and paged.

Everything that a reader chose stands in the address, so that a list can be sent to somebody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

R = TypeVar("R")
Key: TypeAlias = float | str | None
"""What a cell is sorted by; ``None`` comes last, whichever way round."""

ROWS_PER_PAGE: Final = 250
_LONGEST_WORD: Final = 100


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a list.

    Attributes:
        key: What it is sorted by.
        url: Where it leads.
        verdict: ``fits``, ``tight`` or ``no`` where the cell is one.
    """

    text: str
    key: Key = None
    url: str = ""
    verdict: str = ""


def word(text: str, url: str = "") -> Cell:
    """Return a cell of text, sorted without regard to case; a dash where there is none."""
    return Cell(text or "–", text.lower() or None, url)


def number(value: float | None, form: str = ",.0f", url: str = "") -> Cell:
    """Return a cell of a number; a dash where it is not known."""
    return Cell("–") if value is None else Cell(format(value, form), float(value), url)


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column: its key in the address, and its head."""

    key: str
    label: str
    is_number: bool = False
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Filter(Generic[R]):
    """A field of the form above a list.

    Attributes:
        kind: ``text`` and ``number`` are typed, ``choice`` is one of ``options``, ``check`` is on
            or off.
        keeps: Whether a row stays, given what was typed or chosen (in lower case).
        options: Values and their names.
    """

    name: str
    label: str
    kind: Literal["text", "number", "choice", "check"]
    keeps: Callable[[R, str], bool]
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Spec(Generic[R]):
    """What a list is of.

    Attributes:
        noun: What one row is, in the plural.
        cells: Makes the cells of a row, one a column.
        sort: ListColumn by which it is sorted where the address does not say.
    """

    noun: str
    columns: tuple[ListColumn, ...]
    filters: tuple[Filter[R], ...]
    cells: Callable[[R], tuple[Cell, ...]]
    sort: str
    order: Literal["asc", "desc"] = "asc"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column as a link that sorts by it."""

    column: ListColumn
    url: str
    order: Literal["", "ascending", "descending"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field as it is drawn, with what stands in it and what is wrong with that."""

    name: str
    label: str
    kind: str
    options: tuple[tuple[str, str], ...]
    value: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Page:
    """A link to a page of a list; without an address it is the one shown."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A list as it is drawn.

    Attributes:
        hidden: What the form must carry beside its fields.
        all_count: Rows without any filter; ``found_count`` with them.
        clear_url: The list without filters; empty where there are none.
    """

    path: str
    noun: str
    fields: tuple[Field, ...]
    hidden: tuple[tuple[str, str], ...]
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    found_count: int
    all_count: int
    pages: tuple[Page, ...]
    clear_url: str


def choice(
    name: str, label: str, of_row: Callable[[R], str], rows: Iterable[R], first: str = "all"
) -> Filter[R]:
    """Return a field that offers each value that some row has."""
    values = sorted({of_row(row) for row in rows} - {""}, key=str.lower)
    options = (("", first), *((value, value) for value in values))
    return Filter(name, label, "choice", lambda row, text: of_row(row).lower() == text, options)


def containing(name: str, label: str, of_row: Callable[[R], str]) -> Filter[R]:
    """Return a field that keeps rows with a text in them."""
    return Filter(name, label, "text", lambda row, text: text in of_row(row).lower())


def at_least(name: str, label: str, of_row: Callable[[R], float | None]) -> Filter[R]:
    """Return a field that keeps rows of some value or more; unknown ones go."""
    return Filter(name, label, "number", lambda row, text: (of_row(row) or -1.0) >= float(text))


def at_most(name: str, label: str, of_row: Callable[[R], float | None]) -> Filter[R]:
    """Return a field that keeps rows of some value or less; unknown ones go."""

    def keeps(row: R, text: str) -> bool:
        value = of_row(row)
        return value is not None and value <= float(text)

    return Filter(name, label, "number", keeps)


def listed(spec: Spec[R], rows: Sequence[R], asked: Mapping[str, str], path: str) -> Listing:
    """Return the part of a list that an address asks for.

    What the address says of unknown fields is left out, wrong values are told beside their field.

    Args:
        spec: What the list is of.
        rows: All of them.
        asked: The query of the address.
        path: Of the list.
    """
    fields = tuple(_field(one, asked) for one in spec.filters)
    found = list(rows)
    for one, field in zip(spec.filters, fields, strict=True):
        if field.value and not field.wrong:
            found = [row for row in found if one.keeps(row, field.value.lower())]
    sort, order = _order(spec, asked)
    place = [column.key for column in spec.columns].index(sort)
    cells = _sorted([spec.cells(row) for row in found], place, is_falling=order == "desc")
    chosen = {field.name: field.value for field in fields if field.value}
    address = _Address(path, chosen, sort, order, (spec.sort, spec.order))
    pages_count = max(1, math.ceil(len(cells) / ROWS_PER_PAGE))
    page = _page_number(asked.get("page", ""), pages_count)
    first = (page - 1) * ROWS_PER_PAGE
    return Listing(
        path=path,
        noun=spec.noun,
        fields=fields,
        hidden=address.sorting(),
        heads=tuple(_head(column, address) for column in spec.columns),
        rows=tuple(cells[first : first + ROWS_PER_PAGE]),
        found_count=len(cells),
        all_count=len(rows),
        pages=_pages(page, pages_count, address),
        clear_url=path if chosen else "",
    )


@dataclass(frozen=True, slots=True)
class _Address:
    """The address of a list, what is usual left out."""

    path: str
    chosen: Mapping[str, str]
    sort: str
    order: str
    usual: tuple[str, str]

    def sorting(self) -> tuple[tuple[str, str], ...]:
        """Return the words on the order, where it is not the usual one."""
        if (self.sort, self.order) == self.usual:
            return ()
        return (("sort", self.sort), ("order", self.order))

    def url(self, page: int = 1) -> str:
        """Return it as text, with a page."""
        words = [
            *self.chosen.items(),
            *self.sorting(),
            *((("page", str(page)),) if page > 1 else ()),
        ]
        return f"{self.path}?{urlencode(words)}" if words else self.path

    def sorted_by(self, sort: str, order: str) -> _Address:
        """Return it with another order."""
        return _Address(self.path, self.chosen, sort, order, self.usual)


def _field(one: Filter[R], asked: Mapping[str, str]) -> Field:
    """Return a field with what the address says of it."""
    value = asked.get(one.name, "").strip()[:_LONGEST_WORD]
    wrong = ""
    if value and one.kind == "number" and not _is_number(value):
        wrong = f"{value!r} is no number"
    elif value and one.kind == "choice":
        named = {option.lower(): option for option, _ in one.options}
        wrong = "" if value.lower() in named else f"{value!r} is none of these"
        value = named.get(value.lower(), value)
    return Field(one.name, one.label, one.kind, one.options, value, wrong)


def _is_number(text: str) -> bool:
    """Say whether a text is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _order(spec: Spec[R], asked: Mapping[str, str]) -> tuple[str, Literal["asc", "desc"]]:
    """Return by which column, and which way round; the usual where the address says no such."""
    sort = asked.get("sort", "")
    if sort not in {column.key for column in spec.columns}:
        return spec.sort, spec.order
    return sort, "desc" if asked.get("order") == "desc" else "asc"


def _sorted(
    rows: list[tuple[Cell, ...]], place: int, *, is_falling: bool
) -> list[tuple[Cell, ...]]:
    """Return rows by one column, those alike in their order, those without a value last."""
    known = [row for row in rows if row[place].key is not None]
    unknown = [row for row in rows if row[place].key is None]
    known.sort(key=lambda row: _sort_key(row[place].key), reverse=is_falling)
    return known + unknown


def _sort_key(key: Key) -> tuple[bool, float, str]:
    """Return what compares with every other: numbers first, then texts."""
    return (True, 0.0, key) if isinstance(key, str) else (False, key or 0.0, "")


def _head(column: ListColumn, address: _Address) -> Head:
    """Return the head of a column: it sorts by it, or turns the order round."""
    if column.key != address.sort:
        order = "desc" if column.is_number else "asc"
        return Head(column, address.sorted_by(column.key, order).url(), "")
    turned = "asc" if address.order == "desc" else "desc"
    now: Literal["ascending", "descending"] = (
        "descending" if address.order == "desc" else "ascending"
    )
    return Head(column, address.sorted_by(column.key, turned).url(), now)


def _page_number(text: str, pages_count: int) -> int:
    """Return the page that the address names; the first where it names none."""
    is_whole = text.isascii() and text.isdigit() and len(text) < 7  # noqa: PLR2004 - no such page
    return min(max(int(text), 1), pages_count) if is_whole else 1


def _pages(page: int, pages_count: int, address: _Address) -> tuple[Page, ...]:
    """Return links to all pages; none where there is one."""
    if pages_count == 1:
        return ()
    return tuple(
        Page(str(one), "" if one == page else address.url(one)) for one in range(1, pages_count + 1)
    )

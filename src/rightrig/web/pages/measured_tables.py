"""The tables of measured runs that pages show: those shipped, and those of the server's folder.

A table is predicted once and again when its file changes. Tables that are too large to be judged
while somebody waits, or that cannot be read, are named with the reason.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from rightrig.errors import RightrigError
from rightrig.prediction.accuracy import GOLDEN, GOLDEN_SPEED, accuracy
from rightrig.web.api.measurements import MOST_TABLES_COUNT

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.catalog import Catalog
    from rightrig.prediction.accuracy_score import Judged

    FileState: TypeAlias = tuple[str, int, int]
    """Name, time of the last change in ns, size in bytes."""

MOST_TABLE_BYTES: Final = 2_000_000
_SHIPPED: Final = (GOLDEN, GOLDEN_SPEED)


@dataclass(frozen=True, slots=True)
class Table:
    """One table beside the predictions.

    Attributes:
        name: Of its file.
        is_own: Whether it lies in the server's folder; else it came with rightrig.
        rows: Every row; none where the table could not be read.
        reason: Why it could not be read.
    """

    name: str
    is_own: bool
    rows: tuple[Judged, ...]
    reason: str = ""


def state_of(folder: Path | None) -> tuple[FileState, ...]:
    """Return what lies in the folder of measured runs: it changes when a table does."""
    if folder is None:
        return ()
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.name, stat.st_mtime_ns, stat.st_size)
                for entry in entries
                if entry.name.endswith(".csv")
                and entry.is_file(follow_symlinks=False)
                and (stat := entry.stat(follow_symlinks=False))
            ]
    except OSError:
        return ()
    return tuple(sorted(found)[:MOST_TABLES_COUNT])


def measured_tables(catalog: Catalog, folder: Path | None) -> tuple[Table, ...]:
    """Return the tables that came with rightrig, then those of the folder, by name."""
    own = () if folder is None else state_of(folder)
    return (
        *_shipped_tables(catalog),
        *(_own_table(catalog, folder / state[0], state) for state in own if folder is not None),
    )


@functools.lru_cache(maxsize=4)
def _shipped_tables(catalog: Catalog) -> tuple[Table, ...]:
    """Return the golden rows of memory and of speed."""
    return tuple(
        Table(path.name, is_own=False, rows=accuracy(catalog, path).rows) for path in _SHIPPED
    )


@functools.lru_cache(maxsize=MOST_TABLES_COUNT)
def _own_table(catalog: Catalog, path: Path, state: FileState) -> Table:
    """Return a table of the folder, or why it cannot be read; again where its file changes."""
    name, _, size_bytes = state
    if size_bytes > MOST_TABLE_BYTES:
        reason = (
            f"it has {size_bytes:,} bytes and a page shows tables of {MOST_TABLE_BYTES:,} at "
            f"most: judge it with 'rightrig accuracy {name}'"
        )
        return Table(name, is_own=True, rows=(), reason=reason)
    try:
        return Table(name, is_own=True, rows=accuracy(catalog, path).rows)
    except RightrigError as error:
        # Where the server keeps its files is no concern of its readers.
        return Table(name, is_own=True, rows=(), reason=str(error).replace(str(path), name))

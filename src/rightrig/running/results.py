"""The files of a run: all rows in the order of the tasks, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Final

from rightrig.facts.writing import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rightrig.running.tasks import Row

NAMES: Final = ("results.csv", "results.jsonl")


def write_results(folder: Path, columns: Sequence[str], rows: Iterable[Row]) -> tuple[str, ...]:
    """Write rows as CSV and as JSON lines; return the names of the files.

    Args:
        folder: Where they go.
        columns: In this order; a row that lacks one has nothing there.
        rows: In this order.
    """
    table, lines = io.StringIO(), io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        whole = {name: row.get(name) for name in columns}
        writer.writerow("" if value is None else value for value in whole.values())
        lines.write(json.dumps(whole, ensure_ascii=False, allow_nan=False) + "\n")
    for name, text in zip(NAMES, (table, lines), strict=True):
        write_whole(folder / name, text.getvalue().encode())
    return NAMES

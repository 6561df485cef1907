#!/usr/bin/env python3
"""The tables of ``docs/peers.md``: from ``peers.csv`` and ``results.csv`` of ``benchmarks``.

.venv/bin/python docs/peer_tables.py peers-measured
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from catalogue_cells import number, table

if TYPE_CHECKING:
    from collections.abc import Callable

_OURS: Final = 4
"""The column of our own figures, which a table of others' claims has not."""
BENCHMARKS: Final = Path(__file__).resolve().parents[1] / "benchmarks"


def peers_table(kind: str) -> str:
    """Return the figures about peers of one kind: ``measured`` here, or ``published`` by them."""
    headers = ("date", "peer, version", "what", ">its figure", ">rightrig", "unit", "how, source")
    rows = [_row(row) for row in _rows("peers.csv") if row["kind"] == kind]
    beside = any(row[_OURS] for row in rows)
    return table(
        [header for place, header in enumerate(headers) if beside or place != _OURS],
        [[cell for place, cell in enumerate(row) if beside or place != _OURS] for row in rows],
    )


def _row(row: dict[str, str]) -> tuple[str, ...]:
    """Return one figure; ours is that of the newest results where ``here`` names one."""
    peer = " ".join(part for part in (row["peer"], row["version"]) if part)
    here = row["here"]
    ours = _newest(here.removeprefix("=")) if here.startswith("=") else here
    return (row["date"], peer, row["what"], row["value"], ours, row["unit"], row["how"])


def _newest(name: str) -> str:
    """Return the last value of a figure of ``benchmarks/results.csv``."""
    values = [float(row["value"]) for row in _rows("results.csv") if row["name"] == name]
    return number(values[-1])


def _rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table of the folder."""
    with (BENCHMARKS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


TABLES: Final[dict[str, Callable[[], str]]] = {
    "peers-measured": lambda: peers_table("measured"),
    "peers-published": lambda: peers_table("published"),
}


def main() -> None:
    """Print the tables that are named."""
    for name in sys.argv[1:]:
        sys.stdout.write(TABLES[name]())


if __name__ == "__main__":
    main()

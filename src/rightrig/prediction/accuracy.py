"""Predictions beside measured runs: every row judged, none dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.measurement import read_table
from rightrig.prediction.accuracy_kv import judge_kv
from rightrig.prediction.accuracy_memory import judge_memory
from rightrig.prediction.accuracy_score import Accuracy
from rightrig.prediction.engine_memory import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement
    from rightrig.prediction.accuracy_score import Judged

GOLDEN: Final = DATA / "golden_memory.csv"
"""Measured rows of memory that ship with rightrig."""
GOLDEN_SPEED: Final = DATA / "golden_speed.csv"
"""Measured rows of speed that ship with rightrig, of sources whose licence allows it."""
_JUDGES: Final[dict[str, Callable[[Measurement, Catalog], Judged]]] = {
    "kv_capacity": judge_kv,
    "memory": judge_memory,
}


def accuracy(catalog: Catalog, path: Path | None = None) -> Accuracy:
    """Return the predictions for every row of a table of measured runs.

    Args:
        catalog: Where cards, models and engines are looked up.
        path: A CSV file with the columns of ``inference``, ``kv_capacity``, ``memory`` or
            ``training``; without it, the golden rows of memory.

    Raises:
        InputError: when the file is none, or no table of measured runs.
    """
    table = read_table(path or GOLDEN)
    if table.name == "inference":
        # Here, not above: tables of memory do without NumPy.
        from rightrig.prediction.accuracy_inference import judge_runs  # noqa: PLC0415

        stem = path.stem if path is not None else table.name
        return Accuracy(table.name, judge_runs(table.rows, catalog, stem))
    return Accuracy(table.name, tuple(_judge_of(table.name)(row, catalog) for row in table.rows))


def _judge_of(table: str) -> Callable[[Measurement, Catalog], Judged]:
    """Return what judges the rows of a table."""
    if table == "training":
        # Here, not above: as for runs.
        from rightrig.prediction.accuracy_training import judge_training  # noqa: PLC0415

        return judge_training
    return _JUDGES[table]

"""The report of ``calibrate``: what moved, and how well runs are met, in sample and held out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.prediction.calibration import moves
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rightrig.prediction.calibration import Calibration, Move
    from rightrig.prediction.run_design import Array
    from rightrig.report.schema.calibration import CalibrationJson, MoveJson

_MOST_MOVES: Final = 30
_LEAST_ROWS: Final = 10


def calibration_document(found: Calibration, written: Sequence[Path]) -> Document:
    """Return the errors by group, the parameters that moved most, and the files written."""
    moved = moves(found)
    paragraphs = [Paragraph(f"Written: {path}") for path in written]
    return (
        Paragraph(
            f"{len(found.runs):,} of {len(found.rows):,} rows used; {len(moved)} of "
            f"{int(found.fitted.is_used.sum())} parameters moved by more than 0.5 %",
            "title",
        ),
        Paragraph(
            "Errors: median / p90 of |predicted ÷ measured − 1|, in the sample, and with what is "
            "named left out.",
            "dim",
        ),
        Grid(
            ("engine, quantity", "rows", "in sample", *(f"{name} out" for name in found.held_out)),
            tuple(_group_rows(found)),
            numeric=tuple(range(1, 3 + len(found.held_out))),
        ),
        Grid(
            ("parameter", "before", "after", "change"),
            tuple(move_row(move) for move in moved[:_MOST_MOVES]),
            numeric=(1, 2, 3),
            title=f"What moved most ({min(len(moved), _MOST_MOVES)} of {len(moved)})",
        ),
        *paragraphs,
    )


def calibration_json(found: Calibration, written: Sequence[Path]) -> CalibrationJson:
    """Return the same as data."""
    return {
        "rows_count": len(found.rows),
        "runs_count": len(found.runs),
        "moves": [
            move_json(move) for move in moves(found)
        ],
        "groups": [
            dict(zip(("group", "rows_count", "in_sample", *found.held_out), row, strict=True))
            for row in _group_rows(found)
        ],
        "written": [str(path) for path in written],
    }  # fmt: skip


def move_json(move: Move) -> MoveJson:
    """Return a parameter that moved as data."""
    return {"kind": move.kind, "key": move.key, "before": move.before, "after": move.after}


def _group_rows(found: Calibration) -> list[tuple[str, ...]]:
    """Return a row for each engine and quantity with enough runs."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, run in enumerate(found.runs):
        groups[f"{run.era}, {run.quantity}"].append(place)
    held = [h.log_errors for h in found.held_out.values()]
    rows = []
    for name, places in sorted(groups.items(), key=lambda item: -len(item[1])):
        if len(places) >= _LEAST_ROWS:
            errors = [_errors(e, places) for e in (found.log_errors, *held)]
            rows.append((name, f"{len(places):,}", *errors))
    return rows


def _errors(log_errors: Array, places: Sequence[int]) -> str:
    """Return the median and the 90th percentile of some rows' errors, in percent."""
    sizes = 100.0 * np.abs(np.expm1(log_errors[list(places)]))
    return f"{np.median(sizes):.0f} / {np.quantile(sizes, 0.9):.0f} %"


def move_row(move: Move) -> tuple[str, ...]:
    """Return a parameter that moved as a row: its name, before, after, change."""
    return (
        f"{move.kind} {move.key}",
        f"{move.before:.3g}",
        f"{move.after:.3g}",
        f"{100.0 * move.change_ratio:+.0f} %",
    )

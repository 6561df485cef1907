"""The report of ``calibrate --mine``: what this machine's runs moved, and how well they are met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.report.calibration import move_json, move_row
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.prediction.calibration import Move
    from rightrig.prediction.machine_fit import MachineFit
    from rightrig.report.document import Block
    from rightrig.report.schema.calibration import MachineCalibrationJson, MachineFitJson

_NEW_RATIO: Final = 5000.0
"""No parameter that published runs tell may move as far (``prediction/data/machine.toml``)."""


def machine_fit_document(fits: Sequence[MachineFit], path: str) -> Document:
    """Return each engine's errors before and after, the parameters that moved, and the file."""
    return (
        *(block for fit in fits for block in _blocks(fit)),
        Paragraph(f"Written: {path}; --on this reads it.", "dim"),
    )


def _blocks(fit: MachineFit) -> Iterator[Block]:
    here = fit.here
    models = ", ".join(here.models)
    yield Paragraph(
        f"{here.era} on {here.card}: {here.runs_count} measured figures of {models}",
        "title",
    )
    out = (
        "too few loads to leave one out"
        if fit.left_out_ratio is None
        else f"{fit.left_out_ratio:.1%} for loads left out"
    )
    yield Paragraph(
        f"Median error: {fit.before_ratio:.1%} by published runs, {fit.after_ratio:.1%} now, {out}."
    )
    yield Grid(
        ("parameter", "published", "here", "change"),
        tuple(_row(move) for move in fit.moves),
        numeric=(1, 2, 3),
        title="What moved",
    )
    ends = "; ".join(
        f"{name} {low - 1.0:+.0%} to {high - 1.0:+.0%}" for name, (low, high) in here.ends.items()
    )
    yield Paragraph(f"80 % intervals here: {ends}.", "dim")


def _row(move: Move) -> tuple[str, ...]:
    """Return a parameter that moved as a row; of one that published runs do not tell, no change."""
    name, before, after, change = move_row(move)
    is_new = move.after > _NEW_RATIO * move.before
    return (name, "none", after, "new") if is_new else (name, before, after, change)


def machine_fit_json(fits: Sequence[MachineFit], path: str) -> MachineCalibrationJson:
    """Return the same as data."""
    return {"machine_fits": [_fit_json(fit) for fit in fits], "written": [path]}


def _fit_json(fit: MachineFit) -> MachineFitJson:
    here = fit.here
    return {
        "card": here.card,
        "era": here.era,
        "models": list(here.models),
        "figures_count": here.runs_count,
        "median_abs_error_before_ratio": fit.before_ratio,
        "median_abs_error_after_ratio": fit.after_ratio,
        "median_abs_error_left_out_ratio": fit.left_out_ratio,
        "moves": [move_json(move) for move in fit.moves],
        "interval_ends": {
            name: {"low_ratio": low, "high_ratio": high} for name, (low, high) in here.ends.items()
        },
    }

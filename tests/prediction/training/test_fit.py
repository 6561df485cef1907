"""Calibration of the time of training: what ships is what the fit finds, and errors stay small."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from published_runs import SHARED
from training_jobs import CATALOG

from rightrig.errors import InputError
from rightrig.prediction.training.efficiency import CLOSENESS, KINDS, parameter, prior
from rightrig.prediction.training.fit import (
    SpeedDesign,
    design_of,
    fit_speeds,
    fitted_toml,
    hold_out,
    interval_ends,
    read_speeds,
    weights_of,
)
from rightrig.prediction.training.time import speed_ends, training_time

if TYPE_CHECKING:
    from pathlib import Path

Floats = NDArray[np.float64]
TABLE: Final = SHARED / "measurements" / "training.csv"
TARGET_RATIO: Final = 0.15
needs_table = pytest.mark.skipif(not TABLE.exists(), reason="training.csv is not here")


@pytest.fixture(scope="module")
def design() -> SpeedDesign:
    return design_of(read_speeds(TABLE, CATALOG))


@pytest.fixture(scope="module")
def logs(design: SpeedDesign) -> Floats:
    return fit_speeds(design, weights_of(design))


@needs_table
def test_what_ships_is_what_the_table_gives(
    design: SpeedDesign,
    logs: Floats,
) -> None:
    shipped = np.log([parameter(kind, key) for kind, key in design.names])
    assert np.abs(logs - shipped).max() < 0.05


@needs_table
def test_few_parameters_are_fitted_and_none_lies_on_a_bound(
    design: SpeedDesign,
    logs: Floats,
) -> None:
    text = tomllib.loads(fitted_toml(design, logs, {}))
    fitted = {(kind, key): v for kind in KINDS for key, v in text.get(kind, {}).items()}
    assert len(fitted) <= 30
    for (kind, key), found in fitted.items():
        assert prior(kind, key).low * 1.01 < found < prior(kind, key).high * 0.99


@needs_table
def test_speeds_left_out_of_the_fit_are_predicted_within_15_percent(
    design: SpeedDesign,
    logs: Floats,
) -> None:
    weights = weights_of(design)
    held = hold_out(design, weights, logs)
    everything = slice(None)
    for closeness in CLOSENESS:
        assert held.median_error_ratio(closeness, everything) < TARGET_RATIO
    projects = np.array([run.source for run in design.runs])
    for project in np.unique(projects):
        rows = np.flatnonzero(projects == project)
        assert held.median_error_ratio("this framework and card", rows) < 0.10
        assert held.median_error_ratio("this card", rows) < 0.20
    for closeness, (low, high) in interval_ends(design, held).items():
        assert (low, high) == pytest.approx(speed_ends(closeness), rel=0.08)
        ratios = np.exp(-held.log_errors[closeness])
        assert 0.7 < ((low <= ratios) & (ratios <= high)).mean() < 0.97


@needs_table
def test_the_fit_and_a_prediction_share_one_formula(design: SpeedDesign) -> None:
    shipped = np.log([parameter(kind, key) for kind, key in design.names])
    errors = design.log_errors(shipped)
    for place in (0, len(design.runs) // 2, len(design.runs) - 1):
        run = design.runs[place]
        found = training_time(run.job).tokens_per_s_per_card.mid
        assert np.log(found / run.measured) == pytest.approx(errors[place], abs=1e-9)


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "memory.csv"
    other.write_text("source,gpu\n", encoding="utf-8")
    with pytest.raises(InputError):
        read_speeds(other, CATALOG)

"""Fit what training reaches of cards, links and hosts to a table of published runs.

    python benchmarks/fit_training.py TABLE [--write]

reads a table of kind ``training``, prints the parameters and the errors on runs that were left
out, and with ``--write`` rewrites ``src/rightrig/prediction/data/training_fitted.toml``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from rightrig.facts.catalog import shipped
from rightrig.prediction.training.efficiency import CLOSENESS
from rightrig.prediction.training.fit import (
    design_of,
    fit_speeds,
    fitted_toml,
    hold_out,
    interval_ends,
    read_speeds,
    weights_of,
)

TOML: Final = Path(__file__).parents[1] / "src/rightrig/prediction/data/training_fitted.toml"


def main() -> None:
    """Fit, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    design = design_of(read_speeds(asked.table, shipped()))
    weights = weights_of(design)
    logs = fit_speeds(design, weights)
    held = hold_out(design, weights, logs)
    projects = np.array([run.source for run in design.runs])
    for closeness in CLOSENESS:
        print(f"left out: {closeness}: {held.median_error_ratio(closeness, slice(None)):.1%}")
        for project in np.unique(projects):
            rows = np.flatnonzero(projects == project)
            error = held.median_error_ratio(closeness, rows)
            print(f"    {project}: {error:.1%} of {len(rows)}")
    text = fitted_toml(design, logs, interval_ends(design, held))
    print(text)
    if asked.write:
        TOML.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

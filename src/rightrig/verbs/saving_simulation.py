"""The files of a simulation: requests, series, the answer as JSON, charts."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from rightrig.errors import MissingError
from rightrig.verbs.saving import make_folder, save, save_bytes, save_charts

if TYPE_CHECKING:
    from rightrig.report.simulated import Simulated

_NO_REQUESTS: Final = "A run of so many requests keeps no row of each: only the answer is saved."


def check_savable(folder: str) -> None:
    """Refuse before the work what could not be written after it.

    Raises:
        MissingError: without the extra that writes Parquet.
        InputError: when the folder cannot be made.
    """
    if find_spec("pyarrow") is None:
        raise MissingError(
            "--save writes requests as Parquet, which takes an extra: pip install "
            "'rightrig[parquet]'"
        )
    make_folder(folder)


def save_simulation(folder: str, seen: Simulated) -> Simulated:
    """Write the files of an answer into a folder; return the answer with their names."""
    from rightrig.report.charts import simulation_charts
    from rightrig.report.simulate_files import requests_parquet, series_lines
    from rightrig.report.simulate_json import simulate_json

    names, hints = ["outcome.json"], []
    outcome = seen.outcome
    if outcome.records is not None:
        save_bytes(folder, "requests.parquet", requests_parquet(outcome, seen.traffic))
        names.append("requests.parquet")
    else:
        hints.append(_NO_REQUESTS)
    if outcome.series is not None:
        save(folder, "series.csv", series_lines(outcome.series))
        names.append("series.csv")
    drawn = save_charts(folder, simulation_charts(seen))
    names += drawn.names
    hints += drawn.hints
    done = replace(seen, folder=folder, saved=tuple(names), hints=tuple(hints))
    save(folder, "outcome.json", [json.dumps(simulate_json(done), ensure_ascii=False, indent=1)])
    return done

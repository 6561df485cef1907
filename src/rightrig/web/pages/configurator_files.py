"""The table of the configurator as a file: CSV with every figure, Markdown to paste."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.planning.survey.speeds import HIGH, LOW, MID
from rightrig.report.document import Grid, Paragraph
from rightrig.report.markdown import markdown
from rightrig.web.pages.configurator_table import shown_places, table_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.planning.survey.survey import Survey
    from rightrig.web.pages.configurator_shelf import Shelf
    from rightrig.web.state import Reading

_COLUMNS: Final = ("ttft_s", "tpot_s", "output_tokens_per_s", "output_usd_per_token")
_ENDS: Final = ((LOW, "low"), (MID, "mid"), (HIGH, "high"))


def csv_of(shelf: Shelf, reading: Reading) -> str:
    """Return every model that the filters leave with its figures, a line each."""
    survey = shelf.surveyed(reading)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    named = [f"{name}_{end}" for name in _COLUMNS for _, end in _ENDS]
    writer.writerow([
        "model", "verdict", "weights", "runtime", "split", "headroom_ratio", "max_context_tokens",
        "max_concurrency", *named, "reason",
    ])  # fmt: skip
    for place in shown_places(survey, shelf, reading.state):
        writer.writerow([*_model_cells(survey, place), *_figures(survey, place),
                         survey.held.reason(place)])  # fmt: skip
    return file.getvalue()


def _model_cells(survey: Survey, place: int) -> list[str]:
    """Return what is deployed, and the room."""
    held, deployment = survey.held, survey.deployments[place]
    name, verdict = held.llms[place].name, survey.verdict(place)
    if deployment is None:
        return [name, verdict, "", "", "", "", "", ""]
    return [
        name, verdict, stored_format(deployment), deployment.runtime.slug,
        deployment.parallelism.text, f"{held.headroom_ratio[place]:.4f}",
        str(held.max_context_tokens[place]), str(held.max_concurrency[place]),
    ]  # fmt: skip


def _figures(survey: Survey, place: int) -> Iterator[str]:
    """Yield the ends and middles of what is predicted; empty where nothing is known."""
    for name in _COLUMNS:
        for end, _ in _ENDS:
            value = float(getattr(survey, name)[end, place])
            yield f"{value:.6g}" if math.isfinite(value) else ""


def markdown_of(shelf: Shelf, reading: Reading) -> str:
    """Return the models that fit as a table in Markdown."""
    state = reading.state
    table = table_of(shelf.surveyed(reading), shelf, state, None)
    heads = (
        "model", "status", "format, engine, split", "most context", "most users",
        "tokens/s a user", "tokens/s in all", "first token", "$/M out",
    )  # fmt: skip
    rows = tuple(
        (
            f"{row.owner}{row.name}", row.verdict, f"{row.weights} · {row.engine}", row.context,
            row.users,
            *(
                f"{cell.mid} ({cell.ends})" if cell.mid else "–"
                for cell in row.cells
            ),
        )
        for row in table.rows
    )  # fmt: skip
    load = (
        f"{state.rate_requests_per_s:g} requests/s"
        if state.rate_requests_per_s
        else f"{state.users:,} at once"
    )
    title = f"{state.rig}: {load} of {state.context:,} tokens"
    return markdown((Paragraph(title, "title"), Grid(heads, rows, tuple(range(3, len(heads))))))

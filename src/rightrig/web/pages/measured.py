"""``/measured``: predictions beside measured runs; ``/accuracy``: how far off they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request

from rightrig.prediction.accuracy_score import score
from rightrig.prediction.held_out import families_of_runs, held_out
from rightrig.report.charts_accuracy import scatter_chart
from rightrig.web.pages.listing import (
    Cell,
    Filter,
    ListColumn,
    Spec,
    choice,
    containing,
    listed,
    number,
    word,
)
from rightrig.web.pages.measured_rows import measured_rows
from rightrig.web.pages.measured_tables import measured_tables
from rightrig.web.pages.records import sheet
from rightrig.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from rightrig.prediction.accuracy_score import Score
    from rightrig.prediction.held_out import HeldOut
    from rightrig.web.pages.measured_rows import MeasuredRow
    from rightrig.web.site import Site

router = APIRouter(include_in_schema=False)
_COLUMNS: Final = (
    ListColumn("what", "what"),
    ListColumn("model", "model"),
    ListColumn("card", "card"),
    ListColumn("engine", "engine"),
    ListColumn("measured", "measured", is_number=True),
    ListColumn("predicted", "predicted", is_number=True),
    ListColumn("between", "80 % between", is_number=True),
    ListColumn("error", "error", is_number=True),
    ListColumn("inside", "inside"),
    ListColumn("source", "source"),
    ListColumn("note", "note", is_long=True),
)
_HELD_COLUMNS: Final = (
    ListColumn("quantity", "what"),
    ListColumn("evidence", "measured nearby"),
    ListColumn("era", "engine"),
    ListColumn("kind", "models"),
    ListColumn("vendor", "cards of"),
    ListColumn("rows", "runs", is_number=True),
    ListColumn("low", "80 % from", is_number=True),
    ListColumn("high", "to", is_number=True),
    ListColumn("width", "high ÷ low", is_number=True),
)


@router.get("/measured")
async def measured_page(request: Request) -> Response:
    """Return the measured runs with a chart, filtered by card, engine and what was measured."""
    site = site_of(request)
    return await sheet(request, "measured.html.jinja", lambda: _values(request, site))


def _values(request: Request, site: Site) -> dict[str, object]:
    """Return what the page of measured runs shows."""
    rows = measured_rows(site)
    spec = Spec("rows", _COLUMNS, _filters(rows), _cells, "what")
    found = listed(spec, rows, request.query_params, "/measured")
    kept = _kept(rows, spec, request)
    tables = measured_tables(site.catalog, site.settings.measured)
    chart = scatter_chart("Predicted over measured", (row.judged for row in kept))
    return {
        "title": "Measured runs",
        "list": found,
        "score": _score_texts(score([row.judged for row in kept])),
        "chart": chart,
        "tables": tables,
        "takes_tables": site.settings.token is not None and site.settings.measured is not None,
    }


def _kept(
    rows: Sequence[MeasuredRow], spec: Spec[MeasuredRow], request: Request
) -> list[MeasuredRow]:
    """Return all rows that the fields leave: the chart and the summary are of every page."""
    found = list(rows)
    for one in spec.filters:
        value = request.query_params.get(one.name, "").strip().lower()
        if value and (not one.options or value in [option.lower() for option, _ in one.options]):
            found = [row for row in found if one.keeps(row, value)]
    return found


def _filters(rows: Sequence[MeasuredRow]) -> tuple[Filter[MeasuredRow], ...]:
    """Return the fields above the list."""
    return (
        choice("what", "What", lambda row: row.metric, rows),
        choice("gpu", "Card", lambda row: row.gpu, rows),
        choice("engine", "Engine", lambda row: row.engine, rows),
        containing("model", "Model", lambda row: row.model),
        choice("source", "Source", lambda row: row.source, rows),
        choice("table", "Table", lambda row: row.table, rows),
        choice("inside", "Inside the interval", lambda row: row.inside_text, rows),
    )


def _cells(row: MeasuredRow) -> tuple[Cell, ...]:
    """Return one line of the list."""
    judged = row.judged
    error = judged.error_ratio
    middle = None if judged.predicted is None else judged.predicted.mid
    return (
        word(row.metric),
        word(row.model, row.model_url),
        word(row.gpu, row.gpu_url),
        word(row.engine),
        Cell(row.measured_text, judged.measured),
        Cell(row.predicted_text, middle),
        Cell(row.between_text, None if judged.predicted is None else judged.predicted.width_ratio),
        Cell(row.error_text, None if error is None else abs(error)),
        word(row.inside_text),
        word(row.source),
        word(judged.reason),
    )


@router.get("/accuracy")
async def accuracy_page(request: Request) -> Response:
    """Return how far off predictions were on runs that their fit had not seen."""
    site = site_of(request)

    def values() -> dict[str, object]:
        rows = held_out()
        spec = Spec("groups", _HELD_COLUMNS, _held_filters(rows), _held_cells, "quantity")
        return {
            "title": "Accuracy",
            "list": listed(spec, rows, request.query_params, "/accuracy"),
            "families": families_of_runs(),
            "tables": [
                (table, _score_texts(score(table.rows)))
                for table in measured_tables(site.catalog, site.settings.measured)
            ],
        }

    return await sheet(request, "measured_accuracy.html.jinja", values)


def _held_filters(rows: Sequence[HeldOut]) -> tuple[Filter[HeldOut], ...]:
    """Return the fields above the list of groups."""
    return (
        choice("quantity", "What", lambda row: row.quantity, rows),
        choice("evidence", "Measured nearby", lambda row: row.evidence, rows),
        choice("era", "Engine", lambda row: row.era, rows),
        choice("kind", "Models", lambda row: row.kind, rows),
        choice("vendor", "Cards of", lambda row: row.vendor, rows),
    )


def _held_cells(row: HeldOut) -> tuple[Cell, ...]:
    """Return one group of runs as a line."""
    return (
        word(row.quantity),
        word(row.evidence),
        word(row.era or "any"),
        word(row.kind or "any"),
        word(row.vendor),
        number(float(row.rows_count)),
        number(row.low_ratio, ".3f"),
        number(row.high_ratio, ".3f"),
        number(row.high_ratio / row.low_ratio, ".2f"),
    )


def _score_texts(found: Score) -> dict[str, str]:
    """Return a score in words."""

    def percent(ratio: float | None) -> str:
        return "–" if ratio is None else f"{100.0 * ratio:.1f} %"

    return {
        "rows": f"{found.rows:,}",
        "predicted": f"{found.predicted:,}",
        "median": percent(found.median_abs_error_ratio),
        "p90": percent(found.p90_abs_error_ratio),
        "bias": percent(found.bias_ratio),
        "inside": percent(found.interval_hit_ratio),
    }

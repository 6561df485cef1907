"""Measured values beside their predictions, as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.quantities import show_number
from rightrig.web.linking import addresses
from rightrig.web.pages.measured_tables import measured_tables

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.prediction.accuracy_score import Judged
    from rightrig.web.pages.measured_tables import Table
    from rightrig.web.site import Site


@dataclass(frozen=True, slots=True)
class MeasuredRow:
    """One measured value beside its prediction.

    Attributes:
        table: File that it stands in.
        judged: The row itself.
        gpu_url, model_url: Pages of what it was measured on; empty where there is none.
    """

    table: str
    judged: Judged
    gpu_url: str
    model_url: str

    @property
    def gpu(self) -> str:
        """The card."""
        return self.judged.names["gpu"]

    @property
    def model(self) -> str:
        """The model, by its hub id where it is known."""
        return self.judged.names["model"]

    @property
    def engine(self) -> str:
        """The engine and its era or version."""
        return self.judged.names["runtime"]

    @property
    def metric(self) -> str:
        """What was measured."""
        return self.judged.names["metric"]

    @property
    def source(self) -> str:
        """Who measured it."""
        return self.judged.names["source"]

    @property
    def is_inside(self) -> bool | None:
        """Whether the value lies inside the interval; ``None`` without a prediction."""
        measured, predicted = self.judged.measured, self.judged.predicted
        if measured is None or predicted is None:
            return None
        return predicted.low <= measured <= predicted.high

    @property
    def measured_text(self) -> str:
        """The value with its unit."""
        if self.judged.measured is None:
            return "–"
        return f"{show_number(self.judged.measured)} {self.judged.unit}".rstrip()

    @property
    def predicted_text(self) -> str:
        """The middle of the prediction."""
        return "–" if self.judged.predicted is None else show_number(self.judged.predicted.mid)

    @property
    def between_text(self) -> str:
        """The central 80 %."""
        found = self.judged.predicted
        return "–" if found is None else f"{show_number(found.low)} … {show_number(found.high)}"

    @property
    def error_text(self) -> str:
        """Predicted over measured, less one."""
        error = self.judged.error_ratio
        if error is None:
            return "–"
        text = f"{100.0 * error:+.1f}"
        return f"{'0.0' if text in {'-0.0', '+0.0'} else text} %"

    @property
    def inside_text(self) -> str:
        """Whether it lies inside, in a word."""
        return {True: "yes", False: "no", None: "–"}[self.is_inside]


def measured_rows(site: Site) -> tuple[MeasuredRow, ...]:
    """Return all rows that pages show."""
    tables = measured_tables(site.catalog, site.settings.measured)
    return tuple(_row(site.catalog, table, row) for table in tables for row in table.rows)


def measured_on(site: Site, url: str) -> tuple[MeasuredRow, ...]:
    """Return the rows of the card or the model that a page is of."""
    return tuple(row for row in measured_rows(site) if url in {row.gpu_url, row.model_url})


def _row(catalog: Catalog, table: Table, judged: Judged) -> MeasuredRow:
    """Return one row with the pages of its card and its model."""
    gpu, model = judged.names["gpu"], judged.names["model"]
    return MeasuredRow(table.name, judged, _url(catalog, "gpus", gpu), _url(catalog, "llms", model))


def _url(catalog: Catalog, kind: str, name: str) -> str:
    """Return the page of what a row names; empty where no record, or more than one, answers."""
    claims = catalog.claims(kind, name)
    return addresses(catalog)[next(iter(claims))] if len(claims) == 1 else ""

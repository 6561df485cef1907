"""The tables of a simulation that are too long for an answer."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.simulation.collecting import METRICS
from rightrig.simulation.layout import CANCELLED, REJECTED, SERVED, TIMED_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.report.simulated import Traffic
    from rightrig.simulation.outcome import Outcome, Series

STATUSES: Final = {
    SERVED: "served", REJECTED: "rejected", CANCELLED: "cancelled", TIMED_OUT: "timed out",
}  # fmt: skip


def series_lines(series: Series) -> Iterator[str]:
    """Yield the cluster over time as lines of CSV; an empty cell is not known."""
    names = [f.name for f in dataclasses.fields(series) if f.name != "span_s"]
    columns = [getattr(series, name).tolist() for name in names]
    yield ",".join(names) + "\n"
    for row in zip(*columns, strict=True):
        line = io.StringIO()
        cells = ["" if isinstance(cell, float) and math.isnan(cell) else cell for cell in row]
        csv.writer(line, lineterminator="\n").writerow(cells)
        yield line.getvalue()


def request_columns(outcome: Outcome, traffic: Traffic) -> dict[str, Any]:
    """Return the columns of a table of requests, in their order; NaN is not known.

    Times of a request are seconds from the first moment of the run; latencies are of those that
    were served.
    """
    records: Any = outcome.records
    served = records["status"] == SERVED
    requests = traffic.requests
    columns: dict[str, Any] = {
        "request": records["row"],
        "status": np.array([STATUSES[status] for status in range(4)], object)[records["status"]],
        "arrival_s": records["arrival_s"],
        "input_tokens": records["input"],
        "output_tokens": records["output"],
        "cached_tokens": records["cached"],
        "scheduled_s": records["scheduled_s"],
        "first_token_s": records["first_s"],
        "finish_s": records["finish_s"],
    }
    with np.errstate(invalid="ignore"):
        for metric in outcome.latencies:
            if metric in METRICS:
                columns[f"{metric}_s"] = np.where(served, METRICS[metric](records), np.nan)
    if "tpot_s" in columns:
        columns["tpot_s"] = np.where(records["output"] > 1, columns["tpot_s"], np.nan)
    for name in ("preemptions", "retries"):
        columns[f"{name}_count"] = records[name]
    columns["replica"] = records["replica"]
    people = {
        "class": (requests.class_index, [own.name for own in requests.classes]),
        "tenant": (requests.tenant_index, requests.tenants),
    }
    for name, (index, names) in people.items():
        if len(index) and names:
            columns[name] = np.array(names, object)[index[records["row"]]]
    return columns


def requests_parquet(outcome: Outcome, traffic: Traffic) -> bytes:
    """Return the requests as a file in Parquet."""
    import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    columns = request_columns(outcome, traffic)
    arrays = {name: pa.array(column, from_pandas=True) for name, column in columns.items()}
    file = io.BytesIO()
    parquet.write_table(pa.table(arrays), file)
    return file.getvalue()

#!/usr/bin/env python3
"""Write the results of the published tables into docs/methodology/accuracy.md.

    .venv/bin/python docs/refresh_accuracy.py

The tables are not part of this repository: they are looked for in ``../shared/measurements``, or
in ``measurements`` of the folder that RIGHTRIG_SHARED names. What stands between ``<!-- NAME -->``
and ``<!-- end -->`` is replaced. ``tests/prediction/test_accuracy_page.py`` fails when it drifts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.facts.catalog import shipped
from rightrig.prediction.accuracy import accuracy
from rightrig.quantities import show_number
from rightrig.report.accuracy import accuracy_document
from rightrig.report.document import Grid, Paragraph
from rightrig.report.terminal import plain_text

if TYPE_CHECKING:
    from rightrig.prediction.accuracy_score import Accuracy
    from rightrig.report.document import Document

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "methodology" / "accuracy.md"
SHARED: Final = Path(os.environ.get("RIGHTRIG_SHARED") or ROOT.parent / "shared")
_UNNAMED: Final = re.compile(r"code-index item \d+")
_PART: Final = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def results() -> dict[str, str]:
    """Return the text of each part of the page."""
    found = {
        name: accuracy(shipped(), SHARED / "measurements" / f"{name}.csv")
        for name in ("kv_capacity", "memory")
    }
    return {
        "kv_capacity": _block(found["kv_capacity"]),
        "kv_capacity_rows": _rows(found["kv_capacity"]),
        "memory": _block(found["memory"]),
    }


def _block(found: Accuracy) -> str:
    """Return headline, table by part and version, and the rows left out, as they are printed."""
    document = accuracy_document(found)
    first = next(block for block in document if isinstance(block, Grid))
    texts = [block for block in document if isinstance(block, Paragraph)]
    start = [n for n, text in enumerate(texts) if text.text.startswith("Rows without")]
    tail = texts[start[0] :] if start else []
    kept: Document = (texts[0], Paragraph(""), first, Paragraph(""), *tail)
    text = _UNNAMED.sub("a file of an unnamed repository", plain_text(kept, 96))
    return f"```text\n{text.rstrip()}\n```\n"


def _rows(found: Accuracy) -> str:
    """Return the rows that have a prediction, one a line."""
    lines = [
        "| row | source | card | model | engine | measured | predicted | error |",
        "|---:|---|---|---|---|---:|---:|---:|",
    ]
    for row in found.rows:
        if row.measured is None or row.predicted is None:
            continue
        names = row.names
        error = 100.0 * (row.error_ratio or 0.0)
        lines.append(
            f"| {row.row} | {names['source']} | {names['gpu']} | {names['model']} | "
            f"{names['runtime']} | {show_number(row.measured)} {row.unit} | "
            f"{show_number(row.predicted.mid)} | {error:+.1f} % |"
        )
    return "\n".join(lines) + "\n"


def refreshed(text: str, parts: dict[str, str]) -> str:
    """Return the page with each part replaced."""
    return _PART.sub(lambda part: f"{part[1]}{parts[part[2]]}{part[3]}", text)


def main() -> None:
    """Rewrite the page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(refreshed(text, results()), encoding="utf-8")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Write the published rows that break a rule into docs/methodology/defects.md.

    .venv/bin/python docs/refresh_defects.py

The tables are not part of this repository: they are looked for in ``../shared/measurements``, or
in ``measurements`` of the folder that RIGHTRIG_SHARED names. What stands between ``<!-- NAME -->``
and ``<!-- end -->`` is replaced. ``tests/prediction/test_defects.py`` fails when it drifts.
"""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import read_table
from rightrig.prediction import comparability
from rightrig.prediction.defects import find_defects
from rightrig.prediction.plausibility import RULES

if TYPE_CHECKING:
    from rightrig.prediction.defects import Defect

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "methodology" / "defects.md"
SHARED: Final = Path(os.environ.get("RIGHTRIG_SHARED") or ROOT.parent / "shared")
TABLES: Final = ("inference", "serving")
_PART: Final = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def results() -> dict[str, str]:
    """Return the text of each part of the page."""
    return {"rules": _rules(), **{name: _defects(name) for name in TABLES}}


def _rules() -> str:
    """Return every rule with its sentence."""
    rules = (*RULES, *comparability.RULES)
    lines = [f"| `{rule.id}` | {inspect.getdoc(rule)} |" for rule in rules]
    return "\n".join(["| rule | what must hold |", "|---|---|", *lines]) + "\n"


def _defects(name: str) -> str:
    """Return the groups of one table's rows."""
    rows = read_table(SHARED / "measurements" / f"{name}.csv").rows
    found = find_defects(rows, shipped())
    if not found:
        return f"No row of {name} breaks a rule.\n"
    lines = [
        "| rule | source | cards | model | engine | rows | beyond the limit |",
        "|---|---|---|---|---|---:|---:|",
        *(_line(defect) for defect in found),
    ]
    return "\n".join(lines) + "\n"


def _line(defect: Defect) -> str:
    """Return one group."""
    low, high = f"{defect.least_ratio:.4g}", f"{defect.largest_ratio:.4g}"
    span = f"{high} ×" if low == high else f"{low} to {high} ×"
    return (
        f"| `{defect.rule_id}` | {defect.kind} | {defect.cards} | {defect.llm} | {defect.engine} | "
        f"{len(defect.rows)} | {span} |"
    )


def refreshed(text: str, parts: dict[str, str]) -> str:
    """Return the page with each part replaced."""
    return _PART.sub(lambda part: f"{part[1]}{parts[part[2]]}{part[3]}", text)


def main() -> None:
    """Rewrite the page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(refreshed(text, results()), encoding="utf-8")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Judge the model of speed on the published tables: docs/methodology/speed-accuracy.md.

    .venv/bin/python docs/refresh_speed_accuracy.py [SHARED]

Refits with every table, card and project left out in turn (about eight minutes), then replaces
what stands between ``<!-- NAME -->`` and ``<!-- end -->``, and the drawings. The tables are not
part of this repository: they are looked for in ``measurements`` of SHARED, of the folder that
RIGHTRIG_SHARED names, or of ``../shared``. ``tests/prediction/test_speed_accuracy_page.py`` fails
when what needs no refit drifts.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.facts.catalog import shipped
from rightrig.prediction.calibration import calibrate
from rightrig.prediction.run_tables import fitted_on, planned
from rightrig.prediction.speed_accuracy import coverage, in_sample, left_out
from rightrig.report.speed_accuracy import (
    IN_SAMPLE,
    TABLE,
    coverage_part,
    drawings,
    groups_part,
    hits_part,
    misses_part,
    sources_part,
    targets_part,
    widths_part,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rightrig.prediction.run_evidence import HeldOut
    from rightrig.prediction.run_tables import RunRow

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "methodology" / "speed-accuracy.md"
IMAGES: Final = PAGE.parent / "img"
SHARED: Final = Path(os.environ.get("RIGHTRIG_SHARED") or ROOT.parent / "shared")
_FILES: Final = ("serving", "inference")
_PART: Final = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def tables(shared: Path = SHARED) -> tuple[Path, ...]:
    """Return the files of measured runs."""
    return tuple(shared / "measurements" / f"{name}.csv" for name in _FILES)


def quick_results(rows: Sequence[RunRow]) -> dict[str, str]:
    """Return the parts that the shipped parameters give, without a refit."""
    runs = planned(rows)
    return {
        "in_sample": f"\n{groups_part(runs, in_sample(runs))}\n",
        "coverage": f"\n{coverage_part(coverage(rows))}\n",
    }


def results(rows: Sequence[RunRow], held_out: Mapping[str, HeldOut]) -> dict[str, str]:
    """Return the text of each part of the page."""
    runs = fitted_on(rows)
    judged = {IN_SAMPLE: in_sample(runs)}
    judged |= {name: left_out(runs, held) for name, held in held_out.items()}
    found = {
        "targets": targets_part(runs, judged),
        "misses": misses_part(runs, judged),
        "sources": sources_part(runs, judged),
        "hits": hits_part(runs, judged),
        "widths": widths_part(runs, judged),
    }
    found |= {f"{name}_out": groups_part(runs, judged[name]) for name in (TABLE, "project")}
    return {name: f"\n{text}\n" for name, text in found.items()} | quick_results(rows)


def refreshed(text: str, parts: Mapping[str, str]) -> str:
    """Return the page with those of its parts replaced that are given."""
    return _PART.sub(lambda part: f"{part[1]}{parts[part[2]]}{part[3]}" if part[2] in parts
                     else part[0], text)  # fmt: skip


def write(rows: Sequence[RunRow], held_out: Mapping[str, HeldOut]) -> None:
    """Rewrite the page and its drawings."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(refreshed(text, results(rows, held_out)), encoding="utf-8")
    IMAGES.mkdir(exist_ok=True)
    runs = fitted_on(rows)
    for name, drawing in drawings(runs, left_out(runs, held_out[TABLE])).items():
        (IMAGES / f"speed-accuracy-{name}.svg").write_text(drawing, encoding="utf-8")


def main() -> None:
    """Refit, and rewrite the page and its drawings."""
    shared = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    paths = tables(shared)
    found = calibrate(paths, shipped(), cross_validate=True)
    write(found.rows, found.held_out)


if __name__ == "__main__":
    main()

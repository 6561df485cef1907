"""The list of counters that NVIDIA's DCGM exporter needs for the rules to see everything.

Its own list leaves out memory errors, NVLink errors, clocks' reasons and SM activity.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Literal

from rightrig.watching.rules.dcgm import FIELDS, XID_COUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence

Names = Literal["old", "new"]


def counters(names: Names) -> tuple[tuple[str, str, str], ...]:
    """Return name, type and help of every counter; ``new`` are the names since DCGM 4.6."""
    place = 0 if names == "old" else -1
    rows = ((one.names[place], one.kind, one.help) for one in FIELDS)
    return (*rows, (XID_COUNTS, "gauge", "Error events within the window by XID."))


def counters_text(names: Names, comments: Sequence[str]) -> str:
    """Return the file."""
    file = io.StringIO()
    file.writelines(f"# {line}\n" for line in comments)
    csv.writer(file, lineterminator="\n").writerows(counters(names))
    return file.getvalue()

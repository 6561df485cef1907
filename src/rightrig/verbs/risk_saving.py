"""Charts of ``risk`` go to a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.report.risk_values import Files
from rightrig.verbs.saving import save_charts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.report.values import Json


def written(folder: str | None, charts: Mapping[str, Json]) -> Files | None:
    """Write charts where a folder is named; return what was written."""
    if folder is None:
        return None
    drawn = save_charts(folder, charts)
    return Files(folder, drawn.names, drawn.hints)

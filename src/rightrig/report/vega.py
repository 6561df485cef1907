"""Charts on a page that stands alone: pictures, where the extra that draws them is installed."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rightrig.report.charting import picture_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.report.values import Json


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart as an SVG image inside an address, so that names in it meet no other picture's.

    Attributes:
        title: Of the chart.
        about: The lines below its title.
        source: The ``data:`` address.
    """

    title: str
    about: str
    source: str


def pictures_of(charts: Iterable[Json]) -> tuple[Picture, ...]:
    """Return pictures of charts; none without the extra ``charts``: the tables say the same."""
    if find_spec("vl_convert") is None:
        return ()
    return tuple(_picture(chart) for chart in charts)


def _picture(chart: Json) -> Picture:
    """Draw one chart."""
    title, about = words_of(chart)
    drawn = base64.b64encode(picture_of(chart, "svg")).decode()
    return Picture(title, about, f"data:image/svg+xml;base64,{drawn}")


def words_of(chart: Json) -> tuple[str, str]:
    """Return the title of a chart, and the lines below it as one text."""
    head = chart.get("title")
    if not isinstance(head, dict):
        return str(head or ""), ""
    return str(head.get("text", "")), " ".join(head.get("subtitle", ()))

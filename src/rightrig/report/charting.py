"""What every chart begins with, and pictures of charts.

Charts are Vega-Lite specifications, plain dicts. The colours are Okabe and Ito's, which
colour-blind readers tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.report.values import Json

BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
WIDTH: Final = 720
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v5.json"
_VERSION: Final = "5.21"
_PNG_SCALE_RATIO: Final = 2.0
_CONFIG: Final[Json] = {
    "font": "Helvetica, Arial, DejaVu Sans, sans-serif",
    "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
             "gridColor": "#e6e6e6"},
    "legend": {"labelFontSize": 12, "titleFontSize": 12, "symbolStrokeWidth": 3,
               "symbolOpacity": 1},
    "title": {"fontSize": 15, "subtitleFontSize": 12, "subtitleColor": "#555555",
              "anchor": "start", "offset": 14},
    "view": {"stroke": "#cccccc"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SizedChart:
    """A chart for a page, which keeps room for it before it is drawn.

    Attributes:
        spec: The Vega-Lite specification.
        height: How high it is drawn, in pixels.
    """

    spec: Json
    height: int


def chart_head(title: str, subtitle: Sequence[str]) -> Json:
    """Return what every chart begins with: schema, look, title, and the lines below it."""
    return {
        "$schema": _SCHEMA,
        "background": "white",
        "padding": 14,
        "config": _CONFIG,
        "title": {"text": title, "subtitle": list(subtitle)},
    }


def cells(**values: str | float | None) -> dict[str, str | float | None]:
    """Return a row of data, its numbers to six figures: no eye tells them apart."""
    return {
        name: float(f"{value:.6g}") if isinstance(value, float) else value
        for name, value in values.items()
    }


def picture_of(chart: Json, kind: Literal["svg", "png"]) -> bytes:
    """Return a chart as a picture."""
    import vl_convert  # noqa: PLC0415 - an extra

    if kind == "svg":
        return vl_convert.vegalite_to_svg(chart, vl_version=_VERSION).encode()
    return vl_convert.vegalite_to_png(chart, vl_version=_VERSION, scale=_PNG_SCALE_RATIO)

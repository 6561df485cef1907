"""A chart of what renting a card costs, offer by offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.report.charting import BLUE, VERMILION, SizedChart, cells, chart_head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.price_list import ListedOffer
    from rightrig.report.values import Json

_ROW_HEIGHT: Final = 24
_WIDTH: Final = 460
_MOST_ROWS: Final = 40
_FRAME_HEIGHT: Final = 146
"""Title, legend, axis and padding together, in pixels."""

_TOOLTIP: Final[list[Json]] = [
    {"field": "offer", "title": "offer"},
    {"field": "usd_per_hour", "title": "$ an hour a card", "format": ".3f"},
    {"field": "kind", "title": "how"},
    {"field": "region", "title": "region"},
    {"field": "date", "title": "seen"},
    {"field": "trust", "title": "trust"},
]
"""What hovering a bar tells."""


def offers_chart(title: str, offers: Sequence[ListedOffer]) -> SizedChart | None:
    """Return the price of one card an hour by offer, on demand and spot, the cheapest first.

    Args:
        title: What the offers are of.
        offers: In any order; offers without a price are left out.

    Returns:
        The chart; ``None`` where no offer has a price.
    """
    priced = [(usd, kind, offer) for offer in offers for kind, usd in _prices(offer)]
    if not priced:
        return None
    priced.sort(key=lambda one: (one[0], one[2].price.provider, one[2].price.instance))
    rows = [_row(*one) for one in priced[:_MOST_ROWS]]
    colour: Json = {
        "field": "kind", "type": "nominal", "title": None,
        "scale": {"domain": ["on demand", "spot"], "range": [BLUE, VERMILION]},
        "legend": {"orient": "top"},
    }  # fmt: skip
    left_out = len(priced) - len(rows)
    subtitle = (
        [f"The {_MOST_ROWS} cheapest; {left_out} more stand in the table."] if left_out else []
    )
    spec: Json = {
        **chart_head(title, subtitle),
        "width": _WIDTH,
        "height": {"step": _ROW_HEIGHT},
        "data": {"values": rows},
        "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": 14},
        "encoding": {
            "y": {
                "field": "offer", "type": "nominal", "sort": None, "title": None,
                "axis": {"labelLimit": 320},
            },
            # Offers of one name lie over each other; added up they would be no price.
            "x": {
                "field": "usd_per_hour", "type": "quantitative", "stack": None,
                "title": "$ an hour a card",
            },
            "color": colour,
            "tooltip": _TOOLTIP,
        },
    }  # fmt: skip
    return SizedChart(spec, _ROW_HEIGHT * len(rows) + _FRAME_HEIGHT)


def _prices(offer: ListedOffer) -> list[tuple[str, float]]:
    """Return the prices of one card by an offer, in $/h."""
    price = offer.price
    both = (("on demand", price.per_gpu_usd_per_hour), ("spot", price.spot_per_gpu_usd_per_hour))
    return [(kind, usd) for kind, usd in both if usd is not None]


def _row(usd_per_hour: float, kind: str, offer: ListedOffer) -> dict[str, str | float | None]:
    """Return one bar."""
    price = offer.price
    name = f"{price.provider} {price.instance}, {price.region}"
    return cells(
        offer=f"{name} (spot)" if kind == "spot" else name,
        usd_per_hour=usd_per_hour, kind=kind, region=price.region, date=price.date,
        trust=price.trust,
    )  # fmt: skip

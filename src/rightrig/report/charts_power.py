"""The chart of power limits: what a limit costs in speed and saves in energy and money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rightrig.report.charting import BLUE, GREEN, PURPLE, VERMILION, WIDTH, cells, chart_head
from rightrig.report.values import Json, deployment_text

if TYPE_CHECKING:
    from rightrig.planning.power_values import Capped, Powered

_HEIGHT = 300


def power_charts(found: Powered) -> dict[str, Json]:
    """Return the charts of a deployment's power by the names of their files."""
    return {"power-caps": caps_chart(found)} if found.caps else {}


def caps_chart(found: Powered) -> Json:
    """Return speed, energy and price under each limit, as shares of those without one."""
    free = found.caps[0]
    names = ["answer tokens/s", "prompt tokens/s", "energy a token"]
    names += [] if free.own_usd_per_token is None else ["own $ a token"]
    rows = [row for cap in found.caps for row in _rows(cap, free)]
    colours = (BLUE, PURPLE, GREEN, VERMILION)
    best = [] if found.best is None else [cells(limit_w=found.best.limit_w)]
    x: Json = {"field": "limit_w", "type": "quantitative", "title": "limit of a card, W",
               "scale": {"zero": False}}  # fmt: skip
    lines: dict[str, Any] = {
        "data": {"values": rows},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": x,
            "y": {"field": "share_ratio", "type": "quantitative", "scale": {"zero": False},
                  "title": "share of that at the board's own limit", "axis": {"format": "%"}},
            "color": {"field": "what", "type": "nominal", "title": None,
                      "scale": {"domain": names, "range": list(colours[: len(names)])}},
        },
    }  # fmt: skip
    rule: dict[str, Any] = {
        "data": {"values": best},
        "mark": {"type": "rule", "strokeDash": [4, 4]},
        "encoding": {"x": x},
    }
    head = chart_head(
        "What a power limit costs and saves",
        [deployment_text(found.prediction.deployment), "Dashed: the recommended limit."],
    )
    return {**head, "width": WIDTH, "height": _HEIGHT, "layer": [lines, rule]}


def _rows(cap: Capped, free: Capped) -> list[dict[str, str | float | None]]:
    """Return the shares of one limit."""
    shares = {
        "answer tokens/s": cap.output_tokens_per_s / free.output_tokens_per_s,
        "prompt tokens/s": cap.prefill_tokens_per_s / free.prefill_tokens_per_s,
        "energy a token": cap.energy_j_per_token / free.energy_j_per_token,
    }
    if cap.own_usd_per_token is not None and free.own_usd_per_token:
        shares["own $ a token"] = cap.own_usd_per_token / free.own_usd_per_token
    return [
        cells(limit_w=cap.limit_w, what=what, share_ratio=share) for what, share in shares.items()
    ]

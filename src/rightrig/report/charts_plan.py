"""The chart of a plan: what each plan of the Pareto front costs, and how quick it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from rightrig.quantities import show_seconds
from rightrig.report.charting import BLUE, VERMILION, WIDTH, cells, chart_head

if TYPE_CHECKING:
    from rightrig.report.schema.planning import FrontJson, PlanJson, PlannedJson
    from rightrig.report.values import Json

_HEIGHT: Final = 300
_MARKS: Final = ("first plan", "on the front")


def plan_charts(plan: PlanJson) -> tuple[Json, ...]:
    """Return the charts of a plan, which has none where nothing meets the limits.

    Args:
        plan: As in the JSON of ``plan``.
    """
    return (_pareto(plan),) if plan["front"] else ()


def _pareto(plan: PlanJson) -> Json:
    """Return the front: dollars against TPOT p99, the size of a point its capacity."""
    bought = any(row["capex_usd"] for row in plan["front"])
    first = [_key(one) for one in plan["plans"][:1]]
    name = "purchase" if bought else "rent a month"
    return {
        **chart_head(
            f"Plans for {plan['model']}: no other is better in all",
            [f"TPOT p99 against {name}; the larger a point, the more requests/s it carries"],
        ),
        "width": WIDTH,
        "height": _HEIGHT,
        "data": {"values": [_row(row, first, bought=bought) for row in plan["front"]]},
        "mark": {"type": "point", "filled": True, "opacity": 0.75, "cursor": "pointer"},
        "encoding": _encoding(name),
    }


def _key(one: FrontJson | PlannedJson) -> tuple[str | int, ...]:
    """Return what tells a plan from the others."""
    return (
        one["rig"], one["replicas"], one["prefill_replicas"], one["runtime"], one["weights"],
        one["kv"],
    )  # fmt: skip


def _row(
    row: FrontJson, first: list[tuple[str | int, ...]], *, bought: bool
) -> dict[str, str | float | None]:
    """Return one plan as a point."""
    return cells(
        cost=row["capex_usd"] if bought else row["rent_usd_per_month"],
        tpot_ms=row["tpot_p99_s"] * 1e3,
        ttft=show_seconds(row["ttft_p99_s"]),
        tpot=show_seconds(row["tpot_p99_s"]),
        capacity=row["capacity_requests_per_s"],
        engines=f"{row['replicas'] + row['prefill_replicas']} × {row['rig']}",
        how=f"{row['runtime']} {row['weights']}/{row['kv']} {row['split']}",
        mark=_MARKS[0] if _key(row) in first else _MARKS[1],
        page=f"/rigs/{quote(row['rig'], safe='')}",
    )


def _encoding(cost_title: str) -> Json:
    """Return how a row becomes a point."""
    return {
        "x": {
            "field": "cost", "type": "quantitative", "title": f"{cost_title} (log scale)",
            "scale": {"type": "log", "nice": False, "padding": 24},
            "axis": {"format": "$,.0f"},
        },
        "y": {
            "field": "tpot_ms", "type": "quantitative", "title": "TPOT p99, ms (log scale)",
            "scale": {"type": "log", "nice": False, "padding": 24},
        },
        "size": {
            "field": "capacity", "type": "quantitative", "title": "requests/s",
            "scale": {"range": [40, 600]},
        },
        "color": {
            "field": "mark", "type": "nominal", "title": None,
            "scale": {"domain": list(_MARKS), "range": [VERMILION, BLUE]},
        },
        "shape": {
            "field": "mark", "type": "nominal", "title": None,
            "scale": {"domain": list(_MARKS), "range": ["diamond", "circle"]},
        },
        "href": {"field": "page"},
        "tooltip": [
            {"field": "engines", "title": "engines"},
            {"field": "how", "title": "how"},
            {"field": "cost", "type": "quantitative", "format": "$,.0f", "title": cost_title},
            {"field": "ttft", "title": "TTFT p99"},
            {"field": "tpot", "title": "TPOT p99"},
            {"field": "capacity", "type": "quantitative", "format": ".3~g",
             "title": "carries requests/s"},
        ],
    }  # fmt: skip

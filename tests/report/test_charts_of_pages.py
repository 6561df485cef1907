"""Charts of measured runs and of prices: a mark a row, right units, nothing without rows."""

from __future__ import annotations

from typing import Any

import pytest

from rightrig.facts.catalog import shipped
from rightrig.facts.price_list import chosen_offers, wanted_offers
from rightrig.prediction.accuracy import accuracy
from rightrig.report.charts_accuracy import scatter_chart
from rightrig.report.charts_prices import offers_chart


def test_each_measured_row_is_a_point_in_the_panel_of_its_unit() -> None:
    """20 golden rows of memory: MiB are drawn as GiB beside the others."""
    rows = accuracy(shipped()).rows
    found: Any = scatter_chart("all", rows)
    panels = found.spec["concat"]
    assert sum(len(panel["data"]["values"]) for panel in panels) == len(rows) == 20
    titles = [panel["layer"][0]["encoding"]["x"]["title"] for panel in panels]
    assert titles == ["measured, GiB", "measured, tokens"]
    first = panels[0]["data"]["values"][0]
    assert first["measured"] == pytest.approx(12853 / 1024, rel=1e-5)
    for panel in panels:
        low, high = panel["layer"][0]["encoding"]["x"]["scale"]["domain"]
        for one in panel["data"]["values"]:
            assert low < one["measured"] < high
            assert low < one["low"] <= one["predicted"] <= one["high"] < high


def test_each_price_of_a_card_is_a_bar_the_cheapest_first() -> None:
    """On demand and spot are bars of their own."""
    catalog = shipped()
    offers = chosen_offers(catalog, wanted_offers(catalog, "h100-sxm", None, None), "card")
    found: Any = offers_chart("h100-sxm", offers)
    bars = [row["usd_per_hour"] for row in found.spec["data"]["values"]]
    both = [(o.price.on_demand_usd_per_hour, o.price.spot_usd_per_hour) for o in offers]
    assert len(bars) == sum(usd is not None for pair in both for usd in pair)
    assert bars == sorted(bars)
    assert found.height > 24 * len(bars)


def test_without_rows_there_is_no_chart() -> None:
    """Nothing is drawn of nothing."""
    assert scatter_chart("none", ()) is None
    assert offers_chart("none", ()) is None

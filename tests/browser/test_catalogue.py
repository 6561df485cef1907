"""The pages of the catalogue in a browser: sorting, filtering, charts, and the drawing of links.

What holds for every page (axe, phone, paper, no scripts) is in ``test_every_page.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

_FIRST_ROW = "table.list tbody tr:first-child th"


def test_a_list_is_filtered_and_sorted_by_keys_alone(page: Page) -> None:
    """Name typed, Enter pressed, a head of a column reached by Tab: the address says it all."""
    page.goto("/gpus")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("h100")
    page.keyboard.press("Enter")
    page.wait_for_url("**/gpus?name=h100*")
    names = page.locator("table.list tbody th").all_inner_texts()
    assert names
    assert all("h100" in name for name in names)
    head = page.get_by_role("link", name="GB/s", exact=True)
    head.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**sort=bandwidth&order=desc")
    assert "name=h100" in page.url
    assert page.locator(_FIRST_ROW).inner_text() == "h100-nvl"
    assert page.locator('th[aria-sort="descending"]').inner_text().startswith("GB/s")


def test_a_list_works_without_scripts(open_page: Callable[..., Page]) -> None:
    """Forms and links are all that it takes."""
    page = open_page(java_script_enabled=False)
    page.goto("/models")
    page.get_by_label("Family").select_option("gpt_oss")
    page.get_by_role("button", name="Filter").click()
    assert {"openai/gpt-oss-120b", "openai/gpt-oss-20b"} <= set(
        page.locator("table.list tbody th").all_inner_texts()
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_measured_runs_are_drawn_and_a_point_tells_its_row(
    open_page: Callable[..., Page], scheme: str
) -> None:
    """The chart has a point a row; hovering one names its model and its source."""
    page = open_page(color_scheme=scheme)
    page.goto("/measured?what=TTFT")
    points = page.locator("figure .drawn path[aria-roledescription='point']")
    points.first.wait_for()
    assert points.count() == page.locator("table.list tbody tr").count() == 3
    points.first.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "source" in tooltip.inner_text()
    assert "NVIDIA/TensorRT-LLM" in tooltip.inner_text()


def test_prices_of_a_card_are_drawn_in_the_room_that_was_kept(page: Page) -> None:
    """A bar a price, and nothing below the chart moves by more than a line when it comes."""
    page.goto("/prices?gpu=h100-sxm")
    bars = page.locator("figure .drawn path[aria-roledescription='bar']")
    bars.first.wait_for()
    spots = page.locator("table.list tbody tr td:nth-child(3)").all_inner_texts()
    spots_count = sum(text != "–" for text in spots)
    assert bars.count() == page.locator("table.list tbody tr").count() + spots_count
    kept = float(page.locator("figure svg.room").get_attribute("height") or "0")
    drawn = page.locator("figure .drawn").evaluate("one => one.getBoundingClientRect().height")
    assert abs(drawn - kept) < 24


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_links_of_a_rig_are_drawn_in_ink_that_can_be_read(
    open_page: Callable[..., Page], scheme: str
) -> None:
    """The drawing has a text alternative, and its words stand out from the paper."""
    page = open_page(color_scheme=scheme, viewport={"width": 390, "height": 844})
    page.goto("/rigs/2xrtx-3090@nvlink")
    drawing = page.get_by_role("img", name="Links of 2xrtx-3090@nvlink")
    assert drawing.is_visible()
    assert "1 pair of cards" in (page.locator("#topology-about").text_content() or "")
    ink, paper = page.locator(".topology text").first.evaluate(
        "one => [getComputedStyle(one).fill, getComputedStyle(document.body).backgroundColor]"
    )
    assert abs(_brightness(ink) - _brightness(paper)) > 60
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def _brightness(colour: str) -> float:
    """Return the mean of red, green and blue of ``rgb(…)``, 0 to 255."""
    parts = colour[colour.index("(") + 1 : -1].split(",")[:3]
    return sum(float(part) for part in parts) / 3.0

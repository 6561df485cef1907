"""The page of plans in a real browser: a search that streams, ends, draws, and can be shared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from playwright.sync_api import Page

    from rightrig.web.site import Site

QUICK: Final = {"model": "qwen3-8b", "rate": "9/s", "gpu": "l40s", "runtime": "vllm"}
"""A search among few candidates."""
LONG: Final = {**QUICK, "gpu": "", "runtime": "", "simulate": "10"}
"""One that simulates for long enough to be ended."""
POINT: Final = "#results figure .mark-symbol path"


def fill(page: Page, words: dict[str, str]) -> None:
    """Fill the form in."""
    for name, value in words.items():
        page.fill(f"#ask-{name}", value)


def ask(page: Page, words: dict[str, str]) -> None:
    """Open the form, fill it in and send it."""
    page.goto("/plan")
    fill(page, words)
    page.click("text=Find plans")


def test_a_form_becomes_plans_with_a_chart_and_an_address(page: Page) -> None:
    ask(page, QUICK)
    page.wait_for_selector("#results caption >> text=Ranked plans for Qwen/Qwen3-8B")
    page.wait_for_selector(POINT)
    assert page.locator("#results [data-fallback]").is_hidden()
    assert "/plan?" in page.url
    assert "gpu=l40s" in page.url
    assert "rightrig plan Qwen/Qwen3-8B" in page.inner_text("#results pre >> nth=-1")


def test_a_shared_link_opens_the_same_plans(page: Page, open_page: Callable[..., Page]) -> None:
    ask(page, QUICK)
    page.wait_for_selector("#results caption")
    other = open_page()
    other.goto(page.url)
    rows = "#results table >> nth=0 >> tbody"
    assert other.inner_text(rows) == page.inner_text(rows)
    assert other.input_value("#ask-rate") == "9/s"


def test_a_point_of_the_front_tells_its_figures_and_opens_its_rig(page: Page) -> None:
    ask(page, QUICK)
    point = page.locator(POINT).first
    point.hover()
    tooltip = page.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert "l40s" in tooltip.inner_text()
    point.click()
    page.wait_for_url("**/rigs/*l40s*")
    assert "l40s" in page.inner_text("h1")


def test_a_long_search_tells_how_far_it_is_and_ends_its_work_when_cancelled(
    page: Page, server: Any
) -> None:
    site: Site = server.app.state.site
    ask(page, LONG)
    page.wait_for_selector("#results progress[value]")
    worker = busy_processes(site)
    assert worker
    page.click("text=Cancel")
    page.wait_for_selector("text=What comes here")
    ends_s = time.monotonic() + 10.0
    while busy_processes(site) & worker:
        assert time.monotonic() < ends_s, "the worker still computes"
        time.sleep(0.05)
    ask(page, QUICK)
    page.wait_for_selector("#results caption >> text=Ranked plans")


def busy_processes(site: Site) -> set[int]:
    """Return the numbers of the processes that compute now."""
    workers = site.workers
    busy = workers._all - set(workers._idle)  # noqa: SLF001 - nothing else tells
    return {one._process.pid for one in busy if one._process and one._process.pid}  # noqa: SLF001


def test_wrong_words_are_told_beside_the_form(page: Page) -> None:
    ask(page, {**QUICK, "rate": "many"})
    told = page.locator("#results [role=alert]")
    told.wait_for()
    assert "many" in told.inner_text()
    assert page.input_value("#ask-rate") == "many"


def test_a_question_without_plans_says_what_would_let_one_in(page: Page) -> None:
    ask(page, {**QUICK, "ttft_p99": "1us"})
    page.wait_for_selector("#results h2 >> text=No plan")


def test_the_keyboard_alone_asks_and_opens_a_rig(page: Page) -> None:
    page.goto("/plan")
    fill(page, {"model": "qwen3-8b", "gpu": "l40s"})
    page.focus("#ask-rate")
    page.keyboard.press("Control+a")
    page.keyboard.type("9/s")
    page.keyboard.press("Enter")
    page.wait_for_selector("#results caption")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#results tbody th a') !== null"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/rigs/*l40s*")


def test_without_scripts_the_form_is_answered_whole(open_page: Callable[..., Page]) -> None:
    page = open_page(java_script_enabled=False)
    ask(page, QUICK)
    page.wait_for_selector("#results caption >> text=Ranked plans")
    assert page.locator("#results [data-fallback]").is_visible()

"""The configurator in a real browser: with eyes, ears and keys, and without a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.planning.fits import changes, models_that_fit

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe checks access")

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

_FOUR: Final = "/?v=1&rig=4xrtx-4090&all=1"


def _names(page: Page) -> set[str]:
    """Return the models that the page says fit."""
    found: list[str] = page.eval_on_selector_all(
        "#results .models:first-of-type tbody tr a.choose",
        "links => links.filter(a => !a.closest('.refused'))"
        ".map(a => new URL(a.href).searchParams.get('model'))",
    )
    return set(found)


def _settled(page: Page, rig: str) -> None:
    """Wait until the page shows a rig."""
    page.wait_for_url(f"**rig={rig}*")
    page.wait_for_selector(".htmx-request, .htmx-swapping, .htmx-settling", state="detached")


def test_from_four_cards_to_two_exactly_the_models_over_the_budget_vanish(page: Page) -> None:
    page.goto(_FOUR)
    before = _names(page)
    page.fill("#count-0", "2")
    _settled(page, "2xrtx-4090")
    catalog = shipped()
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    four, two = (
        models_that_fit(catalog, parse_rig(text, catalog), 8192, 1, Choices(), llms)
        for text in ("4xrtx-4090", "2xrtx-4090")
    )
    lost = {c.after.llm.slug for c in changes(four, two) if c.after.verdict == "no"}
    assert before - _names(page) == lost
    assert f"{len(lost)} models no longer fit" in page.inner_text(".shift")
    assert f"{len(lost)} models no longer fit" in (page.text_content("#announce") or "")


def test_another_kind_of_card_is_mixed_in_and_taken_out_again(page: Page) -> None:
    page.goto("/?v=1&rig=4xrtx-4090&context=4096")
    page.select_option("#card-1", "a100-sxm-80gb")
    _settled(page, "4xrtx-4090%2B1xa100-sxm-80gb")
    assert page.locator(".memory .bar-label").count() == 5
    assert page.input_value("#card-1") == "a100-sxm-80gb"
    assert page.locator("#card-2").count() == 1
    page.get_by_role("button", name="Remove rtx-4090").click()
    _settled(page, "1xa100-sxm-80gb")
    assert page.input_value("#card-0") == "a100-sxm-80gb"


def test_a_shared_link_opens_the_same_state(page: Page, open_page: Callable[..., Page]) -> None:
    page.goto("/?v=1&rig=2xrtx-3090")
    page.locator("summary", has_text="Link, slot, power cap").first.click()
    page.select_option("#link-0", "nvlink")
    _settled(page, "2xrtx-3090@nvlink")
    page.fill("#f-users", "4")
    page.wait_for_url("**users=4*")
    address = page.get_attribute("a.copy", "href")
    again = open_page()
    again.goto(address or "")
    assert again.input_value("#count-0") == "2"
    assert again.input_value("#link-0") == "nvlink"
    assert again.input_value("#f-users") == "4"
    assert again.inner_text("#models-head") == page.inner_text("#models-head")
    assert "was=" not in again.url


def test_everything_is_reached_by_keyboard_and_focus_stays(page: Page) -> None:
    page.goto(_FOUR)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "count-0":
            break
    assert page.evaluate("document.activeElement.id") == "count-0"
    page.keyboard.press("ArrowDown")
    _settled(page, "3xrtx-4090")
    assert page.evaluate("document.activeElement.id") == "count-0"
    page.keyboard.press("ArrowDown")
    _settled(page, "2xrtx-4090")
    assert page.evaluate("document.activeElement.id") == "count-0"


def test_a_wrong_value_is_told_while_typing_and_forgotten_when_mended(page: Page) -> None:
    told: list[str] = []
    page.goto(_FOUR)
    page.fill("#f-rate", "fast")
    page.wait_for_selector("#wrong-rate")
    told.append(page.inner_text("#wrong-rate"))
    assert page.evaluate("document.activeElement.id") == "f-rate"
    assert page.input_value("#f-rate") == "fast"
    page.fill("#f-rate", "2/s")
    page.wait_for_selector("#wrong-rate", state="detached")
    page.wait_for_url("**rate=2/s*")
    assert "5/s or 300/min" in told[0]


def test_a_row_draws_its_memory_and_tells_why(page: Page) -> None:
    page.goto("/?v=1&rig=2xrtx-4090")
    row = page.locator(".models tbody tr").nth(5)
    name = row.locator("th a").inner_text()
    row.locator("td.num").first.click()
    page.wait_for_function(
        "(name) => document.querySelector('#memory-head').innerText.includes(name)", arg=name
    )
    page.locator(".models details.why summary").nth(2).click()
    page.wait_for_selector(".models details.why p:has-text('of a budget of')")


def test_back_returns_to_the_state_before(page: Page) -> None:
    page.goto(_FOUR)
    first = page.inner_text("#models-head")
    page.fill("#count-0", "1")
    _settled(page, "1xrtx-4090")
    page.go_back()
    _settled(page, "4xrtx-4090")
    page.wait_for_function("() => document.querySelector('#count-0').value === '4'")
    assert page.inner_text("#models-head") == first


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", [
    "/?v=1&rig=4xrtx-4090%2B1xa100-sxm-80gb&runtime=vllm&model=llama-3.3-70b-instruct&ttft=2s",
    "/?v=2&rig=2xrtx-4090%2B1xnope&context=abc",
    "/why?v=1&rig=1xrtx-4090&model=llama-3.3-70b-instruct",
])  # fmt: skip
def test_axe_finds_nothing(open_page: Callable[..., Page], scheme: str, address: str) -> None:
    page = open_page(color_scheme=scheme)
    page.goto(address)
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("width", [390, 320, 768])
def test_a_phone_scrolls_down_alone(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(viewport={"width": width, "height": 844})
    page.goto("/?v=1&rig=4xrtx-4090%2B1xa100-sxm-80gb&runtime=vllm&ttft=2s")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_the_form_asks_and_the_change_is_told(
    open_page: Callable[..., Page],
) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/?v=1&rig=4xrtx-4090")
    page.fill("#count-0", "2")
    page.select_option("#card-1", "rtx-3090")
    page.get_by_role("button", name="Show what fits").click()
    assert "rig=2xrtx-4090%2B1xrtx-3090" in page.url
    assert "4xrtx-4090 → 2xrtx-4090+1xrtx-3090" in page.inner_text(".shift")
    page.locator(".models tbody a.choose").nth(3).click()
    assert "model=" in page.url
    page.locator("summary:has-text('why')").first.click()
    page.get_by_role("link", name="the arithmetic").first.click()
    assert "of a budget of" in page.inner_text("main")


def test_the_first_paint_does_not_shift(page: Page) -> None:
    page.goto("/?v=1&rig=4xrtx-4090")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shiftsSum") < 0.02

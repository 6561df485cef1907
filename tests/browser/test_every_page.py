"""What holds for every page: read by anybody, on any width, in light and dark, on paper."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest
from fastapi.routing import APIRoute

axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playwright.sync_api import Page

# Each page is loaded once for all tests of it: by one process.
pytestmark = pytest.mark.xdist_group("every-page")
PLANS: Final = "/plan?model=qwen3-8b&rate=9/s&vendor=nvidia&gpu=l40s&runtime=vllm"
"""A search among few candidates."""
PAGES: Final = (
    "/",
    "/plan", f"{PLANS}&ttft_p99=1s", f"{PLANS}&ttft_p99=1us",
    "/compare", "/compare?rig=4xrtx-4090&rig=1xh100-sxm&rig=4xrtx-4090%2B1xa100-sxm-80gb",
    "/gpus", "/gpus/h100-sxm", "/models", "/models/qwen--qwen3-8b",
    "/rigs", "/rigs/4xrtx-4090", "/prices", "/runtimes", "/runtimes/vllm",
    "/measured", "/accuracy", "/claims", "/api", "/gpus/no-such-card",
)  # fmt: skip
"""An address of every kind of page."""
NO_PAGES: Final = frozenset(
    (
        "/plan/search", "/plan/ended", "/plan/events", "/compare/cloud", "/why", "/csp",
        "/configurator.csv", "/configurator.md", "/measurements", "/measurements/{name}",
    )
)  # fmt: skip
"""Parts of pages, files, what leads elsewhere, and what is of the API."""
WCAG: Final = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CONTRAST: Final = {"type": "rule", "values": ["color-contrast"]}
"""All that depends on the colours."""
PHONE_WIDTH: Final = 390
PAPER_WIDTH: Final = 957
"""CSS pixels of A4 between margins of a centimetre, at which a browser lays out paper first …"""
WIDEST_ON_PAPER: Final = 1436
"""… and up to which it shrinks what is wider."""
MOST_SHIFT: Final = 0.02
_CUT: Final = """() => [...document.querySelectorAll("main *")].filter((one) => {
  const look = getComputedStyle(one);
  const hides = ["auto", "scroll", "hidden"].includes(look.overflowX);
  return hides && !one.closest(".unseen") && one.clientWidth > 1
    && one.scrollWidth > one.clientWidth + 1;
}).map((one) => one.outerHTML.slice(0, 120))"""
_WIDTH: Final = "() => document.scrollingElement.scrollWidth"


@pytest.fixture(scope="module")
def tab(open_page_of_module: Callable[..., Page]) -> Page:
    """Return the page that all tests of this module share."""
    return open_page_of_module()


@pytest.fixture(scope="module")
def plain_tab(open_page_of_module: Callable[..., Page]) -> Page:
    """Return a page without scripts."""
    return open_page_of_module(java_script_enabled=False)


@pytest.fixture(scope="module", params=PAGES)
def shown(request: pytest.FixtureRequest, tab: Page) -> Page:
    """Return a page at rest, in light and on a wide screen; each is loaded once for all tests."""
    tab.emulate_media(media="screen", color_scheme="light")
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.goto(request.param)
    tab.wait_for_load_state("networkidle")
    return tab


def violations(page: Page, rules: Mapping[str, object]) -> list[str]:
    """Return what axe finds: rule and place."""
    found = axe_playwright.Axe().run(
        page, options={"resultTypes": ["violations"], "runOnly": rules}
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found.response["violations"]
        for node in one["nodes"][:3]
    ]


def test_a_page_that_breaks_its_policy_is_caught(open_page: Callable[..., Page]) -> None:
    watch = open_page.watch  # type: ignore[attr-defined]
    page = open_page()
    page.goto("/compare")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("setTimeout(() => { throw new Error('broken') }, 0)")
    page.evaluate("fetch('/static/no-such-file.css').catch(() => null)")
    page.wait_for_timeout(300)
    said = " ".join(watch.complaints)
    assert "Content Security Policy" in said
    assert "script: broken" in said
    assert "404: " in said
    assert watch.server.reports_count() > watch.reports_count
    watch.complaints.clear()
    watch.reports_count = watch.server.reports_count()


def test_every_route_has_an_address_here(server: object) -> None:
    app = server.app  # type: ignore[attr-defined]
    routes = [
        route for router in app.routes for route in _leaves(router)
        if not route.path.startswith(("/api/", "/static/")) and route.path not in NO_PAGES
    ]  # fmt: skip
    assert len(routes) > 10
    for route in routes:
        assert any(route.path_regex.match(path.partition("?")[0]) for path in PAGES), route.path


def _leaves(route: object) -> list[APIRoute]:
    """Return the routes that answer GET below a route."""
    if isinstance(route, APIRoute):
        return [route] if "GET" in (route.methods or ()) else []
    inner = getattr(route, "original_router", None)
    return [leaf for one in getattr(inner, "routes", ()) for leaf in _leaves(one)]


def test_it_comes_without_layout_shift(shown: Page) -> None:
    assert shown.evaluate("window.shiftsSum") < MOST_SHIFT


def test_it_has_one_title_and_a_name(shown: Page) -> None:
    assert shown.locator("h1").count() == 1
    assert re.fullmatch(r".+ · rightrig", shown.title())


def test_axe_finds_no_violation_in_light(shown: Page) -> None:
    assert violations(shown, WCAG) == []


def test_axe_finds_no_violation_in_dark(shown: Page) -> None:
    shown.emulate_media(media="screen", color_scheme="dark")
    assert violations(shown, CONTRAST) == []


def test_a_phone_does_not_scroll_sideways(shown: Page) -> None:
    shown.emulate_media(media="screen", color_scheme="light")
    shown.set_viewport_size({"width": PHONE_WIDTH, "height": 844})
    assert shown.evaluate(_WIDTH) <= PHONE_WIDTH


def test_paper_cuts_nothing(shown: Page) -> None:
    shown.emulate_media(media="print", color_scheme="light")
    shown.set_viewport_size({"width": PAPER_WIDTH, "height": 1200})
    assert shown.evaluate(_WIDTH) <= WIDEST_ON_PAPER
    assert shown.evaluate(_CUT) == []


def test_it_says_as_much_without_scripts(shown: Page, plain_tab: Page) -> None:
    shown.emulate_media(media="screen", color_scheme="light")
    shown.set_viewport_size({"width": 1280, "height": 800})
    plain_tab.goto(shown.url)
    said = len(plain_tab.inner_text("main").split())
    assert said >= 0.8 * len(shown.inner_text("main").split())

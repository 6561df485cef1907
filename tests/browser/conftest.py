"""A real server, a real browser, and pages that fail their test on what users would not see.

``open_page`` makes a page of a new context; ``page`` is one with the usual settings. Whatever a
page complains of fails the test that opened it: a violation of the Content-Security-Policy, an
error of a script, a file that did not come, and a request that leaves this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from web_server import serving

from rightrig.facts.catalog import shipped
from rightrig.web.app import created
from rightrig.web.safety import LOOPBACK, REPORTS_PATH
from rightrig.web.site import Settings

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGUMENTS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
LONGEST_WAIT_S: Final = 60.0
_SHIFTS: Final = """
window.shiftsSum = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shiftsSum += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
"""Sums the layout shifts of a page from its first paint on (Layout Instability API)."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers on loopback.

    Attributes:
        url: Without a slash at its end.
        app: The application, to look into it.
    """

    url: str
    app: FastAPI

    def reports_count(self) -> int:
        """Return how often a browser reported that a page broke its policy."""
        return int(httpx.get(f"{self.url}{REPORTS_PATH}").json()["count"])


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Return a server of the shipped catalogue on a free port."""
    app = created(shipped(), Settings(warms=False))
    with serving(app=app) as url:
        yield Server(url, app)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser.

    Of a module, not of the session: while it lives, its loop runs in this thread, in which tests
    of other rooms start loops of their own.
    """
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield found
        found.close()


@dataclass  # without slots: playwright writes down in an object which of its methods listen
class Watch:
    """What pages of one test complained of."""

    server: Server
    reports_count: int
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def see(self, context: BrowserContext) -> None:
        """Listen to every page of a context."""
        self.contexts.append(context)
        context.on("console", self._said)
        context.on("weberror", lambda error: self.complaints.append(f"script: {error.error}"))
        context.on("request", self._asked)
        context.on("response", self._answered)

    def _said(self, message: ConsoleMessage) -> None:
        # What a page's own address answers is for the test to judge.
        is_status = message.text.startswith("Failed to load resource")
        if message.type in {"error", "warning"} and not is_status:
            self.complaints.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in {*LOOPBACK, None}:
            self.complaints.append(f"left this machine: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            self.complaints.append(f"{response.status}: {response.url}")

    def finish(self) -> None:
        """Close the pages and fail on what they complained of."""
        for context in self.contexts:
            context.close()
        assert not self.complaints, self.complaints
        assert self.server.reports_count() == self.reports_count, "a page broke its policy"


@pytest.fixture(scope="module")
def open_page_of_module(server: Server, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return what opens pages that live as long as the tests of a module."""
    yield from _opener(server, browser)


@pytest.fixture
def open_page(server: Server, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return what opens a page in a new context; its options are those of a context."""
    yield from _opener(server, browser)


def _opener(server: Server, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Yield what opens watched pages, and judge them at the end."""
    watch = Watch(server, server.reports_count())

    def opened(**options: Any) -> Page:
        usual = {"base_url": server.url, "viewport": {"width": 1280, "height": 800}}
        context = browser.new_context(**{**usual, **options})
        context.set_default_timeout(1e3 * LONGEST_WAIT_S)
        context.add_init_script(_SHIFTS)
        watch.see(context)
        return context.new_page()

    opened.watch = watch  # type: ignore[attr-defined] # for the test of the watch itself
    yield opened
    watch.finish()


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """Return a page with the usual settings: 1280 × 800, light."""
    return open_page()

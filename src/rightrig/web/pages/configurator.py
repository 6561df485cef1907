"""``/``: build a rig, say the load, and see which models fit, how fast, for how much."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from rightrig.errors import RightrigError
from rightrig.prediction.levers import levers
from rightrig.verbs.deploying import others
from rightrig.web.pages.configurator_answer import answer_of, arithmetic
from rightrig.web.pages.configurator_files import csv_of, markdown_of
from rightrig.web.pages.configurator_form import form_of
from rightrig.web.pages.configurator_shelf import shelf_of, warm
from rightrig.web.rendering import rendered
from rightrig.web.site import site_of
from rightrig.web.state import SIZES, canonical, question, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fastapi import FastAPI

    from rightrig.facts.catalog import Catalog
    from rightrig.web.pages.configurator_answer import Answer
    from rightrig.web.pages.configurator_shelf import Shelf
    from rightrig.web.state import Reading

_TITLE: Final = "Which models fit this rig"
_WRONG: Final = 422
_OK: Final = 200
_MOVED: Final = 303
_LONGEST: Final = 20_000
_SIZES: Final = tuple(zip(SIZES, (
    "up to 4 B", "4 to 15 B", "15 to 40 B", "40 to 130 B", "130 B and more",
), strict=True))  # fmt: skip
_POOL: Final = ThreadPoolExecutor(2, "configurator")
"""Two threads: a rig of a kind that nobody asked for yet does not hold up all others."""


@asynccontextmanager
async def _warming(app: FastAPI) -> AsyncIterator[None]:
    """Get ready in the background while the server starts; questions before that are slower."""
    site = site_of(Request({"type": "http", "app": app}))
    if site.settings.warms:
        threading.Thread(target=warm, args=(site.catalog,), name="warm", daemon=True).start()
    yield


router: Final = APIRouter(include_in_schema=False, lifespan=_warming)


async def _computed(request: Request, make: Callable[[str], Response]) -> Response:
    """Return an answer that takes a processor some milliseconds, beside the loop of the server."""
    return await asyncio.get_running_loop().run_in_executor(_POOL, make, request.url.query)


def _given(query: str) -> dict[str, list[str]]:
    """Return the values of a query by name; of more than any form sends, the first."""
    return parse_qs(query[:_LONGEST], keep_blank_values=True)


@router.get("/")
async def configurator(request: Request) -> Response:
    """Return the page, or for htmx the part of it that a change concerns."""
    answered = await _computed(request, lambda query: _answered(request, query))
    # A browser that goes back must not take the part for the page.
    answered.headers.append("Vary", "HX-Request")
    return answered


def _answered(request: Request, query: str) -> Response:
    """Return the page for a query."""
    catalog = site_of(request).catalog
    shelf, given = shelf_of(catalog), _given(query)
    reading = read(given, catalog)
    before = _before(request, given, catalog)
    if _is_partial(request):
        return _part(shelf, reading, before, has_faults=bool("".join(given.get("faulty", ""))))
    if reading.is_form and not reading.wrong:
        return RedirectResponse(f"/?{_moved_query(reading, before)}", _MOVED)
    status, values = _values(shelf, reading, before)
    content = rendered(
        "configurator.html.jinja", here=request.url.path, title=_TITLE,
        form=form_of(reading, shelf), **values,
    )  # fmt: skip
    return HTMLResponse(content, status)


def _values(
    shelf: Shelf, reading: Reading, before: Reading | None
) -> tuple[int, dict[str, object]]:
    """Return the status, and what the templates of the results show."""
    answer, wrong = _answer(shelf, reading, before)
    return _WRONG if wrong or reading.wrong else _OK, {
        "answer": answer, "shelf": shelf, "state": reading.state, "query": canonical(reading.state),
        "notices": (*reading.notices, *wrong), "link": canonical, "sizes": _SIZES,
    }  # fmt: skip


def _part(
    shelf: Shelf, reading: Reading, before: Reading | None, *, has_faults: bool
) -> HTMLResponse:
    """Return the results, and the form again where its fields are others than those on the page."""
    _, values = _values(shelf, reading, before)
    redrawn = (
        has_faults
        or bool(reading.wrong)
        or reading.words.is_redrawn
        or before is None
        or _cards(before) != _cards(reading)
        or (not reading.is_form and before.state.rig != reading.state.rig)
    )
    form = form_of(reading, shelf) if redrawn else None
    content = rendered("configurator_part.html.jinja", form=form, **values)
    # Of a value that is being typed the browser's console need not hear: the part tells it.
    return HTMLResponse(content, headers={"HX-Push-Url": f"/?{values['query']}"})


def _cards(reading: Reading) -> list[str]:
    """Return the kinds of cards in the order of their rows."""
    return [row.card for row in reading.words.rows]


def _answer(
    shelf: Shelf, reading: Reading, before: Reading | None
) -> tuple[Answer | None, tuple[str, ...]]:  # fmt: skip
    """Return the answer, or why there is none."""
    try:
        return answer_of(reading, shelf, before), ()
    except RightrigError as error:
        return None, (str(error),)


def _is_partial(request: Request) -> bool:
    """Whether htmx asks for a part; going back it asks for a whole page."""
    headers = request.headers
    return "hx-request" in headers and "hx-history-restore-request" not in headers


def _before(request: Request, given: dict[str, list[str]], catalog: Catalog) -> Reading | None:
    """Return the state that the page showed before, where the request tells it."""
    told = "".join(given.get("was", [])[-1:])
    if not told and _is_partial(request):
        # Whatever a client calls an address: what follows its question mark.
        told = request.headers.get("hx-current-url", "")[:8_000].partition("?")[2].partition("#")[0]
    return read(_given(told), catalog) if told else None


def _moved_query(reading: Reading, before: Reading | None) -> str:
    """Return the query that a form's answer lies at, with the state before where that differs."""
    query = canonical(reading.state)
    if before is None or question(before.state) == question(reading.state):
        return query
    return f"{query}&{urlencode({'was': canonical(question(before.state))})}"


@router.get("/why")
async def why(request: Request) -> Response:
    """Return why one model fits or does not, and what would help."""
    return await _computed(request, lambda query: _why(request, query))


def _why(request: Request, query: str) -> Response:
    """Return the arithmetic of one model's verdict."""
    catalog = site_of(request).catalog
    shelf, reading = shelf_of(catalog), read(_given(query), catalog)
    answer, wrong = _answer(shelf, reading, None)
    values: dict[str, object] = {"chosen": None, "sums": "", "changes": (), "wrong": wrong}
    if answer is not None and answer.chosen is not None:
        fit = shelf.surveyed(reading).held.fit(answer.chosen.place)
        values |= {"chosen": answer.chosen, "sums": "" if fit is None else arithmetic(fit)}
        if fit is not None and fit.verdict in {"no", "offload"}:
            values["changes"] = levers(fit, others(catalog, fit.deployment))
    values["query"] = canonical(reading.state)
    if _is_partial(request):
        return HTMLResponse(rendered("configurator_why_part.html.jinja", **values))
    name = answer.chosen.name if answer and answer.chosen else ""
    values |= {"title": f"Why {name}", "here": request.url.path}
    return HTMLResponse(rendered("configurator_why.html.jinja", **values))


@router.get("/configurator.csv")
async def as_csv(request: Request) -> Response:
    """Return the table as CSV."""
    return await _computed(request, lambda query: _file(request, query, csv_of, "csv"))


@router.get("/configurator.md")
async def as_markdown(request: Request) -> Response:
    """Return the table as Markdown."""
    return await _computed(request, lambda query: _file(request, query, markdown_of, "markdown"))


def _file(
    request: Request, query: str, make: Callable[[Shelf, Reading], str], kind: str
) -> Response:  # fmt: skip
    """Return the table as a file."""
    catalog = site_of(request).catalog
    shelf, reading = shelf_of(catalog), read(_given(query), catalog)
    told = (*reading.wrong.values(), *reading.notices)
    if reading.wrong:
        return PlainTextResponse("\n".join(told) + "\n", _WRONG)
    try:
        text = make(shelf, reading)
    except RightrigError as error:
        return PlainTextResponse(f"{error}\n", _WRONG)
    return Response(text, media_type=f"text/{kind}; charset=utf-8")

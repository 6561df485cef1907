"""``/plan``: the best rigs for some traffic, the front that they lie on, why the others lost."""

from __future__ import annotations

import inspect
import itertools
import json
import shlex
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from rightrig.deployment.compatibility import RULES
from rightrig.errors import RightrigError
from rightrig.planning.constraints import CONSTRAINTS
from rightrig.quantities import show_number, show_seconds, show_usd
from rightrig.report.charts_plan import plan_charts
from rightrig.web.answering import Done, Progress
from rightrig.web.limits import check_cost
from rightrig.web.pages.plan_form import form_of, given_of, is_asked
from rightrig.web.problems import ProblemError
from rightrig.web.rendering import page, part, rendered
from rightrig.web.site import site_of
from rightrig.web.waiting import unless_gone

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from markupsafe import Markup

    from rightrig.report.schema.planning import FrontJson, PlanJson, PlannedJson
    from rightrig.report.schema.shared import IntervalJson
    from rightrig.web.site import Site

router: Final = APIRouter(include_in_schema=False)
_TITLE: Final = "Plan"
_VERB: Final = ("plan",)
_RULES: Final = {
    **{rule.id: (inspect.getdoc(rule) or "").partition("\n")[0] for rule in CONSTRAINTS},
    **{rule.id: (inspect.getdoc(rule) or "").partition("\n")[0] for rule in RULES},
}
"""The sentence of each rule, by its ID."""
_FLAGS: Final = frozenset({"buy", "spot", "explain"})


@router.get("/plan")
async def plan_page(request: Request) -> HTMLResponse:
    """Return the form, and the plans where the address asks for some."""
    site, query = site_of(request), _said(request)
    status, results = 200, part("plan_start.html.jinja")
    try:
        given = given_of(query)
        if is_asked(query):
            results = await _results(request, given)
    except RightrigError as error:
        status, results = 422, _wrong(str(error))
    return page(
        request, "plan.html.jinja", status=status, title=_TITLE,
        groups=form_of(site.catalog, query), results=results,
    )  # fmt: skip


@router.get("/plan/search")
async def search(request: Request) -> Response:
    """Return what follows a search: its progress, a way to end it, and where its results go."""
    query = _said(request)
    try:
        given = given_of(query)
    except RightrigError as error:
        return HTMLResponse(_wrong(str(error)))
    address = urlencode(query)
    content = rendered("plan_searching.html.jinja", events=f"/plan/events?{address}",
                       simulates=bool(given.get("simulate")))  # fmt: skip
    return HTMLResponse(content, headers={"HX-Push-Url": f"/plan?{address}"})


@router.get("/plan/ended")
async def ended() -> HTMLResponse:
    """Return what stands in place of a search that its user ended."""
    return HTMLResponse(part("plan_start.html.jinja"))


@router.get("/plan/events")
async def events(request: Request) -> StreamingResponse:
    """Stream how far a search is, then its results; it ends when nobody listens."""
    return StreamingResponse(
        _streamed(site_of(request), _said(request)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store"},
    )


def _said(request: Request) -> dict[str, str]:
    """Return the words of an address that say something."""
    return {name: text for name, text in request.query_params.items() if text}


async def _streamed(site: Site, query: Mapping[str, str]) -> AsyncIterator[str]:
    """Yield the events of a search."""
    try:
        given = given_of(query)
        async for event in site.workers.events(_VERB, _asked(given), "json"):
            if isinstance(event, Progress):
                yield _event("progress", rendered("plan_progress.html.jinja", event=event))
            else:
                yield _event("done", _shown(event, given))
    except ProblemError as error:
        # A stream that breaks off is asked for again by the browser, and again would not end well.
        yield _event("done", _wrong(str(error.detail)))
    except RightrigError as error:
        yield _event("done", _wrong(str(error)))
    yield _event("close", "")


def _event(name: str, content: str) -> str:
    """Return an event of a stream (WHATWG HTML, server-sent events)."""
    lines = "\n".join(f"data: {line}" for line in content.splitlines() or [""])
    return f"event: {name}\n{lines}\n\n"


def _asked(given: Mapping[str, object]) -> dict[str, object]:
    """Return the words of the verb: what the answer hangs on is always told.

    Raises:
        ProblemError: for more than a server answers.
    """
    check_cost(_VERB, given)
    return {**given, "explain": True}


async def _results(request: Request, given: Mapping[str, object]) -> Markup:
    """Return the plans for some words, while somebody waits for them."""
    workers = site_of(request).workers
    done = await unless_gone(request, workers.run(_VERB, _asked(given), "json"))
    return _shown(done, given)


def _wrong(sentence: str) -> Markup:
    """Return what is wrong with a question."""
    return part("plan_wrong.html.jinja", sentence=sentence)


def _shown(done: Done, given: Mapping[str, object]) -> Markup:
    """Return what a plan found as a fragment."""
    plan: PlanJson = json.loads(done.body)
    buys = bool(plan["question"]["buys"])
    groups = itertools.groupby(
        sorted(plan["rejected"], key=lambda one: one["rule"]), key=lambda one: one["rule"]
    )
    words = {name: value for name, value in given.items() if name != "model"}
    return part(
        "plan_results.html.jinja", plan=plan, rows=[_row(one, buys=buys) for one in plan["plans"]],
        front=[_front_row(one, buys=buys) for one in plan["front"]], charts=plan_charts(plan),
        money_name="purchase" if buys else "$/month",
        reasons=[(_RULES.get(rule, ""), rule, list(cards)) for rule, cards in groups],
        here=f"/plan?{urlencode({'model': plan['model'], **words})}",
        api=f"/api/v1/plan?{urlencode({'model': plan['model'], **words})}",
        command=_command(plan["model"], words), usd=show_usd,
    )  # fmt: skip


def _row(one: PlannedJson, *, buys: bool) -> dict[str, object]:
    """Return one plan as the texts of its row."""
    count = one["replicas"] + one["prefill_replicas"]
    return {
        "is_on_front": one["on_pareto_front"],
        "page": _rig_page(one["rig"]),
        "engines": f"{count} × {one['rig']}",
        "how": f"{one['runtime']} {one['weights']}/{one['kv']}",
        "cost": show_usd(one["capex_usd"] if buys else one["rent_usd_per_month"]),
        "token_price": show_usd(one["cost_usd_per_million_output_tokens"]),
        "ttft": show_seconds(one["ttft_p99_s"]["mid"]), "ttft_ends": _ends(one["ttft_p99_s"]),
        "tpot": show_seconds(one["tpot_p99_s"]["mid"]), "tpot_ends": _ends(one["tpot_p99_s"]),
        "capacity": f"{show_number(one['capacity_requests_per_s'])}/s",
        "met": one["slo_met"],
        "price_from": _price_words(one),
        "source": _price_source(one),
    }  # fmt: skip


def _price_words(one: PlannedJson) -> str:
    """Return whose price it is, and how far it is to be trusted."""
    rented, bought = one["purchase"], one["bought"]
    if rented is not None:
        low = " (low trust)" if rented["trust"] == "low" else ""
        old = rented["price_warning"] or rented["date"]
        return f"{rented['provider']}{low}, {old}"
    if bought is not None:
        return f"{bought['name']}, {bought['price_warning'] or bought['date']}"
    return "–"


def _front_row(one: FrontJson, *, buys: bool) -> dict[str, str]:
    """Return one plan of the front as the texts of its row."""
    return {
        "page": _rig_page(one["rig"]),
        "engines": f"{one['replicas'] + one['prefill_replicas']} × {one['rig']}, {one['runtime']}",
        "cost": show_usd(one["capex_usd"] if buys else one["rent_usd_per_month"]),
        "ttft": show_seconds(one["ttft_p99_s"]),
        "tpot": show_seconds(one["tpot_p99_s"]),
        "capacity": f"{show_number(one['capacity_requests_per_s'])}/s",
    }


def _ends(interval: IntervalJson) -> str:
    """Return the ends of an interval in brackets."""
    return f"({show_seconds(interval['low'])} – {show_seconds(interval['high'])})"


def _rig_page(rig: str) -> str:
    """Return the address of a rig's page."""
    return f"/rigs/{quote(rig, safe='')}"


def _price_source(one: PlannedJson) -> str:
    """Return the address of a price, where it is one of the web: records may hold anything."""
    found = one["purchase"] or one["bought"]
    text = "" if found is None else found["source"]
    return text if text.startswith(("https://", "http://")) else ""


def _command(model: str, words: Mapping[str, object]) -> str:
    """Return the command line that finds the same."""
    options = [
        f"--{name.replace('_', '-')}" if name in _FLAGS
        else f"--{name.replace('_', '-')} {shlex.quote(str(value))}"
        for name, value in words.items()
    ]  # fmt: skip
    return " ".join(["rightrig plan", shlex.quote(model), *options, "--explain"])

"""The paths of the API: each verb, the catalogue's lists and records, and what there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Body, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, create_model

from rightrig.verbs.answer_types import answer_type
from rightrig.verbs.table import GROUPS, VERBS
from rightrig.web.api.fields import LONGEST_TEXT, body_of, query_of, words_of
from rightrig.web.api.measurements import ROUTER as MEASUREMENTS
from rightrig.web.kept import is_known, not_modified, sent
from rightrig.web.limits import check_cost
from rightrig.web.problems import wrong
from rightrig.web.shelf import answer_of, tag_of
from rightrig.web.site import site_of
from rightrig.web.waiting import unless_gone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response

    from rightrig.verbs.table import Verb

    Endpoint = Callable[..., Awaitable[Response]]

ROUTER: Final = APIRouter(prefix="/api/v1")
USUAL_ROWS_COUNT: Final = 100
MOST_ROWS_COUNT: Final = 1000
_MEDIA_TYPE: Final = "application/json"
CATALOGUE: Final = tuple(verb.words[0] for verb in VERBS if verb.words[1:] == ("list",))
"""Kinds of records that have a list and a page each."""


class _Page(BaseModel):
    """Which rows of a list.

    Attributes:
        limit: How many.
        offset: Those before the first one.
    """

    limit: Annotated[int, Field(ge=1, le=MOST_ROWS_COUNT, description="Rows of one answer.")] = (
        USUAL_ROWS_COUNT
    )
    offset: Annotated[int, Field(ge=0, le=10**9, description="Rows before the first.")] = 0


async def _answer(
    request: Request, verb: Verb, given: dict[str, Any], page: tuple[int, int] | None = None
) -> Response:
    """Return the answer of a verb as JSON, or that it is known already."""
    check_cost(verb.words, given)
    site = site_of(request)
    said = json.dumps(given, sort_keys=True)
    tag = tag_of(site.fingerprint, *verb.words, said, str(page))
    keeps = request.method == "GET"
    if keeps and is_known(request, tag):
        return not_modified(tag)
    answer = site.kept.find(tag) if keeps else None
    if answer is None:
        done = await unless_gone(request, site.workers.run(verb.words, given, "json", page))
        headers = {"Rightrig-Answer": "yes" if done.yes else "no"}
        if page is not None and done.total_count is not None:
            headers |= _around(request, page, done.total_count)
        answer = answer_of(done.body, _MEDIA_TYPE, headers)
        if keeps and site.settings.caches:
            site.kept.add(tag, answer)
    return sent(request, answer, tag)


def _around(request: Request, page: tuple[int, int], total_count: int) -> dict[str, str]:
    """Return the headers of one page of a list: how long it is, and where it goes on (RFC 8288)."""
    first, count = page
    others = [(k, v) for k, v in request.query_params.multi_items() if k not in {"limit", "offset"}]
    links = []
    if first + count < total_count:
        links.append((first + count, "next"))
    if first > 0:
        links.append((max(first - count, 0), "prev"))
    texts = [
        f"<{request.url.path}?{urlencode([*others, ('limit', count), ('offset', at)])}>; "
        f'rel="{relation}"'
        for at, relation in links
    ]
    return {"Rightrig-Total": str(total_count), **({"Link": ", ".join(texts)} if texts else {})}


def _said(asked: BaseModel) -> dict[str, Any]:
    """Return the words that differ from what a verb takes anyway.

    Raises:
        ProblemError: for a configuration that is nested too deeply to be read.
    """
    try:
        return asked.model_dump(mode="json", exclude_defaults=True)
    except ValueError:
        raise wrong(
            "the configuration of the model is nested too deeply: send it flatter"
        ) from None


def _takes(endpoint: Endpoint, **annotations: object) -> Endpoint:
    """Tell FastAPI what an endpoint takes, which is made here and has no name of its own."""
    endpoint.__annotations__ = {"request": Request, **annotations}
    return endpoint


def _asked_with_body(verb: Verb) -> Endpoint:
    """Return the endpoint of a verb's POST."""

    async def endpoint(request: Request, asked: BaseModel) -> Response:
        return await _answer(request, verb, _said(asked))

    return _takes(endpoint, asked=Annotated[body_of(verb), Body()])


def _asked_by_query(verb: Verb, shape: type[BaseModel]) -> Endpoint:
    """Return the endpoint of a verb's GET."""

    async def endpoint(request: Request, asked: BaseModel) -> Response:
        return await _answer(request, verb, _said(asked))

    return _takes(endpoint, asked=Annotated[shape, Query()])


def _listed(verb: Verb, shape: type[BaseModel]) -> Endpoint:
    """Return the endpoint of a catalogue's list, some rows at a time."""
    paged = create_model(f"{shape.__name__}Page", __base__=(shape, _Page))

    async def endpoint(request: Request, asked: BaseModel) -> Response:
        page: Any = asked
        given = asked.model_dump(mode="json", exclude_defaults=True, exclude={"limit", "offset"})
        return await _answer(request, verb, given, (page.offset, page.limit))

    return _takes(endpoint, asked=Annotated[paged, Query()])


def _shown(verb: Verb) -> Endpoint:
    """Return the endpoint of one record of the catalogue."""
    shape = query_of(verb)
    fields: dict[str, Any] = {} if shape is None else {
        name: (field.annotation, field) for name, field in shape.model_fields.items()
        if name != "name"
    }  # fmt: skip
    title = f"{verb.words[0].capitalize()}ShowOptions"
    others = create_model(title, __config__=ConfigDict(extra="forbid"), **fields)

    async def endpoint(request: Request, name: str, asked: BaseModel) -> Response:
        return await _answer(request, verb, {"name": name, **_said(asked)})

    about = Path(max_length=LONGEST_TEXT, description=words_of(verb)[0].help)
    return _takes(endpoint, name=Annotated[str, about], asked=Annotated[others, Query()])


def _add(verb: Verb, path: str, endpoint: Endpoint, method: str, operation: str) -> None:
    """Add one path of a verb."""
    ROUTER.add_api_route(
        path, endpoint, methods=[method], operation_id=operation,
        response_model=answer_type(verb.answer),
        tags=[verb.words[0] if len(verb.words) > 1 else "plan"],
        summary=(verb.answer.__doc__ or "").splitlines()[0], description="",
    )  # fmt: skip


def path_of(verb: Verb) -> str:
    """Return the path of a verb below the API's."""
    return "/" + "/".join(verb.words)


def _add_all() -> None:
    """Add the paths of every verb, then those of the catalogue, which match more."""
    for verb in VERBS:
        name = "_".join(verb.words).replace("-", "_")
        _add(verb, path_of(verb), _asked_with_body(verb), "POST", name)
        shape = query_of(verb)
        if shape is not None:
            _add(verb, path_of(verb), _asked_by_query(verb, shape), "GET", f"get_{name}")
    for verb in VERBS:
        kind, *rest = verb.words
        shape = query_of(verb)
        if kind in CATALOGUE and rest == ["list"] and shape is not None:
            _add(verb, f"/{kind}", _listed(verb, shape), "GET", f"page_of_{kind}")
        if kind in CATALOGUE and rest == ["show"]:
            # Names of models on the hub have a slash.
            _add(verb, f"/{kind}/{{name:path}}", _shown(verb), "GET", f"one_of_{kind}")


@ROUTER.get("/", operation_id="index", tags=["index"])
async def index() -> dict[str, Any]:
    """List what can be asked."""
    return {
        "verbs": [
            {
                "words": list(verb.words),
                "summary": (verb.answer.__doc__ or "").splitlines()[0],
                "path": f"/api/v1{path_of(verb)}",
                "methods": ["POST", *(["GET"] if query_of(verb) is not None else [])],
                "fields": [word.name for word in words_of(verb)],
            }
            for verb in VERBS
        ],
        "catalogue": {kind: f"/api/v1/{kind}" for kind in CATALOGUE},
        "groups": dict(GROUPS),
        "openapi": "/api/v1/openapi.json",
        "measurements": "/api/v1/measurements",
    }


ROUTER.include_router(MEASUREMENTS)
_add_all()

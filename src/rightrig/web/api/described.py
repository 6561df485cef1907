"""The description of the API (OpenAPI 3.1): what FastAPI derives, with problems and examples."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter

from rightrig.report.schema.shared import WholeJson
from rightrig.verbs.table import VERBS
from rightrig.web.api.examples import EXAMPLES
from rightrig.web.kept import kept
from rightrig.web.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

OPENAPI_PATH: Final = "/api/v1/openapi.json"
_ABOUT: Final = (
    "Which hardware should serve a language model, for this traffic, at this latency, for this "
    "money. Every path is a verb of the command line; its fields are the words of the verb, with "
    "_ for -. An answer has the names of the command line's JSON; the header Rightrig-Answer says "
    "yes or no where the exit code of the command would."
)
_PROBLEMS: Final = {
    "400": "The body is no JSON that can be read.",
    "404": "There is nothing at this path.",
    "408": "The body did not come in time.",
    "413": "The body is too large.",
    "421": "The server is asked by a name that is not its own.",
    "422": "The request is wrong, or asks for too much: one sentence says what to change.",
    "429": "Too many requests wait.",
    "501": "The server lacks an extra that the answer takes.",
    "504": "The answer takes too long.",
}
_WRITING: Final = {
    "401": "The token is missing or wrong.",
    "403": "The server stores nothing, or a page of another origin asks.",
    "409": "The name is taken, or too many are stored.",
    "503": "The table cannot be stored.",
}
_REFERENCE: Final = "#/components/schemas/{model}"
_BESIDE: Final = WholeJson.__name__


class Problem(BaseModel):
    """Why there is no answer (RFC 9457).

    Attributes:
        type: A stable name for programs.
        title: The HTTP status in words.
        status: The HTTP status.
        detail: One sentence: what, the limit, the remedy.
        parameter: The field that it is about, where that is known.
    """

    type: str
    title: str
    status: int
    detail: str
    parameter: str | None = None


def add_description(app: FastAPI) -> None:
    """Let an application describe its API."""

    def openapi() -> dict[str, Any]:
        """Return the description, made once."""
        if app.openapi_schema is None:
            app.openapi_schema = _made(app)
        return app.openapi_schema

    async def sent(request: Request) -> Response:
        """Send the description."""
        return await kept(
            request, lambda: asyncio.to_thread(_dumped, app),
            media_type="application/json",
        )  # fmt: skip

    app.openapi = openapi  # type: ignore[method-assign] # the way that FastAPI names
    app.add_route(OPENAPI_PATH, sent, include_in_schema=False)


def _dumped(app: FastAPI) -> bytes:
    """Return the description as it is sent; making it takes a second."""
    return json.dumps(app.openapi(), ensure_ascii=False).encode()


def _made(app: FastAPI) -> dict[str, Any]:
    """Return the description of the paths below ``/api/``."""
    found = get_openapi(
        title=app.title, version=app.version, description=_ABOUT, routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )  # fmt: skip
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema()
    beside = TypeAdapter(WholeJson).json_schema(mode="serialization", ref_template=_REFERENCE)
    schemas |= beside.pop("$defs", {})
    schemas[_BESIDE] = beside
    content = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    found["components"]["responses"] = {
        f"Problem{status}": {"description": text, "content": content}
        for status, text in (_PROBLEMS | _WRITING).items()
    }
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    paths = {path: what for path, what in found["paths"].items() if path.startswith("/api/")}
    found["paths"] = paths
    for path, operations in paths.items():
        for method, operation in operations.items():
            _complete(operation, method, path)
    return found


def _complete(operation: dict[str, Any], method: str, path: str) -> None:
    """Add to one operation what FastAPI does not know of."""
    is_stored = path.startswith("/api/v1/measurements")
    kinds = _PROBLEMS | (_WRITING if is_stored else {})
    for status in kinds:
        operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}
    verb = _VERBS.get(path)
    if verb is None:
        return
    answer = operation["responses"]["200"]
    answer["headers"] = {
        "Rightrig-Answer": {
            "description": "Whether the answer is yes.",
            "schema": {"type": "string", "enum": ["yes", "no"]},
        },
    }
    shape = answer["content"]["application/json"]
    shape["schema"] = {"allOf": [shape["schema"], {"$ref": _REFERENCE.format(model=_BESIDE)}]}
    if method == "get":
        operation["responses"]["304"] = {"description": "The known answer still holds."}
    _exemplify(operation, EXAMPLES[verb])


def _exemplify(operation: dict[str, Any], example: dict[str, Any]) -> None:
    """Add the example of a verb to its body, or to the parameters of its query."""
    body = operation.get("requestBody")
    if body is not None:
        body["content"]["application/json"]["example"] = example
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in example:
            parameter["example"] = example[parameter["name"]]


_VERBS: Final = {f"/api/v1/{'/'.join(verb.words)}": verb.words for verb in VERBS}

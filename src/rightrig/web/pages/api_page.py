"""``/api``: what programs can ask, for people: every verb with its fields and an example."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin
from urllib.parse import urlencode

from fastapi import APIRouter, Request

from rightrig.verbs.table import GROUPS, VERBS
from rightrig.web.api.examples import EXAMPLES
from rightrig.web.api.fields import query_of, words_of
from rightrig.web.api.routes import CATALOGUE, path_of
from rightrig.web.pages.records import sheet

if TYPE_CHECKING:
    from starlette.responses import Response

    from rightrig.verbs.table import Verb
    from rightrig.web.api.fields import Word

router = APIRouter(include_in_schema=False)
_ROOT: Final = "/api/v1"
_ALONE: Final = "Plan, predict, simulate"
_TYPES: Final = {str: "text", int: "whole number", float: "number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of a verb: its type and what it is unless it is given."""

    name: str
    type: str
    default: str
    help: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """A verb as the page shows it.

    Attributes:
        anchor: Where it stands on the page.
        url: An example that a browser can open; empty where the verb needs a file.
        command: The same with a body.
    """

    words: str
    anchor: str
    path: str
    about: str
    fields: tuple[_Field, ...]
    url: str
    command: str


@router.get("/api")
async def api_page(request: Request) -> Response:
    """Return every verb with its fields and an example."""
    return await sheet(
        request, "api.html.jinja",
        lambda: {
            "title": "API",
            "groups": _groups(),
            "catalogue": [f"{_ROOT}/{kind}" for kind in CATALOGUE],
            "verbs_count": len(VERBS),
        },
    )  # fmt: skip


def _groups() -> list[tuple[str, str, list[_Shown]]]:
    """Return the verbs by their first word, with what each group is about."""
    found: dict[str, list[_Shown]] = {}
    for verb in VERBS:
        group = verb.words[0] if len(verb.words) > 1 else ""
        found.setdefault(group, []).append(_shown(verb))
    return [(name or _ALONE, GROUPS.get(name, ""), verbs) for name, verbs in found.items()]


def _shown(verb: Verb) -> _Shown:
    """Return one verb."""
    path, given = f"{_ROOT}{path_of(verb)}", EXAMPLES.get(verb.words, {})
    url = ""
    if query_of(verb) is not None:
        words = urlencode({k: _query_text(v) for k, v in given.items()}, doseq=True)
        url = f"{path}?{words}" if words else path
    body = json.dumps(given, ensure_ascii=False)
    return _Shown(
        words=" ".join(verb.words),
        anchor="-".join(verb.words),
        path=path,
        about=(verb.answer.__doc__ or "").splitlines()[0],
        fields=tuple(_field(word) for word in words_of(verb)),
        url=url,
        command=f"curl {_ROOT_OF_HOST}{path} --json '{body}'",
    )


_ROOT_OF_HOST: Final = "http://127.0.0.1:8000"


def _query_text(value: object) -> object:
    """Return a value as a query has it; lists stay lists."""
    return str(value).lower() if isinstance(value, bool) else value


def _field(word: Word) -> _Field:
    """Return one field in words."""
    if word.default is ...:
        default = "needed"
    elif word.default is None:
        default = "none"
    else:
        default = json.dumps(word.default) if isinstance(word.default, bool) else str(word.default)
    kinds = {"file": "file: {name, text}", "model": "name or {config}"}
    return _Field(
        word.name, kinds.get(word.takes) or _type_text(word.annotation), default, word.help
    )


def _type_text(annotation: Any) -> str:  # noqa: ANN401 - a type of any kind
    """Return a type in words.

    >>> _type_text(list[str]), _type_text(Literal["linux", "macos"])
    ('list of text', 'linux or macos')
    """
    inner = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) is Literal:
        return " or ".join(str(one) for one in inner)
    if get_origin(annotation) is list:
        return f"list of {_type_text(inner[0])}"
    if inner:
        return " or ".join(_type_text(one) for one in inner)
    return _TYPES.get(annotation, "value")

"""What the pages of single records share: finding them by name, their frame, their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from rightrig.errors import InputError, UnknownNameError
from rightrig.report.document import Paragraph
from rightrig.report.views import SIGNS
from rightrig.web.kept import kept
from rightrig.web.linking import addresses
from rightrig.web.pages.measured_tables import state_of
from rightrig.web.rendering import page, rendered
from rightrig.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response

    from rightrig.facts.catalog import Catalog
    from rightrig.report.document import Document

_NOT_FOUND: Final = 404
_SEE_OTHER: Final = 303
_LONGEST_NAME: Final = 80
_KINDS: Final = {
    "gpus": ("card", "cards", "/gpus"),
    "llms": ("model", "models", "/models"),
    "runtimes": ("engine", "engines", "/runtimes"),
    "systems": ("machine or rig", "rigs", "/rigs"),
}
"""Kind of record → what one is called, what all are, and where they are listed."""


async def sheet(
    request: Request, template: str, values: Callable[[], Mapping[str, object]]
) -> Response:
    """Return a page of the catalogue: kept, or made beside what the server does meanwhile.

    Args:
        request: Its path and query are what is asked for.
        template: Its name.
        values: Makes what it shows; ``title`` among them.
    """
    site = site_of(request)

    def made() -> bytes:
        return rendered(template, here=request.url.path, signs=SIGNS, **values()).encode()

    return await kept(
        request, lambda: run_in_threadpool(made), also=repr(state_of(site.settings.measured))
    )


async def record_sheet(
    request: Request,
    kind: str,
    name: str,
    template: str,
    values: Callable[[str], Mapping[str, object]],
) -> Response:
    """Return the page of the record that a path names, or what to answer where it names none.

    Args:
        request: Its path and query are what is asked for.
        kind: Of the record.
        name: In the path.
        template: Its name.
        values: Makes what it shows of a slug; ``title`` among them.
    """
    slug, other = slug_or_answer(request, site_of(request).catalog, kind, name)
    if other is not None:
        return other
    return await sheet(request, template, lambda: values(slug))


def slug_or_answer(
    request: Request, catalog: Catalog, kind: str, name: str
) -> tuple[str, Response | None]:
    """Return the slug that a path names, and what to answer where it is not the slug itself.

    An alias leads to the record; an unknown name is answered 404, with the nearest names.
    """
    try:
        slug = catalog.resolve(kind, name)
    except InputError as error:
        return "", missing(request, catalog, kind, name, error)
    if slug == name:
        return slug, None
    return slug, RedirectResponse(addresses(catalog)[slug], _SEE_OTHER)


def missing(
    request: Request, catalog: Catalog, kind: str, name: str, error: InputError
) -> HTMLResponse:
    """Return the page of a name that no record, or more than one, answers to."""
    one, many, path = _KINDS[kind]
    known = addresses(catalog)
    is_unknown = isinstance(error, UnknownNameError)
    near = error.suggestions if isinstance(error, UnknownNameError) else ()
    if not near and kind in {"gpus", "llms", "runtimes"}:
        near = tuple(sorted(catalog.claims(kind, name)))
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    sentence = f"No {one} is called “{shown}”." if is_unknown else f"{error}."
    return page(
        request, "record_missing.html.jinja", status=_NOT_FOUND, title=f"No such {one}",
        sentence=sentence, near=[(text, known[text]) for text in near if text in known],
        back=many, back_url=path, signs=SIGNS,
    )  # fmt: skip


def without_title(document: Document) -> Document:
    """Return a document without its first title, which the page shows as its own."""
    first = document[0] if document else None
    is_titled = isinstance(first, Paragraph) and first.style == "title"
    return document[1:] if is_titled else document

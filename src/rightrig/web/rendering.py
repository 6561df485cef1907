"""Pages from templates: every value escaped, every page in the same frame."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

from rightrig import __version__
from rightrig.report.html import TEMPLATES as BLOCKS
from rightrig.report.html import environment as documents
from rightrig.report.html import fragment

if TYPE_CHECKING:
    from starlette.requests import Request

HERE: Final = Path(__file__).parent
NAVIGATION: Final = (
    ("/", "Configurator"), ("/plan", "Plan"), ("/compare", "Compare"), ("/gpus", "Cards"),
    ("/models", "Models"), ("/rigs", "Rigs"), ("/prices", "Prices"), ("/runtimes", "Engines"),
    ("/measured", "Measured"), ("/claims", "Claims"), ("/api", "API"),
)  # fmt: skip
"""The pages that every page leads to, in order."""


@functools.cache
def environment() -> jinja2.Environment:
    """Return the templates of the pages; they may import those of documents too."""
    found = documents().overlay(loader=jinja2.FileSystemLoader([HERE / "templates", BLOCKS]))
    own = {"navigation": NAVIGATION, "version": __version__, "fragment": fragment}
    found.globals = {**found.globals, **own}
    return found


def rendered(template: str, **values: object) -> str:
    """Return a template with its values, as text."""
    return environment().get_template(template).render(**values)


def part(template: str, **values: object) -> Markup:
    """Return a template with its values, to put into another."""
    return Markup(rendered(template, **values))  # noqa: S704 - the template escapes its values


def page(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """Return a page: a template that extends ``base.html.jinja``.

    Args:
        request: Whose path marks the place in the navigation.
        template: Its name.
        status: The HTTP status.
        values: What it shows; ``title`` among them.
    """
    return HTMLResponse(rendered(template, here=request.url.path, **values), status)

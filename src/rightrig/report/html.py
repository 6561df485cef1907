"""Documents as HTML: a fragment for a page of ours, or a page that stands alone.

A page asks the network for nothing: no script, no picture, font or style from elsewhere. Every
text is escaped by the templates; only ``report.css`` of this package and pictures of charts that
are drawn here are put in as they are.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import MissingError
from rightrig.report.page import VERDICT_OF_STYLE
from rightrig.report.vega import pictures_of
from rightrig.report.views import SIGNS, views_of

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from rightrig.report.document import Document
    from rightrig.report.page import Page

TEMPLATES: Final = Path(__file__).parent / "templates"
STYLE_SHEET: Final = TEMPLATES / "report.css"
"""The rules of every fragment; all of them begin with the class ``report``."""


def fragment(document: Document, heading_level: int = 2) -> Markup:
    """Return a document as an element of the class ``report``.

    Args:
        document: What to draw.
        heading_level: Of its titles, 1 to 6.
    """
    macros = environment().get_template("blocks.html.jinja").module
    drawn: Markup = macros.report(list(views_of(document)), heading_level)  # type: ignore[attr-defined]
    return drawn


def html_page(page: Page) -> str:
    """Return a page that stands alone: it can be mailed, printed, and opened in ten years."""
    template = environment().get_template("page.html.jinja")
    return template.render(
        page=page,
        answer=list(views_of(page.answer)),
        body=list(views_of(page.body)),
        notes=list(views_of(page.notes)),
        verdict=next(
            (VERDICT_OF_STYLE[p.style] for p in page.answer if p.style in VERDICT_OF_STYLE), ""
        ),
        pictures=pictures_of(page.charts),
        style=STYLE_SHEET.read_text(encoding="utf-8"),
    )


@functools.cache
def environment() -> Environment:
    """Return the templates; every value that they print is escaped.

    Raises:
        MissingError: Without the extra ``web``.
    """
    try:
        import jinja2  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingError("HTML needs jinja2: pip install 'rightrig[web]'") from error
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    found.globals.update(signs=SIGNS, verdict_of=VERDICT_OF_STYLE)
    return found

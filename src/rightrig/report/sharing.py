"""An answer as a file to hand on: ``--html FILE`` and ``--md FILE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rightrig.report.html import html_page
from rightrig.report.markdown import markdown_page
from rightrig.report.page import page_of

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from rightrig.report.page import Answered
    from rightrig.report.values import Json

Form = Literal["html", "md"]


def report_of(
    found: Answered,
    form: Form,
    command: str,
    made_on: datetime.date,
    charts: Sequence[Json] = (),
) -> str:
    """Return an answer as a page that a reader needs nothing else for.

    Args:
        found: What a verb of ``rightrig.verbs`` returned.
        form: HTML, or GitHub-flavoured Markdown (which shows no charts).
        command: The command line that gives the answer again.
        made_on: The day that the page bears; prices are as old as they are then.
        charts: Vega-Lite specifications, such as ``simulation_charts`` returns.

    Raises:
        MissingError: For HTML without the extra ``web``.
    """
    page = page_of(found, command, made_on, charts)
    return html_page(page) if form == "html" else markdown_page(page)

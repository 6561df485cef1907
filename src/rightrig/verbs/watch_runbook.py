"""``rightrig watch runbook``: what to do when an alert fires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.watch_runbook import RunbookJson


def watch_runbook(
    catalog: Catalog,
    name: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]", help="Page, alert, or XID (xid 79); default: list all."),
    ] = None,
) -> Found[RunbookJson]:
    """What to do when an alert fires, or for an XID."""
    from rightrig.report import watch_runbook as report
    from rightrig.watching.runbooks import RUNBOOKS, page, sought

    del catalog
    if not name:
        pages = tuple(map(page, RUNBOOKS))
        return Found(lambda: report.runbooks_json(pages), lambda: report.runbooks_document(pages))
    one = sought(" ".join(name))
    return Found(
        data=lambda: report.runbook_json(one),
        document=lambda: report.runbook_document(one),
        text=lambda: report.runbook_text(one),
    )

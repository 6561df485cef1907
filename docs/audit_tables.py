# ruff: noqa: INP001 - beside refresh_readme.py; docs is no package
"""The tables of ``docs/published-figures.md``: every shipped claim, judged.

The reasons of ``published_differences.csv`` are of the verdicts that the figures had when they were
first read by hand; what differs now is explained there, one sentence a claim.
"""

from __future__ import annotations

import csv
import datetime
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Final

from catalogue_cells import table

from rightrig.audit.auditing import Audited, audit, counted
from rightrig.audit.figure import SHIPPED, read_figures
from rightrig.facts.catalog import shipped
from rightrig.report.audit_texts import claimed_text, reason_of, recomputed_text

if TYPE_CHECKING:
    from collections.abc import Callable

DIFFERENCES: Final = Path(__file__).with_name("published_differences.csv")
TODAY: Final = datetime.date(2026, 11, 22)
"""The day that ages of prices are counted from: a table must not change overnight."""
ARTICLES: Final = (
    "RTX 4090 against H100, part 22 of a series on GPU hardware",
    "RTX 4090 against A100, Deploybase, 10 July 2025",
    "RTX 4090 overview, a lesson",
    "NVIDIA GPUs, a page on choosing them",
    "a page on a rig of four H100 80 GB",
)
_WHAT: Final = {
    "correct": "as it is, at the digits that it states",
    "approximate": "within 10 % (5 % for three digits), or in the 80 % interval of a prediction",
    "depends": "right for one reading and not for another, or no single value is right",
    "unverifiable": "nothing public computes it, or only a bound is known, and it keeps that",
    "wrong": "none of these, or its arithmetic is right and its premise breaks a rule",
    "impossible": "wrong, and beyond a bound: faster than the datasheet, more than the memory",
}


@functools.cache
def audits() -> tuple[Audited, ...]:
    """Return every shipped claim, judged."""
    return audit(read_figures(SHIPPED), shipped(), today=TODAY)


def counts_table() -> str:
    """Return how many claims of each article have each verdict."""
    articles = sorted({a.figure.source.partition(":")[0] for a in audits()})
    headers = ("verdict", "what it means", *(f">article {name}" for name in articles), ">all")
    of_article = {
        name: counted(a for a in audits() if a.figure.source.partition(":")[0] == name)
        for name in articles
    }
    whole = counted(audits())
    rows = [
        (
            f"**{verdict}**",
            _WHAT[verdict],
            *(str(of_article[name][verdict]) for name in articles),
            str(count),
        )
        for verdict, count in whole.items()
    ]
    return table(headers, rows)


def articles_table() -> str:
    """Return the articles by the number that a claim's place begins with."""
    return table(("article", "what"), [(str(n), what) for n, what in enumerate(ARTICLES)])


def figures_table() -> str:
    """Return every claim with what it comes to, its verdict and why."""
    rows = [
        (
            a.figure.id, a.figure.source, _cell(f"{a.figure.quantity}: “{a.figure.quote}”"),
            _cell(claimed_text(a.figure)), _cell(recomputed_text(a)), a.verdict,
            _cell(reason_of(a)),
        )
        for a in audits()
    ]  # fmt: skip
    headers = ("id", "place", "figure", "claimed", "recomputed", "verdict", "why")
    return table(headers, rows)


def differences_table() -> str:
    """Return the claims whose verdict is another than when they were first read by hand."""
    now = {a.figure.id: a.verdict for a in audits()}
    with DIFFERENCES.open(encoding="utf-8", newline="") as file:
        rows = [
            (row["id"], row["first"], now[row["id"]], _cell(row["why"]))
            for row in csv.DictReader(file)
        ]
    return table(("id", "first read", "now", "why"), rows)


def _cell(text: str) -> str:
    """Return a text for a cell of a table."""
    return text.replace("<", "&lt;").replace("*", "\\*")


TABLES: Final[dict[str, Callable[[], str]]] = {
    "published-counts": counts_table,
    "published-articles": articles_table,
    "published-figures": figures_table,
    "published-differences": differences_table,
}

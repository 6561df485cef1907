"""``rightrig audit``: published figures, recomputed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.auditing import AuditAnswerJson


def audit(
    catalog: Catalog,
    file: Annotated[
        str | None, typer.Argument(help="CSV of claims; default: the shipped ones.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(
            metavar="VERDICT",
            help="Only correct, approximate, depends, unverifiable, wrong or impossible; by comma.",
        ),
    ] = None,
    id: Annotated[  # noqa: A002
        str | None, typer.Option("--id", help="Only these, by comma; one is explained in full.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Only of this source: 0, 1 … or words of it.")
    ] = None,
    about: Annotated[
        str | None, typer.Option(help="Only with these words in quote or quantity.")
    ] = None,
    set: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option(
            "--set",
            metavar="ID=VALUE",
            help="What a row states instead: shows the claims that read it; may be repeated.",
        ),
    ] = None,
    functions: Annotated[
        bool, typer.Option("--functions", help="List what an expression may call.")
    ] = False,
    claimed: Annotated[
        str | None, typer.Option(help="One claim, without a file: '98 tok/s'.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help='With --claimed: its expression: \'gpu("l4", "board_power_w")\'.'),
    ] = None,
    lint: Annotated[
        str | None, typer.Option(help="With --claimed: rules that it has to keep.")
    ] = None,
    quote: Annotated[str | None, typer.Option(help="With --claimed: its words.")] = None,
) -> Found[AuditAnswerJson]:
    """Published figures, recomputed: right, wrong or impossible."""
    from rightrig.verbs.auditing import Asked, Filters, Single, answer_of

    return answer_of(catalog, Asked(
        file, Filters(only, id, source, about), tuple(set or ()), Single(claimed, by, lint, quote),
        functions=functions,
    ))  # fmt: skip

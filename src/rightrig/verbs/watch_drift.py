"""``rightrig watch drift``: figures of kept runs that shifted, beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.drift import DriftJson

_Kind = Literal["bench", "load"]


def watch_drift(
    catalog: Catalog,
    kind: Annotated[_Kind | None, typer.Option(help="Runs of this kind only.")] = None,
    figure: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this figure: ttft_s, copy …")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only runs of the last 90d, 12h …")
    ] = None,
    machine: Annotated[
        str | None, typer.Option(help="Of this machine; default: the one that it runs on.")
    ] = None,
) -> Found[DriftJson]:
    """What shifted over kept runs, beyond chance."""
    from rightrig.verbs.watching_drift import DriftWords, answer_of

    del catalog  # runs say themselves what they are of
    return answer_of(DriftWords(kind, figure, since, machine))

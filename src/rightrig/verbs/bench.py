"""``rightrig bench``: what this machine does, beside what it should do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.benching import BenchJson


def bench(
    catalog: Catalog,
    model: o.ModelOrNone = None,
    quick: Annotated[bool, typer.Option("--quick", help="At most a minute.")] = False,
    only: Annotated[
        str | None, typer.Option(help="Blocks: copy, read, gemm, launch, stack, clocks …")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cuda:0 or cpu; default: the card.")] = None,
    minutes: Annotated[
        int | None, typer.Option(help="Of the sustained load; default 1, quick 4 s.")
    ] = None,
) -> Found[BenchJson]:
    """What this machine does, beside what it should do: its health."""
    from rightrig.verbs.benching import Words, answer_of

    return answer_of(catalog, Words(model, quick, only, device, minutes))

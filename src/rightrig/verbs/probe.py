"""``rightrig probe``: what this machine is, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.probing import ProbeAnswerJson

_Sample = Literal["fp8", "compile", "matmul"]


def probe(
    catalog: Catalog,
    file: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="A saved output of nvidia-smi, amd-smi … instead; may be repeated."
        ),
    ] = None,
    save: Annotated[
        str | None, typer.Option(metavar="FILE", help="Describe the machine there.")
    ] = None,
    no_save: Annotated[bool, typer.Option("--no-save", help="Describe it nowhere.")] = False,
    snippet: Annotated[_Sample | None, typer.Option(help="Print a sample to run here.")] = None,
) -> Found[ProbeAnswerJson]:
    """What this machine is: cards, links, host, software, faults."""
    from rightrig.verbs.probing import Saving, answered, sample

    if snippet is not None:
        return sample(catalog, file or [], snippet)
    return answered(catalog, file or [], Saving(save, is_off=no_save))

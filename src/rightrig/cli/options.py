"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.catalog import Catalog

_BEFORE_VERB: Final = "rightrig.catalog"
_CATALOG_HELP: Final = "Folder of your own records; may be repeated."


def keep_folders(context: typer.Context, value: list[str] | None) -> list[str]:
    """Keep the folders named before the verb for the command that follows."""
    folders = list(value or ())
    context.meta[_BEFORE_VERB] = folders
    return folders


def _all_folders(context: typer.Context, value: list[str] | None) -> list[str]:
    """Return the folders named before the verb and after it."""
    return [*context.meta.get(_BEFORE_VERB, ()), *(value or ())]


def chosen(folders: Sequence[str] | None) -> Catalog:
    """Return the shipped catalogue with the user's own folder and those named laid over it."""
    from rightrig.facts.user_catalog import load_catalog, user_folder

    own = user_folder()
    return load_catalog([*((own,) if own else ()), *(folders or ())])


CatalogBefore = Annotated[
    list[str] | None,
    typer.Option("--catalog", metavar="DIR", callback=keep_folders, help=_CATALOG_HELP),
]
CatalogFolders = Annotated[
    list[str] | None,
    typer.Option("--catalog", metavar="DIR", callback=_all_folders, help=_CATALOG_HELP),
]
Model = Annotated[str, typer.Argument(help="Catalogue name, hub id, or path to a config.json.")]
On = Annotated[str, typer.Option("--on", help="Rig: 8xh100-sxm, 4xrtx-4090, 2n:8xh200-sxm …")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Runtime = Annotated[str | None, typer.Option(help="vllm or llama.cpp.")]
Weights = Annotated[
    str | None, typer.Option(help="checkpoint, bf16, fp8, awq, nvfp4, nf4, q4_k_m …")
]
Kv = Annotated[str | None, typer.Option(help="Format of the KV cache: bf16, fp8, q8_0 …")]
Tp = Annotated[int | None, typer.Option(help="Tensor-parallel ranks.")]
Pp = Annotated[int | None, typer.Option(help="Pipeline stages.")]
Replicas = Annotated[int | None, typer.Option(help="Independent engines on the rig.")]
MaxSeqs = Annotated[int | None, typer.Option(help="Most sequences in one step.")]
MaxBatchedTokens = Annotated[int | None, typer.Option(help="Most tokens in one step.")]
MemoryUtilization = Annotated[
    float | None, typer.Option("--gpu-memory-utilization", help="Share of a card vLLM may use.")
]

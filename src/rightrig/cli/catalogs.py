"""The catalogue of a command: the shipped one, and the folders of records that a user names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.catalog import Catalog

_BEFORE_VERB: Final = "rightrig.catalog"
_HELP: Final = "Folder of your own records; may be repeated."


def keep_folders(context: typer.Context, value: list[str] | None) -> list[str]:
    """Keep the folders named before the verb for the command that follows."""
    folders = list(value or ())
    context.meta[_BEFORE_VERB] = folders
    return folders


def _all_folders(context: typer.Context, value: list[str] | None) -> list[str]:
    """Return the folders named before the verb and after it."""
    return [*context.meta.get(_BEFORE_VERB, ()), *(value or ())]


CatalogBefore = Annotated[
    list[str] | None,
    typer.Option("--catalog", metavar="DIR", callback=keep_folders, help=_HELP),
]
CatalogFolders = Annotated[
    list[str] | None,
    typer.Option("--catalog", metavar="DIR", callback=_all_folders, help=_HELP),
]


def chosen(folders: Sequence[str] | None, *, shipped_prices: bool = False) -> Catalog:
    """Return the shipped catalogue with the user's own folder and those named laid over it."""
    from rightrig.verbs.catalogs import own_catalog

    return own_catalog(folders or (), shipped_prices=shipped_prices)

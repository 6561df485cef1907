"""From a verb to a command: its own parameters, and those that every command has.

A verb takes a catalogue and words and returns what it found (:mod:`rightrig.verbs`); a command
reads the catalogue that its user names, prints the answer in the form asked for, and sets the exit
code.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rightrig.cli.catalogs import CatalogFolders
from rightrig.verbs.words import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from rightrig.verbs.found import Found

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Html = Annotated[str | None, typer.Option("--html", metavar="FILE", help="Write a page.")]
Markdown = Annotated[str | None, typer.Option("--md", metavar="FILE", help="Write Markdown.")]
_EDGE: Final = {
    "folders": (CatalogFolders, None),
    "html": (Html, None),
    "md": (Markdown, None),
    "json": (Json, False),
}


def command(
    verb: Callable[..., Found[Any]], *, shipped_prices: bool = False
) -> Callable[..., None]:
    """Return the command of a verb.

    Args:
        verb: Takes a catalogue first, and its words.
        shipped_prices: Whether prices that the user refreshed do not count.
    """

    def run(
        folders: list[str] | None, *, json: bool, html: str | None, md: str | None, **words: object
    ) -> None:
        from rightrig.cli.answer import Wanted, answer
        from rightrig.cli.catalogs import chosen
        from rightrig.cli.waiting import Terminal
        from rightrig.verbs.progress import watched_by

        catalog = chosen(folders, shipped_prices=shipped_prices)
        with watched_by(Terminal(is_json=json)):
            answer(verb(catalog, **words), Wanted(json=json, html=html, md=md))

    run.__doc__ = verb.__doc__
    run.__signature__ = inspect.Signature([*words_of(verb), *_edge()])  # type: ignore[attr-defined] # read by inspect
    return run


def _edge() -> Iterator[inspect.Parameter]:
    """Yield the parameters of every command."""
    for name, (annotation, default) in _EDGE.items():
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
        )

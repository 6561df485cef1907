"""The application: one command a verb, and those that change something on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli.calibrate import calibrate
from rightrig.cli.catalogs import CatalogBefore
from rightrig.cli.command import command
from rightrig.cli.prices_refresh import prices_refresh
from rightrig.cli.serve import serve
from rightrig.cli.watch_export import watch_export
from rightrig.verbs.table import GROUPS, HERE, VERBS

app = typer.Typer(
    help="Which hardware should serve this language model, for this traffic, at this latency, "
    "for this money.",
    # Rich help would cost 0.3 s of every start.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    """Print the version and leave."""
    if value:
        from rightrig import __version__

        typer.echo(f"rightrig {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Version.")
    ] = False,
    catalog: CatalogBefore = None,
) -> None:
    """Which hardware should serve this language model, and what would it cost."""
    del version, catalog  # their callbacks did the work


_groups = {
    name: typer.Typer(name=name, help=about, no_args_is_help=True) for name, about in GROUPS.items()
}
for verb in (*VERBS, *HERE):
    *first, last = verb.words
    (_groups[first[0]] if first else app).command(last)(command(verb.answer))
app.command("calibrate")(command(calibrate))
app.command("serve")(serve)
_groups["watch"].command("export")(watch_export)
_groups["prices"].command("refresh")(command(prices_refresh, shipped_prices=True))
for group in _groups.values():
    app.add_typer(group)

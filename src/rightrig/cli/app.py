"""The application: one verb a question."""

from __future__ import annotations

from typing import Annotated

import typer

from rightrig.cli import (
    accuracy,
    ask,
    calibrate,
    catalogue,
    compare,
    cost,
    finetune,
    fit,
    fits,
    fleet,
    plan,
    predict,
    risk,
    simulate,
    tenants,
)
from rightrig.cli import options as o

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
    catalog: o.CatalogBefore = None,
) -> None:
    """Which hardware should serve this language model, and what would it cost."""
    del version, catalog  # their callbacks did the work


app.command("fit")(fit.fit)
app.command("fits")(fits.fits)
app.command("predict")(predict.predict)
app.command("simulate")(simulate.simulate)
app.command("plan")(plan.plan)
app.command("finetune")(finetune.finetune)
app.command("fleet")(fleet.fleet)
app.command("tenants")(tenants.tenants)
app.command("compare")(compare.compare)
app.command("accuracy")(accuracy.accuracy)
app.command("calibrate")(calibrate.calibrate)
app.add_typer(cost.group)
app.add_typer(risk.group)
app.add_typer(ask.group)
for group in catalogue.GROUPS:
    app.add_typer(group)

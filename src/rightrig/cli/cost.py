"""``cost``: rent, ownership, energy, dollars a token, break-even."""

from __future__ import annotations

import typer

group = typer.Typer(
    name="cost", help="Rent, ownership, energy, $/M tokens, break-even.", no_args_is_help=True
)

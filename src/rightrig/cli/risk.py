"""``risk``: bit errors, failures, checkpoints, spares, availability."""

from __future__ import annotations

import typer

group = typer.Typer(
    name="risk", help="Bit errors, failures, checkpoint interval, spares.", no_args_is_help=True
)

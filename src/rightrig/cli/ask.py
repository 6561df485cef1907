"""``ask``: the questions that people bring, each answered from computed plans."""

from __future__ import annotations

import typer

group = typer.Typer(
    name="ask", help="Questions people bring, each computed.", no_args_is_help=True
)

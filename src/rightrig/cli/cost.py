"""``cost``: rent, ownership, energy, dollars a token, break-even."""

from __future__ import annotations

import typer

from rightrig.cli import cost_owning, cost_power, cost_tokens

group = typer.Typer(
    name="cost", help="Rent, ownership, energy, $/M tokens, break-even.", no_args_is_help=True
)

group.command("rent")(cost_owning.rent)
group.command("own")(cost_owning.own)
group.command("energy")(cost_owning.energy)
group.command("tokens")(cost_tokens.tokens)
group.command("break-even")(cost_tokens.break_even)
group.command("compare")(cost_tokens.compare)
group.command("power")(cost_power.power)
group.command("electrical")(cost_power.electrical)

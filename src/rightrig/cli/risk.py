"""``risk``: bit errors, failures, checkpoints, spares, availability."""

from __future__ import annotations

import typer

from rightrig.cli import risk_bits, risk_fleet, risk_runs

group = typer.Typer(
    name="risk", help="Bit errors, failures, checkpoint interval, spares.", no_args_is_help=True
)
group.command("bits")(risk_bits.bits)
group.command("run")(risk_runs.run)
group.command("checkpoint")(risk_runs.checkpoint)
group.command("serve")(risk_fleet.serve)
group.command("spares")(risk_fleet.spares)
group.command("rig")(risk_fleet.rig)
group.command("presets")(risk_fleet.presets)

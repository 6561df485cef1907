"""``ask``: the questions that people bring, each answered from computed plans."""

from __future__ import annotations

import typer

from rightrig.cli import ask_decisions as decisions
from rightrig.cli import ask_hardware as hardware
from rightrig.cli import ask_layout as layout

group = typer.Typer(name="ask", help="Questions people bring, each computed.", no_args_is_help=True)
group.command("choose-gpu")(hardware.choose_gpu)
group.command("gpu-count")(hardware.gpu_count)
group.command("many-or-one")(hardware.many_or_one)
group.command("tiers")(hardware.tiers)
group.command("consumer-or-datacenter")(hardware.consumer_or_datacenter)
group.command("overkill")(hardware.overkill)
group.command("train-or-serve")(hardware.train_or_serve)
group.command("split")(layout.split)
group.command("buy-or-rent")(layout.buy_or_rent)
group.command("scaling")(layout.scaling)
group.command("mix")(layout.mix)
group.command("growth")(layout.growth)
group.command("measure-next")(layout.measure_next)
group.command("go-no-go")(decisions.go_no_go)
group.command("criteria")(decisions.criteria)
group.command("lock-in")(decisions.lock_in)
group.command("ecosystem")(decisions.ecosystem)

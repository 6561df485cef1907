"""``gpus``, ``models``, ``rigs``, ``prices``, ``runtimes``: the catalogue, with sources."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from rightrig.cli import options as o
from rightrig.cli.answer import answer

_NAME = Annotated[str, typer.Argument(help="Name or alias.")]
_gpus = typer.Typer(name="gpus", help="Cards of the catalogue.", no_args_is_help=True)
_models = typer.Typer(name="models", help="Models of the catalogue.", no_args_is_help=True)
_rigs = typer.Typer(name="rigs", help="Machines and instances.", no_args_is_help=True)
_prices = typer.Typer(name="prices", help="Rental offers.", no_args_is_help=True)
_runtimes = typer.Typer(name="runtimes", help="Inference engines.", no_args_is_help=True)
GROUPS: Final = (_gpus, _models, _rigs, _prices, _runtimes)


@_gpus.command("list")
def gpus_list(json: o.Json = False) -> None:
    """List every card."""
    from rightrig.facts.catalog import shipped
    from rightrig.report.gpu import gpus_document
    from rightrig.report.record import records_json

    gpus = shipped().gpus()
    answer(
        as_json=json, data=lambda: records_json("gpus", gpus), document=lambda: gpus_document(gpus)
    )


@_gpus.command("show")
def gpus_show(name: _NAME, json: o.Json = False) -> None:
    """Show one card: sizes, rates and how they follow, tier, software, prices, sources."""
    import datetime

    from rightrig.facts.catalog import shipped
    from rightrig.report.gpu import gpu_document, gpu_json

    catalog = shipped()
    gpu, prices = catalog.gpu(name), catalog.prices()
    today = datetime.datetime.now(tz=datetime.UTC).date()
    answer(
        as_json=json,
        data=lambda: gpu_json(gpu, prices, today),
        document=lambda: gpu_document(gpu, prices, today),
    )


@_models.command("list")
def models_list(json: o.Json = False) -> None:
    """List every model."""
    from rightrig.facts.catalog import shipped
    from rightrig.report.llm import models_document, models_json

    catalog = shipped()
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    answer(as_json=json, data=lambda: models_json(llms), document=lambda: models_document(llms))


@_models.command("show")
def models_show(name: o.Model, json: o.Json = False) -> None:
    """Show one model: its layers, parameters by class, sizes, sources."""
    from rightrig.facts.catalog import shipped
    from rightrig.facts.models import find_llm
    from rightrig.report.llm import model_document, model_json

    llm = find_llm(name, shipped())
    answer(as_json=json, data=lambda: model_json(llm), document=lambda: model_document(llm))


@_rigs.command("list")
def rigs_list(json: o.Json = False) -> None:
    """List every machine and instance."""
    from rightrig.facts.catalog import shipped
    from rightrig.report.catalogue import rigs_document
    from rightrig.report.record import records_json

    catalog = shipped()
    systems = [catalog.system(slug) for slug in catalog.slugs("systems")]
    answer(
        as_json=json,
        data=lambda: records_json("rigs", systems),
        document=lambda: rigs_document(systems),
    )


@_rigs.command("show")
def rigs_show(name: _NAME, json: o.Json = False) -> None:
    """Show one machine with its sources."""
    from rightrig.facts.catalog import shipped
    from rightrig.report.catalogue import rig_document
    from rightrig.report.record import record_json

    system = shipped().system(name)
    answer(as_json=json, data=lambda: record_json(system), document=lambda: rig_document(system))


@_prices.command("list")
def prices_list(json: o.Json = False) -> None:
    """List every rental offer, per card and per instance."""
    from rightrig.facts.catalog import shipped
    from rightrig.report.catalogue import prices_document
    from rightrig.report.record import records_json

    prices = shipped().prices()
    answer(
        as_json=json,
        data=lambda: records_json("prices", prices),
        document=lambda: prices_document(prices),
    )


@_prices.command("show")
def prices_show(name: _NAME, json: o.Json = False) -> None:
    """Show the offers for one card, with dates, trust and sources."""
    from rightrig.facts.catalog import shipped
    from rightrig.report.catalogue import offers_document
    from rightrig.report.record import records_json

    catalog = shipped()
    slug = catalog.gpu(name).slug
    prices = [price for price in catalog.prices() if price.gpu == slug]
    answer(
        as_json=json,
        data=lambda: records_json("prices", prices),
        document=lambda: offers_document(slug, prices),
        yes=bool(prices),
    )


@_runtimes.command("list")
def runtimes_list(json: o.Json = False) -> None:
    """List every runtime."""
    from rightrig.facts.catalog import shipped
    from rightrig.report.catalogue import runtimes_document
    from rightrig.report.record import records_json

    catalog = shipped()
    runtimes = [catalog.runtime(slug) for slug in catalog.slugs("runtimes")]
    answer(
        as_json=json,
        data=lambda: records_json("runtimes", runtimes),
        document=lambda: runtimes_document(runtimes),
    )


@_runtimes.command("show")
def runtimes_show(name: _NAME, json: o.Json = False) -> None:
    """Show one runtime: what it runs on, and how it divides memory."""
    from rightrig.facts.catalog import shipped
    from rightrig.report.catalogue import runtime_document
    from rightrig.report.record import record_json

    runtime = shipped().runtime(name)
    answer(
        as_json=json, data=lambda: record_json(runtime), document=lambda: runtime_document(runtime)
    )

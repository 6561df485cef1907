"""``gpus``, ``models``, ``rigs``, ``runtimes``: the catalogue, with sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from rightrig.cli import options as o
from rightrig.cli import prices
from rightrig.cli.answer import answer
from rightrig.errors import InputError

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog

OperatingSystem = Literal["linux", "windows", "macos"]
_NAME = Annotated[str, typer.Argument(help="Name or alias.")]
_CountedShare = Annotated[
    float | None, typer.Option(help="Share of the memory that counts; default 1.")
]
_gpus = typer.Typer(name="gpus", help="Cards of the catalogue.", no_args_is_help=True)
_models = typer.Typer(name="models", help="Models of the catalogue.", no_args_is_help=True)
_rigs = typer.Typer(name="rigs", help="Machines and instances.", no_args_is_help=True)
_runtimes = typer.Typer(name="runtimes", help="Inference engines.", no_args_is_help=True)
GROUPS: Final = (_gpus, _models, _rigs, prices.group, _runtimes)


@_gpus.command("list")
def gpus_list(catalog: o.CatalogFolders = None, json: o.Json = False) -> None:
    """List every card."""
    from rightrig.report.gpu import gpus_document, gpus_json

    gpus = o.chosen(catalog).gpus()
    answer(
        as_json=json,
        data=lambda: gpus_json(gpus),
        document=lambda: gpus_document(gpus),
        records=gpus,
    )


@_gpus.command("show")
def gpus_show(name: _NAME, catalog: o.CatalogFolders = None, json: o.Json = False) -> None:
    """Show one card: sizes, rates and their derivation, prices, sources."""
    import datetime

    from rightrig.report.gpu import gpu_document, gpu_json

    known = o.chosen(catalog)
    gpu, offers = known.gpu(name), known.prices()
    mig = known.mig_profiles(gpu.slug)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    answer(
        as_json=json,
        data=lambda: gpu_json(gpu, offers, today, mig),
        document=lambda: gpu_document(gpu, offers, today, mig),
        records=[gpu, *(price for price in offers if price.gpu == gpu.slug)],
    )


@_models.command("list")
def models_list(catalog: o.CatalogFolders = None, json: o.Json = False) -> None:
    """List every model."""
    from rightrig.report.llm import models_document, models_json

    known = o.chosen(catalog)
    llms = [known.llm(slug) for slug in known.slugs("llms")]
    answer(
        as_json=json,
        data=lambda: models_json(llms),
        document=lambda: models_document(llms),
        records=llms,
    )


@_models.command("show")
def models_show(name: o.Model, catalog: o.CatalogFolders = None, json: o.Json = False) -> None:
    """Show one model: its layers, parameters by class, sizes, licence, sources."""
    from rightrig.cli.naming import model_named
    from rightrig.facts.licence import licence_of
    from rightrig.report.llm import model_document, model_json

    known = o.chosen(catalog)
    llm = model_named(name, known)
    licence = licence_of(llm, known)
    answer(
        as_json=json,
        data=lambda: model_json(llm, licence),
        document=lambda: model_document(llm, licence),
        records=[llm, *([licence] if licence else [])],
    )


@_rigs.command("list")
def rigs_list(catalog: o.CatalogFolders = None, json: o.Json = False) -> None:
    """List every machine and instance."""
    from rightrig.report.catalogue import rigs_document
    from rightrig.report.record import records_json

    known = o.chosen(catalog)
    systems = [known.system(slug) for slug in known.slugs("systems")]
    answer(
        as_json=json,
        data=lambda: records_json("rigs", systems),
        document=lambda: rigs_document(systems),
        records=systems,
    )


@_rigs.command("show")
def rigs_show(
    name: Annotated[str, typer.Argument(help="Machine, or a rig: 4xh100-sxm, 2xrtx-3090@nvlink.")],
    overhead: Annotated[
        str | None, typer.Option(help="Of each card, off the effective memory; default 5GiB.")
    ] = None,
    gpu_memory_utilization: _CountedShare = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """Show a machine or any rig: memory, links, what it is best and bad at."""
    from rightrig.cli.rigs import shown

    found = shown(o.chosen(catalog), name, overhead, gpu_memory_utilization)
    answer(as_json=json, data=found.data, document=found.document, yes=found.yes,
           records=found.records)  # fmt: skip


@_runtimes.command("list")
def runtimes_list(
    on: Annotated[str | None, typer.Option("--on", help="What runs on this rig, and how.")] = None,
    model: Annotated[str | None, typer.Option(help="With --on: for this model.")] = None,
    os: Annotated[
        OperatingSystem | None, typer.Option(help="With --on: under this system.")
    ] = None,
    catalog: o.CatalogFolders = None,
    json: o.Json = False,
) -> None:
    """List every runtime, or say what each does on a rig."""
    known = o.chosen(catalog)
    if on is not None:
        _runtimes_on(known, on, model, os, as_json=json)
        return
    from rightrig.report.catalogue import runtimes_document
    from rightrig.report.record import records_json

    _refuse_without_rig(model, os)
    runtimes = [known.runtime(slug) for slug in known.slugs("runtimes")]
    answer(
        as_json=json,
        data=lambda: records_json("runtimes", runtimes),
        document=lambda: runtimes_document(runtimes),
        records=runtimes,
    )


def _runtimes_on(
    known: Catalog,
    on: str,
    model: str | None,
    system: OperatingSystem | None,
    *,
    as_json: bool,
) -> None:
    """Say what each runtime does on a rig; the answer is no where none runs."""
    from rightrig.cli.naming import model_named
    from rightrig.deployment.compatibility_matrix import Asked, matrix
    from rightrig.deployment.rig import parse_rig
    from rightrig.report.runtimes import support_document, support_json

    llm = None if model is None else model_named(model, known)
    asked = Asked(parse_rig(on, known), llm, system)
    rows = matrix(known, asked)
    answer(
        as_json=as_json,
        data=lambda: support_json(asked, rows),
        document=lambda: support_document(asked, rows),
        yes=any(row.verdict != "no" for row in rows),
    )


def _refuse_without_rig(model: str | None, system: str | None) -> None:
    """Refuse options that only speak of a rig."""
    for name, value in (("--model", model), ("--os", system)):
        if value is not None:
            raise InputError(f"{name} needs a rig to speak of: add --on, such as --on 8xh100-sxm")


@_runtimes.command("show")
def runtimes_show(name: _NAME, catalog: o.CatalogFolders = None, json: o.Json = False) -> None:
    """Show one runtime: what it runs on, and how it divides memory."""
    from rightrig.report.catalogue import runtime_document
    from rightrig.report.record import record_json

    runtime = o.chosen(catalog).runtime(name)
    answer(
        as_json=json,
        data=lambda: record_json(runtime),
        document=lambda: runtime_document(runtime),
        records=[runtime],
    )

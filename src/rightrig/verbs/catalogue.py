"""``gpus``, ``models``, ``rigs``, ``runtimes``: the catalogue, with sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rightrig.errors import InputError
from rightrig.verbs import options as o
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.gpus import GpuShowJson, GpusJson
    from rightrig.report.schema.models import ModelShowJson, ModelsJson
    from rightrig.report.schema.rigs import RigAnswerJson, RigsJson
    from rightrig.report.schema.runtimes import (
        RuntimeRecordJson,
        RuntimesAnswerJson,
        RuntimesOnJson,
    )

OperatingSystem = Literal["linux", "windows", "macos"]
_NAME = Annotated[str, typer.Argument(help="Name or alias.")]
_CountedShare = Annotated[
    float | None, typer.Option(help="Share of the memory that counts; default 1.")
]


def gpus_list(catalog: Catalog) -> Found[GpusJson]:
    """List every card."""
    from rightrig.report.gpu import gpus_document, gpus_json

    gpus = catalog.gpus()
    return Found(
        data=lambda: gpus_json(gpus),
        document=lambda: gpus_document(gpus),
        records=gpus,
    )


def gpus_show(catalog: Catalog, name: _NAME) -> Found[GpuShowJson]:
    """Show one card: sizes, rates and their derivation, prices, sources."""
    import datetime

    from rightrig.report.gpu import gpu_document, gpu_json

    gpu, offers = catalog.gpu(name), catalog.prices()
    mig = catalog.mig_profiles(gpu.slug)
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return Found(
        data=lambda: gpu_json(gpu, offers, today, mig),
        document=lambda: gpu_document(gpu, offers, today, mig),
        records=(gpu, *(price for price in offers if price.gpu == gpu.slug)),
    )


def models_list(catalog: Catalog) -> Found[ModelsJson]:
    """List every model."""
    from rightrig.report.llm import models_document, models_json

    llms = tuple(catalog.llm(slug) for slug in catalog.slugs("llms"))
    return Found(
        data=lambda: models_json(llms),
        document=lambda: models_document(llms),
        records=llms,
    )


def models_show(catalog: Catalog, name: o.Model) -> Found[ModelShowJson]:
    """Show one model: its layers, parameters by class, sizes, licence, sources."""
    from rightrig.facts.licence import licence_of
    from rightrig.report.llm import model_document, model_json
    from rightrig.verbs.naming import model_named

    llm = model_named(name, catalog)
    licence = licence_of(llm, catalog)
    return Found(
        data=lambda: model_json(llm, licence),
        document=lambda: model_document(llm, licence),
        records=(llm, *([licence] if licence else [])),
    )


def rigs_list(catalog: Catalog) -> Found[RigsJson]:
    """List every machine and instance."""
    from rightrig.report.catalogue import rigs_document, rigs_json

    systems = tuple(catalog.system(slug) for slug in catalog.slugs("systems"))
    return Found(
        data=lambda: rigs_json(systems),
        document=lambda: rigs_document(systems),
        records=systems,
    )


def rigs_show(
    catalog: Catalog,
    name: Annotated[str, typer.Argument(help="Machine, or a rig: 4xh100-sxm, 2xrtx-3090@nvlink.")],
    overhead: Annotated[
        str | None, typer.Option(help="Of each card, off the effective memory; default 5GiB.")
    ] = None,
    gpu_memory_utilization: _CountedShare = None,
) -> Found[RigAnswerJson]:
    """Show a machine or any rig: memory, links, what it is best and bad at."""
    from rightrig.verbs.rigs import shown

    return shown(catalog, name, overhead, gpu_memory_utilization)


def runtimes_list(
    catalog: Catalog,
    on: Annotated[str | None, typer.Option("--on", help="What runs on this rig, and how.")] = None,
    model: Annotated[str | None, typer.Option(help="With --on: for this model.")] = None,
    os: Annotated[
        OperatingSystem | None, typer.Option(help="With --on: under this system.")
    ] = None,
) -> Found[RuntimesAnswerJson]:
    """List every runtime, or say what each does on a rig."""
    if on is not None:
        return _runtimes_on(catalog, on, model, os)
    from rightrig.report.catalogue import runtimes_document, runtimes_json

    _refuse_without_rig(model, os)
    runtimes = tuple(catalog.runtime(slug) for slug in catalog.slugs("runtimes"))
    return Found(
        data=lambda: runtimes_json(runtimes),
        document=lambda: runtimes_document(runtimes),
        records=runtimes,
    )


def _runtimes_on(
    catalog: Catalog, on: str, model: str | None, system: OperatingSystem | None
) -> Found[RuntimesOnJson]:
    """Say what each runtime does on a rig; the answer is no where none runs."""
    from rightrig.deployment.compatibility_matrix import Asked, matrix
    from rightrig.deployment.rig import parse_rig
    from rightrig.report.runtimes import support_document, support_json
    from rightrig.verbs.naming import model_named

    llm = None if model is None else model_named(model, catalog)
    asked = Asked(parse_rig(on, catalog), llm, system)
    rows = matrix(catalog, asked)
    return Found(
        data=lambda: support_json(asked, rows),
        document=lambda: support_document(asked, rows),
        yes=any(row.verdict != "no" for row in rows),
    )


def _refuse_without_rig(model: str | None, system: str | None) -> None:
    """Refuse options that only speak of a rig."""
    for name, value in (("--model", model), ("--os", system)):
        if value is not None:
            raise InputError(f"{name} needs a rig to speak of: add --on, such as --on 8xh100-sxm")


def runtimes_show(catalog: Catalog, name: _NAME) -> Found[RuntimeRecordJson]:
    """Show one runtime: what it runs on, and how it divides memory."""
    from rightrig.report.catalogue import runtime_document
    from rightrig.report.record import record_json

    runtime = catalog.runtime(name)
    return Found(
        data=lambda: record_json(runtime),
        document=lambda: runtime_document(runtime),
        records=(runtime,),
    )

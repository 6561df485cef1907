"""``rightrig risk bits``: errors of memory, what becomes of them, and an SLA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.risk import (
        BitsJson,
    )


def bits(
    catalog: Catalog,
    rig: Annotated[str | None, typer.Argument(help="Rig: 8xh100-sxm …; or --gpus.")] = None,
    gpus: Annotated[int | None, typer.Option(help="Cards, with --memory and --ecc.")] = None,
    memory: Annotated[str | None, typer.Option(help="Of a card: 80GB, 24GB.")] = None,
    ecc: Annotated[
        Literal["on", "off"] | None, typer.Option(help="Default: as the card comes.")
    ] = None,
    months_count: Annotated[float, typer.Option("--months", help="Of a twelfth of a year.")] = 12.0,
    single_per_year: Annotated[
        float | None,
        typer.Option("--rate-per-gb-year", help="Single-bit errors; default by --preset."),
    ] = None,
    preset: Annotated[
        str, typer.Option(help="Published single-bit errors; 'risk presets' lists.")
    ] = "titan-sbe",
    double_per_year: Annotated[
        float | None,
        typer.Option("--uncorrectable-per-gpu-year", help="Default: HBM3 of Llama 3."),
    ] = None,
    silent_per_year: Annotated[
        float | None,
        typer.Option("--silent-per-gpu-year", help="Of computation; default: Llama 3."),
    ] = None,
    vulnerability: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Silent errors that change a result.")
    ] = None,
    concentration_count: Annotated[
        float | None,
        typer.Option(
            "--concentration", help="Shape over cards; default Titan's, small: few cards."
        ),
    ] = None,
    requests_per_day: Annotated[
        str | None, typer.Option(metavar="COUNT", help="Of all cards together, with --sla.")
    ] = None,
    sla: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Answers to be right: 99.9%.")
    ] = None,
    reload: Annotated[
        str, typer.Option(metavar="TIME", help="Weights are loaded anew after it.")
    ] = "30d",
    engine_gpus: Annotated[int, typer.Option(help="Cards of one engine.")] = 1,
) -> Found[BitsJson]:
    """Bit errors: corrected, detected, silent; and what they do to an SLA."""
    from rightrig.report.risk import bits_document, bits_json
    from rightrig.verbs.risk_memory import Asked, Promise, bit_risk_of

    promise = Promise(requests_per_day, sla, reload, engine_gpus)
    asked = Asked(
        rig, gpus, memory, ecc, months_count, preset, single_per_year, double_per_year,
        silent_per_year, vulnerability, concentration_count, promise,
    )  # fmt: skip
    found = bit_risk_of(catalog, asked)
    return Found(data=lambda: bits_json(found.risk), yes=found.yes, records=found.records,
        document=lambda: bits_document(found.risk),
    )  # fmt: skip

"""``rightrig risk serve``, ``spares``, ``rig`` and ``presets``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rightrig.verbs import risk_options as r
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.schema.risk import (
        PresetsJson,
        RigRiskJson,
        ServeRiskJson,
        SparesJson,
    )


def serve(
    catalog: Catalog,
    replicas: Annotated[int, typer.Option(help="That carry the load.")],
    target: r.Target,
    mttr: Annotated[str, typer.Option(metavar="TIME", help="Until a replica is back: 30min.")],
    spare: Annotated[
        int | None, typer.Option(help="Spares to judge; default the fewest that do.")
    ] = None,
    mtbf: r.Mtbf = None,
    preset: r.Preset = None,
    afr: r.Afr = None,
    gpus_per_replica: Annotated[
        int | None, typer.Option(help="With --preset or --afr: GPUs of a replica.")
    ] = None,
    zones: Annotated[int, typer.Option(help="Over which replicas are spread.")] = 1,
    zone_mtbf: Annotated[
        str | None, typer.Option(metavar="TIME", help="Between failures of a whole zone.")
    ] = None,
    zone_mttr: Annotated[
        str | None, typer.Option(metavar="TIME", help="Until a zone is whole again.")
    ] = None,
    co_failure: Annotated[
        str | None, typer.Option(metavar="SHARE", help="Replicas lost with a zone; default 92%.")
    ] = None,
    save: r.ChartFolder = None,
) -> Found[ServeRiskJson]:
    """Spare replicas for a target of availability."""
    from rightrig.report.risk_fleet import serve_document, serve_json
    from rightrig.verbs.risk_serving import ServeAsked, ZoneWords, serve_of
    from rightrig.verbs.risk_words import RateWords

    words = ZoneWords(zones, zone_mtbf, zone_mttr, co_failure)
    rate = RateWords(preset, afr, mtbf)
    asked = ServeAsked(replicas, spare, target, mttr, rate, gpus_per_replica, words, save)
    found = serve_of(catalog, asked)
    return Found(data=lambda: serve_json(found), yes=found.risk.is_reached,
        document=lambda: serve_document(found), records=found.records,
    )  # fmt: skip


def spares(
    catalog: Catalog,
    gpus: Annotated[int, typer.Option(help="Cards in service.")],
    lead_time: Annotated[
        str, typer.Option(metavar="TIME", help="From an order to its arrival: 30d.")
    ],
    target: r.Target,
    afr: r.Afr = None,
    preset: r.Preset = None,
) -> Found[SparesJson]:
    """Spare cards for the time of a delivery."""
    from rightrig.report.risk_fleet import spares_document, spares_json
    from rightrig.verbs.risk_serving import spares_of
    from rightrig.verbs.risk_words import RateWords

    found, record = spares_of(catalog, gpus, lead_time, target, RateWords(preset, afr))
    return Found(data=lambda: spares_json(found), records=() if record is None else (record,),
        document=lambda: spares_document(found, record),
    )  # fmt: skip


def rig(
    catalog: Catalog,
    on: Annotated[str, typer.Argument(metavar="RIG", help="8xh100-sxm, 16xrtx-4090 …")],
) -> Found[RigRiskJson]:
    """How a rig fails: points of failure, symptoms, checks, fixes, readiness."""
    from rightrig.deployment.rig import parse_rig
    from rightrig.planning.combos.rig_risk import CARD_PRESET, rig_risk
    from rightrig.report.risk import rig_document, rig_json

    record = catalog.failure_rate(CARD_PRESET)
    found = rig_risk(parse_rig(on, catalog), record)
    return Found(data=lambda: rig_json(found), document=lambda: rig_document(found),
        records=(record, *(group.gpu for group in found.rig.groups)),
    )  # fmt: skip


def presets(catalog: Catalog) -> Found[PresetsJson]:
    """Published rates of failure: counts, intervals, sources."""
    from rightrig.report.risk import presets_document, presets_json

    records = catalog.failure_rates()
    return Found(data=lambda: presets_json(records), records=records,
        document=lambda: presets_document(records),
    )  # fmt: skip

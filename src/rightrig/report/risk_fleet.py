"""The reports of ``risk serve`` and ``risk spares``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import SECONDS_PER_HOUR, show_number
from rightrig.reliability.rates import YEAR_S, show_span
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.risk_values import files_document, files_json
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.facts.failure_rate import FailureRate
    from rightrig.reliability.spares import Spares
    from rightrig.report.risk_values import ServeFound
    from rightrig.report.schema.risk import (
        ServeRiskJson,
        SparesJson,
    )


def serve_document(found: ServeFound) -> Document:
    """Return whether enough replicas work, and by how many spares."""
    risk = found.risk
    sentences = risk.explain().sentences
    word = "reached" if risk.is_reached else "missed"
    rows = tuple(
        (
            f"{spares:,}",
            f"{carried:.6%}",
            f"{show_number((1.0 - carried) * YEAR_S / SECONDS_PER_HOUR)} h",
            "yes" if risk.fewest_count is not None and spares >= risk.fewest_count else "no",
        )
        for spares, carried in risk.rows
    )
    zones = risk.replicas.zones
    spread = (
        f"Zones: {zones.count}, each whole {zones.up_ratio:.4%} of the time; when one is not, "
        f"{zones.co_failure_ratio:.0%} of its replicas are lost."
        if zones.up_ratio < 1.0
        else "Replicas fail on their own: --zone-mtbf adds failures of a whole zone."
    )
    return (
        Paragraph(
            f"{risk.replicas.needed_count:,} replicas needed, {risk.spares_count:,} spare: target "
            f"of {risk.target_ratio:.12g} {word}",
            "good" if risk.is_reached else "bad",
        ),
        *(Paragraph(text) for text in sentences),
        Grid(("spares", "enough work", "too few, a year", "target"), rows, (0, 1, 2)),
        Paragraph(
            f"A replica fails every {show_span(risk.mtbf_s)} ({risk.mtbf_source}) and is back "
            f"after {show_span(risk.mttr_s)}. {spread}",
            "dim",
        ),
        *files_document(found.files),
    )


def serve_json(found: ServeFound) -> ServeRiskJson:
    """Return a service as JSON."""
    risk = found.risk
    zones = risk.replicas.zones
    return {
        "needed_count": risk.replicas.needed_count,
        "spares_count": risk.spares_count,
        "fewest_spares_count": risk.fewest_count,
        "target_ratio": risk.target_ratio,
        "reached": risk.is_reached,
        "carried_ratio": risk.carried_ratio,
        "short_s_per_year": risk.short_s_per_year,
        "mtbf_s": risk.mtbf_s,
        "mttr_s": risk.mttr_s,
        "zones": {
            "count": zones.count,
            "up_ratio": zones.up_ratio,
            "co_failure_ratio": zones.co_failure_ratio,
        },
        "by_spares": [
            {"spares_count": spares, "carried_ratio": carried} for spares, carried in risk.rows
        ],
        "files": files_json(found.files),
        "explanation": explanation_json(risk.explain()),
    }


def spares_document(found: Spares, record: FailureRate | None) -> Document:
    """Return how many parts to keep."""
    sentences = found.explain().sentences
    rows = tuple((f"{count:,}", f"{chance:.3%}") for count, chance in found.by_spares)
    note = (
        ()
        if record is None
        else (
            Paragraph(
                f"{record.name} counts interruptions by cards and their memory; most end with a "
                "reset, not with a new card. Take the number as an upper bound, and --afr from "
                "your own returns.",
                "warn",
            ),
        )
    )
    return (
        Paragraph(f"{found.spares_count:,} spares for {found.devices_count:,} cards", "title"),
        *(Paragraph(text) for text in sentences),
        Grid(("spares", "last with"), rows, (0, 1)),
        *note,
        Paragraph(f"Rate: {found.rate.source}.", "dim"),
    )


def spares_json(found: Spares) -> SparesJson:
    """Return how many parts to keep, as JSON."""
    return {
        "devices_count": found.devices_count,
        "lead_time_s": found.lead_time_s,
        "target_ratio": found.target_ratio,
        "failures_per_device_year": interval_json(found.rate.events_per_year),
        "expected_count": interval_json(found.expected_count),
        "spares_count": found.spares_count,
        "chance_ratio": found.chance_ratio,
        "by_spares": [
            {"spares_count": count, "chance_ratio": chance} for count, chance in found.by_spares
        ],
        "explanation": explanation_json(found.explain()),
    }

"""The reports of ``risk bits``, ``risk rig`` and ``risk presets``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import SECONDS_PER_HOUR, show_number
from rightrig.reliability.bit_errors import concentration_count
from rightrig.reliability.rates import YEAR_S, rate_of
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import between_text, explanation_json, interval_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.failure_rate import FailureRate
    from rightrig.planning.combos.rig_risk import RigRisk
    from rightrig.reliability.bit_risk import BitRisk
    from rightrig.reliability.rates import Rate
    from rightrig.reliability.sla import SlaRisk
    from rightrig.report.schema.risk import (
        BitsJson,
        PresetJson,
        PresetsJson,
        RigRiskJson,
        SlaJson,
    )

_NONE: Final = "–"
_KINDS: Final = {
    "interruption": "interruptions of a ", "correctable": "corrected errors of a ",
    "uncorrectable": "uncorrected errors of a ", "silent": "silent errors of a ",
    "defective": "share that is defective, of a ",
}  # fmt: skip
_DEVICES: Final = {
    "gpu": "GPU", "node": "node", "memory-gb": "GB", "memory-mbit": "Mbit",
    "processor": "processor",
}  # fmt: skip
_STYLES: Final = {"surely": "good", "likely": "warn", "no": "bad"}


def bits_document(found: BitRisk) -> Document:
    """Return the errors by class, the cards they are on, and the SLA."""
    sentences = found.explain().sentences
    style = "plain" if found.sla is None else _STYLES[found.sla.kept]
    verdict = () if found.sla is None else (Paragraph(sentences[-1], style),)  # type: ignore[arg-type]
    body = sentences if found.sla is None else sentences[:-1]
    return (
        Paragraph(body[0], "title"),
        Grid(
            ("errors", "rate", "expected", "80 %", "with ECC", "here"), _error_rows(found),
            (2, 3), spare=(4,),
        ),
        *(Paragraph(text) for text in body[1:]),
        *_spread(found),
        *verdict,
        Paragraph(
            "80 %: what the counts leave open on the hardware that was counted ('rightrig risk "
            "presets'); other memory may differ by more.",
            "dim",
        ),
        *(Paragraph(f"Rate: {source}.", "dim") for source in found.explain().sources),
    )  # fmt: skip


def _error_rows(found: BitRisk) -> tuple[tuple[str, ...], ...]:
    """Return a row for each kind of error."""
    ecc = found.cards.ecc
    kinds = (
        ("single bits of memory", found.rates.single, found.single_count, "corrected"),
        ("double bits of memory", found.rates.double, found.double_count, "detected"),
        ("computation", found.rates.compute, found.compute_count, "silent"),
    )
    return tuple(
        (name, _per_year(rate), show_number(count.mid), between_text(count), fate,
         fate if ecc else "silent")
        for name, rate, count, fate in kinds
    )  # fmt: skip


def _per_year(rate: Rate) -> str:
    """Return a rate as people read it: often ones in a year, rare ones by the years of one."""
    yearly = rate.events_per_year.mid
    if yearly == 0.0:
        return "never"
    if yearly < 0.1:  # noqa: PLR2004 - as years of one device it reads better
        return f"1 in {show_number(1.0 / yearly)} {rate.device}-years"
    return f"{show_number(yearly)} / {rate.device} / year"


def _spread(found: BitRisk) -> Document:
    """Return on how many cards the silent errors are."""
    if found.classes.silent_count.mid == 0.0:
        return ()
    return (
        Paragraph(
            f"Silent errors are on {found.hit_cards_ratio:.2%} of the cards if all are alike, on "
            f"{found.hit_cards_concentrated_ratio:.2%} if few cards have most of them (shape "
            f"{found.rates.concentration_count:.2g}); at least one in the fleet with "
            f"{found.any_silent_ratio:.2%} or {found.any_silent_concentrated_ratio:.2%}.",
            "dim",
        ),
    )


def bits_json(found: BitRisk) -> BitsJson:
    """Return the errors as JSON."""
    classes = found.classes
    return {
        "cards_count": found.cards.count,
        "memory_bytes": found.cards.gigabytes_count * 1e9,
        "ecc": found.cards.ecc,
        "time_s": found.time_s,
        "single_count": interval_json(found.single_count),
        "double_count": interval_json(found.double_count),
        "compute_count": interval_json(found.compute_count),
        "corrected_count": interval_json(classes.corrected_count),
        "detected_count": interval_json(classes.detected_count),
        "silent_count": interval_json(classes.silent_count),
        "silent_range_count": list(found.silent_range),
        "any_silent_ratio": found.any_silent_ratio,
        "any_silent_concentrated_ratio": found.any_silent_concentrated_ratio,
        "hit_cards_ratio": found.hit_cards_ratio,
        "hit_cards_concentrated_ratio": found.hit_cards_concentrated_ratio,
        "corrupting_count": interval_json(found.corrupting_count),
        "sla": None if found.sla is None else _sla_json(found.sla),
        "explanation": explanation_json(found.explain()),
    }


def _sla_json(risk: SlaRisk) -> SlaJson:
    """Return a promise as JSON."""
    return {
        "kept": risk.kept,
        "promised_ratio": risk.service.promised_ratio,
        "requests_per_day": risk.service.daily_requests,
        "corrupted_requests_per_day": interval_json(risk.daily_corrupted_requests),
        "corrupted_ratio": interval_json(risk.corrupted_ratio),
        "budget_requests_per_day": risk.daily_budget_requests,
    }


def rig_document(found: RigRisk) -> Document:
    """Return points of failure, readiness, and how the rig fails."""
    ready = found.readiness
    style = {"ready": "good", "with limits": "warn", "not as it is": "bad"}[ready.word]
    yearly = found.fleet.failures_per_year
    modes = tuple(
        Paragraph(
            f"- {mode.name}: {mode.why}. One sees: {mode.symptom}. Check: {mode.check}. "
            f"Then: {mode.fix}."
        )
        for mode in found.modes
    )
    sentences = found.explain().sentences
    return (
        Paragraph(
            f"{found.rig.text}: {show_number(yearly.mid)} failures of its cards a year "
            f"({between_text(yearly)})",
            "title",
        ),
        *(Paragraph(text) for text in sentences[:2]),
        Paragraph(f"Production: {ready.word}", style),  # type: ignore[arg-type]
        *(Paragraph(f"- {one.rule_id}: {one.reason}") for one in ready.reasons),
        Paragraph("How it fails, what shows it, what helps", "title"),
        *modes,
        Paragraph(f"Rate: {found.fleet.rate.source}.", "dim"),
    )


def rig_json(found: RigRisk) -> RigRiskJson:
    """Return what may fail on a rig as JSON."""
    return {
        "rig": found.rig.text,
        "cards_count": found.rig.cards_count,
        "failures_per_year": interval_json(found.fleet.failures_per_year),
        "one_card_failures_per_year": interval_json(found.one_card_per_year),
        "any_failure_in_year_ratio": interval_json(found.fleet.interrupted_ratio(YEAR_S)),
        "readiness": found.readiness.word,
        "reasons": [{"rule": one.rule_id, "reason": one.reason} for one in found.readiness.reasons],
        "failure_modes": [
            {
                "id": mode.id,
                "name": mode.name,
                "why": mode.why,
                "symptom": mode.symptom,
                "check": mode.check,
                "fix": mode.fix,
            }
            for mode in found.modes
        ],
        "explanation": explanation_json(found.explain()),
    }


def presets_document(records: Sequence[FailureRate]) -> Document:
    """Return the published rates with their counts and intervals, and their sources."""
    rows = tuple(_preset_row(record) for record in records)
    headers = ("preset", "counts", "events", "device-years", "device-years of one", "80 %", "shape")
    notes = tuple(
        Paragraph(f"{record.slug}: {record.sources[0].reference}. {record.note}", "dim")
        for record in records
    )
    return (
        Paragraph("Published rates of failure", "title"),
        Grid(headers, rows, (2, 3, 4, 5, 6), spare=(6,)),
        Paragraph(
            "80 %: what the count leaves open; none where no count is published. Shape: small "
            "where few devices have most events, as far as published.",
            "dim",
        ),
        *notes,
    )


def _preset_row(record: FailureRate) -> tuple[str, ...]:
    """Return one published rate."""
    kind = f"{_KINDS[record.kind]}{_DEVICES[record.device]}"
    if record.published is not None and record.published.hours_count is None:
        share = record.published.low_count / record.published.devices_count
        return (record.slug, kind, _NONE, _NONE, f"{share:.4%} of all", _NONE, _NONE)
    each = rate_of(record).events_per_year.reciprocal()
    if not record.is_counted:
        spread = _NONE if each.low == each.high else between_text(each)
        return (record.slug, kind, _NONE, _NONE, show_number(each.mid), spread, _NONE)
    shape = concentration_count(record)
    return (
        record.slug,
        kind,
        f"{record.events_count:,}",
        show_number(record.exposure_s / YEAR_S),
        show_number(each.mid),
        between_text(each),
        _NONE if shape == float("inf") else f"{shape:.2g}",
    )


def presets_json(records: Sequence[FailureRate]) -> PresetsJson:
    """Return the published rates as JSON."""
    return {"presets": [_preset_json(record) for record in records]}


def _preset_json(record: FailureRate) -> PresetJson:
    """Return one published rate as JSON."""
    published = record.published
    is_rate = published is None or published.hours_count is not None
    shape = concentration_count(record)
    return {
        "slug": record.slug,
        "name": record.name,
        "kind": record.kind,
        "device": record.device,
        "gpus_per_device_count": record.gpus_per_device_count,
        "hardware": record.hardware,
        "events_count": record.events_count if record.is_counted else None,
        "devices_count": record.devices_count,
        "observed_s": None if record.hours_count is None else record.hours_count * SECONDS_PER_HOUR,
        "failures_per_device_year": interval_json(rate_of(record).events_per_year)
        if is_rate
        else None,
        "concentration_count": None if shape == float("inf") else shape,
        "causes": [
            {"name": c.name, "part": c.part, "events_count": c.events_count} for c in record.causes
        ],
        "sources": [source.reference for source in record.sources],
        "note": record.note,
    }

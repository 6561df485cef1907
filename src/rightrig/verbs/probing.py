"""A probe: read, name the cards, judge, describe, and write the description down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.errors import InputError
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.machine import Machine
    from rightrig.measuring.probe.probed import Probed
    from rightrig.report.schema.probing import ProbeAnswerJson


@dataclass(frozen=True, slots=True)
class Saving:
    """Where a machine is to be described.

    Attributes:
        file: As the user named it, or ``None`` for the file that ``--on this`` reads.
        is_off: Whether nowhere.
    """

    file: str | None = None
    is_off: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a machine was described, or why nowhere.

    Attributes:
        speeds_kept_count: Fits of earlier runs that the file held before, and still does.
    """

    path: str = ""
    why_not: str = ""
    speeds_kept_count: int = 0


def answered(catalog: Catalog, files: Sequence[str], saving: Saving) -> Found[ProbeAnswerJson]:
    """Return what a probe answers."""
    from rightrig.measuring.probe.findings import findings
    from rightrig.measuring.probe.precision import precisions
    from rightrig.report.probe import ProbeReport, probe_document
    from rightrig.report.probe_json import probe_json

    if saving.file is not None and saving.is_off:
        raise InputError("--save and --no-save contradict each other: give one")
    subject = _probed(catalog, files)
    saved = _save(subject, saving, are_files=bool(files))
    report = ProbeReport(
        probed=subject,
        findings=findings(subject),
        precisions=precisions(subject, catalog),
        saved=saved.path,
        why_not_saved=saved.why_not,
        speeds_kept_count=saved.speeds_kept_count,
    )
    return Found(
        data=lambda: probe_json(report),
        document=lambda: probe_document(report),
        records=_records(subject),
    )


def sample(catalog: Catalog, files: Sequence[str], kind: str) -> Found[ProbeAnswerJson]:
    """Return a sample for a machine."""
    from rightrig.measuring.probe.snippets import snippet
    from rightrig.report.document import Paragraph

    text = snippet(kind, _probed(catalog, files))
    return Found(
        data=lambda: {"snippet": kind, "text": text},
        document=lambda: (Paragraph(text),),
        text=lambda: text,
    )


def _probed(catalog: Catalog, files: Sequence[str]) -> Probed:
    """Return this machine, or the one that files describe, with what the catalogue knows."""
    from rightrig.measuring.probe.here import read_here
    from rightrig.measuring.probe.probed import probed
    from rightrig.measuring.probe.saved import read_saved
    from rightrig.verbs.price_ages import today

    reading = read_saved([Path(file) for file in files]) if files else read_here()
    return probed(reading, catalog, today().isoformat(), is_here=not files)


def _records(subject: Probed) -> tuple[Gpu, ...]:
    """Return the records that the answer rests on."""
    own = {one.gpu.slug: one.gpu for one in subject.knowns if one.gpu and not one.is_variant}
    return tuple(own.values())


def _save(subject: Probed, saving: Saving, *, are_files: bool) -> Saved:
    """Write a machine down, where that is wanted and there is something to write."""
    from rightrig.facts.machine import ENVIRONMENT, machine_path, write_machine

    why_not = _why_not(subject, saving, are_files=are_files)
    path = Path(saving.file) if saving.file is not None else machine_path()
    if saving.is_off or why_not or path is None:
        silent = "" if saving.is_off else f"{ENVIRONMENT} is empty"
        return Saved(why_not=why_not or silent)
    try:
        whole, kept = _with_speeds(subject, path)
        write_machine(whole, path)
    except InputError as error:
        if saving.file is not None:
            raise
        # Nobody named it: what was found is told all the same.
        return Saved(why_not=str(error))
    return Saved(str(path), speeds_kept_count=kept)


def _why_not(subject: Probed, saving: Saving, *, are_files: bool) -> str:
    """Return why a machine is not to be written down, or nothing."""
    from rightrig.facts.machine import ENVIRONMENT

    if saving.is_off:
        return ""
    if not subject.machine.rig:
        return "there is nothing to serve on, and what was known before stays"
    if saving.file is not None:
        return ""
    if are_files:
        return f"it may be another machine; --save FILE writes it, {ENVIRONMENT}=FILE reads it"
    if subject.reading.is_partial:
        return "not every card was read, and what was known before stays"
    return ""


def _with_speeds(subject: Probed, path: Path) -> tuple[Machine, int]:
    """Return a machine with what its file knew of the speed of the same cards, and how much.

    Raises:
        InputError: where something else lies there, which is not written over.
    """
    from rightrig.facts.machine import read_machine

    machine = subject.machine
    if not path.exists():
        return machine, 0
    slugs = {one.gpu.slug for one in subject.knowns if one.gpu}
    slugs |= {card.slug for card in machine.own_cards}
    try:
        before = read_machine(path)
    except InputError as error:
        raise InputError(f"{error}; remove it, or name another file with --save") from error
    speeds = tuple(one for one in before.speeds if one.card in slugs)
    return machine.model_copy(update={"speeds": speeds}), len(speeds)

"""The report of a probe: cards, links, host, software, what is wrong, what to use, the rig."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, groupby
from typing import TYPE_CHECKING, Final, Literal

from rightrig.measuring.probe.precision import SHOWN
from rightrig.measuring.probe.wording import cards_text
from rightrig.quantities import GB, GIB, MILLION, TERA, show_gib
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rightrig.measuring.probe.findings import Finding, Severity
    from rightrig.measuring.probe.naming import Known
    from rightrig.measuring.probe.precision import Precision
    from rightrig.measuring.probe.probed import Probed
    from rightrig.measuring.probe.readings import Card, Host, Pair

_STYLES: Final[dict[Severity, Literal["bad", "warn", "dim"]]] = {
    "fault": "bad", "warning": "warn", "note": "dim",
}  # fmt: skip
_MOST_COLUMNS: Final = 16
_NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """A probed machine, with all that is said of it.

    Attributes:
        saved: The file that its description was written to, or empty.
        why_not_saved: Why there is none.
        speeds_kept_count: What runs had made of its speed, kept from the file before.
    """

    probed: Probed
    findings: tuple[Finding, ...]
    precisions: tuple[Precision, ...]
    saved: str = ""
    why_not_saved: str = ""
    speeds_kept_count: int = 0


def probe_document(report: ProbeReport) -> Document:
    """Return a probe as a document."""
    return tuple(_blocks(report))


def _blocks(report: ProbeReport) -> Iterator[Paragraph | Grid]:
    """Yield its blocks."""
    probed = report.probed
    reading = probed.reading
    yield Paragraph(_title(probed), "title")
    if probed.knowns:
        yield _cards(probed)
        yield from _links(probed)
    if probed.processor is not None:
        yield Paragraph(_processor_sentence(probed))
    yield from (Paragraph(text) for text in _host_sentences(reading.host))
    if reading.ports:
        yield Paragraph(_ports_sentence(probed))
    if reading.versions:
        told = ", ".join(f"{name} {version}" for name, version in sorted(reading.versions.items()))
        yield Paragraph(f"Software: {told}.")
    for finding in report.findings:
        sentence = finding.sentence[:1].upper() + finding.sentence[1:]
        text = f"{finding.severity.upper()}: {sentence}. → {finding.remedy}."
        yield Paragraph(text, _STYLES[finding.severity])
    if report.precisions:
        yield _precision_grid(report)
        yield from (Paragraph(text) for one in report.precisions for text in _advice(one))
    yield from _ending(report)


def _title(probed: Probed) -> str:
    """Return what is described."""
    names: dict[str, int] = {}
    for one in probed.knowns:
        name = one.card.name or "a card that does not answer"
        names[name] = names.get(name, 0) + 1
    told = " + ".join(f"{count} × {name}" for name, count in names.items()) or "no GPU"
    return f"{probed.machine.name}: {told}"


def _cards(probed: Probed) -> Grid:
    """Return the cards, equal ones in one row."""
    headers = (
        "card", "record", "memory MiB", "CC", "SM MHz", "limit W", "PCIe", "NVLinks", "ECC",
        "node",
    )  # fmt: skip
    rows = [(one.card.index, _cells(one)) for one in probed.knowns]
    found = []
    for cells, group in groupby(rows, key=lambda row: row[1]):
        indices = [index for index, _ in group]
        found.append((cards_text(indices).partition(" ")[2], *cells))
    return Grid(headers, tuple(found), (2, 4, 5, 7), spare=(9, 8, 3))


def _cells(one: Known) -> tuple[str, ...]:
    """Return what one row says of a card behind its number."""
    card = one.card
    if card.lost:
        return ("(lost)", *[_NOTHING] * 8)
    record = one.gpu.slug if one.gpu else "(unknown)"
    capability = card.compute_capability or (one.gpu and one.gpu.compute_capability) or _NOTHING
    return (
        record + (f", {len(card.instances)} × MIG" if card.instances else ""),
        _text(card.memory_mib),
        capability,
        _text(_mega(card.clocks.sm_max_hz)),
        _text(None if card.power.set_w is None else round(card.power.set_w)),
        _slot(card),
        str(sum(link.is_up for link in card.nvlinks)) if card.nvlinks else _NOTHING,
        {True: "on", False: "off", None: _NOTHING}[card.ecc],
        _text(card.numa_node),
    )


def _text(number: int | None) -> str:
    """Return a number that may be unknown."""
    return _NOTHING if number is None else f"{number:,}"


def _mega(clock_hz: float | None) -> int | None:
    """Return a clock in MHz."""
    return None if clock_hz is None else round(clock_hz / MILLION)


def _slot(card: Card) -> str:
    """Return a card's PCIe link: ``5 x16``."""
    slot = card.slot
    generation = slot.most_generation or slot.generation
    lanes = slot.lanes or slot.most_lanes
    return _NOTHING if generation is None or lanes is None else f"{generation} x{lanes}"


def _links(probed: Probed) -> Iterator[Paragraph | Grid]:
    """Yield what joins the cards: a sentence where all pairs are alike, else a matrix."""
    links = probed.reading.links
    indices = [one.card.index for one in probed.knowns]
    pairs = [pair for pair in combinations(indices, 2) if pair in links.paths]
    if not pairs:
        return
    kinds = {links.paths[pair] for pair in pairs}
    if len(kinds) == 1 and len(pairs) == len(indices) * (len(indices) - 1) // 2:
        yield Paragraph(f"Every pair of cards is joined by {_path_text(kinds.pop())}.")
    elif len(indices) <= _MOST_COLUMNS:
        rows = tuple(
            (f"{one}", *(_pair_text(links.paths, one, other) for other in indices))
            for one in indices
        )
        yield Grid(("", *map(str, indices)), rows, title="Paths between cards:")


def _pair_text(paths: Mapping[Pair, str], one: int, other: int) -> str:
    """Return one cell of the matrix."""
    if one == other:
        return "X"
    return paths.get((min(one, other), max(one, other)), "?")


def _path_text(path: str) -> str:
    """Return a path in words."""
    if path.startswith("NV"):
        return f"{path[2:]} NVLinks"
    return {
        "XGMI": "Infinity Fabric",
        "PCIE": "PCIe",
        "PIX": "one PCIe switch (PIX)",
        "PXB": "several PCIe switches (PXB)",
        "PHB": "the processor's PCIe (PHB)",
        "NODE": "PCIe of one memory node (NODE)",
        "SYS": "the link between processors (SYS)",
    }.get(path, path)


def _processor_sentence(probed: Probed) -> str:
    """Say what the processor does."""
    gpu = probed.processor
    flop_per_s = (gpu.peak.fp32_flop_per_s if gpu else None) or 0.0
    bytes_per_s = gpu.memory_bandwidth_bytes_per_s if gpu else 0.0
    return (
        f"No GPU: the processor was measured in its place, {flop_per_s / TERA:.3g} TFLOPS in FP32 "
        f"and {bytes_per_s / GB:.3g} GB/s of host memory."
    )


def _host_sentences(host: Host) -> Iterator[str]:
    """Say what stands around the cards."""
    parts = [host.cpu] if host.cpu else []
    if host.threads_count:
        parts.append(f"{host.threads_count} threads")
    if host.numa_nodes_count and host.numa_nodes_count > 1:
        parts.append(f"{host.numa_nodes_count} memory nodes")
    if host.memory_bytes:
        free = f", {show_gib(host.available_bytes)} free" if host.available_bytes else ""
        parts.append(f"{show_gib(host.memory_bytes)} of memory{free}")
    if parts:
        yield f"Host: {', '.join(parts)}."
    if host.disks:
        told = ", ".join(
            f"{one.path} {one.free_bytes / GIB:,.0f} of {one.size_bytes / GIB:,.0f} GiB free"
            + (f" ({one.kind})" if one.kind else "")
            for one in host.disks
        )
        yield f"Disks: {told}."


def _ports_sentence(probed: Probed) -> str:
    """Say which network ports there are."""
    kinds: dict[str, int] = {}
    for port in probed.reading.ports:
        text = f"{port.rate_bits_per_s / GB:g} Gb/s {port.link_layer}, {port.state.lower()}"
        kinds[text] = kinds.get(text, 0) + 1
    told = "; ".join(f"{count} × {text}" for text, count in kinds.items())
    return f"Network ports: {told}."


def _precision_grid(report: ProbeReport) -> Grid:
    """Return which formats are native."""
    rows = tuple(
        (one.name, *("yes" if one.formats[name] else "no" for name in SHOWN))
        for one in report.precisions
    )
    return Grid(("multiplies", *(name.upper() for name in SHOWN)), rows)


def _advice(one: Precision) -> Iterator[str]:
    """Say what to serve and to fine-tune in."""
    if not one.serving.use:
        yield f"{one.name}: {one.serving.reason}."
        return
    yield f"Serve on {one.name} in: {one.serving.use}. Why: {one.serving.reason}."
    yield f"Fine-tune in: {one.fine_tuning.use}. Why: {one.fine_tuning.reason}."


def _ending(report: ProbeReport) -> Iterator[Paragraph]:
    """Say what the rig is called, and where it was written."""
    rig = report.probed.machine.rig
    if not rig:
        yield Paragraph("No rig: nothing here that a record describes.", "warn")
    elif report.saved:
        yield Paragraph(f"Rig: {rig} — use it with --on this.", "good")
        kept = (
            f" What {report.speeds_kept_count} fits of earlier runs had found is kept."
            if report.speeds_kept_count
            else ""
        )
        yield Paragraph(f"Saved to {report.saved}.{kept}", "dim")
    else:
        own = report.probed.machine.own_cards
        how = "--save it, for its card has no record elsewhere" if own else "use it with --on"
        yield Paragraph(f"Rig: {rig} — {how}.", "good")
    if report.why_not_saved:
        yield Paragraph(f"Not saved: {report.why_not_saved}.", "dim")

"""The reports of machines, prices and runtimes: lists, and one record with its sources."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.propose import MEMORY_MODELLED, MODELLED
from rightrig.facts.price import staleness
from rightrig.quantities import show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.record import tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime
    from rightrig.facts.system import System
    from rightrig.report.values import Json


def rigs_document(systems: Sequence[System]) -> Document:
    """Return all machines, a line each."""
    rows = tuple((s.slug, s.kind, s.rig, s.topology, s.name) for s in systems)
    return (Grid(("rig", "kind", "cards", "topology", "name"), rows, spare=(3, 1, 4)),)


def rig_document(system: System) -> Document:
    """Return one machine."""
    price = "–"
    if system.list_price_low_usd:
        high = system.list_price_high_usd or system.list_price_low_usd
        warning = staleness(system.price_date, _today())
        age = f" – {warning}" if warning else ""
        price = (
            f"{show_usd(system.list_price_low_usd)} to {show_usd(high)}, {system.price_date}{age}"
        )
    facts = (
        ("cards", system.rig), ("topology", system.topology), ("CPU", system.host_cpu or "–"),
        ("host memory", system.host_memory or "–"), ("network", system.network or "–"),
        ("power", f"{system.power_w:,.0f} W" if system.power_w else "–"), ("list price", price),
    )  # fmt: skip
    return (
        Paragraph(f"{system.name} ({system.slug})", "title"),
        Grid(("fact", "value"), facts),
        *tail(system.note, system.sources),
    )


def prices_document(prices: Iterable[Price]) -> Document:
    """Return rental offers, cheapest card first; a node's price is never shown as a card's."""
    today = _today()
    known = sorted(
        (p for p in prices if p.per_gpu_usd_per_hour),
        key=lambda p: (p.gpu, p.per_gpu_usd_per_hour or 0),
    )
    rows = tuple(
        (
            p.gpu,
            f"{p.per_gpu_usd_per_hour:.3f}",
            f"{p.on_demand_usd_per_hour:.3f}",
            str(p.gpu_count),
            p.provider,
            p.instance,
            p.region,
            p.date,
            p.terms,
            p.trust,
            p.staleness(today),
        )
        for p in known
    )
    headers = (
        "gpu", "$/h a card", "$/h instance", "cards", "provider", "instance", "region", "date",
        "terms", "trust", "age",
    )  # fmt: skip
    return (Grid(headers, rows, (1, 2, 3), spare=(6, 2, 8, 9, 7, 5)),)


def prices_json(prices: Iterable[Price]) -> Json:
    """Return rental offers as JSON, each old or undated one with a warning."""
    today = _today()
    rows = []
    for price in prices:
        row = price.model_dump(mode="json", exclude_none=True, exclude={"note"})
        warning = price.staleness(today)
        rows.append({**row, "price_warning": warning} if warning else row)
    return {"prices": rows}


def _today() -> datetime.date:
    """Return the day that ages are counted from."""
    return datetime.datetime.now(tz=datetime.UTC).date()


def offers_document(slug: str, prices: Sequence[Price]) -> Document:
    """Return the offers for one card with their sources and notes."""
    if not prices:
        return (Paragraph(f"No rental offer for {slug} is known."),)
    lines = [
        Paragraph(f"{p.provider} {p.instance}: {p.source}. {p.note}".rstrip(), "dim")
        for p in prices
    ]
    return (Paragraph(f"Offers for {slug}", "title"), *prices_document(prices), *lines)


def _modelled(slug: str) -> str:
    """Return what is computed for a runtime."""
    if slug in MODELLED:
        return "memory, speed"
    return "memory" if slug in MEMORY_MODELLED else "facts only"


def runtimes_document(runtimes: Sequence[Runtime]) -> Document:
    """Return all runtimes, a line each."""
    rows = tuple(
        (
            r.slug,
            r.version or "–",
            _modelled(r.slug),
            ", ".join(r.vendors) or "–",
            r.min_compute_capability or "–",
            r.memory_rule,
        )
        for r in runtimes
    )
    headers = (
        "runtime",
        "version",
        "modelled",
        "vendors",
        "min compute capability",
        "its fraction is of",
    )
    return (Grid(headers, rows, spare=(5, 1, 4)),)


def runtime_document(runtime: Runtime) -> Document:
    """Return one runtime with its systems, its statements and what other versions do."""
    rows = [(s.topic, s.text, s.source) for s in runtime.statements]
    for change in runtime.changes:
        when = f"{'until' if change.before else 'from'} {change.version}"
        rows.append((change.topic, f"{when}: {change.text}", change.source))
    systems = "; ".join(
        SYSTEM_NAMES[name] + (f": {known}" if known else "")
        for name, known in runtime.operating_systems.items()
    )
    return (
        Paragraph(f"{runtime.name} {runtime.version}".rstrip(), "title"),
        Paragraph(f"Runs under {systems}." if systems else "Its systems are not recorded.", "dim"),
        Grid(("topic", "statement", "source"), tuple(rows)),
        *tail(runtime.note, runtime.sources),
    )

"""The reports of machines and runtimes: lists, and one record with its sources."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.propose import MEMORY_MODELLED, MODELLED
from rightrig.facts.price import staleness
from rightrig.quantities import show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.record import listed_json, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.runtime import Runtime, Stack
    from rightrig.facts.system import System
    from rightrig.report.schema.rigs import RigsJson
    from rightrig.report.schema.runtimes import RuntimesJson


def rigs_document(systems: Sequence[System]) -> Document:
    """Return all machines, a line each."""
    rows = tuple((s.slug, s.kind, s.rig, s.topology, s.name) for s in systems)
    return (Grid(("rig", "kind", "cards", "topology", "name"), rows, spare=(3, 1, 4)),)


def rigs_json(systems: Sequence[System]) -> RigsJson:
    """Return all machines as JSON."""
    return {"rigs": [listed_json(system) for system in systems]}


def rig_document(system: System) -> Document:
    """Return one machine."""
    price = "–"
    if system.list_price_low_usd:
        high = system.list_price_high_usd or system.list_price_low_usd
        ends = dict.fromkeys((show_usd(system.list_price_low_usd), show_usd(high)))
        warning = staleness(system.price_date, _today())
        age = f" – {warning}" if warning and warning != system.price_date else ""
        price = f"{' to '.join(ends)}, {system.price_date}{age}"
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


def _today() -> datetime.date:
    """Return the day that ages are counted from."""
    return datetime.datetime.now(tz=datetime.UTC).date()


def modelled_text(slug: str) -> str:
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
            modelled_text(r.slug),
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


def runtimes_json(runtimes: Sequence[Runtime]) -> RuntimesJson:
    """Return all runtimes as JSON."""
    return {"runtimes": [listed_json(runtime) for runtime in runtimes]}


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
        *(block for stack in runtime.stacks for block in _stack_blocks(stack)),
        *tail(runtime.note, runtime.sources),
    )


def _stack_blocks(stack: Stack) -> Document:
    """Return the versions that work together with one version of a runtime."""
    driver = f"{stack.least_driver} or newer" if stack.least_driver else ""
    named = (
        ("package", stack.package), ("image", stack.image), ("Python", stack.python),
        ("PyTorch", stack.torch), ("CUDA", stack.cuda), ("NCCL", stack.nccl),
        ("NVIDIA driver", driver), *stack.packages.items(),
    )  # fmt: skip
    rows = tuple((name, value) for name, value in named if value)
    return (
        Paragraph(
            f"Versions that work together, for {stack.release or stack.version} ({stack.date})",
            "title",
        ),
        Grid(("what", "version"), rows),
        Paragraph(f"Source: {stack.source}", "dim"),
    )

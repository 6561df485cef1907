"""The report of engines that share a card without partitions, alone and while all are busy."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rightrig.quantities import show_gib, show_seconds
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.tenants import (
    asked_paragraphs,
    cost_json,
    cost_paragraphs,
    engine_json,
    isolation_grid,
    isolation_json,
    short_name,
    tenant_json,
    tenants_text,
)
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.gpu import Gpu
    from rightrig.planning.tenancy.sharing import SharedEngine, Sharing
    from rightrig.report.schema.tenancy import TenantsSharedJson, WithoutMigJson

_WARNING = (
    "Not for production: one tenant's load slows all others, and a fault may end them all. A card "
    "with MIG separates them."
)
_ASSUMES = (
    "Busy: while n engines of a card are busy each has at best 1/n of its bandwidth and compute; "
    "switching between them and the cache they take from each other come on top."
)
_START = (
    "Start the engines one after another: each measures the free memory of the card when it starts."
)


def sharing_document(found: Sharing) -> Document:
    """Return the engines of each card, alone and busy, the cost and what is not separated."""
    if not found.cards:
        reasons = (Paragraph(reason) for reason in found.refused)
        title = f"NO: not every tenant is served, even alone on one {found.gpu.slug}."
        return (Paragraph(title, "bad"), *asked_paragraphs(found.tenants), *reasons)
    title = (
        f"{tenants_text(found.tenants_count)} on {len(found.cards):,} × {found.gpu.slug} without "
        f"partitions: {_most_text(found.most_busy_count)}"
    )
    return (
        Paragraph(title, "title"),
        *(() if found.has_mig else (Paragraph(no_mig_text(found.gpu)),)),
        *asked_paragraphs(found.tenants),
        *(_engines(engines, title) for title, engines in _titled(found)),
        Paragraph(_ASSUMES, "dim"),
        *cost_paragraphs(found.cost),
        isolation_grid("shared"),
        *((Paragraph(_START, "dim"), Paragraph(_WARNING, "warn"))
          if found.most_busy_count > 1 else ()),
    )  # fmt: skip


def sharing_json(found: Sharing) -> TenantsSharedJson:
    """Return the engines of each card, the cost and what is not separated, as JSON."""
    return {
        "mode": "shared",
        "gpu": found.gpu.slug,
        "tenants_count": found.tenants_count,
        "cards_count": len(found.cards),
        "most_busy_count": found.most_busy_count,
        "has_mig": found.has_mig,
        "tenants": [tenant_json(tenant) for tenant in found.tenants],
        "cards": [
            {
                "count": count,
                "engines": [
                    {
                        **engine_json(engine.engine),
                        "gpu_memory_utilization_ratio": engine.memory_ratio,
                        "busy_ttft_s": interval_json(engine.busy.ttft_s),
                        "busy_tpot_s": interval_json(engine.busy.tpot_s),
                    }
                    for engine in engines
                ],
            }
            for engines, count in _counted(found)
        ],
        "refused": list(found.refused),
        "cost": cost_json(found.cost),
        "assumption": _ASSUMES,
        "warning": _WARNING,
        "isolation": isolation_json("shared"),
        "explanation": explanation_json(found.explain()),
    }


def no_mig_document(gpu: Gpu) -> Document:
    """Return that a card has no MIG, and what it offers instead."""
    return (
        Paragraph(f"NO: {no_mig_text(gpu)}", "bad"),
        Paragraph(
            f"--mode shared puts several engines on one {gpu.slug} without partitions, and says "
            "what they cost each other."
        ),
    )


def no_mig_json(gpu: Gpu) -> WithoutMigJson:
    """Return that a card has no MIG, as JSON."""
    return {"mode": "mig", "gpu": gpu.slug, "cards": [], "reason": no_mig_text(gpu)}


def no_mig_text(gpu: Gpu) -> str:
    """Return why a card is not cut."""
    if not gpu.mig_instance_count:
        return f"{gpu.slug} has no MIG: it cannot be partitioned in hardware."
    if gpu.vendor == "NVIDIA":
        return f"{gpu.slug} has MIG, but its profiles are not in the catalogue."
    return f"{gpu.slug} has partitions of its maker's own kind, which are not modelled."


def _titled(found: Sharing) -> Iterator[tuple[str, tuple[SharedEngine, ...]]]:
    """Yield one card of each filling, with the title of its table."""
    several = len(found.cards) > 1
    for engines, count in _counted(found):
        cards = "card" if count == 1 else "cards"
        own = f"{len(engines)} engine{'' if len(engines) == 1 else 's'}"
        yield (f"{count:,} {cards} with {own}" if several else "", engines)


def _counted(found: Sharing) -> tuple[tuple[tuple[SharedEngine, ...], int], ...]:
    """Return one card of each filling, with how many there are of it."""
    counts = Counter(_names(engines) for engines in found.cards)
    different = {_names(engines): engines for engines in found.cards}
    return tuple((engines, counts[names]) for names, engines in different.items())


def _names(engines: tuple[SharedEngine, ...]) -> tuple[str, ...]:
    """Return the tenants of a card."""
    return tuple(engine.engine.tenant.name for engine in engines)


def _engines(engines: tuple[SharedEngine, ...], title: str) -> Grid:
    """Return the engines of a card: a line for those of one tenant."""
    counts = Counter(shared.engine.tenant.name for shared in engines)
    first = {shared.engine.tenant.name: shared for shared in reversed(engines)}
    rows = tuple(_row(first[name], count) for name, count in counts.items())
    headers = (
        "engines", "memory fraction", "KV pool", "KV tokens", "TTFT alone", "all busy",
        "TPOT alone", "all busy",
    )  # fmt: skip
    return Grid(headers, rows, tuple(range(1, len(headers))), title=title)


def _row(shared: SharedEngine, count: int) -> tuple[str, ...]:
    """Return the engines of one tenant on a card as a line."""
    speed, pool = shared.engine.prediction, shared.engine.pool_bytes
    tokens = shared.engine.cache_tokens
    return (
        f"{count} × {short_name(shared.engine.tenant.name)}",
        f"{shared.memory_ratio:g}" if shared.memory_ratio is not None else "–",
        show_gib(pool.mid) if pool else "–",
        f"{tokens.mid:,.0f}" if tokens else "–",
        show_seconds(speed.ttft_s.mid) if speed else "–",
        show_seconds(shared.busy.ttft_s.mid),
        show_seconds(speed.tpot_s.mid) if speed else "–",
        show_seconds(shared.busy.tpot_s.mid),
    )


def _most_text(most_count: int) -> str:
    """Return how many engines the fullest card has."""
    return "each engine alone" if most_count == 1 else f"at most {most_count} engines share a card"

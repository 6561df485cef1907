"""The report of ``prices refresh``: what was taken, what was left out, what is not believed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from rightrig.facts.price_snapshot import Snapshot
    from rightrig.fetching.prices import Quarantined, Refresh
    from rightrig.report.schema.price_refresh import (
        QuarantinedJson,
        RefreshJson,
        RentsJson,
        UndoneJson,
    )

_MOST_NAMED: Final = 12
_MOST_DOUBTED: Final = 20


def refresh_document(done: Refresh) -> Document:
    """Return what a refresh did."""
    rows = tuple(
        (p.name, p.date or "–", f"{p.offers_count:,}", f"{p.prices_count:,}", p.kept or "new")
        for p in done.providers
    )
    headers = ("provider", "date", "came", "offers now", "which")
    written = (
        f"{len(done.snapshot.prices):,} offers are in {done.path}."
        if done.path
        else "Nothing was written: the prices in use are unchanged."
    )
    return (
        Grid(headers, rows, (2, 3)),
        *_left_out(done),
        *_doubted(done.quarantined),
        Paragraph(written, "good" if done.path else "bad"),
    )


def _left_out(done: Refresh) -> Document:
    """Return what was left out, by reason, with the names."""
    by_reason: dict[str, dict[str, int]] = defaultdict(dict)
    for (reason, what), count in done.left_out.items():
        by_reason[reason][what] = count
    rows = tuple(
        (f"{sum(names.values()):,}", reason, _names(names))
        for reason, names in sorted(by_reason.items(), key=lambda item: -sum(item[1].values()))
    )
    return (Grid(("left out", "why", "which"), rows, (0,)),) if rows else ()


def _names(names: dict[str, int]) -> str:
    """Return the most frequent names with their counts."""
    known = sorted(((n, name) for name, n in names.items() if name), reverse=True)
    more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
    return ", ".join(f"{name} ({n:,})" for n, name in known[:_MOST_NAMED]) + more


def _doubted(quarantined: tuple[Quarantined, ...]) -> Document:
    """Return the prices that are not believed."""
    if not quarantined:
        return ()
    lines = [
        Paragraph(
            f"{q.price.provider} {q.price.instance} in {q.price.region}: {_dollars(q)} an hour for "
            f"one {q.price.gpu}, known prices allow ${q.bounds.low_usd_per_hour:.3f} to "
            f"${q.bounds.high_usd_per_hour:.2f}."
        )
        for q in quarantined[:_MOST_DOUBTED]
    ]
    more = len(quarantined) - _MOST_DOUBTED
    tail = [Paragraph(f"… and {more:,} more; --json lists all.")] if more > 0 else []
    return (Paragraph("Not believed, and not used:", "warn"), *lines, *tail)


def _dollars(quarantined: Quarantined) -> str:
    """Return the prices of one card that are doubted."""
    price = quarantined.price
    each = (price.per_gpu_usd_per_hour, price.spot_per_gpu_usd_per_hour)
    return " and ".join(f"${usd:.4g}" for usd in each if usd is not None)


def refresh_json(done: Refresh) -> RefreshJson:
    """Return what a refresh did, as JSON."""
    return {
        "path": None if done.path is None else str(done.path),
        "refreshed": done.snapshot.refreshed.isoformat(),
        "offers_count": len(done.snapshot.prices),
        "providers": [
            {
                "provider": p.name, "date": p.date, "came_count": p.offers_count,
                "offers_count": p.prices_count, "kept_because": p.kept,
            }
            for p in done.providers
        ],
        "left_out": [
            {"reason": reason, "what": what, "offers_count": count}
            for (reason, what), count in sorted(done.left_out.items())
        ],
        "quarantined": [_quarantined_json(one) for one in done.quarantined],
    }  # fmt: skip


def _quarantined_json(quarantined: Quarantined) -> QuarantinedJson:
    """Return an offer that is not believed, as JSON."""
    price, bounds = quarantined.price, quarantined.bounds
    rents: RentsJson = {}
    if price.on_demand_usd_per_hour is not None:
        rents["on_demand_usd_per_hour"] = price.on_demand_usd_per_hour
    if price.spot_usd_per_hour is not None:
        rents["spot_usd_per_hour"] = price.spot_usd_per_hour
    return {
        "provider": price.provider,
        "region": price.region,
        "instance": price.instance,
        "gpu": price.gpu,
        "gpu_count": price.gpu_count,
        "max_gpu_count": price.max_gpu_count,
        **rents,
        "date": price.date,
        "source": price.source,
        "trust": price.trust,
        "terms": price.terms,
        "availability": price.availability,
        "note": price.note,
        "plausible_low_usd_per_hour": bounds.low_usd_per_hour,
        "plausible_high_usd_per_hour": bounds.high_usd_per_hour,
    }


def undo_document(found: Snapshot) -> Document:
    """Return what was brought back."""
    day = found.refreshed.isoformat()
    return (Paragraph(f"In use again: {len(found.prices):,} offers, refreshed on {day}.", "good"),)


def undo_json(found: Snapshot) -> UndoneJson:
    """Return what was brought back, as JSON."""
    return {"refreshed": found.refreshed.isoformat(), "offers_count": len(found.prices)}

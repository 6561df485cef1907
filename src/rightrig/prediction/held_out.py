"""How far off predictions were on runs that their fit had not seen: the groups behind intervals."""

from __future__ import annotations

from dataclasses import dataclass

from rightrig.prediction.parameters import tables


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One group of runs that were left out of a fit, and then predicted.

    Attributes:
        quantity: What was predicted: ``tpot``, ``ttft``, ``throughput`` or ``maximum``.
        evidence: What had been measured nearby.
        era: The engine and its era; empty for any.
        kind: ``dense``, ``experts``, or empty for any model.
        vendor: Whose cards.
        rows_count: Runs.
        low_ratio, high_ratio: Between which the central 80 % of measured over predicted lie.
    """

    quantity: str
    evidence: str
    era: str
    kind: str
    vendor: str
    rows_count: int
    low_ratio: float
    high_ratio: float


@dataclass(frozen=True, slots=True)
class RunFamily:
    """Whole runs that parameters of one era of an engine were fitted on.

    Attributes:
        cards: Slugs of the cards.
        sources: Projects that published them.
    """

    era: str
    cards: tuple[str, ...]
    sources: tuple[str, ...]


def held_out() -> tuple[HeldOut, ...]:
    """Return every group of ``data/intervals.toml``, in its order."""
    return tuple(
        HeldOut(
            quantity=entry["quantity"],
            evidence=entry["evidence"],
            era=entry["era"],
            kind=entry["model"],
            vendor=entry["vendor"],
            rows_count=entry["rows_count"],
            low_ratio=entry["low_ratio"],
            high_ratio=entry["high_ratio"],
        )
        for entry in tables("intervals")["interval"]
    )


def families_of_runs() -> tuple[RunFamily, ...]:
    """Return the eras of engines with the cards and the sources of their runs, by name."""
    known = tables("evidence")
    return tuple(
        RunFamily(era, tuple(cards), tuple(known["sources"].get(era, ())))
        for era, cards in sorted(known["runs"].items())
    )

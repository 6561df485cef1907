"""A service of replicas that fail: how often enough work, and how many spares that takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.explanation import Explanation, Figure
from rightrig.quantities import SECONDS_PER_HOUR, show_number
from rightrig.reliability.availability import (
    MOST_SPARE_RATIO,
    available_ratio,
    by_spares,
    spares_for,
)
from rightrig.reliability.rates import YEAR_S

if TYPE_CHECKING:
    from rightrig.reliability.availability import Replicas

_SHOWN_COUNT: Final = 4
_MOST_ROWS_COUNT: Final = 20
_YEAR_HOURS: Final = YEAR_S / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class ServeRisk:
    """Whether a service has enough replicas.

    Attributes:
        mtbf_s, mttr_s: Of one replica.
        mtbf_source: Where the first comes from.
        target_ratio: Share of time that enough are to work.
        spares_count: What was asked about, or else the fewest that reach the target.
        fewest_count: The fewest spares that reach it; ``None`` where no number does.
        carried_ratio: Share of time that enough work, with ``spares_count``.
        rows: The same for other numbers of spares.
    """

    replicas: Replicas
    mtbf_s: float
    mttr_s: float
    mtbf_source: str
    target_ratio: float
    spares_count: int
    fewest_count: int | None
    carried_ratio: float
    rows: tuple[tuple[int, float], ...]

    @property
    def is_reached(self) -> bool:
        """Whether enough replicas work for the share of time asked for."""
        return self.fewest_count is not None and self.spares_count >= self.fewest_count

    @property
    def short_s_per_year(self) -> float:
        """Time of a year in which too few work."""
        return (1.0 - self.carried_ratio) * YEAR_S

    def explain(self) -> Explanation:
        """Return the answer, with its formulas and sources."""
        return _explained(self)


def serve_risk(
    replicas: Replicas,
    times_s: tuple[float, float],
    target_ratio: float,
    spares_count: int | None = None,
    mtbf_source: str = "as stated",
) -> ServeRisk:
    """Return whether a service has enough replicas, and how many spares it takes.

    Args:
        replicas: What carries the load, and the zones.
        times_s: Mean time between failures of a replica, and to repair one.
        target_ratio: Share of time that enough are to work.
        spares_count: Spares to judge; the fewest that reach the target where it is not given.
        mtbf_source: Where the time between failures comes from.
    """
    fewest = spares_for(replicas, target_ratio)
    shown = spares_count if spares_count is not None else fewest or 0
    first = max(0, min(shown, shown if fewest is None else fewest) - _SHOWN_COUNT)
    last = max(shown, fewest or 0) + 2
    counts = range(first, min(last, first + _MOST_ROWS_COUNT) + 1)
    return ServeRisk(
        replicas=replicas,
        mtbf_s=times_s[0],
        mttr_s=times_s[1],
        mtbf_source=mtbf_source,
        target_ratio=target_ratio,
        spares_count=shown,
        fewest_count=fewest,
        carried_ratio=replicas.carried_ratio(replicas.needed_count + shown),
        rows=by_spares(replicas, counts),
    )


def _why_none(replicas: Replicas) -> str:
    """Return what keeps any number of spares from a target."""
    if replicas.zones.up_ratio < 1.0:
        return "zones are broken for longer; use more zones"
    return "a replica is out of service for too long; repair it sooner"


def _explained(found: ServeRisk) -> Explanation:
    """Return sentences, figures and sources."""
    up, needed = available_ratio(found.mtbf_s, found.mttr_s), found.replicas.needed_count
    fewest = found.fewest_count
    hours = found.short_s_per_year / SECONDS_PER_HOUR
    answer = (
        f"No number of spares up to {MOST_SPARE_RATIO:.0f} times the replicas reaches "
        f"{found.target_ratio:.12g} of the time: {_why_none(found.replicas)}."
        if fewest is None
        else f"The fewest spares for {found.target_ratio:.12g} of the time: {fewest}."
    )
    sentences = (
        (
            f"A replica works {up:.4%} of the time; with {needed:,} needed and spares: "
            f"{found.spares_count:,}, enough work {found.carried_ratio:.5%} of it, and too few for "
            f"{show_number(hours)} h a year."
        ),
        answer,
    )
    figures = (
        Figure("available_ratio", up, f"{up:.4%}", "MTBF / (MTBF + MTTR)"),
        Figure(
            "carried_ratio", found.carried_ratio, f"{found.carried_ratio:.5%}",
            "P(at least k of n work), binomial; zones that fail as a whole convolved (F11.6)",
        ),
        Figure(
            "short_hours_per_year", hours, f"{show_number(hours)} h",
            f"(1 − that) · {_YEAR_HOURS:,.0f} h",
        ),
    )  # fmt: skip
    return Explanation(sentences, figures, (found.mtbf_source,))

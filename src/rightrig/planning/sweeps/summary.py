"""What a sweep answers: for each demand the cheapest rig that meets the objectives always."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from rightrig.facts.explanation import Explanation
from rightrig.planning.sweeps.sweep import COMBINATION
from rightrig.planning.sweeps.work import FAILED, NO_FIT, NOT_POSSIBLE, SIMULATED
from rightrig.quantities import show_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.planning.sweeps.work import Row, Value

_Number: TypeAlias = int | float
_ORDER: Final = ("not", "no objective", "likely", "surely")
"""Verdicts, the worst first."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A time over the seeds: the least, the median and the most."""

    least_s: float
    middle_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class Contender:
    """One combination under one demand, all seeds together.

    Attributes:
        said: The columns that say what serves.
        seeds_count, met_count: Seeds, and those in which every objective was met.
        met: The worst verdict of all seeds.
        good_ratio: Mean share of requests that met the objectives; 1 without any.
        rent_usd_per_month: ``None`` where no offer is known.
        cost_usd_per_million_good_tokens: The mean of the seeds.
        ttft_p99_s, tpot_p99_s: Over the seeds; ``None`` where none has it.
    """

    said: Row
    seeds_count: int
    met_count: int
    met: str
    good_ratio: float
    rent_usd_per_month: float | None
    provider: str
    cost_usd_per_million_good_tokens: float | None
    ttft_p99_s: Spread | None
    tpot_p99_s: Spread | None


@dataclass(frozen=True, slots=True)
class Best:
    """The answer for one model and demand.

    Attributes:
        winner: The cheapest that meets the objectives in every seed; ``None`` where none does.
        nearest: Without a winner, the combination that came closest.
        meeting_count, unpriced_count: Combinations that meet them, and those of them that nobody
            is known to rent out.
        reason: Why there is no winner.
    """

    model: str
    demand: str
    winner: Contender | None
    nearest: Contender | None
    meeting_count: int
    unpriced_count: int
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer of a sweep.

    Attributes:
        best: By model and demand, in the order of the file.
        statuses_count: Tasks by what became of them.
        reasons: Of those that were not simulated, or not at the rate of their demand, the most
            frequent first.
    """

    best: tuple[Best, ...]
    statuses_count: dict[str, int]
    reasons: tuple[tuple[str, str, int], ...]

    @property
    def tasks_count(self) -> int:
        """All tasks."""
        return sum(self.statuses_count.values())

    def explain(self) -> Explanation:
        """Return what wins, and what was not simulated."""
        sentences = [_sentence(best) for best in self.best]
        sentences += [f"{count:,} tasks: {status}: {told}" for status, told, count in self.reasons]
        return Explanation(tuple(sentences))


def summary_of(rows: Sequence[Row]) -> Summary:
    """Return the answer of a sweep from its rows.

    Args:
        rows: As ``planning.sweeps.sweep.results_of`` returns them.
    """
    demands: dict[tuple[Value, Value], dict[tuple[Value, ...], list[Row]]] = {}
    for row in rows:
        serving = tuple(row[name] for name in COMBINATION)
        found = demands.setdefault((row["model"], row["demand"]), {})
        found.setdefault(serving, []).append(row)
    statuses = Counter(str(row["status"]) for row in rows)
    told = Counter((str(row["status"]), str(row["reason"])) for row in rows if row["reason"])
    return Summary(
        best=tuple(
            _best(str(model), str(demand), [_contender(seeds) for seeds in found.values()])
            for (model, demand), found in demands.items()
        ),
        statuses_count={name: statuses[name] for name in (SIMULATED, NO_FIT, NOT_POSSIBLE, FAILED)},
        reasons=tuple((status, reason, count) for (status, reason), count in told.most_common()),
    )


def _contender(seeds: Sequence[Row]) -> Contender:
    """Return the rows of all seeds as one."""
    first = seeds[0]
    verdicts = [_verdict(row) for row in seeds]
    costs = _known(row["cost_usd_per_million_good_tokens"] for row in seeds)
    rent = first["rent_usd_per_month"]
    shares = [1.0 if row["good_ratio"] is None else row["good_ratio"] for row in seeds]
    return Contender(
        said={name: first[name] for name in COMBINATION},
        seeds_count=len(seeds),
        met_count=sum(verdict != "not" for verdict in verdicts),
        met=min(verdicts, key=_ORDER.index),
        good_ratio=statistics.fmean(_known(shares)) if first["status"] == SIMULATED else 0.0,
        rent_usd_per_month=rent if isinstance(rent, float) else None,
        provider=str(first["provider"] or ""),
        cost_usd_per_million_good_tokens=statistics.fmean(costs) if costs else None,
        ttft_p99_s=_spread(row["ttft_p99_s"] for row in seeds),
        tpot_p99_s=_spread(row["tpot_p99_s"] for row in seeds),
    )


def _verdict(row: Row) -> str:
    """Return the verdict of a row; what was not simulated, or served nobody, met nothing."""
    return str(row["slo_met"]) if row["status"] == SIMULATED and row["served_count"] else "not"


def _known(values: Iterable[Value]) -> list[_Number]:
    """Return those values that are numbers."""
    return [value for value in values if isinstance(value, int | float)]


def _spread(values_s: Iterable[Value]) -> Spread | None:
    """Return the spread of a column, or ``None`` where nothing is known."""
    known_s = _known(values_s)
    return Spread(min(known_s), statistics.median(known_s), max(known_s)) if known_s else None


def _best(model: str, demand: str, contenders: Sequence[Contender]) -> Best:
    """Return the answer for one model and demand."""
    meeting = [one for one in contenders if one.met_count == one.seeds_count]
    priced = [one for one in meeting if one.rent_usd_per_month is not None]
    winner = min(priced, key=lambda one: one.rent_usd_per_month or 0.0, default=None)
    nearest = max(contenders, key=lambda one: (one.met_count, one.good_ratio))
    reason = ""
    if winner is None and meeting:
        reason = f"no offer is known for the {len(meeting)} that meet the objectives"
    elif winner is None:
        reason = f"none of {len(contenders)} meets the objectives in every seed"
    return Best(
        model=model,
        demand=demand,
        winner=winner,
        nearest=None if winner is not None or not nearest.good_ratio else nearest,
        meeting_count=len(meeting),
        unpriced_count=len(meeting) - len(priced),
        reason=reason,
    )


def _sentence(best: Best) -> str:
    """Return the answer for one demand as a sentence."""
    asked = f"{best.model} under {best.demand}"
    if best.winner is None:
        return f"{asked}: {best.reason}."
    rent = show_usd(best.winner.rent_usd_per_month or 0.0)
    return (
        f"{asked}: {best.winner.said['rig']} at {rent} a month is the cheapest of "
        f"{best.meeting_count} that meet the objectives in every seed."
    )

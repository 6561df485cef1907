"""What the reports of a simulation are made from: an outcome and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.demand.requests import input_statistics, output_statistics
from rightrig.quantities import show_number

if TYPE_CHECKING:
    from rightrig.costs.offers import Purchase
    from rightrig.demand.requests import LengthStatistics, Requests
    from rightrig.prediction.memory_fit import Verdict
    from rightrig.simulation.limit import Limit
    from rightrig.simulation.outcome import Outcome

NAMES: Final = {
    "ttft": "TTFT", "answer": "first answer token", "tpot": "TPOT", "itl": "ITL", "e2e": "E2E",
    "wait": "wait",
}  # fmt: skip
"""Metrics in the order in which they are shown, and what people call them."""
THIN_REQUESTS: Final = 10
"""A percentile with fewer requests above it is marked."""


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """The requests of a simulation, and where they come from.

    Attributes:
        origin: ``trace``, ``preset`` or ``lengths``.
        source: Of a trace its file and format, of a preset its name; else empty.
        arrivals: How they come, in words.
        users_count: Of a closed loop; ``None`` for arrivals that wait for nobody.
        notes: What a reader should know.
    """

    requests: Requests
    origin: str
    source: str
    arrivals: str
    users_count: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def turns_count(self) -> float:
        """Mean requests of an arrival: the turns of a session; 1 where none follows another."""
        is_open = self.users_count is None
        return len(self.requests) / max(self.requests.open_count, 1) if is_open else 1.0

    @property
    def input(self) -> LengthStatistics:
        """Statistics of the prompts."""
        return input_statistics(self.requests)

    @property
    def output(self) -> LengthStatistics:
        """Statistics of the answers."""
        return output_statistics(self.requests)

    @property
    def text(self) -> str:
        """The traffic in a sentence."""
        prompts, answers = self.input, self.output
        of = f" of {self.source}" if self.source else ""
        count, sessions = len(self.requests), ""
        if self.turns_count > 1.0:
            sessions = f" in {self.requests.open_count:,} sessions"
        what = "requests" if count > 1 else "request"
        return (
            f"{count:,} {what}{of}{sessions}, {self.arrivals}; prompts of "
            f"{prompts.mean_tokens:,.0f} tokens on average (p99 {prompts.p99_tokens:,.0f}), "
            f"answers of {answers.mean_tokens:,.0f} (p99 {answers.p99_tokens:,.0f})."
        )


@dataclass(frozen=True, slots=True)
class Rent:
    """What the whole rig costs an hour; without a purchase it is what the user said."""

    rent_usd_per_hour: float
    purchase: Purchase | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """One answer of ``simulate``.

    Attributes:
        fit_verdict: Of one request of mean length.
        limit: The highest rate that keeps the objectives, where that was asked.
        saved: Names of the files that were written.
        hints: What the user could do about the files.
    """

    outcome: Outcome
    traffic: Traffic
    router: str
    fit_verdict: Verdict
    rent: Rent | None = None
    limit: Limit | None = None
    folder: str = ""
    saved: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


def is_thin(outcome: Outcome, metric: str, statistic: str) -> bool:
    """Return whether a percentile rests on too few values above it: n·(1 − p) below 10."""
    if statistic == "mean":
        return False
    served = outcome.served_count
    count = outcome.output_tokens - served if metric == "itl" else served
    above = round(count * (100.0 - float(statistic[1:])) / 100.0, 6)
    return above < THIN_REQUESTS


def rate_text(rate_per_s: float, turns_count: float) -> str:
    """Return a rate of arrivals; of sessions, their requests too."""
    if turns_count == 1.0:
        return f"{show_number(rate_per_s)} requests/s"
    requests = show_number(rate_per_s * turns_count)
    return f"{show_number(rate_per_s)} sessions/s ({requests} requests/s)"

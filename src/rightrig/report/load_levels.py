"""The levels of a load test: their names and their order in every table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.quantities import show_number, show_users
from rightrig.report.loaded import is_at

if TYPE_CHECKING:
    from rightrig.measuring.load.outcome import LevelOutcome
    from rightrig.report.loaded import Loaded

WHOLE: Final = 3
"""More levels than these are shown in short."""


def order(seen: Loaded) -> list[int]:
    """Return the levels of a ramp by their rates, others as they were held."""
    places = list(range(len(seen.outcomes)))
    if seen.breaking is None:
        return places
    return sorted(places, key=lambda at: seen.outcomes[at].level.rate_requests_per_s or 0.0)


def is_servers(seen: Loaded, outcome: LevelOutcome) -> bool:
    """Return whether a level is the server's: one of a ramp that its client limited is not."""
    return seen.breaking is None or outcome.validity.verdict != "CLIENT-LIMITED"


def level_name(seen: Loaded, index: int) -> str:
    """Return the load of a level; the planned peak is marked."""
    outcome = seen.outcomes[index]
    level = outcome.level
    if level.kind == "closed":
        return show_users(level.concurrency)
    if level.rate_requests_per_s is None:
        return "as recorded"
    peak = seen.peak_requests_per_s
    mark = " (peak)" if peak is not None and is_at(outcome, peak) else ""
    return f"{show_number(level.rate_requests_per_s)}/s{mark}"

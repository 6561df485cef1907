"""Which request comes when: arrivals at a rate, or the next one of a user."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.demand.requests import Requests
    from rightrig.measuring.load.outcome import Level


def scheduled(requests: Requests, level: Level) -> Requests:
    """Return the requests at the rate of an open level; those of a closed one as they are.

    The rate counts all turns of sessions, of which only the first arrive by themselves.

    Raises:
        InputError: for a rate that requests without one cannot have.
    """
    if level.kind == "closed" or level.rate_requests_per_s is None:
        return requests
    open_ratio = requests.open_count / len(requests)
    if requests.open_count == 1 and len(requests) == 1:
        return requests
    if math.isinf(requests.mean_rate_requests_per_s):
        raise InputError(
            "these requests have no times of arrival to bring to a rate: draw them with poisson "
            "arrivals, or hold a number of users"
        )
    return requests.at_rate(level.rate_requests_per_s * open_ratio)


class Agenda:
    """Deals rows: chains of requests begin with a root, and each row may have one that follows.

    Of a closed level, a user takes a chain, and when it has ended the next that is left.
    """

    def __init__(self, requests: Requests) -> None:
        """Look at the requests."""
        self._requests = requests
        self._has_chains = bool(requests.next_index.size)
        self._pauses = requests.think_s.size > 0
        self._patience = requests.patience_s.size > 0

    @property
    def rows_count(self) -> int:
        """All requests."""
        return len(self._requests)

    @property
    def roots_count(self) -> int:
        """Requests that follow no other."""
        return self._requests.open_count

    def roots(self) -> Iterator[int]:
        """Yield the rows that begin chains, by time of arrival."""
        return iter(range(self._requests.open_count))

    def due_s(self, row: int) -> float:
        """Return when a root is due on an open level."""
        return float(self._requests.arrival_s[row])

    def following(self, row: int) -> int:
        """Return the row that follows another; -1 for none."""
        return int(self._requests.next_index[row]) if self._has_chains else -1

    def pause_s(self, row: int) -> float:
        """Return the pause before a row, after the end of the one that it follows."""
        return float(self._requests.think_s[row]) if self._pauses else 0.0

    def patience_s(self, row: int) -> float:
        """Return how long the user waits for the whole answer; infinite for ever."""
        return float(self._requests.patience_s[row]) if self._patience else math.inf

    def lengths_tokens(self, row: int) -> tuple[int, int]:
        """Return the wanted tokens of a prompt and its answer."""
        return int(self._requests.input_tokens[row]), int(self._requests.output_tokens[row])

    def due_count(self, start_s: float, end_s: float) -> int:
        """Return how many roots of an open level are due in a span."""
        times = self._requests.arrival_s[: self._requests.open_count]
        return int(np.searchsorted(times, end_s, "right") - np.searchsorted(times, start_s, "left"))

"""Whether a draw of sessions is long enough for the rate at which its requests are to come."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.demand.rows import roots_of
from rightrig.demand.workload import MAX_REQUESTS
from rightrig.quantities import show_number

if TYPE_CHECKING:
    from rightrig.demand.requests import Requests

ENOUGH_RATIO: Final = 0.9
"""Share of the asked rate that a draw must offer, tails of its last sessions counted."""


def offered_requests_per_s(requests: Requests) -> float:
    """Return the rate at which requests come, all of them, if each were answered at once.

    Sessions go on after the last has come, which stretches the time of few of them.
    """
    return len(requests) / max(_span_s(requests), 1e-9)


def short_draw_text(requests: Requests, rate_requests_per_s: float, option: str) -> str:
    """Return that sessions outlast their arrivals by far, with the remedy; else nothing.

    Args:
        requests: As drawn.
        rate_requests_per_s: As asked for, all turns of sessions counted.
        option: What asks for more requests.
    """
    offered = offered_requests_per_s(requests)
    is_enough = offered >= ENOUGH_RATIO * rate_requests_per_s
    if requests.open_count == len(requests) or is_enough:
        return ""
    said = show_number(rate_requests_per_s)
    return (
        f"{requests.open_count:,} sessions are too few for {said} requests/s: they go on after "
        f"the last has come, so at most {show_number(offered)} requests/s are offered, and every "
        f"figure is of that lighter load; ask for {option} {_wanted(requests, rate_requests_per_s)}"
    )


def _wanted(requests: Requests, rate_requests_per_s: float) -> str:
    """Return how many requests would do, if the longest session stays as long as it is."""
    coming_s = requests.open_count / requests.mean_rate_requests_per_s
    tail_s = max(_span_s(requests) - coming_s, 0.0)
    count = rate_requests_per_s * tail_s * ENOUGH_RATIO / (1.0 - ENOUGH_RATIO)
    step = 10.0 ** math.floor(math.log10(max(count, 10.0)) - 1.0)
    wanted = int(math.ceil(count / step) * step)
    return f"{wanted} or more" if wanted <= MAX_REQUESTS else f"{MAX_REQUESTS}, the most"


def _span_s(requests: Requests) -> float:
    """Return the time from the first arrival to the last turn, each answered at once."""
    count = requests.open_count
    first_s = requests.arrival_s[:count]
    if not requests.next_index.size or not requests.think_s.size:
        return float(first_s[-1] - first_s[0])
    paused_s = np.bincount(roots_of(requests), weights=requests.think_s, minlength=len(requests))
    return float((first_s + paused_s[:count]).max() - first_s[0])

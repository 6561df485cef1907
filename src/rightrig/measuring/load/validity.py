"""Whether the figures are the server's, or those of a client that did not keep up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.outcome import Validity
from rightrig.quantities import show_seconds

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.measuring.load.outcome import Client, LevelKind

FEWEST_SENT_RATIO: Final = 0.99
FEWEST_HELD_RATIO: Final = 0.97
MOST_LAG_S: Final = 0.005
MOST_LAG_RATIO: Final = 0.05
MOST_SHARE_RATIO: Final = 0.2
UNJUDGED_LAG_S: Final = 0.001
MOST_CPU_RATIO: Final = 0.8
FEWEST_ANSWERS: Final = 10


def lag_limit_s(slo: Slo, ttft_p99_s: float | None) -> float:
    """Return the most that this client may be late at p99.

    max(5 ms, 5 % of the tightest objective of the time to first token, 20 % of the p99 of it that
    was measured): what is late by so little moves no verdict, and of a p99 that was measured at
    most a fifth is the client's. On a quiet machine with 256 streams the lag is about 3 ms; on two
    processors that are shared with the server and others 5 to 20 ms.

    Args:
        slo: Objectives.
        ttft_p99_s: From dispatch, so that late dispatch does not excuse itself.
    """
    limits = [limit_s for metric, _, limit_s in slo.objectives() if metric == "ttft"]
    wanted_s = MOST_LAG_RATIO * min(limits) if limits else 0.0
    return max(MOST_LAG_S, wanted_s, MOST_SHARE_RATIO * (ttft_p99_s or 0.0))


def validity_of(
    client: Client, kind: LevelKind, ok_count: int, limit_s: float, *, exhausted_count: int = 0
) -> Validity:
    """Return whether a level counts.

    A client is limited when it sent less than 99 % of what was due, held less than 97 % of its
    users (its turn from an answer to the next request is theirs), was late by more than the limit
    at p99 (of dispatch, or of its event loop, which delays every stamp alike), or used more
    than 80 % of a processor: near saturation its own queue is part of each latency.

    Args:
        client: How it did.
        kind: Of the level.
        ok_count: Answers that were counted.
        limit_s: The most lag.
        exhausted_count: Requests for which this machine had no connection.
    """
    reasons = []
    if exhausted_count:
        reasons.append(
            f"this machine had no file or port for {exhausted_count:,} connections; allow more "
            "(ulimit -n), or ask for fewer"
        )
    # Users of a server that answers within microseconds spend much of their time here.
    is_quick = kind == "closed" and client.lag_p99_s <= UNJUDGED_LAG_S
    fewest_ratio = FEWEST_SENT_RATIO if kind == "open" else FEWEST_HELD_RATIO
    if client.sent_ratio < fewest_ratio and not is_quick:
        reasons.append(_too_few(kind, client.sent_ratio))
    reasons += [
        f"{what} was late by {show_seconds(lag_s)} at p99; at most {show_seconds(limit_s)}"
        for what, lag_s in (("sending", client.lag_p99_s), ("the client", client.loop_lag_p99_s))
        if lag_s > limit_s
    ]
    if client.cpu_ratio > MOST_CPU_RATIO:
        reasons.append(
            f"the client used {client.cpu_ratio:.0%} of a processor; at most {MOST_CPU_RATIO:.0%}"
        )
    if reasons:
        return Validity("CLIENT-LIMITED", tuple(reasons))
    if ok_count < FEWEST_ANSWERS:
        return Validity("TOO-FEW", (f"{ok_count} answers were counted; at least {FEWEST_ANSWERS}",))
    return Validity("VALID")


def _too_few(kind: LevelKind, sent_ratio: float) -> str:
    """Say that too little of a load was there."""
    if kind == "open":
        return (
            f"only {sent_ratio:.1%} of the requests due were sent; at least {FEWEST_SENT_RATIO:.0%}"
        )
    return f"only {sent_ratio:.1%} of the users were held; at least {FEWEST_HELD_RATIO:.0%}"

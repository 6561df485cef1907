"""Several replicas of one deployment as one engine."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rightrig.watching.states import EngineState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def together(states: Sequence[EngineState]) -> EngineState | None:
    """Return what replicas did together; nothing of none.

    What one of them does not count, all do not. When one cannot be read, neither can they
    together: a sum without it would look like a fall of the load. Latencies stay theirs.
    """
    if len(states) <= 1:
        return states[0] if states else None
    trouble = next((state.trouble for state in states if state.trouble), "")
    url = " ".join(state.url for state in states)
    at_s = min(state.at_s for state in states)
    if trouble:
        return EngineState(url=url, at_s=at_s, trouble=trouble)
    shares = [state.kv_used_ratio for state in states]
    finished: Counter[str] = Counter()
    for state in states:
        finished.update(state.finished)
    return EngineState(
        url=url, at_s=at_s, kind=states[0].kind, model=states[0].model,
        running_count=_sum_count(state.running_count for state in states),
        waiting_count=_sum_count(state.waiting_count for state in states),
        # The fullest is where requests wait.
        kv_used_ratio=max((one for one in shares if one is not None), default=None),
        preemptions_count=_sum_count(state.preemptions_count for state in states),
        prompt_tokens=_sum_count(state.prompt_tokens for state in states),
        generation_tokens=_sum_count(state.generation_tokens for state in states),
        finished=dict(finished),
        prefix_queries_count=_sum_count(state.prefix_queries_count for state in states),
        prefix_hits_count=_sum_count(state.prefix_hits_count for state in states),
        read_bytes=_sum_count(state.read_bytes for state in states),
    )  # fmt: skip


def _sum_count(each_count: Iterable[float | None]) -> float | None:
    """Return the sum; ``None`` where one of them is not known."""
    every = list(each_count)
    known = [count for count in every if count is not None]
    return sum(known) if len(known) == len(every) else None

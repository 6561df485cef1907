"""Which part of a level is counted: after it has settled, before it runs out of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.measuring.load.outcome import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.measuring.load.outcome import Level, Samples

    Column = NDArray[np.float64]

_BATCH: Final = 5
_FEWEST_COUNT: Final = 40
"""Of fewer requests no beginning can be told from the rest."""
_MOST_CUT_RATIO: Final = 0.5
_CLIPPED_RATIO: Final = 0.95
_GROUPS: Final = 10
_MATERIAL_RATIO: Final = 0.2
_T_975_RATIO: Final = 2.306
"""Student's t of 97.5 % for 8 degrees of freedom: a line through ten means."""


def settled_at(values: NDArray[np.floating[Any]]) -> int:
    """Return how many values at the beginning to leave out: MSER-5 (White 1997).

    Of means of five values the cut d minimises Σ_{i≥d} (x_i − x̄_d)² / (n − d)², the squared
    standard error of what remains; a minimum in the second half says that nothing has settled.

    >>> settled_at(np.array([9.0] * 10 + [1.0, 2.0] * 50))
    10
    """
    count = len(values) // _BATCH
    if count < 2:  # noqa: PLR2004 - nothing to compare
        return 0
    # One stall is no warm-up: what lies above the 95th percentile counts as it.
    values = np.minimum(values, np.quantile(values, _CLIPPED_RATIO))
    means = values[: count * _BATCH].reshape(count, _BATCH).mean(axis=1)
    left = np.arange(count, 0, -1)
    sums = means[::-1].cumsum()[::-1]
    squares = np.square(means)[::-1].cumsum()[::-1]
    error = np.maximum(squares - np.square(sums) / left, 0.0) / np.square(left)
    # The last few means agree by chance.
    return int(np.argmin(error[: max(count - _BATCH, 1)])) * _BATCH


def window_of(samples: Samples, level: Level, end_s: float) -> Window:
    """Return the part of a level that is counted.

    Args:
        samples: All requests.
        level: What was asked for.
        end_s: When the load began to fall: nothing was due any more, or a user had no more work.
    """
    due_s, held = samples.due_s, in_flight_count(samples)
    inside = np.flatnonzero(due_s <= end_s)
    end_s = max(end_s, float(due_s.max(initial=0.0)) if not inside.size else end_s)
    order = inside[np.argsort(due_s[inside], kind="stable")]
    ttft_s = (samples.first_token_s - due_s)[order]
    known = np.isfinite(ttft_s) & samples.is_ok[order]
    if level.warmup_s is not None:
        start_s, said = min(level.warmup_s, end_s), "the warm-up was given"
    elif int(known.sum()) < _FEWEST_COUNT:
        start_s, said = 0.0, f"fewer than {_FEWEST_COUNT} answers: no warm-up was looked for"
    else:
        cut = max(settled_at(ttft_s[known]), settled_at(held[order][known]))
        is_late = cut > _MOST_CUT_RATIO * known.sum()
        cut = int(known.sum()) // 4 if is_late else cut
        start_s = float(due_s[order][known][cut]) if cut else 0.0
        said = (
            "no end of the warm-up was found: a quarter was cut"
            if is_late
            else "the warm-up was found (MSER-5)"
        )
    counted = order[due_s[order] >= start_s]
    growth = _growth(samples, held, counted)
    words = {1: "latency and concurrency rise", -1: "latency or concurrency changes", 0: ""}
    reason = "; ".join(filter(None, (said, words[growth])))
    cut_count = int((due_s < start_s).sum())
    return Window(start_s, end_s, cut_count, growth == 0, growth == 1, reason)


def in_flight_count(samples: Samples) -> Column:
    """Return how many requests were under way when each was sent, itself included."""
    sent = np.searchsorted(np.sort(samples.sent_s), samples.sent_s, side="right")
    done = np.searchsorted(np.sort(samples.done_s), samples.sent_s, side="right")
    return (sent - done).astype(np.float64)


def _growth(samples: Samples, held_count: Column, counted: NDArray[np.intp]) -> int:
    """Return 1 when latency and concurrency both rise, -1 when either changes, else 0."""
    counted = counted[np.isfinite(samples.first_token_s[counted])]
    if len(counted) < _FEWEST_COUNT:
        return 0
    ttft = _trend((samples.first_token_s - samples.due_s)[counted])
    load = _trend(held_count[counted])
    return 1 if ttft > 0 and load > 0 else -int(bool(ttft or load))


def _trend(values: NDArray[np.floating[Any]]) -> int:
    """Return 1 or -1 when means of ten parts rise or fall, surely (5 %) and by a fifth, else 0."""
    means = np.array([part.mean() for part in np.array_split(values, _GROUPS)])
    size = float(np.abs(means).mean())
    if float(np.ptp(means)) <= _MATERIAL_RATIO * size:
        return 0
    places = np.arange(_GROUPS) - (_GROUPS - 1) / 2.0
    spread = float(np.square(places).sum())
    slope = float((places * means).sum()) / spread
    rest = means - means.mean() - slope * places
    error = float(np.sqrt(np.square(rest).sum() / (_GROUPS - 2) / spread))
    is_sure = abs(slope) > _T_975_RATIO * error
    is_material = abs(slope) * (_GROUPS - 1) > _MATERIAL_RATIO * size
    return int(np.sign(slope)) if is_sure and is_material else 0

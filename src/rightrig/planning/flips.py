"""Flips: the rates at which an answer changes, found on a grid and between its neighbours."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")
_BISECTIONS: Final = 30
_MOST_CHANGES: Final = 8
"""Changes between two neighbours of a grid that are looked for."""
_MOST_TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class Flip(Generic[T]):
    """A rate at which an answer changes.

    Attributes:
        at_requests_per_s: Up to this rate ``before`` is the answer …
        from_requests_per_s: … and from this one, the next that was tried, ``after``.
    """

    at_requests_per_s: float
    from_requests_per_s: float
    before: T
    after: T


def flips(
    answer_at: Callable[[float], T | None],
    rates_requests_per_s: Sequence[float],
    bisections_count: int = _BISECTIONS,
) -> Iterator[Flip[T]]:
    """Yield the changes of an answer along a grid of rates, by bisection, lowest first.

    Between two rates of the grid it may change several times. Changes that undo each other there
    are not seen, and none to or from no answer (``None``) is looked for.

    Args:
        answer_at: The answer at a rate.
        rates_requests_per_s: The grid, rising.
        bisections_count: Halvings of a step of the grid, by its logarithm.
    """
    answers = [answer_at(rate) for rate in rates_requests_per_s]
    points = zip(rates_requests_per_s, answers, strict=True)
    for (rate, before), (high, last) in itertools.pairwise(points):
        low, now = rate, before
        for _ in range(_MOST_CHANGES):
            if now is None or last is None or now == last:
                break
            under, over = low, high
            for _ in range(bisections_count):
                middle = math.sqrt(under * over)
                under, over = (middle, over) if answer_at(middle) == now else (under, middle)
            after = answer_at(over)
            if after is not None:
                yield Flip(under, over, now, after)
            low, now = over, after


def rate_grid_requests_per_s(
    low_requests_per_s: float, high_requests_per_s: float, steps_count: int
) -> list[float]:
    """Return rates between two, each the same factor above the one before."""
    return [
        float(rate) for rate in np.geomspace(low_requests_per_s, high_requests_per_s, steps_count)
    ]


def flip_sentences(found: Sequence[Flip[str]], names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the rates at which an answer changes; of many, the first and the last.

    Args:
        found: The changes, by rate.
        names: Answer → what it is called in a sentence.
    """
    told = found if len(found) <= _MOST_TOLD else (found[0], found[-1])
    sentences = [
        f"Up to {flip.at_requests_per_s:.3g} requests/s: {names[flip.before]}; above it: "
        f"{names[flip.after]}."
        for flip in told
    ]
    if len(found) > _MOST_TOLD:
        sentences.insert(
            1,
            f"Between {found[0].at_requests_per_s:.3g} and {found[-1].at_requests_per_s:.3g} "
            f"requests/s it changes {len(found)} times, because whole instances are rented.",
        )
    return tuple(sentences)

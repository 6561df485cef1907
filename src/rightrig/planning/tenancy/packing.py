"""The fewest equal cards for tenants of several kinds: an exact search over what one card holds."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

C = TypeVar("C")
Counts = tuple[int, ...]
_MOST_STEPS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Fill(Generic[C]):
    """One way to fill a card.

    Attributes:
        counts: Tenants of each kind that it serves.
        output_tokens_per_s: Of all of them together: the goodput, since only engines that keep
            their objectives are packed.
        content: What is on the card.
    """

    counts: Counts
    output_tokens_per_s: float
    content: C


def fewest_cards(fills: Sequence[Fill[C]], wanted: Counts) -> tuple[Fill[C], ...] | None:
    """Return the fills of the fewest cards that serve the tenants, of those the quickest.

    A dynamic programme over the tenants still to be served: exact. Among as many cards, the
    largest sum of tokens/s wins.

    Args:
        fills: Ways to fill one card.
        wanted: Tenants of each kind.

    Raises:
        InputError: when so many kinds and tenants cannot be searched.
    """
    useful = [fill for fill in fills if any(fill.counts) and _within(fill.counts, wanted)]
    steps = math.prod(count + 1 for count in wanted) * len(useful)
    if steps > _MOST_STEPS:
        raise InputError(
            f"{sum(wanted)} tenants of {len(wanted)} kinds are too many to search exactly; ask for "
            "some of the kinds at a time"
        )
    none: tuple[Fill[C], ...] = ()
    best: dict[Counts, tuple[int, float]] = {tuple(0 for _ in wanted): (0, 0.0)}
    last: dict[Counts, Fill[C]] = {}
    # Smaller targets come first, so each fill continues from a target already solved.
    for target in itertools.product(*(range(count + 1) for count in wanted)):
        for fill in useful:
            before = tuple(t - c for t, c in zip(target, fill.counts, strict=True))
            if min(before) < 0 or before not in best:
                continue
            cards, rate = best[before]
            cost = (cards + 1, rate - fill.output_tokens_per_s)
            if target not in best or cost < best[target]:
                best[target], last[target] = cost, fill
    if wanted not in best:
        return None
    return _walked(last, wanted) if any(wanted) else none


def _walked(last: dict[Counts, Fill[C]], wanted: Counts) -> tuple[Fill[C], ...]:
    """Return the fills that led to a target."""
    found: list[Fill[C]] = []
    target = wanted
    while any(target):
        fill = last[target]
        found.append(fill)
        target = tuple(t - c for t, c in zip(target, fill.counts, strict=True))
    return tuple(sorted(found, key=lambda fill: fill.counts, reverse=True))


def _within(counts: Counts, wanted: Counts) -> bool:
    """Whether a card would serve no more tenants than there are."""
    return all(count <= most for count, most in zip(counts, wanted, strict=True))

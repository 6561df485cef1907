"""Turns of sessions: growing contexts, chains of rows, and blocks that turns share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.demand.requests import Requests
from rightrig.demand.rows import FLOATS, INTEGERS, offsets_of, reordered
from rightrig.errors import InputError

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

_MAX_BLOCKS: Final = 100_000_000
"""800 MB of identities."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Rows in the order of sessions, and within a session of turns.

    Attributes:
        sizes: Turns of each session.
        first_rows: The row of each session's first turn.
        session_of_row: The session of each row.
    """

    sizes: Whole
    first_rows: Whole
    session_of_row: Whole

    @classmethod
    def of(cls, sizes: Whole) -> Self:
        """Return the rows of sessions of so many turns."""
        session_of_row = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
        return cls(sizes, offsets_of(sizes)[:-1], session_of_row)

    @property
    def sessions_count(self) -> int:
        """Number of sessions."""
        return len(self.sizes)

    @property
    def rows_count(self) -> int:
        """Number of rows."""
        return len(self.session_of_row)


def grown(
    turns: Turns, new_tokens: Whole, output_tokens: Whole, *, added_tokens: int, most_tokens: int
) -> tuple[Whole, Whole]:
    """Return the prompts of turns, each holding all before it, and which context each is of.

    Args:
        turns: The rows.
        new_tokens: What a turn adds to the prompt.
        output_tokens: The answers.
        added_tokens: What stands before all in each session.
        most_tokens: A turn whose prompt and answer would pass it begins a context anew.
    """
    prompts = added_tokens + new_tokens
    restarts = np.zeros(turns.rows_count, np.bool_)
    restarts[turns.first_rows] = True
    # Longest sessions first: those that have a turn t are then the first of the order.
    order = np.argsort(-turns.sizes, kind="stable")
    for turn in range(1, int(turns.sizes.max())):
        sessions = order[: np.searchsorted(-turns.sizes[order], -turn)]
        row = turns.first_rows[sessions] + turn
        longer = prompts[row - 1] + output_tokens[row - 1] + new_tokens[row]
        fits = longer + output_tokens[row] <= most_tokens
        prompts[row] = np.where(fits, longer, prompts[row])
        restarts[row] = ~fits
    return prompts, np.cumsum(restarts, dtype=np.int64) - 1


def prefix_blocks(
    held: Whole, shared: Whole, *, prefix_of_row: Whole, context_of_row: Whole
) -> tuple[Whole, Whole]:
    """Return offsets and identities of the blocks of each row.

    The first blocks are the shared prefix's, the others of the row's context, so that a later
    turn of it begins with all blocks of the earlier one.

    Args:
        held: Blocks of each row, answer included.
        shared: How many of them, at the beginning, are of a shared prefix.
        prefix_of_row: Which prefix.
        context_of_row: Which context, rising; rows that stand alone have one each.
    """
    total = int(held.sum())
    if total > _MAX_BLOCKS:
        raise InputError(
            f"the requests have {total:,} prefix blocks, the most is {_MAX_BLOCKS:,}; draw fewer "
            "requests or use a larger block_tokens"
        )
    shared = np.minimum(shared, held)
    widest = int(shared.max(initial=0))
    private = np.zeros(int(context_of_row.max()) + 1, np.int64)
    np.maximum.at(private, context_of_row, held - shared)
    first_private = (int(prefix_of_row.max()) + 1) * widest + offsets_of(private)[:-1]
    offsets = offsets_of(held)
    place = np.arange(total) - np.repeat(offsets[:-1], held)
    base_shared = np.repeat(prefix_of_row * widest, held)
    base_private = np.repeat(first_private[context_of_row] - shared, held)
    is_shared = place < np.repeat(shared, held)
    return offsets, place + np.where(is_shared, base_shared, base_private)


def chain(
    columns: dict[str, Any],
    turns: Turns,
    *,
    starts_s: NDArray[np.float64],
    think_s: NDArray[np.float64],
) -> Requests:
    """Return rows in the order that a simulator wants, linked by who follows whom.

    Args:
        columns: Columns in the order of ``turns``.
        turns: The rows.
        starts_s: Arrivals of the first sessions; each further one follows the session that many
            places before it, as users of a closed loop have one after another.
        think_s: The pause before each row that follows another.
    """
    rows, lanes = turns.rows_count, len(starts_s)
    following = np.arange(1, rows + 1)
    last_rows = turns.first_rows + turns.sizes - 1
    following[last_rows] = -1
    following[last_rows[: turns.sessions_count - lanes]] = turns.first_rows[lanes:]
    arrival_s = np.full(rows, np.inf)
    arrival_s[turns.first_rows[:lanes]] = starts_s
    think_s = np.where(np.isinf(arrival_s), think_s, 0.0)
    laid = columns | {"arrival_s": arrival_s, "next_index": following, "think_s": think_s}
    order = np.argsort(np.isinf(arrival_s), kind="stable")
    unused = {name: np.empty(0) for name in FLOATS + INTEGERS if name not in laid}
    fixed = {name: laid[name] for name in ("classes", "tenants", "block_tokens") if name in laid}
    moved = reordered(laid | {n: c.astype(np.int64) for n, c in unused.items()}, order)
    return Requests(**moved, **fixed)

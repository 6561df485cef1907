"""Choose, order and join rows of requests; chains and prefix blocks follow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.demand.requests import Requests

    Whole = NDArray[np.int64]
    Columns = dict[str, Any]

FLOATS: Final = ("arrival_s", "patience_s", "think_s")
PLAIN: Final = (
    "input_tokens", "output_tokens", "class_index", "tenant_index", "reasoning_tokens",
)  # fmt: skip
INTEGERS: Final = (*PLAIN, "next_index", "block_offsets", "block_ids")


def roots_of(requests: Requests) -> Whole:
    """Return for each row the open row that its chain begins with."""
    roots = np.arange(len(requests), dtype=np.int64)
    leads = np.flatnonzero(requests.next_index >= 0)
    roots[requests.next_index[leads]] = leads
    # Each round doubles how far a row sees: a chain of a million needs twenty.
    while not np.array_equal(further := roots[roots], roots):
        roots = further
    return roots


def kept_rows(roots: Whole, open_count: int, most_count: int) -> NDArray[np.bool_]:
    """Return which rows belong to the first chains that together have ``most_count`` at most."""
    chain_sizes = np.bincount(roots, minlength=open_count)[:open_count]
    chains = int(np.searchsorted(np.cumsum(chain_sizes), most_count, side="right"))
    return roots < chains


def reordered(columns: Columns, order: Whole) -> Columns:
    """Return the columns of some rows in another order.

    A row that is followed by one that is left out is followed by none.
    """
    found = {name: c[order] if (c := columns[name]).size else c for name in FLOATS + PLAIN}
    found["next_index"] = columns["next_index"]
    if found["next_index"].size:
        place = np.full(len(columns["arrival_s"]) + 1, -1, np.int64)  # the last: -1 stays -1
        place[order] = np.arange(len(order))
        found["next_index"] = place[columns["next_index"][order]]
    return found | _blocks(columns["block_offsets"], columns["block_ids"], order)


def _blocks(offsets: Whole, ids: Whole, order: Whole) -> Columns:
    if not offsets.size:
        return {"block_offsets": offsets, "block_ids": ids}
    held = np.diff(offsets)[order]
    after = offsets_of(held)
    shift = np.repeat(offsets[:-1][order] - after[:-1], held)
    return {"block_offsets": after, "block_ids": ids[shift + np.arange(len(shift))]}


def offsets_of(sizes: Whole) -> Whole:
    """Return where each of consecutive parts begins, and the end of the last."""
    return np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))


def taken(requests: Requests, keep: NDArray[np.bool_]) -> Requests:
    """Return the rows where ``keep`` is true, which must be whole chains."""
    columns = {name: getattr(requests, name) for name in FLOATS + INTEGERS}
    return replace(requests, **reordered(columns, np.flatnonzero(keep)))


def joined(parts: Sequence[Requests], period_s: float, *, distinct_prefixes: bool) -> Requests:
    """Return parts of one kind one after another, each ``period_s`` after the one before."""
    sizes = [len(part) for part in parts]
    columns: Columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in FLOATS + PLAIN
    }
    columns["arrival_s"] = columns["arrival_s"] + np.repeat(np.arange(len(parts)), sizes) * period_s
    following = [
        np.where(part.next_index >= 0, part.next_index + base, -1)
        for part, base in zip(parts, offsets_of(np.array(sizes))[:-1], strict=True)
    ]
    columns["next_index"] = np.concatenate(following)
    columns |= _joined_blocks(parts, distinct_prefixes=distinct_prefixes)
    # Followers come after all open rows.
    order = np.argsort(np.isinf(columns["arrival_s"]), kind="stable")
    return replace(parts[0], **reordered(columns, order))


def _joined_blocks(parts: Sequence[Requests], *, distinct_prefixes: bool) -> Columns:
    if not parts[0].block_offsets.size:
        return {name: getattr(parts[0], name) for name in ("block_offsets", "block_ids")}
    step = 1 + int(parts[0].block_ids.max(initial=-1)) if distinct_prefixes else 0
    held = np.concatenate([np.diff(part.block_offsets) for part in parts])
    ids = [part.block_ids + copy * step for copy, part in enumerate(parts)]
    return {"block_offsets": offsets_of(held), "block_ids": np.concatenate(ids)}

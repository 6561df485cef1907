"""What columns of requests must hold; the first row that breaks it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.demand.workload import MAX_REQUESTS, MAX_TOKENS
from rightrig.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.demand.requests import Requests

_OPTIONAL = (
    "class_index", "tenant_index", "reasoning_tokens", "patience_s", "next_index", "think_s",
)  # fmt: skip


def check_requests(requests: Requests) -> None:
    """Raise an InputError that names the first column and row that cannot be simulated."""
    _check_sizes(requests)
    _check_arrivals(requests)
    _check_tokens(requests)
    _check_people(requests)
    if requests.next_index.size:
        _check_chains(requests)
    if requests.block_offsets.size:
        _check_blocks(requests)


def _refuse(wrong: NDArray[np.bool_], name: str, column: NDArray[np.generic], must: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(f"requests: {name} of row {row} is {column[row]}: it must be {must}")


def _check_sizes(requests: Requests) -> None:
    count = len(requests.arrival_s)
    if not 1 <= count <= MAX_REQUESTS:
        raise InputError(f"requests: {count:,} rows; give from 1 to {MAX_REQUESTS:,}")
    sizes_of: dict[str, tuple[int, ...]] = {"block_offsets": (0, count + 1)}
    sizes_of |= dict.fromkeys(("input_tokens", "output_tokens"), (count,))
    sizes_of |= dict.fromkeys(_OPTIONAL, (0, count))
    for name, sizes in sizes_of.items():
        size = getattr(requests, name).size
        if size not in sizes:
            raise InputError(
                f"requests: {name} has {size:,} values for {count:,} rows; it needs {sizes[-1]:,}"
            )


def _check_arrivals(requests: Requests) -> None:
    arrival_s = requests.arrival_s
    _refuse(~(arrival_s >= 0.0), "arrival_s", arrival_s, "a time of at least 0 s")
    _refuse(np.isinf(arrival_s[:1]), "arrival_s", arrival_s, "finite: something must arrive")
    # The tail of followers is infinite; where it begins the difference is infinite, not NaN.
    goes_back = np.zeros(len(arrival_s), np.bool_)
    goes_back[1:] = arrival_s[1:] < arrival_s[:-1]
    _refuse(goes_back, "arrival_s", arrival_s, "at or after the row before: sort by time")
    if not requests.next_index.size:
        _refuse(np.isinf(arrival_s), "arrival_s", arrival_s, "finite: no row is followed by it")


def _check_tokens(requests: Requests) -> None:
    for name in ("input_tokens", "output_tokens"):
        column = getattr(requests, name)
        wrong = (column < 1) | (column > MAX_TOKENS)
        _refuse(wrong, name, column, f"from 1 to {MAX_TOKENS:,}")
    if (reasoning := requests.reasoning_tokens).size:
        wrong = (reasoning < 0) | (reasoning >= requests.output_tokens)
        _refuse(wrong, "reasoning_tokens", reasoning, "at least 0 and less than output_tokens")


def _check_people(requests: Requests) -> None:
    for name, known in (("class_index", requests.classes), ("tenant_index", requests.tenants)):
        column = getattr(requests, name)
        wrong = (column < 0) | (column >= len(known))
        _refuse(wrong, name, column, f"from 0 to {len(known) - 1}, as many as have a name")
    _refuse(~(requests.patience_s > 0.0), "patience_s", requests.patience_s, "above 0 s")
    wrong = ~((requests.think_s >= 0.0) & np.isfinite(requests.think_s))
    _refuse(wrong, "think_s", requests.think_s, "a finite time of at least 0 s")


def _check_chains(requests: Requests) -> None:
    """Chains have no cycle since each row points further down, and nobody follows two rows."""
    following, count = requests.next_index, len(requests)
    rows = np.arange(count)
    wrong = (following != -1) & ((following <= rows) | (following >= count))
    _refuse(wrong, "next_index", following, f"-1, or a row after its own and below {count}")
    predecessors = np.bincount(following[following >= 0], minlength=count)
    _refuse(predecessors > 1, "predecessors", predecessors, "at most one: split the chain")
    follows = np.isinf(requests.arrival_s)
    wrong = follows != (predecessors == 1)
    must = "finite for a row that follows none, and infinite for one that follows another"
    _refuse(wrong, "arrival_s", requests.arrival_s, must)


def _check_blocks(requests: Requests) -> None:
    offsets, tokens = requests.block_offsets, requests.block_tokens
    if tokens < 1:
        raise InputError(f"requests: block_tokens is {tokens}: blocks need at least 1 token")
    if offsets[0] != 0 or offsets[-1] != requests.block_ids.size:
        raise InputError(
            f"requests: block_offsets run from {offsets[0]} to {offsets[-1]}; they must run from "
            f"0 to {requests.block_ids.size}, the number of block_ids"
        )
    held = np.diff(offsets)
    room = (requests.input_tokens + requests.output_tokens) // tokens
    wrong = (held < 0) | (held > room)
    _refuse(wrong, "number of blocks", held, "from 0 to (input_tokens + output_tokens) / block")

"""Requests as columns: what a simulator, a load generator or a plan consumes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from rightrig.demand import rows
from rightrig.demand.checking import check_requests
from rightrig.demand.workload import MAX_RATE_PER_S, MAX_REQUESTS
from rightrig.errors import InputError
from rightrig.quantities import check_count, check_positive

if TYPE_CHECKING:
    from rightrig.demand.objective import SloClass

Whole = NDArray[np.int64]
_MAX_FACTOR_RATIO: Final = 1e12


def _no_times_s() -> NDArray[np.float64]:
    return np.empty(0, np.float64)


def _no_integers() -> Whole:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """Requests, a row each; the checks run when it is made.

    Rows that arrive by themselves (open) come first, sorted by time; rows that follow another
    come after them, each after the row that it follows. A column of length 0 is unused.

    Attributes:
        arrival_s: Time of arrival; infinite for a row that follows another.
        input_tokens: Tokens of the prompt, at least 1.
        output_tokens: Tokens of the answer, at least 1.
        class_index: Which of ``classes``.
        tenant_index: Which of ``tenants``.
        reasoning_tokens: Tokens of the answer before the first that the user wants to see.
        patience_s: The user leaves that long after the arrival if the answer is not complete;
            infinite for never.
        next_index: The row that follows when this one ends, however it ends; -1 for none.
        think_s: The pause before this row after the end of the row that it follows.
        block_offsets: ``block_ids[block_offsets[i]:block_offsets[i + 1]]`` are of row ``i``.
        block_ids: Identities of prefix blocks; each names all tokens up to its end. They may
            cover the answer too, so that the next turn of a session finds them.
        block_tokens: Tokens of such a block; 0 when there are none.
        classes: What ``class_index`` points to.
        tenants: Names that ``tenant_index`` points to.
    """

    arrival_s: NDArray[np.float64]
    input_tokens: Whole
    output_tokens: Whole
    class_index: Whole = field(default_factory=_no_integers)
    tenant_index: Whole = field(default_factory=_no_integers)
    reasoning_tokens: Whole = field(default_factory=_no_integers)
    patience_s: NDArray[np.float64] = field(default_factory=_no_times_s)
    next_index: Whole = field(default_factory=_no_integers)
    think_s: NDArray[np.float64] = field(default_factory=_no_times_s)
    block_offsets: Whole = field(default_factory=_no_integers)
    block_ids: Whole = field(default_factory=_no_integers)
    block_tokens: int = 0
    classes: tuple[SloClass, ...] = ()
    tenants: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Bring every column to its type and refuse what cannot be simulated."""
        for name in rows.FLOATS:
            column = np.ascontiguousarray(getattr(self, name), np.float64)
            object.__setattr__(self, name, column)
        for name in rows.INTEGERS:
            column = np.ascontiguousarray(getattr(self, name))
            if column.size and not np.issubdtype(column.dtype, np.integer):
                raise InputError(f"requests: {name} holds {column.dtype}; give whole numbers")
            object.__setattr__(self, name, column.astype(np.int64, copy=False))
        self.validate()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.arrival_s)

    def validate(self) -> None:
        """Raise an InputError that names the first row that is wrong."""
        check_requests(self)

    @property
    def open_count(self) -> int:
        """Rows that arrive by themselves."""
        return int(np.searchsorted(self.arrival_s, np.inf))

    @property
    def mean_rate_requests_per_s(self) -> float:
        """Mean rate of open arrivals: gaps over the time that they take.

        Infinite when all arrive at one time. A single arrival counts the time before it.
        """
        count = self.open_count
        first_s = self.arrival_s[0] if count > 1 else 0.0
        span_s = float(self.arrival_s[count - 1] - first_s)
        return max(count - 1, 1) / span_s if span_s > 0.0 else math.inf

    def stretched(self, factor_ratio: float) -> Requests:
        """Return the requests with arrival times multiplied; think times stay.

        Args:
            factor_ratio: 2 halves the rate.
        """
        factor_ratio = check_positive(factor_ratio, name="the factor", limit=_MAX_FACTOR_RATIO)
        return replace(self, arrival_s=self.arrival_s * factor_ratio)

    def at_rate(self, rate_requests_per_s: float) -> Requests:
        """Return the requests with arrival times scaled to a mean rate of open arrivals.

        Raises:
            InputError: for a rate out of range, or when all requests arrive at one time.
        """
        rate = check_positive(rate_requests_per_s, name="the rate", limit=MAX_RATE_PER_S)
        if math.isinf(self.mean_rate_requests_per_s):
            raise InputError(
                f"the {len(self):,} requests all arrive at one time (or as a closed loop): they "
                "have no rate to scale; use a trace with arrival times, or poisson arrivals"
            )
        return self.stretched(self.mean_rate_requests_per_s / rate)

    def repeated(self, count: int, *, distinct_prefixes: bool = False) -> Requests:
        """Return about ``count`` requests: this trace end to end, arrivals continuing.

        A copy begins one mean gap after the last arrival of the copy before. Chains stay whole:
        where the last chain does not fit it is left out.

        Args:
            count: The most rows; fewer than one trace shortens it.
            distinct_prefixes: Give the prefix blocks of each copy identities of their own.
        """
        check_count(count, name="the number of requests", limit=MAX_REQUESTS)
        whole_copies, rest_count = divmod(count, len(self))
        parts = [self] * whole_copies
        keep = rows.kept_rows(rows.roots_of(self), self.open_count, rest_count)
        if keep.any():
            parts.append(self.only(keep))
        if not parts:
            raise InputError(
                f"{count:,} requests are fewer than the first chain of the trace has; ask for "
                f"up to {len(self):,}"
            )
        period_s = self.open_count / self.mean_rate_requests_per_s
        return rows.joined(parts, period_s, distinct_prefixes=distinct_prefixes)

    def only(self, keep: NDArray[np.bool_]) -> Requests:
        """Return the rows where ``keep`` is true, which must be whole chains."""
        return rows.taken(self, keep)


@dataclass(frozen=True, slots=True)
class LengthStatistics:
    """Mean, percentiles (linear between values) and maximum of a column of tokens."""

    mean_tokens: float
    p50_tokens: float
    p90_tokens: float
    p99_tokens: float
    max_tokens: int


def length_statistics(lengths_tokens: Whole) -> LengthStatistics:
    """Return the statistics of one column of tokens.

    >>> length_statistics(np.array([1, 2, 3])).p50_tokens
    2.0
    """
    p50, p90, p99 = np.percentile(lengths_tokens, (50, 90, 99))
    return LengthStatistics(
        float(lengths_tokens.mean()), float(p50), float(p90), float(p99), int(lengths_tokens.max())
    )


def input_statistics(requests: Requests) -> LengthStatistics:
    """Return the statistics of the prompts."""
    return length_statistics(requests.input_tokens)


def output_statistics(requests: Requests) -> LengthStatistics:
    """Return the statistics of the answers."""
    return length_statistics(requests.output_tokens)

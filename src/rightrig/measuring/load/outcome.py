"""What was asked of a server and what it did: plain values, which know nothing of networks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rightrig.demand.workload import MAX_RATE_PER_S
from rightrig.errors import InputError
from rightrig.quantities import check_count, check_positive

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from rightrig.demand.objective import Objective, Slo
    from rightrig.interval import Interval
    from rightrig.measuring.load.faults import Kind

    Column = NDArray[np.float64]
    Whole = NDArray[np.int64]

LevelKind = Literal["closed", "open"]
Verdict = Literal["VALID", "CLIENT-LIMITED", "TOO-FEW"]
TokensSource = Literal["usage", "tokenizer", "chunks", "mixed", "none"]
METRICS = ("ttft", "ttft_sent", "tpot", "itl", "e2e", "lag")
"""Keys of ``LevelOutcome.latencies``.

``ttft``: from the moment at which the request was due to the first chunk with a token.
``ttft_sent``: from its dispatch instead. ``tpot``: (last token − first) / (tokens − 1), a value a
request. ``itl``: between two chunks with tokens, a value a gap. ``e2e``: due to last token.
``lag``: due to dispatch, what this client added.
"""
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p99.9")

LONGEST_LEVEL_S = 86_400.0
MOST_CONCURRENCY = 20_000
MOST_REQUESTS = 1_000_000
"""Of one level: each is kept, with the time of each of its chunks, until it ends."""


@dataclass(frozen=True, slots=True)
class Level:
    """One load to hold: a number of users, or a rate.

    Attributes:
        kind: ``closed``: so many users, each with one request at a time. ``open``: requests come
            when they are due, whether or not others are answered.
        concurrency: Users of a closed level; 0 for an open one.
        rate_requests_per_s: Mean rate of an open level, all turns of sessions counted; ``None``
            keeps the times of arrival of the requests.
        requests_count: Most requests.
        duration_s: Nothing is sent after it.
        drain_s: How long to wait then for answers that are under way.
        warmup_s: Requests due before it are not counted; ``None`` finds it (``steady``).
    """

    kind: LevelKind
    concurrency: int = 0
    rate_requests_per_s: float | None = None
    requests_count: int = 1000
    duration_s: float = 60.0
    drain_s: float = 30.0
    warmup_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what has no bound or no meaning."""
        check_count(self.requests_count, name="the number of requests", limit=MOST_REQUESTS)
        check_positive(self.duration_s, name="the duration", limit=LONGEST_LEVEL_S)
        check_positive(self.drain_s, name="the time to drain", limit=LONGEST_LEVEL_S)
        if self.kind == "closed":
            check_count(self.concurrency, name="the concurrency", limit=MOST_CONCURRENCY)
            if self.rate_requests_per_s is not None:
                raise InputError("a closed level has no rate: it follows from the answers")
        elif self.rate_requests_per_s is not None:
            check_positive(self.rate_requests_per_s, name="the rate", limit=MAX_RATE_PER_S)
        if self.warmup_s is not None and not 0.0 <= self.warmup_s < self.duration_s:
            raise InputError(
                f"the warm-up is {self.warmup_s:g} s: it must be from 0 to less than the duration "
                f"of {self.duration_s:g} s"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Every request that was sent, a row each, in the order of dispatch; times from the begin.

    A time that did not come is NaN.

    Attributes:
        row: The row of ``Requests``.
        due_s: When it was to be sent. ``sent_s``: when this client began to (connecting included).
        first_byte_s: First byte of the answer. ``first_token_s``, ``last_token_s``: first and last
            chunk with a token. ``done_s``: the answer, or the failure, was complete.
        input_tokens, output_tokens: As counted by ``tokens_source``; 0 of a failure.
        asked_input_tokens, asked_output_tokens: What the workload wanted.
        chunks_count: Chunks with a token.
        source_index: Into ``SOURCES``.
        kind_index: Into ``faults.KINDS``; 0 is success.
        status: Of HTTP; 0 where none came.
        gap_offsets: ``gaps_s[gap_offsets[i]:gap_offsets[i + 1]]`` are the times between the
            chunks of request ``i``.
    """

    row: Whole
    due_s: Column
    sent_s: Column
    first_byte_s: Column
    first_token_s: Column
    last_token_s: Column
    done_s: Column
    input_tokens: Whole
    output_tokens: Whole
    asked_input_tokens: Whole
    asked_output_tokens: Whole
    chunks_count: Whole
    source_index: Whole
    kind_index: Whole
    status: Whole
    gap_offsets: Whole
    gaps_s: Column

    def __len__(self) -> int:
        """Return the number of requests."""
        return len(self.row)

    @property
    def is_ok(self) -> NDArray[np.bool_]:
        """Which requests were answered to their end."""
        found: NDArray[np.bool_] = self.kind_index == 0
        return found

    def request_columns(self) -> dict[str, NDArray[np.generic]]:
        """Return the columns with a value a request, to be kept."""
        ragged = ("gap_offsets", "gaps_s")
        return {name: getattr(self, name) for name in self.__slots__ if name not in ragged}

    def gap_columns(self) -> dict[str, NDArray[np.generic]]:
        """Return the gaps between chunks and the sample each is of, to be kept."""
        import numpy as np  # noqa: PLC0415 - values are made without it

        sample = np.repeat(np.arange(len(self)), np.diff(self.gap_offsets))
        return {"sample": sample, "gap_s": self.gaps_s}


SOURCES: tuple[TokensSource, ...] = ("none", "usage", "tokenizer", "chunks")


@dataclass(frozen=True, slots=True)
class Statistic:
    """A mean or percentile of times.

    Attributes:
        value_s: With the central 80 % for other runs as long (``statistics``).
        is_enough: Whether so many samples determine it: a percentile whose interval would reach
            beyond the largest sample is shown, and marked.
    """

    value_s: Interval
    is_enough: bool = True


@dataclass(frozen=True, slots=True)
class Latency:
    """One metric of all requests that were answered within the window.

    Attributes:
        statistics: By the names of ``STATISTICS``.
    """

    count: int
    statistics: Mapping[str, Statistic]
    min_s: float
    max_s: float
    deviation_s: float


@dataclass(frozen=True, slots=True)
class Kept:
    """One objective and what was measured.

    Attributes:
        value_s: The percentile that it limits; failures count as infinitely late.
        is_kept: Whether the middle lies at or below the limit.
        is_sure: Whether the whole interval lies on one side of the limit.
    """

    objective: Objective
    value_s: Interval
    is_kept: bool
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a level that is counted.

    Attributes:
        start_s, end_s: Requests due in it count.
        cut_count: Requests before it.
        is_steady: Whether neither latency nor concurrency still rises or falls in it.
        is_growing: Whether both rise: the server does not keep up with the rate.
        reason: One sentence.
    """

    start_s: float
    end_s: float
    cut_count: int
    is_steady: bool
    is_growing: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Client:
    """How well this client did its own part.

    Attributes:
        lag_p99_s: Of dispatch, after the moment at which it was due.
        loop_lag_p99_s: Of the event loop: how late a timer rings.
        cpu_ratio: Share of one processor that this process used.
        sent_ratio: Open: requests sent over requests due in the window. Closed: concurrency held
            over what would have been held without the client's lag.
        reconnects_count: Kept connections that the server had closed, opened again.
    """

    lag_p99_s: float
    loop_lag_p99_s: float
    cpu_ratio: float
    sent_ratio: float
    reconnects_count: int = 0


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether the figures are the server's.

    Attributes:
        verdict: ``CLIENT-LIMITED``: this client did not keep up, so the figures are its own.
            ``TOO-FEW``: fewer than ten answers were counted.
        reasons: A sentence for each rule that is broken, with value and limit.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UsageCheck:
    """Whether the server's counts of tokens can be right.

    Attributes:
        source: Where counts of tokens come from.
        checked_count: Answers whose usage was compared with chunks or a tokenizer.
        wrong_count: Of them, those whose usage cannot be right.
        input_ratio: Tokens of the prompts that the server counted over those that were wanted.
        notes: Sentences for what is wrong.
    """

    source: TokensSource
    checked_count: int = 0
    wrong_count: int = 0
    input_ratio: float = math.nan
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LevelOutcome:
    """What a server did under one load; figures are of the window.

    Attributes:
        started: ISO time in UTC.
        duration_s: From the first dispatch to the last end, the warm-up included.
        requests_count: Due in the window and sent; each is ``ok_count`` or one of ``faults``.
        faults: Failures by kind, of the window.
        statuses: Answers by status of HTTP, failures and successes; 0 where none came.
        offered_requests_per_s: Due a second; of a closed level, sent a second.
        served_requests_per_s: Answered to their end, a second.
        good_ratio: Share of requests that were answered within every objective, failures
            included in the denominator; ``None`` without objectives.
        error_ratio: Failures over requests.
        concurrency_mean_count: Requests in flight, mean by time; ``max``: over the whole level.
        interrupted: Whether it was ended before its time; the figures are of what was done.
        details: What the server said, or what exactly went wrong, the first time of each kind.
    """

    level: Level
    slo: Slo
    started: str
    duration_s: float
    requests_count: int
    ok_count: int
    faults: Mapping[Kind, int]
    statuses: Mapping[int, int]
    window: Window
    latencies: Mapping[str, Latency]
    kept: tuple[Kept, ...]
    offered_requests_per_s: float
    served_requests_per_s: float
    input_tokens_per_s: float
    output_tokens_per_s: float
    good_ratio: float | None
    concurrency_mean_count: float
    concurrency_max_count: int
    client: Client
    validity: Validity
    usage: UsageCheck
    samples: Samples = field(repr=False)
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    details: Mapping[Kind, str] = field(default_factory=dict)

    @property
    def error_ratio(self) -> float:
        """Failures over requests; 0 without any."""
        failed = self.requests_count - self.ok_count
        return failed / self.requests_count if self.requests_count else 0.0

    @property
    def goodput_requests_per_s(self) -> float | None:
        """Requests a second that were answered within every objective; ``None`` without one."""
        if self.good_ratio is None:
            return None
        return self.good_ratio * self.requests_count / max(self.window_s, 1e-9)

    @property
    def window_s(self) -> float:
        """Length of the window."""
        return self.window.end_s - self.window.start_s

    @property
    def is_valid(self) -> bool:
        """Whether the figures are the server's and enough."""
        return self.validity.verdict == "VALID"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a level is, told a few times a second.

    Attributes:
        share_ratio: Of its requests or of its time, whichever is further.
        ttft_p50_s: Of the last answers; NaN before the first.
    """

    level: Level
    elapsed_s: float
    share_ratio: float
    sent_count: int
    ok_count: int
    failed_count: int
    in_flight_count: int
    ttft_p50_s: float
    output_tokens_per_s: float

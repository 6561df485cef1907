"""The account of a profiled step: what ran how long, what overlapped, and when nothing ran."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.errors import InputError
from rightrig.measuring.profile.busy import Busy, union
from rightrig.measuring.profile.kernels import COMMUNICATION, MIXING, kernel_class
from rightrig.measuring.profile.roles import (
    UNASSIGNED,
    operators_of,
    operators_of_names,
    times_by_operator_s,
)
from rightrig.measuring.profile.steps import Batch, Steps, steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.measuring.profile.trace import Totals, Trace

_GAPS_SHOWN: Final = 5
_NAMES_SHOWN: Final = 5
_LONGEST_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Spent:
    """What one operator took in a step, in the mean.

    Attributes:
        calls_count: Kernels a step.
    """

    name: str
    time_s: float
    calls_count: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Idle time between two kernels, all such of a step together, in the mean.

    Attributes:
        before, after: What ran before it and after it, shortened.
        count: How often in a step.
    """

    before: str
    after: str
    idle_s: float
    count: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """When the device worked in a step, in the mean.

    Attributes:
        step_s: From the begin of a step to that of the next.
        shortest_s, longest_s: Steps of the same kind.
        busy_s: Time in which something ran.
        communication_s: Time in which messages ran.
        exposed_s: Of that, what nothing else ran beside.
        together_s: Time that kernels ran beside others, counted once more for each.
        gaps: The largest ones.
    """

    step_s: float
    shortest_s: float
    longest_s: float
    busy_s: float
    communication_s: float
    exposed_s: float
    together_s: float
    gaps: tuple[Gap, ...]

    @property
    def idle_s(self) -> float:
        """Time in which nothing ran: the device waited for its host."""
        return max(self.step_s - self.busy_s, 0.0)


@dataclass(frozen=True, slots=True)
class Kind:
    """Steps that worked on the same kind of batch."""

    batch: Batch | None
    count: int
    mean_s: float


@dataclass(frozen=True, slots=True)
class Account:
    """What a profile says of a step.

    Attributes:
        device: What it ran on.
        how: How steps were found.
        steps_count: Steps that are averaged.
        waited_count: Steps after which the engine waited for requests.
        kinds: All kinds of steps of the file, the longest together first.
        batch: What the averaged steps worked on.
        spent: Operators, longest first.
        timeline: ``None`` where a file has sums only.
        unassigned: The names behind what no rule knows, longest first.
    """

    device: str
    how: str
    steps_count: int
    waited_count: int
    kinds: tuple[Kind, ...]
    batch: Batch | None
    spent: tuple[Spent, ...]
    timeline: Timeline | None
    unassigned: tuple[str, ...]
    kernels_count: int
    devices_count: int = 1
    left_out_count: int = 0

    @property
    def kernels_s(self) -> float:
        """All kernels of a step one after another."""
        return sum(spent.time_s for spent in self.spent)

    @property
    def step_s(self) -> float:
        """The step: as the clock has it, or else its kernels one after another."""
        return self.timeline.step_s if self.timeline else self.kernels_s

    def time_s(self, *names: str) -> float:
        """Return what some operators took together."""
        return sum(spent.time_s for spent in self.spent if spent.name in names)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known beside a file.

    Attributes:
        layers_count: Layers that mix tokens; ``None`` without a model.
        batch: What the steps of interest worked on; ``None`` for those that take most of the time.
        steps_count: How many steps the file holds, should it not tell.
    """

    layers_count: int | None = None
    batch: Batch | None = None
    steps_count: int | None = None


def account_of_trace(trace: Trace, asked: Asked) -> Account:
    """Return the account of the steps of one kind in a trace.

    Raises:
        InputError: when no step worked on what was asked for.
    """
    steps = steps_of(trace, asked.layers_count)
    kinds = _kinds_of(steps)
    chosen = _chosen(kinds, asked.batch)
    rows = np.array([_work_of(batch) == _work_of(chosen.batch) for batch in steps.batches])
    own = (steps.step_of >= 0) & rows[np.maximum(steps.step_of, 0)]
    sums = times_by_operator_s(trace, operators_of(trace, steps), own)
    inside = (asked.steps_count or 1) if steps.how == "none" else 1
    count = int(np.sum(rows)) * inside
    return Account(
        device=trace.device,
        how=steps.how,
        steps_count=count,
        waited_count=steps.waited_count,
        kinds=kinds,
        batch=chosen.batch,
        spent=tuple(Spent(n, time_s / count, calls / count) for n, (time_s, calls) in sums.items()),
        timeline=_timeline(trace, steps, rows, inside),
        unassigned=_unassigned(trace, own),
        kernels_count=trace.kernels_count,
        devices_count=trace.devices_count,
        left_out_count=trace.left_out_count,
    )


_Work = tuple[int, int] | None


def _work_of(batch: Batch | None) -> _Work:
    """Return what makes two batches alike: contexts grow from step to step."""
    return None if batch is None else (batch.decode_seqs, batch.prompt_tokens)


def _kinds_of(steps: Steps) -> tuple[Kind, ...]:
    """Return the kinds of steps, those that take most of the time first."""
    sums: dict[_Work, list[tuple[float, Batch | None]]] = {}
    for batch, span_s in zip(steps.batches, steps.spans_s.tolist(), strict=True):
        sums.setdefault(_work_of(batch), []).append((span_s, batch))
    kinds = (
        Kind(_mean_batch(rows), len(rows), sum(span_s for span_s, _ in rows) / len(rows))
        for rows in sums.values()
    )
    return tuple(sorted(kinds, key=lambda kind: -kind.count * kind.mean_s))


def _mean_batch(rows: list[tuple[float, Batch | None]]) -> Batch | None:
    """Return what alike steps worked on, with their mean context."""
    first = rows[0][1]
    known = [batch.context_tokens for _, batch in rows if batch and batch.context_tokens]
    return replace(first, context_tokens=sum(known) / len(known)) if first and known else first


def _chosen(kinds: tuple[Kind, ...], wanted: Batch | None) -> Kind:
    """Return the kind that was asked for, or the first."""
    if wanted is None or all(kind.batch is None for kind in kinds):
        return kinds[0]
    for kind in kinds:
        if _work_of(kind.batch) == _work_of(wanted):
            return kind
    there = "; ".join(kind.batch.text for kind in kinds[:_NAMES_SHOWN] if kind.batch)
    raise InputError(
        f"no step of the file worked on {wanted.text}: it has steps of {there}; ask for one of "
        "these with --batch and --prompt-tokens"
    )


def _timeline(trace: Trace, steps: Steps, rows: NDArray[np.bool_], inside_count: int) -> Timeline:
    """Return when the device worked in the chosen steps."""
    starts_s, ends_s = steps.starts_s[rows], steps.ends_s[rows]
    is_sent = np.array([kernel_class(name) in COMMUNICATION for name in trace.names])
    sent = is_sent[trace.name_index]
    everything = union(trace.starts_s, trace.ends_s)
    others = union(trace.starts_s[~sent], trace.ends_s[~sent])
    messages = union(trace.starts_s[sent], trace.ends_s[sent])
    busy_s = everything.within_s(starts_s, ends_s)
    own = (steps.step_of >= 0) & rows[np.maximum(steps.step_of, 0)]
    count = len(starts_s) * inside_count
    spans_s = (ends_s - starts_s) / inside_count
    exposed_s = float(np.sum(busy_s - others.within_s(starts_s, ends_s))) / count
    return Timeline(
        step_s=float(np.mean(spans_s)),
        shortest_s=float(np.min(spans_s)),
        longest_s=float(np.max(spans_s)),
        busy_s=float(np.sum(busy_s)) / count,
        communication_s=float(np.sum(messages.within_s(starts_s, ends_s))) / count,
        exposed_s=exposed_s,
        together_s=max(float(np.sum(trace.durations_s[own]) - np.sum(busy_s)) / count, 0.0),
        gaps=_gaps(trace, everything, (starts_s, ends_s), count),
    )


def _gaps(
    trace: Trace,
    busy: Busy,
    windows_s: tuple[NDArray[np.float64], NDArray[np.float64]],
    steps_count: int,
) -> tuple[Gap, ...]:
    """Return the largest gaps of the steps by what runs before and after them."""
    starts_s, ends_s = windows_s
    from_s, to_s = busy.ends_s[:-1], busy.starts_s[1:]
    step = np.searchsorted(starts_s, from_s, side="right") - 1
    inside = (step >= 0) & (from_s < ends_s[np.maximum(step, 0)])
    before = _ending_at(trace, from_s[inside])
    after = np.searchsorted(trace.starts_s, to_s[inside], side="left")
    sums: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    idle_s = (np.minimum(to_s, ends_s[np.maximum(step, 0)]) - from_s)[inside]
    for left, right, span_s in zip(before.tolist(), after.tolist(), idle_s.tolist(), strict=True):
        key = (_short(trace, left), _short(trace, right))
        sums[key] += span_s
        counts[key] += 1
    return tuple(
        Gap(*key, span_s / steps_count, counts[key] / steps_count)
        for key, span_s in sums.most_common(_GAPS_SHOWN)
    )


def _ending_at(trace: Trace, times_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the kernel that ended at each moment."""
    order = np.argsort(trace.ends_s, kind="stable")
    place = np.searchsorted(trace.ends_s[order], times_s, side="left")
    found: NDArray[np.int64] = order[np.minimum(place, len(order) - 1)]
    return found


def _short(trace: Trace, row: int) -> str:
    """Return the name of a kernel, without its template and its parameters."""
    return short_name(trace.names[int(trace.name_index[row])])


def short_name(name: str) -> str:
    """Return the name of a kernel, without its template and its parameters.

    >>> short_name("void flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<128>>(Params)")
    'flash_fwd_splitkv_kernel'
    """
    whole = name.removeprefix("void ").replace("(anonymous namespace)::", "")
    head = whole.split("<", maxsplit=1)[0].split("(", maxsplit=1)[0] or whole
    return head if len(head) <= _LONGEST_SHOWN else f"{head[: _LONGEST_SHOWN - 1]}…"


def _unassigned(trace: Trace, own: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return the names that no rule knows, those with most of the time first."""
    times_s = np.bincount(
        trace.name_index[own], weights=trace.durations_s[own], minlength=len(trace.names)
    )
    return _longest_unassigned(trace.names, times_s.tolist())


def _longest_unassigned(names: Sequence[str], times_s: Sequence[float]) -> tuple[str, ...]:
    """Return the first names that no rule knows, by their time."""
    known = [
        (time_s, short_name(name))
        for name, time_s in zip(names, times_s, strict=True)
        if time_s > 0.0 and kernel_class(name) == UNASSIGNED
    ]
    return tuple(dict.fromkeys(name for _, name in sorted(known, reverse=True)))[:_NAMES_SHOWN]


def account_of_totals(totals: Totals, asked: Asked) -> Account:
    """Return the account of sums by name; all of them as one step where nobody says how many."""
    steps_count = asked.steps_count or _steps_by_layers(totals, asked.layers_count)
    steps = steps_count or 1
    sums: dict[str, list[float]] = {}
    for operator, time_s, calls in zip(
        operators_of_names(totals.names), totals.times_s, totals.calls, strict=True
    ):
        entry = sums.setdefault(operator, [0.0, 0.0])
        entry[0] += time_s
        entry[1] += calls
    longest = sorted(sums.items(), key=lambda item: -item[1][0])
    return Account(
        device="card",
        how="none" if steps_count is None else "counts",
        steps_count=steps,
        waited_count=0,
        kinds=(),
        batch=asked.batch,
        spent=tuple(Spent(name, t_s / steps, calls / steps) for name, (t_s, calls) in longest),
        timeline=None,
        unassigned=_longest_unassigned(totals.names, totals.times_s),
        kernels_count=sum(totals.calls),
    )


def _steps_by_layers(totals: Totals, layers_count: int | None) -> int | None:
    """Return how many steps sums hold: calls of the commonest kernel that mixes tokens, a layer."""
    mixing = [
        calls
        for name, calls in zip(totals.names, totals.calls, strict=True)
        if kernel_class(name) in MIXING
    ]
    most = max(mixing, default=0)
    return most // layers_count if layers_count and most >= layers_count else None

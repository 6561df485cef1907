"""What ran on one device, kernel by kernel, as columns; or its sums, where a file has no times."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Device = Literal["card", "processor"]
UNKNOWN: Final = -1
"""A launch that a file does not name."""
_LONGEST_NAME: Final = 500


@dataclass(frozen=True, slots=True)
class Mark:
    """A named span: what an engine says of the work that it does then.

    Attributes:
        on_device: Whether the times are the device's; else the host's, which launches ahead.
    """

    name: str
    start_s: float
    end_s: float
    on_device: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """Kernels and copies of one device in the order of their start; one element each.

    Attributes:
        device: What they ran on.
        names: Each name once.
        name_index: Which name.
        starts_s, durations_s: Since the first one.
        launches: Number of the call that launched it; kernels of a captured graph share one.
        launched_s: When the host launched it; not a number where nobody says.
        calls: 1; 0 for a further piece of a call that others interrupted.
        graph_launches: Numbers of calls that replayed a captured graph.
        marks: Named spans.
        devices_count: Devices in the file; the busiest one is taken.
        left_out_count: Events that could not be read.
    """

    device: Device
    names: tuple[str, ...]
    name_index: NDArray[np.int64]
    starts_s: NDArray[np.float64]
    durations_s: NDArray[np.float64]
    launches: NDArray[np.int64]
    launched_s: NDArray[np.float64]
    calls: NDArray[np.int64]
    graph_launches: frozenset[int] = frozenset()
    marks: tuple[Mark, ...] = ()
    devices_count: int = 1
    left_out_count: int = 0

    @property
    def ends_s(self) -> NDArray[np.float64]:
        """When each ended."""
        return self.starts_s + self.durations_s

    @property
    def kernels_count(self) -> int:
        """How many ran."""
        return int(np.sum(self.calls))


@dataclass(frozen=True, slots=True)
class Totals:
    """Kernels by name, without the times at which they ran.

    Attributes:
        times_s: Of all calls of a name together.
        calls: How many; 0 where the file does not say.
    """

    names: tuple[str, ...]
    times_s: tuple[float, ...]
    calls: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Counters:
    """Kernels with the counters of Nsight Compute, each the mean over its launches by time.

    Attributes:
        totals: Their names, times and launches.
        memory_ratio: Throughput of the card's memory over its peak.
        compute_ratio: The same of its multiprocessors.
    """

    totals: Totals
    memory_ratio: tuple[float, ...]
    compute_ratio: tuple[float, ...]


class Columns:
    """Rows as they are read, before they are a trace; times in seconds on the file's own clock.

    Plain arrays: six million rows take 300 MB.
    """

    def __init__(self) -> None:
        """Begin without a row."""
        self.names: dict[str, int] = {}
        self.numbers, self.starts_s, self.spans_s = array("q"), array("d"), array("d")
        self.devices, self.launches = array("q"), array("q")

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.numbers)

    def add(
        self, name: str, start_s: float, span_s: float, device: int, launch: int = UNKNOWN
    ) -> None:
        """Add a kernel of a device, or an operator of a thread."""
        short = name[:_LONGEST_NAME]
        self.numbers.append(self.names.setdefault(short, len(self.names)))
        self.starts_s.append(start_s)
        self.spans_s.append(span_s)
        self.devices.append(device)
        self.launches.append(launch)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a file says beside its kernels, on the same clock.

    Attributes:
        launch_numbers: Calls of the host that launched something.
        launch_s: When they did.
        graph_launches: Those that replayed a captured graph.
        left_out_count: Events that could not be read.
    """

    launch_numbers: NDArray[np.int64]
    launch_s: NDArray[np.float64]
    graph_launches: frozenset[int] = frozenset()
    marks: tuple[Mark, ...] = ()
    left_out_count: int = 0

    def marks_since(self, first_s: float) -> tuple[Mark, ...]:
        """Return the marks on a clock that starts at a moment."""
        return tuple(
            Mark(m.name, m.start_s - first_s, m.end_s - first_s, m.on_device) for m in self.marks
        )


def nothing_beside() -> Beside:
    """Return that a file says nothing more."""
    return Beside(np.zeros(0, dtype=np.int64), np.zeros(0))


def trace_of(columns: Columns, beside: Beside) -> Trace:
    """Return the trace of the device that worked longest; there is at least one row."""
    devices = np.array(columns.devices, dtype=np.int64)
    spans_s = np.array(columns.spans_s, dtype=float)
    each, place = np.unique(devices, return_inverse=True)
    busiest = int(np.argmax(np.bincount(place, weights=spans_s)))
    own = np.flatnonzero(place == busiest)
    starts_s = np.array(columns.starts_s, dtype=float)
    rows = own[np.argsort(starts_s[own], kind="stable")]
    first_s = float(starts_s[rows[0]])
    launches = np.array(columns.launches, dtype=np.int64)[rows]
    return Trace(
        device="card",
        names=tuple(columns.names),
        name_index=np.array(columns.numbers, dtype=np.int64)[rows],
        starts_s=starts_s[rows] - first_s,
        durations_s=spans_s[rows],
        launches=launches,
        launched_s=_launched_s(launches, beside) - first_s,
        calls=np.ones(len(rows), dtype=np.int64),
        graph_launches=beside.graph_launches,
        marks=beside.marks_since(first_s),
        devices_count=len(each),
        left_out_count=beside.left_out_count,
    )


def _launched_s(launches: NDArray[np.int64], beside: Beside) -> NDArray[np.float64]:
    """Return when the host launched each kernel."""
    if not len(beside.launch_numbers):
        return np.full(len(launches), np.nan)
    order = np.argsort(beside.launch_numbers, kind="stable")
    numbers = beside.launch_numbers[order]
    found = np.minimum(np.searchsorted(numbers, launches), len(numbers) - 1)
    return np.where(numbers[found] == launches, beside.launch_s[order][found], np.nan)

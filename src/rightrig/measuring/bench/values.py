"""What a bench finds: times of calls, the work of one call, and what was left out and why."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from rightrig.prediction.accuracy_score import quantile

if TYPE_CHECKING:
    from collections.abc import Mapping

Block = Literal[
    "copy", "read", "launch", "gemm", "decode-attention", "prefill-attention", "transfer", "peers",
    "collectives", "stack", "clocks",
]  # fmt: skip
BLOCKS: Final[tuple[Block, ...]] = (
    "copy", "read", "launch", "gemm", "decode-attention", "prefill-attention", "transfer", "peers",
    "collectives", "stack", "clocks",
)  # fmt: skip
"""Every block, in the order in which they run; launches before anything is traced."""
Unit = Literal["bytes", "flop", "s"]
Label = str | float
"""A label that is a number is an ``int`` or a ``float``."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Repeated times of one call.

    Attributes:
        samples_s: In the order in which they were taken.
        clocks_hz: Of the card's multiprocessors after each sample; empty where nobody tells.
    """

    samples_s: tuple[float, ...]
    clocks_hz: tuple[float, ...] = ()

    @property
    def median_s(self) -> float:
        """The middle."""
        return statistics.median(self.samples_s)

    @property
    def quickest_s(self) -> float:
        """The tenth percentile."""
        return quantile(self.samples_s, 0.1)

    @property
    def slowest_s(self) -> float:
        """The ninetieth percentile."""
        return quantile(self.samples_s, 0.9)

    @property
    def clock_hz(self) -> float | None:
        """The median clock."""
        return statistics.median(self.clocks_hz) if self.clocks_hz else None


def key_of(name: str, labels: Mapping[str, Label]) -> str:
    """Return a name and its labels in one line; a number is the same as ``8`` and as ``8.0``.

    >>> key_of("copy", {"size_bytes": 8.0, "b": "x"})
    'copy b=x size_bytes=8'
    """
    said = (
        f"{one}={label if isinstance(label, str) else format(label, '.12g')}"
        for one, label in sorted(labels.items())
    )
    return f"{name} {' '.join(said)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure: what one call did, and how long it took.

    Attributes:
        name: Of what is measured: ``copy``, ``gemm``, ``all_reduce``; its unit is apart.
        labels: What tells it from others of its name: sizes, types, the device.
        unit: ``bytes`` or ``flop`` for a rate, ``s`` for a time.
        flop: Work of one call.
        moved_bytes: Read and written by one call; of messages, what crosses the bus.
        kernel: The kernel that took longest, where it was looked up.
        error_ratio: ``‖y − y₀‖ / ‖y₀‖`` against a reference in float64, on random data.
        tolerated_ratio: The largest that its type explains.
        in_cache: Its inputs could lie in the last-level cache.
        graphed: Whether a captured graph replayed the calls.
    """

    block: Block
    name: str
    labels: Mapping[str, Label]
    unit: Unit
    timing: Timing
    flop: float = 0.0
    moved_bytes: float = 0.0
    kernel: str = ""
    error_ratio: float | None = None
    tolerated_ratio: float = 0.0
    in_cache: bool = False
    graphed: bool = False

    @property
    def amount_count(self) -> float:
        """Bytes or flop of one call; 1 where the figure is a time."""
        return {"bytes": self.moved_bytes, "flop": self.flop, "s": 1.0}[self.unit]

    @property
    def rate_per_s(self) -> float:
        """Work over the median time; calls a second where the figure is a time."""
        return self.amount_count / self.timing.median_s

    @property
    def is_wrong(self) -> bool:
        """Whether the result is further from the reference than its type explains."""
        # Not "greater than": a NaN is wrong too.
        return self.error_ratio is not None and not self.error_ratio <= self.tolerated_ratio

    @property
    def key(self) -> str:
        """Its name and labels in one line, the same in every run."""
        return key_of(self.name, self.labels)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not measured, and why."""

    block: Block
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What a card's driver says at one moment; ``None`` where it does not tell.

    Attributes:
        at_s: Since the run began.
        reasons: Why clocks are below the highest, in the driver's words.
    """

    at_s: float
    clock_hz: float | None = None
    power_w: float | None = None
    temperature_celsius: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """In what state a machine was measured: what may explain that it is slow.

    Attributes:
        limit_w, usual_limit_w: The power limit in force, and the one of the factory.
        lanes_count, most_lanes_count: Of the PCIe link, now and at most.
        link_generation_count, most_link_generation_count: The same of its generation.
        uncorrected_count: Uncorrected memory errors since the last start.
        remapped_count: Rows of memory that were replaced by spares.
        ecc_on: Whether memory corrects errors now.
        most_clock_hz: The highest clock of the multiprocessors.
        processes_count: Other processes on the card.
        others_ratio: Share of the host's cores that others kept busy meanwhile.
        reasons: Every reason for slow clocks that was seen, under load.
    """

    limit_w: float | None = None
    usual_limit_w: float | None = None
    lanes_count: int | None = None
    most_lanes_count: int | None = None
    link_generation_count: int | None = None
    most_link_generation_count: int | None = None
    uncorrected_count: int | None = None
    remapped_count: int | None = None
    ecc_on: bool | None = None
    most_clock_hz: float | None = None
    processes_count: int | None = None
    others_ratio: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that one run found.

    Attributes:
        device: As PyTorch calls it: ``cuda:0``, ``cpu``.
        title: What the device calls itself.
        versions: Software → version.
        sights: What the driver said under sustained load.
        taken_s: How long it took.
    """

    device: str
    title: str
    versions: Mapping[str, str]
    condition: Condition
    figures: tuple[Figure, ...]
    gaps: tuple[Gap, ...]
    sights: tuple[Sight, ...] = field(default=())
    interrupted: bool = False
    taken_s: float = 0.0

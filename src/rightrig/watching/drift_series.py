"""Kept runs as series of figures: the same command, figure and labels, one point a run."""

from __future__ import annotations

import shlex
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rightrig.store.records import Run, Served, Value
    from rightrig.watching.drift import Shift

Better = Literal["more", "less", "neither"]
KINDS: Final[tuple[Literal["bench", "load"], ...]] = ("bench", "load")
"""Kinds of runs whose figures are followed."""
_ENDED: Final = frozenset({"finished", "interrupted"})
_COUNTED: Final = frozenset({"level", "verdict", "input_tokens", "output_tokens", "statistic"})
"""Labels that differ from run to run of one command: what was counted, not what was asked."""
_SOUND: Final = "VALID"
_TAILS: Final = frozenset({"p50", "p99"})
"""Of latencies; a mean says little where some answers take very long."""
_SETTINGS: Final = frozenset({"offered_requests_per_s", "concurrency_mean_count"})
"""What the client does, and not the machine."""
_LESS: Final = frozenset({"error_ratio", "failed_count"})


@dataclass(frozen=True, slots=True)
class Point:
    """One run's value of a figure.

    Attributes:
        started: ISO time in UTC.
    """

    run_id: int
    started: str
    value: float
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over the runs of one command.

    Attributes:
        name: Of the figure, which ends with its unit.
        of: What tells it from others of its name, in one line.
        better: Which direction is to the better.
        points: Oldest first.
    """

    kind: str
    machine: str
    command: str
    name: str
    of: str
    better: Better
    points: tuple[Point, ...]

    def is_worse(self, shift: Shift) -> bool:
        """Whether a shift is to the worse, and the figure has not come back."""
        if shift.is_over or self.better == "neither":
            return False
        return (shift.after < shift.before) == (self.better == "more")

    def changed_versions(self, shift: Shift) -> tuple[str, ...]:
        """Return the software that changed between the last run before a shift and the first."""
        before, after = (self.points[i].versions for i in (shift.place - 1, shift.place))
        return tuple(
            f"{name} {before.get(name, 'none')} → {after.get(name, 'none')}"
            for name in sorted({*before, *after})
            if before.get(name) != after.get(name)
        )


def series_of(runs: Iterable[Run], figure: str | None = None) -> tuple[Series, ...]:
    """Return the series that runs make.

    Args:
        runs: In any order; those that ended badly or still run do not count.
        figure: Only of this name, with its unit or without.
    """
    found: dict[tuple[str, ...], list[Point]] = defaultdict(list)
    for run in sorted(runs, key=lambda one: (one.started, one.id)):
        if run.status not in _ENDED or run.new.kind not in KINDS:
            continue
        for key, values in _values(run, figure).items():
            value = statistics.median(values)
            found[key].append(Point(run.id, run.started, value, run.new.versions))
    return tuple(
        Series(key[0], key[1], key[2], key[3], key[4], better_of(key[3]), tuple(points))
        for key, points in found.items()
    )


def better_of(name: str) -> Better:
    """Return which direction of a figure is to the better, by the end of its name.

    >>> better_of("ttft_s"), better_of("copy_bytes_per_s"), better_of("offered_requests_per_s")
    ('less', 'more', 'neither')
    """
    if name in _SETTINGS:
        return "neither"
    if name in _LESS or (name.endswith("_s") and "_per_" not in name):
        return "less"
    return "more" if name.endswith("_per_s") or name == "good_ratio" else "neither"


def _values(run: Run, figure: str | None) -> dict[tuple[str, ...], list[float]]:
    """Return the values of a run by what tells its series apart."""
    new = run.new
    whole = (new.kind, new.machine, shlex.join(new.command))
    found: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for value in run.values:
        if _is_followed(value, new.kind) and figure in {None, value.name, *_bare(value.name)}:
            of = ", ".join(filter(None, (_of(value), _served(new.served))))
            found[*whole, value.name, of].append(value.value)
    return found


def _served(served: Served | None) -> str:
    """Return what a server ran: a plan's file keeps its name when its content changes.

    Versions are not in it: that a new one is slower is what is looked for.
    """
    if served is None:
        return ""
    split = f"tp {served.tp}, pp {served.pp}"
    formats = f"weights {served.weights or 'unknown'}, kv {served.kv or 'unknown'}"
    return f"{served.model} on {served.rig}, {served.runtime}, {formats}, {split}"


def _bare(name: str) -> Iterator[str]:
    """Yield a name without its unit.

    >>> list(_bare("h2d_bytes_per_s"))
    ['h2d']
    """
    for unit in ("_bytes_per_s", "_flop_per_s", "_tokens_per_s", "_requests_per_s", "_s"):
        if name.endswith(unit):
            yield name.removesuffix(unit)
            return


def _is_followed(value: Value, kind: str) -> bool:
    """Whether a figure is one to follow: of a bench its median, of a sound level few of many."""
    statistic = value.labels.get("statistic", "mean")
    if kind == "bench":
        return statistic == "p50"
    if value.labels.get("verdict", _SOUND) != _SOUND:
        return False
    is_latency = value.name.endswith("_s") and "_per_" not in value.name
    return statistic in _TAILS if is_latency else statistic == "mean"


def _of(value: Value) -> str:
    """Return the labels of a figure that are the same in every run of a command."""
    labels = {name: label for name, label in value.labels.items() if name not in _COUNTED}
    if value.name.endswith("_s") and "_per_" not in value.name and "block" not in labels:
        labels["statistic"] = value.labels.get("statistic", "mean")
    return ", ".join(
        f"{name} {label if isinstance(label, str) else format(label, '.6g')}"
        for name, label in sorted(labels.items())
    )

"""Figures to the store and back: committed as soon as they exist, read again by later runs."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Final, Protocol

from rightrig.measuring.bench.values import key_of
from rightrig.store.records import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from rightrig.measuring.bench.values import Figure, Sight
    from rightrig.store.records import Run

_UNITS: Final = {"bytes": "_bytes_per_s", "flop": "_flop_per_s", "s": "_s"}
_OWN_LABELS: Final = frozenset({"statistic", "device", "block"})
_NEWEST_COUNT: Final = 5
"""Earlier runs that a figure is compared with: what a machine did a year ago is another machine."""


class Writer(Protocol):
    """What takes figures of a run; the store's writer is one."""

    def add(self, values: Sequence[Value], /) -> None:
        """Commit some figures at once."""

    def keep_samples(self, name: str, columns: Mapping[str, NDArray[object]], /) -> None:  # type: ignore[type-var]
        """Keep raw samples as a table."""


def values_of(figure: Figure, device: str) -> list[Value]:
    """Return a figure as the store keeps it: its median and the ends of its spread."""
    timing, name = figure.timing, figure.name + _UNITS[figure.unit]
    times = {"p50": timing.median_s, "p10": timing.quickest_s, "p90": timing.slowest_s}
    if figure.unit != "s":  # the highest rate is of the shortest time
        times = {"p50": timing.median_s, "p10": timing.slowest_s, "p90": timing.quickest_s}
    found = []
    for statistic, time_s in times.items():
        kept = time_s if figure.unit == "s" else figure.amount_count / time_s
        own = {"block": figure.block, "device": device, "statistic": statistic}
        found.append(Value(name, kept, {**figure.labels, **own}))
    return found


def earlier_medians(runs: Iterable[Run], device: str) -> dict[str, float]:
    """Return key of a figure → the median of its medians in the newest runs that have it.

    Runs that are still under way do not count, nor those of which nobody knows how they ended.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        if run.status not in {"finished", "interrupted"}:
            continue
        for value in run.values:
            if value.labels.get("statistic") == "p50" and value.labels.get("device") == device:
                found[_key(value)].append(value.value)
    return {key: statistics.median(values[:_NEWEST_COUNT]) for key, values in found.items()}


def _key(value: Value) -> str:
    """Return the key of the figure that a value was."""
    name = value.name
    for unit in _UNITS.values():
        if name.endswith(unit):
            name = name.removesuffix(unit)
            break
    return key_of(name, {k: v for k, v in value.labels.items() if k not in _OWN_LABELS})


def samples_of(figures: Sequence[Figure]) -> dict[str, NDArray[object]]:  # type: ignore[type-var]
    """Return every sample of some figures as columns: key, time, clock (NaN where unknown)."""
    import numpy as np  # noqa: PLC0415 - when samples are kept

    rows = [
        (figure.key, time_s, clocks[place] if place < len(clocks) else float("nan"))
        for figure in figures
        for clocks in (figure.timing.clocks_hz,)
        for place, time_s in enumerate(figure.timing.samples_s)
    ]
    return {
        "figure": np.array([row[0] for row in rows], dtype=np.str_),
        "time_s": np.array([row[1] for row in rows]),
        "clock_hz": np.array([row[2] for row in rows]),
    }


def sights_of(sights: Sequence[Sight]) -> dict[str, NDArray[object]]:  # type: ignore[type-var]
    """Return what the driver said under load, as columns."""
    import numpy as np  # noqa: PLC0415 - when samples are kept

    unknown = float("nan")
    return {
        "at_s": np.array([sight.at_s for sight in sights]),
        "clock_hz": np.array([unknown if s.clock_hz is None else s.clock_hz for s in sights]),
        "power_w": np.array([unknown if s.power_w is None else s.power_w for s in sights]),
        "temperature_celsius": np.array(
            [unknown if s.temperature_celsius is None else s.temperature_celsius for s in sights]
        ),
        "reasons": np.array([", ".join(sight.reasons) for sight in sights], dtype=np.str_),
    }

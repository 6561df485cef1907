"""Tables of Nsight Compute: what kernels use of the card's memory and of its multiprocessors.

``ncu --csv`` prints a row a metric (``Metric Name, Metric Unit, Metric Value``). Of each launch
three are needed: its time, and the shares of the peaks of memory and of multiprocessors, by their
own names or those of the section *GPU Speed Of Light Throughput*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.measuring.profile.bounded import refused
from rightrig.measuring.profile.trace import Counters, Totals

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

COUNTERS: Final = frozenset(("kernel name", "metric name", "metric unit", "metric value"))
"""Columns that tell such a table."""
_TIMES: Final = frozenset(("gpu__time_duration.sum", "gpu__time_duration.avg", "duration"))
_MEMORY: Final = frozenset(
    (
        "dram__throughput.avg.pct_of_peak_sustained_elapsed",
        "gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed", "dram throughput",
    )
)  # fmt: skip
_MEMORY_ELSE: Final = frozenset(("memory throughput",))
_COMPUTE: Final = frozenset(
    ("sm__throughput.avg.pct_of_peak_sustained_elapsed", "compute (sm) throughput")
)
UNITS_S: Final = {
    **dict.fromkeys(("ns", "nsec", "nsecond"), 1e-9),
    **dict.fromkeys(("us", "µs", "usec", "usecond"), 1e-6),
    **dict.fromkeys(("ms", "msec", "msecond"), 1e-3),
    **dict.fromkeys(("s", "sec", "second"), 1.0),
}
"""Units of time as the tools write them → seconds."""
_MOST_LAUNCHES: Final = 200_000
_MOST: Final = 10**12


def counters_of(header: list[str], rows: Iterable[list[str]], path: Path) -> Counters:
    """Return the kernels of a table of Nsight Compute.

    Raises:
        InputError: when no launch has a time and a share.
    """
    place = {cell.strip().lower(): number for number, cell in enumerate(header)}
    launches: dict[tuple[str, str], dict[str, float]] = {}
    for row in rows:
        if len(row) < len(header) or len(launches) > _MOST_LAUNCHES:
            continue
        name = row[place["kernel name"]].strip()
        launch = row[place["id"]] if "id" in place else str(len(launches))
        found = _figure(*(row[place[cell]] for cell in ("metric name", "metric unit",
                                                        "metric value")))  # fmt: skip
        if found is not None:
            launches.setdefault((launch, name), {}).setdefault(*found)
    sound = [(name, told) for (_, name), told in launches.items() if told.get("time")]
    if not any("memory" in told or "compute" in told for _, told in sound):
        raise refused(
            path,
            "its launches have no times and shares of peaks; print them with ncu --csv --metrics "
            "gpu__time_duration.sum,dram__throughput.avg.pct_of_peak_sustained_elapsed,"
            "sm__throughput.avg.pct_of_peak_sustained_elapsed",
        )
    return _together(sound)


def _figure(metric: str, unit: str, value: str) -> tuple[str, float] | None:
    """Return which figure a metric is, and its value in seconds or as a ratio."""
    name, unit = metric.strip().lower(), unit.strip().lower()
    try:
        amount = float(value.replace(",", ""))
    except ValueError:
        return None  # n/a
    if not 0.0 <= amount < _MOST:
        return None
    if name in _TIMES and unit in UNITS_S:
        return "time", amount * UNITS_S[unit]
    if unit not in {"%", ""}:
        return None  # the same name in bytes a second
    kinds = (("memory", _MEMORY), ("memory, any", _MEMORY_ELSE), ("compute", _COMPUTE))
    return next(((kind, amount / 100.0) for kind, known in kinds if name in known), None)


def _together(launches: list[tuple[str, dict[str, float]]]) -> Counters:
    """Return the launches by name, their shares weighted with their times."""
    sums: dict[str, list[float]] = {}
    for name, told in launches:
        time_s = told["time"]
        memory = told.get("memory", told.get("memory, any", 0.0))
        entry = sums.setdefault(name, [0.0, 0.0, 0.0, 0.0])
        parts = (time_s, 1.0, memory * time_s, told.get("compute", 0.0) * time_s)
        for number, part in enumerate(parts):
            entry[number] += part
    totals = Totals(
        tuple(sums), tuple(e[0] for e in sums.values()), tuple(int(e[1]) for e in sums.values())
    )
    shares = [(e[2] / e[0], e[3] / e[0]) for e in sums.values()]
    return Counters(totals, tuple(s[0] for s in shares), tuple(s[1] for s in shares))

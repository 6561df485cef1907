"""Tables of kernels as CSV: Nsight Systems', Nsight Compute's, rocprof's, and anybody's own.

What a table is follows from its header, wherever in the file it stands: tools print lines before
it, and ``nsys stats`` prints several tables one after another. A table with starts is a trace.

| written by | columns |
|---|---|
| ``nsys stats --report cuda_gpu_trace`` | ``Start (ns), Duration (ns), …, Device, Strm, Name`` |
| ``nsys stats --report cuda_gpu_kern_sum`` | ``Time (%), Total Time (ns), Instances, …, Name`` |
| ``rocprofv3 --kernel-trace`` | ``…, Kernel_Name, …, Start_Timestamp, End_Timestamp, …`` |
| ``rocprofv3 --stats`` | ``Name, Calls, TotalDurationNs, …`` |
| ``ncu --csv`` | ``…, Kernel Name, …, Metric Name, Metric Unit, Metric Value`` |
| anybody | ``name, duration_us`` and perhaps ``count``, ``start_us``; or ``_ns``, ``_ms``, ``_s`` |
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.measuring.profile.bounded import refused
from rightrig.measuring.profile.counters import COUNTERS, UNITS_S, counters_of
from rightrig.measuring.profile.trace import Columns, Totals, nothing_beside, trace_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rightrig.measuring.profile.trace import Counters, Trace

MOST_ROWS: Final = 3_000_000
_LATEST_S: Final = 1e12
_MOST_CALLS: Final = 10**12
_UNIT: Final = r"[ _]?\(?(?P<unit>nsec|usec|msec|sec|ns|us|µs|ms|s)\)?"
_NAMES: Final = ("name", "kernel name", "kernel_name", "kernel")
_COUNTS: Final = ("instances", "calls", "call_count", "count", "number")
_STARTS: Final = re.compile(rf"(?:start|start_time|start_timestamp){_UNIT}")
_SPANS: Final = re.compile(
    rf"(?:total[ _]?)?(?:time|duration|dur)(?:[ _]?total)?{_UNIT}|(?:total_?)duration(?P<ns>ns)"
)
_STAMPS: Final = ("start_timestamp", "end_timestamp")
_DEVICES: Final = ("device", "agent_id", "gpu", "device_id")


@dataclass(frozen=True, slots=True)
class Header:
    """Where a table has what; ``None`` where it has not."""

    name: int
    count: int | None
    device: int | None
    span: int | None = None
    span_unit_s: float = 1e-9
    start: int | None = None
    start_unit_s: float = 1e-9
    end: int | None = None


def table_of(pieces: Iterable[str], path: Path) -> Trace | Totals | Counters:
    """Return what the tables of a file tell: a trace if one has starts, else sums.

    Raises:
        InputError: when no table is understood, or a row is broken.
    """
    rows = _Rows(path)
    reader = csv.reader(_lines(pieces, path))
    try:
        for row in reader:
            if rows.take(row, reader.line_num) is COUNTERS:
                return counters_of(row, reader, path)
    except csv.Error as error:
        raise refused(path, f"line {reader.line_num} is no CSV ({error})") from error
    return rows.told()


def _lines(pieces: Iterable[str], path: Path) -> Iterator[str]:
    """Yield lines; none longer than a MiB is ever held."""
    rest = ""
    for piece in pieces:
        if "\0" in piece:
            raise refused(path, "it is binary, or damaged")
        *lines, rest = (rest + piece).split("\n")
        yield from lines
        if len(rest) > 2**20:
            raise refused(path, "it has a line longer than 1 MiB, and is neither JSON nor CSV")
    if rest:
        yield rest


class _Rows:
    """The rows of the tables of one file."""

    def __init__(self, path: Path) -> None:
        """Begin before any header."""
        self._path = path
        self._header: Header | None = None
        self._timed = Columns()
        self._totals: dict[str, tuple[float, int]] = {}
        self._devices: dict[str, int] = {}
        self._count = 0

    def take(self, row: list[str], line: int) -> object:
        """Take a row: a header, one of a table, or something beside them."""
        if not row or (row[0][:1].isdigit() and self._header is None):
            return None
        lowered = None if row[0][:1].isdigit() else [cell.strip().lower() for cell in row]
        if lowered is not None and set(lowered) >= COUNTERS:
            return COUNTERS
        header = header_of(lowered) if lowered is not None else None
        if header is not None:
            self._header = header
        elif self._header is not None:
            self._add(self._header, row, line)
        return None

    def _add(self, header: Header, row: list[str], line: int) -> None:
        """Add a row of a table; shorter ones are lines between tables."""
        needed = [header.name, header.span, header.start, header.end]
        if len(row) <= max(place for place in needed if place is not None):
            return
        self._count += 1
        if self._count > MOST_ROWS:
            raise refused(self._path, f"it has more than {MOST_ROWS:,} rows; record fewer steps")
        try:
            self._add_sound(header, row)
        except ValueError:
            raise refused(self._path, f"line {line} has no number where one belongs") from None

    def _add_sound(self, header: Header, row: list[str]) -> None:
        """Add a row whose numbers are numbers."""
        name = row[header.name].strip()
        start_s = 0.0 if header.start is None else parsed_s(row[header.start], header.start_unit_s)
        if header.end is not None:
            span_s = parsed_s(row[header.end], header.start_unit_s) - start_s
        else:
            span_s = parsed_s(row[header.span or 0], header.span_unit_s)
        if span_s < 0.0:
            raise ValueError
        if header.start is not None:
            device = _cell(row, header.device)
            number = self._devices.setdefault(device, len(self._devices))
            self._timed.add(name, start_s, span_s, number)
            return
        calls = 0 if header.count is None else _count(_cell(row, header.count))
        before_s, before = self._totals.get(name, (0.0, 0))
        self._totals[name] = (before_s + span_s, before + calls)

    def told(self) -> Trace | Totals:
        """Return the trace, or else the sums."""
        if len(self._timed):
            return trace_of(self._timed, nothing_beside())
        if not self._totals:
            raise refused(
                self._path,
                "it has no table of kernels: neither one of nsys stats, ncu, rocprofv3, nor the "
                "columns name and duration_us (or _ns, _ms, _s)",
            )
        spans, calls = zip(*self._totals.values(), strict=True)
        return Totals(tuple(self._totals), spans, calls)


def header_of(cells: list[str]) -> Header | None:
    """Return what a header says, cells in small letters; ``None`` for what is none.

    >>> header_of(["name", "duration_us", "count"]).span_unit_s
    1e-06
    >>> header_of(["name", "colour"]) is None
    True
    """
    place = {cell: number for number, cell in reversed(tuple(enumerate(cells)))}
    name = next((place[known] for known in _NAMES if known in place), None)
    if name is None:
        return None
    beside = (_first(place, _COUNTS), _first(place, _DEVICES))
    if all(stamp in place for stamp in _STAMPS):
        start, end = (place[stamp] for stamp in _STAMPS)
        return Header(name, *beside, start=start, end=end)
    span, start_found = _matching(cells, _SPANS), _matching(cells, _STARTS)
    if span is None:
        return None
    if start_found is None:
        return Header(name, *beside, *span)
    return Header(name, *beside, *span, *start_found)


def _first(place: dict[str, int], known: tuple[str, ...]) -> int | None:
    """Return the place of the first column that is there."""
    return next((place[name] for name in known if name in place), None)


def _matching(cells: list[str], pattern: re.Pattern[str]) -> tuple[int, float] | None:
    """Return the first column of a kind with its unit in seconds."""
    for place, cell in enumerate(cells):
        found = pattern.fullmatch(cell)
        if found is not None:
            unit = next(text for text in found.groups() if text)
            return place, UNITS_S[unit]
    return None


def _cell(row: list[str], place: int | None) -> str:
    """Return a cell that may be absent."""
    return row[place].strip() if place is not None and place < len(row) else ""


def parsed_s(text: str, unit_s: float) -> float:
    """Return a time from a number, perhaps with commas between thousands.

    Raises:
        ValueError: when it is none, or longer than any time.

    >>> parsed_s("1,205.00", 1e-3)
    1.205
    """
    value = float(text.replace(",", "")) * unit_s
    if not abs(value) < _LATEST_S:
        raise ValueError
    return value


def _count(text: str) -> int:
    """Return how many calls a row has."""
    value = float(text.replace(",", ""))
    if not 0.0 <= value < _MOST_CALLS:
        raise ValueError
    return int(value)

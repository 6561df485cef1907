"""Chrome traces: torch.profiler's, and those made of Nsight Systems' reports.

An event with ``"ph": "X"`` has ``name``, ``cat``, ``ts`` and ``dur`` in microseconds, and ``args``
(Google's Trace Event Format, 2016). What ran on a device is of one of the categories in
``_ON_DEVICE``; ``args`` then has ``device`` and ``correlation``, the number of the
call of the host that launched it (PyTorch's Kineto). Without any such event the operators of the
processor stand for kernels, each with the time in which no inner one runs.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.measuring.profile.bounded import refused
from rightrig.measuring.profile.processor import processor_trace
from rightrig.measuring.profile.trace import UNKNOWN, Beside, Columns, Mark, trace_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rightrig.measuring.profile.trace import Trace

_MICROSECOND_S: Final = 1e-6
_ON_DEVICE: Final = frozenset(
    ("kernel", "Kernel", "cuda", "gpu_memcpy", "gpu_memset", "Memcpy", "Memset", "gpu_op")
)
_LAUNCHING: Final = frozenset(("cuda_runtime", "cuda_driver", "Runtime", "hip_runtime"))
_HOST_MARKS: Final = frozenset(("user_annotation", "nvtx", "NVTX"))
_DEVICE_MARKS: Final = frozenset(("gpu_user_annotation", "nvtx-kernel"))
_OPERATORS: Final = frozenset(("cpu_op", "Operator"))
_GRAPH: Final = "GraphLaunch"
_MOST_MARKS: Final = 500_000
_LATEST_S: Final = 1e12
_LONGEST_S: Final = 1e6


class _Gathered:
    """What a trace says, sorted by what it is about."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.kernels, self.operators = Columns(), Columns()
        self.launch_numbers, self.launch_s = array("q"), array("d")
        self.graphs: set[int] = set()
        self.marks: list[Mark] = []
        self.left_out_count = 0
        self._places: dict[object, int] = {}
        self._keep = {
            **dict.fromkeys(_ON_DEVICE, self._keep_kernel),
            **dict.fromkeys(_LAUNCHING, self._keep_launch),
            **dict.fromkeys(_HOST_MARKS, self._keep_mark),
            **dict.fromkeys(_DEVICE_MARKS, self._keep_mark),
            **dict.fromkeys(_OPERATORS, self._keep_operator),
        }

    def keep(self, event: dict[str, object]) -> None:
        """Keep an event if it is of use."""
        kind = event.get("cat")
        keeper = self._keep.get(kind) if isinstance(kind, str) else None
        if keeper is None or event.get("ph") != "X":
            return
        start_s, span_s = _time_s(event.get("ts")), _time_s(event.get("dur"))
        name = event.get("name")
        is_sound = 0.0 <= span_s <= _LONGEST_S and abs(start_s) <= _LATEST_S
        if not is_sound or not isinstance(name, str):
            self.left_out_count += 1
            return
        keeper(event, name, start_s, span_s)

    def _keep_kernel(
        self, event: dict[str, object], name: str, start_s: float, span_s: float
    ) -> None:
        args = event.get("args")
        args = args if isinstance(args, dict) else {}
        device = args.get("device", event.get("pid"))
        launch = _number(args.get("correlation", UNKNOWN))
        self.kernels.add(name, start_s, span_s, self._place(device), launch)

    def _keep_launch(
        self, event: dict[str, object], name: str, start_s: float, span_s: float
    ) -> None:
        del span_s
        args = event.get("args")
        number = _number(args.get("correlation", UNKNOWN)) if isinstance(args, dict) else UNKNOWN
        if number == UNKNOWN:
            return
        self.launch_numbers.append(number)
        self.launch_s.append(start_s)
        if _GRAPH in name:
            self.graphs.add(number)

    def _keep_mark(
        self, event: dict[str, object], name: str, start_s: float, span_s: float
    ) -> None:
        if len(self.marks) < _MOST_MARKS:
            on_device = event.get("cat") in _DEVICE_MARKS
            self.marks.append(Mark(name[:200], start_s, start_s + span_s, on_device))

    def _keep_operator(
        self, event: dict[str, object], name: str, start_s: float, span_s: float
    ) -> None:
        self.operators.add(name, start_s, span_s, self._place(event.get("tid")))

    def _place(self, value: object) -> int:
        """Return a number for a device or a thread, whatever it is called."""
        known = value if isinstance(value, int | str) else str(value)
        return self._places.setdefault(known, len(self._places))

    def beside(self) -> Beside:
        """Return what stands beside the kernels."""
        return Beside(
            np.array(self.launch_numbers, dtype=np.int64), np.array(self.launch_s, dtype=float),
            frozenset(self.graphs), tuple(self.marks), self.left_out_count,
        )  # fmt: skip


def _time_s(value: object) -> float:
    """Return a time in seconds; not a number for what is none."""
    if isinstance(value, float | int):
        try:
            return float(value) * _MICROSECOND_S
        except OverflowError:
            return float("nan")
    return float("nan")


def _number(value: object) -> int:
    """Return the number of a launch, as far as one is given and fits."""
    fits = isinstance(value, int) and abs(value) < 2**62
    return int(value) if fits else UNKNOWN  # type: ignore[call-overload] # it is a number


def chrome_trace(events: Iterable[dict[str, object]], path: Path) -> Trace:
    """Return the trace that events tell.

    Raises:
        InputError: when they tell of no kernel and no operator.
    """
    gathered = _Gathered()
    for event in events:
        gathered.keep(event)
    if len(gathered.kernels):
        return trace_of(gathered.kernels, gathered.beside())
    if len(gathered.operators):
        return processor_trace(gathered.operators, gathered.beside())
    raise refused(
        path,
        "it is a Chrome trace without a kernel; record with the activity of the device "
        "(ProfilerActivity.CUDA), and at least one step",
    )

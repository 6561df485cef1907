"""Which kernel does the work of a call: read off PyTorch's own profilers, outside of all timing."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.measuring.bench.device import Device
    from rightrig.measuring.bench.timing import Call

_LONGEST_NAME: Final = 90


def kernel_of(device: Device, call: Call) -> str:
    """Return the kernel, or on a processor the operator, that takes most of a call's time.

    Empty where the profiler is not built in, or another one holds the card.
    """
    try:
        with muted(), _profiler(device) as record:
            call(0)
            device.wait()
        events = record.key_averages()
    except RuntimeError:
        return ""
    longest = max(events, key=lambda event: _own_s(event, device), default=None)
    return "" if longest is None else str(longest.key)[:_LONGEST_NAME]


def _profiler(device: Device) -> Any:  # noqa: ANN401 - of PyTorch
    """Return what listens: on cards the tracer of kernels, else the plain one of operators."""
    torch = device.torch
    if not device.is_card:
        return torch.autograd.profiler.profile(use_kineto=False)
    return torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA])


def _own_s(event: Any, device: Device) -> float:  # noqa: ANN401 - of PyTorch
    """Return the seconds of an event itself, without what it called."""
    names: tuple[str, ...] = ("self_cpu_time_total",)
    if device.is_card:  # renamed in PyTorch 2.5
        names = ("self_device_time_total", "self_cuda_time_total")
    own = (float(getattr(event, name)) / 1e6 for name in names if hasattr(event, name))
    return next(own, 0.0)


@contextmanager
def muted() -> Iterator[None]:
    """Let nothing through to the standard error, inside the ``with``.

    PyTorch's tracer of kernels writes lines of its own there, past Python.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)

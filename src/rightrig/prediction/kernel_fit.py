"""Calibrate: from kernel timings to the share of a datasheet's peak that kernels reach.

Three fits, each pure: samples in, a frozen record out. A kernel takes

    kernel_s = overhead_s + [(flop / (peak · compute_ratio))³
                             + (bytes / (bandwidth · memory_ratio))³]^(1/3)

a roofline with a smooth corner, and an all-reduce among ``n`` ranks takes

    all_reduce_s = latency_s + 2 (n-1)/n · message_bytes / bus_bytes_per_s.

What is minimised is ``ln(predicted / measured)`` under a soft absolute loss: a factor of two
counts the same at 5 µs and at 5 ms, and a few odd rows do not rule. A timing loop that reads one
small matrix again and again finds it in the L2 cache. Such *warm* samples get a memory share of
their own, which is thrown away: they tell of overhead and of compute, never of memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.errors import InputError
from rightrig.prediction.network import all_reduce_s
from rightrig.prediction.roofline import smooth_max_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

DEFAULT_ATTENTION_COMPUTE_RATIO: Final = 0.4
"""Compute share of attention where timings cannot tell it.

The middle of what end-to-end runs ask for: 0.1 on Ada, 0.4 on Hopper, 0.8 on Blackwell."""

ENOUGH_COUNT: Final = 3
"""A share is identified by at least this many samples that are bound by it at full peak."""

_SOFT_RATIO: Final = 0.1  # beyond an error of about 10 % the loss grows linearly
_SMALL_RATIO: Final = 0.02  # lower bound of each share
_WARM_LIMIT_RATIO: Final = 20.0  # a cache is faster than the memory behind it
_OVERHEAD_LIMIT_US: Final = 200.0
_OVERHEAD_STARTS_US: Final = (2.0, 20.0)
_MICROSECONDS: Final = 1e6
_COMPUTE, _MEMORY, _OVERHEAD, _WARM = range(4)  # places in the parameter vector


@dataclass(frozen=True, slots=True)
class DevicePeak:
    """What a datasheet promises: dense, of the format that is multiplied, and of the memory."""

    compute_flop_per_s: float
    memory_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class KernelSample:
    """One timed kernel: its work, its time, its device.

    ``is_warm`` marks a sample whose data may have lain in the L2 cache.
    """

    flop: float
    moved_bytes: float
    measured_s: float
    peak: DevicePeak
    is_warm: bool = False


@dataclass(frozen=True, slots=True)
class KernelFit:
    """Shares of peak and fixed time of one kind of kernel, and how well they describe it.

    A share that is not identified is the fallback its caller gave or, without one, a guess.
    """

    compute_ratio: float
    memory_ratio: float
    overhead_s: float
    rows_count: int
    median_abs_error_ratio: float
    p90_abs_error_ratio: float
    compute_identified: bool
    memory_identified: bool


@dataclass(frozen=True, slots=True)
class AllReduceSample:
    """One timed all-reduce: the bytes that each rank contributes, and the time."""

    message_bytes: float
    measured_s: float


@dataclass(frozen=True, slots=True)
class AllReduceFit:
    """Latency and bus bandwidth of one all-reduce, and how well they describe it."""

    latency_s: float
    bus_bytes_per_s: float
    ranks_count: int
    rows_count: int
    median_abs_error_ratio: float
    p90_abs_error_ratio: float


@dataclass(frozen=True, slots=True)
class _Columns:
    """Samples as columns; times are the shortest that the datasheet allows."""

    compute_s: Array
    memory_s: Array
    measured_s: Array
    is_warm: Flags


def fit_gemm(
    samples: Sequence[KernelSample], *, fallback_memory_ratio: float | None = None
) -> KernelFit:
    """Fit matrix products: ``kernel_s`` as above, with shares and overhead free.

    Source of the form: a trial on the kernel samples of five GPU families, in which a ramp in
    ``m`` fitted to nothing and wave quantisation made the predictions worse.

    Args:
        samples: Timings of one number format on the devices of one family.
        fallback_memory_ratio: The share of memory bandwidth to take where too few cold samples
            are bound by memory.

    Returns:
        The fit, judged on the samples themselves, warm ones by their own memory share.
    """
    columns = _columns(samples)
    fixed = {}
    if fallback_memory_ratio is not None and not _memory_identified(columns):
        fixed[_MEMORY] = math.log(fallback_memory_ratio)
    return _fit_kernel(columns, fixed)


def fit_attention(
    samples: Sequence[KernelSample],
    *,
    fallback_compute_ratio: float = DEFAULT_ATTENTION_COMPUTE_RATIO,
) -> KernelFit:
    """Fit attention of decode steps: ``kernel_s`` as above, with the cache as the bytes.

    Source of the form: as `fit_gemm`. With 8 query heads per key head a step has 8 flop per byte
    of a 16-bit cache, where a GPU offers hundreds: timings seldom tell the compute share.

    Args:
        samples: Timings of one cache format on the devices of one family.
        fallback_compute_ratio: The share of compute to take where too few samples are bound by it.

    Returns:
        The fit, judged on the samples themselves, warm ones by their own memory share.
    """
    columns = _columns(samples)
    fixed = {}
    if not _compute_identified(columns):
        fixed[_COMPUTE] = math.log(fallback_compute_ratio)
    return _fit_kernel(columns, fixed)


def fit_all_reduce(samples: Sequence[AllReduceSample], *, ranks_count: int) -> AllReduceFit:
    """Fit ``all_reduce_s = latency_s + 2 (n-1)/n · message_bytes / bus_bytes_per_s``.

    Source: the latency-bandwidth model (Thakur et al. 2005, doi:10.1177/1094342005051521) with
    the bus bandwidth of nccl-tests. Real libraries change algorithm with size, which one line
    cannot follow: expect 20 to 50 % in the middle sizes.

    Args:
        samples: Timings of one implementation among the same ranks.
        ranks_count: How many GPUs take part, at least 2.

    Returns:
        The fit, judged on the samples themselves.
    """
    if ranks_count < 2:  # noqa: PLR2004 - nothing to reduce alone
        raise InputError(f"an all-reduce needs at least 2 ranks, got {ranks_count}")
    _require(len(samples), 2)
    measured_s = _positive([s.measured_s for s in samples])
    message_bytes = _positive([s.message_bytes for s in samples])

    def predicted_s(logs: Array) -> Array:
        latency_s, s_per_byte = np.exp(logs)
        return np.asarray(all_reduce_s(message_bytes, ranks_count, latency_s, 1.0 / s_per_byte))

    start = np.log([measured_s.min(), (measured_s / message_bytes).min()])
    logs = _minimise(
        lambda x: np.log(predicted_s(x) / measured_s), [start], (start - 10.0, start + 10.0)
    )
    median_ratio, p90_ratio = _error_ratios(predicted_s(logs), measured_s)
    return AllReduceFit(
        latency_s=math.exp(logs[0]),
        bus_bytes_per_s=math.exp(-logs[1]),
        ranks_count=ranks_count,
        rows_count=len(samples),
        median_abs_error_ratio=median_ratio,
        p90_abs_error_ratio=p90_ratio,
    )


def _columns(samples: Sequence[KernelSample]) -> _Columns:
    _require(len(samples), 4)
    flop_per_s = _positive([s.peak.compute_flop_per_s for s in samples])
    bytes_per_s = _positive([s.peak.memory_bytes_per_s for s in samples])
    return _Columns(
        compute_s=_positive([s.flop for s in samples]) / flop_per_s,
        memory_s=_positive([s.moved_bytes for s in samples]) / bytes_per_s,
        measured_s=_positive([s.measured_s for s in samples]),
        is_warm=np.array([s.is_warm for s in samples], dtype=np.bool_),
    )


def _require(samples_count: int, least_count: int) -> None:
    if samples_count < least_count:
        raise InputError(
            f"a fit needs at least {least_count} samples, got {samples_count}; add timings"
        )


def _positive(values: Sequence[float]) -> Array:
    column = np.array(values, dtype=np.float64)
    if not (np.isfinite(column).all() and (column > 0.0).all()):
        raise InputError(f"work, times and peaks are above 0, got {column.min()}; drop that sample")
    return column


def _memory_identified(columns: _Columns) -> bool:
    bound = ~columns.is_warm & (columns.memory_s > columns.compute_s)
    return int(bound.sum()) >= ENOUGH_COUNT


def _compute_identified(columns: _Columns) -> bool:
    return int((columns.compute_s > columns.memory_s).sum()) >= ENOUGH_COUNT


def _fit_kernel(columns: _Columns, fixed: Mapping[int, float]) -> KernelFit:
    """Solve for the parameters that ``fixed`` (place: value) leaves free."""
    lower = np.array([math.log(_SMALL_RATIO), math.log(_SMALL_RATIO), 0.0, math.log(_SMALL_RATIO)])
    upper = np.array([0.0, 0.0, _OVERHEAD_LIMIT_US, math.log(_WARM_LIMIT_RATIO)])
    free = [place for place in range(len(lower)) if place not in fixed]

    def complete(values: Array) -> Array:
        parameters = np.zeros(len(lower))
        parameters[list(fixed)] = list(fixed.values())
        parameters[free] = values
        return parameters

    starts = [np.array([-0.4, -0.2, start, 0.4])[free] for start in _OVERHEAD_STARTS_US]
    found = complete(
        _minimise(
            lambda values: np.log(_kernel_s(columns, complete(values)) / columns.measured_s),
            starts,
            (lower[free], upper[free]),
        )
    )
    median_ratio, p90_ratio = _error_ratios(_kernel_s(columns, found), columns.measured_s)
    return KernelFit(
        compute_ratio=math.exp(found[_COMPUTE]),
        memory_ratio=math.exp(found[_MEMORY]),
        overhead_s=float(found[_OVERHEAD]) / _MICROSECONDS,
        rows_count=len(columns.measured_s),
        median_abs_error_ratio=median_ratio,
        p90_abs_error_ratio=p90_ratio,
        compute_identified=_compute_identified(columns),
        memory_identified=_memory_identified(columns),
    )


def _kernel_s(columns: _Columns, parameters: Array) -> Array:
    """Return the module's ``kernel_s`` for shares in logarithms and overhead in µs.

    Microseconds and logarithms give the solver parameters of one order of magnitude.
    """
    memory_log = np.where(columns.is_warm, parameters[_WARM], parameters[_MEMORY])
    compute_s = columns.compute_s / np.exp(parameters[_COMPUTE])
    memory_s = columns.memory_s / np.exp(memory_log)
    overhead_s = float(parameters[_OVERHEAD]) / _MICROSECONDS
    return overhead_s + np.asarray(smooth_max_s(compute_s, memory_s), dtype=np.float64)


def _minimise(
    residuals: Callable[[Array], Array], starts: Sequence[Array], bounds: tuple[Array, Array]
) -> Array:
    """Return the bounded soft-L1 least-squares solution, the best of several starts."""
    # Here, not above: scipy takes longer to load than a prediction takes to make.
    from scipy.optimize import least_squares  # noqa: PLC0415

    solutions = [
        least_squares(
            residuals, start, bounds=bounds, loss="soft_l1", f_scale=_SOFT_RATIO, xtol=1e-12
        )
        for start in starts
    ]
    best: Array = min(solutions, key=lambda solution: float(solution.cost)).x
    return best


def _error_ratios(predicted_s: Array, measured_s: Array) -> tuple[float, float]:
    """Return the median and the 90th percentile of ``|predicted / measured - 1|``."""
    errors = np.abs(predicted_s / measured_s - 1.0)
    return float(np.median(errors)), float(np.quantile(errors, 0.9))

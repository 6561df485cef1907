"""Rooflines: how long a kernel takes, and what no kernel can beat.

    kernel_s = overhead_s + [(flop / ceiling)³ + (bytes / bandwidth)³]^(1/3)

with achieved ceilings; at the datasheet's rates and no overhead it is the hard bound
(η = 1), which no prediction and no claim may pass (Williams et al. 2009,
doi:10.1145/1498765.1498785; formulas F5).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rightrig.work.operators import Floats


def smooth_max_s(first_s: Floats, second_s: Floats) -> Floats:
    """Return the smooth maximum ``(a³ + b³)^(1/3)``: within 26 % above the larger of them.

    Source: definition, the 3-norm of both times; it rounds off the roofline's corner. Validity:
    exact far from the ridge, 26 % above the larger time at it.
    """
    cubes = first_s * first_s * first_s + second_s * second_s * second_s
    # A number alone is four times as quick without NumPy.
    return math.cbrt(cubes) if isinstance(cubes, float) else np.cbrt(cubes)


def kernel_s(
    flop: Floats,
    moved_bytes: Floats,
    compute_flop_per_s: Floats,
    memory_bytes_per_s: Floats,
    overhead_s: Floats = 0.0,
) -> Floats:
    """Return the time of a kernel from its work and the rates that it achieves."""
    return overhead_s + smooth_max_s(flop / compute_flop_per_s, moved_bytes / memory_bytes_per_s)


def bound_s(
    flop: Floats, moved_bytes: Floats, peak_flop_per_s: Floats, peak_bytes_per_s: Floats
) -> Floats:
    """Return the least time that the datasheet allows: ``max(flop/Π, bytes/BW)``.

    Source: the roofline, Williams et al. 2009, doi:10.1145/1498765.1498785. Validity: a lower
    bound; kernels reach a share of each rate.
    """
    return np.maximum(flop / peak_flop_per_s, moved_bytes / peak_bytes_per_s)


def decode_bound_tokens_per_s(weight_bytes: float, peak_bytes_per_s: float) -> float:
    """Return tokens/s of one sequence when weights alone are read: ``BW / bytes``.

    A 70B in 35 GB on an H100 (3.35 TB/s) makes at most 95.7 tokens/s.

    Source: Pope et al. 2022, arXiv:2211.05102. Validity: an upper bound for one sequence without
    speculation; cache and activations are not counted.

    >>> round(decode_bound_tokens_per_s(35e9, 3.35e12), 1)
    95.7
    """
    return peak_bytes_per_s / weight_bytes


def achieved_bandwidth_ratio(
    tokens_per_s: float, read_bytes: float, peak_bytes_per_s: float
) -> float:
    """Return model bandwidth utilisation: ``tok/s · bytes / BW``.

    Source: definition, as
    https://www.databricks.com/blog/llm-inference-performance-engineering-best-practices has it.
    Validity: one sequence; ``bytes`` are those that a step reads.
    """
    return tokens_per_s * read_bytes / peak_bytes_per_s


def ridge_tokens_count(
    peak_flop_per_s: float, peak_bytes_per_s: float, bytes_per_weight_count: float
) -> float:
    """Return the batch at which weights cost as much to read as to use: ``Π·b/(2·BW)``.

    Source: the roofline's ridge, Williams et al. 2009, doi:10.1145/1498765.1498785. Validity:
    products of dense weights alone; what they read and write beside the weights moves it up.

    >>> round(ridge_tokens_count(989.4e12, 3.35e12, 2.0), 1)
    295.3
    """
    return peak_flop_per_s * bytes_per_weight_count / (2.0 * peak_bytes_per_s)


def tensor_peak_flop_per_s(sm_count: int, fma_per_clock_count: int, clock_hz: float) -> float:
    """Return a tensor-core peak: ``SM · FMA/clock/SM · 2 · f``.

    Source: NVIDIA's white papers (A100 2020, H100 2022), whose peaks it gives again. Validity:
    dense, at a clock that the power allows.

    >>> round(tensor_peak_flop_per_s(132, 2048, 1.83e9) / 1e12, 1)
    989.4
    """
    return sm_count * fma_per_clock_count * 2.0 * clock_hz

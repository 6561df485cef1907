"""A machine without a card: its processor as a record, its rates measured within a second."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightrig.facts.gpu import PROCESSOR, Gpu, PeakRates
from rightrig.facts.source import Source
from rightrig.quantities import GIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.measuring.probe.readings import Host

SLUG: Final = "this-cpu"

_MATRIX: Final = 1024
_COMPUTE_S: Final = 0.25
_MEMORY_S: Final = 0.25
_LEAST_BYTES: Final = 64 * 2**20
_MOST_BYTES: Final = 512 * 2**20
_CACHES: Final = 4
_OF_FREE_RATIO: Final = 0.1
_MOST_THREADS: Final = 64
_VENDORS: Final = ("AMD", "Intel", "Apple")


@dataclass(frozen=True, slots=True)
class Rates:
    """What a processor does with all its threads.

    Attributes:
        flop_per_s: Of a product of two matrices in FP32.
        read_bytes_per_s, copy_bytes_per_s: Of an array larger than its caches; a copy counts
            what it reads and what it writes.
    """

    flop_per_s: float
    read_bytes_per_s: float
    copy_bytes_per_s: float


def measured_rates(host: Host) -> Rates:
    """Return the rates of this processor, in less than a second; the best of several tries.

    The product of two 1024 × 1024 matrices costs 2·1024³ operations. Threads read and copy each
    their own part, for one thread does not keep a memory of several channels busy.
    """
    import numpy as np  # noqa: PLC0415 - not on the path of other commands

    generator = np.random.default_rng(0)
    one = generator.random((_MATRIX, _MATRIX), dtype=np.float32)
    other = generator.random((_MATRIX, _MATRIX), dtype=np.float32)
    product = np.empty_like(one)
    best_s = _best_s(lambda: np.matmul(one, other, out=product), _COMPUTE_S)
    threads = min(host.threads_count or 1, _MOST_THREADS)
    parts = [np.ones(_part_count(host, threads), dtype=np.float32) for _ in range(threads)]
    copies = [np.empty_like(part) for part in parts]
    size_bytes = float(sum(part.nbytes for part in parts))
    with ThreadPoolExecutor(threads) as pool:
        copy_s = _best_s(lambda: _each(pool, np.copyto, copies, parts), _MEMORY_S / 2)
        read_s = _best_s(lambda: _each(pool, np.max, parts), _MEMORY_S / 2)
    return Rates(2.0 * _MATRIX**3 / best_s, size_bytes / read_s, 2.0 * size_bytes / copy_s)


def _part_count(host: Host, threads: int) -> int:
    """Return the numbers of one thread's array: together larger than caches, small in memory."""
    wanted = max(_LEAST_BYTES, _CACHES * (host.last_cache_bytes or 0.0))
    free = _OF_FREE_RATIO * (host.available_bytes or GIB)
    total = min(wanted, free, _MOST_BYTES)
    return max(1, int(total / threads / 4.0))


def _each(pool: ThreadPoolExecutor, do: Callable[..., Any], *words: list[Any]) -> None:
    """Do something with each part, all at once."""
    for _ in pool.map(do, *words):
        pass


def _best_s(do: Callable[[], object], limit_s: float) -> float:
    """Return the least time of several tries, after one that warms up, in seconds."""
    do()
    best_s = float("inf")
    end_s = time.perf_counter() + limit_s
    while best_s == float("inf") or time.perf_counter() < end_s:
        start_s = time.perf_counter()
        do()
        best_s = min(best_s, time.perf_counter() - start_s)
    return best_s


def processor_record(host: Host, rates: Rates, date: str) -> Gpu | None:
    """Return a processor as a card; ``None`` for a maker that records do not know, such as ARM.

    Bandwidth is the larger of reading and copying. BF16, FP16 and INT8 are given the rate of FP32:
    engines convert to it where a processor has no instructions of their own.
    """
    if host.cpu_vendor not in _VENDORS or host.memory_bytes is None:
        return None
    measured = Source(
        reference="rightrig probe",
        kind="measured",
        date=date,
        fields=("peak", "memory_bandwidth_bytes_per_s", "memory_marketed_gib"),
        note="NumPy on all threads: a product of 1024 × 1024 FP32 matrices; a copy and a read of "
        "an array larger than the caches",
    )
    return Gpu(
        slug=SLUG,
        name=host.cpu or f"a processor of {host.cpu_vendor}",
        vendor=host.cpu_vendor,  # type: ignore[arg-type] # one of _VENDORS
        architecture=PROCESSOR,
        tier="embedded",
        form_factor="SoC",
        memory_marketed_gib=round(host.memory_bytes / GIB, 2),
        memory_type="host memory",
        memory_bandwidth_bytes_per_s=max(rates.read_bytes_per_s, rates.copy_bytes_per_s),
        memory_is_unified=True,
        peak=PeakRates(
            fp32_flop_per_s=rates.flop_per_s,
            fp16_flop_per_s=rates.flop_per_s,
            bf16_flop_per_s=rates.flop_per_s,
            int8_flop_per_s=rates.flop_per_s,
        ),
        ecc="none",
        sources=(measured,),
        unverified=("ecc",),
        note="A processor, not a card: for trying things, and for small models.",
    )

"""Blocks ``copy``, ``read``, ``transfer``, ``peers``: bytes a second of memory and of links."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.bench.timing import timed
from rightrig.measuring.bench.values import Figure
from rightrig.quantities import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.measuring.bench.bench import Bench
    from rightrig.measuring.bench.values import Gap

_FLOAT_BYTES: Final = 4.0
_TRANSFER_BYTES: Final = 256.0 * MIB
_SUM_TOLERATED_RATIO: Final = 1e-3
"""Of a sum of random signs in FP32, over the sum of their sizes."""


def copies(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield copies within the device's memory, by size; bytes are those read and those written."""
    for size_bytes in _shuffled_bytes(bench, bench.plan.copy_bytes):
        yield from bench.attempt(
            f"copy of {size_bytes / MIB:.0f} MiB", partial(_copy, bench, size_bytes)
        )


def _copy(bench: Bench, size_bytes: float) -> Iterator[Figure | Gap]:
    """Yield one copy."""
    device = bench.device
    if not device.holds(2.0 * size_bytes):
        yield bench.gap(f"copy of {size_bytes / MIB:.0f} MiB", "memory is too small for it")
        return
    sets = device.rotations_count(2.0 * size_bytes)
    pairs = [(_filled(bench, size_bytes), _filled(bench, size_bytes)) for _ in range(sets)]

    def call(place: int) -> object:
        source, target = pairs[place % sets]
        return target.copy_(source)

    found = timed(device, call, bench.method(as_graph=True, sets_count=sets))
    source, target = pairs[0]
    call(0)
    yield Figure(
        "copy", "copy", {"size_bytes": size_bytes}, "bytes", found.timing,
        moved_bytes=2.0 * size_bytes, graphed=found.graphed,
        error_ratio=float(not bench.torch.equal(source, target)),
        in_cache=_in_cache(bench, 2.0 * size_bytes * sets),
    )  # fmt: skip


def reads(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield sums over the device's memory, by size: what is read, and nothing written."""
    for size_bytes in _shuffled_bytes(bench, bench.plan.copy_bytes):
        yield from bench.attempt(
            f"read of {size_bytes / MIB:.0f} MiB", partial(_read, bench, size_bytes)
        )


def _read(bench: Bench, size_bytes: float) -> Iterator[Figure | Gap]:
    """Yield one sum."""
    device = bench.device
    if not device.holds(size_bytes):
        yield bench.gap(f"read of {size_bytes / MIB:.0f} MiB", "memory is too small for it")
        return
    sets = device.rotations_count(size_bytes)
    buffers = [_filled(bench, size_bytes) for _ in range(sets)]
    found = timed(
        device,
        lambda place: buffers[place % sets].sum(),
        bench.method(as_graph=True, sets_count=sets),
    )
    first = buffers[0]
    # Chunks, so that the reference in float64 takes no eight times the memory.
    wanted = sum(float(part.double().sum()) for part in first.split(2**22))
    sizes = sum(float(part.double().abs().sum()) for part in first.split(2**22))
    yield Figure(
        "read", "read", {"size_bytes": size_bytes}, "bytes", found.timing, moved_bytes=size_bytes,
        error_ratio=abs(float(first.sum()) - wanted) / sizes, tolerated_ratio=_SUM_TOLERATED_RATIO,
        graphed=found.graphed, in_cache=_in_cache(bench, size_bytes * sets),
    )  # fmt: skip


def transfers(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield copies between the host's pinned memory and the card, both ways."""
    if not bench.device.is_card:
        yield bench.gap("host to card", "the processor itself is measured")
        return
    for name in ("h2d", "d2h"):
        yield from bench.attempt(name, partial(_transfer, bench, name))


def _transfer(bench: Bench, name: str) -> Iterator[Figure | Gap]:
    """Yield one way."""
    torch, count = bench.torch, int(_TRANSFER_BYTES / _FLOAT_BYTES)
    host = torch.empty(count, pin_memory=True).normal_()
    card = bench.device.random(count, dtype="float32", spread_ratio=1.0)
    source, target = (host, card) if name == "h2d" else (card, host)
    found = timed(bench.device, lambda _: target.copy_(source, non_blocking=True), bench.method())
    bench.device.wait()
    yield Figure(
        "transfer", name, {"size_bytes": _TRANSFER_BYTES}, "bytes", found.timing,
        moved_bytes=_TRANSFER_BYTES,
        error_ratio=float(not torch.equal(source.cpu(), target.cpu())),
    )  # fmt: skip


def peers(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield copies from each card to each other one: the peer-to-peer matrix."""
    count = bench.device.cards_count
    if count < 2:  # noqa: PLR2004 - a pair
        yield bench.gap("peer to peer", f"it takes two cards, and here is {count or 'none'}")
        return
    for first in range(count):
        for second in range(count):
            if first != second:
                yield from bench.attempt(
                    f"card {first} to {second}", partial(_peer, bench, first, second)
                )


def _peer(bench: Bench, first: int, second: int) -> Iterator[Figure | Gap]:
    """Yield the copy from one card to another."""
    torch, count = bench.torch, int(_TRANSFER_BYTES / _FLOAT_BYTES)
    source, target = (
        torch.empty(count, device=f"cuda:{number}").normal_() for number in (first, second)
    )
    with torch.cuda.device(first):
        found = timed(
            bench.device, lambda _: target.copy_(source, non_blocking=True), bench.method()
        )
    direct = bool(torch.cuda.can_device_access_peer(first, second))
    yield Figure(
        "peers", "peer", {"from": first, "to": second, "size_bytes": _TRANSFER_BYTES}, "bytes",
        found.timing, moved_bytes=_TRANSFER_BYTES,
        kernel="direct" if direct else "through the host",
        error_ratio=float(not torch.equal(source.cpu(), target.cpu())),
    )  # fmt: skip


def _filled(bench: Bench, size_bytes: float) -> Any:  # noqa: ANN401 - a tensor
    """Return a buffer of random numbers."""
    return bench.device.random(int(size_bytes / _FLOAT_BYTES), dtype="float32", spread_ratio=1.0)


def _in_cache(bench: Bench, rotated_bytes: float) -> bool:
    """Whether all inputs together could lie in the cache."""
    return rotated_bytes <= bench.device.cache_bytes


def _shuffled_bytes(bench: Bench, sizes_bytes: tuple[float, ...]) -> tuple[float, ...]:
    """Return sizes in another order."""
    return tuple(bench.shuffle.sample(sizes_bytes, len(sizes_bytes)))

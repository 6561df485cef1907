"""Block ``launch``: what starting a kernel costs, one by one and replayed from a CUDA graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.measuring.bench.timing import timed
from rightrig.measuring.bench.values import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.measuring.bench.bench import Bench
    from rightrig.measuring.bench.values import Gap

_CHAIN_COUNT: Final = 200
"""Kernels of a chain: so many that the wait at its end is nothing."""


def launches(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield the time of one of many tiny kernels that follow each other."""
    yield from bench.attempt("launch, eager", lambda: _launch(bench, as_graph=False))
    if bench.device.is_card:
        yield from bench.attempt("launch, graph", lambda: _launch(bench, as_graph=True))
        yield from bench.attempt("wait of the host", lambda: _wait(bench))
    else:
        yield bench.gap("launch from a graph", "graphs are for cards")


def _launch(bench: Bench, *, as_graph: bool) -> Iterator[Figure | Gap]:
    """Yield the mean time of a kernel of a chain on eight numbers."""
    numbers = bench.device.random(8, dtype="float32", spread_ratio=1.0)
    before = numbers.clone()
    calls = 0

    def call(_: int) -> object:
        nonlocal calls
        calls += 1
        return numbers.neg_()

    found = timed(bench.device, call, bench.method(as_graph=as_graph, calls_count=_CHAIN_COUNT))
    # An even number of signs turned around leaves the numbers as they were; a replayed graph
    # turns an even number each time.
    wanted = before if calls % 2 == 0 else -before
    if as_graph and not found.graphed:
        yield bench.gap("launch, graph", "the work could not be captured")
        return
    yield Figure(
        "launch", "launch", {"way": "graph" if found.graphed else "eager"}, "s", found.timing,
        graphed=found.graphed, error_ratio=float(not bench.torch.equal(numbers, wanted)),
    )  # fmt: skip


def _wait(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield what it costs to start one kernel and to learn that it is done."""
    numbers = bench.device.random(8, dtype="float32", spread_ratio=1.0)

    def call(_: int) -> None:
        numbers.neg_()
        bench.device.wait()

    found = timed(bench.device, call, bench.method(calls_count=20))
    yield Figure("launch", "launch", {"way": "eager, waited for"}, "s", found.timing)

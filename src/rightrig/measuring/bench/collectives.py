"""Block ``collectives``: all-reduce, all-gather and all-to-all among ranks, over sizes.

Ranks are processes of their own (``rank.py``): NCCL with a card each, gloo on processors.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.measuring.bench.timing import now_s
from rightrig.measuring.bench.values import Figure, Timing
from rightrig.quantities import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.measuring.bench.bench import Bench
    from rightrig.measuring.bench.values import Gap

_HOST_RANKS: Final = 2
_TOLERATED_RATIO: Final = 1e-5
"""Of sums of a few numbers in FP32."""


def bus_bytes(name: str, size_bytes: float, ranks_count: int) -> float:
    """Return the bytes that cross each rank's link, as nccl-tests counts bus bandwidth.

    ``2·(n−1)/n·S`` for an all-reduce of S bytes on every rank, ``(n−1)/n·S`` for an all-gather or
    an all-to-all with S bytes on a rank, what it received included (nccl-tests,
    doc/PERFORMANCE.md): the rate is then that of the hardware, whatever the number of ranks.

    >>> bus_bytes("all_reduce", 1000.0, 2), bus_bytes("all_gather", 1000.0, 4)
    (1000.0, 750.0)
    """
    ring = (ranks_count - 1) / ranks_count * size_bytes
    return 2.0 * ring if name == "all_reduce" else ring


def collectives(bench: Bench) -> Iterator[Figure | Gap]:
    """Yield messages among all cards of this machine, or between two processes of the host."""
    count = bench.device.cards_count if bench.device.is_card else _HOST_RANKS
    if count < 2:  # noqa: PLR2004 - a pair
        yield bench.gap("collectives", "they take two cards or more, and here is one")
    elif not bench.torch.distributed.is_available():
        yield bench.gap("collectives", "this build of PyTorch has no torch.distributed")
    else:
        yield from bench.attempt("collectives", lambda: _among(bench, count))


def _among(bench: Bench, ranks_count: int) -> Iterator[Figure | Gap]:
    """Yield what ranks report; they end with this process, however it ends."""
    with tempfile.TemporaryDirectory(prefix="rightrig-ranks-") as folder:
        ranks = [_started(bench, Path(folder), rank, ranks_count) for rank in range(ranks_count)]
        try:
            yield from _reported(bench, ranks[0], ranks_count)
            problem = _problem(ranks, Path(folder))
            if problem:
                yield bench.gap("collectives", problem)
        finally:
            for process in ranks:
                process.kill()
                process.communicate()


def _started(bench: Bench, folder: Path, rank: int, ranks_count: int) -> subprocess.Popen[str]:
    """Return a rank; its standard input stays open as long as this process lives."""
    task = {
        "rank": rank, "ranks_count": ranks_count, "meeting": (folder / "meeting").as_uri(),
        "is_card": bench.device.is_card, "sizes_bytes": bench.plan.messages_bytes,
        "until_s": time.time() + bench.until_s - now_s(),
    }  # fmt: skip
    command = [sys.executable, "-m", "rightrig.measuring.bench.rank", json.dumps(task)]
    with _log_of(folder, rank).open("w", encoding="utf-8") as log:
        return subprocess.Popen(  # noqa: S603 - this interpreter, this package
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )


def _log_of(folder: Path, rank: int) -> Path:
    """Return where a rank's standard error goes."""
    return folder / f"{rank}.log"


def _reported(
    bench: Bench, first: subprocess.Popen[str], ranks_count: int
) -> Iterator[Figure | Gap]:
    """Yield a figure for each line of the first rank."""
    way = "nccl" if bench.device.is_card else "gloo"
    for line in first.stdout or ():
        with contextlib.suppress(json.JSONDecodeError):
            said = json.loads(line)
            size = float(said["size_bytes"])
            what = f"{said['name']} of {size / MIB:.3g} MiB"
            if said["why"]:
                yield bench.gap(what, said["why"])
                continue
            yield Figure(
                "collectives", said["name"],
                {"size_bytes": size, "ranks": ranks_count, "backend": way}, "bytes",
                Timing(tuple(said["samples_s"])),
                moved_bytes=bus_bytes(said["name"], size, ranks_count),
                error_ratio=said["error_ratio"], tolerated_ratio=_TOLERATED_RATIO,
            )  # fmt: skip


def _problem(ranks: list[subprocess.Popen[str]], folder: Path) -> str:
    """Return why ranks ended early, in their own last words; empty where they ended well."""
    for rank, process in enumerate(ranks):
        try:
            code = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return f"rank {rank} did not end"
        if code:
            said = _log_of(folder, rank).read_text(encoding="utf-8", errors="replace")
            last = (said.strip().splitlines() or [f"code {code}"])[-1]
            return f"rank {rank} ended early: {last[:200]}"
    return ""

"""How many requests a second a server answers, and whether slow clients keep it from others.

    python benchmarks/server_load.py load [--path /api/v1/gpus] [--seconds 10] [--connections 8]
    python benchmarks/server_load.py slow [--clients 10000]

Each starts ``rightrig serve`` on a free port of this machine, whose processors the client shares.
``load`` keeps every connection busy (a closed loop); ``slow`` opens connections that send the
beginning of a request and no more, and meanwhile asks one question after another.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import re
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE_BYTES = resource.getpagesize()
_HELD_S = 5.0
"""How long slow clients stay, once all are there."""
_IDLE_S = 0.05
"""Of a processor in a second: a server that has nothing to do."""


@contextmanager
def served() -> Iterator[tuple[int, int]]:
    """Yield the port and the process of a server."""
    words = [sys.executable, "-m", "rightrig", "serve", "--port", "0", "--workers", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        line = "" if server.stdout is None else server.stdout.readline()
        try:
            yield int(line.rpartition(":")[2].partition("/")[0]), server.pid
        finally:
            server.terminate()


def _head(path: str) -> bytes:
    """Return a request."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n".encode()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> int:
    """Ask once, and return the bytes of the body."""
    writer.write(_head(path))
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    if length is None or not head.startswith(b"HTTP/1.1 200"):
        raise EOFError(head[:200])
    return len(await reader.readexactly(int(length[1])))


async def _busy(port: int, path: str, ends_s: float, took_s: list[float]) -> None:
    """Ask over one connection until the time is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < ends_s:
        begun_s = time.perf_counter()
        await _ask(reader, writer, path)
        took_s.append(time.perf_counter() - begun_s)
    writer.close()


def _resident_bytes(pid: int) -> int:
    """Return the memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100.0


async def load(port: int, pid: int, path: str, seconds: float, connections_count: int) -> None:
    """Keep connections busy, and print rate, latency, processor time and memory."""
    await _busy(port, path, time.perf_counter() + 1.0, [])  # what is kept is made
    before_bytes, before_s = _resident_bytes(pid), _cpu_s(pid)
    took_s: list[float] = []
    begun_s = time.perf_counter()
    await asyncio.gather(
        *(_busy(port, path, begun_s + seconds, took_s) for _ in range(connections_count))
    )
    whole_s = time.perf_counter() - begun_s
    took_s.sort()
    at = [took_s[min(int(share * len(took_s)), len(took_s) - 1)] for share in (0.5, 0.9, 0.99)]
    used_s = _cpu_s(pid) - before_s
    print(f"{path}: {len(took_s) / whole_s:,.0f} requests/s over {connections_count} connections")
    print("latency p50 {:.1f}, p90 {:.1f}, p99 {:.1f} ms".format(*(1000.0 * t for t in at)))
    print(f"server: {1000.0 * used_s / len(took_s):.2f} ms of a processor a request")
    print(f"memory: {before_bytes / 2**20:.1f} MiB, then {_resident_bytes(pid) / 2**20:.1f} MiB")


async def _hold(port: int, clients_count: int) -> None:
    """Open connections that never finish a request, and keep them for a while."""
    writers: list[asyncio.StreamWriter] = []

    async def some() -> None:
        for _ in range(clients_count // 10):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
                writers.append(writer)
            except OSError:
                await asyncio.sleep(0.01)

    await asyncio.gather(*(some() for _ in range(10)))
    print(f"{len(writers):,} slow clients", flush=True)
    await asyncio.sleep(_HELD_S)


def _flood(port: int, clients_count: int) -> None:
    """Be the slow clients (the main function of a process)."""
    most_count = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_count, most_count))
    asyncio.run(_hold(port, clients_count))


async def slow(port: int, pid: int, clients_count: int) -> None:
    """Let a process open slow connections, and ask meanwhile."""
    before_bytes = _resident_bytes(pid)
    flood = multiprocessing.get_context("spawn").Process(target=_flood, args=(port, clients_count))
    flood.start()
    took_s, failed_count = [], 0
    while flood.is_alive():
        asked_s = time.perf_counter()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.wait_for(_ask(reader, writer, "/api/v1/gpus?limit=1"), 30.0)
            writer.close()
            took_s.append(time.perf_counter() - asked_s)
        except (OSError, EOFError, TimeoutError):
            failed_count += 1
        await asyncio.sleep(0.05)
    took_s.sort()
    print(
        f"others meanwhile: {len(took_s)} answered, {failed_count} not; median "
        f"{1000.0 * took_s[len(took_s) // 2]:.0f} ms, slowest {1000.0 * took_s[-1]:.0f} ms"
    )
    print(f"memory: {before_bytes / 2**20:.1f} MiB, then {_resident_bytes(pid) / 2**20:.1f} MiB")


def _settle(pid: int) -> None:
    """Wait until a server has done what it does at its start."""
    while True:
        before_s = _cpu_s(pid)
        time.sleep(1.0)
        if _cpu_s(pid) - before_s < _IDLE_S:
            return


def main() -> None:
    """Start a server and measure."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("what", choices=["load", "slow"])
    words.add_argument("--path", default="/api/v1/gpus")
    words.add_argument("--seconds", type=float, default=10.0)
    words.add_argument("--connections", type=int, default=8)
    words.add_argument("--clients", type=int, default=10_000)
    given = words.parse_args()
    with served() as (port, pid):
        _settle(pid)
        if given.what == "load":
            asyncio.run(load(port, pid, given.path, given.seconds, given.connections))
        else:
            asyncio.run(slow(port, pid, given.clients))


if __name__ == "__main__":
    main()

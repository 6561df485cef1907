"""How quick the configurator answers changes: 1,000 distinct rigs and loads at a fixed rate.

    python benchmarks/configurator_load.py --rate 50 --seconds 30 --processes 2

It starts ``rightrig serve`` without kept answers, and asks from this machine, so that client and
server share its processors. Requests are sent when they are due, whether or not earlier ones are
answered, and a latency counts from the time at which the request was due. Each request is a change
as htmx sends it: it tells the state that the page showed before, which is the one asked before it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

CARDS = (
    "rtx-3090", "rtx-4090", "rtx-5090", "l40s", "a100-sxm-80gb", "h100-sxm", "h200-sxm", "l4",
    "rtx-a6000", "rtx-6000-ada",
)  # fmt: skip
COUNTS = (1, 2, 4, 8)
CONTEXTS = (2048, 4096, 6000, 8192, 10_000, 16_384, 24_000, 32_768)
USERS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
HOST = "127.0.0.1"


@dataclass
class Run:
    """What was measured."""

    latencies_s: list[float] = field(default_factory=list)
    failures: int = 0
    answer_bytes: int = 0


def queries(count: int, seed: int) -> list[str]:
    """Return distinct states in a random order."""
    every = [
        f"v=1&rig={cards}x{card}&context={context}&users={users}"
        for cards, card, context, users in itertools.product(COUNTS, CARDS, CONTEXTS, USERS)
    ]
    return random.Random(seed).sample(every, count)  # noqa: S311 - not a secret


async def asked(port: int, query: str, before: str, run: Run, due_s: float) -> None:
    """Send one change and note how long after its time it was answered."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(
            f"GET /?{query} HTTP/1.1\r\nHost: {HOST}:{port}\r\nHX-Request: true\r\n"
            f"HX-Current-URL: http://{HOST}:{port}/?{quote(before, safe='=&')}\r\n"
            "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        body = await reader.read(-1)
        writer.close()
    except OSError:
        run.failures += 1
        return
    run.latencies_s.append(time.perf_counter() - due_s)
    run.answer_bytes += len(body)
    run.failures += not body.startswith(b"HTTP/1.1 200")


async def load(port: int, states: list[str], rate_per_s: float, seconds: float) -> Run:
    """Send changes at a fixed rate for some time."""
    run, tasks, start_s = Run(), set(), time.perf_counter()
    for number in range(int(rate_per_s * seconds)):
        due_s = start_s + number / rate_per_s
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        before, query = states[number % len(states) - 1], states[number % len(states)]
        task = asyncio.create_task(asked(port, query, before, run, due_s))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    return run


def cpu_s(pid: int) -> float:
    """Return the processor time that a process and those that it started took."""
    found = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    own_s = (int(found[11]) + int(found[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return own_s + sum(cpu_s(int(child)) for child in children)


async def ready(port: int, most_s: float = 120.0) -> None:
    """Wait until the server listens."""
    ends_s = time.monotonic() + most_s
    while time.monotonic() < ends_s:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise SystemExit(f"the server did not listen within {most_s:g} s")


async def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=50.0, help="changes a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--states", type=int, default=1000, help="distinct ones")
    parser.add_argument("--warm-up", type=float, default=20.0, help="seconds before measuring")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--processes", type=int, default=2, help="that hear requests")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    states = queries(given.states, given.seed)
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "rightrig", "serve", "--no-cache", "--port", str(given.port),
        "--processes", str(given.processes), stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await ready(given.port)
        await asyncio.sleep(given.warm_up)
        before_s = cpu_s(server.pid)
        run = await load(given.port, states, given.rate, given.seconds)
        used_s = cpu_s(server.pid) - before_s
    finally:
        server.terminate()
        await server.wait()
    count = len(run.latencies_s)
    print(f"at {given.rate:g}/s over {given.states} states, {given.processes} processes:")
    print(f"  all: {told(run.latencies_s)}")
    if count > given.states:
        print(f"  asked before: {told(run.latencies_s[given.states :])}")
    print(
        f"  {run.failures} failed; {1e3 * used_s / count:.1f} ms CPU of all processes a change, "
        f"{run.answer_bytes / count / 1e3:.1f} kB an answer"
    )


def told(latencies_s: list[float]) -> str:
    """Return percentiles in words."""
    ranked = sorted(latencies_s)
    p50, p90, p99 = (ranked[min(int(q * len(ranked)), len(ranked) - 1)] for q in (0.5, 0.9, 0.99))
    return (
        f"{len(ranked)} changes, p50 {1e3 * p50:.0f} ms, p90 {1e3 * p90:.0f} ms, "
        f"p99 {1e3 * p99:.0f} ms, most {1e3 * ranked[-1]:.0f} ms"
    )


if __name__ == "__main__":
    asyncio.run(main())

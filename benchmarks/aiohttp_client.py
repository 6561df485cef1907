"""The plain way to load a server, for comparison: aiohttp on uvloop, a JSON object an event.

Run by load_client.py with an interpreter that has aiohttp and uvloop:
``python aiohttp_client.py URL USERS SECONDS OUTPUT_TOKENS``.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import statistics
import sys
import time
from typing import Any

PROMPT = "word " * 64


async def ask(session: Any, url: str, output_tokens: int) -> float:  # noqa: ANN401 - of aiohttp
    """Ask once, and return the time to the first token in seconds."""
    body = {
        "model": "mock", "messages": [{"role": "user", "content": PROMPT}], "stream": True,
        "max_tokens": output_tokens, "stream_options": {"include_usage": True},
    }  # fmt: skip
    begun_s, first_s = time.perf_counter(), 0.0
    async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
        async for line in answer.content:
            if not line.startswith(b"data: {"):
                continue
            choices = json.loads(line[6:]).get("choices") or [{}]
            if not first_s and choices[0].get("delta", {}).get("content"):
                first_s = time.perf_counter()
    return first_s - begun_s


async def load(url: str, users: int, seconds: float, output_tokens: int) -> list[float]:
    """Keep so many users asking for some time; return their times to the first token."""
    aiohttp: Any = importlib.import_module("aiohttp")
    found: list[float] = []
    end_s = time.perf_counter() + seconds
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def user() -> None:
            while time.perf_counter() < end_s:
                found.append(await ask(session, url, output_tokens))

        await asyncio.gather(*(user() for _ in range(users)))
    return found


if __name__ == "__main__":
    address, users_text, seconds_text, tokens_text = sys.argv[1:]
    uvloop: Any = importlib.import_module("uvloop")
    task = load(address, int(users_text), float(seconds_text), int(tokens_text))
    print(json.dumps({"ttft_p50_ms": 1e3 * statistics.median(uvloop.run(task)), "verdict": ""}))

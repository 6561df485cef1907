"""An engine of an OpenAI-compatible API whose speed is known: so many slots, so long a token.

Run as a program: ``python slotted_engine.py --port 8000 --slots 4``. Requests beyond the slots wait
their turn, so that with enough users it gives ``slots / (tokens · token time)`` requests a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys


class Engine:
    """Answers each request with as many tokens as it asks for."""

    def __init__(self, told: argparse.Namespace) -> None:
        """Take the flags."""
        self.told = told
        self.slots = asyncio.Semaphore(told.slots)
        self.answered_count = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                sizes = [x.split(":")[1] for x in lines if x.lower().startswith("content-length:")]
                body = await reader.readexactly(int(sizes[0])) if sizes else b""
                await self.answer(lines[0].split()[1], body, writer)
        writer.close()

    async def answer(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        if path == "/health" and not self.told.no_health:
            self.whole(writer, "200 OK", {"status": "ok"})
        elif path == "/v1/models":
            self.whole(writer, "200 OK", {"object": "list", "data": [{"id": "slotted"}]})
        elif path == "/v1/chat/completions":
            await self.stream(json.loads(body), writer)
        else:
            self.whole(writer, "404 Not Found", {"error": "no such page"})
        await writer.drain()

    def whole(self, writer: asyncio.StreamWriter, status: str, document: object) -> None:
        """Write a JSON document."""
        text = json.dumps(document).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
        writer.write(f"{head}\r\n\r\n".encode() + text)

    async def stream(self, asked: dict[str, object], writer: asyncio.StreamWriter) -> None:
        """Stream tokens from a slot."""
        tokens = int(str(asked.get("max_tokens", 16)))
        async with self.slots:
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            for _ in range(tokens):
                await asyncio.sleep(self.told.token_s)
                self.event(writer, {"choices": [{"index": 0, "delta": {"content": " a"}}]})
            usage = {"prompt_tokens": 8, "completion_tokens": tokens, "total_tokens": tokens + 8}
            last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
            self.event(writer, {**last, "usage": usage})
            self.chunk(writer, b"data: [DONE]\n\n")
            writer.write(b"0\r\n\r\n")
        self.answered_count += 1
        if self.answered_count == self.told.dies_after:
            sys.stderr.write("CUDA out of memory: this engine was told to die\n")
            sys.stderr.flush()
            os._exit(1)

    def event(self, writer: asyncio.StreamWriter, document: object) -> None:
        """Write one event."""
        self.chunk(writer, b"data: " + json.dumps(document).encode() + b"\n\n")

    def chunk(self, writer: asyncio.StreamWriter, payload: bytes) -> None:
        """Write one chunk."""
        writer.write(f"{len(payload):x}\r\n".encode() + payload + b"\r\n")


async def main(told: argparse.Namespace) -> None:
    """Serve until the end."""
    engine = Engine(told)
    await asyncio.sleep(told.starts_s)
    server = await asyncio.start_server(engine.serve, "127.0.0.1", told.port)
    sys.stdout.write(f"serving with {told.slots} slots\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    flags = argparse.ArgumentParser()
    flags.add_argument("--port", type=int, required=True)
    flags.add_argument("--slots", type=int, default=4)
    flags.add_argument("--token-s", type=float, default=0.005)
    flags.add_argument("--starts-s", type=float, default=0.0)
    flags.add_argument("--dies-after", type=int, default=0)
    flags.add_argument("--no-health", action="store_true")
    said = flags.parse_args()
    if said.slots < 1:
        sys.exit("slotted_engine: --slots must be at least 1")
    asyncio.run(main(said))

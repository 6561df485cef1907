"""A server that answers like an OpenAI-compatible engine, on a schedule that is known, or wrongly.

    python mock_llm.py '{"first_s": 0.05, "gap_s": 0.01}'

It prints its port. What the command line says holds for all requests; the member ``mock`` of a
request's JSON overrides it for one. ``GET /stats`` tells what the server itself saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import ssl
import sys
import time
from collections import deque
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, cast

try:
    from uvloop import new_event_loop
except ImportError:  # slower, and just as right
    from asyncio import new_event_loop  # type: ignore[assignment]

_LONG_BYTES = 100_000_000
_PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Manner:
    """How a request is answered.

    Attributes:
        first_s: From the whole request (and a slot) to the first token.
        gap_s: Between tokens; 0 writes all of them at once.
        slots_count: Requests that are served at once, others wait in line; 0 for no limit.
        stall_at_s, stall_s: Nothing is sent for so long, so long after the server's begin (the
            last ``/reset``).
        usage: ``right``, ``none`` (says none), ``low``, ``high``, ``refused`` (400 when asked).
        refuses: Members of a request that are answered with 400.
        has_role: A chunk with a role and no token comes at once.
        empty_count: Chunks with an empty text before the first token.
        per_chunk_tokens: Tokens of a chunk.
        member: Where the text is: ``content``, ``reasoning_content`` or ``tool_calls``.
        fault: What goes wrong; see ``_Peer``.
        retry_after: Of 429 and 503.
        fault_share_ratio: Of requests that have the fault.
        word_tokens, template_tokens: How prompts are counted.
    """

    first_s: float = 0.0
    gap_s: float = 0.0
    slots_count: int = 0
    stall_at_s: float = 0.0
    stall_s: float = 0.0
    usage: str = "right"
    refuses: tuple[str, ...] = ()
    has_role: bool = False
    empty_count: int = 0
    per_chunk_tokens: int = 1
    member: str = "content"
    fault: str = ""
    retry_after: str = ""
    fault_share_ratio: float = 1.0
    word_tokens: int = 1
    template_tokens: int = 0


@dataclass(slots=True)
class Truth:
    """What the server saw; times from the begin, which is of the machine's monotonic clock."""

    begun_s: float = field(default_factory=time.perf_counter)
    requests_count: int = 0
    held_count: int = 0
    most_held_count: int = 0
    connections_count: int = 0
    open_count: int = 0
    output_tokens: int = 0
    first_delays_s: list[float] = field(default_factory=list)
    arrivals_s: list[float] = field(default_factory=list)
    last_end_s: float = 0.0
    bodies: deque[Any] = field(default_factory=lambda: deque(maxlen=5000))


class Server:
    """All that connections share."""

    def __init__(self, manner: Manner) -> None:
        self.manner = manner
        self.truth = Truth()
        self.busy_count = 0
        self.line: deque[Any] = deque()

    def enter(self, begin: Any, slots_count: int) -> None:
        """Begin a request when a slot is free."""
        if slots_count and self.busy_count >= slots_count:
            self.line.append(begin)
        else:
            self.busy_count += 1
            begin()

    def leave(self) -> None:
        if self.line:
            self.line.popleft()()
        else:
            self.busy_count -= 1

    def stalled_s(self, manner: Manner) -> float:
        """Return how long nothing may be sent."""
        now_s = time.perf_counter() - self.truth.begun_s
        left_s = manner.stall_at_s + manner.stall_s - now_s
        return left_s if manner.stall_s and now_s >= manner.stall_at_s and left_s > 0.0 else 0.0


def framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(chunk: object) -> bytes:
    return framed(b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n")


def plain(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", *headers, "\r\n"]
    return "\r\n".join(lines).encode() + body


STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
END = framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Peer(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = b""
        self.is_lost = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.server.truth.connections_count += 1
        self.server.truth.open_count += 1

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_lost = True
        self.server.truth.open_count -= 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            lower = head.lower()
            at = lower.find(b"content-length:")
            size = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + size:
                return
            body = self.buffer[end + 4 : end + 4 + size]
            self.buffer = self.buffer[end + 4 + size :]
            self.answer(head.split(b" ", 2)[1].decode(), body)

    def answer(self, path: str, body: bytes) -> None:
        if path.startswith("/stats"):
            self.send(plain(200, json.dumps(stats_of(self.server.truth)).encode()))
        elif path.startswith("/bodies"):
            self.send(plain(200, json.dumps(list(self.server.truth.bodies)).encode()))
        elif path.startswith("/reset"):
            held, opened = self.server.truth.held_count, self.server.truth.open_count
            self.server.truth = Truth(held_count=held, open_count=opened)
            self.send(plain(200, b"{}"))
        elif path.startswith("/health"):
            self.send(plain(200, b"{}"))
        elif path.endswith("/models"):
            listed = {"object": "list", "data": [{"id": "mock", "object": "model"}]}
            self.send(plain(200, json.dumps(listed).encode(), "Content-Type: application/json"))
        elif path.endswith("/completions"):
            Reply(self, json.loads(body), is_chat="/chat/" in path).begin()
        else:
            self.send(plain(404, b"{}"))

    def send(self, data: bytes) -> None:
        if not self.is_lost:
            self.transport.write(data)


class Reply:
    """One answer."""

    def __init__(self, peer: Peer, asked: dict[str, Any], *, is_chat: bool) -> None:
        self.peer, self.server, self.asked, self.is_chat = peer, peer.server, asked, is_chat
        self.manner = replace(self.server.manner, **asked.get("mock", {}))
        self.tokens = int(asked.get("max_completion_tokens") or asked.get("max_tokens") or 16)
        self.asked_s = time.perf_counter()
        self.sent_tokens = 0
        self.base_s = 0.0

    def begin(self) -> None:
        truth, manner = self.server.truth, self.manner
        truth.requests_count += 1
        truth.arrivals_s.append(self.asked_s - truth.begun_s)
        truth.bodies.append(self.asked)
        wanted = truth.requests_count * manner.fault_share_ratio
        is_wrong = manner.fault and int(wanted) > int(wanted - manner.fault_share_ratio)
        refused = [name for name in manner.refuses if name in self.asked]
        if refused:
            said = {"error": {"message": f"Unrecognized request argument: {refused[0]}"}}
            self.peer.send(plain(400, json.dumps(said).encode()))
        elif is_wrong:
            getattr(self, "fault_" + manner.fault.replace("-", "_"))()
        else:
            truth.held_count += 1
            truth.most_held_count = max(truth.most_held_count, truth.held_count)
            self.server.enter(self.serve, manner.slots_count)

    def serve(self) -> None:
        loop = asyncio.get_running_loop()
        manner = self.manner
        if manner.has_role:
            self.peer.send(STREAM + self.chunk({"role": "assistant", "content": ""}))
        elif manner.gap_s:
            self.peer.send(STREAM)
        self.base_s = loop.time() + manner.first_s
        if manner.first_s:
            loop.call_at(self.base_s, self.step)
        else:
            self.step()

    def step(self) -> None:
        """Send one chunk, and plan the next by the schedule, whatever this one was late by."""
        loop = asyncio.get_running_loop()
        stalled_s = self.server.stalled_s(self.manner)
        if stalled_s:
            self.base_s += stalled_s
            loop.call_later(stalled_s, self.step)
            return
        if self.sent_tokens == 0:
            self.server.truth.first_delays_s.append(time.perf_counter() - self.asked_s)
            if not self.manner.gap_s:
                start = b"" if self.manner.has_role else STREAM
                self.finish(start + self.empty() + self.some_tokens(self.tokens))
                return
            self.peer.send(self.empty())
        count = min(self.manner.per_chunk_tokens, self.tokens - self.sent_tokens)
        text = self.some_tokens(count)
        self.sent_tokens += count
        if self.sent_tokens >= self.tokens or self.peer.is_lost:
            self.finish(text)
        else:
            self.peer.send(text)
            chunks = self.sent_tokens // self.manner.per_chunk_tokens
            loop.call_at(self.base_s + chunks * self.manner.gap_s, self.step)

    def finish(self, text: bytes) -> None:
        truth = self.server.truth
        truth.held_count -= 1
        truth.output_tokens += self.tokens
        truth.last_end_s = time.perf_counter() - truth.begun_s
        self.peer.send(text + self.chunk({}, reason="length") + self.usage() + END)
        self.server.leave()

    def empty(self) -> bytes:
        return self.chunk({"content": ""}) * self.manner.empty_count

    def some_tokens(self, count: int) -> bytes:
        whole, rest = divmod(count, self.manner.per_chunk_tokens)
        found = self.chunk(self.delta(" the" * self.manner.per_chunk_tokens)) * whole
        return found + self.chunk(self.delta(" the" * rest)) if rest else found

    def delta(self, text: str) -> dict[str, Any]:
        if self.manner.member == "tool_calls":
            return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}
        return {self.manner.member: text}

    def chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        return chunk_of(json.dumps(delta), reason, is_chat=self.is_chat)

    def usage(self) -> bytes:
        wanted = (self.asked.get("stream_options") or {}).get("include_usage")
        if not wanted or self.manner.usage == "none":
            return b""
        told = {"low": 1, "high": self.tokens * 10}.get(self.manner.usage, self.tokens)
        manner = self.manner
        prompt = len(prompt_of(self.asked).split()) * manner.word_tokens + manner.template_tokens
        usage = {"prompt_tokens": prompt, "completion_tokens": told, "total_tokens": prompt + told}
        return event(head_of(is_chat=self.is_chat) | {"choices": [], "usage": usage})

    def part(self) -> bytes:
        """Return the beginning of a good stream."""
        return STREAM + self.some_tokens(3)

    def fault_429(self) -> None:
        headers = [f"Retry-After: {self.manner.retry_after}"] if self.manner.retry_after else []
        self.peer.send(plain(429, b'{"error": "too many"}', *headers))

    def fault_503(self) -> None:
        headers = [f"Retry-After: {self.manner.retry_after}"] if self.manner.retry_after else []
        self.peer.send(plain(503, b'{"error": "not now"}', *headers))

    def fault_404(self) -> None:
        self.peer.send(plain(404, b'{"error": "no such model"}'))

    def fault_500(self) -> None:
        self.peer.send(plain(500, b"<html>oops</html>"))

    def fault_redirect(self) -> None:
        self.peer.send(plain(307, b"", "Location: /v1/chat/completions?again"))

    def fault_reset(self) -> None:
        self.peer.send(self.part())
        # Without waiting for what is still to be sent: the other side sees a reset.
        sock = self.peer.transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # SO_LINGER, 0 s
        asyncio.get_running_loop().call_later(0.01, self.peer.transport.abort)

    def fault_closed(self) -> None:
        self.peer.transport.close()

    def fault_truncated(self) -> None:
        self.peer.send(self.part() + b"ff\r\ndata: {")
        self.peer.transport.close()

    def fault_unended(self) -> None:
        """End the stream in form, and not in what it says."""
        self.peer.send(self.part() + b"0\r\n\r\n")

    def fault_malformed(self) -> None:
        self.peer.send(self.part() + framed(b"data: {not json}\n\n") + END)

    def fault_lines(self) -> None:
        self.peer.send(STREAM + framed(b'{"choices": []}\n{"choices": []}\n') + b"0\r\n\r\n")

    def fault_no_http(self) -> None:
        self.peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")

    def fault_bad_chunk(self) -> None:
        self.peer.send(STREAM + b"zz\r\nhello\r\n")

    def fault_hang(self) -> None:
        """Say nothing."""

    def fault_hang_midway(self) -> None:
        self.peer.send(self.part())

    def fault_empty(self) -> None:
        self.peer.send(STREAM + self.chunk({"role": "assistant"}) + END)

    def fault_no_body(self) -> None:
        self.peer.send(plain(200, b""))

    def fault_json(self) -> None:
        said = {"choices": [{"message": {"content": "the " * self.tokens}}], "usage": {}}
        self.peer.send(plain(200, json.dumps(said).encode(), "Content-Type: application/json"))

    def fault_told(self) -> None:
        self.peer.send(self.part() + event({"error": {"message": "out of memory"}}) + END)

    def fault_gzip(self) -> None:
        headers = ("Content-Type: text/event-stream", "Content-Encoding: gzip")
        self.peer.send(plain(200, bomb(), *headers))

    def fault_long_line(self) -> None:
        """Send one line of 100 MB, as fast as it is taken."""
        self.peer.send(STREAM + b"%x\r\ndata: " % _LONG_BYTES)
        task = asyncio.get_running_loop().create_task(self._flood())
        task.add_done_callback(lambda done: done.exception())

    async def _flood(self) -> None:
        for _ in range(_LONG_BYTES // _PIECE_BYTES):
            self.peer.send(b"x" * _PIECE_BYTES)
            await asyncio.sleep(0)
            if self.peer.is_lost:
                return

    def fault_open_after_done(self) -> None:
        """Say [DONE] and never end the body."""
        text = self.some_tokens(self.tokens) + self.usage() + framed(b"data: [DONE]\n\n")
        self.peer.send(STREAM + text)


@cache
def chunk_of(delta_json: str, reason: str | None, *, is_chat: bool) -> bytes:
    """Return a chunk; made once, so that the server keeps its schedule under load."""
    delta = json.loads(delta_json)
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
    if is_chat:
        choice["delta"] = delta
    else:
        choice["text"] = delta.get("content", "")
    return event(head_of(is_chat=is_chat) | {"choices": [choice]})


def head_of(*, is_chat: bool) -> dict[str, Any]:
    kind = "chat.completion.chunk" if is_chat else "text_completion"
    return {"id": "1", "object": kind, "created": 1, "model": "mock"}


@cache
def bomb() -> bytes:
    return gzip.compress(b"data: " + b"0" * 50_000_000, 1)


def prompt_of(asked: dict[str, Any]) -> str:
    if "prompt" in asked:
        return str(asked["prompt"])
    return " ".join(text_of(message["content"]) for message in asked["messages"])


def text_of(content: Any) -> str:
    """Return a message's text, which may come in parts."""
    return content if isinstance(content, str) else " ".join(part["text"] for part in content)


def stats_of(truth: Truth) -> dict[str, Any]:
    delays = sorted(truth.first_delays_s)
    middle = delays[len(delays) // 2] if delays else None
    late = delays[int(0.99 * len(delays))] if delays else None
    return {
        "requests_count": truth.requests_count,
        "most_held_count": truth.most_held_count,
        "connections_count": truth.connections_count,
        "open_count": truth.open_count,
        "output_tokens": truth.output_tokens,
        "first_p50_s": middle,
        "first_p99_s": late,
        "arrivals_s": truth.arrivals_s,
        "last_end_s": truth.last_end_s,
        "begun_s": truth.begun_s,
    }


async def serve(manner: Manner, certificate: str) -> None:
    server = Server(manner)
    trust = None
    if certificate:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: Peer(server), "127.0.0.1", 0, backlog=2048, ssl=trust
    )
    print(listening.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads it
    async with listening:
        await listening.serve_forever()


def main() -> None:
    given = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    certificate = given.pop("certificate", "")
    given["refuses"] = tuple(given.get("refuses", ()))
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        runner.run(serve(Manner(**given), certificate))


if __name__ == "__main__":
    main()

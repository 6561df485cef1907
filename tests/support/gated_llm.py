"""An engine's server for tests of gateways: it sends the rest of an answer when it is told to.

Whether a gateway holds tokens back shows without a clock: the rest of a stream is not sent before
somebody who has read its beginning says so.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

WAITS_S: Final = 20.0
"""A gate that nobody opens: the test has failed by then."""
FIRST: Final = "first"
REST: Final = " rest"


@dataclass(slots=True)
class GatedLlm:
    """A server that runs, and what it saw.

    Attributes:
        gate: Streams wait for it after their first token, other answers before they begin.
        breaks: Whether the connection is cut after the first token.
        is_strict: Whether it refuses every prompt, as one that is too long.
        bodies: What was asked of it.
    """

    port: int = 0
    gate: threading.Event = field(default_factory=threading.Event)
    breaks: bool = False
    is_strict: bool = False
    bodies: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"


class _Server(ThreadingHTTPServer):
    """A server with what it saw."""

    daemon_threads = True

    def __init__(self, state: GatedLlm) -> None:
        """Take a free port."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = state
        state.port = self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/health" else 404, {"path": self.path})

    def do_POST(self) -> None:
        state = self.server.state
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state.bodies.append(asked)
        if state.is_strict:
            said = "This model's maximum context length is 8 tokens. Please reduce the prompt."
            self._answer(400, {"error": {"message": said, "type": "BadRequestError", "code": 400}})
        elif asked.get("stream"):
            self._stream(state)
        else:
            state.gate.wait(WAITS_S)
            message = {"role": "assistant", "content": FIRST + REST}
            self._answer(200, _chunk("message", message, "stop", "chat.completion"))

    def _stream(self, state: GatedLlm) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._event(json.dumps(_chunk("delta", {"role": "assistant", "content": FIRST}, None)))
        if state.breaks:
            self.close_connection = True
            return
        state.gate.wait(WAITS_S)
        self._event(json.dumps(_chunk("delta", {"content": REST}, None)))
        self._event(json.dumps(_chunk("delta", {}, "stop")))
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, text: str) -> None:
        data = f"data: {text}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _answer(self, status: int, found: object) -> None:
        body = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def gated_llm(**manner: Any) -> Iterator[GatedLlm]:
    """Yield a server; ``manner`` are members of :class:`GatedLlm`. The gate is open at first."""
    state = GatedLlm(**manner)
    state.gate.set()
    with _Server(state) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()


def _chunk(
    member: str, said: dict[str, str], reason: str | None, kind: str = "chat.completion.chunk"
) -> dict[str, Any]:
    """Return an answer, or a part of one."""
    choice = {"index": 0, member: said, "finish_reason": reason}
    found = {"id": "1", "object": kind, "created": 1, "model": "m", "choices": [choice]}
    if kind == "chat.completion":
        found["usage"] = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    return found

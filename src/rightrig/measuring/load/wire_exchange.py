"""One request and its answer: stamps, what arrived, and how it ended."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Final

from rightrig.facts.reading import plain
from rightrig.measuring.load.faults import FaultError, kind_of_status
from rightrig.measuring.load.sse import Events
from rightrig.measuring.load.tokens import Answer
from rightrig.measuring.load.wire import Answering

if TYPE_CHECKING:
    import asyncio

    from rightrig.measuring.load.faults import Kind
    from rightrig.measuring.load.wire import Head

MOST_PLAIN_BYTES: Final = 2**20
"""Of an answer that is no stream: errors, lists of models; more is thrown away."""
_BEGINNINGS: Final = (b"data:", b"event:", b": ", b":\n")
_MOST_SHOWN_BYTES: Final = 200
_OK: Final = 200
_FIRST_OTHER: Final = 300


class Exchange:
    """One request and its answer; a connection feeds it, and ``ended`` tells when it is over.

    Attributes:
        streams: Whether a stream of events is expected.
        first_byte_s: NaN before.
        done_s: When it was over; NaN before.
        kind: How it ended.
        detail: What exactly went wrong; empty without.
        head: Of the answer; ``None`` before.
        plain: The body of an answer that is no stream.
        is_reusable: Whether the connection may carry another.
    """

    __slots__ = (
        "_answering", "_events", "_may_stream", "_now_s", "answer", "detail", "done_s", "ended",
        "first_byte_s", "head", "is_reusable", "kind", "plain", "streams",
    )  # fmt: skip

    def __init__(
        self, ended: asyncio.Future[None], *, streams: bool = True, keeps_text: bool = False
    ) -> None:
        """Begin before anything is sent."""
        self.ended, self.streams = ended, streams
        self.answer = Answer(keeps_text=keeps_text)
        self.first_byte_s, self.done_s = math.nan, math.nan
        self.kind: Kind = "ok"
        self.detail = ""
        self.head: Head | None = None
        self.plain = bytearray()
        self.is_reusable = False
        self._now_s = 0.0
        self._may_stream = False
        self._events: Events | None = None
        self._answering = Answering(self._on_head, self._on_body)

    @property
    def is_over(self) -> bool:
        """Whether it ended."""
        return self.ended.done()

    @property
    def has_begun(self) -> bool:
        """Whether a byte of the answer came."""
        return not math.isnan(self.first_byte_s)

    def receive(self, data: bytes) -> None:
        """Take bytes of the answer, at the moment at which they came."""
        self._now_s = time.perf_counter()
        if not self.has_begun:
            self.first_byte_s = self._now_s
        try:
            self._answering.feed(data)
            if self._answering.is_done:
                self._judge()
        except FaultError as fault:
            self.end(fault.kind, str(fault))

    def lose(self, error: Exception | None) -> None:
        """Take the end of the connection."""
        if self.is_over:
            return
        self._now_s = time.perf_counter()
        try:
            if self._answering.close():
                self._judge()
                return
        except FaultError as fault:
            self.end(fault.kind, str(fault))
            return
        if self.answer.is_done:  # the server hung up after [DONE], as some do
            self.end("ok")
        elif error is not None or not self.has_begun:
            self.end("reset", str(error or ""))
        else:
            self.end("truncated", "the connection was closed within the answer")

    def end(self, kind: Kind, detail: str = "") -> None:
        """End it, if it has not ended."""
        if self.is_over:
            return
        self.kind, self.detail = kind, detail
        self.done_s = time.perf_counter()
        self.ended.set_result(None)

    def reopen(self, ended: asyncio.Future[None]) -> None:
        """Begin again, after a kept connection was lost before a byte came."""
        self.ended, self.kind, self.detail, self.done_s = ended, "ok", "", math.nan

    def expire(self) -> None:
        """Take the end of the time allowed."""
        self.end("ok" if self.answer.is_done else "timeout")

    def _on_head(self, head: Head) -> None:
        self.head = head
        if not _OK <= head.status < _FIRST_OTHER:
            return
        if head.headers.get("content-encoding", "identity").lower() != "identity":
            raise FaultError("encoded", f"content-encoding {head.headers['content-encoding'][:40]}")
        self._may_stream = self.streams
        if self.streams and "event-stream" in head.headers.get("content-type", "").lower():
            self._events = Events()

    def _on_body(self, data: bytes) -> None:
        if self._events is None and self._may_stream:
            # Some servers stream without saying so.
            self._may_stream = False
            self._events = Events() if data.startswith(_BEGINNINGS) else None
        if self._events is None:
            room = MOST_PLAIN_BYTES - len(self.plain)
            self.plain += data[:room]
            return
        for payload in self._events.feed(data):
            self.answer.take(payload, self._now_s)

    def _judge(self) -> None:
        """Say how an answer that came to its end ended."""
        head, answer = self.head, self.answer
        if head is None:
            raise FaultError("malformed", "an answer without a head")
        self.is_reusable = head.keeps_open and self._answering.is_clean
        if not _OK <= head.status < _FIRST_OTHER:
            said = bytes(self.plain[:_MOST_SHOWN_BYTES]).decode(errors="replace").strip()
            told = f"status {head.status}{': ' if said else ''}{said}"
            raise FaultError(kind_of_status(head.status), plain(told, _MOST_SHOWN_BYTES))
        if not self.streams:
            self.end("ok")
            return
        if self._events is None:
            raise FaultError(_kind_of_plain(bytes(self.plain)))
        for payload in self._events.finish():
            answer.take(payload, self._now_s)
        if not answer.is_complete and answer.stamps_s:
            raise FaultError("truncated", "the stream ended without [DONE] and without a reason")
        if not answer.stamps_s:
            raise FaultError("empty")
        self.end("ok")


def _kind_of_plain(body: bytes) -> Kind:
    """Return what an answer is that should have been a stream."""
    start = body.lstrip()[:1]
    if not start:
        return "empty"
    return "not-stream" if start in {b"{", b"["} else "malformed"

"""Connections within bounds: a slow client, or many of them, leave room for the others.

uvicorn bounds how long an idle connection stays, and how much of a head it holds; it waits for
ever for the rest of a head, and takes every connection. Both matter to a server that others reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.h11_impl import RequestResponseCycle

LONGEST_SEND_WAIT_S: Final = 30.0
"""Until who asked has taken the pieces of an answer that wait to be sent."""
LONGEST_HEAD_WAIT_S: Final = 10.0
"""Until the head of a request is there, from the start of the connection or the last answer."""
MOST_CONNECTIONS_COUNT: Final = 1000
"""When one more comes, the one that has kept the server waiting the longest is closed."""


class BoundedProtocol(H11Protocol):
    """One connection; what all connections of a process share is kept by the class."""

    unfinished: ClassVar[dict[BoundedProtocol, None]] = {}
    """Those whose request is not here as a whole, the longest waiting first."""

    _timer: asyncio.TimerHandle | None = None
    _sending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn
        """Take a connection, for which another may have to go."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > MOST_CONNECTIONS_COUNT:
            oldest = next(iter(self.unfinished), self)
            oldest.close_now()

    def data_received(self, data: bytes) -> None:
        """Hear more of a request."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """Wait until who asked takes what there is."""
        super().pause_writing()
        if self._sending is None:
            self._sending = self.loop.call_later(LONGEST_SEND_WAIT_S, self.close_now)

    def resume_writing(self) -> None:
        """Go on, now that it is taken."""
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        self.unfinished.pop(self, None)
        super().connection_lost(exc)

    def close_now(self) -> None:
        """Close the connection without a word; who asks too slowly would not hear it."""
        self._stop_timer()
        self.unfinished.pop(self, None)
        self.transport.abort()

    def _look(self) -> None:
        """Note what the connection waits for."""
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        has_head = cycle is not None and not cycle.response_complete
        if has_head:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(LONGEST_HEAD_WAIT_S, self.close_now)
        if has_head and not self.cycle.more_body:
            self.unfinished.pop(self, None)
        else:
            self.unfinished.setdefault(self)

    def _stop_timer(self) -> None:
        """Stop to count the time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

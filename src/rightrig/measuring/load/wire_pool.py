"""Connections to one server: made when they are wanted, kept, and closed all at once."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final, cast

from rightrig.measuring.load.faults import FaultError, kind_of_connecting
from rightrig.measuring.load.target import endpoint_of, trust_of

if TYPE_CHECKING:
    from rightrig.measuring.load.target import Target
    from rightrig.measuring.load.wire_exchange import Exchange

_END_AFTER_DONE_S: Final = 1.0
"""How long a stream that said [DONE] may keep its connection before it is given up."""
_CLOSING_S: Final = 0.002
_CLOSING_ROUNDS: Final = 500


def _dropped(connecting: asyncio.Future[Connection]) -> None:
    """Close a connection that came too late; one that failed is nobody's concern."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().drop()


class Connection(asyncio.Protocol):
    """One connection, which carries one exchange at a time."""

    def __init__(self, pool: Pool) -> None:
        """Begin unconnected."""
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._ends_soon: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # Transports of uvloop are no subclass, but have all that one has.
        self._transport = cast("asyncio.Transport", transport)
        self._pool.opened(self)

    def data_received(self, data: bytes) -> None:
        """Hand on what came; what nobody asked for ends the connection."""
        exchange = self._exchange
        if exchange is None:
            self.abort()
            return
        exchange.receive(data)
        if exchange.is_over:
            self._release(exchange)
        elif exchange.answer.is_done and self._ends_soon is None:
            loop = asyncio.get_running_loop()
            self._ends_soon = loop.call_later(_END_AFTER_DONE_S, self._expire, exchange)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the exchange, if there is one."""
        exchange, self._exchange = self._exchange, None
        self._transport = None
        self._pool.closed(self)
        if exchange is not None:
            exchange.lose(exc)
            self._forget_end()

    def start(self, exchange: Exchange, request: bytes) -> None:
        """Send a request."""
        self._exchange = exchange
        if self._transport is None:
            exchange.lose(None)
        else:
            self._transport.write(request)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def drop(self) -> None:
        """Close after an exchange that was given up."""
        self._exchange = None
        self._forget_end()
        self.abort()

    def _expire(self, exchange: Exchange) -> None:
        exchange.expire()
        self.drop()

    def _release(self, exchange: Exchange) -> None:
        self._exchange = None
        self._forget_end()
        if exchange.is_reusable:
            self._pool.keep(self)
        else:
            self.abort()

    def _forget_end(self) -> None:
        if self._ends_soon is not None:
            self._ends_soon.cancel()
            self._ends_soon = None


class Pool:
    """All connections to a server.

    Attributes:
        reconnects_count: Kept connections that the server had closed when they were used again.
    """

    def __init__(self, target: Target) -> None:
        """Look at nothing yet."""
        endpoint = endpoint_of(target.url, target.api)
        self._host, self._port = endpoint.host, endpoint.port
        self._trust, self._most_s = trust_of(target), target.connect_timeout_s
        self._addresses: list[str] = []
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._live: set[Exchange] = set()
        self.reconnects_count = 0

    async def resolve(self) -> None:
        """Look up the host, once for all: each look-up is a thread's work."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._most_s):
                found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # each request will say so
        self._addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))

    async def exchange(self, exchange: Exchange, request: bytes, timeout_s: float) -> None:
        """Send a request and wait until its exchange is over; never raises for the server's sake.

        A kept connection that turns out to be closed before a byte came is no failure of the
        server: the request is sent once more, on a new one.
        """
        timer = asyncio.get_running_loop().call_later(timeout_s, exchange.expire)
        self._live.add(exchange)
        try:
            while await self._carried(exchange, request):
                self.reconnects_count += 1
        except FaultError as fault:
            exchange.end(fault.kind, str(fault))
        finally:
            self._live.discard(exchange)
            timer.cancel()

    async def _carried(self, exchange: Exchange, request: bytes) -> bool:
        """Carry an exchange to its end; return whether it is to be carried again."""
        is_kept = bool(self._idle)
        connection = self._idle.pop() if is_kept else await self._connected_for(exchange)
        if connection is None:
            return False
        try:
            connection.start(exchange, request)
            await exchange.ended
        finally:
            if not exchange.is_reusable:
                connection.drop()
        again = is_kept and exchange.kind == "reset" and not exchange.has_begun
        if again:
            exchange.reopen(asyncio.get_running_loop().create_future())
        return again

    async def _connected_for(self, exchange: Exchange) -> Connection | None:
        """Return a new connection; ``None`` when the time of the exchange is over before."""
        connecting = asyncio.ensure_future(self._connected())
        try:
            either: set[asyncio.Future[Any]] = {connecting, exchange.ended}
            await asyncio.wait(either, return_when="FIRST_COMPLETED")
        finally:
            if not connecting.done():
                connecting.cancel()
        if exchange.is_over:
            connecting.add_done_callback(_dropped)
            return None
        return connecting.result()

    async def _connected(self) -> Connection:
        """Return a new connection, to the first address that answers."""
        if not self._addresses:
            raise FaultError("unresolved", f"no address is known for {self._host}")
        for address in self._addresses[:-1]:
            try:
                connection = await self._connected_to(address)
            except FaultError:
                continue
            self._addresses = [address]
            return connection
        return await self._connected_to(self._addresses[-1])

    async def _connected_to(self, address: str) -> Connection:
        loop = asyncio.get_running_loop()
        name = None if self._trust is None else self._host
        try:
            async with asyncio.timeout(self._most_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(self),
                    address,
                    self._port,
                    ssl=self._trust,
                    server_hostname=name,
                )
        except (OSError, ssl.SSLError) as error:
            raise FaultError(kind_of_connecting(error), str(error)[:200]) from error
        return connection

    def opened(self, connection: Connection) -> None:
        """Count a connection that was made."""
        self._open.add(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def keep(self, connection: Connection) -> None:
        """Take back a connection that may be used again."""
        self._idle.append(connection)

    def end_all(self) -> None:
        """End every exchange that is under way as unfinished."""
        for exchange in tuple(self._live):
            exchange.end("unfinished")

    async def close(self) -> None:
        """Close every connection at once."""
        self.end_all()
        for connection in tuple(self._open):
            connection.abort()
        for _ in range(_CLOSING_ROUNDS):
            if not self._open:
                return
            await asyncio.sleep(_CLOSING_S)

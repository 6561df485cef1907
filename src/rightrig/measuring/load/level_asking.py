"""Asks one request and notes what became of it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.target import body_of, head_of
from rightrig.measuring.load.wire_exchange import Exchange
from rightrig.measuring.load.wire_pool import Pool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.measuring.load.outcome_samples import Record
    from rightrig.measuring.load.target import Target

_REFUSING: Final = (400, 422)
_OPTIONAL: Final = {
    b"stream_options": ("asks_usage", "stream_options: it does not count tokens"),
    b"include_usage": ("asks_usage", "stream_options: it does not count tokens"),
    b"ignore_eos": ("fixes_length", "ignore_eos: answers may be shorter than wanted"),
    b"min_tokens": ("fixes_length", "min_tokens: answers may be shorter than wanted"),
}
"""What a refusal names → the field of a target without which it is asked again."""


class Asker:
    """Asks a server.

    Attributes:
        target: Without what the server has refused.
        notes: What it refused.
        begun_s: The moment from which times are counted.
    """

    def __init__(self, target: Target) -> None:
        """Look at nothing yet."""
        self.target = target
        self.pool = Pool(target)
        self.notes: dict[str, None] = {}
        self.begun_s = time.perf_counter()
        self._head = head_of(target)

    def now_s(self) -> float:
        """Return the time since the begin."""
        return time.perf_counter() - self.begun_s

    async def ask(
        self, record: Record, asked: Mapping[str, object], most_s: float, *, keeps_text: bool
    ) -> Exchange:
        """Send a request, again without what the server refuses to know, and fill its record.

        Args:
            record: Of the request.
            asked: ``messages`` or ``prompt``.
            most_s: Time allowed.
            keeps_text: Whether the answer's text is wanted.
        """
        exchange = await self._sent(record, asked, most_s, keeps_text=keeps_text)
        for _ in range(2):
            if not self._is_refused(exchange):
                break
            first_s = record.sent_s
            exchange = await self._sent(record, asked, most_s, keeps_text=keeps_text)
            # The time of a refusal is neither the client's lag nor the server's latency.
            record.due_s += record.sent_s - first_s
        self._note(record, exchange)
        return exchange

    async def _sent(
        self, record: Record, asked: Mapping[str, object], most_s: float, *, keeps_text: bool
    ) -> Exchange:
        body = body_of(self.target, asked, record.asked_output_tokens)
        data = json.dumps(body, separators=(",", ":")).encode()
        request = b"%s%d\r\n\r\n%s" % (self._head, len(data), data)
        exchange = Exchange(asyncio.get_running_loop().create_future(), keeps_text=keeps_text)
        record.sent_s = self.now_s()
        await self.pool.exchange(exchange, request, most_s)
        return exchange

    def _is_refused(self, exchange: Exchange) -> bool:
        """Whether a request was refused for a member that it can do without.

        Others that are under way when the first is refused are asked again just the same.
        """
        if exchange.head is None or exchange.head.status not in _REFUSING:
            return False
        told = bytes(exchange.plain)
        found = {_OPTIONAL[name] for name in _OPTIONAL if name in told}
        for member, sentence in found:
            self.notes[f"the server refuses {sentence}"] = None
            if member == "asks_usage":
                self.target = replace(self.target, asks_usage=False)
            else:
                self.target = replace(self.target, fixes_length=False)
        return bool(found)

    def _note(self, record: Record, exchange: Exchange) -> None:
        """Keep what became of a request."""
        answer = exchange.answer
        record.first_byte_s = exchange.first_byte_s - self.begun_s
        record.done_s = exchange.done_s - self.begun_s
        for place, stamp_s in enumerate(answer.stamps_s):
            answer.stamps_s[place] = stamp_s - self.begun_s
        record.stamps_s = answer.stamps_s
        record.usage_input_tokens = answer.input_tokens
        record.usage_output_tokens = answer.output_tokens
        record.text = "".join(answer.texts)
        record.kind, record.detail = exchange.kind, exchange.detail
        record.status = exchange.head.status if exchange.head else 0

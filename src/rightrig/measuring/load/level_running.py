"""Holds one load: sends what is due, reads what comes, and notes how well itself keeps up."""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections import deque
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.level_asking import Asker
from rightrig.measuring.load.outcome import Progress
from rightrig.measuring.load.outcome_samples import Record
from rightrig.measuring.load.prompts import Asking, Said
from rightrig.measuring.load.schedule import Agenda
from rightrig.measuring.load.target import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.demand.requests import Requests
    from rightrig.measuring.load.outcome import Level
    from rightrig.measuring.load.prompts import Writer
    from rightrig.measuring.load.target import Target
    from rightrig.measuring.load.wire_exchange import Exchange

_BEAT_S: Final = 0.02
_TOLD_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 60.0
_PAUSE_AFTER_FAULT_S: Final = 0.1
"""A user of a closed level rests so long after a failure: one that comes at once must not make the
client ask as fast as it can."""
_YIELD_EVERY: Final = 8
_SETTLING_ROUNDS: Final = 10
"""Of the event loop: those whose requests were ended, some while they connected, note it."""
_RECENT: Final = 64


class Running:
    """One level under way.

    Attributes:
        records: Of requests that were sent, in the order of their ends.
        lags_s: How late each beat of the event loop was.
        most_in_flight_count: At any time.
        short_of_work_s: When a user of a closed level had no more work; NaN before.
        cpu_s, wall_s: Of this thread, and of the clock, while the load was held.
        stopped_by: What the one who is told raised; ``None`` without.
    """

    def __init__(self, target: Target, requests: Requests, level: Level, writer: Writer) -> None:
        """Prepare; nothing is sent yet."""
        self.level = level
        self.asker = Asker(target)
        self._agenda = Agenda(requests)
        self._asking = Asking(requests, writer, target.api)
        self._counts_text = writer.tokenizer is not None
        self._keeps_turns = bool(requests.block_offsets.size and requests.next_index.size)
        self._keeps_text = self._counts_text or self._keeps_turns
        self._roots = self._agenda.roots()
        self._stop = asyncio.Event()
        self._sent_count = self._in_flight_count = self.most_in_flight_count = 0
        self.records: list[Record] = []
        self.lags_s: list[float] = []
        self.short_of_work_s = math.nan
        self.cpu_s = self.wall_s = 0.0
        self.stopped_by: BaseException | None = None
        self._recent: deque[tuple[float, float, int]] = deque(maxlen=_RECENT)
        self._ok_count = 0

    async def hold(self, told: Callable[[Progress], None] | None) -> bool:
        """Hold the load to its end; return whether it was interrupted.

        A cancelled task (Ctrl-C) and a KeyboardInterrupt of ``told`` end it at once; what was
        done until then is kept.
        """
        await self.asker.pool.resolve()
        with _few_collections():
            self.asker.begun_s, cpu_s = time.perf_counter(), time.thread_time()
            beats = asyncio.create_task(self._beat(told))
            work = asyncio.create_task(self._work())
            stop = asyncio.create_task(self._stop.wait())
            most_s = self.level.duration_s + self.level.drain_s
            try:
                await asyncio.wait({work, stop}, timeout=most_s, return_when="FIRST_COMPLETED")
                is_cut = self._stop.is_set()
            except asyncio.CancelledError:
                is_cut = True
            self.wall_s, self.cpu_s = self.asker.now_s(), time.thread_time() - cpu_s
            self._stop.set()
            self.asker.pool.end_all()
            for _ in range(_SETTLING_ROUNDS):
                await asyncio.sleep(0)
            for task in (beats, work):
                task.cancel()
            await asyncio.gather(beats, work, stop, return_exceptions=True)
            await self.asker.pool.close()
        _reraise(work)
        return is_cut

    @property
    def roots_count(self) -> int:
        """Requests that come by themselves; they are the first rows."""
        return self._agenda.roots_count

    @property
    def wanted_count(self) -> int:
        """Requests after which there is no more to send."""
        return min(self.level.requests_count, self._agenda.rows_count)

    def due_count(self, start_s: float, end_s: float) -> int:
        """Return the roots that were due in a span."""
        return self._agenda.due_count(start_s, end_s)

    def _may_send(self, due_s: float) -> bool:
        is_wanted = self._sent_count < self.level.requests_count
        return is_wanted and due_s <= self.level.duration_s and not self._stop.is_set()

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            if self.level.kind == "closed":
                for _ in range(self.level.concurrency):
                    group.create_task(self._user())
                return
            for place, row in enumerate(self._roots):
                due_s = self._agenda.due_s(row)
                if not await self._is_time(due_s):
                    return
                group.create_task(self._chain(row, due_s))
                if place % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)

    async def _user(self) -> None:
        """Ask one chain of requests after another."""
        while self._may_send(self.asker.now_s()):
            row = next(self._roots, -1)
            if row < 0:
                break
            if not await self._chain(row, self.asker.now_s()):
                return  # the next turn is due after the level's end
        if math.isnan(self.short_of_work_s):
            self.short_of_work_s = self.asker.now_s()

    async def _is_time(self, due_s: float) -> bool:
        """Wait until something is due; return whether it is to be sent."""
        if not self._may_send(due_s):
            return False
        if (left_s := due_s - self.asker.now_s()) > 0.0:
            await asyncio.sleep(left_s)
        return self._may_send(due_s)

    async def _chain(self, row: int, due_s: float) -> bool:
        """Ask a row and those that follow it, each after the end of the one before.

        Returns:
            Whether the chain came to its end within the level.
        """
        said: Said | None = None
        while row >= 0 and await self._is_time(due_s):
            texts = self._asking.texts(row, said)
            record, exchange = await self._ask(row, due_s, texts)
            is_kept = record.kind == "ok" and self._keeps_turns
            said = Said(row, (*texts, record.text)) if is_kept else None
            if not self._counts_text:
                record.text = ""
            row = self._agenda.following(row)
            due_s = record.done_s + self._rest_s(exchange)
            if row >= 0:
                due_s += self._agenda.pause_s(row)
        if row >= 0:
            return self._sent_count >= self.level.requests_count
        if self.level.kind == "closed" and (left_s := due_s - self.asker.now_s()) > 0.0:
            await asyncio.sleep(min(left_s, max(self.level.duration_s - self.asker.now_s(), 0.0)))
        return True

    def _rest_s(self, exchange: Exchange) -> float:
        """Return the pause of a user of a closed level after a failure."""
        if self.level.kind == "open" or exchange.kind == "ok":
            return 0.0
        headers = exchange.head.headers if exchange.head else {}
        told_s = retry_after_s(headers.get("retry-after", ""), _LONGEST_PAUSE_S)
        return told_s or _PAUSE_AFTER_FAULT_S

    async def _ask(self, row: int, due_s: float, texts: tuple[str, ...]) -> tuple[Record, Exchange]:
        """Ask one request and keep what became of it."""
        record = Record(row, due_s, *self._agenda.lengths_tokens(row))
        self._sent_count += 1
        self._in_flight_count += 1
        self.most_in_flight_count = max(self.most_in_flight_count, self._in_flight_count)
        most_s = min(self.asker.target.timeout_s, self._agenda.patience_s(row))
        asked = self._asking.members(texts)
        exchange = await self.asker.ask(record, asked, most_s, keeps_text=self._keeps_text)
        self._in_flight_count -= 1
        self.records.append(record)
        if record.kind == "ok":
            self._ok_count += 1
            self._recent.append((record.done_s, record.stamps_s[0] - due_s, len(record.stamps_s)))
        return record, exchange

    async def _beat(self, told: Callable[[Progress], None] | None) -> None:
        """Note how late timers ring, and tell how far the level is."""
        loop = asyncio.get_running_loop()
        next_s = _TOLD_S
        while True:
            due_s = time.perf_counter() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            # Timers ring on whole milliseconds of the loop's clock: one is no lag.
            self.lags_s.append(max(time.perf_counter() - due_s - 1e-3, 0.0))
            if told is not None and self.asker.now_s() >= next_s:
                next_s = self.asker.now_s() + _TOLD_S
                loop.call_soon(self._tell, told)

    def _tell(self, told: Callable[[Progress], None]) -> None:
        try:
            told(self._progress())
        except BaseException as error:  # noqa: BLE001 - raised again where the level was begun
            self.stopped_by = error
            self._stop.set()

    def _progress(self) -> Progress:
        elapsed_s = self.asker.now_s()
        done_ratio = len(self.records) / self.level.requests_count
        recent = tuple(self._recent)
        span_s = elapsed_s - recent[0][0] if recent else 0.0
        return Progress(
            level=self.level,
            elapsed_s=elapsed_s,
            share_ratio=min(max(elapsed_s / self.level.duration_s, done_ratio), 1.0),
            sent_count=self._sent_count,
            ok_count=self._ok_count,
            failed_count=len(self.records) - self._ok_count,
            in_flight_count=self._in_flight_count,
            ttft_p50_s=median(first_s for _, first_s, _ in recent) if recent else math.nan,
            output_tokens_per_s=sum(n for *_, n in recent) / span_s if span_s > 0.0 else 0.0,
        )


def _reraise(work: asyncio.Task[None]) -> None:
    """Raise what is wrong with this program, never what is wrong with the server."""
    if not work.cancelled() and (error := work.exception()) is not None:
        raise error


@contextmanager
def _few_collections() -> Iterator[None]:
    """Keep the collector of cycles from pausing streams: what is there stays, and it runs rarely.

    Requests leave no cycles behind but those of tasks that failed.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()

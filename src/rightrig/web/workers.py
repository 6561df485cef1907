"""The workers of a server: questions go to processes, wait in a bounded queue, end in time.

A verb takes a millisecond or a minute of a processor, so that none is answered where requests are
heard. Each worker answers one question at a time; when that takes too long, or whoever asked has
gone, its process is ended and another takes its place.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
import tempfile
import threading
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, MissingError
from rightrig.web.answering import Done, Failed, Form, Progress, Question, work
from rightrig.web.problems import busy, defect, ending, over_time, too_costly

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from multiprocessing.context import ForkServerContext, SpawnContext

    from rightrig.facts.catalog import Catalog

_MOST_ANSWERS: Final = 2000
"""Answers of one process: a new one then takes its place, so that memory stays flat."""


def _context() -> ForkServerContext | SpawnContext:
    """Return how processes start: forked from one that has loaded the program, where that works."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rightrig.web.preloaded"])
    return context


class _Worker:
    """One process and the pipe to it; the process starts with its first question."""

    def __init__(self, catalog: Catalog, folder: Path, most_memory_bytes: int) -> None:
        """Know what the process will need."""
        self._given = (catalog, folder, most_memory_bytes)
        self._lock = threading.Lock()
        self._is_dead = False
        self.answers_count = 0
        self._process: multiprocessing.process.BaseProcess | None = None

    def hear(self, question: Question | None) -> Progress | Done | Failed:
        """Ask a question, or go on with the one asked, and wait for what the process tells.

        Raises:
            EOFError: when the process is no more.
        """
        if question is not None:
            self.start()
        try:
            if question is not None:
                self._pipe.send(question)
            told: Progress | Done | Failed = self._pipe.recv()
        except OSError as error:
            raise EOFError from error
        return told

    def start(self) -> None:
        """Start the process, once, unless it is wanted no more."""
        with self._lock:
            if self._is_dead:
                raise EOFError
            if self._process is not None:
                return
            context = _context()
            self._pipe, theirs = context.Pipe()
            process = context.Process(target=work, args=(theirs, *self._given), daemon=True)
            process.start()
            theirs.close()
            self._process = process

    @property
    def pid(self) -> int | None:
        """The number of the process; ``None`` where it is not started."""
        process = self._process
        return None if process is None else process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is no more, such as one that the system ended for its memory."""
        process = self._process
        return process is not None and not process.is_alive()

    def end(self) -> None:
        """End the process, at once, and remove what it wrote."""
        with self._lock:
            self._is_dead = True
            if self._process is not None:
                self._process.kill()
                self._process.join(5.0)
                self._process.close()
                self._process = None
                self._pipe.close()
        shutil.rmtree(self._given[1], ignore_errors=True)


class Workers:
    """Processes that answer verbs.

    Args:
        catalog: Whose records answer.
        workers_count: Most processes.
        most_time_s: That one answer may take, once a worker has the question.
        most_waiting_count: Questions that may wait for a worker.
        most_memory_bytes: Of one process.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        workers_count: int,
        most_time_s: float,
        most_waiting_count: int,
        most_memory_bytes: int,
    ) -> None:
        """Start nothing yet."""
        self._catalog = catalog
        self._most_count, self.most_time_s = workers_count, most_time_s
        self._most_waiting_count, self._most_memory_bytes = most_waiting_count, most_memory_bytes
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._waiting: deque[asyncio.Future[_Worker]] = deque()
        self._folder: Path | None = None
        self._made_count = 0
        self._is_closed = False
        # One thread a pipe, and some that still notice the end of a process.
        self._threads = ThreadPoolExecutor(2 * workers_count + 2, thread_name_prefix="worker")

    @property
    def all_workers(self) -> tuple[_Worker, ...]:
        """Those that are there, busy or not."""
        return tuple(self._all)

    async def run(
        self,
        words: tuple[str, ...],
        given: Mapping[str, object],
        form: Form = "json",
        page: tuple[int, int] | None = None,
    ) -> Done:
        """Return the answer of a verb.

        Args:
            words: The verb's, such as ``("cost", "own")``.
            given: Its words by name.
            form: Of the answer.
            page: With JSON that holds one list: the first row wanted, and how many.

        Raises:
            InputError: for wrong input.
            MissingError: when this machine lacks something.
            ProblemError: when too many wait, it takes too long or too much, or for a defect.
        """
        done: Done | None = None
        async for event in self.events(words, given, form, page):
            if isinstance(event, Done):
                done = event
        if done is None:
            raise defect("no answer came")
        return done

    async def events(
        self,
        words: tuple[str, ...],
        given: Mapping[str, object],
        form: Form = "json",
        page: tuple[int, int] | None = None,
    ) -> AsyncGenerator[Progress | Done, None]:
        """Yield how far the answer of a verb is, and the answer last; arguments as of ``run``."""
        worker = await self._taken()
        is_whole = False
        try:
            question: Question | None = Question(words, dict(given), form, page)
            ends_s = asyncio.get_running_loop().time() + self.most_time_s
            while True:
                told = await self._heard(worker, question, ends_s)
                question = None
                if not isinstance(told, Progress):
                    break
                yield told
            is_whole = True
        finally:
            self._give_back(worker, is_whole=is_whole)
        yield _checked(told)

    async def _heard(
        self, worker: _Worker, question: Question | None, ends_s: float
    ) -> Progress | Done | Failed:
        """Return what a worker tells next, within the time that is left."""
        loop = asyncio.get_running_loop()
        hearing = loop.run_in_executor(self._threads, worker.hear, question)
        try:
            # Not wait_for: Python 3.11's forgets a cancellation that comes with the result.
            async with asyncio.timeout_at(ends_s):
                return await hearing
        except TimeoutError:
            raise over_time(self.most_time_s) from None
        except EOFError:
            raise defect("the process that computed it ended") from None

    async def _taken(self) -> _Worker:
        """Return a worker that is free, or wait for one.

        Raises:
            ProblemError: when too many wait already, or the server ends.
        """
        if self._is_closed:
            raise ending()
        while self._idle:
            worker = self._idle.pop()
            if not worker.has_ended:
                return worker
            self._dismiss(worker)
        if len(self._all) < self._most_count:
            return self._made()
        if len(self._waiting) >= self._most_waiting_count:
            raise busy(self._most_waiting_count)
        turn: asyncio.Future[_Worker] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(turn.result(), is_whole=True)
            raise

    def _made(self) -> _Worker:
        """Return a new worker."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="rightrig-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._made_count += 1
        folder = self._folder / str(self._made_count)
        worker = _Worker(self._catalog, folder, self._most_memory_bytes)
        self._all.add(worker)
        return worker

    def _give_back(self, worker: _Worker, *, is_whole: bool) -> None:
        """Hand a worker to who waits; one that is not whole, or old, is ended and replaced."""
        if self._is_closed:  # which ended every process
            return
        worker.answers_count += 1
        if not is_whole or worker.answers_count >= _MOST_ANSWERS:
            self._dismiss(worker)
            if not self._waiting:
                return
            worker = self._made()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(worker)
                return
        self._idle.append(worker)

    def _dismiss(self, worker: _Worker) -> None:
        """End a worker that answers no more."""
        self._all.discard(worker)
        self._threads.submit(worker.end)

    def warm(self) -> None:
        """Start every process before the first question."""
        missing_count = self._most_count - len(self._all)
        for _ in range(missing_count):
            worker = self._made()
            self._idle.append(worker)
            self._threads.submit(worker.start)

    def close(self) -> None:
        """End every process and remove what they wrote; nothing is answered from now on."""
        self._is_closed = True
        for turn in self._waiting:
            turn.cancel()
        for worker in list(self._all):
            worker.end()
        self._all.clear()
        self._idle.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _checked(told: Done | Failed | Progress) -> Done:
    """Return the answer, or raise why there is none."""
    if isinstance(told, Done):
        return told
    if not isinstance(told, Failed):
        raise defect("no answer came")
    if told.kind == "input":
        raise InputError(told.message)
    if told.kind == "missing":
        raise MissingError(told.message)
    raise too_costly(told.message) if told.kind == "large" else defect(told.message)

"""Workers answer one question at a time, end in time, and leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import pytest

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.web.answering import Done, Failed, Progress, Question, answered
from rightrig.web.problems import ProblemError
from rightrig.web.workers import Workers, _Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

LONG: Final = {
    "model": "qwen3-8b", "on": "1xl40s", "rate": "2/s", "requests": 1_000_000, "output": "500",
}  # fmt: skip
SHORT: Final = {"on": "4xrtx-4090"}


@pytest.fixture
def made() -> Iterator[Callable[..., Workers]]:
    """Return what makes workers, which are ended after the test."""
    all_made: list[Workers] = []

    def make(workers_count: int = 1, most_time_s: float = 60.0, waiting_count: int = 4) -> Workers:
        workers = Workers(
            shipped(), workers_count=workers_count, most_time_s=most_time_s,
            most_waiting_count=waiting_count, most_memory_bytes=4 * 2**30,
        )  # fmt: skip
        all_made.append(workers)
        return workers

    yield make
    for workers in all_made:
        workers.close()


def processes(workers: Workers) -> set[int]:
    return {worker.pid for worker in workers.all_workers if worker.pid is not None}


def ends(pid: int, within_s: float = 20.0) -> bool:
    """Whether a process ends soon."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def started(workers: Workers) -> int:
    """Answer a question, so that a process is there, and return its number."""
    await workers.run(("risk", "rig"), SHORT)
    (pid,) = processes(workers)
    return pid


def test_one_process_answers_many_questions_in_every_form(made: Callable[..., Workers]) -> None:
    async def work() -> None:
        workers = made()
        found = await workers.run(("risk", "rig"), SHORT)
        assert json.loads(found.body)
        (pid,) = processes(workers)
        page = await workers.run(("gpus", "list"), {}, "json", (3, 2))
        assert len(json.loads(page.body)["gpus"]) == 2
        assert page.total_count == len(shipped().slugs("gpus"))
        html = await workers.run(("risk", "rig"), SHORT, "html")
        assert html.body.startswith(b"<div")
        assert (await workers.run(("risk", "rig"), SHORT, "markdown")).body.startswith(b"## ")
        with pytest.raises(InputError, match="as JSON"):
            await workers.run(("risk", "rig"), SHORT, "text")
        no = await workers.run(("fit",), {"model": "llama-3.3-70b", "on": "1xl4"})
        assert not no.yes
        assert processes(workers) == {pid}

    run(work())


def test_a_long_answer_tells_how_far_it_is(made: Callable[..., Workers]) -> None:
    async def work() -> None:
        events = [e async for e in made().events(("simulate",), LONG | {"requests": 300_000})]
        shares = [e.share_ratio for e in events if isinstance(e, Progress) and e.share_ratio]
        assert shares == sorted(shares)
        assert all(0.0 < share <= 1.0 for share in shares)
        assert isinstance(events[0], Progress)
        assert isinstance(events[-1], Done)
        assert json.loads(events[-1].body)["requests_count"] == 300_000

    run(work())


def test_an_answer_that_takes_too_long_ends_its_process(made: Callable[..., Workers]) -> None:
    async def work() -> None:
        workers = made(most_time_s=60.0)
        pid = await started(workers)
        workers.most_time_s = 0.3
        with pytest.raises(ProblemError, match=r"0\.3 s") as caught:
            await workers.run(("simulate",), LONG)
        assert caught.value.status_code == 504
        assert ends(pid)
        workers.most_time_s = 60.0
        assert (await workers.run(("risk", "rig"), SHORT)).yes

    run(work())


def test_who_waits_too_long_in_line_is_told_and_who_waits_is_answered(
    made: Callable[..., Workers],
) -> None:
    async def work() -> None:
        workers = made(waiting_count=3)
        asked = [asyncio.ensure_future(workers.run(("risk", "rig"), SHORT)) for _ in range(7)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in found if isinstance(one, ProblemError)]
        assert [one.status_code for one in refused] == [429, 429, 429]
        assert all(int((one.headers or {})["Retry-After"]) > 0 for one in refused)
        assert len([one for one in found if isinstance(one, Done)]) == 4

    run(work())


@pytest.mark.parametrize("way", ["cancel", "close"])
def test_nobody_computes_for_who_has_gone(way: str, made: Callable[..., Workers]) -> None:
    async def work() -> None:
        workers = made()
        pid = await started(workers)
        if way == "cancel":
            asked = asyncio.ensure_future(workers.run(("simulate",), LONG))
            waiting = asyncio.ensure_future(workers.run(("risk", "rig"), SHORT))
            await asyncio.sleep(0.2)
            asked.cancel()
            assert (await waiting).yes
        else:
            async with aclosing(workers.events(("simulate",), LONG)) as events:
                assert isinstance(await anext(events), Progress)
        assert ends(pid)
        assert (await workers.run(("risk", "rig"), SHORT)).yes

    run(work())


def test_who_goes_as_the_process_tells_how_far_it_is_is_noticed(
    made: Callable[..., Workers], monkeypatch: pytest.MonkeyPatch
) -> None:
    may_tell = threading.Event()

    def hear(_worker: object, question: Question | None) -> Progress | Done:
        if question is None:
            return Done(b"", yes=True)
        may_tell.wait(20.0)
        return Progress(0.5, "")

    monkeypatch.setattr(_Worker, "hear", hear)

    async def work() -> None:
        workers = made()
        asked = asyncio.ensure_future(workers.run(("simulate",), LONG))
        await asyncio.sleep(0.1)
        # While the loop stands still the progress arrives; the cancellation comes right behind it.
        may_tell.set()
        time.sleep(0.2)  # noqa: ASYNC251
        asyncio.get_running_loop().call_soon(asked.cancel)
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert workers.all_workers == ()

    run(work())


def test_a_process_that_dies_is_replaced(made: Callable[..., Workers]) -> None:
    async def work() -> None:
        workers = made()
        pid = await started(workers)
        asked = asyncio.ensure_future(workers.run(("simulate",), LONG))
        await asyncio.sleep(0.2)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ProblemError) as caught:
            await asked
        assert caught.value.status_code == 500
        assert (await workers.run(("risk", "rig"), SHORT)).yes

    run(work())


def test_a_process_that_died_idle_costs_nobody_an_answer(made: Callable[..., Workers]) -> None:
    async def work() -> None:
        workers = made()
        pid = await started(workers)
        os.kill(pid, signal.SIGKILL)
        assert ends(pid)
        assert (await workers.run(("risk", "rig"), SHORT)).yes
        assert pid not in processes(workers)

    run(work())


def test_the_end_of_the_server_ends_its_processes(made: Callable[..., Workers]) -> None:
    async def work() -> None:
        workers = made()
        pid = await started(workers)
        workers.close()
        assert ends(pid)

    run(work())


def test_who_asks_while_the_server_ends_is_told(made: Callable[..., Workers]) -> None:
    async def work() -> None:
        workers = made()
        await started(workers)
        asked = asyncio.ensure_future(workers.run(("simulate",), LONG))
        waiting = asyncio.ensure_future(workers.run(("risk", "rig"), SHORT))
        await asyncio.sleep(0.2)
        workers.close()
        with pytest.raises(ProblemError):
            await asked
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(ProblemError) as caught:
            await workers.run(("risk", "rig"), SHORT)
        assert caught.value.status_code == 503
        assert workers.all_workers == ()

    run(work())


def test_files_of_a_question_are_gone_after_it(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    text = "at_s,input,output\n" + "0,1,1\n" * 3
    told = answered(
        shipped(),
        Question(("accuracy",), {"file": {"name": "runs.csv", "text": text}}),
        folder,
        lambda _: None,
    )
    assert isinstance(told, Failed)
    assert told.kind == "input"
    assert str(tmp_path) not in told.message
    assert "runs.csv" in told.message
    assert not folder.exists()


def test_a_table_of_claims_is_sent_and_judged(tmp_path: Path) -> None:
    text = 'claimed,unit,expression\n700,W,"gpu(""h100-sxm"", ""board_power_w"")"\n350,W,700*W\n'
    question = Question(("audit",), {"file": {"name": "claims.csv", "text": text}})
    told = answered(shipped(), question, tmp_path / "one", lambda _: None)
    assert isinstance(told, Done)
    assert not told.yes
    claims = json.loads(told.body)["claims"]
    assert [claim["verdict"] for claim in claims] == ["correct", "wrong"]

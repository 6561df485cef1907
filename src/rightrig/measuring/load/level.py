"""Loads a server with one level and says what it did."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rightrig.demand.objective import Slo
from rightrig.measuring.load.level_loop import run_on_loop
from rightrig.measuring.load.level_outcome import outcome_of
from rightrig.measuring.load.level_running import Running
from rightrig.measuring.load.prompts import Writer
from rightrig.measuring.load.schedule import scheduled

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.demand.requests import Requests
    from rightrig.measuring.load.outcome import Level, LevelOutcome, Progress
    from rightrig.measuring.load.target import Target

    Told = Callable[[Progress], None]


async def run_level(
    target: Target,
    requests: Requests,
    level: Level,
    slo: Slo | None = None,
    told: Told | None = None,
    writer: Writer | None = None,
) -> LevelOutcome:
    """Load a server and return what it did; ends early when cancelled, with what was done.

    Args:
        target: The server; nothing else is ever asked.
        requests: What to ask: lengths, arrivals, sessions, shared beginnings.
        level: How much at once, and for how long.
        slo: What makes an answer good.
        told: Takes how far it is, four times a second. What it raises ends the level and is
            raised here, but for KeyboardInterrupt, which returns what was done.
        writer: Of the prompts; the usual one of seed 0 by default.

    Raises:
        InputError: for requests that the level cannot be made of.
        MissingError: when certificates to trust cannot be read.
    """
    writer = writer or Writer()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    running = Running(target, scheduled(requests, level), level, writer)
    interrupted = await running.hold(told)
    if running.stopped_by is not None and not isinstance(running.stopped_by, KeyboardInterrupt):
        raise running.stopped_by
    return outcome_of(running, slo or Slo(), writer, started, interrupted=interrupted)


def measure_level(
    target: Target,
    requests: Requests,
    level: Level,
    slo: Slo | None = None,
    told: Told | None = None,
    writer: Writer | None = None,
) -> LevelOutcome:
    """Do the same where no event loop runs: on uvloop, if it is installed.

    Ctrl-C ends the level at once and returns what was done, marked ``interrupted``.
    """
    return run_on_loop(run_level(target, requests, level, slo, told, writer))

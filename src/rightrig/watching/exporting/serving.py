"""An exporter from its start to its end."""

from __future__ import annotations

import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.watching.engines.scraping import check_engines
from rightrig.watching.exporting.asking import PERIOD_S, Asking
from rightrig.watching.exporting.exporter import Exporter
from rightrig.watching.exporting.server import Server
from rightrig.watching.reading.collector import Collector

if TYPE_CHECKING:
    from types import FrameType

    from rightrig.watching.expected import Expected

_FIRST_S: Final = 3.0
"""How long the first reading is waited for before anything is exported."""
_LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Settings:
    """What is exported, and where.

    Attributes:
        port: 0: any that is free.
        every_s: Between two readings of the cards; what seldom changes is read every ten of them.
        engines: Addresses of the replicas of one deployment.
        expected: What was planned of it.
    """

    host: str = "127.0.0.1"
    port: int = 9401
    every_s: float = 1.0
    engines: tuple[str, ...] = ()
    expected: Expected | None = None


def export(settings: Settings) -> None:
    """Hand out metrics until somebody ends it with Ctrl-C or SIGTERM.

    Raises:
        InputError: for a host, port or engine that is none.
        MissingError: without any package or program that could read cards.
    """
    check_engines(settings.engines)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    with (
        Collector(settings.every_s) as collector,
        Asking(
            settings.engines,
            settings.expected,
            collector.latest,
            # Not more often than cards are read: what is told of both would come and go.
            max(PERIOD_S, settings.every_s),
        ) as asking,
    ):
        exporter = Exporter(collector.latest, asking.latest, settings.expected)
        with Server(exporter, settings.host, settings.port) as server:
            _await_first(collector)
            server.start()
            _say(server)
            ended.wait()


def _await_first(collector: Collector) -> None:
    """Wait for the first reading, but not long: a driver that hangs is to be told too."""
    ends_s = time.monotonic() + _FIRST_S
    while collector.latest() is None and time.monotonic() < ends_s:
        time.sleep(_LOOK_S)


def _say(server: Server) -> None:
    """Say where the metrics are, and who may read them."""
    who = "" if server.is_loopback else "; everybody who reaches this machine may read them"
    sys.stdout.write(f"metrics at {server.url}{who} (Ctrl-C ends it)\n")
    sys.stdout.flush()

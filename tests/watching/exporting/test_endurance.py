"""An exporter goes on: an hour of readings, ten thousand scrapes, and every fault among them."""

from __future__ import annotations

import http.client
import itertools
import os
import signal
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from exporter_process import Exported, Page, exporting, is_running, needs_nvml, resident_bytes
from fake_nvml import build, write_state
from fake_nvml.scenarios import DRIVER_RELOAD, FAULTS, HEALTHY

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

pytestmark = needs_nvml
SCRAPES_COUNT = 10_000
READINGS_COUNT = 3_600
"""Of an hour, at one a second."""
PERIOD_S = 0.002
CHANGE_S = 0.3
MOST_GROWTH_BYTES = 10_000_000
AT_WORK = {**HEALTHY, "gpu*.links": 8, "gpu*.energy_grows": 1}
"""Each reading differs from the one before it, so that readings can be counted."""


def pages(exported: Exported) -> Generator[bytes, None, None]:
    """Yield scrapes over one connection, without end."""
    connection = http.client.HTTPConnection(urlsplit(exported.url).netloc, timeout=5.0)
    try:
        while True:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200
            yield body
    finally:
        connection.close()


def upset(exported: Exported) -> Iterator[str]:
    """Yield what happened next: one fault after another, each over a healthy machine."""
    states: Mapping[str, Mapping[str, object]] = {"healthy": {}, **FAULTS}
    for number in itertools.count():
        for name, state in states.items():
            # Each time it is away the next look is later: with every turn it would be always.
            if state is not DRIVER_RELOAD or not number:
                exported.become(AT_WORK, state)
                yield name


def energy(page: bytes) -> bytes:
    """Return the line that no two readings have alike."""
    _, _, rest = page.partition(b"\nrightrig_gpu_energy_joules_total{")
    return rest.partition(b"\n")[0]


def is_well(page: Page) -> bool:
    """Whether every card is read."""
    return len(page.values("gpu_energy_joules_total")) == 8


def killed_and_back(exported: Exported) -> int:
    """Kill the reader of a machine that is well again; return the one that follows."""
    exported.become(AT_WORK)
    page = exported.until(is_well, 40.0)
    restarts = page.value("watch_reader_restarts_total", reason="ended") or 0.0
    (before,) = exported.readers()
    os.kill(before, signal.SIGKILL)
    exported.until(
        lambda page: page.value("watch_reader_restarts_total", reason="ended") == restarts + 1
    )
    exported.until(is_well)
    assert not is_running(before)
    (after,) = exported.readers()
    return after


def test_ten_thousand_scrapes_among_faults_and_an_hour_of_readings(tmp_path: Path) -> None:
    write_state(tmp_path / "state", AT_WORK)
    with exporting(build(tmp_path / "lib"), tmp_path / "state", every_s=PERIOD_S) as exported:
        pid = exported.process.pid
        happening, scraping = upset(exported), pages(exported)
        change_s, warm_bytes = 0.0, 0
        for count in range(SCRAPES_COUNT):
            if time.monotonic() >= change_s:
                next(happening)
                change_s = time.monotonic() + CHANGE_S
            assert b"\nrightrig_watch_driver_up{" in next(scraping)
            if count == SCRAPES_COUNT // 10:
                warm_bytes = resident_bytes(pid)
        reader = killed_and_back(exported)
        reader_bytes = resident_bytes(reader)
        seen: set[bytes] = set()
        ends_s = time.monotonic() + 120.0
        while len(seen) < READINGS_COUNT and time.monotonic() < ends_s:
            seen.add(energy(next(scraping)))
        assert len(seen) == READINGS_COUNT
        assert resident_bytes(pid) - warm_bytes < MOST_GROWTH_BYTES
        assert resident_bytes(reader) - reader_bytes < MOST_GROWTH_BYTES
        scraping.close()
        assert exported.readers() == [reader]
        assert exported.end() == 0
        assert not is_running(reader)

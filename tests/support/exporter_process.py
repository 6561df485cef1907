"""``rightrig watch export`` as a process of its own, and what a scraper sees of it."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import pytest
from fake_nvml import write_state
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from rightrig.watching.reading.source import has_nvml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OPEN: Final = "application/openmetrics-text; version=1.0.0"
needs_nvml = pytest.mark.skipif(
    not has_nvml(), reason="nvidia-ml-py is not here: pip install 'rightrig[watch]'"
)
_FAST: Final = (
    "from rightrig.watching.exporting.serving import Settings, export\n"
    "export(Settings(port=0, every_s={every_s}))"
)
"""The same without the command line's bounds: an hour in a minute."""


class Page:
    """What one scrape told."""

    def __init__(self, text: str, *, is_open: bool = False) -> None:
        """Read it as Prometheus' own library does."""
        families = list(parse_open(text) if is_open else parse_plain(text))  # type: ignore[no-untyped-call]
        self.text = text
        self.samples = [sample for family in families for sample in family.samples]

    def values(self, name: str, label: str = "gpu", **labels: object) -> dict[str, float]:
        """Return the values of a metric by one of its labels, of the series that others choose."""
        wanted = {key: str(value) for key, value in labels.items()}.items()
        return {
            sample.labels.get(label, ""): sample.value
            for sample in self.samples
            if sample.name == f"rightrig_{name}" and wanted <= sample.labels.items()
        }

    def value(self, name: str, **labels: object) -> float | None:
        """Return the value of one series; ``None`` where there is none."""
        values = list(self.values(name, "", **labels).values())
        assert len(values) <= 1
        return values[0] if values else None

    def names_of(self, card: int) -> set[str]:
        """Return the metrics that one card has."""
        return {one.name for one in self.samples if one.labels.get("gpu") == str(card)}


@dataclass
class Exported:
    """An exporter that runs.

    Attributes:
        state: The file that its cards are made of.
    """

    process: subprocess.Popen[str]
    url: str
    state: Path
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        """Keep one connection for all scrapes, as Prometheus does."""
        self.connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10.0)

    def get(self, path: str, accept: str = "") -> tuple[int, str, str]:
        """Return the status, the type and the text of a page."""
        self.connection.request("GET", path, headers={"Accept": accept})
        answer = self.connection.getresponse()
        body = answer.read().decode()
        return answer.status, answer.headers["Content-Type"], body

    def scrape(self, accept: str = "") -> Page:
        """Return the metrics."""
        status, kind, text = self.get("/metrics", accept)
        assert status == 200
        return Page(text, is_open="openmetrics" in kind)

    def until(self, holds: Callable[[Page], object], within_s: float = 15.0) -> Page:
        """Return the first page of which something holds; fail when there is none in time."""
        ends_s = time.monotonic() + within_s
        while time.monotonic() < ends_s:
            page = self.scrape()
            if holds(page):
                return page
            time.sleep(0.05)
        raise AssertionError(f"not within {within_s} s:\n{page.text[-3000:]}")

    def become(self, *states: Mapping[str, object]) -> None:
        """Change the machine."""
        write_state(self.state, *states)

    def readers(self) -> list[int]:
        """Return the processes that it started and that run."""
        return [pid for pid in children(self.process.pid) if is_running(pid)]

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(10.0)


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there, and not merely a memory of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def exporting(
    library: Path, state: Path, *words: str, every_s: float | None = None
) -> Iterator[Exported]:
    """Yield an exporter.

    Args:
        library: Folder of the stand-in for NVIDIA's driver.
        state: What it answers from.
        words: Of the command line, beside the port.
        every_s: Between two readings, where that is none that the command line allows.
    """
    command = [sys.executable, "-m", "rightrig", "watch", "export", "--port", "0", *words]
    if every_s is not None:
        command = [sys.executable, "-c", _FAST.format(every_s=every_s)]
    driver = {"LD_LIBRARY_PATH": str(library), "FAKE_NVML_STATE": str(state)}
    with subprocess.Popen(
        command, env={**os.environ, **driver}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            said = process.stdout.readline() if process.stdout is not None else ""
            assert said.startswith("metrics at http://"), said
            exported = Exported(process, said.split()[2], state)
            yield exported
            exported.connection.close()
        finally:
            process.terminate()
            process.wait(10.0)

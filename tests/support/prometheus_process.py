"""Prometheus and Alertmanager as processes of a test, and a webhook that they call."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.error import URLError

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_PROMETHEUS: Final = shutil.which("prometheus")
_ALERTMANAGER: Final = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
needs_prometheus = pytest.mark.skipif(
    _PROMETHEUS is None or _ALERTMANAGER is None,
    reason="prometheus is absent: install Debian's prometheus and prometheus-alertmanager",
)
Json = dict[str, Any]


class Webhook:
    """What was received."""

    def __init__(self, port: int) -> None:
        """Take the address of a server that is to be started."""
        self.url = f"http://127.0.0.1:{port}/alerts"
        self._alerts: list[Json] = []
        self._lock = threading.Lock()

    def take(self, message: Json) -> None:
        """Keep the alerts of one message, with the receiver that it was for."""
        with self._lock:
            self._alerts += [{**one, "receiver": message["receiver"]} for one in message["alerts"]]

    def alerts(self, name: str, status: str = "firing") -> list[Json]:
        """Return what was received of an alert."""
        with self._lock:
            return [
                one
                for one in self._alerts
                if one["labels"]["alertname"] == name and one["status"] == status
            ]


@dataclass(frozen=True, slots=True)
class Stack:
    """A Prometheus that scrapes, an Alertmanager behind it, and what that sent."""

    prometheus: str
    alertmanager: str
    webhook: Webhook

    def active(self) -> set[str]:
        """Return the alerts that Prometheus holds to be pending or firing."""
        found = got(f"{self.prometheus}/api/v1/alerts")["data"]["alerts"]
        return {one["labels"]["alertname"] for one in found}

    def query(self, expr: str) -> list[Json]:
        """Return the samples of an expression."""
        text = urllib.request.quote(expr)  # type: ignore[attr-defined] # it is there
        found: list[Json] = got(f"{self.prometheus}/api/v1/query?query={text}")["data"]["result"]
        return found

    def suppressed(self) -> set[str]:
        """Return the alerts that Alertmanager holds back because of others."""
        found = got(f"{self.alertmanager}/api/v2/alerts")
        return {one["labels"]["alertname"] for one in found if one["status"]["inhibitedBy"]}


def got(url: str) -> Any:
    """Return the JSON at an address of a test."""
    with urllib.request.urlopen(url, timeout=5.0) as answer:  # noqa: S310 - a test's own
        return json.load(answer)


def until(holds: Callable[[], object], within_s: float, what: str) -> None:
    """Wait for something; fail where it does not come."""
    ends_s = time.monotonic() + within_s
    while time.monotonic() < ends_s:
        with suppress(URLError, ConnectionError, TimeoutError):
            if holds():
                return
        time.sleep(0.1)
    pytest.fail(f"not within {within_s:.0f} s: {what}")


def free_port() -> int:
    """Return a port that nobody has at the moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextmanager
def webhook() -> Iterator[Webhook]:
    """Yield a receiver of Alertmanager's messages."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            received.take(json.loads(self.rfile.read(length)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Webhook(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def watched(folder: Path, target: str, rules: str, routes: Callable[[str], str]) -> Iterator[Stack]:
    """Yield Prometheus and Alertmanager over one exporter, with waits cut to a second.

    Args:
        folder: For their files.
        target: Host and port of the exporter.
        rules: A file of rules.
        routes: From the webhook's address to a configuration of Alertmanager.
    """
    ports = free_port(), free_port()
    with ExitStack() as stack:
        received = stack.enter_context(webhook())
        quick = re.sub(r"for: \d+s", "for: 1s", rules)
        (folder / "rules.yml").write_text(quick, encoding="utf-8")
        soon = re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", routes(received.url))
        (folder / "alertmanager.yml").write_text(soon, encoding="utf-8")
        (folder / "prometheus.yml").write_text(_settings(target, ports[1]), encoding="utf-8")
        assert _PROMETHEUS is not None
        assert _ALERTMANAGER is not None
        for command in (
            [
                _ALERTMANAGER,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{ports[1]}",
                "--cluster.listen-address=",
            ],
            [
                _PROMETHEUS,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{ports[0]}",
            ],
        ):
            stack.enter_context(_running(command, folder))
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        found = Stack(urls[0], urls[1], received)
        until(lambda: found.query("host:gpus"), 20.0, "Prometheus records nothing")
        yield found


def _settings(target: str, alertmanager_port: int) -> str:
    """Return Prometheus's own file."""
    return json.dumps(
        {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "alerting": {
                "alertmanagers": [
                    {"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}
                ]
            },
            "scrape_configs": [{"job_name": "cards", "static_configs": [{"targets": [target]}]}],
        }
    )


@contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[None]:
    """Run a program as long as it is needed; what it logs stays in the folder."""
    name = command[0].rpartition("/")[2]
    with (
        (folder / f"{name}.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()

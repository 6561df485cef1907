"""Starts ``mock_llm`` in a process of its own, and asks it what it saw."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT = Path(__file__).with_name("mock_llm.py")


@dataclass(frozen=True, slots=True)
class MockLlm:
    """A server that runs.

    Attributes:
        url: Without a slash at its end.
    """

    url: str
    pid: int

    def stats(self) -> dict[str, Any]:
        """Return what the server itself saw: counts, the most at once, delays of first tokens."""
        found: dict[str, Any] = self._got("/stats")
        return found

    def bodies(self) -> list[dict[str, Any]]:
        """Return the JSON of the last requests."""
        found: list[dict[str, Any]] = self._got("/bodies")
        return found

    def reset(self) -> None:
        """Forget what was seen; the clock of stalls begins anew."""
        self._got("/reset")

    def _got(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10.0) as answer:  # noqa: S310 - our own
            return json.load(answer)


@contextmanager
def mock_llm(**manner: object) -> Iterator[MockLlm]:
    """Yield a server; ``manner`` as ``mock_llm.Manner`` has it, and ``certificate`` for TLS."""
    words = [sys.executable, str(_SCRIPT), json.dumps(manner)]
    scheme = "https" if manner.get("certificate") else "http"
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield MockLlm(f"{scheme}://127.0.0.1:{int(line)}", process.pid)
        finally:
            process.kill()

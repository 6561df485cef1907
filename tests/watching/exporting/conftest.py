from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

HOURS_PER_MONTH = 730.0


@pytest.fixture
def plan(tmp_path: Path) -> str:
    """Return a file as ``rightrig plan --json`` writes it, of one card at two dollars an hour."""
    split = {"tp": 1, "pp": 1, "replicas": 1, "max_batched_tokens": 8192}
    one = {
        "rig": "1xh100-sxm", "runtime": "vllm", "weights": "bf16", "kv": "bf16", **split,
        "capacity_requests_per_s": 9.0, "rent_usd_per_month": 2.0 * HOURS_PER_MONTH,
    }  # fmt: skip
    question = {
        "rate_requests_per_s": 5.0, "headroom_ratio": 0.3, "input_tokens": 1000,
        "output_tokens": 300, "ttft_p99_s": 0.15,
    }  # fmt: skip
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"model": "llama-3.1-8b", "question": question, "plans": [one]}))
    return str(file)


@pytest.fixture
def never() -> Callable[[socket.socket], None]:
    """Return what takes a request and does not answer until its asker goes away."""

    def wait(connection: socket.socket) -> None:
        ends_s = time.monotonic() + 4.0
        while time.monotonic() < ends_s and connection.recv(1):
            pass

    return wait

"""Measured runs of vLLM with the times of every request (shared/traces/vllm_real)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from published_runs import SHARED

from rightrig.demand.requests import Requests

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RUNS: Final[Path] = SHARED / "traces" / "vllm_real"


@dataclass(frozen=True, eq=False)
class RealRun:
    """What was asked of an engine, and what each request saw, from the engine's own clock."""

    requests: Requests
    ttft_s: NDArray[np.float64]
    tpot_s: NDArray[np.float64]
    e2e_s: NDArray[np.float64]


def read_run(name: str) -> RealRun:
    """Return the run of a folder; a request arrives when the engine queues it."""
    lines = (RUNS / name / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    rows = sorted((json.loads(line) for line in lines), key=lambda row: float(row["queued_ts"]))
    queued, first, last = (
        np.array([row[key] for row in rows], float)
        for key in ("queued_ts", "first_token_ts", "last_token_ts")
    )
    outputs = np.array([row["output_toks"] for row in rows])
    requests = Requests(
        arrival_s=queued - queued[0],
        input_tokens=np.array([row["input_toks"] for row in rows]),
        output_tokens=outputs,
    )
    tpot_s = ((last - first) / np.maximum(outputs - 1, 1))[outputs > 1]
    return RealRun(requests, first - queued, tpot_s, last - queued)

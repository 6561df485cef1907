"""Simulate measured runs of vLLM, request by request, and print the errors.

    python benchmarks/vllm_runs.py

The runs are in shared/traces/vllm_real (casys-kaist/LLMServingSim, MIT): vLLM 0.19, ShareGPT
requests at 10/s. The speed model is fitted on other projects only. A request arrives when the
engine queues it, so that what passes before (``request_s``) is no part of TTFT and E2E here.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.demand.requests import Requests
from rightrig.deployment.deployment import EngineLimits
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.simulation.simulate import Setting, simulate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.simulation.outcome import Outcome

_SHARED: Final = Path(os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / "shared")
RUNS: Final = _SHARED / "traces" / "vllm_real"
METRICS: Final = ("ttft", "tpot", "e2e")
STATISTICS: Final = ("mean", "p50", "p99")


@dataclass(frozen=True)
class Served:
    """What served a run, as its ``meta.json`` and ``config.json`` say."""

    folder: str
    model: str
    rig: str
    tp: int
    max_seqs: int


SERVED: Final = {
    "Llama-3.1-8B, RTX 4090": Served("RTX4090_Llama-3.1-8B", "llama-3.1-8b", "1xrtx-4090", 1, 256),
    # Between the cards 16 GB/s and 20 µs: transfers go through the host.
    "Qwen3-32B, 2 × RTX PRO 6000, no peer-to-peer": Served(
        "RTXPRO6000_Qwen3-32B", "qwen3-32b", "2xrtx-pro-6000-server@no-p2p", 2, 128
    ),
}


@dataclass(frozen=True, eq=False)
class RealRun:
    """What was asked of an engine, and what each request saw, from the engine's own clock."""

    requests: Requests
    ttft_s: NDArray[np.float64]
    tpot_s: NDArray[np.float64]
    e2e_s: NDArray[np.float64]


def read_run(folder: str) -> RealRun:
    """Return the run of a folder."""
    lines = (RUNS / folder / "requests.jsonl").read_text(encoding="utf-8").splitlines()
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


def simulated(served: Served, run: RealRun) -> Outcome:
    """Return what our engine makes of the same requests."""
    catalog = shipped()
    deployment = propose(
        catalog,
        catalog.llm(served.model),
        parse_rig(served.rig, catalog),
        Choices(tp=served.tp, runtime="vllm"),
    )
    limits = EngineLimits(served.max_seqs, 2048, 0.9)
    deployment = replace(deployment, version="0.19.0", limits=limits)
    return simulate(deployment, run.requests, setting=Setting(model_interval=False))


def errors_ratio(found: Outcome, run: RealRun) -> dict[tuple[str, str], float]:
    """Return simulated over measured − 1 of each metric and statistic."""
    errors = {}
    for metric in METRICS:
        before_s = 0.0 if metric == "tpot" else found.cluster.request_s
        values_s = getattr(run, f"{metric}_s")
        measured_s = dict(
            zip(STATISTICS, (values_s.mean(), *np.percentile(values_s, [50, 99])), strict=True)
        )
        for name, value_s in measured_s.items():
            errors[metric, name] = (found.latencies[metric][name].mid - before_s) / value_s - 1.0
    return errors


def main() -> None:
    """Print a row a run: mean, p50 and p99 of each metric."""
    print("| run | TTFT mean, p50, p99 | TPOT mean, p50, p99 | E2E mean, p50, p99 |")
    print("|---|---|---|---|")
    for name, served in SERVED.items():
        run = read_run(served.folder)
        errors = errors_ratio(simulated(served, run), run)
        cells = (
            ", ".join(f"{100 * errors[metric, s]:+.0f}" for s in STATISTICS) for metric in METRICS
        )
        print(f"| {name} | {' | '.join(f'{cell} %' for cell in cells)} |")


if __name__ == "__main__":
    main()

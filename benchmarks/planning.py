"""Time the plan: the whole catalogue for one model and demand, alone and beside a peer.

    python benchmarks/planning.py [PROGRAM FOLDER]

The peer is NVIDIA's aiconfigurator, which searches one kind of GPU for one engine without a price;
it is timed only where its program is named, and a folder with the config.json of Llama 3.3 70B.
Wall seconds, best of three in one run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figure import Figure

from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.facts.catalog import shipped
from rightrig.planning.search import Question, plan, space_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.facts.catalog import Catalog

PROGRAM = str(Path(sys.executable).parent / "rightrig")
MODEL = "meta-llama/Llama-3.3-70B-Instruct"
LARGE = "deepseek-ai/DeepSeek-V3"
DEMAND = ["--rate", "5/s", "--ttft-p99", "1s", "--tpot-p99", "50ms"]
IMPOSSIBLE = ["--rate", "5/s", "--ttft-p99", "1ms", "--tpot-p99", "1ms"]
REPEATS = 3
_WITH_PEER = 3


def best_s(action: Callable[[], object]) -> float:
    """Return the best wall seconds of a call."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def command_s(words: list[str], *, leaves: int = 0) -> float:
    """Return the best wall seconds of a whole command in a process of its own."""

    def once() -> None:
        ran = subprocess.run(words, capture_output=True, check=False)
        if ran.returncode != leaves:
            raise SystemExit(f"{' '.join(words)} left with {ran.returncode}: {ran.stderr!r}")

    return best_s(once)


def search_s(catalog: Catalog, model: str, slo: Slo) -> float:
    """Return the best wall seconds of a search in this process, warm."""
    traffic = Workload(rate_requests_per_s=5.0, input_tokens=1000, output_tokens=300)
    question = Question(traffic, slo, Limits())
    space = space_of(catalog, question)
    return best_s(lambda: plan(catalog.llm(model), question, space))


def figures(catalog: Catalog) -> list[Figure]:
    """Return what the plan takes."""
    usual = Slo(ttft_p99_s=1.0, tpot_p99_s=0.05)
    never = Slo(ttft_p99_s=0.001, tpot_p99_s=0.001)
    words = [PROGRAM, "plan", MODEL, *DEMAND]
    return [
        Figure("plan_warm", search_s(catalog, MODEL, usual), "s", 1.0),
        Figure("plan_warm_large_moe", search_s(catalog, LARGE, usual), "s"),
        Figure("plan_warm_impossible", search_s(catalog, MODEL, never), "s", 1.0),
        Figure("plan_cold_process", command_s(words), "s", 2.0),
        Figure("plan_simulated", command_s([*words, "--simulate", "5"]), "s", 10.0),
        Figure("plan_explained", command_s([*words, "--explain"]), "s"),
    ]


def peer_figures(program: str, folder: str) -> list[Figure]:
    """Return what aiconfigurator takes for one kind of GPU."""
    words = [
        program, "cli", "default", "--model-path", folder, "--total-gpus", "8",
        "--system", "h200_sxm", "--isl", "1000", "--osl", "300", "--ttft", "1000", "--tpot", "50",
    ]  # fmt: skip
    return [Figure("aiconfigurator_one_gpu_type", command_s(words), "s")]


if __name__ == "__main__":
    found = figures(shipped())
    if len(sys.argv) == _WITH_PEER:
        found += peer_figures(*sys.argv[1:])
    for one in found:
        print(f"{one.name:28}{one.value:8.3g} {one.unit}  {one.budget}")
    sys.exit(0 if all(one.is_kept for one in found) else 1)

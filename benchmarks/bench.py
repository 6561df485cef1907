"""Time the hot paths against their budgets; append the figures to benchmarks/results.csv.

    make bench

CPU seconds (user and system, of the process and its children), best of five: the machine may
be shared. Ends with 1 when a budget is exceeded.
"""

from __future__ import annotations

import csv
import datetime
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import survey
from figure import Figure

import planning
import simulation
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.planning.matrix import MATRIX_FORMATS
from rightrig.planning.search import Question, plan, space_of
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.serving import closed_loop
from rightrig.prediction.timers import timer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.facts.catalog import Catalog

RESULTS = Path(__file__).parent / "results.csv"
MODEL = "meta-llama/Llama-3.3-70B-Instruct"
REPEATS = 5
POINTS_COUNT = 400_000
CHUNK_COUNT = 8192  # arrays of this size stay in the cache
SMALL_MODEL = "llama-3.1-8b"
_COMPARE = [
    "cost", "compare", MODEL, "2xh100-sxm/fp8", "4xl40s/fp8", "api:deepinfra", "--rate", "2/s",
]  # fmt: skip
_FIND = ["finetune", SMALL_MODEL, "--find", "--tokens", "100M", "--deadline", "24h"]
_RUN = ["risk", "run", "--gpus", "16384", "--days", "54", "--save-time", "60s"]
PROGRAM = str(Path(sys.executable).parent / "rightrig")


def child_cpu_s(arguments: list[str]) -> float:
    """Return the best CPU seconds of a command."""
    best = float("inf")
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([PROGRAM, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best, used)
    return best


def best_s(action: Callable[[], object]) -> float:
    """Return the best wall seconds of a call in this process."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def speed_figures(catalog: Catalog) -> list[Figure]:
    """Return how quickly operating points are computed, warm, on one core.

    A point is TTFT, TPOT and the rate of a closed loop; a prediction also fits the memory and
    accounts for the step.
    """
    lengths = Lengths(1000.0, 300.0)
    rig = parse_rig("2xh100-sxm", catalog)
    deployment = propose(catalog, catalog.llm(MODEL), rig, Choices(weights="fp8"))
    timer = timer_of(deployment)
    users = np.random.default_rng(1).uniform(1.0, 512.0, POINTS_COUNT)

    def points() -> None:
        for start in range(0, POINTS_COUNT, CHUNK_COUNT):
            closed_loop(timer, users[start : start + CHUNK_COUNT], lengths)

    def one() -> None:
        closed_loop(timer_of(deployment), 32.0, lengths)

    return [
        Figure("points_rate", POINTS_COUNT / best_s(points), "per_s", least=1e6),
        Figure("one_point", best_s(one), "s", 1e-3),
        Figure("one_prediction", best_s(lambda: predict(deployment, lengths, 32)), "s"),
    ]


def _matrix_words(catalog: Catalog) -> list[str]:
    """Return the command of a matrix of 171 models and 59 cards, evenly taken."""
    models, gpus = _some(catalog.slugs("llms"), 171), _some(catalog.slugs("gpus"), 59)
    return ["fits", "--matrix", "--models", ",".join(models), "--gpus", ",".join(gpus)]


def _some(names: tuple[str, ...], count: int) -> list[str]:
    """Return as many names, evenly spread."""
    return [names[place * len(names) // count] for place in range(count)]


def _cells_count(catalog: Catalog) -> int:
    """Return the cells of the whole matrix."""
    models, gpus = len(catalog.slugs("llms")), len(catalog.slugs("gpus"))
    return models * gpus * len(MATRIX_FORMATS)


def measure() -> list[Figure]:
    """Return every figure."""
    plan_words = ["plan", MODEL, "--rate", "5/s", "--ttft-p99", "1s", "--tpot-p99", "50ms"]
    catalog = shipped()
    llm = catalog.llm(MODEL)
    question = Question(
        Workload(rate_requests_per_s=5.0, input_tokens=1000, output_tokens=300),
        Slo(ttft_p99_s=1.0, tpot_p99_s=0.05),
        Limits(),
    )
    space = space_of(catalog, question)
    result = plan(llm, question, space)
    search_s = best_s(lambda: plan(llm, question, space))
    return [
        Figure("help_cpu", child_cpu_s(["--help"]), "s", 0.2),
        Figure("fit_cpu", child_cpu_s(["fit", MODEL, "--on", "4xh100-sxm"]), "s", 0.6),
        Figure("predict_cpu", child_cpu_s(["predict", MODEL, "--on", "4xh100-sxm"]), "s"),
        Figure("plan_cpu", child_cpu_s(plan_words), "s"),
        Figure("cost_compare_cpu", child_cpu_s(_COMPARE), "s", 2.0),
        Figure(
            "finetune_cpu", child_cpu_s(["finetune", SMALL_MODEL, "--on", "1xrtx-4090"]), "s", 2.0
        ),
        Figure("finetune_find_cpu", child_cpu_s(_FIND), "s", 4.0),
        Figure("risk_run_cpu", child_cpu_s(_RUN), "s", 2.0),
        Figure("fits_matrix_171x59x6_cpu", child_cpu_s(_matrix_words(catalog)), "s", 2.0),
        Figure("fits_matrix_all_cpu", child_cpu_s(["fits", "--matrix"]), "s"),
        Figure("fits_matrix_all_cells", float(_cells_count(catalog)), "count"),
        *speed_figures(catalog),
        Figure("whole_catalogue_plan", search_s, "s", 1.0),
        Figure("candidates", float(result.candidates_count), "count"),
        Figure("candidates_rate", result.candidates_count / search_s, "per_s"),
        *planning.figures(catalog),
        *simulation.figures(catalog),
        *survey.figures(catalog),
    ]


def cpu_name() -> str:
    """Return the processor's name where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> int:
    """Measure, print, append, and say whether the budgets are kept."""
    figures = measure()
    today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
    is_new = not RESULTS.exists()
    with RESULTS.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow(["date", "cpu", "python", "name", "value", "unit", "budget"])
        for f in figures:
            row = [today, cpu_name(), platform.python_version(), f.name, f"{f.value:.4g}", f.unit]
            writer.writerow([*row, f.budget])
    for f in figures:
        exceeded = "" if f.is_kept else ", EXCEEDED"
        budget = f"  (budget {f.budget}{exceeded})" if f.budget else ""
        print(f"{f.name:28}{f.value:10.4g} {f.unit}{budget}")
    return 0 if all(f.is_kept for f in figures) else 1


if __name__ == "__main__":
    sys.exit(main())

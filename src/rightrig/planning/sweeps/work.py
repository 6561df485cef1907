"""The work on one combination of a sweep: simulate it, and say what came out in one flat row."""

from __future__ import annotations

import hashlib
import math
import statistics
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import rightrig
from rightrig.demand.requests import Requests
from rightrig.demand.scenario import sample
from rightrig.demand.short_draw import short_draw_text
from rightrig.demand.workload import Workload
from rightrig.errors import InputError
from rightrig.prediction.memory_fit import fit

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.demand.sweep import Demand
    from rightrig.deployment.deployment import Deployment
    from rightrig.simulation.outcome import Outcome

Value = str | int | float | bool | None
Row = dict[str, Value]
SIMULATED: Final = "simulated"
NO_FIT: Final = "does not fit"
NOT_POSSIBLE: Final = "not possible"
FAILED: Final = "failed"
_ROOMS: Final = ("facts", "demand", "deployment", "work", "prediction", "simulation")
_FILES: Final = ("quantities.py", "interval.py", "planning/sweeps/work.py")
_ENDINGS: Final = {".py", ".toml", ".csv", ".json"}
_PRICES: Final = "facts/data/prices"
"""Rent is added to the rows when they are shown: a new price costs no simulation."""
_LATENCIES: Final = ("ttft", "tpot", "itl", "e2e", "wait")
_STATISTICS: Final = ("mean", "p50", "p90", "p95", "p99")
_COUNTS: Final = (
    "good_ratio", "requests_count", "served_count", "rejected_count", "cancelled_count",
    "timed_out_count", "duration_s", "offered_requests_per_s", "served_requests_per_s",
    "goodput_requests_per_s", "output_tokens_per_s",
)  # fmt: skip
_USE: Final = (
    "used_ratio", "kv_used_ratio", "running_seqs", "preemptions_count", "cache_hit_ratio",
)  # fmt: skip
MEASURES: Final = (
    "slo_met", *_COUNTS, "good_tokens_per_s",
    *(
        f"{metric}_{name}_s"
        for metric in _LATENCIES for name in (*_STATISTICS, "p99_low", "p99_high")
    ),
    *_USE, "power_w", "evidence",
)  # fmt: skip
"""Columns of a simulated row; ``low`` and ``high`` hold the central 80 % of both kinds of error."""


@dataclass(frozen=True, slots=True)
class SweepTask:
    """One combination under one demand with one seed.

    Attributes:
        id: A hash of all that its row depends on, prices excepted.
        deployment_index, demand_index: Their places in the work.
        seed: Of all draws: that of ``simulate --seed``, so that rigs meet the same requests.
        reason: Why there is no such deployment; empty where there is one.
    """

    id: str
    deployment_index: int
    demand_index: int
    seed: int
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SweepWork:
    """What all tasks of a sweep share.

    Attributes:
        sources: The ``sources_key`` of the process that made the tasks.
        requests_count: Drawn for each task of a demand that is no trace.
        intervals: Whether the ends of the prediction's interval are simulated too.
    """

    sources: str
    deployments: tuple[Deployment, ...]
    demands: tuple[Demand, ...]
    slo: Slo
    requests_count: int
    intervals: bool

    @property
    def key(self) -> str:
        """What ``prepare`` makes on a machine: the kernels of these sources."""
        return self.sources[:16]

    def prepare(self) -> None:
        """Compile the simulator, or load what was compiled before.

        Raises:
            InputError: in a worker whose rightrig is another one.
        """
        own = sources_key()
        if own != self.sources:
            raise InputError(
                f"a worker has another rightrig, NumPy or numba ({own[:8]}, not "
                f"{self.sources[:8]}): install the same versions on every node"
            )
        from rightrig.simulation.simulate import Setting, simulate  # noqa: PLC0415 - numba: a worker's

        small = Workload(rate_requests_per_s=1.0, input_tokens=16, output_tokens=2)
        for deployment in self.deployments:
            try:
                simulate(deployment, small, setting=Setting(1, model_interval=False))
            except InputError:
                continue  # it does not fit
            return

    def __call__(self, task: SweepTask, /) -> Row:
        """Return the row of a task; what cannot be is a row with its reason."""
        if task.reason:
            return {"status": NOT_POSSIBLE, "reason": task.reason}
        demand = self.demands[task.demand_index]
        try:
            return self._simulated(self.deployments[task.deployment_index], demand, task.seed)
        except InputError as error:
            return {"status": NOT_POSSIBLE, "reason": str(error)}

    def _simulated(self, deployment: Deployment, demand: Demand, seed: int) -> Row:
        """Return the row of a deployment under a demand."""
        from rightrig.simulation.simulate import Setting, simulate  # noqa: PLC0415 - numba: a worker's

        requests = self._requests(demand, deployment.llm.max_context_tokens, seed)
        _check_one_token(requests, self.slo)
        mean_tokens = float(requests.input_tokens.mean() + requests.output_tokens.mean())
        room = fit(deployment, min(math.ceil(mean_tokens), deployment.llm.max_context_tokens), 1)
        if room.max_concurrency < 1:
            return {"status": NO_FIT, "reason": room.explain().sentences[0]}
        setting = Setting(seed=seed, model_interval=self.intervals)
        outcome = simulate(deployment, requests, slo=self.slo, setting=setting)
        short = _short_text(demand, requests)
        measures = _measures(outcome, is_sure=self.intervals and not short)
        return {"status": SIMULATED, "reason": short, **measures}

    def _requests(self, demand: Demand, most_tokens: int, seed: int) -> Requests:
        """Return the requests of a demand."""
        if isinstance(demand.traffic, Requests):
            return demand.traffic
        return sample(demand.traffic.within(most_tokens), self.requests_count, seed)


def _short_text(demand: Demand, requests: Requests) -> str:
    """Return that a draw does not offer the rate of its demand; of recorded requests nothing."""
    rate = demand.rate_requests_per_s
    if rate is None or isinstance(demand.traffic, Requests):
        return ""
    return short_draw_text(requests, rate, "requests =")


def _check_one_token(requests: Requests, slo: Slo) -> None:
    """Refuse objectives of what answers of one token do not have."""
    wrong = next((o for o in slo.objectives() if o.metric in {"tpot", "itl"}), None)
    if wrong is not None and requests.output_tokens.max() == 1:
        raise InputError(
            f"{wrong.metric}_p{wrong.percentile}: answers of one token have no time between tokens"
        )


def _measures(outcome: Outcome, *, is_sure: bool) -> Row:
    """Return an outcome as a flat row; ``None`` for what is not known, or has no end."""
    found = {
        "slo_met": _met(outcome, is_sure=is_sure),
        **{name: getattr(outcome, name) for name in _COUNTS},
        "good_tokens_per_s": _good_tokens_per_s(outcome),
        **_latencies(outcome),
        **{name: getattr(outcome, name) for name in _USE},
        "power_w": None if outcome.power_w is None else outcome.power_w.mid,
        "evidence": outcome.evidence,
    }
    return {name: _finite(value) for name, value in found.items()}


def _met(outcome: Outcome, *, is_sure: bool) -> str:
    """Return whether the objectives are met.

    Nothing is sure without the ends of the prediction's interval, nor at a rate that was not
    offered.
    """
    if not outcome.kept:
        return "no objective"
    return "likely" if outcome.verdict == "surely" and not is_sure else outcome.verdict


def _good_tokens_per_s(outcome: Outcome) -> float:
    """Return output tokens of requests that met the objectives, over the time that is paid.

    Rent over this rate is ``Outcome.usd_per_good_token``: their answers count as long as those of
    all served, and a replica is paid from time 0.
    """
    served = outcome.served_count
    good = served if outcome.good_ratio is None else outcome.good_ratio * outcome.requests_count
    paid_s = statistics.fmean(replica.on_s for replica in outcome.replicas)
    return outcome.output_tokens * good / max(served, 1) / paid_s


def _latencies(outcome: Outcome) -> Row:
    """Return the statistics of each latency, and the ends of its p99."""
    found: Row = {}
    for metric in _LATENCIES:
        latency = outcome.latencies.get(metric)
        for name in _STATISTICS:
            found[f"{metric}_{name}_s"] = None if latency is None else latency[name].mid
        ends = None if latency is None else latency["p99"].joined
        found[f"{metric}_p99_low_s"] = None if ends is None else ends.low
        found[f"{metric}_p99_high_s"] = None if ends is None else ends.high
    return found


def _finite(value: Value) -> Value:
    """Return a value, or ``None`` for a number that is none."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sources_key() -> str:
    """Return a hash of what a simulation rests on: this code, its data, and its libraries.

    A row that was made with other sources is never taken for one of these.
    """
    root = Path(rightrig.__file__).parent
    text = hashlib.sha256(f"{rightrig.__version__} {version('numpy')} {version('numba')}".encode())
    paths = [root / name for name in _FILES]
    paths += [path for room in _ROOMS for path in (root / room).rglob("*")]
    for path in sorted(paths):
        name = path.relative_to(root).as_posix()
        if path.suffix in _ENDINGS and not name.startswith(_PRICES):
            content = path.read_bytes()
            text.update(f"{name} {len(content)} ".encode())
            text.update(content)
    return text.hexdigest()

"""The simulator in place of an engine: what it says of a setting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rightrig.errors import InputError
from rightrig.measuring.load.costing import usd_per_token
from rightrig.measuring.tune.engine import EngineFailedError
from rightrig.measuring.tune.figures import Figures, Ran
from rightrig.measuring.tune.settings import is_off
from rightrig.prediction.memory_fit import fit

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rightrig.demand.objective import Slo
    from rightrig.demand.requests import Requests
    from rightrig.deployment.deployment import Deployment
    from rightrig.measuring.tune.settings import Setting
    from rightrig.simulation.cluster import Speculation
    from rightrig.simulation.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Simulator:
    """A bench (:class:`rightrig.measuring.tune.tuning.Bench`) that runs no engine.

    Attributes:
        deploy: Makes the deployment of a setting; refuses what its rules or the model forbid.
        draw: Draws the requests of a run by its number.
        slo: What makes a request good.
        speculate: What a setting drafts; ``None`` for nothing.
        price_usd_per_hour: Of the whole rig; ``None`` where it is not known.
        seed: Of the routing.
    """

    deploy: Callable[[Setting], Deployment]
    draw: Callable[[int], Requests]
    slo: Slo
    speculate: Callable[[Setting], Speculation | None]
    price_usd_per_hour: float | None = None
    seed: int = 1

    def reused_count(self, setting: Setting, numbers: Sequence[int]) -> int:
        """Return 0: the simulator is quick, and its answers are not kept as if measured."""
        del setting, numbers
        return 0

    def runs(self, setting: Setting, numbers: Sequence[int]) -> Generator[Ran, None, None]:
        """Yield one simulation for each number.

        Raises:
            EngineFailedError: when the setting cannot be, such as one that does not fit.
        """
        for number in numbers:
            try:
                yield Ran(self._figures(setting, number))
            except InputError as error:
                raise EngineFailedError(str(error)) from None

    def _figures(self, setting: Setting, number: int) -> Figures:
        """Simulate once."""
        # The simulator brings its compiler: a second that other commands need not wait.
        from rightrig.simulation.simulate import Setting as Way  # noqa: PLC0415
        from rightrig.simulation.simulate import simulate  # noqa: PLC0415

        deployment, requests = self.deploy(setting), self.draw(number)
        if is_off(dict(setting.pairs).get("prefix_cache", "on")):
            requests = without_prefixes(requests)
        way = Way(
            seed=self.seed + number, model_interval=False, speculation=self.speculate(setting)
        )
        outcome = simulate(deployment, requests, slo=self.slo, setting=way)
        return _figures_of(outcome, deployment, requests, self.price_usd_per_hour)


def without_prefixes(requests: Requests) -> Requests:
    """Return requests whose beginnings no cache knows again."""
    import numpy as np  # noqa: PLC0415 - on no path that starts quickly

    none = np.empty(0, np.int64)
    return replace(requests, block_offsets=none, block_ids=none, block_tokens=0)


def _figures_of(
    outcome: Outcome, deployment: Deployment, requests: Requests, price_usd_per_hour: float | None
) -> Figures:
    """Return the figures of a simulation."""
    tokens_per_s = outcome.output_tokens_per_s
    cost = None
    if price_usd_per_hour is not None and tokens_per_s > 0.0:
        cost = usd_per_token(price_usd_per_hour, tokens_per_s)
    has_limits = bool(outcome.kept)
    return Figures(
        requests_count=outcome.requests_count,
        error_ratio=1.0 - outcome.served_count / outcome.requests_count,
        requests_per_s=outcome.served_requests_per_s,
        output_tokens_per_s=tokens_per_s,
        ttft_p50_s=_latency_s(outcome, "ttft", "p50"),
        ttft_p99_s=_latency_s(outcome, "ttft", "p99"),
        tpot_p50_s=_latency_s(outcome, "tpot", "p50"),
        tpot_p99_s=_latency_s(outcome, "tpot", "p99"),
        e2e_p50_s=_latency_s(outcome, "e2e", "p50"),
        e2e_p99_s=_latency_s(outcome, "e2e", "p99"),
        goodput_requests_per_s=outcome.goodput_requests_per_s if has_limits else None,
        good_ratio=outcome.good_ratio,
        memory_bytes=_memory_bytes(outcome, deployment, requests),
        usd_per_output_token=cost,
        keeps_slo=all(one.verdict != "not" for one in outcome.kept) if has_limits else None,
    )


def _latency_s(outcome: Outcome, metric: str, statistic: str) -> float | None:
    """Return one statistic of one metric."""
    found = outcome.latencies.get(metric, {}).get(statistic)
    return None if found is None else found.mid


def _memory_bytes(outcome: Outcome, deployment: Deployment, requests: Requests) -> float:
    """Return what the tightest card holds with the requests that ran at once on average."""
    tokens = int(requests.input_tokens.mean() + requests.output_tokens.mean())
    context = min(max(tokens, 1), deployment.llm.max_context_tokens)
    return fit(deployment, context, max(round(outcome.running_seqs), 1)).binding.required_bytes.mid

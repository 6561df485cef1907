"""A live engine: started at a setting, loaded, and ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.costing import usd_per_token
from rightrig.measuring.load.faults import MEANINGS
from rightrig.measuring.load.level import measure_level
from rightrig.measuring.load.level_learning import learn, models_of
from rightrig.measuring.load.outcome import Level
from rightrig.measuring.load.prompts import Writer
from rightrig.measuring.load.ramp_first import ANY_NAME
from rightrig.measuring.load.ramp_kept import values_of
from rightrig.measuring.tune.engine import EngineFailedError, free_port, started
from rightrig.measuring.tune.figures import Figures, Ran

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rightrig.demand.objective import Slo
    from rightrig.demand.requests import Requests
    from rightrig.measuring.load.level_learning import Learned
    from rightrig.measuring.load.outcome import LevelOutcome
    from rightrig.measuring.load.target import Target
    from rightrig.measuring.tune.engine import Running
    from rightrig.measuring.tune.settings import Setting
    from rightrig.measuring.tune.template import Template

_WARMING: Final = Level(
    "closed", concurrency=4, requests_count=8, duration_s=120.0, drain_s=120.0, warmup_s=0.0
)
"""What is sent first and not counted: the first requests of an engine compile and allocate."""
_WARMING_NUMBER: Final = 1_000_000
"""Of runs that only warm an engine: nobody else's number, so that their prompts are not seen."""


@dataclass(frozen=True, slots=True)
class Live:
    """A bench (:class:`rightrig.measuring.tune.tuning.Bench`) that starts engines.

    Attributes:
        template: The command.
        address: Where the engine will answer; ``{port}`` in it stands for a free one.
        target: The server at an address; without a name, it is asked for its model.
        draw: Draws the requests of a run by its number.
        level: How they are sent.
        slo: What makes an answer good.
        patience_s: How long an engine may take to start.
        starts_each: Whether each run is of an engine started anew; else one start serves all runs
            of a setting, which is quicker and does not see how starts differ.
        price_usd_per_hour: Of what serves; ``None`` where it is not known.
        seed: Of the prompts.
    """

    template: Template
    address: str
    target: Callable[[str], Target]
    draw: Callable[[int], Requests]
    level: Level
    slo: Slo
    patience_s: float = 600.0
    starts_each: bool = True
    price_usd_per_hour: float | None = None
    seed: int = 1

    def reused_count(self, setting: Setting, numbers: Sequence[int]) -> int:
        """Return 0: what is kept, others know."""
        del setting, numbers
        return 0

    def runs(self, setting: Setting, numbers: Sequence[int]) -> Generator[Ran, None, None]:
        """Yield one load for each number.

        Raises:
            EngineFailedError: when the engine does not start, or ends.
            InputError: when somebody else answers at its address.
        """
        groups = [[number] for number in numbers] if self.starts_each else [list(numbers)]
        for group in groups:
            port = free_port()
            url = self.address.replace("{port}", str(port))
            with started(self.template.command(setting, port), url, self.patience_s) as running:
                learned = self._learned(running)
                self._measured(running, learned, _WARMING, _WARMING_NUMBER)
                for number in group:
                    yield self._loaded(running, learned, number)

    def _learned(self, running: Running) -> Learned:
        """Ask a few things before the load: the model's name, how tokens are counted."""
        target = self.target(running.url)
        if not target.name:
            target = replace(target, name=next(iter(models_of(target)), ANY_NAME))
        learned = learn(target, self.seed)
        running.check()
        if learned.kind != "ok":
            told = learned.detail or MEANINGS[learned.kind]
            raise EngineFailedError(
                f"it does not answer for the model {target.name!r} ({learned.kind}: {told})",
                running.log.lines,
            )
        return learned

    def _loaded(self, running: Running, learned: Learned, number: int) -> Ran:
        """Load once."""
        outcome = self._measured(running, learned, self.level, number)
        cost = None
        if self.price_usd_per_hour is not None and outcome.output_tokens_per_s > 0.0:
            cost = usd_per_token(self.price_usd_per_hour, outcome.output_tokens_per_s)
        figures = _figures_of(outcome, running.resident_bytes, cost)
        return Ran(figures, tuple(values_of(outcome, 1)), _samples_of(outcome))

    def _measured(
        self, running: Running, learned: Learned, level: Level, number: int
    ) -> LevelOutcome:
        """Hold a level, and look whether the engine is still there.

        Raises:
            KeyboardInterrupt: when somebody ended it: half a run is no run.
        """
        requests = self.draw(number)
        # Of its own seed: no run finds the prompts of another in the engine's prefix cache.
        writer = Writer(self.seed + number, learned.writer.scale)
        outcome = measure_level(learned.target, requests, level, self.slo, writer=writer)
        if outcome.interrupted:
            raise KeyboardInterrupt
        running.check()
        return outcome


def _figures_of(
    outcome: LevelOutcome, resident_bytes: float | None, cost_usd_per_token: float | None
) -> Figures:
    """Return the figures of a load."""
    is_limited = outcome.validity.verdict == "CLIENT-LIMITED"
    return Figures(
        requests_count=outcome.requests_count,
        error_ratio=outcome.error_ratio,
        requests_per_s=outcome.served_requests_per_s,
        output_tokens_per_s=outcome.output_tokens_per_s,
        ttft_p50_s=_latency_s(outcome, "ttft", "p50"),
        ttft_p99_s=_latency_s(outcome, "ttft", "p99"),
        tpot_p50_s=_latency_s(outcome, "tpot", "p50"),
        tpot_p99_s=_latency_s(outcome, "tpot", "p99"),
        e2e_p50_s=_latency_s(outcome, "e2e", "p50"),
        e2e_p99_s=_latency_s(outcome, "e2e", "p99"),
        goodput_requests_per_s=outcome.goodput_requests_per_s,
        good_ratio=outcome.good_ratio,
        memory_bytes=resident_bytes,
        usd_per_output_token=cost_usd_per_token,
        keeps_slo=all(one.is_kept for one in outcome.kept) if outcome.kept else None,
        limited="; ".join(outcome.validity.reasons) if is_limited else "",
    )


def _latency_s(outcome: LevelOutcome, metric: str, statistic: str) -> float | None:
    """Return one statistic of one metric; ``None`` where it is not known."""
    latency = outcome.latencies.get(metric)
    found = latency.statistics.get(statistic) if latency else None
    return found.value_s.mid if found and math.isfinite(found.value_s.mid) else None


def _samples_of(outcome: LevelOutcome) -> dict[str, dict[str, NDArray[np.generic]]]:
    """Return the raw samples of a load."""
    samples = outcome.samples
    found: dict[str, dict[str, NDArray[np.generic]]] = {}
    if len(samples):
        found["requests"] = samples.request_columns()
    if len(samples.gaps_s):
        found["gaps"] = samples.gap_columns()
    return found

"""What ``tune`` was asked: its words, and the experiment that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.measuring.tune.deployments import KNOWN, unknown_of
from rightrig.measuring.tune.figures import judged_by
from rightrig.measuring.tune.matrix import steps_of
from rightrig.measuring.tune.settings import baseline_of, knobs_of
from rightrig.measuring.tune.verdict import LEAST_RUNS
from rightrig.verbs.objectives import slo_of
from rightrig.verbs.tuning_parts import price_usd_per_hour, subject_of, traffic_by_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rightrig.demand.objective import Slo
    from rightrig.demand.requests import Requests
    from rightrig.facts.catalog import Catalog
    from rightrig.measuring.load.target import Api
    from rightrig.measuring.tune.figures import Judged
    from rightrig.measuring.tune.matrix import Step
    from rightrig.measuring.tune.settings import Setting
    from rightrig.report.simulated import Traffic
    from rightrig.verbs.tuning_parts import Choices, Subject, Words

_MOST_REPEATS: Final = 100


@dataclass(frozen=True, slots=True)
class Server:
    """What a command says of the engine."""

    command: str | None
    url: str | None
    name: str | None
    api: Api
    timeout: str | None
    start_timeout: str
    api_key_env: str | None
    fixes_length: bool
    one_start: bool


@dataclass(frozen=True, slots=True)
class Way:
    """What a command says of the experiment."""

    simulates: bool
    metric: str | None
    repeats_count: int
    seconds: str
    fresh: bool
    keeps: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command; ``limits`` are its objectives, by metric and percentile."""

    catalog: Catalog
    model: str | None
    on: str | None
    choices: Choices
    baseline: str | None
    knobs: Sequence[str] | None
    server: Server
    way: Way
    words: Words
    limits: tuple[str | None, ...]
    price: str | None
    acceptance_ratio: float | None
    typed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is about to be run."""

    asked: Asked
    baseline: Setting
    steps: tuple[Step, ...]
    judged: Judged
    slo: Slo
    subject: Subject | None
    draw: Callable[[int], Traffic]
    price_usd_per_hour: float | None

    def requests(self, number: int) -> Requests:
        """Return the requests of a run."""
        return self.draw(number).requests

    @property
    def is_open(self) -> bool:
        """Whether requests come at a rate of their own."""
        return self.draw(0).users_count is None


def experiment_of(asked: Asked) -> Experiment:
    """Return what the words ask for; everything wrong is refused before anything starts."""
    way, slo = asked.way, slo_of(asked.limits)
    _check_way(asked)
    baseline = baseline_of(asked.baseline)
    steps = steps_of(baseline, knobs_of(asked.knobs, baseline))
    judged = judged_by(way.metric, slo)
    if way.simulates and unknown_of(baseline):
        raise InputError(
            f"the simulator does not know {unknown_of(baseline)[0]}; it knows {', '.join(KNOWN)}"
        )
    named = (asked.model, asked.on)
    subject = subject_of(asked.catalog, named, asked.choices, baseline, asked.acceptance_ratio)
    draw = traffic_by_number(asked.words, subject, simulates=way.simulates)
    draw(0)  # what is wrong with the traffic is said before an engine starts
    price = price_usd_per_hour(asked.catalog, subject, asked.price)
    return Experiment(asked, baseline, steps, judged, slo, subject, draw, price)


def _check_way(asked: Asked) -> None:
    """Refuse an experiment without something to run, or with too few runs."""
    way, server = asked.way, asked.server
    if way.simulates == (server.command is not None):
        raise InputError(
            "say what to tune, one of both: --engine 'vllm serve … --port {port} --max-num-seqs "
            "{max_num_seqs}', or --simulate with MODEL --on RIG"
        )
    if way.simulates and (asked.model is None or asked.on is None):
        raise InputError("--simulate needs MODEL --on RIG: what is simulated, and on what")
    if not LEAST_RUNS <= way.repeats_count <= _MOST_REPEATS:
        raise InputError(
            f"--repeats is {way.repeats_count}: from {LEAST_RUNS}, which is what it takes to know "
            f"the spread, to {_MOST_REPEATS}"
        )

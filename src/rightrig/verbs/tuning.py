"""From the words of ``tune`` to its answer."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from rightrig.measuring.tune.foreseeing import by_effect, by_formula, by_simulation, foreseen_by
from rightrig.measuring.tune.simulated import Simulator
from rightrig.measuring.tune.tuning import Order, tune
from rightrig.report.tune import TuneReport, tune_document, tune_json
from rightrig.verbs.found import Found
from rightrig.verbs.progress import watcher
from rightrig.verbs.tuning_asked import Asked, Server, Way, experiment_of

if TYPE_CHECKING:
    from rightrig.measuring.tune.matrix import Step
    from rightrig.measuring.tune.recorded import Recorded
    from rightrig.measuring.tune.settings import Setting
    from rightrig.measuring.tune.tuned import Foreseen, Tuned
    from rightrig.measuring.tune.tuning import Bench
    from rightrig.report.schema.tuning import TuneJson
    from rightrig.verbs.tuning_asked import Experiment

__all__ = ["Asked", "Server", "Way", "answer_of"]


def answer_of(asked: Asked) -> Found[TuneJson]:
    """Return what each change does beside the baseline.

    Raises:
        InputError: when the options do not go together, or there is no baseline.
        MissingError: without the engine, or what keeps runs.
    """
    experiment = experiment_of(asked)
    report = _simulated(experiment) if asked.way.simulates else _live(experiment)
    return Found(
        data=lambda: tune_json(report),
        document=lambda: tune_document(report),
        yes=report.tuned.is_judged,
        records=experiment.subject.records if experiment.subject else (),
        interrupted=report.tuned.interrupted,
    )


def _simulated(experiment: Experiment) -> TuneReport:
    """Run an experiment on the simulator."""
    simulator = _simulator(experiment)
    assert simulator is not None  # noqa: S101 - without a model nothing is simulated
    watcher().compiling()
    steps, foreseen = _foreseen(experiment, simulator)
    begun_s = time.monotonic()
    tuned = _tuned(experiment, simulator, steps, foreseen)
    return _report(experiment, tuned, time.monotonic() - begun_s)


def _live(experiment: Experiment) -> TuneReport:
    """Run an experiment on an engine, and keep its runs."""
    from rightrig.store import open_store
    from rightrig.verbs.tuning_live import bench_of, recorded

    bench = bench_of(experiment)
    kept: Recorded | None = None
    with ExitStack() as stack:
        if experiment.asked.way.keeps:
            kept = recorded(bench, stack.enter_context(open_store()), experiment)
        steps, foreseen = _foreseen(experiment, _simulator(experiment))
        begun_s = time.monotonic()
        tuned = _tuned(experiment, kept or bench, steps, foreseen)
        return _report(experiment, tuned, time.monotonic() - begun_s, kept)


def _simulator(experiment: Experiment) -> Simulator | None:
    """Return the simulator of what serves; ``None`` where that is not said."""
    subject = experiment.subject
    if subject is None:
        return None
    return Simulator(
        deploy=subject.deploy,
        draw=experiment.requests,
        slo=experiment.slo,
        speculate=subject.speculation,
        price_usd_per_hour=experiment.price_usd_per_hour,
        seed=experiment.asked.words.seed,
    )


def _foreseen(
    experiment: Experiment, simulator: Simulator | None
) -> tuple[tuple[Step, ...], dict[Setting, Foreseen]]:
    """Return the changes in the order in which they are tried, and what is predicted of each.

    Beside an engine stands the simulator; beside the simulator the closed form, which knows
    closed loops and no objectives.
    """
    steps, subject, draw = experiment.steps, experiment.subject, experiment.draw
    if simulator is None or subject is None:
        return steps, {}
    if not experiment.asked.way.simulates:
        watcher().compiling()
        says = by_simulation(simulator)
    elif experiment.is_open or experiment.judged.metric == "goodput":
        return steps, {}
    else:
        users = draw(0).users_count or 1
        says = by_formula(
            subject.deploy, lambda setting: subject.lengths(setting, draw(0).requests), users
        )
    foreseen = foreseen_by(says, experiment.baseline, steps, experiment.judged)
    return by_effect(steps, foreseen), foreseen


def _tuned(
    experiment: Experiment,
    bench: Bench,
    steps: tuple[Step, ...],
    foreseen: dict[Setting, Foreseen],
) -> Tuned:
    """Run everything, and show how far it is."""
    way, server = experiment.asked.way, experiment.asked.server
    again = 0 if way.simulates else way.repeats_count if server.one_start else 1
    with watcher().line() as line:
        order = Order(way.repeats_count, again, experiment.is_open, foreseen, line)
        return tune(bench, experiment.baseline, steps, experiment.judged, order)


def _report(
    experiment: Experiment, tuned: Tuned, elapsed_s: float, kept: Recorded | None = None
) -> TuneReport:
    """Return what the report is made from."""
    asked, subject = experiment.asked, experiment.subject
    return TuneReport(
        tuned=tuned,
        baseline=experiment.baseline,
        deployment=subject.baseline if subject else None,
        engine=asked.server.command or "",
        traffic=experiment.draw(0),
        slo=experiment.slo,
        repeats_count=asked.way.repeats_count,
        one_start=asked.server.one_start and not asked.way.simulates,
        elapsed_s=elapsed_s,
        run_ids=tuple(kept.ids) if kept else (),
        trouble=kept.trouble if kept else "",
    )

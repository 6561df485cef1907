"""From the words of ``simulate`` to its answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast, get_args

from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.prediction.memory_fit import fit
from rightrig.quantities import check_count, parse
from rightrig.report.simulated import Simulated
from rightrig.verbs.deploying import MAX_CONCURRENCY, deploy, records_of
from rightrig.verbs.found import Found
from rightrig.verbs.objectives import slo_of
from rightrig.verbs.progress import watcher
from rightrig.verbs.renting import rent_of
from rightrig.verbs.requesting import Words, check_words, traffic_of
from rightrig.verbs.traffic import drafting_of

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.prediction.memory_fit import Fit
    from rightrig.report.schema.simulating import (
        SimulateAnswerJson,
        SimulateJson,
        SimulateRefusedJson,
    )
    from rightrig.report.simulated import Rent, Traffic
    from rightrig.report.values import Json
    from rightrig.simulation.cluster import Router, Speculation
    from rightrig.simulation.simulate import Setting

__all__ = ["Asked", "Choices", "Service", "Words", "answer_of"]
_LONGEST_TIMEOUT_S: Final = 1e6


@dataclass(frozen=True, slots=True)
class Service:
    """What a command says of the service around the engines."""

    router: str
    prefill_replicas: int | None
    timeout: str | None
    max_queue: int | None
    price: str | None
    spec_tokens: int | None
    acceptance_ratio: float | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of the command; ``limits`` are its objectives, by metric and percentile."""

    catalog: Catalog
    model: str
    on: str
    choices: Choices
    words: Words
    limits: tuple[str | None, ...]
    service: Service
    find_limit: bool
    save: str | None


def answer_of(asked: Asked) -> Found[SimulateAnswerJson]:
    """Return what happens to the requests, or the highest rate that keeps the objectives.

    Raises:
        InputError: when the options do not go together.
        MissingError: when what was asked to be saved takes an extra that is not there.
    """
    slo = slo_of(asked.limits)
    check_words(asked.words, finds_limit=asked.find_limit)
    if asked.find_limit and not slo.objectives():
        raise InputError("--find-limit needs an objective, such as --ttft-p99 500ms")
    if asked.save is not None:
        from rightrig.verbs.saving_simulation import check_savable

        check_savable(asked.save)
    deployment = deploy(asked.catalog, asked.model, asked.on, asked.choices)
    most = deployment.llm.max_context_tokens
    traffic = traffic_of(asked.words, most, finds_limit=asked.find_limit)
    if traffic.output.max_tokens == 1:
        _check_one_token(slo)
    tokens = math.ceil(traffic.input.mean_tokens + traffic.output.mean_tokens)
    room = fit(deployment, min(tokens, most), 1)
    if room.max_concurrency < 1:
        return _refused(room, traffic)
    return _simulated(asked, room, traffic, slo)


def _check_one_token(slo: Slo) -> None:
    """Refuse objectives of what answers of one token do not have."""
    wrong = next((o for o in slo.objectives() if o.metric in {"tpot", "itl"}), None)
    if wrong is not None:
        raise InputError(
            f"--{wrong.metric}-p{wrong.percentile}: answers of one token have no time between "
            "tokens; limit --ttft-p99 or --e2e-p99 instead"
        )


def _refused(room: Fit, traffic: Traffic) -> Found[SimulateRefusedJson]:
    """Return the answer for a model that leaves no room for one request of usual length."""
    from rightrig.report.simulate import refused_document
    from rightrig.report.simulate_json import refused_json

    return Found(
        data=lambda: refused_json(room, traffic),
        document=lambda: refused_document(room, traffic),
        yes=False,
        records=records_of(room.deployment),
    )


def _simulated(asked: Asked, room: Fit, traffic: Traffic, slo: Slo) -> Found[SimulateJson]:
    """Return the answer of a simulation."""
    from rightrig.report.simulate import simulate_document
    from rightrig.report.simulate_json import simulate_json

    rent = rent_of(asked.catalog, room.deployment, asked.service.price)
    seen = _seen(asked, room, traffic, slo, rent)
    if asked.save is not None:
        from rightrig.verbs.saving_simulation import save_simulation

        seen = save_simulation(asked.save, seen)
    return Found(
        data=lambda: simulate_json(seen),
        document=lambda: simulate_document(seen),
        yes=_is_yes(seen),
        records=_records(room.deployment, rent),
        charts=lambda: _charts(seen),
    )


def _charts(seen: Simulated) -> tuple[Json, ...]:
    """Return what shows a simulation."""
    from rightrig.report.charts import simulation_charts

    return tuple(simulation_charts(seen).values())


def _seen(asked: Asked, room: Fit, traffic: Traffic, slo: Slo, rent: Rent | None) -> Simulated:
    """Simulate, and show how far it is."""
    # The simulator brings its compiler: a second that other commands need not wait.
    from rightrig.simulation.limit import find_limit
    from rightrig.simulation.simulate import simulate

    deployment, requests, limit = room.deployment, traffic.requests, None
    setting = _setting(asked, deployment, rent)
    watcher().compiling()
    with watcher().shares() as progress:
        setting = replace(setting, progress=progress)
        if asked.find_limit:
            limit = find_limit(deployment, requests, slo, setting)
            outcome = limit.outcome
        else:
            outcome = simulate(deployment, requests, slo=slo, setting=setting)
    return Simulated(outcome, traffic, setting.router, room.verdict, rent, limit)


def _setting(asked: Asked, deployment: Deployment, rent: Rent | None) -> Setting:
    """Return how to simulate."""
    from rightrig.simulation.simulate import Setting

    service = asked.service
    timeout_s = math.inf
    if service.timeout is not None:
        timeout_s = parse(service.timeout, "time", name="--timeout", limit=_LONGEST_TIMEOUT_S)
    if service.max_queue is not None:
        check_count(service.max_queue, name="--max-queue", limit=MAX_CONCURRENCY)
    replicas = deployment.parallelism.replicas
    return Setting(
        seed=asked.words.seed,
        router=_router(service.router),
        prefill_replicas_count=_prefill_count(service.prefill_replicas, replicas),
        speculation=_speculation(service, deployment),
        timeout_s=timeout_s,
        max_queue_count=service.max_queue,
        price_usd_per_hour=None if rent is None else rent.rent_usd_per_hour / replicas,
    )


def _router(name: str) -> Router:
    """Return a router by its name."""
    from rightrig.simulation import cluster

    known = get_args(cluster.Router)
    if name.lower() not in known:
        raise InputError(f"--router is {name[:40]!r}: it is one of {', '.join(known)}")
    return cast("Router", name.lower())


def _prefill_count(count: int | None, replicas: int) -> int:
    """Return how many replicas only read prompts."""
    if count is None:
        return 0
    if not 1 <= count < replicas:
        raise InputError(
            f"--prefill-replicas is {count} of {replicas}: leave at least one for each part "
            "(--replicas says how many there are)"
        )
    return count


def _speculation(service: Service, deployment: Deployment) -> Speculation | None:
    """Return what is drafted, where something is."""
    from rightrig.simulation.cluster import Speculation

    asked = drafting_of(deployment, service.spec_tokens, service.acceptance_ratio)
    return None if asked is None else Speculation(*asked)


def _is_yes(seen: Simulated) -> bool:
    """Say whether the answer is yes: a rate was found, or every objective is kept."""
    if seen.limit is not None:
        return seen.limit.rate_requests_per_s.mid > 0.0
    return seen.outcome.verdict != "not" and seen.outcome.served_count > 0


def _records(deployment: Deployment, rent: Rent | None) -> tuple[Record, ...]:
    """Return the records that an answer rests on."""
    bought = rent.purchase if rent else None
    return (*records_of(deployment), *((bought.price,) if bought else ()))

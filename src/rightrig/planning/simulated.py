"""Finalists under the simulator: what an engine really carries, and what users then see.

The search ranks by analytic bounds. The first plans are simulated: the load of one engine within
all objectives is found by bisection on the same requests, engines are counted anew, and the whole
rig is simulated at the asked rate.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.costs.goods import bought
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.bounds import BOUNDS, Amounts
from rightrig.planning.finalists import host_power_w, priced
from rightrig.planning.layouts import machine_cards
from rightrig.planning.limits import limits_for
from rightrig.planning.ranking import plan_rank_key
from rightrig.planning.winner import engines_text, why_first
from rightrig.simulation.limit import find_limit
from rightrig.simulation.simulate import Setting, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rightrig.demand.requests import Requests
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime
    from rightrig.planning.constraints import Question
    from rightrig.planning.planned import Met, Plan, PlannedRig
    from rightrig.planning.search import Space
    from rightrig.simulation.outcome import Outcome

_LIMIT_REQUESTS: Final = 4_000
_REQUESTS: Final = 10_000
_ROUNDING_COUNT: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Simulating:
    """How finalists are simulated.

    Attributes:
        count: How many of the first plans.
        seed: Of all draws.
        traffic: Requests with their own lengths and arrivals; ``None`` for the question's fixed
            lengths at random.
        progress: Takes the share of the plans that are simulated; may raise to end the work.
    """

    count: int = 3
    seed: int = 1
    traffic: Requests | None = None
    progress: Callable[[float], None] | None = None


def deployment_of(
    llm: Llm, gpus: Mapping[str, Gpu], runtimes: Mapping[str, Runtime], plan: PlannedRig
) -> Deployment:
    """Return the deployment of a plan, with all its engines.

    Args:
        llm: The model.
        gpus: Cards by slug.
        runtimes: Engines by slug.
        plan: The plan.
    """
    gpu, runtime = gpus[plan.gpu], runtimes[plan.runtime]
    split = plan.split
    most = machine_cards(gpu)
    if split.engine_cards <= most:
        rig = Rig((CardGroup(split.cards, gpu),))
    else:
        rig = Rig((CardGroup(most, gpu),), split.cards // most)
    limits = limits_for(runtime, gpu, split, plan.step_tokens)
    return Deployment(llm, rig, split, Precision(plan.weights, plan.kv), runtime, limits)


def simulated(plan: Plan, space: Space, how: Simulating) -> Plan:
    """Return a plan whose first plans were simulated and ranked anew.

    Those that the simulator finds short get more engines; those that carry more, fewer. The
    others follow as they were, with analytic bounds.

    Args:
        plan: What ``search.plan`` returned for this space.
        space: What could be chosen from.
        how: How many, and with which requests.
    """
    started_s = time.perf_counter()
    gpus = {gpu.slug: gpu for gpu in space.gpus}
    runtimes = {runtime.slug: runtime for runtime in space.runtimes}
    chosen, rest = plan.plans[: how.count], plan.plans[how.count :]
    tried = []
    for place, one in enumerate(chosen):
        if how.progress is not None:
            how.progress(place / len(chosen))
        tried.append(_tried(deployment_of(plan.llm, gpus, runtimes, one), one, plan, how))
    judged = [(one, _reason(one, gpus[one.gpu], plan.question)) for one in tried]
    kept = sorted(
        (one for one, reason in judged if reason is None),
        key=lambda one: plan_rank_key(one, plan.question),
    )
    lost = [(one.gpu, *reason) for one, reason in judged if reason is not None]
    nearest = "" if kept or rest or not lost else f"Nearest: {lost[0][2]} [{lost[0][1]}]."
    rejected = tuple(sorted([*plan.rejected, *lost]))
    found = replace(plan, plans=(*kept, *rest), rejected=rejected, nearest=nearest)
    elapsed = plan.elapsed_s + time.perf_counter() - started_s
    return replace(found, reasons=why_first(found), elapsed_s=elapsed)


def _reason(plan: PlannedRig, gpu: Gpu, question: Question) -> tuple[str, str] | None:
    """Return the rule that a simulated plan breaks, and why; ``None`` where it breaks none."""
    name, limits = f"simulated, {engines_text(plan)}", question.limits
    if plan.met == "not":
        return "SLO-SIMULATED", f"{name} misses an objective at any load"
    amounts = Amounts(
        (gpu,), np.array([0]), np.array([float(plan.cards_count)]),
        np.array([float(plan.machines_count)]), np.array([plan.cost_usd]),
    )  # fmt: skip
    passed = (bound for bound in BOUNDS if bound.is_passed(amounts, limits)[0])
    first = next(passed, None)
    return None if first is None else (
        first.id, f"{name}: {first.words(amounts, 0, limits, plan.rig)}"
    )  # fmt: skip


def _tried(deployment: Deployment, plan: PlannedRig, asked: Plan, how: Simulating) -> PlannedRig:
    """Return one plan as the simulator sees it."""
    question = asked.question
    traffic = how.traffic if how.traffic is not None else question.workload
    limits, slo = question.limits, question.slo
    if plan.prefill_count:
        return _tried_divided(deployment, plan, asked, how)
    each = plan.engine_requests_per_s(limits)
    if slo.objectives():
        one = replace(deployment, parallelism=replace(deployment.parallelism, replicas=1))
        is_sure = limits.confidence == "surely"
        setting = Setting(_LIMIT_REQUESTS, how.seed, model_interval=is_sure)
        limit = find_limit(one, traffic, slo, setting)
        rate = limit.rate_requests_per_s
        each = rate.low if is_sure else rate.mid
        if each <= 0.0:
            return replace(plan, met="not", method="simulated")
    wanted = question.wanted_requests_per_s
    engines = max(-int(-wanted // each), limits.min_engines_count) + limits.spare_engines_count
    split = replace(plan.split, replicas=engines)
    working = replace(split, replicas=engines - limits.spare_engines_count)
    whole = replace(deployment, parallelism=working)
    outcome = simulate(whole, traffic, slo=slo, setting=Setting(_REQUESTS, how.seed))
    return _resized(plan, asked, deployment.rig.gpu, (split.replicas, each), outcome)


def _tried_divided(
    deployment: Deployment, plan: PlannedRig, asked: Plan, how: Simulating
) -> PlannedRig:
    """Return a plan of divided engines as the simulator sees it, both parts grown alike."""
    question, limits = asked.question, asked.question.limits
    traffic = how.traffic if how.traffic is not None else question.workload
    working = plan.working_count(limits)
    whole = replace(deployment, parallelism=replace(plan.split, replicas=working))
    is_sure = limits.confidence == "surely"
    setting = Setting(
        _LIMIT_REQUESTS, how.seed, prefill_replicas_count=plan.prefill_count, model_interval=is_sure
    )
    rate = find_limit(whole, traffic, question.slo, setting).rate_requests_per_s
    carried = rate.low if is_sure else rate.mid
    if carried <= 0.0:
        return replace(plan, met="not", method="simulated")
    factor = question.wanted_requests_per_s / carried
    reading = math.ceil(plan.prefill_count * max(factor, 1.0) - _ROUNDING_COUNT)
    decoding = math.ceil((working - plan.prefill_count) * max(factor, 1.0) - _ROUNDING_COUNT)
    grown = replace(plan, prefill_count=reading)
    count = reading + decoding
    whole = replace(deployment, parallelism=replace(plan.split, replicas=count))
    setting = Setting(_REQUESTS, how.seed, prefill_replicas_count=reading)
    outcome = simulate(whole, traffic, slo=question.slo, setting=setting)
    engines = count + limits.spare_engines_count
    each = carried * max(factor, 1.0) / count
    return _resized(grown, asked, deployment.rig.gpu, (engines, each), outcome)


def _resized(
    plan: PlannedRig, asked: Plan, gpu: Gpu, sized: tuple[int, float], outcome: Outcome
) -> PlannedRig:
    """Return a plan of other engines, with what the simulator saw of them.

    ``sized`` are the engines, and what each that works carries in requests/s.
    """
    engines, each_per_s = sized
    spares = asked.question.limits.spare_engines_count
    ttft, tpot = outcome.latencies["ttft"], outcome.latencies["tpot"]
    one = replace(
        _acquired(plan, gpu, engines),
        split=replace(plan.split, replicas=engines),
        cards_count=engines * plan.split.engine_cards,
        capacity_requests_per_s=each_per_s * (engines - spares),
        running_seqs=outcome.running_seqs,
        ttft_mean_s=ttft["mean"].mid,
        tpot_mean_s=tpot["mean"].mid,
        ttft_p99_s=ttft["p99"].joined,
        tpot_p99_s=tpot["p99"].joined,
        met=_met(outcome, plan),
        method="simulated",
    )
    power = None if outcome.power_w is None else outcome.power_w.mid
    return priced(one, asked.question, asked.tariff, power)


def _acquired(plan: PlannedRig, gpu: Gpu, engines: int) -> PlannedRig:
    """Return a plan with room for other engines, rented or bought where it was."""
    cards = plan.split.engine_cards
    if plan.purchase is not None:
        hired = plan.purchase
        held, parts = (
            max(hired.cards_per_instance // cards, 1),
            max(cards // hired.cards_per_instance, 1),
        )
        count = -(-engines * parts // held)
        rent = hired.rent_usd_per_month / hired.instances_count * count
        purchase = replace(hired, instances_count=count, rent_usd_per_month=rent)
        return replace(plan, purchase=purchase, rent_usd_per_month=rent, machines_count=count)
    known = plan.bought
    more = None if known is None else bought(known.good, cards, engines, machine_cards(gpu))
    if more is None:  # a plan is rented or bought, and what holds one engine holds more
        raise AssertionError(plan.rig)
    return replace(
        plan, bought=more, capex_usd=more.capex_usd, machines_count=more.machines_count,
        host_power_w=host_power_w(gpu, more),
    )  # fmt: skip


def _met(outcome: Outcome, plan: PlannedRig) -> Met:
    """Return the worst verdict over the objectives."""
    if plan.met == "no objective":
        return plan.met
    verdicts = {kept.verdict for kept in outcome.kept}
    if "not" in verdicts:
        return "not"
    return "likely" if "likely" in verdicts else "surely"

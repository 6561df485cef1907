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

from rightrig.costs.money import cost_usd_per_token, energy_usd_per_month
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.layouts import machine_cards
from rightrig.planning.limits import limits_for
from rightrig.planning.winner import why_first
from rightrig.simulation.limit import find_limit
from rightrig.simulation.simulate import Setting, simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.demand.requests import Requests
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime
    from rightrig.planning.planned import Met, Plan, PlannedRig
    from rightrig.planning.search import Space
    from rightrig.simulation.outcome import Outcome

_LIMIT_REQUESTS: Final = 4_000
_REQUESTS: Final = 10_000
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Simulating:
    """How finalists are simulated.

    Attributes:
        count: How many of the first plans.
        seed: Of all draws.
        traffic: Requests with their own lengths and arrivals; ``None`` for the question's fixed
            lengths at random.
    """

    count: int = 3
    seed: int = 1
    traffic: Requests | None = None


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
    tried = [_tried(deployment_of(plan.llm, gpus, runtimes, one), one, plan, how) for one in chosen]
    kept = sorted((one for one in tried if one.met != "not"), key=lambda one: one.cost_usd)
    lost = [one for one in tried if one.met == "not"]
    found = replace(plan, plans=(*kept, *rest, *lost))
    elapsed = plan.elapsed_s + time.perf_counter() - started_s
    return replace(found, reasons=why_first(found), elapsed_s=elapsed)


def _tried(deployment: Deployment, plan: PlannedRig, asked: Plan, how: Simulating) -> PlannedRig:
    """Return one plan as the simulator sees it."""
    question = asked.question
    traffic = how.traffic if how.traffic is not None else question.workload
    limits, slo = question.limits, question.slo
    if plan.prefill_count:
        return _tried_divided(deployment, plan, asked, how)
    each = plan.capacity_requests_per_s / (plan.split.replicas - limits.spare_engines_count)
    if slo.objectives():
        one = replace(deployment, parallelism=replace(deployment.parallelism, replicas=1))
        is_sure = limits.confidence == "surely"
        setting = Setting(_LIMIT_REQUESTS, how.seed, model_interval=is_sure)
        limit = find_limit(one, traffic, slo, setting)
        rate = limit.rate_requests_per_s
        each = rate.low if is_sure else rate.mid
        if each <= 0.0:
            return replace(plan, met="not", method="simulated")
    wanted = question.workload.rate_requests_per_s * (1.0 + limits.headroom_ratio)
    engines = max(-int(-wanted // each), limits.min_engines_count) + limits.spare_engines_count
    split = replace(plan.split, replicas=engines)
    working = replace(split, replicas=engines - limits.spare_engines_count)
    whole = replace(deployment, parallelism=working)
    outcome = simulate(whole, traffic, slo=slo, setting=Setting(_REQUESTS, how.seed))
    return _resized(plan, asked, split.replicas, each, outcome)


def _tried_divided(
    deployment: Deployment, plan: PlannedRig, asked: Plan, how: Simulating
) -> PlannedRig:
    """Return a plan of divided engines as the simulator sees it, both parts grown alike."""
    question, limits = asked.question, asked.question.limits
    traffic = how.traffic if how.traffic is not None else question.workload
    working = plan.split.replicas - limits.spare_engines_count
    whole = replace(deployment, parallelism=replace(plan.split, replicas=working))
    is_sure = limits.confidence == "surely"
    setting = Setting(
        _LIMIT_REQUESTS, how.seed, prefill_replicas_count=plan.prefill_count, model_interval=is_sure
    )
    rate = find_limit(whole, traffic, question.slo, setting).rate_requests_per_s
    carried = rate.low if is_sure else rate.mid
    if carried <= 0.0:
        return replace(plan, met="not", method="simulated")
    factor = question.workload.rate_requests_per_s * (1.0 + limits.headroom_ratio) / carried
    reading = math.ceil(plan.prefill_count * max(factor, 1.0) - _ROUNDING)
    decoding = math.ceil((working - plan.prefill_count) * max(factor, 1.0) - _ROUNDING)
    grown = replace(plan, prefill_count=reading)
    count = reading + decoding
    whole = replace(deployment, parallelism=replace(plan.split, replicas=count))
    setting = Setting(_REQUESTS, how.seed, prefill_replicas_count=reading)
    outcome = simulate(whole, traffic, slo=question.slo, setting=setting)
    engines = count + limits.spare_engines_count
    return _resized(grown, asked, engines, carried * max(factor, 1.0) / count, outcome)


def _resized(
    plan: PlannedRig, asked: Plan, engines: int, each_per_s: float, outcome: Outcome
) -> PlannedRig:
    """Return a plan of other engines, with what the simulator saw of them."""
    workload, limits, tariff = asked.question.workload, asked.question.limits, asked.tariff
    before = plan.split.replicas
    purchase = plan.purchase
    if purchase is not None and engines != before:
        per_instance = max(purchase.cards_per_instance // plan.split.engine_cards, 1)
        per_engine = max(plan.split.engine_cards // purchase.cards_per_instance, 1)
        count = -(-engines * per_engine // per_instance)
        each_usd = purchase.rent_usd_per_month / purchase.instances_count
        purchase = replace(purchase, instances_count=count, rent_usd_per_month=count * each_usd)
    bought = plan.bought
    if bought is not None and engines != before:
        units = -(-bought.units_count * engines // before)
        bought = replace(bought, units_count=units)
    rent = 0.0 if purchase is None else purchase.rent_usd_per_month
    capacity = each_per_s * (engines - limits.spare_engines_count)
    tokens = workload.input_tokens + workload.output_tokens
    rate = workload.rate_requests_per_s
    power = None if outcome.power_w is None else outcome.power_w.mid
    ttft, tpot = outcome.latencies["ttft"], outcome.latencies["tpot"]
    return replace(
        plan,
        split=replace(plan.split, replicas=engines),
        cards_count=engines * plan.split.engine_cards,
        purchase=purchase,
        bought=bought,
        rent_usd_per_month=rent,
        capex_usd=0.0 if bought is None else bought.capex_usd,
        machines_count=purchase.instances_count if purchase is not None else plan.machines_count,
        cost_usd_per_token=cost_usd_per_token(rent, rate * tokens),
        cost_usd_per_output_token=cost_usd_per_token(rent, rate * workload.output_tokens),
        full_cost_usd_per_token=cost_usd_per_token(rent, capacity * tokens),
        capacity_requests_per_s=capacity,
        running_seqs=outcome.running_seqs,
        ttft_mean_s=ttft["mean"].mid,
        tpot_mean_s=tpot["mean"].mid,
        ttft_p99_s=ttft["p99"].joined,
        tpot_p99_s=tpot["p99"].joined,
        met=_met(outcome, plan),
        power_w=power,
        energy_usd_per_month=None
        if power is None
        else energy_usd_per_month(power, tariff.pue_ratio, tariff.usd_per_kwh),
        method="simulated",
    )


def _met(outcome: Outcome, plan: PlannedRig) -> Met:
    """Return the worst verdict over the objectives."""
    if plan.met == "no objective":
        return plan.met
    verdicts = {kept.verdict for kept in outcome.kept}
    if "not" in verdicts:
        return "not"
    return "likely" if "likely" in verdicts else "surely"

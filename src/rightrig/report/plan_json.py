"""A plan as JSON."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rightrig.quantities import MILLION
from rightrig.report.plan import Extra, price_warning
from rightrig.report.questions_layout_json import growth_json, measure_next_json
from rightrig.report.record import asked_json
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.planning.explain import Hinges
    from rightrig.planning.least import LeastObjective
    from rightrig.planning.planned import Outbid, Plan, PlannedRig
    from rightrig.report.schema.planning import (
        BoughtJson,
        FrontJson,
        HingesJson,
        LeastObjectiveJson,
        OutbidJson,
        PlanJson,
        PlannedJson,
        PurchaseJson,
    )


def plan_json(plan: Plan, extra: Extra | None = None) -> PlanJson:
    """Return a plan as JSON."""
    extra = extra or Extra()
    workload, slo, limits = plan.question.workload, plan.question.slo, plan.question.limits
    found: PlanJson = {
        "model": plan.llm.name,
        "question": {**asked_json(workload), **asked_json(slo), **asked_json(limits)},
        "plans": [_planned_json(p) for p in plan.plans],
        "front": [_front_json(p) for p in plan.front],
        "outbid": [_outbid_json(one) for one in plan.outbid],
        "rejected": [{"gpu": g, "rule": rule, "reason": why} for g, rule, why in plan.rejected],
        "candidates_count": plan.counts.candidates_count,
        "pruned_count": plan.counts.pruned_count,
        "evaluated_count": plan.counts.evaluated_count,
        "feasible_count": plan.counts.feasible_count,
        "front_count": plan.counts.front_count,
        "elapsed_s": plan.elapsed_s,
        "explanation": explanation_json(plan.explain()),
        "relaxations": [
            {"rule": one.rule, "option": one.option, "engine": one.engine}
            for one in plan.relaxations
        ],
    }
    if extra.longest_tokens:
        found["question"]["longest_tokens"] = extra.longest_tokens
    if extra.hinges is not None:
        found["hinges"] = _hinges_json(extra.hinges)
    if extra.least:
        found["least_objectives"] = [_least_json(one) for one in extra.least]
    if extra.measurement is not None:
        found["measure_next"] = measure_next_json(extra.measurement)
    if extra.runway is not None:
        found["runway"] = growth_json(extra.runway)
    return found


def _least_json(one: LeastObjective) -> LeastObjectiveJson:
    """Return how far an objective would have to give way as JSON."""
    return {
        "metric": one.asked.metric,
        "percentile": one.asked.percentile,
        "asked_s": one.asked.limit_s,
        "least_s": one.least_s,
    }


def _outbid_json(one: Outbid) -> OutbidJson:
    """Return a card that lost by cost as JSON."""
    return {
        "gpu": one.gpu,
        "engine": one.engine,
        "cost_usd": one.cost_usd,
        "gap_usd": one.gap_usd,
    }


def _front_json(p: PlannedRig) -> FrontJson:
    """Return a plan of the front in short: what it is, and the four that it is best in."""
    return {
        "rig": p.rig,
        "split": p.engine_split,
        "replicas": p.split.replicas,
        "prefill_replicas": p.prefill_count,
        "runtime": p.runtime,
        "weights": p.weights,
        "kv": p.kv,
        "rent_usd_per_month": p.rent_usd_per_month,
        "capex_usd": p.capex_usd,
        "ttft_p99_s": p.ttft_p99_s.mid,
        "tpot_p99_s": p.tpot_p99_s.mid,
        "capacity_requests_per_s": p.capacity_requests_per_s,
    }


def _planned_json(p: PlannedRig) -> PlannedJson:
    """Return one plan as JSON."""
    return {
        "gpu": p.gpu,
        "cards_count": p.cards_count,
        "rig": p.rig,
        "tp": p.split.tp,
        "pp": p.split.pp,
        "dp": p.split.attention_dp,
        "ep": p.split.experts_over,
        "cp": p.split.context_parallel,
        "replicas": p.split.replicas,
        "prefill_replicas": p.prefill_count,
        "runtime": p.runtime,
        "weights": p.weights,
        "kv": p.kv,
        "max_batched_tokens": p.step_tokens,
        "quality": p.quality,
        "rent_usd_per_month": p.rent_usd_per_month,
        "capex_usd": p.capex_usd,
        "machines_count": p.machines_count,
        "cost_usd_per_million_tokens": p.cost_usd_per_token * MILLION,
        "full_cost_usd_per_million_tokens": p.full_cost_usd_per_token * MILLION,
        "cost_usd_per_million_output_tokens": p.cost_usd_per_output_token * MILLION,
        "capacity_requests_per_s": p.capacity_requests_per_s,
        "running_seqs": p.running_seqs,
        "ttft_mean_s": p.ttft_mean_s,
        "tpot_mean_s": p.tpot_mean_s,
        "ttft_p99_s": interval_json(p.ttft_p99_s),
        "tpot_p99_s": interval_json(p.tpot_p99_s),
        "p99_method": p.method,
        "slo_met": p.met,
        "power_w": p.power_w,
        "host_power_w": p.host_power_w,
        "energy_usd_per_month": p.energy_usd_per_month,
        "evidence": p.evidence,
        "on_pareto_front": p.on_front,
        "purchase": _purchase_json(p),
        "bought": _bought_json(p),
    }


def _purchase_json(p: PlannedRig) -> PurchaseJson | None:
    """Return what to rent, and how far its price is to be trusted."""
    if p.purchase is None:
        return None
    price = p.purchase.price
    return {
        "provider": price.provider,
        "region": price.region,
        "instance": price.instance,
        "instances_count": p.purchase.instances_count,
        "cards_per_instance": p.purchase.cards_per_instance,
        "rented_cards_count": p.purchase.rented_cards,
        "per_gpu_usd_per_hour": price.per_gpu_usd_per_hour,
        "is_spot": p.purchase.is_spot,
        "date": price.date,
        "trust": price.trust,
        "source": price.source,
        "price_warning": price_warning(p, datetime.datetime.now(tz=datetime.UTC).date()),
    }


def _bought_json(p: PlannedRig) -> BoughtJson | None:
    """Return what to buy."""
    if p.bought is None:
        return None
    good = p.bought.good
    return {
        "price_usd": interval_json(p.bought.price_usd),
        "goods_usd": interval_json(p.bought.goods_usd),
        "hosts_usd": interval_json(p.bought.hosts_usd),
        "hosts": p.bought.host_text,
        "has_hosts": p.bought.has_hosts,
        "name": good.name,
        "units_count": p.bought.units_count,
        "cards_per_unit_count": good.cards_count,
        "low_usd": good.low_usd,
        "high_usd": good.high_usd,
        "has_host": good.has_host,
        "date": good.date,
        "source": good.source,
        "price_warning": price_warning(p, datetime.datetime.now(tz=datetime.UTC).date()),
    }


def _hinges_json(hinges: Hinges) -> HingesJson:
    """Return what a plan hangs on as JSON."""
    return {
        "binding": hinges.binding,
        "price_margin_ratio": hinges.price_margin_ratio,
        "rival": None if hinges.rival is None else _planned_json(hinges.rival),
        "varied": [
            {
                "name": one.name,
                "change_ratio": one.change_ratio,
                "is_other": one.is_other,
                "winner": None
                if one.winner is None
                else {
                    "rig": one.winner.rig,
                    "replicas": one.winner.split.replicas,
                    "cost_usd": one.winner.cost_usd,
                },
            }
            for one in hinges.varied
        ],
        "flips": [
            {
                "rate_requests_per_s": one.from_requests_per_s,
                "before": one.before,
                "after": one.after,
            }
            for one in hinges.flips
        ],
        "sentences": list(hinges.sentences()),
    }

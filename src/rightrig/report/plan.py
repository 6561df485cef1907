"""The report of a plan: the ranked list, the front, and why the other cards lost."""

from __future__ import annotations

import datetime
from collections import defaultdict
from typing import TYPE_CHECKING

from rightrig.facts.price import STALE_AFTER_DAYS
from rightrig.quantities import show_seconds, show_usd
from rightrig.report.document import Block, Document, Grid, Paragraph
from rightrig.report.values import Json, explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.planning.finalists import Plan, PlannedRig

_MILLION = 1e6
_SHOWN_CARDS = 12


def plan_document(plan: Plan, *, every_reason: bool = False) -> Document:
    """Return a plan as a document; ``every_reason`` lists each rejected card on its own line."""
    blocks: list[Block] = [
        Paragraph(f"Plans for {plan.llm.name}", "title"),
        Paragraph(_asked(plan)),
    ]
    if plan.plans:
        blocks.append(_ranking(plan))
        blocks.append(
            Paragraph(
                "* on the Pareto front of cost, TTFT p99 and TPOT p99. p99 are analytic bounds of "
                "queueing, not simulated; --json has the 80 % interval of each."
                + (" † price from a source of low trust." if _is_doubtful(plan) else ""),
                "dim",
            )
        )
    blocks += [Paragraph(sentence) for sentence in plan.explain().sentences]
    blocks += _energy(plan)
    if plan.rejected:
        blocks.append(Paragraph("Why the other cards lost", "title"))
        blocks += _reasons(plan, every_reason=every_reason)
    blocks += [Paragraph(warning, "warn") for warning in _warnings(plan)]
    blocks.append(
        Paragraph(
            f"{plan.candidates_count:,} candidates, {plan.pruned_count:,} pruned by rules and "
            f"memory, {plan.feasible_count:,} feasible; {plan.elapsed_s:.2f} s.",
            "dim",
        )
    )
    return tuple(blocks)


def _asked(plan: Plan) -> str:
    """Return the question in words."""
    workload, slo, limits = plan.question.workload, plan.question.slo, plan.question.limits
    wanted = [
        f"{name} p99 ≤ {show_seconds(limit)}"
        for name, limit in (("TTFT", slo.ttft_p99_s), ("TPOT", slo.tpot_p99_s))
        if limit is not None
    ]
    return (
        f"{workload.rate_requests_per_s:g} requests/s (Poisson), {workload.input_tokens:,} tokens "
        f"in, {workload.output_tokens:,} out; {', '.join(wanted) or 'no latency objective'}; "
        f"{limits.headroom_ratio:.0%} headroom; objectives met {limits.confidence}."
    )


def _ranking(plan: Plan) -> Grid:
    """Return the ranked list."""
    rows = tuple(
        (
            f"{number}{'*' if p.on_front else ''}",
            f"{p.split.replicas} × {p.rig}" + (f" {p.engine_split}" if p.split.pp > 1 else ""),
            f"{p.runtime} {'as published' if p.weights == 'checkpoint' else p.weights}",
            show_usd(p.rent_usd_per_month),
            show_usd(p.cost_usd_per_output_token * _MILLION),
            show_seconds(p.ttft_p99_s.mid),
            show_seconds(p.tpot_p99_s.mid),
            f"{p.capacity_requests_per_s:.1f}/s",
            p.met,
            p.purchase.price.provider + ("†" if p.purchase.price.trust == "low" else ""),
        )
        for number, p in enumerate(plan.plans, 1)
    )
    headers = (
        "#", "engines", "runtime, weights", "$/month", "$/M out", "TTFT p99", "TPOT p99",
        "carries", "met", "from",
    )  # fmt: skip
    return Grid(headers, rows, (3, 4, 5, 6, 7), spare=(9, 4, 7))


def _energy(plan: Plan) -> list[Paragraph]:
    """Say what the winner's cards draw; a rent includes it."""
    if not plan.plans or plan.plans[0].power_w is None:
        return []
    best = plan.plans[0]
    energy = show_usd(best.energy_usd_per_month or 0.0)
    return [
        Paragraph(
            f"Its cards draw about {best.power_w:,.0f} W: {energy} a month at "
            f"${plan.tariff.usd_per_kwh:g}/kWh ({plan.tariff.usd_origin}) and PUE "
            f"{plan.tariff.pue_ratio:g} ({plan.tariff.pue_origin}), included in a rent.",
            "dim",
        )
    ]


def _is_doubtful(plan: Plan) -> bool:
    """Say whether a price of the ranking is from a source of low trust."""
    return any(p.purchase.price.trust == "low" for p in plan.plans)


def _reasons(plan: Plan, *, every_reason: bool) -> list[Paragraph]:
    """Return the rejected cards, grouped by rule with one example each, or all of them."""
    if every_reason:
        return [Paragraph(f"  {gpu}: {reason} [{rule}]") for gpu, rule, reason in plan.rejected]
    grouped: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for gpu, rule, reason in plan.rejected:
        grouped[rule].append((gpu, reason))
    lines = []
    for rule, cards in grouped.items():
        names = ", ".join(gpu for gpu, _ in cards[:_SHOWN_CARDS])
        more = f" and {len(cards) - _SHOWN_CARDS} more" if len(cards) > _SHOWN_CARDS else ""
        lines.append(Paragraph(f"  [{rule}] {names}{more}. For one: {cards[0][1]}."))
    if lines:
        lines.append(Paragraph("  (--why lists the reason of every card)", "dim"))
    return lines


def _warnings(plan: Plan) -> list[str]:
    """Return what a reader should know about the prices."""
    if not plan.plans:
        return []
    today = datetime.datetime.now(tz=datetime.UTC).date()
    price = plan.plans[0].purchase.price
    stale = price.staleness(today)
    low = ", a source of low trust" if price.trust == "low" else ""
    said = [f"The winning price is {stale}{low}: check it before you buy."] if stale or low else []
    others = sum(bool(p.purchase.price.staleness(today)) for p in plan.plans[1:])
    if others:
        said.append(
            f"{others} of the other {len(plan.plans) - 1} plans rest on prices that are undated "
            f"or more than {STALE_AFTER_DAYS} days old."
        )
    return said


def plan_json(plan: Plan) -> Json:
    """Return a plan as JSON."""
    workload, slo, limits = plan.question.workload, plan.question.slo, plan.question.limits
    return {
        "model": plan.llm.name,
        "question": {
            **workload.model_dump(),
            **slo.model_dump(),
            **limits.model_dump(),
        },
        "plans": [_plan_json(p) for p in plan.plans],
        "rejected": [{"gpu": g, "rule": rule, "reason": why} for g, rule, why in plan.rejected],
        "candidates_count": plan.candidates_count,
        "pruned_count": plan.pruned_count,
        "feasible_count": plan.feasible_count,
        "elapsed_s": plan.elapsed_s,
        "explanation": explanation_json(plan.explain()),
    }


def _plan_json(p: PlannedRig) -> Json:
    """Return one plan as JSON."""
    return {
        "gpu": p.gpu,
        "cards_count": p.cards_count,
        "rig": p.rig,
        "tp": p.split.tp,
        "pp": p.split.pp,
        "replicas": p.split.replicas,
        "runtime": p.runtime,
        "weights": p.weights,
        "rent_usd_per_month": p.rent_usd_per_month,
        "cost_usd_per_million_tokens": p.cost_usd_per_token * _MILLION,
        "full_cost_usd_per_million_tokens": p.full_cost_usd_per_token * _MILLION,
        "cost_usd_per_million_output_tokens": p.cost_usd_per_output_token * _MILLION,
        "capacity_requests_per_s": p.capacity_requests_per_s,
        "running_seqs": p.running_seqs,
        "ttft_mean_s": p.ttft_mean_s,
        "tpot_mean_s": p.tpot_mean_s,
        "ttft_p99_s": interval_json(p.ttft_p99_s),
        "tpot_p99_s": interval_json(p.tpot_p99_s),
        "p99_method": "analytic",
        "slo_met": p.met,
        "power_w": p.power_w,
        "energy_usd_per_month": p.energy_usd_per_month,
        "evidence": p.evidence,
        "on_pareto_front": p.on_front,
        "purchase": _purchase_json(p),
    }


def _purchase_json(p: PlannedRig) -> Json:
    """Return what to rent, and how far its price is to be trusted."""
    price = p.purchase.price
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return {
        "provider": price.provider,
        "region": price.region,
        "instance": price.instance,
        "instances_count": p.purchase.instances_count,
        "cards_per_instance": p.purchase.cards_per_instance,
        "rented_cards_count": p.purchase.rented_cards,
        "per_gpu_usd_per_hour": price.per_gpu_usd_per_hour,
        "date": price.date,
        "trust": price.trust,
        "source": price.source,
        "price_warning": price.staleness(today),
    }

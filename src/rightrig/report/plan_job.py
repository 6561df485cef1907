"""The report of a batch job: the cheapest engines that do it in time."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rightrig.planning.job import show_hours
from rightrig.quantities import MILLION, show_number, show_usd
from rightrig.report.document import Block, Document, Grid, Paragraph
from rightrig.report.plan import winner_warning
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.planning.job import JobPlan, JobRig
    from rightrig.report.schema.planning import JobRigJson, PlanJobJson


def job_document(plan: JobPlan) -> Document:
    """Return the engines for a job as a document."""
    job, workload = plan.job, plan.question.workload
    blocks: list[Block] = [
        Paragraph(f"{show_number(job.tokens_count)} tokens through {plan.llm.name}", "title"),
        Paragraph(
            f"Requests of {workload.input_tokens:,} tokens in and {workload.output_tokens:,} out, "
            f"done within {show_hours(job.deadline_s)}; engines run full, rent by the second."
        ),
    ]
    if plan.rigs:
        rows = tuple(_row(number, rig, plan) for number, rig in enumerate(plan.rigs, 1))
        headers = ("#", "engines", "runtime, weights", "takes", "80 % between", "$", "$/M tokens",
                   "in time", "from")  # fmt: skip
        blocks.append(Grid(headers, rows, (3, 5, 6), spare=(8, 4)))
    blocks += [Paragraph(sentence) for sentence in plan.explain().sentences]
    blocks += [Paragraph(text, "warn") for text in _warnings(plan)]
    counts = f"{plan.candidates_count:,} candidates, {plan.feasible_count:,} do it in time"
    blocks.append(Paragraph(f"{counts}; {plan.elapsed_s:.2f} s.", "dim"))
    return tuple(blocks)


def _row(number: int, rig: JobRig, plan: JobPlan) -> tuple[str, ...]:
    """Return one line of the list."""
    price = rig.purchase.price
    spot = " spot" if rig.purchase.is_spot else ""
    between = f"{show_hours(rig.duration_s.low)} … {show_hours(rig.duration_s.high)}"
    return (
        str(number),
        f"{rig.split.replicas} × {rig.rig}",
        f"{rig.runtime} {rig.weights}",
        show_hours(rig.duration_s.mid),
        between,
        show_usd(rig.usd),
        show_usd(rig.usd / plan.job.tokens_count * MILLION),
        "surely" if rig.is_sure(plan.job) else "likely",
        price.provider + spot + ("†" if price.trust == "low" else ""),
    )


def _warnings(plan: JobPlan) -> list[str]:
    """Return what a reader should know about the prices."""
    if not plan.rigs:
        return []
    today = datetime.datetime.now(tz=datetime.UTC).date()
    price = plan.rigs[0].purchase.price
    said = winner_warning(price.staleness(today), is_low=price.trust == "low")
    if any(rig.purchase.price.trust == "low" for rig in plan.rigs):
        said.append("† price from a source of low trust.")
    return said


def job_json(plan: JobPlan) -> PlanJobJson:
    """Return the engines for a job as JSON."""
    return {
        "model": plan.llm.name,
        "tokens_count": plan.job.tokens_count,
        "deadline_s": plan.job.deadline_s,
        "spot_waste_ratio": plan.job.spot_waste_ratio,
        "rigs": [_rig_json(rig, plan) for rig in plan.rigs],
        "candidates_count": plan.candidates_count,
        "feasible_count": plan.feasible_count,
        "elapsed_s": plan.elapsed_s,
        "explanation": explanation_json(plan.explain()),
    }


def _rig_json(rig: JobRig, plan: JobPlan) -> JobRigJson:
    """Return one rig as JSON."""
    price = rig.purchase.price
    return {
        "gpu": rig.gpu,
        "rig": rig.rig,
        "tp": rig.split.tp,
        "pp": rig.split.pp,
        "dp": rig.split.attention_dp,
        "replicas": rig.split.replicas,
        "runtime": rig.runtime,
        "weights": rig.weights,
        "kv": rig.kv,
        "quality": rig.quality,
        "duration_s": interval_json(rig.duration_s),
        "tokens_per_s": rig.tokens_per_s,
        "usd": rig.usd,
        "high_usd": rig.high_usd,
        "cost_usd_per_million_tokens": rig.usd / plan.job.tokens_count * MILLION,
        "in_time": "surely" if rig.is_sure(plan.job) else "likely",
        "evidence": rig.evidence,
        "provider": price.provider,
        "instance": price.instance,
        "instances_count": rig.purchase.instances_count,
        "is_spot": rig.purchase.is_spot,
        "date": price.date,
        "source": price.source,
    }

"""Answers to questions about layouts, money and growth, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.report.values import explanation_json, finite, interval_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.questions.buy_or_rent import BuyOrRent
    from rightrig.planning.questions.growth import End, GrowthStep, Runway
    from rightrig.planning.questions.market import Hire
    from rightrig.planning.questions.measure_next import Doubt, NextMeasurement, RentRange
    from rightrig.planning.questions.mixing import Mix, OneEngine, Route
    from rightrig.planning.questions.scaling import Cause, Pace, Scaling
    from rightrig.planning.questions.split_choice import Layout, SplitChoice
    from rightrig.report.schema.ask_layout import (
        AskSplitJson,
        BuyOrRentJson,
        DoubtJson,
        GrowthEndJson,
        GrowthJson,
        GrowthStepJson,
        LargerEnginesJson,
        MeasureNextJson,
        MixJson,
        OneEngineJson,
        PaceJson,
        RentRangeJson,
        RigSplitsJson,
        RouteJson,
        ScalingCauseJson,
        ScalingJson,
        SplitLayoutJson,
    )


def split_json(found: Sequence[SplitChoice]) -> AskSplitJson:
    """Return the splits of every rig."""
    return {"rigs": [_split_json(one) for one in found]}


def _split_json(found: SplitChoice) -> RigSplitsJson:
    """Return the splits of one rig."""
    best, quickest, busiest = found.recommended, found.quickest, found.busiest
    return {
        "rig": found.rig.text,
        "model": found.llm.name,
        "link": found.link.kind,
        "input_tokens": found.lengths.input_tokens,
        "output_tokens": found.lengths.output_tokens,
        "rate_requests_per_s": found.rate_requests_per_s,
        "recommended": best.text if best else None,
        "quickest": quickest.text if quickest else None,
        "busiest": busiest.text if busiest else None,
        "splits": [_layout_json(one) for one in found.layouts],
        "flips": [
            {"at_requests_per_s": f.at_requests_per_s, "before": f.before, "after": f.after}
            for f in found.flips
        ],
        "refused": [{"split": one.text, "reason": one.reason} for one in found.refused],
        "explanation": explanation_json(found.explain()),
    }


def _layout_json(layout: Layout) -> SplitLayoutJson:
    """Return one split."""
    split = layout.split
    return {
        "split": layout.text,
        "tp": split.tp,
        "pp": split.pp,
        "attention_dp": split.attention_dp,
        "replicas": split.replicas,
        "runtime": layout.deployment.runtime.slug,
        "weights": layout.deployment.precision.weights,
        "ttft_s": interval_json(layout.ttft_s),
        "tpot_s": interval_json(layout.tpot_s),
        "goodput_requests_per_s": layout.goodput_requests_per_s,
        "output_tokens_per_s": layout.output_tokens_per_s,
        "capacity_seqs": layout.capacity_seqs,
        "capacity_tokens": layout.capacity_tokens,
        "fit_verdict": layout.fit.verdict,
        "on_front": layout.on_front,
    }


def buy_or_rent_json(found: BuyOrRent) -> BuyOrRentJson:
    """Return when buying has paid."""
    terms = found.terms
    return {
        "name": terms.name,
        "advice": found.advice,
        "price_low_usd": terms.price_low_usd,
        "price_high_usd": terms.price_high_usd,
        "resale_usd": terms.resale_usd,
        "resale_ratio": terms.resale_ratio,
        "rent_usd_per_hour": terms.rent_usd_per_hour,
        "power_w": terms.power_w,
        "tariff_usd_per_kwh": terms.tariff_usd_per_kwh,
        "pue_ratio": terms.pue_ratio,
        "use_ratio": terms.use_ratio,
        "speed_ratio": terms.speed_ratio,
        "owned_years": terms.owned_years,
        "machines_count": found.machines_count,
        "rented_usd_per_month": found.rented_usd_per_month,
        "running_usd_per_month": found.running_usd_per_month,
        "gross_low_months_count": finite(found.gross_low_months_count),
        "gross_high_months_count": finite(found.gross_high_months_count),
        "low_months_count": finite(found.low_months_count),
        "high_months_count": finite(found.high_months_count),
        "least_use_ratio": finite(found.least_use_ratio),
        "owned_low_usd": found.owned_low_usd,
        "owned_high_usd": found.owned_high_usd,
        "rented_usd": found.rented_usd,
        "sentences": list(found.explain().sentences),
        "sources": list(terms.origins),
    }


def scaling_json(found: Scaling, cost: tuple[float, float, float] | None) -> ScalingJson:
    """Return memory, exchange, speed-up and causes."""
    job = found.job
    return {
        "params": job.params_count,
        "ranks": job.ranks_count,
        "compute_s": job.compute_s,
        "whole_bytes": found.whole_bytes,
        "states": [
            {"sharing": one.sharing, "card_bytes": one.card_bytes, "fits": one.fits}
            for one in found.states
        ],
        "sharing": found.sharing,
        "sync_s": None if found.sync_s is None else interval_json(found.sync_s),
        "without_overlap": _pace_json(found.plain),
        "with_overlap": _pace_json(found.overlapped),
        "measured_speedup_ratio": found.measured_ratio,
        "causes": [_cause_json(cause) for cause in found.causes],
        "job_cost_usd": None if cost is None else cost[0],
        "job_cost_with_overlap_usd": None if cost is None else cost[1],
        "job_cost_without_overlap_usd": None if cost is None else cost[2],
        "explanation": explanation_json(found.explain()),
    }


def _pace_json(pace: Pace | None) -> PaceJson | None:
    """Return one overlap."""
    if pace is None:
        return None
    return {
        "overlap_ratio": pace.overlap_ratio,
        "waited_s": pace.waited_s,
        "overhead_ratio": pace.overhead_ratio,
        "speedup_ratio": pace.speedup_ratio,
    }


def _cause_json(cause: Cause) -> ScalingCauseJson:
    """Return one cause."""
    ratio = cause.speedup_ratio
    return {
        "cause": cause.name,
        "speedup_ratio": None if ratio is None else interval_json(ratio),
        "lost_ratio": cause.lost_ratio,
        "is_possible": cause.is_possible,
        "finding": cause.finding,
        "confirm": cause.confirm,
    }


def mix_json(found: Mix) -> MixJson:
    """Return one engine of all cards a model, and every route."""
    chosen = found.chosen()
    return {
        "one_engine": [_engine_json(engine) for engine in found.engines],
        "routes": [_route_json(route, chosen=route in chosen) for route in found.routes],
        "explanation": explanation_json(found.explain()),
    }


def _engine_json(engine: OneEngine) -> OneEngineJson:
    """Return one engine over all cards."""
    return {
        "model": engine.model,
        "rig": engine.rig,
        "barred": [{"way": w, "rule": rule, "reason": why} for w, rule, why in engine.barred],
        "shares": [
            {
                "gpu": share.card,
                "layers": share.layers_count,
                "weights_bytes": share.weights_bytes,
                "stage_ratio": share.stage_ratio,
            }
            for share in engine.shares
        ],
        "equal_shares_ratio": engine.equal_ratio,
        "layered_weights": engine.layered_weights,
        "layered_verdict": engine.verdict,
        "layered_tpot_s": engine.tpot_s,
    }


def _route_json(route: Route, *, chosen: bool) -> RouteJson:
    """Return one route."""
    return {
        "model": route.model,
        "pool": route.pool,
        "chosen": chosen,
        "split": route.layout.text if route.layout else None,
        "goodput_requests_per_s": route.layout.goodput_requests_per_s if route.layout else None,
        "rent_usd_per_month": route.rent_usd_per_month,
        "usd_per_token": route.usd_per_token,
        "reason": route.reason,
    }


def growth_json(found: Runway) -> GrowthJson:
    """Return the ends of a plan and the steps after."""
    planned = found.planned
    return {
        "rig": planned.rig,
        "replicas": planned.split.replicas,
        "split": planned.engine_split,
        "weights": planned.weights,
        "runtime": planned.runtime,
        "rent_usd_per_month": planned.rent_usd_per_month,
        "capacity_requests_per_s": planned.capacity_requests_per_s,
        "rate_requests_per_s": found.question.workload.rate_requests_per_s,
        "growth_ratio_per_month": found.growth_ratio_per_month,
        "start": str(found.span.start),
        "months": found.span.months_count,
        "ends": [_end_json(end) for end in found.ends],
        "steps": [_step_json(step) for step in found.steps],
        "explanation": explanation_json(found.explain()),
    }


def _end_json(end: End) -> GrowthEndJson:
    """Return one end."""
    return {
        "kind": end.kind,
        "at_requests_per_s": end.at_requests_per_s,
        "months_count": finite(end.months_count),
        "date": None if end.date is None else str(end.date),
    }


def _step_json(step: GrowthStep) -> GrowthStepJson:
    """Return one step."""
    return {
        "date": None if step.date is None else str(step.date),
        "months_count": step.months_count,
        "from_requests_per_s": step.from_requests_per_s,
        "engines": step.engines_count,
        "cards": step.cards_count,
        "rent_usd_per_month": step.rent_usd_per_month,
        "larger": None if step.larger is None else _hire_json(step.larger),
        "way": step.way,
    }


def _hire_json(hire: Hire) -> LargerEnginesJson:
    """Return larger engines."""
    return {
        "engines": hire.text,
        "cards": hire.cards_count,
        "rent_usd_per_month": hire.rent_usd_per_month,
        "capacity_requests_per_s": hire.capacity_requests_per_s,
    }


def measure_next_json(found: NextMeasurement) -> MeasureNextJson:
    """Return what is open and what decides it."""
    return {
        "judged": found.judged_count,
        "doubts": [_doubt_json(doubt) for doubt in found.doubts],
        "rents": [_rent_json(rent) for rent in found.rents],
        "rivals": [one.name for one in found.rivals],
        "explanation": explanation_json(found.explain()),
    }


def _doubt_json(doubt: Doubt) -> DoubtJson:
    """Return one doubt."""
    return {
        "place": doubt.place,
        "engines": doubt.name,
        "quantity": f"{doubt.quantity}_p99_s",
        "limit_s": doubt.limit_s,
        "evidence": doubt.evidence,
        "now_s": interval_json(doubt.now_s),
        "after_s": interval_json(doubt.after_s),
        "narrowing_ratio": doubt.narrowing_ratio,
        "met_ratio": doubt.met_ratio,
        "outcomes": [{"mid_s": mid_s, "outcome": name} for mid_s, name in doubt.outcomes()],
        "run": doubt.run,
        "kernel_resource": doubt.weakness.resource,
        "kernel_change_ratio": doubt.weakness.change_ratio,
    }


def _rent_json(rent: RentRange) -> RentRangeJson:
    """Return what a plan costs by the interval of its throughput."""
    return {
        "engines": rent.name,
        "evidence": rent.evidence,
        "now_usd_per_month": interval_json(rent.now_usd_per_month),
        "after_usd_per_month": interval_json(rent.after_usd_per_month),
    }

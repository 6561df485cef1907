"""The report of a prediction: speeds with intervals, the account of a step, the bottleneck."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.prediction.plausibility import implausible_prediction
from rightrig.quantities import show_number, show_seconds, show_users
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import (
    deployment_json,
    deployment_text,
    explanation_json,
    interval_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.interval import Interval
    from rightrig.prediction.predict import Prediction
    from rightrig.report.schema.predicting import PredictJson
    from rightrig.report.schema.shared import IntervalJson

_SHOWN_PARTS = 6


def predict_document(result: Prediction) -> Document:
    """Return a prediction as a document."""
    step_s = sum(part.time_s for part in result.parts)
    parts = tuple(
        (part.name, show_seconds(part.time_s), f"{part.time_s / step_s:.0%}", part.resource)
        for part in result.parts[:_SHOWN_PARTS]
    )
    return (
        *speed_blocks(result),
        Grid((step_text(result), "time", "share", "waits for"), parts, (1, 2)),
        *reason_blocks(result),
    )


def speed_blocks(result: Prediction) -> Document:
    """Return what is deployed, for whom, and how fast it is."""
    rows = [
        _row("TTFT, mean", result.ttft_s, show_seconds),
        _row("TPOT, mean", result.tpot_s, show_seconds),
        _row("end to end, mean", result.e2e_s, show_seconds),
        _row("tokens/s a user", result.user_tokens_per_s, show_number),
        _row("output tokens/s", result.output_tokens_per_s, show_number),
        _row("tokens/s, prompt too", result.total_tokens_per_s, show_number),
        _row("requests/s", result.requests_per_s, show_number),
    ]
    if result.power_w is not None:
        rows.append(_row("power of the cards", result.power_w, lambda w: f"{w:,.0f} W"))
    if result.energy_j_per_token is not None:
        energy = result.energy_j_per_token
        rows.append(_row("energy an output token", energy, lambda j: f"{show_number(j)} J"))
    return (
        Paragraph(deployment_text(result.deployment), "title"),
        *(Paragraph(sentence) for sentence in _traffic_sentences(result)),
        *_memory_warning(result),
        Grid(("quantity", "middle", "80 % between"), tuple(rows), (1, 2)),
    )


def reason_blocks(result: Prediction) -> Document:
    """Return what limits the speed, and what it was fitted on."""
    wrong = implausible_prediction(result)
    return (
        *(Paragraph(f"NOT PLAUSIBLE: {found.rule_id}: {found.reason}", "bad") for found in wrong),
        *(Paragraph(sentence) for sentence in result.explain().sentences),
        *(Paragraph(f"Fitted on: {source}", "dim") for source in result.sources),
    )


def _traffic_sentences(result: Prediction) -> tuple[str, ...]:
    """Return the traffic in words, with what a cache or a draft spares it."""
    lengths = result.lengths
    users = show_users(result.concurrency)
    found = [
        (
            f"{users} in a closed loop, {lengths.input_tokens:,.0f} tokens in, "
            f"{lengths.output_tokens:,.0f} out."
        )
    ]
    if lengths.cached_tokens:
        found.append(f"A prefix cache holds {lengths.cached_tokens:,.0f} tokens of each prompt.")
    if lengths.patches_count:
        found.append(f"An encoder reads {lengths.patches_count:,.0f} patches of each prompt.")
    drafted = lengths.tokens_per_step_count - 1.0
    if drafted:
        companions = result.deployment.companions
        is_costed = companions.draft is not None or companions.draft_ahead
        cost = "included" if is_costed else "left out; name what drafts with --draft"
        found.append(
            f"A step verifies {drafted:,.0f} drafted tokens and yields "
            f"{lengths.accepted_count:.2f}; the time to draft them is {cost}."
        )
    return tuple(found)


def step_text(result: Prediction) -> str:
    """Return what the accounted step works on."""
    prompts = result.step.prefill_tokens
    with_prompts = f", {prompts:,.0f} prompt tokens" if prompts >= 1.0 else ""
    return f"a mean step: {result.step.decode_seqs:,.0f} decoding{with_prompts}"


def _memory_warning(result: Prediction) -> tuple[Paragraph, ...]:
    """Say first when not one sequence fits: the speed is then only what it would be."""
    if result.fit.max_concurrency >= 1:
        return ()
    return (Paragraph(f"DOES NOT FIT: {result.fit.explain().sentences[0]}", "bad"),)


def _row(name: str, value: Interval, show: Callable[[float], str]) -> tuple[str, str, str]:
    """Return one quantity with its interval."""
    return (name, show(value.mid), f"{show(value.low)} … {show(value.high)}")


def _maybe_json(value: Interval | None) -> IntervalJson | None:
    """Return an interval, or null."""
    return None if value is None else interval_json(value)


def predict_json(result: Prediction) -> PredictJson:
    """Return a prediction as JSON."""
    return {
        "deployment": deployment_json(result.deployment),
        "input_tokens": result.lengths.input_tokens,
        "output_tokens": result.lengths.output_tokens,
        "cached_tokens": result.lengths.cached_tokens,
        "drafted_tokens": result.lengths.tokens_per_step_count - 1.0,
        "yielded_tokens": result.lengths.accepted_count,
        "concurrency": result.concurrency,
        "running_seqs": result.running_seqs,
        "fit_verdict": result.fit.verdict,
        "ttft_s": interval_json(result.ttft_s),
        "tpot_s": interval_json(result.tpot_s),
        "output_tokens_per_s": interval_json(result.output_tokens_per_s),
        "total_tokens_per_s": interval_json(result.total_tokens_per_s),
        "requests_per_s": interval_json(result.requests_per_s),
        "e2e_s": interval_json(result.e2e_s),
        "user_tokens_per_s": interval_json(result.user_tokens_per_s),
        "power_w": _maybe_json(result.power_w),
        "energy_j_per_token": _maybe_json(result.energy_j_per_token),
        "implausible": [f"{v.rule_id}: {v.reason}" for v in implausible_prediction(result)],
        "bottleneck": result.bottleneck,
        "bottleneck_ratio": result.bottleneck_ratio,
        "bound_tpot_s": result.bound_tpot_s,
        "evidence": result.evidence,
        "step_decode_seqs": float(result.step.decode_seqs),
        "step_prefill_tokens": float(result.step.prefill_tokens),
        "parts": [
            {
                "name": part.name,
                "time_s": part.time_s,
                "resource": part.resource,
                "share_of_limit_ratio": part.share_of_limit_ratio,
            }
            for part in result.parts
        ],
        "explanation": explanation_json(result.explain()),
    }

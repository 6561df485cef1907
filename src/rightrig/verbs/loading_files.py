"""``load`` without a server: the test of a plan in print, and results of other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.errors import InputError
from rightrig.report.loaded import Loaded
from rightrig.verbs.loading_keeping import begun, kept_name
from rightrig.verbs.loading_predicting import load_plan_of, predictions_of, price_of
from rightrig.verbs.loading_words import bounds_of, drawing, trial_of

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.measuring.load.costing import TokenCost
    from rightrig.measuring.load.levels_predicted import LevelPrediction
    from rightrig.measuring.load.outcome import LevelOutcome
    from rightrig.report.loaded import LoadPrice
    from rightrig.verbs.loading import Asked, Subject

_URL = "http://localhost:8000"


def planned_only(asked: Asked, subject: Subject) -> Loaded:
    """Return the test of a plan, which nobody has run."""
    if subject.planned is None:
        raise InputError("there is no plan to print")
    planned = subject.planned
    plan = load_plan_of(subject, bounds_of(asked), drawing(asked, subject).requests)
    return Loaded(
        test=trial_of(asked, subject, _URL, asked.server.name or planned.model),
        slo=subject.slo,
        is_usual_slo=subject.is_usual_slo,
        traffic=f"Load test of {planned.model} on {planned.rig}",
        deployment=subject.deployment,
        plan=plan,
        peak_requests_per_s=planned.peak_requests_per_s,
        command=kept_name(asked),
        notes=subject.notes,
    )


def read_back(asked: Asked, subject: Subject, path: Path) -> Loaded:
    """Return what a result file of another tool says, by our own definitions."""
    from rightrig.measuring.load.readers import read_results
    from rightrig.measuring.load.readers_outcome import recorded_outcome

    recorded = read_results(path)
    outcomes = tuple(recorded_outcome(one, subject.slo) for one in recorded)
    predictions, why = predictions_of(subject, outcomes, None)
    price = price_of(asked, subject)
    tool, name = recorded[0].tool, recorded[0].name
    keeper, unkept = begun(asked, subject, f"file:{path.name}", dict(recorded[0].versions))
    for outcome in outcomes:
        keeper.keep(outcome)
    keeper.finish()
    failed = ("how requests failed is guessed from the tool's words",)
    told = failed if any(outcome.faults for outcome in outcomes) else ()
    notes = (*told, *dict.fromkeys(note for one in recorded for note in one.notes), *why, *unkept)
    return Loaded(
        test=trial_of(asked, subject, "", name or "the model"),
        slo=subject.slo,
        tool=tool,
        traffic=f"{path.name}: {sum(len(one.samples) for one in recorded):,} requests of {tool}.",
        deployment=subject.deployment,
        outcomes=outcomes,
        predictions=predictions,
        costs=costs_of(outcomes, predictions, price),
        price=price,
        run_id=keeper.run_id,
        command=kept_name(asked),
        notes=(*notes, *((keeper.trouble,) if keeper.trouble else ())),
    )


def costs_of(
    outcomes: tuple[LevelOutcome, ...],
    predictions: tuple[LevelPrediction | None, ...],
    price: LoadPrice | None,
) -> tuple[TokenCost | None, ...]:
    """Return what output tokens cost at each level; ``None`` without a price."""
    from rightrig.measuring.load.costing import token_cost

    if price is None:
        return (None,) * len(outcomes)
    return tuple(
        token_cost(
            price.cost_usd_per_hour,
            outcome.output_tokens_per_s,
            None if prediction is None else prediction.output_tokens_per_s,
        )
        for outcome, prediction in zip(outcomes, predictions, strict=True)
    )

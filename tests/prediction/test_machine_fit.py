from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import Catalog, shipped
from rightrig.facts.machine import Machine
from rightrig.facts.measured_here import MeasuredHere
from rightrig.facts.measurement import Measurement
from rightrig.facts.user_catalog import load_catalog
from rightrig.planning.survey.speeds import speeds_of_many
from rightrig.prediction.accuracy_inference import predict_runs
from rightrig.prediction.machine_fit import MachineFit, fit_machine
from rightrig.prediction.own_runs import OwnFigure, plan_own
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.prediction.runs import Metric

MODEL = "meta-llama/Llama-3.2-1B"
OTHER = "Qwen/Qwen2.5-0.5B"
METRICS: tuple[Metric, ...] = ("tpot_s", "ttft_s", "output_tokens_per_s")
TRUTH = {"step_s": 0.02, "sequence_s": 0.004, "request_s": 0.05, "layer_s": 2e-4}
MEASURED_AT = (1.0, 4.0, 16.0)
ASKED_AT = (2.0, 8.0, 32.0)
LENGTHS = Lengths(128.0, 64.0)


def catalog_with(*speeds: MeasuredHere) -> Catalog:
    """Return a catalogue of a machine with a card of its own: an old one that got slow."""
    slow = (
        shipped()
        .gpu("rtx-3090")
        .model_copy(update={"slug": "this-cpu", "name": "a slow card", "aliases": ()})
    )
    machine = Machine(
        name="attic", date="2026-11-21", rig="1xthis-cpu", own_cards=(slow,), speeds=speeds
    )
    return load_catalog(machine=lambda: machine)


def made_here(parameters: dict[str, float]) -> MeasuredHere:
    return MeasuredHere(
        card="this-cpu", era="eager", models=("other",), parameters=parameters, ends={},
        runs_count=1, date="2026-11-21",
    )  # fmt: skip


def deployed(catalog: Catalog, model: str = MODEL) -> Deployment:
    choices = Choices(runtime="transformers", weights="bf16")
    return propose(catalog, catalog.llm(model), parse_rig("this", catalog), choices)


def figure(deployment: Deployment, seqs: float, metric: Metric, measured: float) -> OwnFigure:
    row = Measurement(1, {"source": "mine/attic", "date": "2026-11-21"})
    return OwnFigure(deployment, 128.0, 64.0, seqs, metric, measured, row)


@cache
def true_values(
    seqs: tuple[float, ...], noise_ratio: float, seed: int = 0
) -> tuple[OwnFigure, ...]:
    """Return what a machine would measure whose parameters are ``TRUTH``."""
    rng = np.random.default_rng(seed)
    true, plain = deployed(catalog_with(made_here(TRUTH))), deployed(catalog_with())
    found = []
    for count in seqs:
        for metric in METRICS:
            (predicted,) = predict_runs([plan_own(figure(true, count, metric, 1.0))])
            noise = math.exp(rng.normal(0.0, noise_ratio)) if noise_ratio else 1.0
            found.append(figure(plain, count, metric, predicted.mid * noise))
    return tuple(found)


def fitted(noise_ratio: float = 0.0, seqs: tuple[float, ...] = MEASURED_AT) -> MachineFit:
    (found,) = fit_machine(true_values(seqs, noise_ratio))
    return found


def errors_after(found: MachineFit) -> list[float]:
    """Return the relative errors of a refitted machine at loads that it was not fitted on."""
    own = deployed(catalog_with(found.here))
    runs = [plan_own(replace(one, deployment=own)) for one in true_values(ASKED_AT, 0.0)]
    return [
        predicted.mid / run.plan.run.measured - 1.0
        for run, predicted in zip(runs, predict_runs(runs), strict=True)
    ]


def test_three_loads_predict_the_others() -> None:
    assert max(map(abs, errors_after(fitted()))) < 0.05


def test_noise_of_a_twentieth_stays_below_fifteen_percent() -> None:
    assert max(map(abs, errors_after(fitted(0.05)))) < 0.15


def test_the_fit_halves_the_error_and_says_so() -> None:
    found = fitted()
    assert found.before_ratio > 0.3
    assert found.after_ratio < 0.02
    assert found.left_out_ratio is not None
    assert found.left_out_ratio < 0.1


def test_only_parameters_of_a_machine_move() -> None:
    kinds = {move.kind for move in fitted().moves}
    assert "step_s" in kinds
    assert not kinds & {"compute", "memory", "pair_host", "engine_compute", "latency_s"}


def test_a_refit_starts_from_published_runs_not_from_itself() -> None:
    first = fitted()
    own = deployed(catalog_with(first.here))
    again = [replace(one, deployment=own) for one in true_values(MEASURED_AT, 0.0)]
    assert fit_machine(again)[0].here.parameters == first.here.parameters


def test_two_loads_have_no_left_out_error_and_a_wide_interval() -> None:
    found = fitted(seqs=(1.0, 8.0))
    assert found.left_out_ratio is None
    low, high = found.here.ends["tpot"]
    assert low <= math.exp(-0.2)
    assert high >= math.exp(0.2)


def test_predictions_of_the_model_that_ran_are_measured_on_this_machine() -> None:
    found = fitted()
    result = predict(deployed(catalog_with(found.here)), LENGTHS, 8)
    truth = next(o for o in true_values(ASKED_AT, 0.0) if o.seqs == 8.0 and o.metric == "tpot_s")
    assert result.evidence == "measured on this machine"
    assert result.tpot_s.mid == pytest.approx(truth.measured, rel=0.03)
    assert result.tpot_s.high / result.tpot_s.low < 1.5


def test_another_model_gets_the_machine_and_the_interval_of_its_class() -> None:
    here = predict(deployed(catalog_with(fitted().here), OTHER), LENGTHS, 8)
    bare = predict(deployed(catalog_with(made_here({"step_s": 1e-3})), OTHER), LENGTHS, 8)
    assert here.evidence == bare.evidence != "measured on this machine"
    assert here.tpot_s.mid > 1.2 * bare.tpot_s.mid


def test_an_engine_without_published_speeds_predicts_where_it_ran() -> None:
    with pytest.raises(InputError, match="calibrate --mine"):
        predict(deployed(catalog_with()), LENGTHS, 8)


def test_the_survey_reads_the_machine_too() -> None:
    catalog = catalog_with(fitted().here)
    rows = [deployed(catalog), deployed(catalog, OTHER)]
    many = speeds_of_many(rows, [LENGTHS] * 2, 8.0, np.array([64.0, 64.0]))
    for place, row in enumerate(rows):
        alone = predict(row, LENGTHS, 8)
        assert many.evidence[place] == alone.evidence
        assert many.tpot_s[1, place] == pytest.approx(alone.tpot_s.mid, rel=1e-9)
        assert many.tpot_s[2, place] == pytest.approx(alone.tpot_s.high, rel=1e-9)

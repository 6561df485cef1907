"""Calibration on whole runs: it finds what made them, and leaves alone what none speaks of."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import rightrig
from rightrig.deployment.deployment import Precision
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.rig import parse_rig
from rightrig.prediction.parameters import KINDS, engine_of, prior, value
from rightrig.prediction.run_design import Design, design_of, predicted_values
from rightrig.prediction.run_fit import fit_runs, log_errors, parameters, row_weights
from rightrig.prediction.run_plan import plan_run
from rightrig.prediction.runs import InferenceRun

CATALOG = rightrig.shipped()


def run(seqs: float, tokens: float = 1000.0, **changes: object) -> InferenceRun:
    """Llama-3.1-8B under vLLM on one H100, a closed loop."""
    usual = InferenceRun(
        llm=CATALOG.llm("llama-3.1-8b"),
        rig=parse_rig("1xh100-sxm", CATALOG),
        split=Parallelism(),
        expert_parallel=1,
        precision=Precision("checkpoint", "bf16"),
        runtime=CATALOG.runtime("vllm"),
        version="0.19.0",
        date="",
        regime="closed_loop",
        input_tokens=tokens,
        output_tokens=300.0,
        seqs=seqs,
        context_tokens=tokens + 150.0,
        metric="tpot_s",
        measured=1.0,
        kind="test",
    )
    return dataclasses.replace(usual, **changes)  # type: ignore[arg-type] # fields of the record


def designed(runs: list[InferenceRun]) -> Design:
    return design_of([plan_run(one) for one in runs])


def priors(design: Design) -> np.ndarray:
    return np.array([prior(kind, key).mid for kind, key in design.names])


def measured_with(runs: list[InferenceRun], **factors: float) -> list[InferenceRun]:
    """Return the runs as they would be measured if parameters were so many times their priors."""
    design = designed(runs)
    values = priors(design) * [factors.get(kind, 1.0) for kind, _ in design.names]
    found = predicted_values(design, parameters(design, values))
    return [
        dataclasses.replace(one, measured=float(value))
        for one, value in zip(runs, found, strict=True)
    ]


LOADS = [run(seqs, tokens) for seqs in (1.0, 4.0, 16.0, 64.0, 128.0) for tokens in (200.0, 4000.0)]


def test_runs_made_by_the_priors_move_nothing() -> None:
    design = designed(measured_with(LOADS))
    found = fit_runs(design, np.ones(len(LOADS)))
    assert found.values == pytest.approx(priors(design), rel=1e-4)
    assert found.is_used.all()


@pytest.mark.parametrize("kind", ["engine_memory", "step_s", "sequence_s"])
def test_a_fit_explains_runs_that_one_parameter_made_slower(kind: str) -> None:
    factor = 0.8 if kind == "engine_memory" else 4.0
    design = designed(measured_with(LOADS, **{kind: factor}))
    before = np.abs(log_errors(design, priors(design)))
    found = fit_runs(design, np.ones(len(LOADS)))
    after = np.abs(log_errors(design, found.values))
    assert after.max() < 0.5 * before.max()
    place = next(p for p, (name, _) in enumerate(design.names) if name == kind)
    assert (found.values[place] / priors(design)[place] - 1.0) * (factor - 1.0) > 0.0


def test_one_absurd_row_does_not_rule() -> None:
    rows = measured_with(LOADS)
    rows[3] = dataclasses.replace(rows[3], measured=50.0 * rows[3].measured)
    design = designed(rows)
    errors = np.abs(log_errors(design, fit_runs(design, np.ones(len(rows))).values))
    assert np.median(errors) < 0.05


def test_a_row_of_no_weight_is_no_evidence() -> None:
    rows = [*measured_with(LOADS), run(8.0, runtime=CATALOG.runtime("sglang"))]
    design = designed(rows)
    found = fit_runs(design, np.array([1.0] * len(LOADS) + [0.0]))
    unused = {key for (_, key), used in zip(design.names, found.is_used, strict=True) if not used}
    assert "sglang" in unused
    assert "vllm-1" not in unused


def test_a_group_of_many_rows_counts_as_the_root_of_them() -> None:
    weights = row_weights(["many"] * 300 + ["few"] * 2)
    assert sum(weights[:300] ** 2) == pytest.approx((3.0 * 300) ** 0.5)
    assert weights[-1] == 1.0


@pytest.mark.parametrize(
    ("runtime", "version", "kind", "era"),
    [
        ("vllm", "0.6.3", "", "vllm-0"), ("vllm", "0.8.0", "", "vllm-1"),
        ("vllm", "", "", "vllm-1"),
        ("tensorrt-llm", "0.9.0", "", "trtllm-static"), ("tensorrt-llm", "0.14", "", "trtllm-cpp"),
        ("tensorrt-llm", "1.2.0rc6", "", "trtllm-1.2"), ("tensorrt-llm", "", "", "trtllm-1.1"),
        ("llama.cpp", "b3500", "", "llama.cpp"),
        ("llama.cpp", "b3500", "llm-inference-bench", "llama.cpp-python"),
        ("unheard-of", "1", "", "other"),
    ],
)  # fmt: skip
def test_a_version_belongs_to_an_era(runtime: str, version: str, kind: str, era: str) -> None:
    assert engine_of(runtime, version, kind).era == era


def test_every_prior_lies_within_its_bounds_and_every_fitted_value_too() -> None:
    design = designed(LOADS)
    for kind, key in design.names:
        known = prior(kind, key)
        assert known.low <= known.mid <= known.high
        assert known.low * 0.999 <= value(kind, key) <= known.high * 1.001
    assert {kind for kind, _ in design.names} == set(KINDS)

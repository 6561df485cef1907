"""Fine-tuning: memory before time, and no time for what does not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from training_jobs import training_job

from rightrig.deployment.training import Batch, TrainingSplit, TrainingStates
from rightrig.facts.explanation import Explainable
from rightrig.prediction.finetune import finetune
from rightrig.prediction.training.time import training_time


@pytest.mark.parametrize("rig", ["2xa100-sxm-80gb", "8xa100-sxm-80gb", "8xh100-sxm"])
def test_all_of_a_70b_model_on_640_gb_gets_no_time(rig: str) -> None:
    job = training_job("meta-llama/Llama-2-70b-hf", rig, split=TrainingSplit(sharing="zero-3"))
    found = finetune(job)
    assert found.verdict == "no"
    assert found.time is None
    said = " ".join(found.explain().sentences)
    assert "1,104 GB" in said
    assert "No time is given" in said


def test_what_fits_gets_the_same_time_as_asked_for_alone() -> None:
    job = training_job(
        "meta-llama/Llama-2-7b-hf", "rtx-4090", "qlora", framework="peft",
        batch=Batch(2048, 1, 8), states=TrainingStates(base="nf4"),
    )  # fmt: skip
    found = finetune(job)
    assert isinstance(found, Explainable)
    assert found.verdict == "fits"
    assert found.time == training_time(job)
    sentences = found.explain().sentences
    assert "GiB" in sentences[0]
    assert any("tokens takes" in sentence for sentence in sentences)


def test_a_70b_model_in_four_bits_needs_the_larger_card() -> None:
    job = training_job(
        "meta-llama/Llama-2-70b-hf", "rtx-a6000", "qlora", framework="peft",
        batch=Batch(512, 1, 16), states=TrainingStates(base="nf4"),
    )  # fmt: skip
    assert finetune(job).time is not None
    small = replace(job, rig=training_job("meta-llama/Llama-2-70b-hf", "rtx-4090").rig)
    assert finetune(small).time is None

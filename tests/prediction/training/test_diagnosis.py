"""Why training is slower than predicted: a cause put in is the cause found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from training_jobs import small_ddp_job

from rightrig.errors import InputError
from rightrig.prediction.training.diagnosis import Diagnosis, diagnose, diagnose_scaling
from rightrig.prediction.training.links import on_pcie, on_rig, through_host
from rightrig.prediction.training.step import NO_OVERLAP_RATIO
from rightrig.prediction.training.time import training_time


def first_computed(found: Diagnosis) -> str:
    return next(cause.name for cause in found.causes if cause.tokens_per_s is not None)


def test_20_percent_below_linear_on_four_4090_is_what_their_links_allow() -> None:
    found = diagnose_scaling(small_ddp_job("4xrtx-4090", 8), 0.2)
    assert found.measured_tokens_per_s == pytest.approx(0.8 * found.linear_tokens_per_s)
    assert found.is_as_expected
    assert found.causes[0].name.startswith("nothing is wrong")
    assert any("nccl-tests" in cause.expected for cause in found.causes)


def test_20_percent_below_linear_on_four_a100_is_no_matter_of_nvlink() -> None:
    found = diagnose_scaling(small_ddp_job("4xa100-sxm-80gb", 8), 0.2)
    assert not found.is_as_expected
    assert found.gap_ratio > 0.1
    assert not found.causes[0].name.startswith("nothing is wrong")
    names = [cause.name for cause in found.causes]
    assert any(name.startswith("NVLink is not used") for name in names)
    assert any("slower: heat" in name for name in names)
    # What slows one card as much as four is no reason for bad scaling.
    assert "activation checkpointing is on" not in names


@pytest.mark.parametrize("accumulation", [1, 4])
def test_a_cause_put_in_is_ranked_first_of_those_computed(accumulation: int) -> None:
    job = small_ddp_job("8xa100-sxm-80gb", accumulation)
    faults = {
        "NVLink is not used": training_time(on_rig(job, on_pcie(job.rig) or job.rig)),
        "no peer-to-peer: messages": training_time(on_rig(job, through_host(job.rig) or job.rig)),
        "messages do not overlap": training_time(job, NO_OVERLAP_RATIO),
        "activation checkpointing": training_time(replace(job, checkpointing="full")),
        "attention stores its scores": training_time(replace(job, has_flash_attention=False)),
        "nothing is wrong": training_time(job),
    }
    for name, slow in faults.items():
        assert first_computed(diagnose(job, slow.tokens_per_s.mid)).startswith(name)


def test_a_cause_of_unknown_size_says_how_large_it_must_be() -> None:
    job = small_ddp_job("4xa100-sxm-80gb", 8)
    expected = training_time(job)
    found = diagnose(job, expected.tokens_per_s.mid / 2.0)
    padding = next(cause for cause in found.causes if cause.name.startswith("padding"))
    assert padding.expected == "50% of the tokens are padding"
    assert all(cause.run and cause.expected for cause in found.causes)


def test_a_measured_card_takes_the_error_of_the_prediction_out() -> None:
    job = small_ddp_job("4xa100-sxm-80gb", 8)
    alone = training_time(small_ddp_job("a100-sxm-80gb", 8)).tokens_per_s.mid
    # A card half as fast as predicted, and four of them four times as fast as one: all is well.
    found = diagnose(job, 4 * 0.5 * alone, 0.5 * alone)
    assert found.linear_tokens_per_s == pytest.approx(4 * 0.5 * alone)
    assert found.is_as_expected
    assert first_computed(found).startswith("nothing is wrong")


def test_one_card_has_no_links_to_blame() -> None:
    job = small_ddp_job("a100-sxm-80gb", 8)
    found = diagnose(job, training_time(job).tokens_per_s.mid * 0.7)
    assert not any("NVLink" in c.name or "peer" in c.name for c in found.causes)
    assert found.gap_ratio == pytest.approx(0.3)


@pytest.mark.parametrize("speed", [0.0, -5.0, float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(InputError, match="measured tokens/s"):
        diagnose(small_ddp_job("4xrtx-4090"), speed)


def test_nothing_that_slows_a_job_explains_a_fast_one() -> None:
    job = small_ddp_job("4xrtx-4090", 8)
    found = diagnose(job, 1.2 * training_time(job).tokens_per_s.mid)
    assert [cause.name[:16] for cause in found.causes] == ["nothing is wrong"]
    assert found.gap_ratio < 0.0

"""Memory of training: known states, what fits which card, and the fit on published runs."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import (
    CHECKPOINTINGS,
    SHARINGS,
    Adapter,
    Batch,
    TrainingJob,
    TrainingSplit,
    TrainingStates,
)
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import read_table
from rightrig.prediction.gradient_sync import training_state_bytes
from rightrig.prediction.training.as_needed import SAVINGS, least_that_fits
from rightrig.prediction.training.memory import TrainingMemory, reported_bytes, training_memory
from rightrig.prediction.training.memory_calibration import (
    fit_memory,
    hold_out_sources,
    memory_rows,
)
from rightrig.prediction.training.memory_parameters import FILE, FITTED
from rightrig.prediction.training.reading import training_run
from rightrig.prediction.training.states import state_bytes_per_weight

if TYPE_CHECKING:
    from rightrig.deployment.training import Checkpointing, Method, Sharing
    from rightrig.prediction.training.memory_calibration import MemoryRow
    from rightrig.prediction.training.reading import TrainingRun

CATALOG: Final = shipped()
SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[3] / ".." / "shared"
)


def job(model: str, rig: str, method: Method = "full", base: str = "bf16") -> TrainingJob:
    """Return a job on 2,048 tokens, checkpointed layer by layer."""
    return TrainingJob(
        llm=CATALOG.llm(model),
        rig=parse_rig(rig, CATALOG),
        method=method,
        batch=Batch(2048),
        states=TrainingStates(base=base),
    )


def shared(one: TrainingJob, sharing: Sharing, **changes: int) -> TrainingJob:
    """Return a job whose states are shared."""
    return replace(one, split=TrainingSplit(sharing=sharing, **changes))


def part_bytes(memory: TrainingMemory, name: str) -> float:
    """Return one part of a memory; 0 where it has none."""
    return sum(part.size_bytes.mid for part in memory.parts if part.name == name)


def states_bytes(memory: TrainingMemory) -> float:
    """Return weights, gradients and optimizer on the card."""
    names = ("weights", "adapters", "gradients", "optimizer")
    return sum(part_bytes(memory, name) for name in names)


def test_full_70b_on_eight_cards_of_80_gb_is_refused_with_1104_gb_needed() -> None:
    found = training_memory(shared(job("llama-2-70b", "8xh100-sxm"), "zero-3"))
    assert found.verdict == "no"
    assert found.whole_state_bytes / 1e9 == pytest.approx(1104, abs=0.5), "W047"
    assert "1,104 GB" in " ".join(found.explain().sentences)


def test_70b_qlora_does_not_fit_24_gb_and_does_48() -> None:
    small = training_memory(job("llama-2-70b", "rtx-4090", "qlora", "nf4"))
    large = training_memory(job("llama-2-70b", "rtx-a6000", "qlora", "nf4"))
    assert small.verdict == "no"
    assert large.verdict in {"fits", "tight"}
    assert part_bytes(small, "weights") > 34.5e9, "four bits a weight and more"


def test_65b_qlora_fits_48_gb_as_its_paper_has_it() -> None:
    paged = TrainingStates(base="nf4", has_master_weights=False, offload="optimizer")
    paper = replace(
        job("huggyllama/llama-65b", "rtx-a6000", "qlora", "nf4"),
        batch=Batch(512), adapter=Adapter(rank=64), states=paged,
    )  # fmt: skip
    assert training_memory(paper).verdict in {"fits", "tight"}


def test_7b_lora_on_24_gb_is_borderline_at_2048_tokens_and_too_large_at_4096() -> None:
    qwen = replace(
        job("qwen-7b", "rtx-4090", "lora"),
        adapter=Adapter(rank=64, has_dropout=True),
        framework="qwen",
    )
    assert training_memory(qwen).verdict == "tight"
    assert training_memory(qwen).required_bytes.mid == pytest.approx(23.8e9, rel=0.05), (
        "QwenLM/Qwen measured 23.8 GB"
    )
    assert training_memory(replace(qwen, batch=Batch(4096))).verdict == "no"


@pytest.mark.parametrize(
    ("states", "expected_bytes"),
    [
        (TrainingStates(), 16.0),
        (TrainingStates(gradient_bits=32), 18.0),
        (TrainingStates(optimizer="adamw-8bit"), 10.0),
        (TrainingStates(optimizer="adamw-8bit", has_master_weights=False), 6.0),
        (TrainingStates(optimizer="adafactor"), 8.0),
        (TrainingStates(optimizer="sgd-momentum"), 12.0),
        (TrainingStates(has_master_weights=False, moment_bits=16), 8.0),
    ],
)
def test_a_weight_takes_what_its_optimizer_keeps(
    states: TrainingStates, expected_bytes: float
) -> None:
    assert state_bytes_per_weight(states) == expected_bytes


@given(st.sampled_from(SHARINGS), st.sampled_from([1, 2, 4, 8, 16]))
def test_shared_states_follow_zero(sharing: Sharing, nodes: int) -> None:
    rig = f"{nodes}n:8xh100-sxm" if nodes > 1 else "8xh100-sxm"
    found = training_memory(shared(job("llama-2-7b", rig), sharing))
    expected = training_state_bytes(6_738_415_616, 16.0, 8 * nodes, sharing)
    assert states_bytes(found) == pytest.approx(expected, rel=1e-9)


def test_lora_matrices_of_rank_16_take_16_bytes_a_weight() -> None:
    found = training_memory(job("llama-2-7b", "rtx-4090", "lora"))
    names = ("adapters", "gradients", "optimizer")
    total = sum(part_bytes(found, name) for name in names)
    assert total == pytest.approx(16.0 * 39_976_960), "W048"


def test_offload_moves_the_optimizer_to_a_host_that_must_have_room() -> None:
    full = job("llama-2-7b", "a100-sxm-80gb")
    assert training_memory(full).verdict == "no"
    away = replace(full, states=TrainingStates(offload="optimizer"))
    found = training_memory(away)
    assert found.verdict != "no"
    assert found.host_bytes == pytest.approx(12.0 * 6_738_415_616)
    small = replace(away, rig=parse_rig("a100-sxm-80gb@ram=64GiB", CATALOG))
    assert training_memory(small).lacks_host_memory
    assert training_memory(small).verdict == "no"


def test_the_first_stage_of_a_pipeline_holds_every_micro_batch_in_flight() -> None:
    piped = replace(
        job("llama-2-7b", "4xa100-sxm-80gb"),
        split=TrainingSplit(pp=4), checkpointing="none", framework="megatron",
    )  # fmt: skip
    two = training_memory(replace(piped, batch=Batch(4096, accumulation_count=2)))
    many = training_memory(replace(piped, batch=Batch(4096, accumulation_count=16)))
    assert (two.stage, many.stage) == (0, 0)
    assert part_bytes(many, "activations") == 2.0 * part_bytes(two, "activations"), "four, not 16"


def test_a_framework_that_nobody_measured_has_a_wider_interval() -> None:
    known = training_memory(job("llama-3.1-8b", "h100-sxm", "lora"))
    new = training_memory(replace(known.job, framework="megatron"))
    assert new.required_bytes.width_ratio > 1.5 * known.required_bytes.width_ratio


def test_the_smallest_card_of_a_mixed_rig_decides() -> None:
    mixed = job("llama-2-7b", "1xa100-sxm-80gb+1xrtx-4090", "lora")
    assert training_memory(mixed).budget_bytes.mid < 26e9


def test_as_little_is_saved_as_fits() -> None:
    large = least_that_fits(job("qwen2.5-0.5b", "h100-sxm"))
    small = least_that_fits(job("qwen2.5-7b", "rtx-4090"))
    assert (large.checkpointing, large.states.offload) == ("none", "none")
    assert small.states.offload == "all"
    hopeless = least_that_fits(replace(job("llama-3.1-405b", "rtx-4090"), batch=Batch(1 << 20)))
    assert hopeless.checkpointing == SAVINGS[-1].checkpointing


@settings(max_examples=40)
@given(
    checkpointing=st.sampled_from(CHECKPOINTINGS),
    method=st.sampled_from(["full", "lora", "qlora"]),
    seqs=st.integers(1, 8),
)
def test_more_sequences_need_more_and_checkpoints_need_less(
    checkpointing: Checkpointing, method: Method, seqs: int
) -> None:
    base = "nf4" if method == "qlora" else "bf16"
    one = replace(job("llama-3.1-8b", "h100-sxm", method, base), checkpointing=checkpointing)
    now = training_memory(replace(one, batch=Batch(2048, seqs)))
    more = training_memory(replace(one, batch=Batch(2048, seqs + 1)))
    assert now.required_bytes.mid <= more.required_bytes.mid
    assert now.allocated_bytes.mid < now.required_bytes.mid
    kept = training_memory(replace(one, batch=Batch(2048, seqs), checkpointing="none"))
    assert now.required_bytes.mid <= kept.required_bytes.mid


def published_runs() -> tuple[TrainingRun, ...]:
    """Return the runs of the shared table, or skip where it is absent."""
    path = SHARED / "measurements" / "training.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not in {SHARED}: set RIGHTRIG_SHARED")
    found = []
    for row in read_table(path).rows:
        try:
            found.append(training_run(row, CATALOG))
        except InputError:
            continue
    return tuple(found)


@pytest.fixture(scope="module")
def rows() -> tuple[MemoryRow, ...]:
    """The published runs that state their memory."""
    return memory_rows(published_runs())


def test_the_shipped_parameters_are_those_that_the_fit_finds(rows: tuple[MemoryRow, ...]) -> None:
    known = tomllib.loads(FILE.read_text(encoding="utf-8"))["fitted"]
    found = fit_memory(rows)
    assert {name: known[name]["value"] for name in FITTED} == pytest.approx(found, rel=2e-3)


def test_memory_of_sources_that_were_left_out_is_within_10_percent(
    rows: tuple[MemoryRow, ...],
) -> None:
    found = hold_out_sources(rows)
    assert len(rows) >= 120
    assert found.median_error_ratio <= 0.06
    for source in ("QwenLM/Qwen", "Lightning-AI/litgpt"):
        assert median(abs(error) for error in found.error_ratios[source]) <= 0.10, source
    shipped_spreads = tomllib.loads(FILE.read_text(encoding="utf-8"))["spread_ratio"]
    assert shipped_spreads == pytest.approx(found.spread_ratio, abs=2e-3)


def test_four_in_five_measured_memories_lie_inside_their_interval(
    rows: tuple[MemoryRow, ...],
) -> None:
    inside = 0
    for row in rows:
        interval = reported_bytes(row.run.job)
        inside += interval.low <= row.measured_bytes <= interval.high
        assert interval.width_ratio < 0.25
    assert 0.75 <= inside / len(rows) <= 0.95


def test_nearly_every_published_run_fits_the_cards_that_it_ran_on() -> None:
    runs = [run for run in published_runs() if run.kind == "llm-foundry"]
    refused = [run for run in runs if training_memory(run.job).verdict == "no"]
    assert len(runs) == 216
    assert len(refused) <= 4

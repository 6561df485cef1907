"""Frameworks without measured rows: their words, defaults and what physics allows of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import TABLES, Measurement
from rightrig.prediction.accuracy_training import judge_training
from rightrig.prediction.training.memory import reported_bytes, training_memory
from rightrig.prediction.training.reading import TrainingRun, training_run
from rightrig.prediction.training.time import measure_per_token, training_time
from rightrig.quantities import GIB, TERA
from rightrig.work.training_flop import model_flop_per_token
from rightrig.work.weights import rank_weight_bytes, total_params_count

CATALOG: Final = shipped()
H100_FLOP_PER_S: Final = 989.4e12
TITAN: Final = {
    "source": "github:pytorch/torchtitan:docs", "gpu": "h100-sxm-80gb", "gpu_count": "8",
    "model": "Llama-3.1-8B", "seq_len": "8192", "batch": "local batch 1", "dtype": "bf16",
    "tok_s_per_gpu": "1",
}  # fmt: skip
TUNE: Final = {
    "source": "github:pytorch/torchtune:README.md", "gpu": "a100-sxm-80gb", "gpu_count": "1",
    "model": "Llama-2-7B", "seq_len": "4096", "batch": "2", "dtype": "bf16", "tok_s_per_gpu": "1",
}  # fmt: skip
FMS: Final = {
    "source": "github:foundation-model-stack/fms-fsdp:README.md", "gpu": "a100-sxm-80gb",
    "gpu_count": "128", "model": "Llama-2-7B", "method": "HSDP", "seq_len": "4096",
    "batch": "2/GPU", "dtype": "bf16", "tok_s_per_gpu": "1",
}  # fmt: skip
MEGATRON: Final = {
    "source": "github:NVIDIA/Megatron-LM:examples/llama", "gpu": "h100-sxm-80gb",
    "gpu_count": "8", "model": "Llama-3-8B", "method": "pretrain", "seq_len": "8192",
    "batch": "micro 1", "dtype": "fp8", "tflops": "1",
}  # fmt: skip


def read(row: dict[str, str], **changes: str) -> TrainingRun:
    """Return the run of a row that differs from a plain one."""
    return training_run(
        Measurement(1, dict.fromkeys(TABLES["training"], "") | row | changes), CATALOG
    )


def mfu_at_16_bits(run: TrainingRun) -> float:
    """Return the predicted share of an H100's 16-bit peak, as PaLM counts flop."""
    return training_time(run.job).flop_per_s_per_card.mid / H100_FLOP_PER_S


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"method": "FSDP"}, {"checkpointing": "alternate", "compute": "bf16", "tp": 1}),
        ({"method": "FSDP + torch.compile, selective op"}, {"compiled": True, "tp": 1}),
        ({"method": "FSDP, no compile"}, {"compiled": False}),
        ({"method": "FSDP + compile + float8 tensorwise"}, {"compute": "fp8", "gathered": 8}),
        ({"method": "FSDP", "dtype": "float8 rowwise"}, {"compute": "fp8", "gathered": 16}),
        ({"method": "FSDP, full AC"}, {"checkpointing": "full", "layers": 1.0}),
        ({"method": "FSDP, AC every 2nd layer"}, {"checkpointing": "full", "layers": 0.5}),
        (
            {"method": "2D FSDP+TP", "model": "Llama-3.1-70B", "gpu_count": "256"},
            {"tp": 8, "pp": 1, "checkpointing": "full"},
        ),
        (
            {"method": "FSDP 32, TP=4, AsyncTP", "gpu_count": "128"},
            {"tp": 4, "async": True, "compiled": True},
        ),
        (
            {"method": "3D: FSDP + TP + PP 1F1B", "gpu_count": "512", "batch": "local batch 32"},
            {"tp": 8, "pp": 8, "virtual": 1, "micro": 1, "accumulation": 32},
        ),
        (
            {"method": "3D, interleaved 1F1B", "notes": "PP 4", "gpu_count": "512"},
            {"tp": 8, "pp": 4, "virtual": 2},
        ),
        (
            {"method": "FSDP + CP 8, full AC", "seq_len": "131072"},
            {"cp": 8, "tp": 1, "checkpointing": "full"},
        ),
        ({"method": "FSDP", "batch": "local batch size 2, global batch 32"}, {"accumulation": 2}),
    ],
)
def test_words_of_torchtitan_are_read(changes: dict[str, str], expected: dict[str, Any]) -> None:
    job = read(TITAN, **changes).job
    found = {
        "checkpointing": job.checkpointing, "layers": job.checkpointed_ratio,
        "compute": job.states.compute, "gathered": job.states.gathered_bits,
        "compiled": job.is_compiled, "async": job.has_async_tp, "tp": job.split.tp,
        "pp": job.split.pp, "cp": job.split.context_parallel,
        "virtual": job.split.virtual_stages, "micro": job.batch.micro_seqs,
        "accumulation": job.batch.accumulation_count,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert job.split.sharing == "zero-3"


@pytest.mark.parametrize(
    ("changes", "low_ratio", "high_ratio"),
    [
        ({"method": "FSDP"}, 0.3, 0.5),
        ({"method": "FSDP + compile", "batch": "local batch 2"}, 0.3, 0.5),
        ({"method": "FSDP + compile", "gpu_count": "128"}, 0.3, 0.5),
        ({"method": "FSDP + compile, full AC"}, 0.3, 0.5),
        ({"method": "FSDP + compile + float8"}, 0.4, 0.75),
        ({"method": "2D TP 8", "model": "Llama-3.1-70B", "gpu_count": "256"}, 0.2, 0.5),
        (
            {
                "method": "3D FSDP, TP, PP, float8",
                "model": "Llama-3.1-405B",
                "gpu_count": "512",
                "batch": "local batch 32",
            },
            0.25,
            0.7,
        ),
    ],
)
def test_torchtitan_on_an_h100_stays_within_what_such_cards_do(
    changes: dict[str, str], low_ratio: float, high_ratio: float
) -> None:
    run = read(TITAN, **changes)
    assert low_ratio < mfu_at_16_bits(run) < high_ratio
    assert training_memory(run.job).verdict == "fits"


def test_what_torchtitan_adds_makes_it_faster_in_its_order() -> None:
    steps = ("FSDP", "FSDP + compile", "FSDP + compile + float8")
    speeds = [
        training_time(read(TITAN, method=method, batch="local batch 2").job).tokens_per_s.mid
        for method in steps
    ]
    assert speeds[0] < speeds[1] < speeds[2]
    wide = {"model": "Llama-3.1-70B", "gpu_count": "256", "batch": "local batch 8"}
    plain, beside = (
        training_time(read(TITAN, method=method, **wide).job).tokens_per_s.mid
        for method in ("compile TP 8", "compile AsyncTP, TP 8")
    )
    assert plain < beside < 1.5 * plain


def test_interleaved_stages_shorten_the_bubble_and_hold_more_activations() -> None:
    one = read(TITAN, method="PP 8", gpu_count="64", batch="local batch 16").job
    two = replace(one, split=replace(one.split, virtual_stages=2))
    bubbles = [training_time(job).parts.bubble_s for job in (one, two)]
    assert bubbles[1] == pytest.approx(bubbles[0] / 2.0)
    held = [
        next(p.size_bytes.mid for p in training_memory(job).parts if p.name == "activations")
        for job in (one, two)
    ]
    assert held[1] == pytest.approx(held[0] * (8.0 + 7.0 / 2.0) / 8.0)


def test_a_pipeline_of_fsdp_gathers_once_a_step() -> None:
    job = read(TITAN, method="PP 8", gpu_count="64", batch="local batch 16").job
    more = replace(job, batch=replace(job.batch, accumulation_count=64))
    waits = [training_time(each).parts.exchange_s for each in (job, more)]
    assert waits[1] == pytest.approx(waits[0])
    gathered = next(
        part.size_bytes.mid
        for part in training_memory(job).parts
        if part.name == "gathered_weights"
    )
    stage_count = max(rank_weight_bytes(job.llm, "bf16", 1, 8)) / 2.0
    assert gathered == pytest.approx(stage_count * (2 + 4), rel=1e-4), "BF16, gradients in FP32"


def test_fsdp2_keeps_16_bytes_a_weight_and_torchtune_8() -> None:
    titan = training_memory(read(TITAN, method="FSDP").job)
    count = total_params_count(read(TITAN, method="FSDP").job.llm)
    assert titan.whole_state_bytes == pytest.approx(16.0 * count, rel=0.01)
    tune = read(TUNE, method="full finetune distributed", gpu_count="4")
    assert tune.job.split.sharing == "zero-3"
    llama = total_params_count(tune.job.llm)
    assert training_memory(tune.job).whole_state_bytes == pytest.approx(8.0 * llama, rel=0.01)


def test_metas_card_shows_95_gib() -> None:
    assert read(TITAN, method="FSDP").job.rig.gpu.memory_bytes.mid / GIB == pytest.approx(
        95.04, abs=0.01
    )


def test_titans_mfu_is_over_the_16_bit_peak_even_in_fp8() -> None:
    run = read(TITAN, method="FSDP + compile + float8", tok_s_per_gpu="", mfu="0.5")
    flop = model_flop_per_token(run.job.llm, 8192, convention="palm")
    assert measure_per_token(run, "mfu_ratio") == pytest.approx(flop / 989e12, rel=0.001)
    assert training_time(run.job).peak_flop_per_s == pytest.approx(1979e12, rel=0.001)


def test_megatron_counts_the_causal_half() -> None:
    run = read(MEGATRON)
    assert run.metric == "flop_per_s_per_card"
    assert (run.job.batch.micro_seqs, run.job.batch.accumulation_count) == (1, 16)
    layers, width, seq = 32, 4096, 8192
    matrices = total_params_count(run.job.llm) - 128_256 * width
    expected = 6.0 * matrices + 6.0 * layers * width * seq
    assert measure_per_token(run, "flop_per_s_per_card") == pytest.approx(expected, rel=0.01)
    judged = judge_training(
        Measurement(1, dict.fromkeys(TABLES["training"], "") | MEGATRON), CATALOG
    )
    assert judged.predicted is not None
    peak = 1979.0
    assert 0.3 < judged.predicted.mid / peak < 0.45
    assert judged.predicted.mid == pytest.approx(
        training_time(run.job).tokens_per_s_per_card.mid * expected / TERA, rel=0.01
    )


@pytest.mark.parametrize("method", ["pretrain TP=4 PP=8 CP 1", "pretrain, TP2, CP4"])
@pytest.mark.parametrize("gpu_count", ["64", "128"])
def test_megatron_splits_are_read_and_stay_below_fp8_peaks(method: str, gpu_count: str) -> None:
    run = read(
        MEGATRON, model="Llama-3.1-70B", gpu_count=gpu_count, method=method,
        batch="MBS=1 GBS=1024",
    )  # fmt: skip
    ranks = {"pretrain TP=4 PP=8 CP 1": (4, 8, 1), "pretrain, TP2, CP4": (2, 1, 4)}[method]
    split = run.job.split
    assert (split.tp, split.pp, split.context_parallel) == ranks
    assert run.job.batch.accumulation_count == 1024 // run.job.data_ranks
    assert 0.15 < training_time(run.job).mfu_ratio.mid < 0.5


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"method": "LoRA single device"}, ("lora", "none", "adamw", 8, False)),
        ({"method": "QLoRA"}, ("qlora", "none", "adamw", 8, False)),
        ({"method": "QDoRA"}, ("qlora", "none", "adamw", 8, False)),
        ({"method": "DoRA, compile"}, ("lora", "none", "adamw", 8, True)),
        ({"method": "LoRA distributed", "gpu_count": "2"}, ("lora", "zero-3", "adamw", 8, False)),
        ({"method": "full finetune"}, ("full", "none", "adamw-8bit", 1, False)),
        ({"method": "full", "gpu_count": "4"}, ("full", "zero-3", "adamw", 1, False)),
        ({"method": "full, PagedAdamW8bit"}, ("full", "none", "adamw-8bit", 1, False)),
    ],
)  # fmt: skip
def test_recipes_of_torchtune_are_read(
    changes: dict[str, str], expected: tuple[str, str, str, int, bool]
) -> None:
    run = read(TUNE, **changes)
    job = run.job
    found = (
        job.method, job.split.sharing, job.states.optimizer, job.batch.accumulation_count,
        job.is_compiled,
    )  # fmt: skip
    assert found == expected
    assert (job.checkpointing, job.batch.micro_seqs, job.has_fused_loss) == ("full", 2, False)
    assert ("DoRA read" in run.note) == ("ora" in job.method and "DoRA" in changes["method"])
    mfu = training_time(job).mfu_ratio.mid
    assert 0.3 < mfu < 0.62


def test_paged_moments_move_over_pcie_only_where_a_card_has_no_room() -> None:
    large = read(TUNE, method="full finetune")
    small = read(TUNE, method="full finetune", gpu="rtx-4090-24gb")
    assert (large.job.states.offload, small.job.states.offload) == ("none", "optimizer")
    assert training_time(small.job).parts.offload_s > 0.0
    weights = 2.0 * total_params_count(large.job.llm)
    assert weights < reported_bytes(large.job).mid < 1.6 * weights, "no gradients, no moments"
    assert reported_bytes(small.job).mid == pytest.approx(reported_bytes(large.job).mid, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("none", 1.0, 8, True)),
        ({"method": "FSDP, selective AC 1/3"}, ("full", 1 / 3, 0, True)),
        ({"method": "fms-fsdp, hsdp"}, ("none", 1.0, 8, True)),
        ({"method": "HSDP, AC 1/2"}, ("full", 0.5, 8, True)),
        ({"method": "FULL_SHARD, full AC"}, ("full", 1.0, 0, True)),
        ({"model": "Llama-2-13B"}, ("full", 1.0, 8, True)),
        ({"model": "Llama-2-70B", "method": "FSDP"}, ("full", 1.0, 0, True)),
        ({"method": "HSDP, without compile"}, ("none", 1.0, 8, False)),
        ({"gpu": "h100-sxm-80gb"}, ("none", 1.0, 8, True)),
    ],
)
def test_policies_of_fms_fsdp_are_read(
    changes: dict[str, str], expected: tuple[str, float, int, bool]
) -> None:
    job = read(FMS, **changes).job
    checkpointing, layers_ratio, shard_cards, is_compiled = expected
    assert job.checkpointing == checkpointing
    assert job.checkpointed_ratio == pytest.approx(layers_ratio)
    assert (job.split.shard_cards, job.is_compiled) == (shard_cards, is_compiled)
    assert job.batch.micro_seqs == 2
    assert training_memory(job).verdict == "fits"
    assert 0.35 < training_time(job).mfu_ratio.mid < 0.75


def test_splits_that_nobody_measured_have_wider_intervals() -> None:
    plain = training_time(read(TITAN, method="FSDP").job)
    split = training_time(read(TITAN, method="FSDP, TP 8").job)
    assert plain.closeness == split.closeness == "this card"
    widths = [found.tokens_per_s.high / found.tokens_per_s.mid for found in (plain, split)]
    assert widths[1] == pytest.approx(widths[0] ** 2, rel=0.02)


def test_torchtune_unpacks_nf4_slowly_until_it_is_compiled() -> None:
    plain, compiled = (read(TUNE, method=method).job for method in ("QLoRA", "QLoRA, compile"))
    peft = replace(plain, framework="peft")
    shares = [
        training_time(job).parts.unpacking_s / training_time(job).parts.products_s
        for job in (plain, compiled, peft)
    ]
    assert shares[0] > 3.0 * shares[1]
    assert shares[0] > 3.0 * shares[2]

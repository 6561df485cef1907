"""Published rows of training as jobs: frameworks' habits, words, and what cannot be read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import TABLES, Measurement
from rightrig.prediction.accuracy import accuracy
from rightrig.prediction.accuracy_training import judge_training
from rightrig.prediction.training.reading import TrainingRun, training_run
from rightrig.report.accuracy import accuracy_document, accuracy_json

CATALOG: Final = shipped()
SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[3] / ".." / "shared"
)
QWEN: Final = {
    "source": "github:QwenLM/Qwen:README.md", "gpu": "a100-sxm-80gb", "gpu_count": "1",
    "model": "Qwen-7B", "method": "LoRA", "seq_len": "2048", "batch": "1 x grad_accum 8",
    "dtype": "bf16/int4", "tok_s_per_gpu": "3150.8", "peak_mem_gb": "23.8",
}  # fmt: skip
FOUNDRY: Final = {
    "source": "github:mosaicml/llm-foundry@8c8dd48:scripts/train/benchmarking/README.md",
    "gpu": "a100-sxm-40gb", "gpu_count": "128", "model": "MPT-7b",
    "method": "full pretrain FSDP SHARD_GRAD_OP", "seq_len": "2048", "batch": "micro=6 global=1536",
    "dtype": "amp_bf16", "tok_s_per_gpu": "3500", "mfu": "0.45", "tflops": "140",
    "notes": "section: A100 40GB with 1600 Gbps; act_ckpt=True act_offload=False",
}  # fmt: skip
LITGPT: Final = {
    "source": "github:Lightning-AI/litgpt:tutorials/resource-tables.md", "gpu": "a100-sxm-40gb",
    "gpu_count": "1", "model": "Llama 2 7 B", "method": "LoRA bnb.nf4-dq",
    "seq_len": "Alpaca (variable)", "batch": "micro=2", "dtype": "bnb.nf4-dq", "peak_mem_gb": "13",
}  # fmt: skip
TITAN: Final = {
    "source": "github:pytorch/torchtitan:benchmarks", "gpu": "h100-sxm-80gb", "gpu_count": "256",
    "model": "Llama-3.1-70B", "method": "FSDP, full activation checkpointing", "seq_len": "8192",
    "batch": "local batch 16", "dtype": "float8", "tok_s_per_gpu": "800", "notes": "TP=8; CP 2",
}  # fmt: skip


def measurement(row: dict[str, str], **changes: str) -> Measurement:
    """Return a row that differs from a plain one."""
    return Measurement(1, dict.fromkeys(TABLES["training"], "") | row | changes)


def read(row: dict[str, str], **changes: str) -> TrainingRun:
    """Return the run of a row that differs from a plain one."""
    return training_run(measurement(row, **changes), CATALOG)


def test_qwens_script_is_known_where_its_rows_are_silent() -> None:
    found = read(QWEN)
    job = found.job
    assert (found.metric, found.measured) == ("tokens_per_s_per_card", 3150.8)
    assert found.also == {"peak_memory_bytes": pytest.approx(23.8e9)}
    assert (job.method, job.adapter.rank, job.adapter.targets) == ("lora", 64, "all-linear")
    assert (job.checkpointing, job.batch.micro_seqs, job.batch.accumulation_count) == ("full", 1, 8)
    quantised = read(QWEN, method="Q-LoRA").job
    assert (quantised.method, quantised.states.base) == ("qlora", "gptq")
    assert read(QWEN, method="LoRA (emb)").job.adapter.trains_embeddings


def test_the_memory_of_several_cards_is_their_sum_where_the_source_says_so() -> None:
    found = read(
        QWEN, method="LoRA (multinode)", gpu_count="4", tok_s_per_gpu="", peak_mem_gb="95.1"
    )
    assert found.metric == "peak_memory_bytes"
    assert found.measured == pytest.approx(95.1e9 / 4)
    assert found.job.rig.nodes_count == 2
    assert found.job.split.sharing == "zero-2"


def test_fsdp_words_batches_and_networks_of_llm_foundry_are_read() -> None:
    found = read(FOUNDRY)
    job = found.job
    assert job.split.sharing == "zero-2"
    assert job.checkpointing == "full"
    assert (job.batch.micro_seqs, job.batch.accumulation_count) == (6, 2)
    assert (job.rig.nodes_count, job.rig.network_bytes_per_s) == (16, 200e9)
    assert found.also == {"mfu_ratio": 0.45, "flop_per_s_per_card": pytest.approx(140e12)}
    assert read(FOUNDRY, notes="act_ckpt=False").job.checkpointing == "none"
    assert read(FOUNDRY, method="full pretrain FSDP FULL_SHARD").job.split.sharing == "zero-3"


def test_the_longest_example_of_alpaca_sets_litgpts_peak() -> None:
    job = read(LITGPT).job
    assert (job.batch.seq_tokens, job.batch.micro_seqs) == (1304, 2)
    assert (job.states.base, job.adapter.targets) == ("nf4", "query-value")
    assert read(LITGPT, method="LoRA bnb.nf4", dtype="bnb.nf4").job.states.base == "nf4-single"
    several = read(LITGPT, method="LoRA None", gpu_count="2").job
    assert (several.split.sharing, several.checkpointing) == ("zero-3", "full")


def test_metas_own_card_and_a_split_in_words_are_read() -> None:
    job = read(TITAN).job
    assert job.rig.gpu.memory_bandwidth_bytes_per_s == 2.4e12
    assert job.rig.gpu.memory_bytes.mid > 100e9
    assert (job.split.tp, job.split.context_parallel, job.data_ranks) == (8, 2, 16)
    assert (job.states.compute, job.checkpointing, job.batch.micro_seqs) == ("fp8", "full", 16)


def test_a_pipeline_takes_a_batch_one_sequence_after_another() -> None:
    job = read(TITAN, notes="TP=8 PP=8").job
    assert (job.batch.micro_seqs, job.batch.accumulation_count) == (1, 16)


def test_offload_flags_of_llmq_are_read_and_else_decided_by_memory() -> None:
    silent = {
        "source": "github:IST-DASLab/llmq@b77d969:README.md", "gpu": "rtx-4090-24gb",
        "gpu_count": "1", "model": "Qwen2.5-14B⁶", "method": "full pretrain (llmq)",
        "seq_len": "1024", "batch": "micro=16, global 524288 tokens", "dtype": "fp8",
        "tok_s_per_gpu": "2000",
    }  # fmt: skip
    small = read(silent, model="Qwen2.5-0.5B", batch="micro=8, global 524288 tokens")
    assert small.job.batch.accumulation_count == 64
    assert small.job.states.offload == "none"
    assert read(silent).job.states.offload == "all"
    flagged = read(silent, model="Qwen2.5-0.5B", notes="flags: --offload-opt-m --recompute-ffn")
    assert (flagged.job.states.offload, flagged.job.checkpointing) == ("optimizer", "full")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "bigscience/T0_3B"}, "encoder-decoder"),
        ({"gpu": "no-such-card"}, "no GPU is called"),
        ({"model": "no-such-model"}, "no model is called"),
        ({"gpu_count": "0"}, "number of cards"),
        ({"gpu_count": "9999999999999"}, "number of cards"),
        ({"gpu_count": "11"}, "whole machines"),
        ({"seq_len": "long"}, "length of the sequences"),
        ({"seq_len": "0"}, "length of the sequences"),
        ({"notes": "tp=3"}, "does not divide"),
        ({"notes": "tp=0"}, "start at 1"),
        ({"tok_s_per_gpu": "fast"}, "no positive number"),
        ({"tok_s_per_gpu": "", "peak_mem_gb": ""}, "no measured value"),
    ],
)
def test_what_cannot_be_read_has_a_reason(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read(QWEN, **changes)
    judged = judge_training(measurement(QWEN, **changes), CATALOG)
    assert judged.predicted is None
    assert reason in judged.reason


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["gpu_count", "seq_len", "batch", "dtype", "method", "notes", "mfu"]),
        st.text(max_size=40) | st.integers(-2, 10**13).map(str),
    )
)
def test_no_words_of_a_row_break_the_reader(changes: dict[str, str]) -> None:
    judged = judge_training(measurement(FOUNDRY, **changes), CATALOG)
    assert judged.predicted is not None or judged.reason


def test_a_row_is_judged_on_its_speed_and_its_memory_stands_beside() -> None:
    judged = judge_training(measurement(QWEN), CATALOG)
    assert (judged.names["metric"], judged.measured) == ("tok_s_per_gpu", 3150.8)
    (memory,) = judged.also
    assert (memory.names["metric"], memory.measured, memory.unit) == ("peak_mem_gb", 23.8, "GB")
    assert memory.error_ratio == pytest.approx(0.0, abs=0.1)


def test_every_row_of_the_shared_table_is_judged_or_has_a_reason() -> None:
    path = SHARED / "measurements" / "training.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not in {SHARED}: set RIGHTRIG_SHARED")
    found = accuracy(CATALOG, path)
    assert [row.row for row in found.rows] == list(range(1, 506))
    assert found.summary.predicted == 500
    assert all(row.predicted is not None or row.reason for row in found.rows)
    memory = {row.also[0].row: row.also[0] for row in found.rows if row.also}
    assert memory[1].names["metric"] == "peak_mem_gb"
    scores = found.also.groups("metric")
    assert scores["peak_mem_gb",].median_abs_error_ratio == pytest.approx(0.036, abs=0.02)
    assert '"also": {"peak_mem_gb": {"predicted"' in json.dumps(accuracy_json(found))
    assert accuracy_document(found)

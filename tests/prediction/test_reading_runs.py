"""Published rows of speed: what each rule reads into a row, and what it refuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import TABLES, Measurement, read_table
from rightrig.prediction.reading_runs import read_run
from rightrig.prediction.reading_runs_words import first_count
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from rightrig.prediction.runs import InferenceRun

SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / ".." / "shared"
)
CATALOG: Final = shipped()
PLAIN: Final = {
    "source": "github:example/runs@1a2b3c4", "date": "2026-05-01", "version": "vLLM 0.20.0",
    "gpu": "h100-sxm-80gb", "gpu_count": "1", "tp": "1", "pp": "1", "model": "Llama-3.1-8B",
    "weight_dtype": "bf16", "kv_dtype": "auto", "runtime": "vLLM", "isl": "1024", "osl": "256",
    "concurrency_or_batch": "8", "metric": "output_tok_s_total", "value": "500", "notes": "",
}  # fmt: skip
SAMPLE: Final = "aiconfigurator-core 0.12.0 end-to-end sample (Apache-2.0): "
FLEET: Final = "github:LottoLottoLotto/4x3090-llm-benchmarks:data/benchmarks.jsonl#"
MLPERF: Final = "github:mlcommons/inference_results_v4.1:closed/X/mlperf_log_summary.txt"
PAPER: Final = "github:argonne-lcf/LLM-Inference-Bench:Plots/All_results.csv"
STATIC: Final = "static batch; throughput=(in+out) tokens*batch/latency; "


def row(**changes: str) -> Measurement:
    """Return a row that can be read, with some columns changed."""
    return Measurement(1, {**dict.fromkeys(TABLES["inference"], ""), **PLAIN, **changes})


def read(**changes: str) -> InferenceRun:
    """Return the run of a changed row."""
    return read_run(row(**changes), CATALOG)


def reason(**changes: str) -> str:
    """Return why a changed row is refused."""
    with pytest.raises(InputError) as caught:
        read(**changes)
    return str(caught.value)


def test_a_plain_row_is_a_closed_loop_of_its_users() -> None:
    run = read()
    assert (run.regime, run.kind, run.metric) == (
        "closed_loop",
        "closed-loop",
        "output_tokens_per_s",
    )
    assert (run.seqs, run.input_tokens, run.output_tokens) == (8.0, 1024.0, 256.0)
    assert (run.context_tokens, run.measured) == (1152.0, 500.0)
    assert (run.runtime.slug, run.version) == ("vllm", "0.20.0")
    assert (run.precision.weights, run.precision.kv) == ("checkpoint", "bf16")
    assert (run.rig.text, run.split.text, run.expert_parallel) == ("1xh100-sxm", "tp1", 1)
    assert run.note == ""
    assert not run.is_mlperf


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("ttft_ms", "250", ("ttft_s", 0.25)),
        ("tpot_ms", "20", ("tpot_s", 0.02)),
        ("total_tok_s", "1,500", ("total_tokens_per_s", 1500.0)),
        ("req_s", "2", ("requests_per_s", 2.0)),
        # Of eight users, the rate of one prompt is its time to the first token.
        ("prefill_tok_s", "4096", ("ttft_s", 0.25)),
        # The rate of one sequence is told for all of them.
        ("decode_tok_s_per_seq", "30", ("output_tokens_per_s", 240.0)),
    ],
)
def test_measures_are_in_base_units_of_the_whole_system(
    metric: str, value: str, expected: tuple[str, float]
) -> None:
    run = read(metric=metric, value=value)
    assert (run.metric, run.measured) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("changes", "regime", "kind"),
    [
        ({"notes": "llama-bench pp 512; no flash-attn", "metric": "prefill_tok_s"},
         "prompt", "llama-bench"),
        ({"notes": "llama-bench tg 512", "metric": "decode_tok_s_per_seq"},
         "decode", "llama-bench"),
        ({"source": PAPER, "notes": STATIC, "metric": "total_tok_s"},
         "static_batch", "llm-inference-bench"),
        ({"notes": "published 9 total; static batching incl. prefill"},
         "static_batch", "trtllm-static"),
        ({"notes": "offline max-load, random tokens", "concurrency_or_batch": "max"},
         "offline", "trtllm-offline"),
        ({"metric": "prefill_tok_s", "concurrency_or_batch": "1"},
         "prompt", "single-stream-prompt"),
        ({"runtime": "LMDeploy", "version": "lmdeploy"}, "static_batch", "vendor-static"),
        ({"runtime": "vLLM (Ray Serve)"}, "closed_loop", "ray-serve"),
        ({"notes": "4 cards; offline throughput bench; replicas=1", "source": "dstackai/x"},
         "static_batch", "vllm-batch"),
    ],
)  # fmt: skip
def test_the_kind_of_source_says_how_the_engine_was_loaded(
    changes: dict[str, str], regime: str, kind: str
) -> None:
    run = read(**changes)
    assert (run.regime, run.kind) == (regime, kind)


def test_offline_runs_have_no_number_of_sequences() -> None:
    run = read(notes="offline max-load", concurrency_or_batch="max (all 1000 requests queued)")
    assert run.seqs is None


def test_a_window_of_decoding_counts_the_sequences_that_ran() -> None:
    notes = "no speculative decoding; completion 30.0s window; avg running 5.5; queue frac 0.3"
    run = read(notes=notes, osl="8192")
    assert (run.regime, run.seqs, run.context_tokens) == ("decode", 5.5, 1024.0 + 4096.0)


def test_llama_bench_generates_from_an_empty_context() -> None:
    run = read(
        source=f"{FLEET}exl3-ab/llamacpp/q6k/sm-layer/pp8192", runtime="llama.cpp", gpu_count="4",
        version="llama.cpp 7c082bc41", isl="8192", tp="4", concurrency_or_batch="",
        notes="spec_decode=none; instances=1; campaign=exl3-ab", weight_dtype="gguf-q6_k",
        kv_dtype="q8_0/q8_0",
    )  # fmt: skip
    assert (run.regime, run.context_tokens, run.version) == ("decode", 128.0, "")
    assert (run.split.text, run.precision.weights) == ("tp1·pp4", "q6_k")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"notes": "spec_decode=ngram; instances=1"}, "speculative decoding with unknown"),
        ({"notes": "MTP speculative ON; avg running 4"}, "speculative decoding with unknown"),
        ({"notes": "MTP status see README"}, "whether it decoded speculatively"),
        ({"notes": "prefill workers=2 decode workers=2", "tp": "2/4"}, "separate cards"),
        ({"source": MLPERF, "notes": "MLPerf closed v4.1 X llama2-70b-99 Server; 9 samples/s"},
         "bound by latency"),
        ({"source": MLPERF, "model": "GPT-J-6B"}, "beam search"),
        ({"source": MLPERF, "notes": "MLPerf closed X_MaxQ llama2-70b Offline; 9 samples/s"},
         "at a limit that is not stated"),
        ({"gpu": "unstated (see issue)"}, "the card is not certain"),
        ({"gpu": "sn40l"}, "no specification"),
        ({"model": "Nobody-9B"}, "Nobody-9B"),
        ({"runtime": "CUDA 12.2"}, "no specification"),
        ({"runtime": ""}, "the engine is not stated"),
        ({"metric": "joules"}, "no measure|not a measure"),
        ({"metric": "ttft_ms", "isl": "short"}, "length of the prompts is not stated"),
        ({"osl": ""}, "length of the answers is not stated"),
        ({"weight_dtype": "q7"}, "a format that no record has"),
        ({"weight_dtype": "exl3-bpw"}, "bits a weight"),
        ({"kv_dtype": "turboquant_4bit"}, "turboquant"),
        ({"kv_dtype": "int3"}, "which no record describes"),
        ({"concurrency_or_batch": "many"}, "the load is not stated as a number"),
        ({"value": "0"}, "no positive number"),
        ({"gpu_count": "two"}, "the number of cards"),
        ({"gpu_count": "4", "tp": "3"}, "does not divide the 4 cards"),
        ({"gpu_count": "4", "tp": "2", "notes": "instances=1"}, "without a place"),
        ({"gpu_count": "17", "tp": "17"}, "whole number of machines"),
        ({"runtime": "Transformers", "model": "Mixtral-8x7B"}, "experts one by one"),
    ],
)  # fmt: skip
def test_what_cannot_be_predicted_says_why(changes: dict[str, str], words: str) -> None:
    said = reason(**changes)
    assert any(word in said for word in words.split("|"))


def test_a_row_with_a_fault_is_refused() -> None:
    with pytest.raises(InputError, match="9 cells"):
        read_run(Measurement(3, {}, "the row has 9 cells and the header 19"), CATALOG)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": "github:NVIDIA/TensorRT-LLM v0.7.1:docs", "gpu": "a100-sxm-80gb",
          "gpu_count": "4", "tp": "4"}, "per GPU"),
        ({"source": MLPERF, "gpu": "b200-180gb", "weight_dtype": "fp16", "model": "Llama-2-70B"},
         "ran FP4"),
        ({"source": PAPER, "model": "opt-6.7b", "isl": "2048", "osl": "2048"},
         "no answer was generated"),
        ({"source": PAPER, "model": "Qwen2-7B", "isl": "2048", "osl": "2048",
          "runtime": "TensorRT-LLM"}, "stopped early"),
        ({"source": "github:XiongjieDai/GPU-Benchmarks", "metric": "prefill_tok_s",
          "weight_dtype": "F16", "gpu": "rtx-5000-ada-32gb", "gpu_count": "4"}, "broken build"),
        ({"source": PAPER, "gpu": "intel-max-1550-128gb", "notes": "latency 19.4s incl. prefill"},
         "17 s of compiling"),
        ({"source": f"{FLEET}laguna/prefix-warm-131072x64", "metric": "ttft_ms",
          "notes": "campaign=laguna"}, "prefix cache"),
    ],
)  # fmt: skip
def test_known_defects_are_named(changes: dict[str, str], words: str) -> None:
    assert words in reason(**changes)


def test_the_same_build_is_read_where_it_is_sound() -> None:
    source, notes = "github:XiongjieDai/GPU-Benchmarks", "llama-bench pp 512"
    for changes in ({"weight_dtype": "Q4_K_M"}, {"weight_dtype": "F16", "gpu_count": "1"}):
        run = read(
            source=source, notes=notes, gpu="rtx-5000-ada-32gb", metric="prefill_tok_s",
            runtime="llama.cpp", version="llama.cpp 4426e298 (2824)", isl="512", osl="0",
            concurrency_or_batch="1", **changes,
        )  # fmt: skip
        assert (run.regime, run.version) == ("prompt", "b2824")


@pytest.mark.parametrize(
    ("changes", "split", "experts", "rig"),
    [
        # More cards than one engine has are further engines.
        ({"gpu_count": "8", "tp": "2"}, "4×tp2", 1, "8xh100-sxm"),
        ({"gpu_count": "4", "tp": "2", "notes": "instances=2"}, "2×tp2", 1, "4xh100-sxm"),
        ({"gpu_count": "8", "tp": "4", "pp": "2"}, "tp4·pp2", 1, "8xh100-sxm"),
        ({"gpu_count": "16", "tp": "8", "pp": "2"}, "tp8·pp2", 1, "2n:8xh100-sxm"),
        ({"gpu_count": "8", "tp": "1", "notes": "DEP8=attention-DP+EP over 8 GPUs"},
         "tp1·dp8", 8, "8xh100-sxm"),
        ({"gpu_count": "4", "tp": "1", "pp": "2", "notes": "DEP2=attention-DP+EP"},
         "tp1·pp2·dp2", 2, "4xh100-sxm"),
        ({"gpu_count": "8", "tp": "2", "notes": "attention_dp=4; moe_tp=1; moe_ep=8"},
         "tp2·dp4", 8, "8xh100-sxm"),
        ({"gpu_count": "64", "tp": "64", "notes": "attention_dp=64; moe_tp=8; moe_ep=8"},
         "tp1·dp64", 8, "8n:8xh100-sxm"),
        ({"gpu_count": "8", "tp": "8", "notes": "attention_dp=1; moe_tp=2; moe_ep=4"},
         "tp8", 4, "8xh100-sxm"),
        ({"gpu_count": "72", "tp": "8", "gpu": "gb200-186gb"}, "9×tp8", 1, "72xgb200"),
    ],
)  # fmt: skip
def test_layouts(changes: dict[str, str], split: str, experts: int, rig: str) -> None:
    run = read(**changes)
    assert (run.split.text, run.expert_parallel, run.rig.text) == (split, experts, rig)
    assert run.split.cards == run.rig.cards_count


@pytest.mark.parametrize(
    ("label", "columns", "split", "experts"),
    [
        ("tp8_ep8_12", ("64", "64", "attention_dp=1; moe_tp=8; moe_ep=8"), "tp8", 8),
        ("tp8_ep8_12", ("64", "1", "attention_dp=64; moe_tp=8; moe_ep=8"), "tp1·dp8", 8),
        ("tp4_ep4_12", ("16", "4", "attention_dp=4; moe_tp=1; moe_ep=16"), "tp4", 4),
        ("tp8_0_ep8_0_12", ("8", "1", "attention_dp=8; moe_tp=1; moe_ep=8"), "tp1·dp8", 8),
        ("tp4_epnone_12", ("4", "4", "attention_dp=1; moe_tp=2; moe_ep=2"), "tp4", 2),
    ],
)
def test_the_name_of_a_run_says_how_many_cards_it_had(
    label: str, columns: tuple[str, str, str], split: str, experts: int
) -> None:
    source = f"{SAMPLE}2026_04_06_deepseek_r1_b200_sxm_trtllm_fp8_agg_1024x1024_c64_{label}"
    run = read(
        source=source, gpu="b200-180gb", gpu_count=columns[0], tp=columns[1], isl="1024",
        osl="1024", notes=f"closed loop; {columns[2]}; gemm=fp8; moe=fp8", weight_dtype="fp8",
        model="deepseek-ai/DeepSeek-R1", runtime="TensorRT-LLM", version="1.1.0rc2.post2",
        kv_dtype="",
    )  # fmt: skip
    assert (run.split.text, run.expert_parallel) == (split, experts)
    assert ("cards by the run's name" in run.note) == (columns[0] != str(run.split.cards))
    # Both lengths are drawn from 0.8 to 1 of those stated.
    assert (run.input_tokens, run.output_tokens) == pytest.approx((921.6, 921.6))
    assert (run.precision.kv, run.version) == ("fp8", "1.1.0rc2.post2")


@pytest.mark.parametrize(
    ("words", "split", "experts"),
    [
        ("Tensor Parallelism", "tp4", 1),
        ("Pipeline Parallelism", "tp1·pp4", 1),
        ("PP; A100", "tp1·pp4", 1),
        ("EP; A100", "tp4", 4),
        ("Hybrid TP = 2 and EP = 2", "tp4", 2),
        ("Hybrid Tensor (2) and Pipeline (2) Parallelism", "tp2·pp2", 1),
    ],
)
def test_layouts_in_the_notes_of_a_paper(words: str, split: str, experts: int) -> None:
    run = read(source=PAPER, notes=STATIC + words, gpu_count="4", tp="", pp="")
    assert (run.split.text, run.expert_parallel) == (split, experts)


def test_mlperf_runs_the_best_of_the_splits_that_fit() -> None:
    notes = (
        'MLPerf closed v4.1 X llama2-70b-99 Offline; accelerator="H100" x8/node nodes=2; '
        "100.0 samples/s; OpenOrca"
    )
    run = read(source=MLPERF, notes=notes, model="Llama-2-70B-chat", weight_dtype="fp8",
               gpu_count="16", tp="", pp="", kv_dtype="", isl="294", osl="294", value="29,000",
               concurrency_or_batch="offline", runtime="TensorRT 10.2.0, CUDA 12.4",
               version="TensorRT 10.2.0, CUDA 12.4")  # fmt: skip
    assert run.is_mlperf
    assert (run.regime, run.rig.text, run.output_tokens) == ("offline", "2n:8xh100-sxm", 290.0)
    splits = (run.split, *run.alternatives)
    assert [split.text for split in splits] == ["16×tp1", "8×tp2", "4×tp4", "2×tp8"]
    assert (run.precision.kv, run.version) == ("fp8", "0.11")
    assert "tp blank: best of 1, 2, 4, 8" in run.note


@pytest.mark.parametrize(
    ("changes", "rig"),
    [
        ({"gpu": "rtx-3090-24gb", "notes": "power_limit=220W; instances=1; spec_decode=none",
          "interconnect": "PCIe3 x16, no NVLink"}, "1xrtx-3090@220w@pcie3x16"),
        ({"gpu": "a100-sxm-80gb", "notes": "A100-80GB power limited to 330W"},
         "1xa100-sxm-80gb@330w"),
        ({"gpu": "a100-sxm-80gb", "notes": "330W power limit"}, "1xa100-sxm-80gb@330w"),
        # A limit above the board's power is none.
        ({"gpu": "rtx-4090-24gb", "notes": "power_limit=600W; "}, "1xrtx-4090"),
        ({"gpu": "rtx-3090-24gb", "gpu_count": "2", "tp": "2", "interconnect": "NVLink"},
         "2xrtx-3090@nvlink"),
        ({"gpu": "rtx-4090-24gb", "interconnect": "PCIe Gen3 x1 host"}, "1xrtx-4090@pcie3x1"),
        ({"gpu": "h100-nvl-94gb", "interconnect": "PCIe 4.0 x16"}, "1xh100-nvl@pcie4x16"),
    ],
)  # fmt: skip
def test_power_slots_and_bridges(changes: dict[str, str], rig: str) -> None:
    assert read(**changes).rig.text == rig


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"weight_dtype": "bf16/fp16", "model": "Llama-2-7B"}, "checkpoint"),
        ({"weight_dtype": "BF16", "model": "deepseek-ai/DeepSeek-R1"}, "bf16"),
        ({"weight_dtype": "FP8", "model": "deepseek-ai/DeepSeek-R1"}, "checkpoint"),
        ({"weight_dtype": "fp8-static"}, "fp8"),
        ({"weight_dtype": "fp8", "notes": "gemm=fp8; moe=fp8_block"}, "fp8-block"),
        ({"weight_dtype": "fp4", "model": "openai/gpt-oss-120b"}, "checkpoint"),
        ({"weight_dtype": "fp4", "gpu": "mi355x-288gb"}, "mxfp4"),
        ({"weight_dtype": "NVFP4"}, "nvfp4"),
        ({"weight_dtype": "AWQ INT4 GEMM"}, "awq"),
        ({"weight_dtype": "autoround-int4"}, "gptq"),
        ({"weight_dtype": "compressed-tensors-int4-g32-symmetric"}, "int4-g32"),
        ({"weight_dtype": "int8-w8a8"}, "int8"),
        ({"weight_dtype": "GPTQ-Int8"}, "int8-weight-only"),
        ({"weight_dtype": "bnb.nf4-dq"}, "nf4"),
        ({"weight_dtype": "bnb.nf4"}, "nf4-single"),
        ({"weight_dtype": "F16 GGUF", "runtime": "llama.cpp"}, "f16"),
        ({"weight_dtype": "gguf-f16"}, "checkpoint"),
        ({"weight_dtype": "INT4", "runtime": "MLC-LLM"}, "int4-g32"),
        ({"weight_dtype": "INT4", "runtime": "Llama.cpp"}, "q4_k_m"),
        ({"weight_dtype": "INT4", "runtime": "exllama"}, "gptq"),
        ({"weight_dtype": ""}, "checkpoint"),
    ],
)
def test_formats_of_weights(changes: dict[str, str], expected: str) -> None:
    assert read(**changes).precision.weights == expected


def test_bits_in_the_name_of_a_format() -> None:
    run = read(weight_dtype="exl3-6.0bpw-mcg", kv_dtype="q8", runtime="exllamav3",
               version="exllamav3 1.0.0+cu128", model="Qwen3.6-27B")  # fmt: skip
    assert class_bits(run.llm, run.precision.weights)["ffn"] == 6.0
    assert (run.precision.kv, run.version) == ("q8_0", "1.0.0")


def test_published_checkpoints_stand_for_a_format() -> None:
    run = read(weight_dtype="fp4", model="MiniMaxAI/MiniMax-M2.5")
    assert (run.llm.slug, run.precision.weights) == ("nvidia--minimax-m2.5-nvfp4", "checkpoint")
    partly = read(weight_dtype="fp4", model="deepseek-ai/DeepSeek-R1")
    bits = class_bits(partly.llm, partly.precision.weights)
    assert (bits["attention"], bits["expert"]) == (8.8, 4.5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kv_dtype": "auto (BF16)"}, "bf16"),
        ({"kv_dtype": "fp8_e4m3"}, "fp8"),
        ({"kv_dtype": "f16/f16"}, "fp16"),
        ({"kv_dtype": "", "notes": "fp8 KV; no power cap"}, "fp8"),
        ({"kv_dtype": "see README"}, "bf16"),
        ({"kv_dtype": "", "runtime": "TensorRT-LLM"}, "fp16"),
        ({"kv_dtype": "", "runtime": "TensorRT-LLM", "weight_dtype": "fp8"}, "fp8"),
    ],
)
def test_formats_of_the_cache(changes: dict[str, str], expected: str) -> None:
    assert read(**changes).precision.kv == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": "vLLM 0.17.0rc1"}, "0.17.0rc1"),
        ({"version": "vLLM 0.10.x ROCm"}, "0.10"),
        ({"version": "SGLang 0.4.6.post1", "runtime": "SGLang"}, "0.4.6.post1"),
        ({"version": "TensorRT-LLM v0.9.0", "runtime": "TensorRT-LLM static batch"}, "0.9.0"),
        # The number of Ray is not that of vLLM, whose release the date tells.
        ({"version": "vLLM via Ray Serve 2.51 (2025-10/11)", "date": "20251020"}, "0.11.0"),
        ({"version": "nightly-5b8c30d", "date": "2026-04-03"}, "0.19.0"),
        ({"version": "llama.cpp (2024)", "runtime": "llama.cpp", "date": "2024-08"}, ""),
        ({"version": "gpt-fast", "runtime": "gpt-fast (torch.compile)"}, ""),
        ({"version": "", "date": ""}, ""),
    ],
)
def test_versions(changes: dict[str, str], expected: str) -> None:
    assert read(**changes).version == expected


def test_ollama_keeps_large_weights_in_host_memory() -> None:
    eval_rate = {
        "runtime": "ollama", "version": "ollama (llama.cpp)", "model": "Llama 3.1:70b",
        "weight_dtype": "Q4_K_M (ollama default)", "kv_dtype": "f16", "isl": "short",
        "osl": "variable", "concurrency_or_batch": "1", "metric": "decode_tok_s_per_seq",
        "notes": "eval rate; host Example",
    }  # fmt: skip
    assert "keeps a part of them in host memory" in reason(gpu="rtx-4090-24gb", **eval_rate)
    run = read(gpu="m3-ultra-512gb", **eval_rate)
    assert (run.kind, run.regime, run.precision.weights) == ("ollama", "decode", "q4_k_m")
    assert "a prompt of 30 tokens assumed" in run.note


def test_limits_that_a_row_states() -> None:
    notes = "gpu_memory_utilization=0.85; max_num_batched_tokens=4096"
    run = read(concurrency_or_batch="Poisson ~10 rps, max_num_seqs 128", notes=notes)
    assert (run.memory_ratio, run.max_seqs, run.max_batched_tokens) == (0.85, 128, 4096)
    assert (run.regime, run.seqs) == ("offline", None)


def test_contexts_of_a_sweep_are_its_prompts() -> None:
    notes = "ctx=1024; spec_decode=none; instances=1; campaign=kv-sweep; p50"
    run = read(source=FLEET, notes=notes, isl="", osl="", metric="tpot_ms", value="16",
               concurrency_or_batch="1")  # fmt: skip
    assert (run.input_tokens, run.output_tokens) == (896.0, 128.0)


@pytest.mark.parametrize(
    ("text", "number"),
    [("~8", 8.0), ("mean 857", 857.0), ("ShareGPT 215 mean", 215.0), ("128 (10599/16)", 128.0),
     ("2,048", 2048.0), ("short", None), ("", None), ("c32x", None)],
)  # fmt: skip
def test_numbers_in_words(text: str, number: float | None) -> None:
    assert first_count(text) == number


_WORDS: Final = st.one_of(
    st.text("0123456789 .,=x-~_@()²½٣EPtb", max_size=12),
    st.sampled_from(
        [*PLAIN.values(), "0", "DEP0", "attention_dp=0; moe_ep=0", "99999", "-1", "0 samples/s",
         "Hybrid TP = 0 and EP = 2", "MLPerf Offline; x0/node nodes=0", "power_limit=001W"]
    ),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(TABLES["inference"]), _WORDS, max_size=6))
def test_any_row_is_read_or_refused_in_words(changes: dict[str, str]) -> None:
    run, said = tried(row(**changes))
    if run is None:
        assert said.strip()
    else:
        assert run.measured > 0.0
        assert run.split.cards == run.rig.cards_count


def tried(measurement: Measurement) -> tuple[InferenceRun | None, str]:
    """Return the run of a row, or why there is none."""
    try:
        return read_run(measurement, CATALOG), ""
    except InputError as error:
        return None, str(error)


def test_nine_of_ten_rows_of_the_shared_tables_are_read() -> None:
    paths = [SHARED / "measurements" / f"{name}.csv" for name in ("inference", "serving")]
    if not all(path.is_file() for path in paths):
        pytest.skip(f"no tables of inference and serving in {SHARED}: set RIGHTRIG_SHARED")
    answers = [tried(measured) for path in paths for measured in read_table(path).rows]
    refused = [said for run, said in answers if run is None]
    unspecified = [said for said in refused if "no specification" in said or "the card" in said]
    known_count = len(answers) - len(unspecified)
    assert len(answers) - len(refused) >= 0.9 * known_count
    for said in set(refused):
        assert 20 < len(said) < 300
        assert "Traceback" not in said
        assert "\n" not in said

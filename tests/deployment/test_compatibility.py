"""Rules of compatibility: one test a rule, and formats that follow the card."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.compatibility import (
    RULES,
    broken,
    capability,
    default_weights,
    format_reason,
    is_native,
    stored_format,
)
from rightrig.deployment.compatibility_cache import attention_reason, kv_formats_on
from rightrig.deployment.compatibility_formats import is_between, loaded_formats
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig

CATALOG = rightrig.shipped()
VLLM = CATALOG.runtime("vllm")
LLAMA_CPP = CATALOG.runtime("llama.cpp")
ENGINES = CATALOG.slugs("runtimes")


def deployed(model: str = "llama-3.3-70b", rig: str = "8xh100-sxm") -> Deployment:
    return propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG))


def first_broken(deployment: Deployment) -> tuple[str, str]:
    violation = broken(deployment)[0]
    return violation.rule_id, violation.reason


def test_rules_have_distinct_ids_and_a_sentence_each() -> None:
    assert [rule.id for rule in RULES] == [
        "RT-OS", "RT-VENDOR", "RT-CC", "RT-MODEL", "RT-FORMAT", "RT-KV", "RT-ATTENTION",
        "KV-FLASH", "KV-TENSOR", "RT-SPLIT", "RT-EQUAL", "PAR-HEADS", "PAR-LAYERS", "PAR-STAGES",
        "PAR-NODE", "PAR-MIG", "ENG-BATCH",
    ]  # fmt: skip
    assert all((type(rule).__doc__ or "").endswith(".") for rule in RULES)


def test_a_usual_deployment_breaks_no_rule() -> None:
    assert broken(deployed()) == ()


def test_rt_vendor_keeps_vllm_off_apple() -> None:
    on_mac = replace(deployed(rig="1xm2-ultra"), runtime=VLLM)
    assert first_broken(on_mac) == (
        "RT-VENDOR",
        "vLLM runs on NVIDIA, AMD, Intel; m2-ultra is Apple",
    )


def test_vllm_serves_arc_but_not_gaudi() -> None:
    awq = deployed("qwen3-8b", "1xrtx-4090").with_precision(weights="awq")
    assert awq.runtime.slug == "vllm"
    assert broken(replace(awq, rig=parse_rig("1xarc-b580", CATALOG))) == ()
    assert first_broken(replace(awq, rig=parse_rig("1xgaudi3", CATALOG))) == (
        "RT-FORMAT",
        "vLLM does not run on Gaudi, as gaudi3 is; use another --runtime",
    )


def test_rt_vendor_looks_at_every_card_of_a_mixed_rig() -> None:
    mixed = replace(deployed(), rig=parse_rig("1xh100-sxm+1xm2-ultra", CATALOG))
    assert "m2-ultra is Apple" in first_broken(mixed)[1]


def test_rt_cc_keeps_vllm_off_volta_and_names_a_runtime_that_runs_there() -> None:
    volta = replace(deployed(), rig=parse_rig("8xv100-sxm-32gb", CATALOG))
    assert first_broken(volta) == (
        "RT-CC",
        "vLLM needs compute capability 7.5; v100-sxm-32gb has 7.0; try --runtime llama.cpp",
    )


def test_rt_format_keeps_gguf_files_out_of_vllm() -> None:
    rule, reason = first_broken(deployed().with_precision(weights="q4_k_m"))
    assert rule == "RT-FORMAT"
    assert reason.startswith("vLLM does not load q4_k_m; it loads bf16")


def test_rt_format_keeps_bf16_off_turing() -> None:
    turing = replace(
        deployed(rig="1xt4"), llm=CATALOG.llm("llama-3.1-8b"), precision=Precision("bf16")
    )
    assert first_broken(turing) == (
        "RT-FORMAT",
        (
            "vLLM loads bf16 from compute capability 8.0; t4 has 7.5, where it loads fp16, fp8, "
            "fp8-block, int8, awq, gptq and 1 more (--weights)"
        ),
    )


def test_rt_kv_knows_the_caches_of_a_runtime() -> None:
    assert first_broken(deployed().with_precision(kv="q8_0")) == (
        "RT-KV",
        "--kv 'q8_0' is no format of vLLM, which keeps its KV cache in bf16, fp16, fp8",
    )


# What vLLM 0.33 prints or refuses, read in its attention backends.
@pytest.mark.parametrize(
    ("model", "card", "kv", "served"),
    [
        ("llama-3.1-8b", "a100-sxm-80gb", "fp8", True),  # FlashInfer, heads of 128
        ("phi-3-mini-4k-instruct", "a100-sxm-80gb", "fp8", False),  # 96: FlashInfer has none
        ("phi-3-mini-4k-instruct", "h100-sxm", "fp8", True),  # FlashAttention 3
        ("phi-3-mini-4k-instruct", "rtx-4090", "fp8", True),  # Triton from 8.9
        ("llama-3.1-8b", "t4", "fp8", False),
        ("llama-3.1-8b", "t4", "fp16", True),
        ("gpt-oss-20b", "a100-sxm-80gb", "bf16", True),  # sinks: Triton
        ("gpt-oss-20b", "a100-sxm-80gb", "fp8", False),  # FlashInfer knows no sinks there
        ("gpt-oss-20b", "l40s", "fp8", True),
        ("deepseek-v3", "a100-sxm-80gb", "bf16", True),  # latent attention: Triton
        ("deepseek-v3", "a100-sxm-80gb", "fp8", False),
        ("deepseek-v3", "h200-sxm", "fp8", True),
        ("deepseek-v3", "t4", "fp16", False),
        ("deepseek-v3.2", "h200-sxm", "bf16", True),  # sparse: from Hopper on
        ("deepseek-v3.2", "a100-sxm-80gb", "bf16", False),
        ("llama-3.1-8b", "mi300x", "fp8", True),
        ("gpt-oss-20b", "mi300x", "fp8", True),
        ("gpt-oss-20b", "mi210", "fp8", False),
    ],
)
def test_vllm_serves_a_cache_where_it_has_a_kernel(
    model: str,
    card: str,
    kv: str,
    served: bool,  # noqa: FBT001 - a table's column
) -> None:
    reason = attention_reason(VLLM, CATALOG.gpu(card), CATALOG.llm(model), kv)
    assert (reason is None) is served


def test_rt_attention_keeps_an_fp8_cache_off_turing_and_names_one_that_works() -> None:
    usual = deployed("llama-3.1-8b", "1xt4")
    assert "RT-ATTENTION" not in {v.rule_id for v in broken(usual)}
    assert first_broken(usual.with_precision(kv="fp8")) == (
        "RT-ATTENTION",
        (
            "vLLM has no attention kernel for heads of 128 with a KV cache in fp8 on t4 (7.5); "
            "use --kv fp16"
        ),
    )


def test_rt_attention_keeps_sinks_with_an_fp8_cache_off_ampere() -> None:
    usual = deployed("gpt-oss-20b", "1xa100-sxm-80gb")
    assert broken(usual) == ()
    rule, reason = first_broken(usual.with_precision(kv="fp8"))
    assert rule == "RT-ATTENTION"
    assert "for heads of 64 and attention sinks with a KV cache in fp8" in reason


def test_rt_attention_says_from_which_cards_on_a_model_runs() -> None:
    reason = attention_reason(VLLM, CATALOG.gpu("t4"), CATALOG.llm("deepseek-v3"), "fp16")
    assert (reason or "").endswith("it has one for cards of compute capability 8.0")


def test_a_runtime_whose_kernels_nobody_read_serves_all_its_caches() -> None:
    sglang = CATALOG.runtime("sglang")
    llm = CATALOG.llm("gpt-oss-20b")
    assert kv_formats_on(sglang, CATALOG.gpu("t4"), llm) == sglang.kv_formats


def test_kv_flash_wants_flash_attention_for_a_quantised_cache() -> None:
    usual = deployed("llama-3.1-8b", "1xm2-ultra").with_precision(kv="q8_0")
    assert broken(usual) == ()
    without = replace(usual, limits=replace(usual.limits, flash_attention=False))
    assert first_broken(without) == (
        "KV-FLASH",
        (
            "llama.cpp keeps a KV cache in q8_0 with flash attention only, which is off; turn it "
            "on, or use --kv fp16"
        ),
    )
    assert broken(without.with_precision(kv="fp16")) == ()


def test_kv_tensor_keeps_quantised_caches_out_of_a_tensor_split() -> None:
    layers = deployed("llama-3.1-8b", "2xm2-ultra").with_precision(kv="q8_0")
    assert broken(layers) == ()
    tensor = replace(layers, parallelism=Parallelism(2))
    assert ("KV-TENSOR", ("llama.cpp keeps no KV cache in q8_0 under a tensor split over 2 cards; "
            "use --kv bf16, or leave --tp out")) in {
        (v.rule_id, v.reason) for v in broken(tensor)
    }  # fmt: skip
    assert "KV-TENSOR" not in {v.rule_id for v in broken(tensor.with_precision(kv="fp16"))}


def test_int8_activations_end_before_blackwell_in_vllm() -> None:
    assert format_reason(VLLM, CATALOG.gpu("h100-sxm"), "int8") is None
    reason = format_reason(VLLM, CATALOG.gpu("b200-sxm"), "int8") or ""
    assert reason.startswith(
        "vLLM loads int8 below compute capability 10.0 only; b200-sxm has 10.0, where it loads bf16"
    )


# Lowest NVIDIA card, and the first one that is too new, by the engines' own tables.
@pytest.mark.parametrize(
    ("runtime", "name", "loads", "refuses"),
    [
        ("vllm", "fp8", "t4", "v100-sxm-32gb"),
        ("vllm", "awq", "t4", "v100-sxm-32gb"),
        ("vllm", "nvfp4", "t4", "v100-sxm-32gb"),
        ("vllm", "mxfp4", "a10", "t4"),
        ("vllm", "bf16", "a10", "t4"),
        ("lmdeploy", "awq", "v100-sxm-32gb", "p40"),
        ("lmdeploy", "mxfp4", "v100-sxm-32gb", "p40"),
        ("ollama", "q4_k_m", "p40", "gaudi2"),
        ("sglang", "fp8", "a10", "t4"),
        ("sglang", "nvfp4", "a10", "t4"),
        ("tensorrt-llm", "fp8", "l40s", "a100-sxm-80gb"),
        ("tensorrt-llm", "fp8-block", "h100-sxm", "l40s"),
        ("tensorrt-llm", "fp8-block", "b200-sxm", "rtx-5090"),
        ("tensorrt-llm", "awq", "h100-sxm", "b200-sxm"),
        ("tensorrt-llm", "nvfp4", "b200-sxm", "h100-sxm"),
        ("tgi", "fp8", "h100-sxm", "l40s"),
    ],
)
def test_engines_load_a_format_on_the_cards_that_their_tables_name(
    runtime: str, name: str, loads: str, refuses: str
) -> None:
    engine = CATALOG.runtime(runtime)
    assert format_reason(engine, CATALOG.gpu(loads), name) is None
    assert format_reason(engine, CATALOG.gpu(refuses), name) is not None


def test_rt_os_keeps_linux_engines_off_windows_and_lets_wsl_pass() -> None:
    usual = deployed()
    assert broken(replace(usual, operating_system="linux")) == ()
    windows = replace(usual, operating_system="windows")
    assert broken(windows) == (), "inside WSL2, which the record says"
    sglang = replace(usual, runtime=CATALOG.runtime("sglang"))
    on_linux = replace(sglang, operating_system="linux")
    assert "RT-OS" not in {v.rule_id for v in (*broken(sglang), *broken(on_linux))}
    violation = broken(replace(windows, runtime=sglang.runtime))[0]
    assert (violation.rule_id, violation.reason) == (
        "RT-OS",
        "SGLang does not run under Windows; use Linux, or another --runtime",
    )


def test_an_operating_system_that_no_record_speaks_of_is_not_refused() -> None:
    unknown = replace(deployed(), runtime=CATALOG.runtime("ktransformers"))
    on_windows = replace(unknown, operating_system="windows")
    assert "RT-OS" not in {v.rule_id for v in broken(on_windows)}


def test_bounds_of_compute_capability_are_closed_below_and_open_above() -> None:
    assert is_between("9.0", "9.0", "10.0")
    assert not is_between("10.0", "9.0", "10.0")
    assert not is_between("8.9", "9.0", None)
    assert is_between(None, "9.0", "10.0"), "what is not known breaks no bound"


@given(card=st.sampled_from(CATALOG.slugs("gpus")), runtime=st.sampled_from(ENGINES))
def test_a_format_is_listed_for_a_card_exactly_when_it_has_no_reason_against_it(
    card: str, runtime: str
) -> None:
    engine, gpu = CATALOG.runtime(runtime), CATALOG.gpu(card)
    names = {*engine.weight_formats, *(n for f in engine.vendor_weight_formats.values() for n in f)}
    allowed = {name for name in names if format_reason(engine, gpu, name) is None}
    assert allowed == set(loaded_formats(engine, gpu))


def test_rt_split_keeps_tensor_parallelism_out_of_llama_cpp() -> None:
    tensor = replace(
        deployed(),
        runtime=LLAMA_CPP,
        precision=Precision("q4_k_m", "fp16"),
        parallelism=Parallelism(2, 4),
    )
    assert first_broken(tensor) == (
        "RT-SPLIT",
        "llama.cpp splits by layers, not by tensors; leave --tp out",
    )


def test_rt_split_keeps_cards_of_two_makers_out_of_vllm() -> None:
    alike = replace(deployed(rig="2xh100-sxm"), rig=parse_rig("1xh100-sxm+1xrtx-4090", CATALOG))
    assert not broken(alike)
    mixed = replace(alike, rig=parse_rig("1xh100-sxm+1xmi300x", CATALOG))
    assert ("RT-SPLIT", True) in {(v.rule_id, "llama.cpp" in v.reason) for v in broken(mixed)}


def test_rt_equal_keeps_mixed_cards_out_of_nim() -> None:
    nim = CATALOG.runtime("nim")
    rule = next(rule for rule in RULES if rule.id == "RT-EQUAL")
    equal = replace(deployed(rig="2xh100-sxm"), runtime=nim)
    assert rule.check(equal) is None
    mixed = replace(equal, rig=parse_rig("1xh100-sxm+1xa100-sxm-80gb", CATALOG))
    assert rule.check(mixed) == (
        "NVIDIA NIM wants cards of one kind and 1xh100-sxm+1xa100-sxm-80gb mixes them; name one "
        "kind in --on, or use --runtime llama.cpp"
    )
    assert rule.check(replace(mixed, runtime=VLLM)) is None


def test_par_heads_counts_heads() -> None:
    assert first_broken(replace(deployed(), parallelism=Parallelism(3))) == (
        "PAR-HEADS",
        "64 attention heads do not divide by tp=3",
    )


def test_par_layers_gives_every_stage_a_layer() -> None:
    long_pipeline = replace(deployed(), parallelism=Parallelism(1, 81))
    assert first_broken(long_pipeline) == ("PAR-LAYERS", "80 layers make no 81 stages")


def test_par_node_keeps_a_tensor_parallel_group_in_one_machine() -> None:
    wide = replace(deployed(), rig=parse_rig("2n:8xh100-sxm", CATALOG), parallelism=Parallelism(16))
    assert first_broken(wide) == (
        "PAR-NODE",
        "tp=16 spans machines of 8 cards; use a divisor of 8 and --pp",
    )


def test_eng_batch_wants_a_token_for_every_sequence_of_a_step() -> None:
    usual = deployed()
    small = replace(usual, limits=replace(usual.limits, max_batched_tokens=512))
    rule, reason = first_broken(small)
    assert rule == "ENG-BATCH"
    assert "refuses --max-batched-tokens 512 below --max-seqs 1024; raise the one" in reason


def test_every_broken_rule_is_told_not_the_first_only() -> None:
    bad = replace(
        deployed(),
        rig=parse_rig("1xm2-ultra", CATALOG),
        precision=Precision("q4_k_m", "q8_0"),
        parallelism=Parallelism(3),
    )
    assert {v.rule_id for v in broken(bad)} == {
        "RT-VENDOR", "RT-FORMAT", "RT-KV", "PAR-HEADS", "PAR-NODE",
    }  # fmt: skip


def test_capabilities_are_compared_as_numbers() -> None:
    assert capability("8.9") < capability("10.0") < capability("12.0")


@pytest.mark.parametrize(
    ("card", "name", "native"),
    [
        ("h100-sxm", "fp8", True),
        ("rtx-4090", "fp8", True),
        ("a100-sxm-80gb", "fp8", False),
        ("h100-sxm", "nvfp4", False),
        ("b200-sxm", "nvfp4", True),
        ("h100-sxm", "awq", False),
        ("mi300x", "fp8", True),
    ],
)
def test_arithmetic_is_native_from_a_generation_on(card: str, name: str, native: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_native(VLLM, CATALOG.gpu(card), name) is native


def test_fp8_loads_on_ampere_although_it_is_multiplied_in_16_bits() -> None:
    assert format_reason(VLLM, CATALOG.gpu("a100-sxm-80gb"), "fp8") is None


def test_cards_of_amd_have_their_own_list_of_formats() -> None:
    assert format_reason(VLLM, CATALOG.gpu("mi300x"), "fp8") is None
    assert "loads bf16, fp16, fp8, fp8-block, mxfp4, not awq" in (
        format_reason(VLLM, CATALOG.gpu("mi300x"), "awq") or ""
    )


def test_fp8_on_amd_wants_an_architecture_with_fp8_arithmetic() -> None:
    reason = format_reason(VLLM, CATALOG.gpu("mi210"), "fp8")
    assert (reason or "").startswith("vLLM on mi210 loads bf16, fp16, not fp8;")


def test_vllm_does_not_run_on_old_architectures_of_amd() -> None:
    reason = format_reason(VLLM, CATALOG.gpu("mi50-16gb"), "fp16")
    assert reason == "vLLM does not run on GCN, as mi50-16gb is; use another --runtime"


def test_the_checkpoint_is_stored_in_its_own_format() -> None:
    assert stored_format(deployed("deepseek-v3", "8xh200-sxm")) == "fp8-block"


@pytest.mark.parametrize(
    ("runtime", "checkpoint", "card", "name"),
    [
        ("vllm", "bf16", "h100-sxm", "checkpoint"),
        ("vllm", "bf16", "t4", "fp16"),
        ("vllm", "fp8-block", "h100-sxm", "checkpoint"),
        ("llama.cpp", "bf16", "rtx-4090", "q4_k_m"),
    ],
)
def test_weights_that_nobody_chose_are_what_a_user_would_start_with(
    runtime: str, checkpoint: str, card: str, name: str
) -> None:
    assert default_weights(CATALOG.runtime(runtime), checkpoint, CATALOG.gpu(card)) == name

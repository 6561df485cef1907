"""Rules of compatibility: one test a rule, and formats that follow the card."""

from __future__ import annotations

from dataclasses import replace

import pytest

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
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig

CATALOG = rightrig.shipped()
VLLM = CATALOG.runtime("vllm")
LLAMA_CPP = CATALOG.runtime("llama.cpp")


def deployed(model: str = "llama-3.3-70b", rig: str = "8xh100-sxm") -> Deployment:
    return propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG))


def first_broken(deployment: Deployment) -> tuple[str, str]:
    violation = broken(deployment)[0]
    return violation.rule_id, violation.reason


def test_rules_have_distinct_ids_and_a_sentence_each() -> None:
    assert [rule.id for rule in RULES] == [
        "RT-VENDOR", "RT-CC", "RT-FORMAT", "RT-KV", "RT-SPLIT", "PAR-HEADS", "PAR-LAYERS",
        "PAR-NODE", "ENG-BATCH",
    ]  # fmt: skip
    assert all((type(rule).__doc__ or "").endswith(".") for rule in RULES)


def test_a_usual_deployment_breaks_no_rule() -> None:
    assert broken(deployed()) == ()


def test_rt_vendor_keeps_vllm_off_apple() -> None:
    on_mac = replace(deployed(rig="1xm2-ultra"), runtime=VLLM)
    assert first_broken(on_mac) == (
        "RT-VENDOR",
        "vLLM runs on NVIDIA, AMD; m2-ultra is Apple",
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
        "vLLM loads bf16 from compute capability 8.0; t4 has 7.5",
    )


def test_rt_kv_knows_the_caches_of_a_runtime() -> None:
    assert first_broken(deployed().with_precision(kv="q8_0")) == (
        "RT-KV",
        "--kv 'q8_0' is no format of vLLM, which keeps its KV cache in bf16, fp16, fp8",
    )


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


def test_rt_split_keeps_mixed_cards_out_of_vllm() -> None:
    mixed = replace(deployed(rig="2xh100-sxm"), rig=parse_rig("1xh100-sxm+1xrtx-4090", CATALOG))
    rule, reason = first_broken(mixed)
    assert rule == "RT-SPLIT"
    assert "use --runtime llama.cpp, which splits layers by memory" in reason


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
    assert reason == "vLLM does not run on GCN, as mi50-16gb is"


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

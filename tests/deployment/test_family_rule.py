"""Which engine serves which family of models, with what cache and in which stages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from pydantic import ValidationError

import rightrig
from rightrig.deployment.compatibility import broken
from rightrig.deployment.compatibility_cache import kv_formats_on, usual_kv
from rightrig.deployment.compatibility_matrix import Asked, matrix
from rightrig.deployment.compatibility_model import family_reason, stages_reason
from rightrig.deployment.parallelism import tp_reason, valid_tps
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.architectures.registry import understood
from rightrig.facts.runtime import Refusal

CATALOG = rightrig.shipped()
VLLM = CATALOG.runtime("vllm")
LLAMA_CPP = CATALOG.runtime("llama.cpp")
LISTED = ("vllm", "sglang", "llama.cpp")
FAMILIES = sorted({CATALOG.llm(slug).family for slug in CATALOG.slugs("llms")})
M1 = CATALOG.llm("minimax-m1-80k")
V4 = CATALOG.llm("deepseek-v4-flash")
E2B = CATALOG.llm("gemma-4-e2b-it")
E4B = CATALOG.llm("gemma-4-e4b-it")
H200 = parse_rig("8xh200-sxm", CATALOG)


@pytest.mark.parametrize("slug", LISTED)
def test_every_family_of_the_catalogue_is_served_or_refused_with_a_reason(slug: str) -> None:
    families = CATALOG.runtime(slug).families
    assert families is not None
    unknown = [name for name in FAMILIES if (name in families.served) == (name in families.refused)]
    assert unknown == []


@pytest.mark.parametrize("slug", LISTED)
def test_lists_of_families_name_families_that_exist_once_and_have_a_source(slug: str) -> None:
    families = CATALOG.runtime(slug).families
    assert families is not None
    named = [*families.served, *families.refused]
    assert len(named) == len(set(named))
    assert set(named) <= set(understood())
    assert set(families.one_stage) <= set(families.served)
    assert "@" in families.source or "==" in families.source


@pytest.mark.parametrize("slug", LISTED)
def test_the_remedy_of_a_refusal_serves_the_family(slug: str) -> None:
    remedies = [
        (model, name, version.rstrip("."))
        for model in map(CATALOG.llm, CATALOG.slugs("llms"))
        for name, _, version in re.findall(
            r"--runtime ([a-z.]+)(@([0-9.]+))?", family_reason(CATALOG.runtime(slug), model) or ""
        )
    ]
    assert remedies
    for model, name, version in remedies:
        assert family_reason(CATALOG.runtime(name), model, version) is None


def test_minimax_m1_left_vllm_after_0_23() -> None:
    assert family_reason(VLLM, M1) == (
        "vLLM 0.33.0 does not serve MiniMaxAI/MiniMax-M1-80k: it served the family minimax_m1 up "
        "to 0.23.0 only; use --runtime vllm@0.23.0 or --runtime llama.cpp"
    )


@pytest.mark.parametrize(
    ("version", "served"),
    [("0.19.0", True), ("0.23.0", True), ("0.23.1", False), ("0.33.0", False)],
)
def test_support_ends_with_a_version(version: str, served: bool) -> None:  # noqa: FBT001 - a table's column
    assert (family_reason(VLLM, M1, version) is None) == served


def test_of_another_version_only_the_end_of_support_is_known() -> None:
    decilm = CATALOG.llm("decilm-7b")
    assert family_reason(VLLM, decilm) is not None
    assert family_reason(VLLM, decilm, "0.33.0") is not None
    assert family_reason(VLLM, decilm, "0.5.2") is None


@pytest.mark.parametrize(
    ("model", "runtime", "word"),
    [
        ("qwen-7b", "vllm", "up to 0.23.0"),
        ("mpt-7b", "vllm", "up to 0.28.0"),
        ("opt-6.7b", "llama.cpp", "knows no OPT"),
        ("gpt-j-6b", "llama.cpp", "GPT-J"),
        ("mimo-7b-base", "llama.cpp", "MiMo-7B"),
        ("falcon-7b", "sglang", "Falcon"),
    ],
)
def test_rt_model_refuses_a_family_that_a_runtime_was_told_to_serve(
    model: str, runtime: str, word: str
) -> None:
    with pytest.raises(InputError, match=word) as refused:
        propose(CATALOG, CATALOG.llm(model), parse_rig("1xh100-sxm", CATALOG), Choices(runtime))
    assert "[RT-MODEL]" in str(refused.value)


def test_a_family_that_vllm_left_is_proposed_on_llama_cpp_by_default() -> None:
    assert propose(CATALOG, M1, H200).runtime.slug == "llama.cpp"
    assert propose(CATALOG, CATALOG.llm("opt-6.7b"), H200).runtime.slug == "vllm"


def test_a_family_that_no_list_names_is_not_refused() -> None:
    other = M1.model_copy(update={"family": "brand_new"})
    assert all(family_reason(CATALOG.runtime(slug), other) is None for slug in LISTED)
    assert family_reason(CATALOG.runtime("ollama"), M1) is None


def test_the_matrix_of_runtimes_tells_which_do_not_serve_a_model() -> None:
    rows = {row.runtime.slug: row for row in matrix(CATALOG, Asked(H200, M1))}
    assert rows["vllm"].verdict == "no"
    assert rows["vllm"].reasons[0] == "served the family minimax_m1 up to 0.23.0 only"
    assert rows["sglang"].verdict == "no"
    assert rows["llama.cpp"].verdict != "no"
    unknown = "whether it serves this family of models is not recorded"
    assert unknown in rows["tensorrt-llm"].reasons
    assert unknown not in rows["llama.cpp"].reasons


def test_a_refusal_says_one_thing() -> None:
    with pytest.raises(ValidationError, match="either because or until"):
        Refusal(instead="vllm")
    with pytest.raises(ValidationError, match="either because or until"):
        Refusal(because="lacks it", until="0.1", instead="vllm")


@pytest.mark.parametrize(
    ("card", "formats"),
    [
        ("a100-sxm-80gb", ()),
        ("l40s", ()),
        ("h200-sxm", ("fp8",)),
        ("b200-sxm", ("bf16", "fp8")),
        ("rtx-pro-6000-ws", ("fp8",)),
        ("mi300x", ("fp8",)),
    ],
)
def test_vllm_keeps_compressed_entries_in_fp8(card: str, formats: tuple[str, ...]) -> None:
    assert kv_formats_on(VLLM, CATALOG.gpu(card), V4) == formats


def test_the_usual_cache_of_deepseek_v4_is_fp8_and_of_others_16_bits() -> None:
    """584 B an entry: 448 in FP8, 64 rotated in BF16, 8 scales."""
    assert usual_kv(VLLM, V4) == "fp8"
    others = [CATALOG.llm(slug) for slug in CATALOG.slugs("llms")]
    odd = {llm.family for llm in others if usual_kv(VLLM, llm) != "bf16"}
    assert odd == {"deepseek_v4", "deepseek_ref"}
    assert usual_kv(LLAMA_CPP, V4) == "fp16"
    assert propose(CATALOG, V4, H200).precision.kv == "fp8"


def test_output_groups_of_deepseek_v4_bound_the_ranks() -> None:
    assert valid_tps(V4, 64) == (1, 2, 4, 8)
    assert tp_reason(V4, 16) == "8 output groups do not divide by tp=16"
    assert valid_tps(CATALOG.llm("deepseek-v4-pro"), 64)[-1] == 16


@pytest.mark.parametrize("card", ["a100-sxm-80gb", "h200-sxm", "b200-sxm", "mi300x"])
def test_block_sparse_heads_of_minimax_m3_have_a_kernel_on_every_card(card: str) -> None:
    for name in ("minimax-m3", "minimax-m3-nvfp4"):
        assert {"bf16", "fp8"} <= set(kv_formats_on(VLLM, CATALOG.gpu(card), CATALOG.llm(name)))


def test_block_sparse_heads_of_another_width_have_no_kernel() -> None:
    m3 = CATALOG.llm("minimax-m3")
    wide = tuple(
        block.model_copy(
            update={"attention": block.attention and block.attention.model_copy(
                update={"head_dim": 192})}
        )
        for block in m3.blocks
    )  # fmt: skip
    other = replace(propose(CATALOG, m3, H200), llm=m3.model_copy(update={"blocks": wide}))
    assert "block-sparse heads of 192" in broken(other)[0].reason


@pytest.mark.parametrize(
    ("model", "stages", "layers"),
    [("e2b", 2, "layer 18 .* layer 13,"), ("e2b", 35, "layer 15 .* layer 13,"),
     ("e4b", 3, "layer 28 .* layer 22,")],
)  # fmt: skip
def test_vllm_keeps_a_shared_cache_in_one_stage(model: str, stages: int, layers: str) -> None:
    """E2B: layers 15 to 34 reuse 13 (window) and 14 (full); E4B: 24 to 41 reuse 22 and 23."""
    llm = CATALOG.llm(f"gemma-4-{model}-it")
    assert re.search(layers, stages_reason(VLLM, llm, stages) or "")
    assert stages_reason(LLAMA_CPP, llm, stages) is None


def test_stages_that_hold_reused_and_reusing_layers_are_allowed() -> None:
    # 42 layers in two stages: the second begins at 21, before the first reused layer, 22.
    assert stages_reason(VLLM, E4B, 2) is None
    assert stages_reason(VLLM, E2B, 1) is None
    assert stages_reason(VLLM, CATALOG.llm("gemma-4-31b-it"), 4) is None


def test_par_stages_names_the_family_that_has_none() -> None:
    split = propose(CATALOG, CATALOG.llm("gemma-3-12b-it"), parse_rig("2xrtx-4090", CATALOG))
    other = replace(
        split,
        llm=split.llm.model_copy(update={"family": "gemma3n_text"}),
        parallelism=replace(split.parallelism, tp=1, pp=2),
    )
    violation = broken(other)[0]
    assert violation.rule_id == "PAR-STAGES"
    assert violation.reason == (
        "vLLM has no pipeline stages for the family gemma3n_text (pp=2); use --tp or --replicas"
    )

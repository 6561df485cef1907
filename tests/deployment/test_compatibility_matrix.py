"""Which runtimes run on which rig, in which formats and splits, and what to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.deployment.compatibility_formats import format_reason
from rightrig.deployment.compatibility_matrix import PLAIN_FORMATS, Asked, Support, matrix
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped

if TYPE_CHECKING:
    from rightrig.facts.runtime import OperatingSystem

CATALOG = shipped()


def rows(
    rig: str, model: str | None = None, system: OperatingSystem | None = None
) -> dict[str, Support]:
    llm = None if model is None else CATALOG.llm(model)
    asked = Asked(parse_rig(rig, CATALOG), llm, system)
    return {row.runtime.slug: row for row in matrix(CATALOG, asked)}


def test_every_runtime_has_one_row_and_those_that_run_come_first() -> None:
    asked = Asked(parse_rig("4xrtx-4090", CATALOG))
    verdicts = [row.verdict for row in matrix(CATALOG, asked)]
    assert len(verdicts) == len(CATALOG.slugs("runtimes"))
    assert verdicts == sorted(verdicts, key=["yes", "caveat", "no"].index)


def test_fp8_is_native_on_ada_and_unpacked_on_ampere() -> None:
    ada, ampere = rows("1xrtx-4090")["vllm"], rows("1xa100-sxm-80gb")["vllm"]
    assert "fp8" in ada.native_formats
    assert "fp8" in ampere.unpacked_formats
    assert "fp8" not in rows("1xa100-sxm-80gb")["tensorrt-llm"].unpacked_formats


def test_a_mixed_rig_has_the_formats_that_every_card_loads_natively() -> None:
    mixed = rows("1xrtx-4090+1xt4")["exllamav3"]
    assert mixed.native_formats == ("fp16",), "the T4 has no BF16"


def test_volta_is_left_to_engines_that_still_run_there() -> None:
    volta = rows("1xv100-sxm-32gb")
    running = {slug for slug in ("vllm", "sglang", "lmdeploy", "ollama", "llama.cpp", "tgi")
               if volta[slug].verdict != "no"}  # fmt: skip
    assert running == {"lmdeploy", "ollama", "llama.cpp"}
    reason = volta["vllm"].reasons[0]
    assert reason.startswith("needs compute capability 7.5; v100-sxm-32gb has 7.0")
    assert "0.14.0" in reason, "an older version still runs there"


def test_unequal_cards_are_bounded_by_the_smallest_or_dealt_layers_by_memory() -> None:
    mixed = rows("1xrtx-4090+1xa100-sxm-80gb")
    assert mixed["llama.cpp"].splits == ("layers",)
    assert mixed["llama.cpp"].reasons == ()
    assert mixed["vllm"].reasons == (
        "gives every card an equal share, so the smallest card bounds it",
    )
    assert mixed["nim"].reasons == (
        "wants cards of one kind and 1xrtx-4090+1xa100-sxm-80gb mixes them",
    )


def test_cards_of_two_makers_are_left_to_engines_that_deal_out_layers() -> None:
    mixed = rows("1xrtx-4090+1xrx-7900-xtx")
    assert mixed["llama.cpp"].verdict == "yes"
    assert mixed["vllm"].reasons == (
        "one engine runs on cards of one maker and 1xrtx-4090+1xrx-7900-xtx mixes them",
    )


def test_windows_leaves_linux_engines_out_and_tells_of_wsl() -> None:
    windows = rows("1xrtx-4090", system="windows")
    assert windows["sglang"].verdict == "no"
    assert windows["llama.cpp"].verdict == "yes"
    assert windows["vllm"].verdict == "caveat"
    assert "inside WSL2" in windows["vllm"].reasons[0]
    assert rows("1xrtx-4090", system="linux")["sglang"].verdict == "yes"


def test_apple_silicon_runs_metal_engines_only() -> None:
    mac = rows("1xm2-ultra")
    assert {slug for slug, row in mac.items() if row.verdict == "yes"} == {
        "llama.cpp", "mlx", "ollama", "transformers",
    }  # fmt: skip
    assert mac["vllm"].reasons == ("runs on NVIDIA, AMD, Intel; m2-ultra is Apple",)


def test_a_model_decides_the_tensor_splits() -> None:
    assert rows("8xh100-sxm", "llama-3.3-70b")["vllm"].splits[0] == "tp2/4/8"
    assert rows("6xh100-sxm", "llama-3.3-70b")["vllm"].splits[0] == "tp2"
    three = rows("3xh100-sxm", "llama-3.3-70b")["vllm"]
    assert "tp: 64 attention heads do not divide by tp=3" in three.refused_splits


def test_experts_are_split_where_there_are_experts() -> None:
    dense = rows("8xh100-sxm", "llama-3.3-70b")["vllm"]
    assert "ep: the model has no experts" in dense.refused_splits
    assert "ep" in rows("8xh100-sxm", "deepseek-v3")["vllm"].splits


def test_one_card_needs_no_split() -> None:
    assert rows("1xh100-sxm", "llama-3.1-8b")["vllm"].splits == ()


def test_a_checkpoint_that_an_engine_does_not_load_is_a_caveat() -> None:
    assert rows("8xh200-sxm", "deepseek-v3")["llama.cpp"].reasons == (
        "the checkpoint's fp8-block does not load and must be converted",
    )
    assert rows("8xa100-sxm-80gb", "qwen3-32b-fp8")["vllm"].reasons == (
        "the checkpoint's fp8-block is unpacked to 16 bits before it is multiplied",
    )


def test_a_model_without_a_kernel_does_not_run() -> None:
    turing = rows("8xt4", "deepseek-v3")["vllm"]
    assert turing.verdict == "no"
    assert turing.reasons[0].startswith("no attention kernel for latent attention")
    caveat = rows("1xa100-sxm-80gb", "gpt-oss-20b")["vllm"].reasons
    assert "no attention kernel for a KV cache in fp8" in caveat


def test_an_orchestrator_says_that_its_engines_count() -> None:
    assert rows("8xh100-sxm")["dynamo"].reasons == (
        "runs other engines, whose formats and splits count",
    )


@pytest.mark.parametrize("slug", ["vllm", "sglang", "tensorrt-llm", "lmdeploy", "tgi"])
@given(card=st.sampled_from(CATALOG.slugs("gpus")))
def test_the_matrix_and_the_rules_agree_on_formats(slug: str, card: str) -> None:
    row = rows(f"1x{card}")[slug]
    gpu = CATALOG.gpu(card)
    listed = {*row.native_formats, *row.unpacked_formats}
    assert not set(row.native_formats) & set(row.unpacked_formats)
    if row.verdict != "no":
        assert all(format_reason(row.runtime, gpu, name) is None for name in listed)
        assert PLAIN_FORMATS & listed <= set(row.native_formats)

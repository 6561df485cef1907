"""llama.cpp: the command repeats what the fit assumed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from launch_text import launch_text
from servings import serving

from golden import golden
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.gpu import PROCESSOR
from rightrig.facts.models import find_llm
from rightrig.prediction.layered_engines import placement_of
from rightrig.prediction.memory_fit import engine_of, engines_of, fit, visible_bytes
from rightrig.quantities import GIB, MIB
from rightrig.recipes.engines import gguf, llama_cpp
from rightrig.recipes.serving import Serving, Speculation
from rightrig.work.llama_cpp_options import Options, padded, place

if TYPE_CHECKING:
    from rightrig.recipes.launch import Launch

SMALL = "meta-llama/Llama-3.1-8B-Instruct"
LARGE = "meta-llama/Llama-3.3-70B-Instruct"
EXPERTS = "openai/gpt-oss-20b"
WINDOWS = "google/gemma-3-27b-it"
_NGRAM = {"speculation": Speculation(8, "ngram")}


def told(model: str, on: str, context: int = 8192, slots: int = 4, **choices: Any) -> Serving:
    return serving(model, on, context, slots, runtime="llama.cpp", **choices)


def offloaded(model: str, on: str, context: int = 8192, slots: int = 1) -> Serving:
    """Return one whose layers partly stay in host memory; its speed is not predicted."""
    known = shipped()
    choices = Choices(runtime="llama.cpp")
    deployment = propose(known, find_llm(model, known), parse_rig(on, known), choices)
    return Serving(
        deployment=deployment,
        fit=fit(deployment, context, slots),
        checkpoint="weights.gguf",
        context_tokens=context,
        concurrency=slots,
        input_tokens=1000,
        output_tokens=300,
    )


def value(launch: Launch, name: str) -> str | None:
    (flag,) = (flag for flag in launch.flags if flag.name == name)
    return flag.value


def names(launch: Launch) -> set[str]:
    return {flag.name for flag in launch.flags}


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("llama-cpp-one-card", told(SMALL, "1xrtx-4090")),
        ("llama-cpp-unequal-cards", told(LARGE, "1xrtx-4090+1xa100-sxm-80gb@ram=128GiB")),
        ("llama-cpp-offload", offloaded(LARGE, "1xrtx-4090@ram=128GiB")),
        ("llama-cpp-windows-q8", told(WINDOWS, "2xrtx-4090@ram=64GiB", kv="q8_0")),
        ("llama-cpp-replicas", told(SMALL, "2xrtx-3090", replicas=2)),
        ("llama-cpp-amd", told(EXPERTS, "1xrx-7900-xtx", use=_NGRAM)),
    ],
)  # fmt: skip
def test_the_whole_command_is_as_it_was_read(name: str, made: Serving) -> None:
    assert llama_cpp.reason(made) is None
    golden(f"{name}.txt", launch_text(llama_cpp.launch_of(made)))


def test_the_context_is_that_of_all_slots() -> None:
    launch = llama_cpp.launch_of(told(SMALL, "1xrtx-4090", context=5000, slots=3))
    assert (value(launch, "--ctx-size"), value(launch, "--parallel")) == ("15000", "3")


@given(context=st.integers(1, 200_000), slots=st.integers(1, gguf.MOST_SLOTS))
def test_a_share_of_the_whole_context_is_what_the_fit_counts_for_a_slot(
    context: int, slots: int
) -> None:
    whole = Options(context_tokens=slots * context, slots_count=slots)
    assert whole.cells_count == padded(context)


def test_slots_of_replicas_are_shared_out() -> None:
    launch = llama_cpp.launch_of(told(SMALL, "2xrtx-3090", slots=7, replicas=2))
    assert value(launch, "--parallel") == "4"


def test_slots_share_no_cache_and_the_server_guesses_no_limit() -> None:
    launch = llama_cpp.launch_of(told(SMALL, "1xrtx-4090"))
    assert "--no-kv-unified" in names(launch)
    assert value(launch, "--fit") == "off"


@pytest.mark.parametrize(
    "on", ["2xrtx-4090", "1xrtx-4090+1xa100-sxm-80gb", "3xrtx-3090+1xh100-sxm"]
)
def test_the_layers_lie_where_the_fit_put_them(on: str) -> None:
    made = told(LARGE, on, slots=1, weights="q2_k")
    launch = llama_cpp.launch_of(made)
    cards = visible_bytes(engines_of(made.deployment)[0])
    parts = tuple(float(part) for part in (value(launch, "--tensor-split") or "").split(","))
    layers = made.deployment.llm.layer_count
    assert place(layers, parts) == placement_of(engine_of(made.deployment), cards)
    assert value(launch, "--split-mode") == "layer"
    assert value(launch, "--gpu-layers") == "all"


def test_one_card_is_dealt_no_parts() -> None:
    assert "--tensor-split" not in names(llama_cpp.launch_of(told(SMALL, "1xrtx-4090")))


def test_parts_that_were_asked_for_are_passed_through() -> None:
    launch = llama_cpp.launch_of(told(SMALL, "2xrtx-4090", tensor_split="3,1"))
    assert value(launch, "--tensor-split") == "3,1"


def test_layers_that_the_fit_left_in_host_memory_stay_there() -> None:
    made = offloaded(LARGE, "1xrtx-4090@ram=128GiB")
    layers, left = made.deployment.llm.layer_count, made.fit.offloaded_layers
    assert made.fit.verdict == "offload"
    assert 0 < left < layers
    launch = llama_cpp.launch_of(made)
    on_cards = int(value(launch, "--gpu-layers") or "")
    assert place(layers, (1.0,), on_cards).devices.count(-1) == left
    # The fit of that very number is the fit of the recipe.
    again = replace(
        made.deployment, placement=replace(made.deployment.placement, gpu_layers=on_cards)
    )
    assert fit(again, made.context_tokens, 1).cards == made.fit.cards


def test_experts_that_stay_in_host_memory_are_named() -> None:
    made = told(EXPERTS, "1xrtx-4090")
    placement = replace(made.deployment.placement, host_expert_layers=4)
    made = replace(made, deployment=replace(made.deployment, placement=placement))
    assert value(llama_cpp.launch_of(made), "--n-cpu-moe") == "4"


def test_a_processor_gets_no_layers() -> None:
    made = told(SMALL, "1xrtx-4090")
    (group,) = made.deployment.rig.groups
    gpu = group.gpu.model_copy(update={"architecture": PROCESSOR})
    rig = replace(made.deployment.rig, groups=(replace(group, gpu=gpu),))
    launch = llama_cpp.launch_of(replace(made, deployment=replace(made.deployment, rig=rig)))
    assert value(launch, "--gpu-layers") == "0"
    assert ":server-b" in launch.image


@pytest.mark.parametrize(
    ("kv", "name"), [("fp16", "f16"), ("bf16", "bf16"), ("fp32", "f32"), ("q8_0", "q8_0")]
)
def test_the_cache_has_the_format_of_the_fit(kv: str, name: str) -> None:
    launch = llama_cpp.launch_of(told(SMALL, "1xrtx-4090", kv=kv))
    assert value(launch, "--cache-type-k") == value(launch, "--cache-type-v") == name


def test_the_step_is_that_of_the_fit() -> None:
    launch = llama_cpp.launch_of(told(SMALL, "1xrtx-4090", max_batched_tokens=4096))
    assert value(launch, "--ubatch-size") == value(launch, "--batch-size") == "4096"


@pytest.mark.parametrize(
    ("on", "kind"),
    [("1xrtx-4090", "server-cuda-b"), ("1xrx-7900-xtx", "server-rocm-b"),
     ("1xrtx-4090+1xrx-7900-xtx", "server-vulkan-b")],
)  # fmt: skip
def test_the_image_is_that_of_the_cards_and_has_a_build(on: str, kind: str) -> None:
    image = llama_cpp.launch_of(told(SMALL, on)).image
    assert f":{kind}" in image


def test_no_image_is_published_for_apples_machines() -> None:
    assert not llama_cpp.launch_of(told(SMALL, "1xm3-ultra-512gb", slots=1)).image


def test_a_file_that_must_first_be_made_is_named_and_explained() -> None:
    launch = llama_cpp.launch_of(told(SMALL, "1xrtx-4090"))
    assert value(launch, "--model") == "Llama-3.1-8B-Instruct-Q4_K_M.gguf"
    assert "must hold a GGUF file of" in launch.notes[0]


def test_published_weights_of_another_kind_are_not_taken_for_a_gguf_file() -> None:
    launch = llama_cpp.launch_of(told(EXPERTS, "1xrtx-4090"))
    assert value(launch, "--model") == "gpt-oss-20b-MXFP4.gguf"


def test_a_repository_is_loaded_without_an_encoder() -> None:
    use = {"checkpoint": "ggml-org/gemma-3-4b-it-GGUF:Q4_K_M"}
    launch = llama_cpp.launch_of(told(SMALL, "1xrtx-4090", use=use))
    assert value(launch, "--hf-repo") == use["checkpoint"]
    assert "--no-mmproj" in names(launch)


def test_prompts_get_what_the_fit_leaves_of_host_memory() -> None:
    made = told(SMALL, "1xrtx-4090@ram=4GiB")
    kept_mib = int(value(llama_cpp.launch_of(made), "--cache-ram") or "")
    assert kept_mib * MIB + made.fit.host_bytes <= 0.85 * 4 * GIB
    assert kept_mib > 0


def test_checkpoints_of_windows_are_as_many_as_host_memory_holds() -> None:
    few = told(WINDOWS, "2xrtx-4090@ram=12GiB", slots=4)
    many = told(WINDOWS, "2xrtx-4090@ram=512GiB", slots=1, context=1024)
    counts = [int(value(llama_cpp.launch_of(m), "--ctx-checkpoints") or "") for m in (few, many)]
    assert counts[0] < counts[1] <= 32


def test_without_a_prefix_cache_nothing_of_prompts_is_kept() -> None:
    launch = llama_cpp.launch_of(told(SMALL, "1xrtx-4090", use={"prefix_cache": False}))
    assert "--no-cache-prompt" in names(launch)
    assert value(launch, "--cache-ram") == value(launch, "--ctx-checkpoints") == "0"


@pytest.mark.parametrize(
    ("made", "because", "instead"),
    [
        (told(SMALL, "2n:1xrtx-4090"), "over 2 machines", "--replicas 2"),
        (told(SMALL, "1xb200-sxm", 512, 300), "at most 256 slots", "--concurrency 256"),
        (told(SMALL, "16xrtx-4090"), "at most 15 cards", "--replicas 2"),
        (told("google/gemma-2-9b-it", "1xh100-sxm", context=16_384, slots=1),
         "trained for", "--context 8192"),
        (told("microsoft/phi-2", "1xrtx-4090", context=2048, kv="q8_0"),
         "in blocks of 32, and heads of microsoft/phi-2 are 80 wide", "--kv fp16"),
        (told(SMALL, "1xrtx-4090", use={"speculation": Speculation(4, "draft", "small.gguf")}),
         "the memory of a draft", "--runtime vllm"),
        (told(SMALL, "1xrtx-4090", use={"speculation": Speculation(2048, "ngram")}),
         "at most 1024 tokens", "draft 1024 or fewer"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused_with_the_nearest(
    made: Serving, because: str, instead: str
) -> None:
    said = llama_cpp.reason(made) or ""
    assert because in said
    assert instead in said


def test_a_tensor_split_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"splits by layers.*--runtime vllm"):
        told(SMALL, "2xrtx-4090", tp=2)


def test_weights_of_another_kind_are_refused() -> None:
    with pytest.raises(InputError, match=r"llama\.cpp does not load awq"):
        told(SMALL, "1xrtx-4090", weights="awq")

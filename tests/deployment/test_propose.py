"""From what a user says to a deployment: defaults, and refusals of what contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import rightrig
from rightrig.deployment.limits import default_limits
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment

CATALOG = rightrig.shipped()


def proposed(model: str, rig: str, choices: Choices | None = None) -> Deployment:
    return propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)


def refusal(model: str, rig: str, choices: Choices) -> str:
    with pytest.raises(InputError) as caught:
        proposed(model, rig, choices)
    return str(caught.value)


@pytest.mark.parametrize(
    ("card", "batched_tokens", "seqs"),
    [
        ("h100-sxm", 8192, 1024),
        ("h200-sxm", 8192, 1024),
        ("b200-sxm", 16384, 1024),
        ("mi300x", 16384, 1024),
        ("a100-sxm-80gb", 2048, 256),  # vLLM makes an exception of it
        ("gb10", 2048, 256),
        ("l40s", 2048, 256),
        ("rtx-4090", 2048, 256),
        ("rtx-5090", 2048, 256),
    ],
)
def test_vllm_sets_its_limits_by_the_memory_of_the_card(
    card: str, batched_tokens: int, seqs: int
) -> None:
    limits = default_limits(CATALOG.runtime("vllm"), CATALOG.gpu(card))
    assert (limits.max_batched_tokens, limits.max_seqs) == (batched_tokens, seqs)
    assert limits.memory_ratio == pytest.approx(0.92)


def test_llama_cpp_serves_one_sequence_in_batches_of_512() -> None:
    limits = default_limits(CATALOG.runtime("llama.cpp"), CATALOG.gpu("h100-sxm"))
    assert (limits.max_batched_tokens, limits.max_seqs) == (512, 1)
    assert limits.memory_ratio == pytest.approx(1.0)


def test_a_data_centre_card_gets_vllm_with_the_checkpoint_as_published() -> None:
    usual = proposed("llama-3.3-70b", "4xh100-sxm")
    assert usual.runtime.slug == "vllm"
    assert (usual.precision.weights, usual.precision.kv) == ("checkpoint", "bf16")
    assert usual.parallelism == Parallelism(4)


@pytest.mark.parametrize("rig", ["1xm2-ultra", "1xv100-sxm-32gb", "1xrtx-4090+1xrtx-3090"])
def test_where_vllm_does_not_run_llama_cpp_takes_over(rig: str) -> None:
    usual = proposed("llama-3.1-8b", rig)
    assert usual.runtime.slug == "llama.cpp"
    assert (usual.precision.weights, usual.precision.kv) == ("q4_k_m", "fp16")


def test_a_gguf_format_asks_for_llama_cpp() -> None:
    assert proposed("llama-3.1-8b", "1xrtx-4090", Choices(weights="Q4_K_M")).runtime.slug == (
        "llama.cpp"
    )


def test_llama_cpp_gives_every_card_some_layers() -> None:
    assert proposed("llama-3.1-8b", "2xrtx-3090+1xrtx-4090").parallelism == Parallelism(1, 3)


def test_replicas_divide_the_cards() -> None:
    two = proposed("llama-3.3-70b", "8xh100-sxm", Choices(replicas=2))
    assert two.parallelism == Parallelism(4, 1, 2)


def test_replicas_beside_a_split_add_up_to_the_cards() -> None:
    four = proposed("llama-3.3-70b", "8xh100-sxm", Choices(replicas=2, tp=2))
    assert four.parallelism == Parallelism(2, 1, 4)


def test_what_a_user_sets_stands() -> None:
    chosen = proposed(
        "llama-3.1-8b",
        "1xh100-sxm",
        Choices(weights="FP8", kv="FP8", max_seqs=64, max_batched_tokens=4096, memory_ratio=0.8),
    )
    assert (chosen.precision.weights, chosen.precision.kv) == ("fp8", "fp8")
    assert (chosen.limits.max_seqs, chosen.limits.max_batched_tokens) == (64, 4096)
    assert chosen.limits.memory_ratio == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (Choices(tp=0), "--tp is 0: it must be a whole number from 1"),
        (Choices(tp=-1), "--tp is -1"),
        (Choices(pp=0), "--pp is 0"),
        (Choices(replicas=0), "--replicas is 0"),
        (Choices(replicas=3), "--replicas 3 does not divide the 8 cards"),
        (Choices(tp=3), "64 attention heads do not divide by tp=3"),
        (Choices(max_seqs=0), "--max-seqs is 0"),
        (Choices(max_seqs=10**9), "from 1 to 65,536"),
        (Choices(max_batched_tokens=-1), "--max-batched-tokens is -1"),
        (Choices(memory_ratio=0.0), "lies between 0.1 and 1.0"),
        (Choices(memory_ratio=1.01), "lies between 0.1 and 1.0"),
        (Choices(memory_ratio=float("nan")), "--gpu-memory-utilization is nan"),
        (Choices(memory_ratio=float("inf")), "--gpu-memory-utilization is inf"),
        (Choices(runtime="llama.cpp", tp=2), "splits by layers, not by tensors"),
        (Choices(runtime="tgi"), "not modelled yet; modelled are vllm, llama.cpp, sglang"),
        (Choices(runtime="llama.cpp@b9000"), "versions are told apart for vllm only"),
        (Choices(runtime="vllm@new"), "write the version as in vllm@0.19.0"),
        (Choices(attention_dp=2), "has none; use --replicas 2"),
        (Choices(context_parallel=2), "hold the same cache, 1 ("),
        (Choices(draft="mtp"), "has no layers ahead"),
        (Choices(draft="qwen2.5-0.5b-instruct"), "a draft shares the vocabulary"),
        (Choices(loras=4), "--loras and --lora-rank belong together"),
        (Choices(gpu_layers=10), "every card an equal share"),
        (Choices(runtime="llama.cpp", tensor_split="1,1"), "one positive part for each"),
        (Choices(runtime="llama.cpp", cpu_moe=4), "has none; use --gpu-layers"),
        (Choices(flash_attention=False), "is a switch of llama.cpp"),
        (Choices(runtime="vllm", weights="q4_k_m"), "vLLM does not load q4_k_m"),
        (Choices(kv="q8_0"), "--kv 'q8_0' is no format of vLLM"),
        (Choices(kv="fp7"), "--kv 'fp7' is no format"),
        (Choices(weights="q99"), "no weight format is called 'q99'"),
    ],
)
def test_impossible_choices_are_refused_with_a_reason(choices: Choices, says: str) -> None:
    assert says in refusal("llama-3.3-70b", "8xh100-sxm", choices)


def test_an_unknown_runtime_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        proposed("llama-3.1-8b", "1xh100-sxm", Choices(runtime="vlm"))
    assert "vllm" in caught.value.suggestions


def test_cards_that_no_modelled_runtime_runs_on_are_refused() -> None:
    assert "tpu-v5e is Google" in refusal("llama-3.1-8b", "1xtpu-v5e", Choices())


def test_two_nodes_without_options_get_a_split_that_holds() -> None:
    assert proposed("llama-3.3-70b", "2n:8xh100-sxm").parallelism == Parallelism(8, 2)


def test_llama_cpp_stages_fewer_than_cards_are_refused_or_become_replicas() -> None:
    assert (
        proposed(
            "llama-3.3-70b", "8xh100-sxm", Choices(runtime="llama.cpp", pp=2)
        ).parallelism.cards
        == 8
    )


def test_llama_cpp_refuses_more_stages_than_cards() -> None:
    assert "--pp 99" in refusal("llama-3.3-70b", "8xh100-sxm", Choices(runtime="llama.cpp", pp=99))


def test_an_empty_kv_format_is_refused() -> None:
    assert "--kv" in refusal("llama-3.3-70b", "8xh100-sxm", Choices(kv=""))

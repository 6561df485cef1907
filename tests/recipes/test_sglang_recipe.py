"""The command of SGLang says every limit of the fit, and what it would refuse is refused first."""

from __future__ import annotations

from typing import Any

import pytest
from launch_text import launch_text
from paged_servings import DRAFT, EXPERTS, LARGE, LATENT, SERVINGS, SMALL
from servings import serving

from golden import golden
from rightrig.errors import InputError
from rightrig.recipes.engines.sglang import launch_of, reason
from rightrig.recipes.serving import Serving, Speculation


def asked(model: str, on: str, **choices: Any) -> Serving:
    """Return a serving of SGLang."""
    return serving(model, on, runtime="sglang", **choices)


def values(found: Serving) -> dict[str, str | None]:
    """Return option → value of a command."""
    return {flag.name: flag.value for flag in launch_of(found).flags}


@pytest.mark.parametrize("name", SERVINGS)
def test_a_command_is_the_one_that_was_read(name: str) -> None:
    model, on, choices = SERVINGS[name]
    found = asked(model, on, **choices)
    assert reason(found) is None
    golden(f"sglang-{name}.txt", launch_text(launch_of(found)))


def test_the_limits_are_those_of_the_fit() -> None:
    found = asked(SMALL, "1xh100-sxm", context=16_384, max_seqs=200, memory_ratio=0.7)
    told = values(found)
    assert told["--context-length"] == str(found.fit.context_tokens) == "16384"
    assert told["--max-running-requests"] == "200"
    assert told["--mem-fraction-static"] == "0.7"
    assert told["--chunked-prefill-size"] == str(found.deployment.limits.max_batched_tokens)


def test_tensor_ranks_and_sequences_count_all_groups_of_attention() -> None:
    found = asked(EXPERTS, "8xh100-sxm", tp=2, attention_dp=4, max_seqs=100)
    told = values(found)
    assert (told["--tp-size"], told["--attn-dp-size"], told["--ep-size"]) == ("8", "4", "8")
    assert told["--max-running-requests"] == "400"


def test_fp8_and_nf4_are_made_of_16_bits() -> None:
    assert values(asked(SMALL, "1xh100-sxm", weights="fp8"))["--quantization"] == "fp8"
    told = values(asked(SMALL, "1xh100-sxm", weights="nf4"))
    assert (told["--quantization"], told["--load-format"]) == ("bitsandbytes", "bitsandbytes")


def test_the_cache_of_16_bits_has_a_name_for_bf16_alone() -> None:
    assert values(asked(SMALL, "1xh100-sxm"))["--kv-cache-dtype"] == "bfloat16"
    old = asked("meta-llama/Llama-2-7b-hf", "1xa100-sxm-80gb", context=4096)
    assert values(old)["--kv-cache-dtype"] == "auto"


def test_requests_without_an_adapter_take_a_place() -> None:
    told = values(asked(SMALL, "1xl40s", loras=4, lora_rank=16))
    assert (told["--max-loras-per-batch"], told["--max-lora-rank"]) == ("5", "16")
    assert told["--lora-target-modules"] == "all"


def test_drafts_are_a_chain_whose_root_counts() -> None:
    use = {"speculation": Speculation(3, "mtp")}
    told = values(asked(LATENT, "8xh200-sxm", draft="mtp", use=use))
    assert told["--speculative-algorithm"] == "NEXTN"
    assert told["--speculative-draft-model-path"] == LATENT
    assert told["--speculative-num-steps"] == "3"
    assert told["--speculative-num-draft-tokens"] == "4"
    told = values(asked(SMALL, "1xh100-sxm", use={"speculation": Speculation(3, "ngram")}))
    assert told["--speculative-ngram-max-bfs-breadth"] == "1"
    assert told["--speculative-num-draft-tokens"] == "4"


def test_prompts_share_nothing_where_that_was_asked() -> None:
    told = values(asked(SMALL, "1xh100-sxm", use={"prefix_cache": False}))
    assert "--disable-radix-cache" in told


def test_machines_meet_on_machine_0() -> None:
    words = launch_of(asked(LATENT, "2n:8xh100-sxm")).node_words("1", "head", is_worker=True)
    assert words[-6:] == ("--nnodes", "2", "--node-rank", "1", "--dist-init-addr", "head:20000")


def test_experts_in_blocks_of_fp8_are_not_cut() -> None:
    found = asked(EXPERTS, "8xh100-sxm", tp=8)
    assert "use --tp 4, or deal whole experts with --ep 8" in (reason(found) or "")
    assert reason(asked(EXPERTS, "8xh100-sxm", tp=8, expert_parallel=8)) is None


def test_a_checkpoint_of_bitsandbytes_is_not_divided() -> None:
    model = "unsloth/QwQ-32B-unsloth-bnb-4bit"
    assert "bitsandbytes over 2" in (reason(asked(model, "2xh100-sxm", context=4096, tp=2)) or "")
    assert reason(asked(model, "1xh100-sxm", context=4096)) is None


def test_steps_hold_whole_pages_where_kernels_have_pages() -> None:
    found = asked(LATENT, "8xh200-sxm", max_seqs=500, max_batched_tokens=1000)
    assert "use --max-batched-tokens 768" in (reason(found) or "")
    assert reason(asked(SMALL, "1xh100-sxm", max_seqs=500, max_batched_tokens=1000)) is None
    assert "whole pages" in (
        reason(asked(SMALL, "1xb200-sxm", max_seqs=500, max_batched_tokens=1000)) or ""
    )


def test_what_drafts_goes_with_the_split() -> None:
    ngram = {"speculation": Speculation(3, "ngram")}
    stages = asked(LARGE, "4xh100-sxm", tp=2, pp=2, use=ngram)
    assert "--runtime vllm" in (reason(stages) or "")
    groups = asked(EXPERTS, "8xh100-sxm", tp=2, attention_dp=4, use=ngram)
    assert "use --dp 1" in (reason(groups) or "")
    own = {"speculation": Speculation(3, "draft", DRAFT)}
    beside = asked(LARGE, "4xh100-sxm", draft=DRAFT, loras=2, lora_rank=16, use=own)
    assert "leave one out" in (reason(beside) or "")


def test_a_context_beyond_the_model_is_refused_with_the_nearest() -> None:
    found = asked("Qwen/Qwen3-8B", "1xh100-sxm", context=65_536)
    assert "use --context 40960" in (reason(found) or "")


def test_a_table_of_many_long_sequences_is_noted() -> None:
    long = launch_of(asked(SMALL, "1xh100-sxm", context=131_072, concurrency=1))
    assert any("takes 1.00 GiB of a card" in note for note in long.notes)
    few = launch_of(asked(SMALL, "1xh100-sxm", context=131_072, concurrency=1, max_seqs=64))
    assert not any("The table" in note for note in few.notes)


@pytest.mark.parametrize("weights", ["awq", "gptq"])
@pytest.mark.parametrize("on", ["8xt4", "1xmi300x"])
def test_experts_of_four_bit_integers_need_kernels_of_ampere(on: str, weights: str) -> None:
    found = asked("Qwen/Qwen3-30B-A3B", on, context=4096, weights=weights, tp=1, pp=1, replicas=1)
    assert "Marlin" in (reason(found) or "")
    assert reason(asked("Qwen/Qwen3-30B-A3B", "1xa100-sxm-80gb", weights=weights)) is None


def test_awq_is_computed_in_fp16_on_amd() -> None:
    told = values(asked(SMALL, "1xmi300x", weights="awq"))
    assert (told["--dtype"], told["--kv-cache-dtype"]) == ("float16", "auto")


def test_int8_stops_before_blackwell() -> None:
    with pytest.raises(InputError, match=r"below compute capability 10\.0 only"):
        asked(SMALL, "1xrtx-5090", weights="int8")

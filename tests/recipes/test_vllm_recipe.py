"""The command of vLLM says every limit of the fit, and what vLLM would refuse is refused first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from launch_text import launch_text
from paged_servings import DRAFT, EXPERTS, LARGE, LATENT, SERVINGS, SMALL
from servings import serving

from golden import golden
from rightrig.errors import InputError
from rightrig.recipes.engines.vllm import launch_of, reason
from rightrig.recipes.serving import Serving, Speculation


def asked(model: str, on: str, **choices: Any) -> Serving:
    """Return a serving of vLLM."""
    return serving(model, on, runtime="vllm", **choices)


def values(found: Serving) -> dict[str, str | None]:
    """Return option → value of a command."""
    return {flag.name: flag.value for flag in launch_of(found).flags}


@pytest.mark.parametrize("name", SERVINGS)
def test_a_command_is_the_one_that_was_read(name: str) -> None:
    model, on, choices = SERVINGS[name]
    found = asked(model, on, **choices)
    assert reason(found) is None
    golden(f"vllm-{name}.txt", launch_text(launch_of(found)))


def test_the_limits_are_those_of_the_fit() -> None:
    found = asked(SMALL, "1xh100-sxm", context=16_384, max_seqs=200, memory_ratio=0.8)
    told = values(found)
    assert told["--max-model-len"] == str(found.fit.context_tokens) == "16384"
    assert told["--max-num-seqs"] == "200"
    assert told["--gpu-memory-utilization"] == "0.8"
    assert told["--max-num-batched-tokens"] == str(found.deployment.limits.max_batched_tokens)


def test_a_published_checkpoint_says_its_own_format() -> None:
    assert "--quantization" not in values(asked("nvidia/Llama-3.1-8B-Instruct-FP8", "1xh100-sxm"))


def test_fp8_is_made_of_16_bits_by_the_name_that_loads_no_checkpoint() -> None:
    assert values(asked(SMALL, "1xh100-sxm", weights="fp8"))["--quantization"] == "fp8_per_tensor"


def test_a_checkpoint_of_the_user_says_its_own_format() -> None:
    found = asked(SMALL, "1xh100-sxm", weights="fp8", use={"checkpoint": "./own-fp8"})
    assert "--quantization" not in values(found)
    assert launch_of(found).positional == ("./own-fp8",)


def test_weights_that_must_be_made_first_are_named_in_a_note() -> None:
    launch = launch_of(asked(SMALL, "1xh100-sxm", weights="awq"))
    assert launch.positional == ("CHECKPOINT",)
    assert f"a checkpoint of {SMALL} in AWQ" in launch.notes[0]


def test_a_card_without_bf16_computes_and_caches_in_fp16() -> None:
    told = values(asked("Qwen/Qwen2.5-7B-Instruct", "2xt4", context=2048, concurrency=1))
    assert (told["--dtype"], told["--kv-cache-dtype"]) == ("float16", "float16")


def test_a_16_bit_cache_overrules_the_scales_of_a_checkpoint() -> None:
    told = values(asked("nvidia/Llama-3.1-8B-Instruct-FP8", "1xh100-sxm", kv="bf16"))
    assert told["--kv-cache-dtype"] == "bfloat16"


def test_prompts_share_nothing_where_that_was_asked() -> None:
    told = values(asked(SMALL, "1xh100-sxm", use={"prefix_cache": False}))
    assert "--no-enable-prefix-caching" in told
    assert "--enable-prefix-caching" not in told


def test_a_draft_that_the_ranks_do_not_divide_lies_whole_on_each() -> None:
    draft = "Qwen/Qwen2.5-0.5B-Instruct"
    found = asked(
        "Qwen/Qwen2.5-72B-Instruct",
        "4xh100-sxm",
        draft=draft,
        use={"speculation": Speculation(4, "draft", draft)},
    )
    assert json.loads(values(found)["--speculative-config"] or "") == {
        "method": "draft_model",
        "model": draft,
        "num_speculative_tokens": 4,
        "draft_tensor_parallel_size": 1,
    }


@pytest.mark.parametrize(("method", "named"), [("ngram", "ngram"), ("mtp", "mtp")])
def test_drafts_without_a_model_name_their_method(method: str, named: str) -> None:
    draft = {"draft": "mtp"} if method == "mtp" else {}
    use = {"speculation": Speculation(2, method)}
    found = asked(LATENT, "8xh200-sxm", use=use, **draft)
    told = json.loads(values(found)["--speculative-config"] or "")
    assert (told["method"], told["num_speculative_tokens"]) == (named, 2)
    assert reason(found) is None


def test_one_sequence_on_several_cards_is_said() -> None:
    found = asked(LATENT, "8xh200-sxm", tp=8, context_parallel=4)
    assert values(found)["--decode-context-parallel-size"] == "4"


def test_only_machine_0_of_several_answers() -> None:
    launch = launch_of(asked(LATENT, "2n:8xh100-sxm"))
    assert "--headless" not in launch.node_words("0", "head", is_worker=False)
    assert launch.node_words("1", "head", is_worker=True)[-1] == "--headless"
    assert "--node-rank" not in launch.words


def test_code_of_a_repository_runs_only_where_it_must() -> None:
    assert "--trust-remote-code" in values(asked("moonshotai/Kimi-K2-Instruct", "16xh200-sxm"))
    assert "--trust-remote-code" not in values(asked(SMALL, "1xh100-sxm"))


def test_a_gated_model_asks_for_a_token() -> None:
    assert any("HF_TOKEN" in note for note in launch_of(asked(SMALL, "1xh100-sxm")).notes)
    assert not any("HF_TOKEN" in note for note in launch_of(asked(EXPERTS, "8xh100-sxm")).notes)


def test_a_cache_in_fp8_without_scales_is_noted() -> None:
    without = launch_of(asked(SMALL, "1xh100-sxm", kv="fp8")).notes
    own = launch_of(asked("nvidia/Llama-3.1-8B-Instruct-FP8", "1xh100-sxm", kv="fp8")).notes
    assert any("no scales" in note for note in without)
    assert not any("no scales" in note for note in own)


def test_another_version_is_to_be_proven() -> None:
    notes = launch_of(serving(SMALL, "1xh100-sxm", runtime="vllm@0.19.0")).notes
    assert any("0.19.0 may lack some" in note for note in notes)


def test_a_context_beyond_the_model_is_refused_with_the_nearest() -> None:
    found = asked("Qwen/Qwen3-8B", "1xh100-sxm", context=65_536)
    assert "use --context 40960" in (reason(found) or "")


def test_a_rank_between_two_slots_is_refused_with_the_next() -> None:
    found = asked(SMALL, "1xh100-sxm", loras=2, lora_rank=24)
    assert "use --lora-rank 32" in (reason(found) or "")


def test_drafts_beside_adapters_need_a_wider_step() -> None:
    use = {"speculation": Speculation(4, "ngram")}
    found = asked(SMALL, "1xl40s", loras=2, lora_rank=16, max_seqs=1000, max_batched_tokens=2048,
                  use=use)  # fmt: skip
    assert "use --max-batched-tokens 5000" in (reason(found) or "")


def test_bitsandbytes_is_refused_since_it_is_gone() -> None:
    with pytest.raises(InputError, match="does not load nf4"):
        asked("unsloth/QwQ-32B-unsloth-bnb-4bit", "1xh100-sxm", context=4096)


def test_gemma_is_not_run_in_fp16() -> None:
    assert "vLLM refuses" in (reason(asked("google/gemma-3-12b-it", "4xt4", context=4096)) or "")
    half = asked("google/gemma-2-9b-it", "1xh100-sxm", context=4096, weights="fp16")
    assert "--weights bf16" in (reason(half) or "")
    assert reason(asked("google/gemma-2-9b-it", "1xh100-sxm", context=4096)) is None


def test_no_more_sequences_run_than_there_are_blocks_for_their_states() -> None:
    short = asked("Qwen/Qwen3.5-4B", "1xt4", context=4096, concurrency=4)
    assert "use --max-seqs 128" in (reason(short) or "")
    fewer = asked("Qwen/Qwen3.5-4B", "1xt4", context=4096, concurrency=4, max_seqs=128)
    assert reason(fewer) is None
    assert reason(asked("Qwen/Qwen3.5-4B", "1xh100-sxm", context=4096)) is None


def test_parts_that_cut_a_group_of_weights_are_refused() -> None:
    found = asked("LDCC/Qwen2.5-72B-Instruct-ko-AWQ", "8xa100-sxm-80gb", tp=8)
    assert "29568 over 8 ranks is 3696" in (reason(found) or "")
    assert reason(asked("Qwen/Qwen3-32B-FP8", "8xh100-sxm", tp=8)) is None


def test_an_engine_fills_whole_machines() -> None:
    found = asked("Qwen/Qwen3-8B", "3n:4xh100-sxm", tp=1, pp=6, replicas=2)
    assert "no whole machines of 4" in (reason(found) or "")


def test_a_draft_that_the_fit_did_not_count_is_refused() -> None:
    use = {"speculation": Speculation(4, "draft", DRAFT)}
    assert "--draft" in (reason(asked(LARGE, "4xh100-sxm", use=use)) or "")
    ahead = {"speculation": Speculation(1, "mtp")}
    assert "--draft mtp" in (reason(asked(LATENT, "8xh200-sxm", use=ahead)) or "")
    assert "no layers ahead" in (reason(asked(LARGE, "4xh100-sxm", use=ahead)) or "")


def test_a_step_holds_the_draft() -> None:
    found = asked(SMALL, "1xh100-sxm", max_seqs=4, max_batched_tokens=4,
                  use={"speculation": Speculation(8, "ngram")})  # fmt: skip
    assert "use --max-batched-tokens 9" in (reason(found) or "")


def test_a_checkpoint_of_others_may_be_padded() -> None:
    found = asked("Qwen/Qwen2.5-72B-Instruct", "4xh100-sxm", weights="awq")
    assert reason(found) is None
    assert any("padded" in note for note in launch_of(found).notes)


def test_blocks_that_are_made_while_loading_are_not_those_of_a_file() -> None:
    assert reason(asked("zai-org/GLM-4.5-Air", "4xh200-sxm", weights="fp8-block")) is None


def test_older_versions_get_no_names_that_they_lack() -> None:
    found = serving(SMALL, "1xh100-sxm", runtime="vllm@0.10.0")
    assert values(found)["--kv-cache-dtype"] == "auto"

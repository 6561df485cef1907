"""TensorRT-LLM: the command and its file of options say what the fit counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from launch_text import launch_text
from servings import serving

from golden import golden
from rightrig.errors import InputError
from rightrig.recipes.engines import tensorrt_llm
from rightrig.recipes.serving import Serving, Speculation

if TYPE_CHECKING:
    from rightrig.recipes.launch import Launch

SMALL = "meta-llama/Llama-3.1-8B-Instruct"
LARGE = "meta-llama/Llama-3.3-70B-Instruct"
EXPERTS = "deepseek-ai/DeepSeek-V3"


def told(model: str = SMALL, on: str = "1xh100-sxm", **choices: Any) -> Serving:
    return serving(model, on, 8192, 32, runtime="tensorrt-llm", **choices)


def value(made: Serving, name: str) -> str | None:
    (flag,) = (flag for flag in tensorrt_llm.launch_of(made).flags if flag.name == name)
    return flag.value


def options(launch: Launch) -> dict[str, Any]:
    (named,) = (flag.value for flag in launch.flags if flag.name == "--extra_llm_api_options")
    (file,) = (file for file in launch.files if file.path == named)
    found: dict[str, Any] = yaml.safe_load(file.text)
    return found


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("trtllm-one-card", told()),
        ("trtllm-fp8-tp4", told(LARGE, "4xh100-sxm", weights="fp8", kv="fp8")),
        ("trtllm-experts-dp8", told(EXPERTS, "8xh200-sxm", tp=1, attention_dp=8, draft="mtp",
                                    use={"speculation": Speculation(1, "mtp")})),
        ("trtllm-two-machines", told(EXPERTS, "2n:8xh200-sxm", tp=8, pp=2)),
        ("trtllm-lora", told(loras=4, lora_rank=16)),
        ("trtllm-draft", told(LARGE, "4xh100-sxm", draft=SMALL,
                              use={"speculation": Speculation(3, "draft", SMALL)})),
    ],
)  # fmt: skip
def test_the_whole_is_as_it_was_read(name: str, made: Serving) -> None:
    assert tensorrt_llm.reason(made) is None
    golden(f"{name}.txt", launch_text(tensorrt_llm.launch_of(made)))


def test_the_limits_are_those_of_the_fit() -> None:
    made = told(max_seqs=64, max_batched_tokens=4096, memory_ratio=0.85)
    assert value(made, "--max_seq_len") == "8192"
    assert value(made, "--max_batch_size") == "64"
    assert value(made, "--max_num_tokens") == "4096"


def test_the_share_of_free_memory_is_said_in_both_places() -> None:
    made = told(memory_ratio=0.85)
    cache = options(tensorrt_llm.launch_of(made))["kv_cache_config"]
    assert value(made, "--kv_cache_free_gpu_memory_fraction") == "0.85"
    assert cache["free_gpu_memory_fraction"] == pytest.approx(0.85)


def test_prompts_longer_than_a_step_are_read_in_pieces() -> None:
    made = told(max_batched_tokens=2048)
    assert made.context_tokens > 2048
    assert options(tensorrt_llm.launch_of(made))["enable_chunked_prefill"] is True


def test_attention_groups_count_as_tensor_parallel_ranks() -> None:
    made = told(EXPERTS, "8xh200-sxm", tp=1, attention_dp=8)
    assert value(made, "--tp_size") == value(made, "--ep_size") == "8"
    assert options(tensorrt_llm.launch_of(made))["enable_attention_dp"] is True


def test_without_a_prefix_cache_no_blocks_are_reused() -> None:
    cache = options(tensorrt_llm.launch_of(told(use={"prefix_cache": False})))["kv_cache_config"]
    assert cache["enable_block_reuse"] is False


def test_one_engine_over_machines_comes_with_a_script() -> None:
    launch = tensorrt_llm.launch_of(told(EXPERTS, "2n:8xh200-sxm", tp=8, pp=2))
    (script,) = (file for file in launch.files if file.is_executable)
    assert "-N 2 --ntasks 16 --ntasks-per-node 8" in script.text
    assert "trtllm-llmapi-launch trtllm-serve deepseek-ai/DeepSeek-V3" in script.text
    assert any(script.path in note for note in launch.notes)


def test_groups_of_several_ranks_are_refused_with_the_nearest() -> None:
    made = told(EXPERTS, "8xh200-sxm", tp=2, attention_dp=4)
    assert "use --tp 1 --dp 8" in (tensorrt_llm.reason(made) or "")


def test_a_cache_over_ranks_is_refused_with_the_nearest() -> None:
    made = told(LARGE, "4xh100-sxm")
    split = replace(made.deployment.parallelism, context_parallel=2)
    made = replace(made, deployment=replace(made.deployment, parallelism=split))
    assert "leave --cp 2 out" in (tensorrt_llm.reason(made) or "")


def test_a_draft_that_the_fit_did_not_count_is_refused() -> None:
    made = told(use={"speculation": Speculation(3, "draft", SMALL)})
    assert "--draft" in (tensorrt_llm.reason(made) or "")


@pytest.mark.parametrize("weights", ["awq", "gptq"])
def test_experts_of_four_bit_integers_are_refused(weights: str) -> None:
    with pytest.raises(InputError, match=f"loads {weights} for models without experts only"):
        told("mistralai/Mixtral-8x22B-v0.1", "4xh100-sxm", weights=weights)


def test_awq_is_that_of_model_optimizer() -> None:
    made = told(LARGE, "2xh100-sxm", weights="awq")
    assert tensorrt_llm.reason(made) is None
    assert any("hf_quant_config.json" in note for note in tensorrt_llm.launch_of(made).notes)
    published = told("LDCC/Qwen2.5-72B-Instruct-ko-AWQ", "2xh100-sxm")
    assert "Model Optimizer" in (tensorrt_llm.reason(published) or "")
    assert "Model Optimizer" in (
        tensorrt_llm.reason(told(LARGE, "2xh100-sxm", weights="gptq")) or ""
    )


def test_a_family_without_code_is_refused_with_an_engine_that_has_it() -> None:
    said = tensorrt_llm.reason(told("tiiuae/falcon-40b", "4xh100-sxm")) or ""
    assert "the family falcon" in said
    assert "--runtime vllm" in said
    assert "--runtime sglang" not in said


def test_blocks_are_not_reused_beside_recurrent_states() -> None:
    launch = tensorrt_llm.launch_of(told("Qwen/Qwen3-Next-80B-A3B-Instruct", "4xh100-sxm"))
    assert options(launch)["kv_cache_config"]["enable_block_reuse"] is False
    assert any("recurrent" in note for note in launch.notes)

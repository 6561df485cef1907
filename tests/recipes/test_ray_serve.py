"""Ray Serve LLM: what its files say. tests/gateways starts them with Ray itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
import yaml
from servings import serving

from golden import golden
from rightrig.facts.catalog import shipped
from rightrig.recipes.engines import vllm
from rightrig.recipes.launch import Flag, Launch, Variable
from rightrig.recipes.places import ray_serve
from rightrig.recipes.proving.flags import table_of
from rightrig.recipes.proving.manifests import manifest_proofs
from rightrig.recipes.proving.ray_serve import kwargs_proof

LLAMA: Final = "meta-llama/Llama-3.1-8B"
MANY: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (LLAMA, "1xrtx-4090", {}),
    (LLAMA, "4xh100-sxm", {"tp": 2, "replicas": 2}),
    (LLAMA, "2xa100-sxm-80gb", {"tp": 2, "kv": "fp8", "loras": 4, "lora_rank": 16}),
    ("meta-llama/Llama-3.3-70B-Instruct", "2xh100-sxm", {"weights": "fp8"}),
    ("meta-llama/Llama-3.1-405B", "2n:8xh200-sxm", {"tp": 8, "pp": 2}),
    ("Qwen/Qwen3-30B-A3B", "8xh100-sxm", {"tp": 1, "attention_dp": 8}),
    ("deepseek-ai/DeepSeek-V3", "8xb200-sxm", {"tp": 8}),
    ("openai/gpt-oss-120b", "1xh100-sxm", {}),
)


def made(model: str, on: str, **choices: Any) -> dict[str, Any]:
    """Return the configuration."""
    served = serving(model, on, runtime="vllm", **choices)
    text = ray_serve.files(served, vllm.launch_of(served))[0].text
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def engine_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return what it says of the engine."""
    args = config["applications"][0]["args"]
    found: dict[str, Any] = args["llm_config"] if "llm_config" in args else args["llm_configs"][0]
    return found


def launch(*flags: Flag) -> Launch:
    return Launch("vllm", "0.33.0", ("vllm", "serve"), flags, 8000, "/health")


@pytest.mark.parametrize(
    ("name", "model", "on", "choices"),
    [
        ("replicas", LLAMA, "4xh100-sxm", {"tp": 2, "replicas": 2}),
        ("machines", "meta-llama/Llama-3.1-405B", "2n:8xh200-sxm", {"tp": 8, "pp": 2}),
        ("groups", "Qwen/Qwen3-30B-A3B", "8xh100-sxm", {"tp": 1, "attention_dp": 8}),
    ],
)
def test_the_files_are_those_that_a_person_read(
    name: str, model: str, on: str, choices: dict[str, Any]
) -> None:
    served = serving(model, on, runtime="vllm", concurrency=16, **choices)
    for file in ray_serve.files(served, vllm.launch_of(served)):
        golden(f"{file.path.replace('/', f'-{name}-')}", file.text)


@pytest.mark.parametrize(("model", "on", "choices"), MANY)
def test_every_argument_is_one_of_vllms_engine(
    model: str, on: str, choices: dict[str, Any]
) -> None:
    served = serving(model, on, runtime="vllm", **choices)
    proof = kwargs_proof(vllm.launch_of(served))
    assert proof.said.startswith("every argument is one of vllm "), proof.said
    # What another version takes is not proven by it.
    brought = ray_serve.ray_stack().packages["vllm"]
    proven = table_of("vllm", brought)
    is_known = proven is not None and proven.version == brought
    assert proof.state == ("pass" if is_known else "unverifiable")
    assert is_known or f"this Ray brings {brought}" in proof.said


@pytest.mark.parametrize(("model", "on", "choices"), MANY)
def test_the_rayservice_has_the_shape_that_kuberay_demands(
    model: str, on: str, choices: dict[str, Any]
) -> None:
    pytest.importorskip("kubernetes_validate")
    served = serving(model, on, runtime="vllm", **choices)
    proofs = manifest_proofs(ray_serve.files(served, vllm.launch_of(served)))
    assert proofs
    assert {proof.state for proof in proofs} == {"pass"}, proofs


def test_an_argument_that_is_misspelt_is_found_for_every_argument() -> None:
    right = vllm.launch_of(serving(LLAMA, "1xrtx-4090", runtime="vllm"))
    names = {f"--{name.replace('_', '-')}" for name in ray_serve.engine_kwargs(right)}
    wanted = [at for at, flag in enumerate(right.flags) if flag.name in names]
    assert len(wanted) >= 8
    for at in wanted:
        flags = list(right.flags)
        flags[at] = replace(flags[at], name=f"{flags[at].name}-x")
        assert kwargs_proof(replace(right, flags=tuple(flags))).state == "fail"


def test_what_is_not_known_of_a_version_is_not_proven() -> None:
    unknown = replace(launch(), engine="an-engine")
    assert table_of("an-engine", "0.33.0") is None
    assert kwargs_proof(unknown).state == "unverifiable"


def test_flags_become_keywords_of_their_types() -> None:
    found = ray_serve.engine_kwargs(
        launch(
            Flag("--max-num-seqs", "16"),
            Flag("--gpu-memory-utilization", "0.92"),
            Flag("--kv-cache-dtype", "fp8"),
            Flag("--enable-expert-parallel"),
            Flag("--no-enable-prefix-caching"),
            Flag("--speculative-config", '{"method": "ngram", "num_speculative_tokens": 3}'),
        )
    )
    assert found == {
        "max_num_seqs": 16,
        "gpu_memory_utilization": 0.92,
        "kv_cache_dtype": "fp8",
        "enable_expert_parallel": True,
        "enable_prefix_caching": False,
        "speculative_config": {"method": "ngram", "num_speculative_tokens": 3},
    }


def test_what_ray_sets_itself_is_left_to_it() -> None:
    flags = [Flag("--host", "::"), Flag("--port", "8000"), Flag("--served-model-name", "a")]
    assert ray_serve.engine_kwargs(launch(*flags)) == {}


def test_a_rig_holds_as_many_replicas_as_engines() -> None:
    engine = engine_of(made(LLAMA, "4xh100-sxm", tp=1, replicas=4, use={"rigs_count": 3}))
    assert engine["deployment_config"]["num_replicas"] == 12


def test_ranks_of_one_engine_stay_on_one_machine_where_they_fit() -> None:
    one = engine_of(made(LLAMA, "4xh100-sxm", tp=4))
    two = engine_of(made("meta-llama/Llama-3.1-405B", "2n:8xh200-sxm", tp=8, pp=2))
    assert one["placement_group_config"]["strategy"] == "STRICT_PACK"
    assert two["placement_group_config"]["strategy"] == "PACK"


def test_attention_on_separate_sequences_is_started_by_its_own_builder() -> None:
    found = made("Qwen/Qwen3-30B-A3B", "8xh100-sxm", tp=1, attention_dp=8, concurrency=64)
    assert found["applications"][0]["import_path"] == "ray.serve.llm:build_dp_openai_app"
    engine = engine_of(found)
    assert engine["engine_kwargs"]["data_parallel_size"] == 8
    assert engine["deployment_config"]["num_replicas"] == 1
    assert engine["deployment_config"]["max_ongoing_requests"] == 8


@pytest.mark.parametrize(
    ("slug", "name"),
    [
        ("h100-nvl", "H100"), ("h200-sxm", "H200"), ("h20-96gb", "H20"), ("l4", "L4"),
        ("l40", None), ("l40s", "L40S"), ("a100-sxm-80gb", "A100"), ("a10", None),
        ("a10g", "A10G"),
        ("rtx-pro-6000-ws", "RTX-PRO-6000"), ("rtx-4090", None),
        ("mi300x", "AMD-Instinct-MI300X-OAM"),
        ("mi250", "AMD-Instinct-MI250X-MI250"), ("gh200-96gb", None),
    ],
)  # fmt: skip
def test_cards_have_rays_names_or_none(slug: str, name: str | None) -> None:
    assert ray_serve.accelerator_type(shipped().gpu(slug)) == name


@pytest.mark.parametrize(
    ("on", "runtime", "word"),
    [
        ("1xh100-sxm", "sglang", "--runtime vllm"),
        ("2xh100-sxm@mig=3g.40gb", "vllm", "MIG"),
    ],
)
def test_what_ray_does_not_start_is_left_out_with_the_reason(
    on: str, runtime: str, word: str
) -> None:
    assert word in (ray_serve.reason(serving(LLAMA, on, runtime=runtime)) or "")


def test_amds_cards_have_a_configuration_but_no_image() -> None:
    served = serving(LLAMA, "1xmi300x", runtime="vllm")
    files = ray_serve.files(served, vllm.launch_of(served))
    assert [file.path for file in files] == ["ray/serve.yaml"]


def test_variables_reach_the_engines_and_those_of_the_reader_are_named() -> None:
    served = serving(LLAMA, "1xh100-sxm", runtime="vllm")
    variables = (
        Variable("NCCL_DEBUG", "WARN", ""),
        Variable("NCCL_IB_HCA", "${NCCL_IB_HCA:?}", ""),
    )
    text = ray_serve.files(served, replace(launch(), environment=variables))[0].text
    assert engine_of(yaml.safe_load(text))["runtime_env"] == {"env_vars": {"NCCL_DEBUG": "WARN"}}
    assert "before ray start: NCCL_IB_HCA." in text

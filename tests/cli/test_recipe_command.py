"""``rightrig recipe`` and ``plan --recipe``: what they print, write and refuse."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from tiny_gguf import write

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048,
    "intermediate_size": 8192, "num_attention_heads": 32, "num_hidden_layers": 16,
    "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16", "tie_word_embeddings": True, "head_dim": 64,
}  # fmt: skip
H100 = "recipe llama-3.1-8b --on 1xh100-sxm"
PLAN = "plan llama-3.1-8b --rate 3/s --input 1000 --output 300 --gpu l4 --runtime vllm"


def plan_in(program: Program, folder: Path) -> str:
    file = folder / "plan.json"
    file.write_text(json.dumps(program.json(PLAN)))
    return str(file)


def test_the_command_has_every_limit_that_was_asked_for(program: Program) -> None:
    found = program.json(
        f"{H100} --context 4096 --max-seqs 48 --max-batched-tokens 4096 --kv fp8 "
        "--gpu-memory-utilization 0.85 --no-prefix-cache"
    )
    words = found["arguments"]
    for name, value in (
        ("--max-model-len", "4096"), ("--max-num-seqs", "48"), ("--kv-cache-dtype", "fp8"),
        ("--max-num-batched-tokens", "4096"), ("--gpu-memory-utilization", "0.85"),
    ):  # fmt: skip
        assert words[words.index(name) + 1] == value
    assert "--no-enable-prefix-caching" in words
    assert found["proven"]
    # What Ray brings is another version of vLLM.
    ours = [one for one in found["proofs"] if one["subject"] != "ray/serve.yaml"]
    assert {one["state"] for one in ours} == {"pass"}


def test_every_flag_says_why(program: Program) -> None:
    found = program.json(f"{H100} --concurrency 16")
    unexplained = {flag["name"] for flag in found["flags"] if not flag["why"]}
    assert unexplained <= {"--port"}


def test_files_are_written_and_scripts_are_executable(program: Program, tmp_path: Path) -> None:
    said = program.text(f"{H100} --save", str(tmp_path / "out"))
    assert "README.md" in said
    for name in ("README.md", "serve.sh", "compose.yaml", "kubernetes/deployment.yaml"):
        assert (tmp_path / "out" / name).read_text()
    assert os.access(tmp_path / "out" / "serve.sh", os.X_OK)
    assert not os.access(tmp_path / "out" / "README.md", os.X_OK)


def test_one_file_is_printed_as_it_is(program: Program) -> None:
    text = program.lines(f"{H100} --form compose")
    assert text == program.lines(f"{H100} --form compose.yaml")
    assert text.startswith("# meta-llama/Llama-3.1-8B")


def test_a_plan_brings_its_traffic_and_promises(program: Program, tmp_path: Path) -> None:
    file = plan_in(program, tmp_path)
    found = program.json(f"recipe --deployment {file}")
    plan = json.loads((tmp_path / "plan.json").read_text())["plans"][0]
    assert found["deployment"]["rig"] == plan["rig"]
    assert found["engines_count"] * found["rigs_count"] == plan["replicas"]
    # 1,300 tokens in pages of 256; as many users as bring 1.3 × 3 requests a second.
    assert found["context_tokens"] == 1536
    assert found["concurrency"] >= 1
    assert found["deployment"]["max_batched_tokens"] == plan["max_batched_tokens"]


def test_the_second_plan_of_a_file_is_taken_by_its_number(program: Program, tmp_path: Path) -> None:
    file = plan_in(program, tmp_path)
    plans = json.loads((tmp_path / "plan.json").read_text())["plans"]
    found = program.json(f"recipe --deployment {file}#2")
    assert found["deployment"]["weights"] == plans[1]["weights"]
    assert found["deployment"]["rig"] == plans[1]["rig"]


def test_a_plan_writes_the_recipe_of_its_first(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    said = program.text(f"{PLAN} --recipe", str(folder))
    assert f"The recipe of the first plan: {folder}/README.md." in said
    file = plan_in(program, tmp_path)
    again = program.json(f"recipe --deployment {file}")
    served = {one["path"]: one["text"] for one in again["files"]}
    # The same script; only who made it stands above.
    kept = (folder / "serve.sh").read_text()
    assert kept.partition("set -eu")[2] == served["serve.sh"].partition("set -eu")[2] != ""


def test_lengths_of_a_preset_decide_the_longest_sequence(program: Program, tmp_path: Path) -> None:
    asked = "plan llama-3.1-8b --preset chat --rate 1/s --gpu h100-sxm --runtime vllm"
    document = program.json(asked)
    longest = document["question"]["longest_tokens"]
    assert longest > document["question"]["input_tokens"] + document["question"]["output_tokens"]
    (tmp_path / "plan.json").write_text(json.dumps(document))
    found = program.json(f"recipe --deployment {tmp_path / 'plan.json'}")
    assert longest <= found["context_tokens"] < longest + 256


def test_what_does_not_fit_is_no_recipe_but_an_answer(program: Program, tmp_path: Path) -> None:
    command = "recipe llama-3.3-70b --on 1xrtx-4090 --runtime vllm"
    assert "No recipe" in program.text(command, "--save", str(tmp_path / "out"), leaves=1)
    assert not (tmp_path / "out").exists()
    assert program.json(command, leaves=1)["verdict"] == "no"


def test_more_users_than_memory_holds_are_a_promise_that_fails(program: Program) -> None:
    found = program.json(f"{H100} --concurrency 5000", leaves=1)
    assert not found["proven"]
    failed = [one["subject"] for one in found["proofs"] if one["state"] == "fail"]
    assert failed == ["5,000 at once", "5,000 × 8,192 tokens"]


def test_proof_covers_files_and_says_what_it_cannot_see(program: Program) -> None:
    found = program.json(f"{H100} --prove")
    states = {(one["id"], one["state"]) for one in found["proofs"]}
    assert ("PROVE-MANIFESTS", "pass") in states
    assert ("PROVE-FLAGS", "pass") in states
    assert ("PROVE-ROOM", "pass") in states
    assert any(name == "PROVE-TOPOLOGY" for name, _ in states)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("recipe", "which model, and where?"),
        ("recipe llama-3.1-8b", "which model, and where?"),
        ("recipe llama-3.1-8b --on 1xrtx-5090 --runtime vllm --os windows", "--os linux"),
        ("recipe llama-3.1-8b --on 1xv100-sxm-32gb --weights fp8 --runtime vllm", "llama.cpp"),
        ("recipe llama-3.3-70b --on 6xh100-sxm --tp 6", "nearest that works here: --tp 2 --pp 3"),
        (f"{H100} --runtime mlx", "its memory is not modelled yet"),
        (f"{H100} --context 0", "--context is 0"),
        (f"{H100} --concurrency 0", "--concurrency is 0"),
        (f"{H100} --input 9000", "--input is 9000"),
        (f"{H100} --input 8000 --output 1000", "9,000 tokens together, and --context 8,192"),
        (f"{H100} --form nope", "--form is 'nope'"),
        (f"{H100} --acceptance 0.7", "Add --spec-tokens 4"),
        (f"{H100} --spec-tokens 4 --acceptance 1.5", "--acceptance is 1.5"),
        (f"{H100} --spec-tokens 0", "--spec-tokens is 0"),
        (f"{H100} --save=", "--save is empty"),
        (f"{H100} --save /dev/null/x", "cannot be written to"),
        ("recipe --deployment nosuch.json", "nosuch.json"),
        ("plan llama-3.1-8b --rate 1/s --gpu l4 --recipe=", "--recipe is empty"),
        ("plan llama-3.1-8b --job 1B-tokens --recipe out", "--recipe is about a plan for traffic"),
    ],
)
def test_wrong_words_are_refused_in_a_sentence(program: Program, command: str, said: str) -> None:
    (line,) = program.refusal(command)
    assert said in line


def test_what_a_plan_says_itself_is_not_said_twice(program: Program, tmp_path: Path) -> None:
    file = plan_in(program, tmp_path)
    for words in ("--tp 2", "--on 1xl4", "--input 5", "llama-3.1-8b", "--spec-tokens 2"):
        (line,) = program.refusal(f"recipe --deployment {file} {words}")
        assert "--deployment says what is deployed" in line


def test_a_plan_without_a_recipe_stays_an_answer(program: Program, tmp_path: Path) -> None:
    said = program.text(
        "plan llama-3.1-8b --rate 3/s --input 1000 --output 300 --gpu h100-sxm --runtime "
        "tensorrt-llm --weights gptq --recipe", str(tmp_path / "out"),
    )  # fmt: skip
    assert "Plans for meta-llama/Llama-3.1-8B" in said
    assert "There is no recipe of the first plan: TensorRT-LLM's PyTorch backend reads" in said
    assert not (tmp_path / "out").exists()


def test_files_of_another_recipe_are_not_started_with_this_one(
    program: Program, tmp_path: Path
) -> None:
    folder = str(tmp_path / "out")
    asked = "recipe llama-3.3-70b --runtime vllm --context 4096"
    program.text(f"{asked} --on 2n:8xh100-sxm --tp 8 --pp 2 --save", folder)
    program.text(f"{asked} --on 2n:8xh100-sxm --tp 8 --pp 2 --save", folder)
    (line,) = program.refusal(f"{asked} --on 8xh100-sxm --save {folder}")
    assert "kubernetes/leaderworkerset.yaml is not of this recipe" in line


def test_a_readme_of_something_else_is_kept(program: Program, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# My project\n")
    (line,) = program.refusal(f"{H100} --save {tmp_path}")
    assert "would be lost" in line
    assert (tmp_path / "README.md").read_text() == "# My project\n"
    assert not (tmp_path / "serve.sh").exists()


def test_what_an_engine_refuses_has_the_nearest_that_works(program: Program) -> None:
    for words, said in (
        ("qwen3-30b-a3b --on 1xh100-sxm --runtime tensorrt-llm --weights awq", "--weights fp8"),
        ("qwen3-8b --on 3n:1xm3-ultra --runtime ollama --weights q6_k", "--replicas 3"),
    ):
        (line,) = program.refusal(f"recipe {words}")
        assert line.endswith(f"; nearest that works here: {said}")


def test_unequal_cards_have_a_recipe_without_a_speed(program: Program) -> None:
    found = program.json("recipe llama-3.1-8b --on 1xh100-sxm+1xa100-sxm-80gb --runtime vllm")
    assert found["expected"] is None
    assert found["command"].startswith("export CUDA_DEVICE_ORDER=PCI_BUS_ID\nvllm serve")


def test_the_command_of_several_machines_says_who_is_who(program: Program) -> None:
    found = program.json("recipe llama-3.3-70b --on 2n:8xh100-sxm --runtime vllm --tp 8 --pp 2")
    assert "--node-rank MACHINE" in found["command"]
    assert "--master-addr ADDRESS_OF_MACHINE_0" in found["command"]
    readme = found["files"][0]["text"]
    assert f"```sh\n{found['command']}\n```" in readme
    assert "{rank}" not in readme


def test_a_file_here_is_loaded_from_here(program: Program, tmp_path: Path) -> None:
    file = write(tmp_path / "tiny.gguf")
    words = program.json(f"recipe {file} --on 1xl4 --context 1024")["arguments"]
    assert words[words.index("--model") + 1] == str(file)
    assert "--hf-repo" not in words


def test_a_folder_here_is_loaded_from_here_if_it_has_weights(
    program: Program, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    asked = f"recipe {folder}/config.json --on 1xl4 --runtime vllm"
    bare = program.json(asked)
    assert bare["checkpoint_wanted"] == "a checkpoint of mine in BF16"
    (folder / "pytorch_model.bin").write_bytes(b"")
    found = program.json(asked)
    assert found["arguments"][0] == str(folder)
    plan = f"plan {folder} --rate 1/s --input 500 --output 100 --gpu l4 --runtime vllm"
    program.text(f"{plan} --weights bf16 --recipe", str(tmp_path / "out"))
    assert f"vllm serve {folder} " in (tmp_path / "out" / "serve.sh").read_text()

"""``runtimes list --on``: which engines run on a rig, as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from program import Program


def test_a_rig_has_a_table_what_to_know_and_why_not(
    program: Program,
) -> None:
    code, text, _ = program.run("runtimes list --on 4xrtx-4090 --os windows")
    assert code == 0
    lines = text.splitlines()
    assert lines[0].endswith("runtimes run on 4xrtx-4090 under Windows")
    assert next(line for line in lines if line.startswith("vllm ")).split()[1] == "caveat"
    assert any("under Windows: only inside WSL2" in line for line in lines)
    against = " ".join(text.partition("Not here:")[2].split())
    assert "sglang, tensorrt-llm, tgi: does not run under Windows." in against


def test_thirty_gguf_mixes_are_one_word(program: Program) -> None:
    _, text, _ = program.run("runtimes list --on 1xrtx-4090")
    row = next(line for line in text.splitlines() if line.startswith("llama.cpp"))
    assert "GGUF mixes" in row
    assert "q4_k_m" not in row


def test_json_has_every_format_and_every_runtime(
    program: Program,
) -> None:
    code, text, _ = program.run("runtimes list --on 8xh100-sxm --model deepseek-v3 --json")
    answer: dict[str, Any] = json.loads(text)
    assert code == 0
    assert (answer["rig"], answer["model"]) == ("8xh100-sxm", "deepseek-ai/DeepSeek-V3")
    rows = {row["runtime"]: row for row in answer["runtimes"]}
    assert rows["vllm"]["verdict"] == "yes"
    assert "fp8-block" in rows["vllm"]["native_formats"]
    assert "q4_k_m" in rows["llama.cpp"]["unpacked_formats"]
    assert rows["mlx"]["reasons"] == ["runs on Apple; h100-sxm is NVIDIA"]


@pytest.mark.parametrize("option", ["--model llama-3.1-8b", "--os linux"])
def test_options_that_speak_of_a_rig_want_one(program: Program, option: str) -> None:
    code, _, error = program.run(f"runtimes list {option}")
    assert code == 2
    assert f"{option.split(maxsplit=1)[0]} needs a rig to speak of: add --on" in error


def test_a_runtime_tells_its_systems_and_what_other_versions_do(
    program: Program,
) -> None:
    _, text, _ = program.run("runtimes show vllm")
    assert "Windows: only inside WSL2" in " ".join(text.split())
    assert "until 0.14.0" in text
    assert "from 0.21.0" in text

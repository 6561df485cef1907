"""Wrong input: exit code 2 and one clear sentence, whatever the mistake; never a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from program import Program

SCRIPT = Path(sys.executable).with_name("rightrig")
FIT = "fit llama-3.1-8b --on h100-sxm"
FIT_70B = "fit llama-3.3-70b --on"
PREDICT = "predict llama-3.1-8b --on h100-sxm"
PLAN = "plan llama-3.1-8b --rate 5/s"

# The command, and what its sentence must say: the value, the limit or the remedy.
SENTENCES = (
    # Names that nobody has.
    ("fit llama-3.1-8bb --on h100-sxm", "did you mean meta-llama/Llama-3.1-8B"),
    ("fit xyzzyplugh --on h100-sxm", "name one of 'rightrig models list', a hub id"),
    ("fit llama-3.1-8b --on h100-sxmm", "did you mean h100-sxm"),
    ("fit llama-3.1-8b --on h100", "may mean h100-nvl, h100-pcie or h100-sxm: say which"),
    ("fit llama-3.1-8b --on 4xnosuch", "no GPU is called 'nosuch' ('rightrig gpus list'"),
    (f"{FIT} --runtime vlm", "did you mean vllm"),
    (f"{FIT} --runtime tgi", "modelled are vllm, llama.cpp, sglang"),
    (f"{FIT} --weights q99", "no weight format is called 'q99'"),
    (f"{FIT} --kv fp7", "no format of vLLM, which keeps its KV cache in bf16, fp16, fp8"),
    ("gpus show nosuch", "no GPU is called 'nosuch'"),
    ("fits --on 1xrtx-4090 --context 0", "--context is 0"),
    ("fits --on 1xrtx-4090 --kv fp7", "--kv 'fp7' is no format of vLLM"),
    ("fits --on 1xm4-max --runtime vllm", "m4-max is Apple"),
    ("rigs show dgx", "did you mean dgx-h200"),
    ("prices show h1000", "no GPU is called 'h1000'; did you mean"),
    ("runtimes show vlm", "did you mean vllm"),
    ("models show nosuch", "no model is called 'nosuch'"),
    ("compare rtx-4090 nosuch", "no GPU is called 'nosuch'"),
    # Rigs that cannot be.
    ("fit llama-3.1-8b --on 0xh100-sxm", "is 0: it must be a whole number from 1 to 72"),
    ("fit llama-3.1-8b --on 1000000000xh100-sxm", "is 1000000000: it must be"),
    ("fit llama-3.1-8b --on 9999n:8xh100-sxm", "nodes is 9999"),
    ("fit llama-3.1-8b --on 8xh100-sxm+", "is no rig: write it as 8xh100-sxm"),
    ("fit llama-3.1-8b --on 8xh100-sxm@fast", "@fast is no option of a rig: use 220w"),
    ("fit llama-3.1-8b --on 1xrtx-4090@nvlink", "has no NVLink; leave the option out"),
    ("fit llama-3.1-8b --on 1xrtx-4090@9999w", "lies between 90 and 450 W"),
    ("fit llama-3.1-8b --on 1xrtx-4090@ram=-1GiB", "ram is -1"),
    ("compare rtx-4090", "compare needs two or more"),
    ("compare rtx-4090 1xh100-sxm+1xrtx-4090", "mixes cards"),
    # Counts that are zero, negative or absurd.
    (f"{FIT} --context 0", "context is 0: it must be a whole number from 1"),
    (f"{FIT} --context -5", "context is -5"),
    (f"{FIT} --context 1000000000000", "context is 1000000000000"),
    (f"{FIT} --context 200000", "exceeds the 131,072 that meta-llama/Llama-3.1-8B was made for"),
    (f"{FIT} --concurrency 0", "--concurrency is 0"),
    (f"{FIT} --concurrency 99999999999", "from 1 to 10,000,000"),
    (f"{FIT} --max-seqs 0", "--max-seqs is 0"),
    (f"{FIT} --max-batched-tokens -1", "--max-batched-tokens is -1"),
    (f"{FIT} --gpu-memory-utilization nan", "is nan: it lies between 0.1 and 1.0"),
    (f"{FIT} --gpu-memory-utilization inf", "is inf: it lies between"),
    (f"{FIT} --gpu-memory-utilization 1.5", "is 1.5: it lies between"),
    (f"{PREDICT} --input 0", "--input is 0"),
    (f"{PREDICT} --input 1000000000000", "--input is 1000000000000"),
    (f"{PREDICT} --input 131072 --output 1", "a context of 131,073 tokens exceeds"),
    (f"{PREDICT} --concurrency nan", "write a whole number, or max"),
    (f"{PREDICT} --concurrency inf", "write a whole number, or max"),
    (f"{PREDICT} --concurrency -4", "--concurrency is -4"),
    # Splits and formats that contradict the model, the card or each other.
    (f"{FIT_70B} 3xh100-sxm --tp 3", "valid on 3 cards: tp1·pp3; otherwise tp2"),
    (f"{FIT_70B} 6xh100-sxm --tp 6", "valid on 6 cards: tp2·pp3, tp1·pp6; otherwise tp4"),
    (f"{FIT_70B} 8xh100-sxm --tp 16", "needs a multiple of 16 cards and the rig has 8"),
    (f"{FIT_70B} 1xh100-sxm --tp 2", "valid on 1 card: tp1; or name 2 cards in --on"),
    (f"{FIT_70B} 1xh100-sxm --context 0", "--context is 0: it must be a whole number"),
    (f"{FIT_70B} 2n:8xh100-sxm --tp 16", "use a divisor of 8 and --pp"),
    (f"{FIT_70B} 8xh100-sxm --pp 81", "exceeds the 80 layers"),
    (f"{FIT_70B} 8xh100-sxm --replicas 3", "does not divide the 8 cards"),
    (f"{FIT_70B} 8xh100-sxm --runtime llama.cpp --tp 2", "leave --tp out or use --runtime vllm"),
    (f"{FIT_70B} 8xh100-sxm --runtime vllm --weights q4_k_m", "vLLM does not load q4_k_m"),
    (f"{FIT_70B} 8xv100-sxm-32gb --runtime vllm", "try --runtime llama.cpp"),
    (f"{FIT_70B} 1xh100-sxm+1xmi300x --runtime vllm", "use --runtime llama.cpp"),
    (f"{FIT_70B} m2-ultra --runtime vllm", "m2-ultra is Apple"),
    (f"{FIT_70B} tpu-v5e", "tpu-v5e is Google"),
    # Files.
    ("fit model.gguf --on h100-sxm", "no GGUF file that can be read: there is no such file"),
    ("fit /nonexistent/config.json --on h100-sxm", "there is no such file"),
    # Quantities of a plan.
    ("plan llama-3.1-8b --rate 0/s", "--rate is 0/s: it must be a positive, finite number"),
    ("plan llama-3.1-8b --rate -5/s", "--rate is -5"),
    ("plan llama-3.1-8b --rate 5/x", "unit '/x' is not one of /s, /min, /h, /d"),
    ("plan llama-3.1-8b --rate nan", "write a number such as 5/s"),
    ("plan llama-3.1-8b --rate inf", "write a number such as 5/s"),
    ("plan llama-3.1-8b --rate 1e12/s", "the largest accepted is 1,000,000"),
    ("plan llama-3.1-8b --rate 1e999/s", "--rate is 1e999/s"),
    (f"{PLAN} --budget -1", "--budget is -1"),
    (f"{PLAN} --budget 4000EUR", "unit 'EUR' is not one of /month"),
    (f"{PLAN} --ttft-p99 0", "--ttft-p99 is 0"),
    (f"{PLAN} --ttft-p99 1parsec", "unit 'parsec' is not one of s, ms"),
    (f"{PLAN} --tpot-p99 nan", "write a number such as 500ms"),
    (f"{PLAN} --max-power 3horse", "unit 'horse' is not one of W, kW, MW"),
    (f"{PLAN} --max-gpus 0", "--max-gpus is 0"),
    (f"{PLAN} --max-gpus 1000000000", "from 1 to 100,000"),
    (f"{PLAN} --top 0", "--top is 0"),
    (f"{PLAN} --headroom -1", "--headroom is -1: it lies between 0 and 10"),
    (f"{PLAN} --headroom nan", "--headroom is nan"),
    (f"{PLAN} --confidence maybe", "it is surely or likely"),
    (f"{PLAN} --rank-by year", "it is month, token, ttft, tpot, e2e, energy or capex"),
    (f"{PLAN} --vendor nvidea", "it is one of NVIDIA, AMD"),
    (f"{PLAN} --provider nobody", "prices are known of aws"),
    (f"{PLAN} --gpu h100", "say which"),
    (f"{PLAN} --weights q99", "no weight format is called 'q99'"),
    (f"{PLAN} --kv q99", "--kv is 'q99': it is one of"),
    (f"{PLAN} --input 0", "--input is 0"),
    (f"{PLAN} --input 1e3", "--input is '1e3': a plan takes a whole number of tokens"),
    ("plan llama-3.1-8b", "how many requests come? Add --rate 5/s"),
    ("plan --rate 5/s", "which model?"),
    (f"{PLAN} --input 131072 --output 1000", "was made for 131,072"),
)

# Commands that Typer itself refuses: a usage line, where to find help, an error.
USAGES = (
    "nosuch", "--nosuch", "fit", "fit llama-3.1-8b", "compare", "gpus show",
    f"{FIT} --context nan", f"{FIT} --context 8k", f"{FIT} --concurrency 1.5", f"{FIT} surplus",
    f"{FIT} --tp two", f"{PLAN} --headroom much",
)  # fmt: skip

EMPTY = (
    ["fit", "", "--on", "h100-sxm"],
    ["fit", " ", "--on", "h100-sxm"],
    ["fit", "llama-3.1-8b", "--on", ""],
    ["fit", "llama-3.1-8b", "--on", "1xrtx-4090@ram="],
    [*FIT.split(), "--runtime", ""],
    [*FIT.split(), "--weights", ""],
    [*PREDICT.split(), "--concurrency", ""],
    ["plan", "llama-3.1-8b", "--rate", ""],
    [*PLAN.split(), "--tpot-p99", ""],
    [*PLAN.split(), "--vendor", ""],
    [*PLAN.split(), "--provider", ""],
    [*PLAN.split(), "--confidence", ""],
    ["gpus", "show", ""],
    ["compare", "rtx-4090", ""],
)


@pytest.mark.parametrize(("command", "says"), SENTENCES, ids=[c for c, _ in SENTENCES])
def test_wrong_input_is_answered_in_one_sentence(program: Program, command: str, says: str) -> None:
    assert says in program.sentence(command)


@pytest.mark.parametrize("command", USAGES)
def test_wrong_usage_is_answered_with_the_usage(program: Program, command: str) -> None:
    lines = program.refusal(command)
    assert lines[0].startswith("Usage: ")
    assert lines[-1].startswith("Error: ")
    assert len(lines) <= 4


@pytest.mark.parametrize("arguments", EMPTY, ids=" ".join)
def test_empty_words_are_refused(program: Program, arguments: list[str]) -> None:
    assert program.sentence(*arguments)


LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "vocab_size": 100,
    "max_position_embeddings": 512,
}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it is not JSON"),
        ("hello", "it is not JSON"),
        ("[1, 2]", "it is JSON, but not an object"),
        ("[" * 100_000, "it is nested too deeply"),
        ("{}", "without 'model_type'"),
        ('{"model_type": "nosuch"}', "model_type 'nosuch' is not understood yet"),
        ('{"model_type": "llama"}', "lacks 'num_attention_heads'"),
        (json.dumps(LLAMA | {"hidden_size": -1}), "'hidden_size' is -1, not a whole number"),
        (json.dumps(LLAMA | {"vocab_size": "x"}), "'vocab_size' is 'x', not a whole number"),
        (json.dumps(LLAMA | {"vocab_size": float("nan")}), "'vocab_size' is nan, not a whole"),
        (json.dumps(LLAMA | {"num_hidden_layers": 10**9}), "'num_hidden_layers' is 1000000000"),
    ],
    ids=[
        "empty", "text", "list", "deep", "object", "unknown", "bare", "negative", "word", "nan",
        "absurd",
    ],
)  # fmt: skip
def test_a_file_that_is_no_model_is_refused(
    program: Program, tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    assert says in program.sentence("fit", str(path), "--on", "h100-sxm")


def test_a_file_that_is_no_text_is_refused(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"\xff\xfe\x00")
    assert "it is not UTF-8 text" in program.sentence("models", "show", str(path))


def test_a_folder_without_a_configuration_is_refused(program: Program, tmp_path: Path) -> None:
    said = program.sentence("fit", str(tmp_path), "--on", "h100-sxm")
    assert "config.json is no model configuration: there is no such file" in said


@pytest.mark.parametrize(
    "name", ["x" * 5000, "a/../" * 2000, "\x00", "ⅷxh100", "; rm -rf /", "%s%n"]
)
def test_strange_names_are_refused_and_not_repeated_at_length(program: Program, name: str) -> None:
    assert len(program.sentence("fit", name, "--on", "h100-sxm")) < 500
    assert len(program.sentence("fit", "llama-3.1-8b", "--on", name)) < 500


@pytest.mark.parametrize(
    "command",
    [
        "fit nosuch --on h100-sxm",
        f"{FIT} --context 1000000000000",
        "predict llama-3.1-8b --on 1000000000xh100-sxm",
        f"{FIT_70B} 6xh100-sxm --tp 6",
        "plan llama-3.1-8b --rate 0/s",
        f"{PLAN} --budget -1",
        "compare rtx-4090",
        "gpus show nosuch",
    ],
)
def test_the_installed_program_leaves_with_2_and_one_sentence(command: str) -> None:
    done = subprocess.run(
        [str(SCRIPT), *command.split()], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rightrig: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        "fit llama-3.1-8b --on 33xh100-sxm",
        f"{FIT_70B} 8xh100-sxm --runtime llama.cpp --pp 99",
        f"{FIT} --kv=",
        f"{PLAN} --gpu=",
        f"{PLAN} --gpu h100-sxm --vendor AMD",
    ],
)
def test_impossible_or_empty_choices_are_refused(program: Program, command: str) -> None:
    assert program.sentence(command)


def test_an_empty_model_is_not_called_a_file(program: Program) -> None:
    assert "config.json is no model" not in program.sentence("fit", "", "--on", "h100-sxm")

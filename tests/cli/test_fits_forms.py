"""Every option of ``fit`` and ``fits``: what it changes, and the sentence for wrong use."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

import rightrig
from rightrig.planning.matrix import MATRIX_FORMATS

if TYPE_CHECKING:
    from pathlib import Path

    from program import Program

CATALOG = rightrig.shipped()
MATRIX = "fits --matrix --models llama-3.1-8b,qwen3-8b --gpus rtx-4090,h100-sxm"
FIT = "fit llama-3.1-8b --on rtx-4090"
MOE = "fit qwen3-30b-a3b --on rtx-4090"
LAYERED = "--runtime llama.cpp"

# The option after its command, and what its sentence must say.
SENTENCES = (
    # Forms of fits that exclude each other.
    ("fits", "name a rig with --on, such as --on 1xrtx-4090, or ask for --matrix"),
    ("fits --on 1xl4 --gpus l4", "--gpus goes with --matrix only"),
    ("fits --on 1xl4 --models qwen3-8b", "--models goes with --matrix only"),
    ("fits --on 1xl4 --formats fp8", "--formats goes with --matrix only"),
    ("fits --on 1xl4 --cards 2", "--cards goes with --matrix only"),
    ("fits --on 1xl4 --save out", "--save goes with --matrix only"),
    ("fits --on 1xl4 --versus 2xl4 --all", "--all does not go with --versus"),
    ("fits --on 1xl4 --versus-os linux --all", "--all does not go with --versus-os"),
    (f"{MATRIX} --on 1xl4", "--on does not go with --matrix"),
    (f"{MATRIX} --versus 1xl4", "--versus does not go with --matrix"),
    (f"{MATRIX} --versus-runtime vllm", "--versus-runtime does not go with --matrix"),
    (f"{MATRIX} --versus-os linux", "--versus-os does not go with --matrix"),
    (f"{MATRIX} --runtime vllm", "--runtime does not go with --matrix"),
    (f"{MATRIX} --weights fp8", "--weights does not go with --matrix"),
    (f"{MATRIX} --kv fp8", "--kv does not go with --matrix"),
    (f"{MATRIX} --os linux", "--os does not go with --matrix"),
    (f"{MATRIX} --concurrency 4", "--concurrency does not go with --matrix"),
    (f"{MATRIX} --all", "--all does not go with --matrix"),
    # Values of fits.
    ("fits --matrix --formats q99", "no weight format is called 'q99'"),
    ("fits --matrix --models nosuch", "no model is called 'nosuch'"),
    ("fits --matrix --gpus nosuch", "no GPU is called 'nosuch'"),
    ("fits --matrix --gpus l4,,l40s", "write names by comma, none of them empty"),
    ("fits --matrix --models=", "--models '': write names by comma"),
    ("fits --matrix --cards 0", "--cards is 0: it must be a whole number from 1 to 72"),
    ("fits --matrix --cards 73", "--cards is 73"),
    ("fits --matrix --context -1", "--context is -1"),
    (f"{MATRIX} --save=", "--save is empty: name a folder"),
    (f"{MATRIX} --save /dev/null/x", "--save /dev/null/x: cannot be written to"),
    ("fits --on 1xl4 --versus nosuch", "no GPU is called 'nosuch'"),
    ("fits --on 1xl4 --versus=", "is no rig"),
    ("fits --versus-os linux", "name a rig with --on"),
    ("fits --on 1xl4 --versus-runtime=", "no runtime is called ''"),
    ("fits --on 1xl4 --versus-runtime nosuch", "no runtime is called 'nosuch'"),
    ("fits --on 1xl4 --versus-os amiga", "write linux, windows, macos"),
    ("fits --on 1xl4 --versus-runtime sglang --versus-os windows", "does not run under Windows"),
    ("fits --on 1xl4 --os amiga", "--os 'amiga': write linux, windows, macos"),
    ("fits --on 1xl4 --runtime sglang --os windows", "SGLang does not run under Windows"),
    # MIG instances.
    ("fit llama-3.2-1b --on 1xl4@mig=1g.10gb", "no MIG profiles of l4 are known"),
    ("fit llama-3.2-1b --on 1xh100-sxm@mig=9g", "no MIG profile '9g'; it has 1g.10gb"),
    ("fit llama-3.2-1b --on 2xh100-sxm@mig=1g.10gb --tp 2", "which have no link"),
    # Versions and systems.
    (f"{FIT} --runtime vllm@new", "write the version as in vllm@0.19.0"),
    (f"{FIT} --runtime sglang@0.5", "versions are told apart for vllm only"),
    (f"{FIT} --os=", "--os '': write linux, windows, macos"),
    (f"{FIT} --runtime sglang --os windows", "use Linux, or another --runtime"),
    (f"{FIT} --runtime tensorrt-llm --os windows", "does not run under Windows"),
    (f"{FIT} --os macos", "macOS runs on Apple's machines alone"),
    ("fit llama-3.1-8b --on m4-max --os linux", "1xm4-max does not run it"),
    # Splits.
    (f"{FIT} --dp 0", "--dp is 0: it must be a whole number from 1"),
    (f"{FIT} --dp 2", "has none; use --replicas 2"),
    (f"{MOE} --dp 2", "--dp 2 does not divide the 1 card of one engine"),
    (f"{FIT} --cp 2", "same cache, 1 (tp=1, 8 key-value heads); raise --tp"),
    (f"{FIT} {LAYERED} --cp 2", "leave --cp out"),
    # Drafts and adapters.
    (f"{FIT} --draft nosuch", "no model is called 'nosuch'"),
    (f"{FIT} --draft=", "--draft is empty: name a model, or mtp"),
    (f"{FIT} --draft mtp", "has no layers ahead; name a draft model"),
    (f"{FIT} --draft qwen3-0.6b", "a draft shares the vocabulary"),
    (f"{FIT} {LAYERED} --draft llama-3.2-1b", "counted for engines that page their cache"),
    (f"{FIT} --loras 2", "--loras and --lora-rank belong together"),
    (f"{FIT} --lora-rank 2", "--loras and --lora-rank belong together"),
    (f"{FIT} --loras 0 --lora-rank 8", "--loras is 0"),
    (f"{FIT} --loras 1 --lora-rank 4096", "--lora-rank is 4096: it must be a whole number"),
    # Placement of layers.
    (f"{FIT} --gpu-layers 4", "--gpu-layers places layers, as llama.cpp does"),
    (f"{FIT} --tensor-split 1", "--tensor-split places layers"),
    (f"{MOE} --cpu-moe 4", "--cpu-moe places layers"),
    (f"{FIT} --no-flash-attention", "is a switch of llama.cpp"),
    (f"{FIT} {LAYERED} --gpu-layers -1", "--gpu-layers is -1: write 0 or more"),
    (f"{FIT} {LAYERED} --tensor-split 1,1", "one positive part for each of the 1 cards"),
    (f"{FIT} {LAYERED} --tensor-split nan", "one positive part for each"),
    (f"{FIT} {LAYERED} --tensor-split 0", "one positive part for each"),
    (f"{FIT} {LAYERED} --cpu-moe 4", "Llama-3.1-8B has none; use --gpu-layers"),
    (f"{MOE} {LAYERED} --cpu-moe -4", "--cpu-moe is -4: write 0 or more"),
)


@pytest.mark.parametrize(("command", "says"), SENTENCES, ids=[c for c, _ in SENTENCES])
def test_wrong_use_is_answered_in_one_sentence(program: Program, command: str, says: str) -> None:
    code, out, err = program.run(command)
    assert (code, out) == (2, "")
    assert err.startswith("rightrig: ")
    assert err.count("\n") == 1
    assert says in err


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        (
            "fit",
            (
                "--on", "--context", "--concurrency", "--runtime", "--weights", "--kv", "--tp",
                "--pp", "--replicas", "--max-seqs", "--max-batched-tokens",
                "--gpu-memory-utilization", "--dp", "--cp", "--draft", "--loras", "--lora-rank",
                "--gpu-layers", "--tensor-split", "--cpu-moe", "--no-flash-attention", "--os",
                "--catalog", "--json",
            ),
        ),
        (
            "fits",
            (
                "--on", "--versus", "--versus-runtime", "--versus-os", "--matrix", "--gpus",
                "--models", "--formats", "--cards", "--context", "--concurrency",
                "--runtime", "--weights", "--kv", "--os", "--all", "--save", "--catalog", "--json",
            ),
        ),
    ],
)  # fmt: skip
def test_help_lists_every_option_with_what_it_does(
    program: Program, verb: str, options: tuple[str, ...]
) -> None:
    code, out, _ = program.run(f"{verb} --help")
    assert code == 0
    lines = [line.strip() for line in out.splitlines()]
    for option in options:
        place = next(n for n, line in enumerate(lines) if f"{option} " in f"{line} ")
        said = f"{lines[place]} {lines[place + 1]}".partition(option)[2]
        assert len(said.split()) >= 2, option


# The matrix.


def test_a_small_matrix_is_a_table_a_card(program: Program) -> None:
    text = program.text(MATRIX)
    assert "2 models × 2 GPUs × 6 formats" in text
    assert "meta-llama/Llama-3.1-8B fits (" in text
    cells = program.json(MATRIX)["cells"]
    assert len(cells) == 2 * 2 * len(MATRIX_FORMATS)
    assert all(cell["verdict"] == "fits" for cell in cells)
    assert all(1 <= cell["least_seqs"] <= cell["most_seqs"] for cell in cells)


def test_the_whole_matrix_counts_models_a_card_in_less_than_200_kb(program: Program) -> None:
    code, out, _ = program.run("fits --matrix --json")
    assert code == 0
    assert len(out.encode()) < 200_000
    found = json.loads(out)
    assert found["cells"] is None
    assert found["models"] == len(CATALOG.slugs("llms"))
    assert [row["gpu"] for row in found["gpus"]] == [gpu.slug for gpu in CATALOG.gpus()]
    by_gpu = {row["gpu"]: row["fitting_models"] for row in found["gpus"]}
    assert by_gpu["h200-sxm"]["bf16"] > by_gpu["rtx-4090"]["bf16"] > by_gpu["rtx-3060-12gb"]["bf16"]


def test_save_writes_every_cell(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    found = program.json(f"{MATRIX} --save {folder}")
    with (folder / "matrix.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["verdict"] for row in rows] == [cell["verdict"] or "" for cell in found["cells"]]
    assert {row["gpu"] for row in rows} == {"rtx-4090", "h100-sxm"}
    assert set(rows[0]) == {"model", "gpu", "weights", "verdict", "least_seqs", "most_seqs"}


def test_cards_context_and_formats_narrow_the_matrix(program: Program) -> None:
    command = "fits --matrix --models llama-3.3-70b --gpus h100-sxm --formats bf16"
    one, four = (program.json(f"{command} --cards {n}", leaves=int(n == 1)) for n in (1, 4))
    assert one["formats"] == ["bf16"]
    assert [found["cells"][0]["verdict"] for found in (one, four)] == ["no", "fits"]
    longer = program.json(f"{command} --cards 4 --context 100000")
    assert longer["cells"][0]["most_seqs"] < four["cells"][0]["most_seqs"]


def test_a_matrix_in_which_nothing_fits_leaves_with_1(program: Program) -> None:
    assert "no" in program.text("fits --matrix --models deepseek-v3 --gpus l4", leaves=1)


# One rig, and the change from one to another.


def test_a_rig_s_list_ends_with_the_largest_dense_models(program: Program) -> None:
    text = program.text("fits --on 1xrtx-4090")
    assert "Largest dense model of usual shape: 10.2 B in bf16" in text
    found = program.json("fits --on 1xrtx-4090")
    assert found["largest_dense_params"]["bf16"] == pytest.approx(10.2e9, rel=0.01)


def test_all_lists_those_that_do_not_fit_too(program: Program) -> None:
    command = "fits --on 1xrtx-4090"
    assert "deepseek-ai/DeepSeek-V3 " not in program.text(command)
    assert "deepseek-ai/DeepSeek-V3 " in program.text(f"{command} --all")


def test_versus_lists_changes_with_reasons(program: Program) -> None:
    found = program.json("fits --on 4xrtx-4090 --versus 2xrtx-4090")
    assert (found["before"], found["after"]) == ("4xrtx-4090", "2xrtx-4090")
    assert found["changes"]
    for change in found["changes"]:
        assert change["before"] != change["after"]
        assert change["reason"]
    lost = sum(change["after"] == "no" for change in found["changes"])
    lines = program.lines("fits --on 4xrtx-4090 --versus 2xrtx-4090").splitlines()
    assert f"{lost} models no longer fit, 0 more do" in " ".join(lines)
    # A reason stands under its row, and no line is wider than a page.
    assert max(len(line) for line in lines) <= 100


def test_versus_runtime_lists_what_another_engine_changes_on_the_same_rig(program: Program) -> None:
    found = program.json("fits --on 1xrtx-4090 --runtime vllm --versus-runtime sglang")
    assert (found["before"], found["after"]) == ("1xrtx-4090", "1xrtx-4090")
    assert found["runtimes"] == ["vllm", "sglang"]
    assert found["operating_systems"] == [None, None]
    # SGLang has no code for Falcon, and vLLM has.
    lost = {c["model"]: c["reason"] for c in found["changes"] if c["after"] == "no"}
    assert "SGLang" in lost["tiiuae/falcon-7b"]


def test_versus_os_keeps_what_else_is_fixed(program: Program) -> None:
    words = "fits --on 2xrtx-4090 --os linux --weights fp8 --versus 1xrtx-4090 --versus-os windows"
    found = program.json(words)
    assert found["operating_systems"] == ["linux", "windows"]
    title = program.text(words)
    assert "From 2xrtx-4090 under linux to 1xrtx-4090 under windows" in title
    # Half the cards hold no model that two do not.
    assert found["changes"]
    assert all(change["before"] != "no" for change in found["changes"])


def test_the_same_side_twice_changes_nothing(program: Program) -> None:
    found = program.json("fits --on 1xl4 --runtime vllm --versus-runtime vllm")
    assert found["changes"] == []


def test_a_runtime_and_formats_may_be_fixed(program: Program) -> None:
    found = program.json("fits --on 1xrtx-4090 --runtime sglang --weights fp8 --kv fp8")
    held = [model for model in found["models"] if model["verdict"] != "no"]
    assert held
    assert {(model["runtime"], model["weights"]) for model in held} == {("sglang", "fp8")}
    assert set(found["largest_dense_params"]) == {"fp8"}


# Options of fit.


def part_bytes(found: Any, name: str, card: int = 0) -> float:
    parts = found["cards"][card]["components"]
    return sum(float(part["bytes"]["mid"]) for part in parts if part["name"] == name)


@pytest.mark.parametrize(
    ("option", "part"),
    [
        ("--draft llama-3.2-1b", "draft"),
        ("--loras 4 --lora-rank 16", "adapters"),
    ],
)
def test_companions_are_parts_of_a_card(program: Program, option: str, part: str) -> None:
    without, beside = program.json(FIT), program.json(f"{FIT} {option}")
    assert part_bytes(without, part) == 0.0
    assert part_bytes(beside, part) > 1e8
    assert beside["max_concurrency"] < without["max_concurrency"]


def test_groups_and_context_ranks_are_named_in_the_split(program: Program) -> None:
    command = "fit deepseek-v3 --on 8xh200-sxm"
    assert "tp1·dp8" in program.text(f"{command} --dp 8")
    assert program.json(f"{command} --dp 8")["deployment"]["attention_dp"] == 8
    assert "tp8·cp8" in program.text(f"{command} --cp 8")
    assert program.json(f"{command} --cp 8")["deployment"]["context_parallel"] == 8
    assert part_bytes(program.json(f"{command} --draft mtp"), "draft") > 1e9


def test_a_version_beyond_the_record_is_named(program: Program) -> None:
    words = "fit llama-3.1-8b --on 1xrtx-4090 --runtime"
    newer = program.text(f"{words} vllm@9.9")
    assert "vLLM 9.9 is newer than" in newer
    assert "is newer than" not in program.text(f"{words} vllm@0.19.0")


def test_a_version_changes_what_is_set_aside(program: Program) -> None:
    command = "fit llama-3.1-8b --on h100-sxm"
    new, old = program.json(command), program.json(f"{command} --runtime vllm@0.9.2")
    assert "vLLM 0.9.2" in program.text(f"{command} --runtime vllm@0.9.2")
    assert old["deployment"]["runtime_version"] == "0.9.2"
    assert part_bytes(old, "activation") > 4 * part_bytes(new, "activation")


@pytest.mark.parametrize("runtime", ["sglang", "tensorrt-llm", "lmdeploy", "ollama"])
def test_every_engine_whose_memory_is_known_may_be_asked_for(
    program: Program, runtime: str
) -> None:
    found = program.json(f"fit llama-3.1-8b --on h100-sxm --runtime {runtime}")
    assert found["verdict"] == "fits"
    assert found["deployment"]["runtime"] == runtime
    assert part_bytes(found, "weights") > 4e9


def test_layers_lie_where_they_are_put(program: Program) -> None:
    rig = "fit llama-3.1-8b --on 2xrtx-4090@ram=64GiB --runtime llama.cpp"
    even, odd = program.json(rig), program.json(f"{rig} --tensor-split 3,1")
    assert part_bytes(odd, "kv", 0) > part_bytes(even, "kv", 0)
    assert part_bytes(odd, "kv", 1) < part_bytes(even, "kv", 1)
    half = program.json(f"{rig} --gpu-layers 17")
    assert half["verdict"] == "offload"
    off = program.json(f"{rig} --no-flash-attention --context 32768")
    on = program.json(f"{rig} --context 32768")
    assert part_bytes(off, "compute") > 2 * part_bytes(on, "compute")


def test_experts_may_stay_in_host_memory(program: Program) -> None:
    command = "fit qwen3-30b-a3b --on 1xrtx-3060-12gb@ram=64GiB --runtime llama.cpp"
    kept = program.json(f"{command} --cpu-moe 48")
    assert kept["verdict"] == "offload"
    assert part_bytes(kept, "weights") < 4e9
    assert kept["host_bytes"] > 14e9


def test_mig_instances_are_engines_of_their_own(program: Program) -> None:
    found = program.json("fit llama-3.2-1b --on 7xh100-sxm@mig=1g.10gb")
    assert found["verdict"] == "fits"
    assert found["deployment"]["replicas"] == 7
    assert "9.75 GiB" in program.text("fit llama-3.2-1b --on 7xh100-sxm@mig=1g.10gb")
    # Seven instances hold seven times the sequences of one.
    one = program.json("fit llama-3.2-1b --on 1xh100-sxm@mig=1g.10gb")
    assert found["max_concurrency"] == 7 * one["max_concurrency"]


@pytest.mark.parametrize("system", ["linux", "windows", "Linux"])
def test_a_system_on_which_the_runtime_runs_changes_no_number(
    program: Program, system: str
) -> None:
    command = "fit llama-3.1-8b --on rtx-4090 --runtime llama.cpp"
    assert program.json(f"{command} --os {system}") == program.json(command)


def test_what_to_know_of_a_system_is_printed(program: Program) -> None:
    assert "WSL2" in program.text("fit llama-3.1-8b --on h100-sxm --os windows")
    assert "WSL2" not in program.text("fit llama-3.1-8b --on h100-sxm --os linux")


def test_instances_of_more_than_one_card_are_named(program: Program) -> None:
    command = "fit llama-3.1-8b --on 8xh100-sxm@mig=1g.10gb --weights awq --context 4096"
    assert "of which one card has 7 at most: 2 cards" in program.text(command)


def test_the_room_for_weights_warns_of_few_bits(program: Program) -> None:
    command = "fit llama-3.3-70b --on rtx-4090 --runtime llama.cpp --context 4096"
    text = program.text(command, leaves=1)
    assert "2.66" in text
    assert "(quality risk: below 3 bits)" in " ".join(text.split())

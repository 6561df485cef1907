"""Commands: stable JSON, exit codes, the key facts in plain text, and help for every verb."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import rightrig

if TYPE_CHECKING:
    from program import Program

SCRIPT = Path(sys.executable).with_name("rightrig")
MOST_BYTES = 200_000
VERBS = (
    "fit", "fits", "predict", "simulate", "plan", "fleet", "tenants", "compare", "accuracy",
    "audit", "calibrate", "ask",
)  # fmt: skip
QUESTIONS = (
    "choose-gpu", "gpu-count", "many-or-one", "tiers", "consumer-or-datacenter", "overkill",
    "train-or-serve", "split", "buy-or-rent", "scaling", "mix", "growth", "measure-next",
    "go-no-go", "criteria", "lock-in", "ecosystem",
)  # fmt: skip
GROUPS = ("gpus", "models", "rigs", "prices", "runtimes")
FIT = "fit llama-3.3-70b --on 4xh100-sxm"
PREDICT = "predict llama-3.1-8b --on h100-sxm --concurrency 8"
FLEET = f"fleet {shlex.quote(str(Path(__file__).parents[2] / 'examples' / 'fleet.toml'))}"
PLAN = "plan llama-3.1-8b --rate 5/s --ttft-p99 1s --tpot-p99 50ms"
# One command of each kind, and how it leaves.
COMMANDS = {
    FIT: 0,
    "fit llama-2-7b --on h100-sxm --context 4096 --concurrency 32": 1,
    "fit llama-3.3-70b --on 1xrtx-4090@ram=128GiB --runtime llama.cpp": 0,
    "fit deepseek-v3 --on 8xh200-sxm": 0,
    "fit llama-3.1-8b --on 2xrtx-3090+1xrtx-4090": 0,
    "fits --on 1xrtx-4090": 0,
    "fits --on 1xrtx-4090 --versus-runtime sglang": 0,
    PREDICT: 0,
    "predict llama-3.1-8b --on rtx-4090 --concurrency max": 0,
    "predict llama-3.3-70b --on rtx-4090": 1,
    PLAN: 0,
    "plan llama-3.3-70b --rate 20/s --ttft-p99 1ms": 1,
    f"{PLAN} --why --top 80": 0,
    f"{PLAN} --gpu l4 --explain": 0,
    "plan llama-3.1-8b --rate 1/s --gpu rtx-4090 --buy": 0,
    "plan llama-3.1-8b --job 10B-tokens --by 48h --gpu rtx-4090": 0,
    "plan llama-3.1-8b --own 2xrtx-4090 --rate 90/s --tpot-p99 50ms --capex 50000": 0,
    "plan llama-3.1-8b --own 1xl4 --rate 90/s --tpot-p99 50ms --capex 100": 1,
    FLEET: 0,
    "tenants llama-2-7b --weights awq --context 4096 --on h100-sxm --profile 1g.10gb": 0,
    "tenants llama-2-7b --weights awq --context 4096 --on rtx-4090": 0,
    "tenants llama-3.3-70b --weights bf16 --on h100-sxm": 1,
    "tenants --layouts --on h100-sxm": 0,
    "ask choose-gpu llama-2-7b --users 1": 0,
    "ask choose-gpu llama-3.3-70b --among l4 --max-gpus 1 --weights bf16": 1,
    "ask gpu-count llama-2-70b --context 4096": 0,
    "ask many-or-one llama-3.3-70b --many 16xrtx-4090 --one 2xh100-sxm --rate 1/s": 0,
    "ask tiers llama-3.1-8b --max-gpus 8": 0,
    "ask consumer-or-datacenter llama-3.1-8b --weights fp8 --max-gpus 2": 0,
    "ask overkill llama-2-7b --on 1xa100-sxm-80gb --rate 1/s --max-gpus 4": 0,
    "ask train-or-serve h100-sxm l40s llama-3.1-8b": 0,
    "ask split llama-3.3-70b --on 4xh100-sxm --rate 5/s --tpot-p99 50ms": 0,
    "ask buy-or-rent --price 1700 --rent 0.34/h --power 450W --tariff 0.08": 0,
    "ask buy-or-rent --price 90000 --rent 0.34/h --power 450W --tariff 0.08": 1,
    "ask scaling --params 1B --link 4xrtx-4090 --step 2s --measured-speedup 3.2": 0,
    "ask scaling --params 7B --link 4xrtx-4090 --step 5s --job-cost 136": 1,
    "ask mix llama-3.1-8b --rigs 4xrtx-4090,2xa100-sxm-80gb": 0,
    "ask mix llama-3.3-70b --rigs 4xrtx-4090,1xa100-sxm-80gb": 1,
    "ask growth llama-3.1-8b --rate 5/s --growth 10%/month --max-gpus 8": 0,
    "ask measure-next llama-3.1-8b --on 1xl4 --rate 1/s --tpot-p99 30ms": 0,
    "ask go-no-go --answers yes,yes,yes,yes,no,yes,unknown,yes": 1,
    "ask lock-in --on 4xh100-sxm --provider runpod": 0,
    "ask ecosystem rtx-4090 mi300x": 0,
    "compare rtx-4090 h100-sxm": 0,
    "compare 4xl40s 2xh100-sxm 1xmi300x": 0,
    "gpus list": 0,
    "gpus show h100-sxm": 0,
    "models list": 0,
    "models show deepseek-v3": 0,
    "rigs list": 0,
    "rigs show dgx-h100": 0,
    "rigs show 2xrtx-4090": 0,
    "prices list": 0,
    "prices show h100-sxm": 0,
    "prices show mi300x": 1,
    "runtimes list": 0,
    "runtimes show vllm": 0,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_leaves_with_0_for_an_answer_and_1_for_no(program: Program, command: str) -> None:
    code, text = program.said(command)
    assert code == COMMANDS[command]
    assert text.endswith("\n")
    assert "\x1b" not in text  # no escape codes in a pipe
    assert "None" not in text
    assert "nan" not in text.lower().split()


@pytest.mark.parametrize("command", COMMANDS)
def test_json_parses_stays_small_leaves_alike_and_has_no_ambiguous_unit(
    program: Program, command: str
) -> None:
    code, text = program.said(f"{command} --json")
    assert code == COMMANDS[command]
    assert len(text.encode()) < MOST_BYTES

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    for key in keys_in(json.loads(text, parse_constant=refuse)):
        assert not key.endswith(("_gb", "_gbps", "_flops", "_ms", "_percent"))


def keys_in(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for part in value.values() for key in keys_in(part)}
    if isinstance(value, list):
        return {key for part in value for key in keys_in(part)}
    return set()


def test_fit_names_its_verdict_and_the_components_of_every_card(program: Program) -> None:
    found = program.json(FIT)
    assert found["verdict"] == "fits"
    assert [card["verdict"] for card in found["cards"]] == ["fits"] * 4
    parts = {part["name"]: part["bytes"] for part in found["cards"][0]["components"]}
    assert {"weights", "kv", "activation", "graphs", "runtime"} <= set(parts)
    assert parts["weights"]["mid"] == pytest.approx(141.1e9 / 4, rel=1e-3)
    assert {
        "deployment", "context_tokens", "concurrency", "weights_bytes", "kv_bytes_per_token",
        "max_context_tokens", "max_concurrency", "levers", "explanation",
    } <= set(found)  # fmt: skip


def test_predict_names_its_quantities_with_intervals(program: Program) -> None:
    found = program.json(PREDICT)
    for name in ("ttft_s", "tpot_s", "output_tokens_per_s", "requests_per_s", "power_w"):
        assert found[name]["low"] <= found[name]["mid"] <= found[name]["high"]
    assert found["bottleneck"] == "memory bandwidth"
    assert found["bound_tpot_s"] <= found["tpot_s"]["low"]


def test_plan_names_plans_and_rejected(program: Program) -> None:
    found = program.json(PLAN)
    assert len(found["plans"]) == 10
    rents = [p["rent_usd_per_month"] for p in found["plans"]]
    assert rents == sorted(rents)
    assert {"gpu", "rule", "reason"} == set(found["rejected"][0])
    assert {"candidates_count", "pruned_count", "feasible_count", "explanation"} <= set(found)
    assert {"ttft_p99_s", "tpot_p99_s", "slo_met", "purchase", "p99_method"} <= set(
        found["plans"][0]
    )


def test_compare_gives_ratios_to_the_first(program: Program) -> None:
    text = program.text("compare rtx-4090 h100-sxm")
    assert "memory bandwidth of a card 1,008 GB/s 3,350 GB/s 3.32×" in text


def test_a_fit_tells_verdict_need_budget_and_what_remains(program: Program) -> None:
    text = program.text(FIT)
    for fact in (
        "FITS: ", "36.12 GiB of 72.85 GiB", "131,072 tokens of context", "327,680 B a token",
        "Weights: 141.107 GB (131.417 GiB)",
    ):  # fmt: skip
        assert fact in text


def test_a_fit_that_fails_tells_how_much_is_lacking_and_what_would_help(program: Program) -> None:
    text = program.text("fit llama-3.1-8b --on rtx-4090 --concurrency 32", leaves=1)
    assert "NO: " in text
    assert "26.87 GiB too much" in text
    assert "What would make it fit" in text


def test_a_prediction_tells_latency_its_limit_and_its_evidence(program: Program) -> None:
    text = program.text(PREDICT)
    for fact in ("TTFT", "TPOT", "80 %", "memory bandwidth", "η = 1", "Evidence: "):
        assert fact in text


def test_a_plan_tells_the_winner_its_price_and_why_others_lost(program: Program) -> None:
    text = program.text(PLAN)
    for fact in ("rtx-4090", "runpod", "a month", "Why the other cards lost", "[RT-VENDOR]"):
        assert fact in text


def test_every_rejected_card_has_its_line_with_why(program: Program) -> None:
    text = program.text(f"{PLAN} --why")
    for rejected in program.json(PLAN)["rejected"]:
        assert f"{rejected['gpu']}: " in text


def test_a_gpu_is_shown_with_its_sources(program: Program) -> None:
    text = program.text("gpus show h100-sxm")
    assert "79.19 GiB" in text
    assert "Source, " in text


@pytest.mark.parametrize("group", ["gpus", "models", "rigs", "runtimes"])
def test_a_list_names_every_record(program: Program, group: str) -> None:
    kind = {"models": "llms", "rigs": "systems"}.get(group, group)
    assert len(program.json(f"{group} list")[group]) == len(rightrig.shipped().slugs(kind))


@pytest.mark.parametrize(
    "command",
    [
        "fit llama-2-7b --on h100-sxm --context 4096 --concurrency 32",
        "fit llama-3.1-8b --on rtx-4090 --concurrency 32",
        "fit llama-3.3-70b --on rtx-4090",
        "fit llama-3.3-70b --on 1xrtx-4090@ram=16GiB --runtime llama.cpp",
        "fit qwen3-235b-a22b --on 4xh100-sxm --context 32768 --concurrency 4",
        "fit llama-3.1-405b --on 8xh100-sxm",
    ],
)
def test_a_lever_typed_as_it_is_printed_makes_it_fit(program: Program, command: str) -> None:
    found = program.json(command, leaves=1)
    assert found["levers"]
    for lever in found["levers"]:
        # The last of an option counts, so the change may follow the command.
        changed = program.json(f"{command} {lever['change'].partition(' (')[0]}")
        assert changed["verdict"] in {"fits", "tight"}, lever["change"]


@pytest.mark.parametrize("verb", [*VERBS, *GROUPS, *(f"ask {name}" for name in QUESTIONS)])
def test_every_verb_has_help_that_opens_with_what_it_answers(program: Program, verb: str) -> None:
    code, text = program.said(f"{verb} --help")
    assert code == 0
    lines = [line for line in text.splitlines() if line]
    assert lines[0].startswith("Usage: ")
    assert lines[1].startswith("  ")
    assert lines[1][2].isupper()


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("verb", ["list", "show"])
def test_every_group_lists_and_shows(program: Program, group: str, verb: str) -> None:
    code, text = program.said(f"{group} {verb} --help")
    assert code == 0
    assert "--json" in text


def test_the_list_of_verbs_is_not_cut_short(program: Program) -> None:
    assert "..." not in program.text("--help").partition("Commands:")[2]


def test_help_names_every_verb(program: Program) -> None:
    text = program.text("--help")
    assert all(f" {verb} " in text for verb in (*VERBS, *GROUPS))


def test_help_of_ask_names_every_question(program: Program) -> None:
    listed = program.run("ask --help")[1].partition("Commands:\n")[2]
    assert tuple(line.split()[0] for line in listed.splitlines() if line[2] != " ") == QUESTIONS


@pytest.mark.parametrize("start", [[sys.executable, "-m", "rightrig"], [str(SCRIPT)]])
def test_the_program_tells_its_version(start: list[str]) -> None:
    done = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"rightrig {rightrig.__version__}\n"
    assert done.stderr == ""


@pytest.mark.parametrize("command", [FIT, PLAN, "fit llama-3.3-70b --on rtx-4090"])
def test_the_installed_program_prints_plain_text_in_a_pipe(command: str) -> None:
    done = subprocess.run(
        [str(SCRIPT), *shlex.split(command)], capture_output=True, text=True, check=False
    )
    assert done.returncode == COMMANDS.get(command, 1)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    shell = f"'{SCRIPT}' models list | head -n 1"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True)  # noqa: S607 - a pipe
    assert done.stderr == ""


RUN = (sys.executable, "-m", "rightrig")


def test_a_closed_standard_output_is_no_error() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *RUN, "gpus", "show", "l4"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*RUN, "gpus", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 3
    assert done.stderr.startswith("rightrig: the answer cannot be written: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_an_output_that_knows_few_characters_gets_the_answer(encoding: str) -> None:
    done = subprocess.run(
        [*RUN, "fit", "llama-3.1-8b", "--on", "1xl4"], capture_output=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    said = done.stdout.decode(encoding)
    assert done.returncode == 0, done.stderr
    assert "FITS: Card 0 (l4, tp1) needs " in said
    assert ("█" in said) == (encoding == "utf-8")


def test_models_made_for_less_than_the_context_are_named_as_such() -> None:
    matrix = ["fits", "--matrix", "--models", "llama-3.1-8b", "--gpus", "l4", "--context"]
    note = "1 model was made for fewer than 200,000 tokens"
    for tokens, is_said in ((200_000, True), (131_072, False)):
        command = [*RUN, *matrix, str(tokens)]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
        assert (note in said.stdout) == is_said

"""The engines' own parsers, imported without a card, take every command (``make parsers``)."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from many_servings import SMALL, launches, mutants
from scripts import load_script
from servings import serving

from rightrig.recipes.engines import llama_cpp
from rightrig.recipes.proving.flags import TABLES, commands_of, read_table, rejections, table_of
from rightrig.recipes.proving.parsers import asked, installed_proof, parsed_by

if TYPE_CHECKING:
    from rightrig.recipes.launch import Launch
    from rightrig.recipes.proving.flags import FlagTable

ROOT: Final = Path(__file__).parents[2]
ENGINES: Final = ("vllm", "sglang")
LLAMA: Final = ROOT / ".cache" / "llama-server" / "bin"


def python_of(engine: str) -> Path:
    """Return the interpreter that has an engine's parser."""
    found = ROOT / ".cache" / "parsers" / engine / "bin" / "python"
    if not found.exists():
        pytest.skip(f"no parser of {engine} here: make parsers")
    return found


def known(engine: str) -> FlagTable:
    """Return the shipped table."""
    found = table_of(engine)
    assert found is not None
    return found


UNKNOWN_TO_TABLES: Final = (
    ("vllm", ("org/name", "--gpu-memory-utilization", "1.4"), "less than or equal to 1"),
    ("sglang", ("--model-path", "a/b", "--tp", "8", "--nnodes", "3"), "divisible"),
    ("sglang", ("--model-path", "a/b", "--served-model-name", "a:b"), "colon"),
    ("sglang", ("--model-path", "a/b", "--enable-lora"), "--lora-target-modules"),
)
"""Commands that only the engines' own checks refuse, and a word of what they say."""
KNOWN_TO_TABLES: Final = (
    ("vllm", ("org/name", "--quantization", "awqq")),
    ("vllm", ("org/name", "--kv-cache-dtype", "fp9")),
    ("vllm", ("org/name", "--max-lora-rank", "17", "--enable-lora")),
    ("vllm", ("org/name", "another/name")),
    ("sglang", ("--tp-size", "2")),
    ("sglang", ("org/name", "--tp-size", "2")),
    ("sglang", ("--model-path", "org/name", "--kv-cache-dtype", "fp9")),
)
"""Commands that both refuse."""


@cache
def taken(engine: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return commands that must be taken, with what each is for."""
    made = launches(engine)
    return tuple((name, words) for name, launch in made for words in commands_of(launch))


@cache
def wrong(engine: str) -> dict[str, tuple[str, ...]]:
    """Return what was made wrong in some commands, and their words."""
    wanted = ("draft", "lora", "attention_dp", "speculation", "context_parallel")
    some = [launch for name, launch in launches(engine, 50) if any(w in name for w in wanted)]
    return {what: words for launch in some for what, words in mutants(launch)}


@cache
def said(engine: str) -> dict[tuple[str, ...], str]:
    """Return what the engine's parser says of each command of this file, asked in one process."""
    odd = (*KNOWN_TO_TABLES, *(case[:2] for case in UNKNOWN_TO_TABLES))
    commands = [words for _, words in taken(engine)]
    commands += [*wrong(engine).values(), *(words for one, words in odd if one == engine)]
    answers = asked(python_of(engine), engine, commands)
    assert answers.version == known(engine).version
    return dict(zip(commands, answers.refusals, strict=True))


@pytest.mark.parametrize("engine", ENGINES)
def test_over_two_hundred_commands_are_taken_by_the_parser_and_by_our_table(engine: str) -> None:
    answers = said(engine)
    assert len(launches(engine)) > 200
    assert not {name: answers[words] for name, words in taken(engine) if answers[words]}
    assert not [name for name, words in taken(engine) if rejections(words, known(engine))]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_mutant_is_refused_by_the_parser_and_by_our_table(engine: str) -> None:
    answers = said(engine)
    assert len(wrong(engine)) > 40
    assert not [what for what, words in wrong(engine).items() if not answers[words]]
    assert not [
        what for what, words in wrong(engine).items() if not rejections(words, known(engine))
    ]


@pytest.mark.parametrize(("engine", "words"), KNOWN_TO_TABLES)
def test_what_an_engine_refuses_beyond_names_is_refused_by_our_table(
    engine: str, words: tuple[str, ...]
) -> None:
    assert said(engine)[words]
    assert rejections(words, known(engine))


@pytest.mark.parametrize(("engine", "words", "reason"), UNKNOWN_TO_TABLES)
def test_the_engines_own_checks_see_more_than_names(
    engine: str, words: tuple[str, ...], reason: str
) -> None:
    assert reason in said(engine)[words]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_shipped_table_is_what_the_parser_holds(engine: str) -> None:
    script = load_script("scripts/engine_flags.py")
    shipped = (TABLES / f"{engine}-{known(engine).version}.json").read_text("utf-8")
    head = {key: value for key, value in json.loads(shipped).items() if key != "options"}
    rows = script.parsed(python_of(engine), engine)["rows"]
    assert read_table(script.text_of(head, rows)) == read_table(shipped)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_on_the_path_proves_a_command(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, launch = launches(engine, 50)[0]
    folder = python_of(engine).parent
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    proof = installed_proof(launch)
    assert proof is not None
    assert (proof.id, proof.state, proof.remedy) == ("PROVE-FLAGS", "pass", "")


def test_the_parser_of_another_version_proves_nothing() -> None:
    _, launch = launches("vllm", 50)[0]
    proof = parsed_by(python_of("vllm"), replace(launch, version="0.1"))
    assert proof.state == "unverifiable"
    assert "0.1 itself was not asked" in proof.said


def llama_launch() -> Launch:
    """Return a command of llama.cpp."""
    return llama_cpp.launch_of(serving(SMALL, "1xrtx-4090", runtime="llama.cpp"))


def test_llama_server_itself_reads_a_command_and_refuses_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not (LLAMA / "llama-server").exists():
        pytest.skip("no llama-server here: make llama-server")
    monkeypatch.setenv("PATH", f"{LLAMA}:{os.environ['PATH']}")
    launch = llama_launch()
    proof = installed_proof(launch)
    assert proof is not None
    assert proof.state == "pass"
    first, *others = launch.flags
    wrong = replace(launch, flags=(replace(first, name=f"{first.name}-x"), *others))
    refused = installed_proof(wrong)
    assert refused is not None
    assert refused.state == "fail"
    assert f"{first.name}-x" in refused.said

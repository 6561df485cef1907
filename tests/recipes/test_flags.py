from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from many_servings import ENGINES, SMALL, launches, mutants
from servings import serving

from rightrig.errors import MissingError
from rightrig.recipes.engines import llama_cpp, lmdeploy, tensorrt_llm
from rightrig.recipes.launch import Flag, Launch
from rightrig.recipes.proving.flags import (
    TABLES,
    FlagTable,
    commands_of,
    flags_proof,
    rejections,
    table_of,
)
from rightrig.recipes.proving.parsers import asked, installed_proof


def known(engine: str) -> FlagTable:
    found = table_of(engine)
    assert found is not None
    return found


def refused(engine: str, text: str) -> str:
    return "; ".join(rejections(text.split(), known(engine)))


@pytest.mark.parametrize("engine", ENGINES)
def test_no_command_holds_an_option_that_the_engine_lacks(engine: str) -> None:
    made = launches(engine, 8)
    assert len(made) > 50
    assert {flags_proof(launch).state for _, launch in made} == {"pass"}


@pytest.mark.parametrize("engine", ENGINES)
def test_one_wrong_word_is_refused(engine: str) -> None:
    _, launch = launches(engine, 8)[-1]
    taken = [what for what, words in mutants(launch) if not rejections(words, known(engine))]
    assert not taken


@pytest.mark.parametrize(
    "made", [llama_cpp, lmdeploy, tensorrt_llm], ids=lambda made: made.__name__
)
def test_commands_of_other_engines_hold_options_of_their_tables(made: Any) -> None:
    slug = made.__name__.rpartition(".")[2]
    engine = {"llama_cpp": "llama.cpp", "tensorrt_llm": "tensorrt-llm"}.get(slug, slug)
    for rig in ("1xh100-sxm", "2xh100-sxm"):
        launch = made.launch_of(serving(SMALL, rig, runtime=engine))
        for words in commands_of(launch):
            assert not rejections(words, known(engine))


@pytest.mark.parametrize(
    ("engine", "text", "said"),
    [
        ("vllm", "org/name --max-num-sequences 8", "the nearest is --max-num-seqs"),
        ("vllm", "org/name --max-num-seq 8", "a part of a name only; write --max-num-seqs"),
        ("vllm", "org/name --max-num-seqs", "--max-num-seqs lacks its value"),
        ("vllm", "org/name --max-num-seqs --enable-lora", "--max-num-seqs lacks its value"),
        ("vllm", "org/name --max-num-seqs 8.5", "it must be an int"),
        ("vllm", "org/name --dtype bf16", "only auto, bfloat16"),
        ("vllm", "org/name --kv-cache-dtype fp9", "only auto, bfloat16"),
        ("vllm", "org/name --enable-lora yes", "--enable-lora takes no value"),
        ("vllm", "org/name --enable-lora=yes", "--enable-lora takes no value"),
        ("vllm", "org/name other/name", "no option takes it"),
        ("vllm", "org/name --speculative-config {", "it must be JSON"),
        ("vllm", 'org/name --speculative-config {"methods":"ngram"}', "the nearest is method"),
        ("sglang", "--tp-size 2", "--model-path is missing"),
        ("sglang", "--model-path a/b --mem-fraction-static most", "it must be a float"),
        ("llama.cpp", "--ctx-sizze 4096", "the nearest is --ctx-size"),
        ("llama.cpp", "--cache-type-k fp8", "only bf16, f16"),
        ("tensorrt-llm", "--tp_size 2", "the model is missing"),
    ],
)
def test_what_is_wrong_is_said_with_the_nearest_right(engine: str, text: str, said: str) -> None:
    assert said in refused(engine, text)


@pytest.mark.parametrize(
    ("engine", "text"),
    [
        ("vllm", "org/name --max_num_seqs 8 --max-model-len 8k"),
        ("vllm", "org/name --max-model-len=8192 --no-enable-prefix-caching"),
        ("vllm", "org/name --max-model-len auto --served-model-name a b c"),
        ("vllm", "org/name --lora-modules a=b c=d --enable-lora"),
        ("sglang", "--model a/b --tensor-parallel-size 2 --chunked-prefill-size -1"),
        ("llama.cpp", "-ngl all -fa on -ctk q8_0 --ctx-size 8192 --no-kv-unified"),
        ("tensorrt-llm", "org/name --tp_size 2 --backend trt"),
    ],
)
def test_every_spelling_that_an_engine_takes_is_taken(engine: str, text: str) -> None:
    assert not refused(engine, text)


def test_the_table_of_another_version_proves_nothing_but_what_is_wrong() -> None:
    launch = replace(launches("vllm", 50)[0][1], version="0.1.0")
    proof = flags_proof(launch)
    assert proof.state == "unverifiable"
    assert "0.1.0 itself was not read" in proof.said
    wrong = replace(launch, flags=(*launch.flags, Flag("--no-such-option")))
    assert flags_proof(wrong).state == "fail"


def test_without_a_table_nothing_is_proven() -> None:
    launch = Launch("ollama", "0.1", ("ollama", "serve"), (), 1, "/")
    proof = flags_proof(launch)
    assert (proof.id, proof.state) == ("PROVE-FLAGS", "unverifiable")
    assert proof.remedy


def test_words_of_a_second_machine_are_read_too() -> None:
    launch = Launch(
        "vllm",
        known("vllm").version,
        ("vllm", "serve"),
        (),
        1,
        "/",
        node_flags=(Flag("--node-rank", "{rank}"),),
        worker_flags=(Flag("--headles"),),
    )
    assert "--headles" in flags_proof(launch).said


@pytest.mark.parametrize("path", sorted(TABLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_table_is_small_and_says_where_it_is_from(path: Path) -> None:
    engine, _, version = path.stem.rpartition("-")
    found = table_of(engine, version)
    assert found is not None
    assert (found.engine, found.version) == (engine, version)
    assert found.source
    assert path.stat().st_size < 80_000
    assert len(found.by_name) == sum(len(option.names) for option in found.options)


def test_an_engine_that_is_not_installed_proves_nothing() -> None:
    if shutil.which("vllm"):
        pytest.skip("vLLM is installed here")
    assert installed_proof(launches("vllm", 50)[0][1]) is None
    with pytest.raises(MissingError, match="cannot import the parser of vllm"):
        asked(Path(sys.executable), "vllm", [()])

"""The shipped records of models: valid, consistent, and equal to what the tables say."""

from __future__ import annotations

import csv
import functools
import json
import os
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from rightrig.errors import UnsupportedModelError
from rightrig.facts.architectures import read_config, understood
from rightrig.facts.catalog import normalised
from rightrig.facts.index import DATA
from rightrig.facts.llm import Llm
from rightrig.facts.quantization import FORMATS, KV_BITS
from rightrig.work.weights import total_params_count

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("RIGHTRIG_SHARED", ROOT.parent / "shared")) / "facts"
PATHS = {path.stem: path for path in sorted((DATA / "llms").glob("*.toml"))}


@functools.cache
def record(slug: str) -> Llm:
    return Llm.model_validate(tomllib.loads(PATHS[slug].read_text(encoding="utf-8")))


def spellings(llm: Llm) -> set[str]:
    names = [llm.slug, llm.name, *llm.aliases]
    return {normalised(text) for name in names for text in (name, name.rpartition("/")[2])}


@functools.cache
def table() -> list[dict[str, str]]:
    path = SHARED / "models.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not here: set RIGHTRIG_SHARED to the folder of shared tables")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


STEP_LOCAL_LAYERS = {"attention_type": "sliding_attention", "num_attention_heads": 96}


def shared_config(row: dict[str, str]) -> dict[str, object]:
    path = SHARED / "model_configs" / row["config_file"]
    config: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    if config["model_type"] == "step3p7":
        # The copies leave this out; without it the count is 1.1 billion short of the 196.
        config["attention_other_setting"] = STEP_LOCAL_LAYERS
    beside = path.with_name(f"{path.stem}.hf_quant_config.json")
    if "quantization_config" not in config and beside.is_file():
        config["hf_quant_config"] = json.loads(beside.read_text(encoding="utf-8"))
    return config


def shipped_of(repo_id: str) -> Llm | None:
    wanted = normalised(repo_id)
    return next((record(slug) for slug in PATHS if wanted in spellings(record(slug))), None)


def test_there_are_records() -> None:
    assert len(PATHS) >= 120


@pytest.mark.parametrize("slug", PATHS)
def test_a_record_is_valid_and_named_after_its_file(slug: str) -> None:
    llm = record(slug)
    assert llm.slug == slug == llm.name.lower().replace("/", "--")
    assert llm.family in understood()
    assert llm.checkpoint.format in FORMATS
    assert llm.checkpoint.kv_format is None or llm.checkpoint.kv_format in KV_BITS
    assert llm.sources
    assert llm.config_kind
    assert {index for index, _ in llm.layout} == set(range(len(llm.blocks)))


@pytest.mark.parametrize("slug", PATHS)
def test_a_record_counts_what_its_makers_publish(slug: str) -> None:
    llm = record(slug)
    params, published = total_params_count(llm), llm.published
    if published.total_params_count is not None:
        assert params == published.total_params_count
    if published.total_billion is not None:
        # Published in round billions, vision towers included.
        assert params / 1e9 == pytest.approx(published.total_billion, rel=0.03)


def test_no_two_records_answer_to_one_name() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for slug in PATHS:
        for name in spellings(record(slug)):
            owners[name].add(slug)
    assert {name: slugs for name, slugs in owners.items() if len(slugs) > 1} == {}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("llama-3.3-70b", "meta-llama--llama-3.3-70b-instruct"),
        ("meta-llama/Meta-Llama-3.1-8B", "meta-llama--llama-3.1-8b"),
        ("Llama-2-7B", "meta-llama--llama-2-7b-hf"),
        ("deepseek-v3", "deepseek-ai--deepseek-v3"),
        ("gemma-3-27b", "google--gemma-3-27b-it"),
        ("mixtral-8x7b", "mistralai--mixtral-8x7b-v0.1"),
        ("qwen3-235b-a22b", "qwen--qwen3-235b-a22b"),
    ],
)
def test_short_and_old_names_lead_to_the_record(name: str, slug: str) -> None:
    found = shipped_of(name)
    assert found is not None
    assert found.slug == slug


def test_every_shared_configuration_agrees_with_its_record_or_is_refused() -> None:
    refused, read = 0, 0
    for row in table():
        shipped = shipped_of(row["repo_id"])
        try:
            llm = read_config(shared_config(row), name=row["repo_id"])
        except UnsupportedModelError:
            refused += 1
            assert shipped is None, row["repo_id"]
            continue
        read += 1
        assert shipped is not None, row["repo_id"]
        fields = {"blocks", "layout", "hidden_size", "vocab_size", "tied_embeddings", "checkpoint"}
        assert llm.model_dump(include=fields) == shipped.model_dump(include=fields), row["repo_id"]
    assert read >= 120
    assert read + refused == len(table())


def test_every_shared_count_of_parameters_is_ours() -> None:
    for row in table():
        shipped = shipped_of(row["repo_id"])
        if shipped is not None and row["params_total_computed"]:
            assert total_params_count(shipped) == int(row["params_total_computed"]), row["repo_id"]

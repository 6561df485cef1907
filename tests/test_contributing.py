"""The walk-throughs of CONTRIBUTING.md, done as it says: a document that drifts fails here."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import rightrig
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.errors import InputError
from rightrig.facts.architectures import load_config, read_config
from rightrig.facts.catalog import Catalog
from rightrig.facts.index import DATA, build_index, render
from rightrig.facts.models import find_llm
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm

ROOT: Final = Path(__file__).parents[1]
PLACE: Final = "src/rightrig/facts/data/"
GPU: Final = "gpus/example-card.toml"
MODEL: Final = "llms/example--example-1b.toml"
RUNTIME: Final = "runtimes/example-engine.toml"


@cache
def fenced(language: str) -> tuple[str, ...]:
    """Return the fenced blocks of one language."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"CONTRIBUTING.md has no {language} block"
    return tuple(found)


def record_files() -> dict[str, str]:
    """Return the example records by the place that their first line names."""
    blocks = [block for block in fenced("toml") if block.startswith(f"# {PLACE}")]
    return {block.splitlines()[0].removeprefix(f"# {PLACE}"): block for block in blocks}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """A copy of the shipped catalogue with the examples added, indexed again."""
    data = tmp_path_factory.mktemp("catalogue") / "data"
    shutil.copytree(DATA, data)
    for place, text in record_files().items():
        (data / place).write_text(text, encoding="utf-8")
    _, offer = fenced("csv")[0].splitlines()
    with (data / "prices" / "cloud.csv").open("a", encoding="utf-8") as file:
        file.write(f"{offer}\n")
    (data / "index.json").write_text(render(build_index(data)), encoding="utf-8")
    return Catalog(data)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The example configuration in a folder that is called like the model."""
    path = tmp_path / "Example-1B" / "config.json"
    path.parent.mkdir()
    path.write_text(fenced("json")[0], encoding="utf-8")
    return path


def run_python(source: str, folder: Path) -> str:
    """Return what a piece of Python prints in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def verdict(catalog: Catalog, llm: Llm, rig: str) -> str:
    deployment = rightrig.propose(catalog, llm, rightrig.parse_rig(rig, catalog))
    return rightrig.fit(deployment, context_tokens=8192, concurrency=1).verdict


def test_the_document_has_one_example_of_each_record() -> None:
    assert set(record_files()) == {GPU, MODEL, RUNTIME}


@pytest.mark.parametrize("name", ["example-card", "EX48", "nvidia example card"])
def test_the_example_card_answers_to_its_names(catalog: Catalog, name: str) -> None:
    assert catalog.gpu(name).slug == Path(GPU).stem


def test_the_example_card_replaces_no_name_of_the_catalogue(catalog: Catalog) -> None:
    assert set(catalog.slugs("gpus")) - set(rightrig.shipped().slugs("gpus")) == {"example-card"}
    for slug in rightrig.shipped().slugs("gpus"):
        assert catalog.gpu(slug).slug == slug


def test_the_example_card_states_a_source_for_every_doubt(catalog: Catalog) -> None:
    card = catalog.gpu("example-card")
    assert card.sources
    flagged = {f for s in card.sources if s.kind == "unverified" for f in s.fields}
    assert flagged == set(card.unverified)


def test_a_model_fits_the_example_card_and_its_speed_is_predicted(catalog: Catalog) -> None:
    llm = catalog.llm("qwen3-8b")
    assert verdict(catalog, llm, "2xexample-card") == "fits"
    deployment = rightrig.propose(catalog, llm, rightrig.parse_rig("2xexample-card", catalog))
    result = rightrig.predict(deployment, rightrig.Lengths(1000.0, 300.0), 8)
    assert result.evidence == "same architecture"
    assert result.bound_tpot_s < result.tpot_s.mid < 0.1


def test_the_example_offer_has_the_columns_of_the_prices_and_makes_a_plan(
    catalog: Catalog,
) -> None:
    header, offer = fenced("csv")[0].splitlines()
    with (DATA / "prices" / "cloud.csv").open(encoding="utf-8") as file:
        assert file.readline().rstrip("\n") == header
    row = dict(zip(header.split(","), next(csv.reader([offer])), strict=True))
    question = rightrig.Question(
        Workload(rate_requests_per_s=2.0, input_tokens=1000, output_tokens=300),
        Slo(),
        Limits(gpu="example-card"),
    )
    space = rightrig.space_of(catalog, question)
    found = rightrig.plan(catalog.llm("qwen3-8b"), question, space)
    assert found.plans
    rented = [plan.purchase for plan in found.plans if plan.purchase is not None]
    assert {purchase.price.provider for purchase in rented} == {row["provider"]}


def test_the_example_configuration_is_read_and_fits_a_card(catalog: Catalog, config: Path) -> None:
    llm = find_llm(str(config), catalog)
    assert llm.name == "Example-1B"
    assert verdict(catalog, llm, "1xexample-card") == "fits"


def test_the_example_lines_of_python_print_what_stands_below_them(config: Path) -> None:
    source = next(block for block in fenced("python") if "read_config" in block)
    expected = next(block for block in fenced("text") if "parameters" in block)
    assert run_python(source, config.parent.parent) == expected


def test_the_example_record_is_what_the_reader_makes_of_the_configuration(
    catalog: Catalog, config: Path
) -> None:
    record = catalog.llm("example-1b-base")
    read = read_config(load_config(config), name=record.name)
    added = {"aliases", "config_kind", "published", "sources"}
    assert record.model_dump(exclude=added) == read.model_dump(exclude=added)
    assert record.published.total_params_count == total_params_count(record)
    assert record.config_kind
    assert record.sources


def test_the_example_runtime_is_shown_and_not_computed(catalog: Catalog) -> None:
    assert catalog.runtime("example engine").statements
    rig = rightrig.parse_rig("1xl4", catalog)
    choices = rightrig.Choices(runtime="example-engine")
    with pytest.raises(InputError, match="not modelled yet"):
        rightrig.propose(catalog, catalog.llm("qwen3-8b"), rig, choices)


def test_the_example_rule_does_what_its_example_test_says(tmp_path: Path) -> None:
    rule, test = (
        next(block for block in fenced("python") if mark in block)
        for mark in ("class SocketRule", "def test_")
    )
    place = rule.splitlines()[0].removeprefix("# ")
    names = re.findall(r"def (test_\w+)", test)
    module = (ROOT / place).read_text(encoding="utf-8")
    calls = "".join(f"{name}()\n" for name in names)
    assert run_python(f"{module}\n\n{rule}\n\n{test}\n\n{calls}print('kept')", tmp_path) == "kept\n"
    assert len(names) == 1
    assert len(test[test.index("def ") :].splitlines()) <= 6


def test_what_the_document_asks_to_run_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z]+)\b", text))
    assert {"check", "test", "index"} <= targets
    assert targets <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for name in re.findall(r"`((?:src|docs|benchmarks|tests)/[\w./-]+)`", text):
        assert (ROOT / name).exists() or name.startswith(PLACE), name


def test_the_three_lines_of_the_setup_come_first() -> None:
    assert [line.split()[0] for line in fenced("bash")[0].splitlines()] == ["git", "make", "make"]


def test_every_record_of_the_document_is_named_after_its_file() -> None:
    for place, text in record_files().items():
        assert tomllib.loads(text)["slug"] == Path(place).stem

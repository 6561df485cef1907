"""``rightrig runs``: what is kept, seen from the command line."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from answer_types import answer_type, assert_is
from kept_runs import SERVED, closed_level, load_run
from typer.testing import CliRunner

from rightrig.cli.app import app
from rightrig.facts.measurement import TABLES, read_table
from rightrig.store import open_store, opening
from rightrig.store.records import Value
from rightrig.verbs.table import HERE

if TYPE_CHECKING:
    from program import Program

SHARED_NAMES = {"low", "mid", "high"}


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep runs of these tests in a store of their own."""
    monkeypatch.setenv("RIGHTRIG_DB", str(tmp_path / "runs.db"))


@pytest.fixture
def kept() -> int:
    """Keep a run of ``load`` with a closed and an open level, and one of a bench that failed."""
    with open_store() as store:
        writer = store.begin(load_run(settings={"seed": 3}))
        writer.add(closed_level(1, ttft_s=0.0625, tpot_s=0.011, output_tokens_per_s=88.8))
        level = {"rate_requests_per_s": 5.0, "input_tokens": 1000, "output_tokens": 300}
        for statistic, ttft_s in (("mean", 0.1), ("p99", 0.4)):
            writer.add([Value("ttft_s", ttft_s, {**level, "statistic": statistic})])
        writer.keep_samples("requests", {"sent_s": np.array([0.0, 0.5])})
        writer.finish()
        store.begin(load_run(kind="bench", served=None)).finish("failed")
    return writer.run_id


def as_json(words: str) -> Any:
    """Return the JSON of a command; it is of the type that the verb names."""
    done = CliRunner().invoke(app, [*words.split(), "--json"], prog_name="rightrig")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    (verb,) = (v for v in HERE if tuple(words.split()[:2]) == v.words)
    assert_is(answer_type(verb.answer), done.stdout)
    return json.loads(done.stdout)


def test_a_list_has_every_run_newest_first(program: Program, kept: int) -> None:
    out = program.lines("runs list")
    failed, load = (line.split() for line in out.splitlines()[2:4])
    assert failed[1:3] == ["bench", "failed"]
    assert load[:3] == [str(kept), "load", "finished"]
    assert f"{SERVED.model} on {SERVED.rig}, vllm" in out
    assert [run["id"] for run in as_json("runs list --kind load")["runs"]] == [kept]
    assert len(as_json("runs list --limit 1")["runs"]) == 1
    assert "No such run is kept" in program.lines("runs list --status died", leaves=1)


def test_a_run_is_shown_with_its_figures_and_how_to_repeat_it(program: Program, kept: int) -> None:
    out = program.lines(f"runs show {kept}")
    assert "62.5 ms" in out
    assert "To do it again: rightrig load http://localhost" in out
    assert "version of vllm" in out
    statistics = next(line for line in out.splitlines() if line.startswith("figure"))
    assert statistics.split() == ["figure", "of", "mean", "p99"]
    told = as_json(f"runs show {kept}")
    assert told["values_count"] == len(told["values"]) == 5
    assert told["values"][0]["labels"]["concurrency"] == 1


def test_figures_and_samples_are_written_where_asked(
    program: Program, kept: int, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = program.lines(f"runs show {kept} --save {tmp_path / 'out'}")
    assert "Written: values.csv, requests.parquet." in out
    lines = (tmp_path / "out" / "values.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("name,value,concurrency")
    assert len(lines) == 6
    table = parquet.read_table(tmp_path / "out" / "requests.parquet")
    assert table.column("sent_s").to_pylist() == [0.0, 0.5]


def test_an_exported_table_is_one_that_accuracy_reads(
    program: Program, kept: int, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    told = as_json(f"runs export --table inference --out {path}")
    assert (told["rows_count"], told["imported_count"]) == (3, 0)
    assert told["left_out"] == [
        {"reason": "an open-loop level has no concurrency", "figures_count": 1}
    ]
    assert [row["metric"] for row in read_table(path).rows] == [
        "ttft_ms", "tpot_ms", "output_tok_s_total",
    ]  # fmt: skip
    assert program.json(f"accuracy {path}")["summary"]["predicted"] == 3
    code, out, err = program.run("runs export --table inference")
    assert (code, out.splitlines()[0]) == (0, ",".join(TABLES["inference"]))
    assert err == "Figures left out: 1 because an open-loop level has no concurrency.\n"
    del kept


def test_an_exported_row_names_the_format_that_was_published(
    program: Program, tmp_path: Path
) -> None:
    with open_store() as store:
        for model in (SERVED.model, "my-own"):
            served = dataclasses.replace(SERVED, model=model, weights="checkpoint")
            writer = store.begin(load_run(served=served))
            writer.add(closed_level(1, ttft_s=0.0625))
            writer.finish()
    path = tmp_path / "mine.csv"
    program.run(f"runs export --table inference --out {path}")
    assert [row["weight_dtype"] for row in read_table(path).rows] == ["bf16", "checkpoint"]


def test_a_table_of_others_is_kept_and_deleted(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    columns = TABLES["training"]
    path.write_text(f"{','.join(columns)}\n{'x,' * (len(columns) - 1)}x\n", encoding="utf-8")
    told = as_json(f"runs import {path}")
    assert (told["table"], told["rows_count"], told["machine"]) == ("training", 1, "x")
    assert "1 row of training" in program.lines("runs list")
    assert as_json(f"runs delete {told['id']}")["id"] == told["id"]
    assert "No such run is kept" in program.lines("runs list", leaves=1)


def test_targets_tell_what_is_measured_from_what_is_estimated(program: Program, kept: int) -> None:
    told = as_json("runs targets --on 1xrtx-4090 --model llama-3.1-8b --weights fp8")
    by_status = {target["workload"]: target for target in told["targets"]}
    one, chat = by_status["one user"], by_status["chat"]
    assert (one["status"], chat["status"]) == ("measured", "estimated")
    assert one["measured"] == {
        "run": kept, "date": one["measured"]["date"], "machine": "bench-1",
        "ttft_s": 0.0625, "tpot_s": 0.011, "output_tokens_per_s": 88.8,
    }  # fmt: skip
    assert chat["measured"] is None
    assert chat["estimate"]["tpot_s"]["low"] < chat["estimate"]["tpot_s"]["high"]
    assert (told["measured_count"], told["estimated_count"]) == (1, 2)
    out = program.text("runs targets --on 1xrtx-4090 --model llama-3.1-8b --weights fp8")
    assert "Next: rightrig load URL --model meta-llama/Llama-3.1-8B --on 1xrtx-4090" in out
    # Another rig, format or runtime was not measured.
    for other in ("1xl40s --weights fp8", "1xrtx-4090 --weights bf16",
                  "1xrtx-4090 --runtime sglang --weights fp8"):  # fmt: skip
        told = as_json(f"runs targets --model llama-3.1-8b --on {other}")
        assert told["measured_count"] == 0


def test_a_target_that_does_not_fit_is_pending_with_the_reason() -> None:
    told = as_json("runs targets --on 1xrtx-4090 --model llama-3.3-70b")
    assert {target["status"] for target in told["targets"]} == {"pending"}
    assert {target["reason"] for target in told["targets"]} == {"it does not fit 1xrtx-4090"}


def test_usual_targets_are_the_largest_of_each_family() -> None:
    told = as_json("runs targets --on 1xrtx-4090 --top 3")
    models = list(dict.fromkeys(target["model"] for target in told["targets"]))
    assert len(models) == 3
    assert told["estimated_count"] + told["pending_count"] == len(told["targets"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("runs show 99", "has no run 99"),
        ("runs show 99999999999999999999999", "has no run"),
        ("runs delete 99", "has no run 99"),
        ("runs list --limit 0", "--limit is 0"),
        ("runs targets --on 1xnothing", "nothing"),
        ("runs targets --on 1xrtx-4090 --top 0", "--top is 0"),
        ("runs targets --on 1xrtx-4090 --weights nonsense", "nonsense"),
        ("runs import /no/such.csv", "there is no such file"),
        ("runs export --table inference --out /no/such/folder/x.csv", "cannot be written"),
    ],
)
def test_a_wrong_word_is_told_in_one_sentence(words: str, said: str, program: Program) -> None:
    assert said in program.sentence(words)


def test_a_run_that_runs_is_deleted_only_by_force(program: Program) -> None:
    with open_store() as store:
        number = str(store.begin(load_run()).run_id)
        assert "--force" in program.sentence("runs delete", number)
        assert "deleted from" in program.text("runs delete --force", number)


def test_a_store_that_is_none_is_told(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes " * 100, encoding="utf-8")
    monkeypatch.setenv("RIGHTRIG_DB", str(path))
    assert "is no SQLite database" in program.sentence("runs list")


def test_every_json_name_of_these_verbs_is_documented(kept: int) -> None:
    text = (Path(__file__).parents[2] / "docs/reference/json.md").read_text(encoding="utf-8")
    section = text.split("\n## `runs`")[1].split("\n## ")[0]
    names: set[str] = set()
    for words in ("runs list", f"runs show {kept}", "runs export --table inference --out /dev/null",
                  "runs targets --on 1xrtx-4090 --model llama-3.1-8b --weights fp8"):  # fmt: skip
        told = as_json(words)
        collect(told, names)
    missing = {name for name in names - SHARED_NAMES if not re.search(rf"`{name}(\[\])?`", section)}
    assert missing == set()


def collect(value: object, names: set[str]) -> None:
    """Gather the names of objects; those of labels, settings and versions are data."""
    if isinstance(value, dict):
        for name, inner in value.items():
            names.add(name)
            if name not in {"labels", "settings", "versions"}:
                collect(inner, names)
    elif isinstance(value, list):
        for inner in value:
            collect(inner, names)


@pytest.mark.parametrize(
    ("missing", "place", "extra"),
    [
        ("sqlalchemy", "runs.db", "store"),
        ("pyarrow", "runs.db", "store"),
        ("psycopg", "postgresql://localhost/db", "postgres"),
    ],
)
def test_without_its_extra_the_command_that_adds_it_is_named(
    missing: str, place: str, extra: str, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name == missing else name)
    monkeypatch.setenv("RIGHTRIG_DB", place)
    code, out, err = program.run("runs list")
    assert (code, out) == (3, "")
    assert err.endswith(f"takes an extra: pip install 'rightrig[{extra}]'\n")

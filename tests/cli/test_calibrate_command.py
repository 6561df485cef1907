"""``rightrig calibrate``: what moved, what is written, and what it says of too few rows."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tomllib
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import TABLES, Measurement
from rightrig.prediction.accuracy_inference import judge_runs

PROGRAM: Final = Path(sys.executable).with_name("rightrig")
QUICKER_RATIO: Final = 1.2
RUN: Final = {
    **dict.fromkeys(TABLES["inference"], ""),
    "source": "github:example/runs@1a2b3c4", "date": "2026-05-01", "version": "vLLM 0.20.0",
    "gpu": "h100-sxm-80gb", "gpu_count": "1", "tp": "1", "pp": "1", "model": "Llama-3.1-8B",
    "weight_dtype": "bf16", "kv_dtype": "auto", "runtime": "vLLM", "isl": "1024", "osl": "256",
    "concurrency_or_batch": "8", "metric": "output_tok_s_total", "value": "1",
}  # fmt: skip


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [str(PROGRAM), "calibrate", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def table(path: Path, rows_count: int) -> Path:
    """Write runs that are a fifth quicker than predicted."""
    loads = [
        RUN | {"concurrency_or_batch": str(users), "isl": str(tokens)}
        for users, tokens in product((1, 2, 4, 8, 16, 32), (128, 512, 1024, 4096))
    ][:rows_count]
    found = judge_runs([Measurement(n, load) for n, load in enumerate(loads, 1)], shipped())
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, TABLES["inference"])
        writer.writeheader()
        for load, row in zip(loads, found, strict=True):
            assert row.predicted is not None, row.reason
            writer.writerow(load | {"value": f"{QUICKER_RATIO * row.predicted.mid:.6g}"})
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return table(tmp_path / "runs.csv", 24)


def test_a_refit_says_what_moved_and_writes_its_files(runs: Path, tmp_path: Path) -> None:
    done = run(str(runs), "--save", str(tmp_path / "mine"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("24 of 24 rows used; ")
    assert "What moved most" in done.stdout
    assert "step_s vllm-1" in done.stdout
    for name in ("fitted.toml", "evidence.toml"):
        assert f"Written: {tmp_path / 'mine' / name}" in " ".join(done.stdout.split())
        tomllib.loads((tmp_path / "mine" / name).read_text(encoding="utf-8"))
    assert not (tmp_path / "mine" / "intervals.toml").exists(), "nothing was left out"


def test_the_json_of_a_refit_names_every_move(runs: Path) -> None:
    done = run(str(runs), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"rows_count", "runs_count", "moves", "groups", "written"}
    assert (found["rows_count"], found["runs_count"], found["written"]) == (24, 24, [])
    assert found["moves"]
    assert all(set(move) == {"kind", "key", "before", "after"} for move in found["moves"])


def test_fewer_than_20_rows_are_refused_in_one_sentence(tmp_path: Path) -> None:
    done = run(str(table(tmp_path / "few.csv", 19)))
    assert done.returncode == 2
    assert "19 of 19 rows can be predicted, and a fit needs 20" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        ("a,b\n1,2\n", "its header is that of none of"),
        (f"{','.join(TABLES['memory'])}\n{','.join('x' * 9)}\n", "this needs one of inference"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_of_runs_is_refused(
    tmp_path: Path, content: str | None, words: str
) -> None:
    path = tmp_path / "wrong.csv"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    done = run(str(path))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr

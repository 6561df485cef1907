"""``rightrig accuracy``: its JSON, its text, and what it says of files that are no table."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from rightrig.facts.measurement import TABLES
from rightrig.prediction.accuracy import GOLDEN

PROGRAM: Final = Path(sys.executable).with_name("rightrig")
SCORE: Final = {
    "rows", "predicted", "coverage_ratio", "median_abs_error_ratio", "p90_abs_error_ratio",
    "bias_ratio", "interval_hit_ratio", "median_width_ratio", "interval_score",
}  # fmt: skip
KV_HEADER: Final = ",".join(TABLES["kv_capacity"])
ROW: Final = "a/b,rtx-4090,1,Llama-3.1-8B,bf16,bf16,0.9,32768,{},tokens,vLLM 0.19.0"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [str(PROGRAM), "accuracy", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def answered(path: Path) -> Any:
    """Return the JSON of a table; it holds no NaN and no infinity."""
    done = run(str(path), "--json")
    assert done.returncode == 0, done.stderr

    def refuse(name: str) -> None:
        raise AssertionError(name)

    return json.loads(done.stdout, parse_constant=refuse)


def test_json_has_the_names_that_others_rely_on() -> None:
    found = answered(GOLDEN)
    assert set(found) == {"table", "summary", "groups", "rows"}
    assert found["table"] == "memory"
    assert set(found["summary"]) == SCORE
    assert set(found["groups"]) == {"gpu", "runtime", "metric", "model", "source"}
    for groups in found["groups"].values():
        assert all(set(group) == SCORE for group in groups.values())
    names = {"row", "predicted", "low", "high", "error_ratio", "reason"}
    assert all(set(row) == names for row in found["rows"])
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        measured = [float(row["value"]) for row in csv.DictReader(file)]
    for value, row in zip(measured, found["rows"], strict=True):
        assert row["error_ratio"] == pytest.approx(row["predicted"] / value - 1.0)
        assert row["low"] <= row["predicted"] <= row["high"]


def test_rows_stay_in_their_order_and_none_is_dropped(tmp_path: Path) -> None:
    values = ("41408", "nan", "", "1e9", "1e400", "-3", "abc", '"41,408"')
    lines = [KV_HEADER, *(ROW.format(value) for value in values), "too,short"]
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = answered(path)["rows"]
    assert [row["row"] for row in rows] == list(range(1, 10))
    assert [row["predicted"] is not None for row in rows] == [
        True, False, False, True, False, False, False, True, False,
    ]  # fmt: skip
    assert all(row["predicted"] is not None or row["reason"] for row in rows)
    assert rows[-1]["reason"] == "the row has 2 cells and the header 11"


def test_a_row_of_training_has_its_other_measures_beside_it(tmp_path: Path) -> None:
    row = ("x/y", "rtx-4090", "1", "llama-2-7b", "7", "LoRA", "2048", "1", "bf16", "2000", "", "")
    path = tmp_path / "runs.csv"
    lines = [TABLES["training"], (*row, "16.9", ""), (*row, "-1", ""), ("too", "short")]
    path.write_text("\n".join(",".join(line) for line in lines) + "\n", encoding="utf-8")
    first, wrong, short = answered(path)["rows"]
    assert first["predicted"] > 0.0
    assert first["also"]["peak_mem_gb"]["error_ratio"] == pytest.approx(0.0, abs=0.1)
    assert "no positive number" in wrong["reason"]
    assert short["reason"] == "the row has 2 cells and the header 14"


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    cells = dict(zip(TABLES["kv_capacity"], ROW.format("41408").split(","), strict=True))
    path = tmp_path / "runs.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, sorted(cells))
        writer.writeheader()
        writer.writerow(cells)
    assert answered(path)["rows"][0]["error_ratio"] == pytest.approx(0.0, abs=0.08)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its header is that of none of inference, kv_capacity, memory, training"),
        (KV_HEADER.encode(), "it has a header and no rows"),
        (b"a,b,c\n1,2,3\n", "its header is that of none of"),
        (KV_HEADER.replace("notes", "note").encode(), "kv_capacity lacks notes and does not know"),
        (f"{KV_HEADER},notes\n".encode(), "names a column twice"),
        (f'{KV_HEADER}\n"open,1,2\n'.encode(), "it is broken CSV (line 2"),
        (bytes(range(256)), "it is not UTF-8 text"),
        (f"{KV_HEADER}\n".encode() + b"x" * 200_000, "it is broken CSV"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "runs.csv"
    path.write_bytes(content)
    done = run(str(path))
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path, Path("/dev/null")):
        done = run(str(path))
        assert done.returncode == 2
        assert "there is no such file" in done.stderr


def test_the_text_fits_80_columns_and_names_the_rows_left_out(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    lines = (KV_HEADER, ROW.format("41408"), ROW.format("nan"), ROW.format("nan"))
    path.write_text("\n".join(lines), encoding="utf-8")
    text = run(str(path)).stdout
    assert "kv_capacity: 1 of 3 rows predicted" in text
    assert "  2, 3: the measured value 'nan' is no positive number" in text
    tables = [line for line in run().stdout.splitlines() if "─" in line or " % " in line]
    assert max(len(line) for line in tables) <= 100
    rules = [line for line in tables if "─" in line]
    assert max(len(line) for line in rules) <= 80

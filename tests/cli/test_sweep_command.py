"""A sweep as a user runs it: its answer, its files, its restart after a kill, what it refuses."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

import rightrig
from rightrig.cli import sweep_progress
from rightrig.demand.sweep import read_sweep
from rightrig.errors import InputError, MissingError
from rightrig.planning.sweeps.sweep import COLUMNS, sweep_of
from rightrig.report.terminal import plain_text
from rightrig.verbs.sweep import swept_of

pytestmark = pytest.mark.usefixtures("compiled")
ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = """
import sys, rightrig
from rightrig.cli.answer import Wanted, answer
from rightrig.cli.waiting import Terminal
from rightrig.verbs.progress import watched_by
from rightrig.verbs.sweep import swept_of
with watched_by(Terminal()):
    found = swept_of(*sys.argv[1:3], int(sys.argv[3]), sys.argv[4], rightrig.shipped())
answer(found, Wanted(json=True))
"""
SWEEP: Final = """
models = "llama-3.1-8b"
rigs = ["1xl4", "1xl40s", "1xh100-sxm"]
splits = ["tp=1", "tp=2"]
requests = {requests}
seeds = {seeds}
intervals = false
[slo]
ttft_p99 = "2s"
tpot_p99 = "50ms"
[[demands]]
preset = "chat"
rates = ["2/s", "60/s"]
"""


def program(folder: Path, file: Path, jobs: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(file), "local", str(jobs), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(folder: Path) -> list[str]:
    """Return the tasks that the journal knows, once for every time that they were done."""
    lines = (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    return [json.loads(line)["id"] for line in lines]


def written(folder: Path, **values: int) -> Path:
    file = folder / "sweep.toml"
    file.write_text(SWEEP.format(**{"requests": 100, "seeds": 2, **values}))
    return file


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("answered")
    return folder, swept_of(str(written(folder)), "local", 2, str(folder), rightrig.shipped())


def test_the_answer_names_the_cheapest_rig_and_what_was_not_simulated(
    answered: tuple[Path, Any],
) -> None:
    folder, found = answered
    text = plain_text(found.document())
    assert found.yes
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "24 tasks: 12 simulated, 12 not possible" in text
    assert "1xl40s tp1 bf16" in text
    assert "chat, 60/s: none of 6 meets the objectives in every seed; nearest is 1xh100" in text
    assert "12 not possible: tp=2 × pp=1 needs a multiple of 2 cards" in text
    assert "24 tasks computed in" in text
    assert str(folder) in " ".join(text.split())


def test_the_json_holds_the_answer_and_the_files_hold_the_rows(answered: tuple[Path, Any]) -> None:
    folder, found = answered
    data = json.loads(json.dumps(found.data(), allow_nan=False))
    first, second = data["best"]
    assert (first["demand"], first["winner"]["rig"]) == ("chat, 2/s", "1xl40s")
    assert first["winner"]["rent_usd_per_month"] > 0
    assert (second["winner"], second["nearest"]["rig"]) == (None, "1xh100-sxm")
    assert data["run"]["computed_count"] == data["tasks_count"] == 24
    assert data["files"] == ["results.csv", "results.jsonl"]
    rows = list(csv.DictReader(io.StringIO((folder / "results.csv").read_text())))
    assert tuple(rows[0]) == COLUMNS
    assert [row["seed"] for row in rows] == ["1", "2"] * 12
    lines = (folder / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [row["id"] for row in rows]


def test_a_sweep_killed_in_the_middle_goes_on_and_ends_with_the_same_files(tmp_path: Path) -> None:
    file = written(tmp_path, requests=2000, seeds=5)
    begun = program(tmp_path / "killed", file, 2)
    journal = tmp_path / "killed" / "journal.jsonl"
    for _ in range(1500):
        if journal.exists() and journal.read_bytes().count(b"\n") > 8:
            break
        time.sleep(0.02)
    begun.kill()
    begun.communicate()
    before = finished(tmp_path / "killed")
    assert 8 <= len(before) < 60
    out, err = program(tmp_path / "killed", file, 1).communicate()
    assert err == ""
    assert json.loads(out)["run"]["reused_count"] == len(before)
    after = finished(tmp_path / "killed")
    assert after[: len(before)] == before
    assert len(after) == len(set(after)) == 60
    program(tmp_path / "whole", file, 1).communicate()
    for name in ("results.csv", "results.jsonl"):
        whole = (tmp_path / "whole" / name).read_bytes()
        assert (tmp_path / "killed" / name).read_bytes() == whole


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("slurm", 1, "out"), "--engine is 'slurm'"),
        (("local", 0, "out"), "--jobs is 0"),
        (("local", 1, None), "add --save DIR"),
        (("local", 1, "/dev/null/x"), "cannot be written to"),
    ],
)
def test_wrong_words_are_refused_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, int, str | None], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path)
    with pytest.raises(InputError, match=says):
        swept_of(str(file), *words, rightrig.shipped())
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.toml"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.toml is no sweep: there is no such file"):
        swept_of(str(tmp_path / "nothing.toml"), "local", 1, str(tmp_path), rightrig.shipped())


def test_on_a_cluster_the_number_of_workers_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.1:6379")
    monkeypatch.setattr("rightrig.verbs.sweep.check_ray", lambda: None)
    with pytest.raises(InputError, match="add --jobs"):
        swept_of(str(written(tmp_path)), "ray", None, str(tmp_path), rightrig.shipped())


def test_without_the_extra_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rightrig.running.ray_engine.find_spec", lambda _: None)
    with pytest.raises(MissingError, match=r"pip install 'rightrig\[ray\]'"):
        swept_of(str(written(tmp_path)), "ray", 1, str(tmp_path / "out"), rightrig.shipped())
    assert not (tmp_path / "out").exists()


def test_where_nobody_looks_a_line_is_written_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 10.0, 40.0, 60.0])
    monkeypatch.setattr("rightrig.cli.sweep_progress.time.monotonic", lambda: next(clock))
    with sweep_progress.shown(100) as tell:
        for done in (20, 60, 90):
            tell(done, 20)
    assert capsys.readouterr().err == "sweep: 60 of 100 tasks, 1/s, 40 s left\n"


def test_a_terminal_shows_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with sweep_progress.shown(4) as tell:
        tell(4, 2)
    assert "sweeping" in capsys.readouterr().err


def test_the_example_asks_for_what_there_is() -> None:
    catalog = rightrig.shipped()
    sweep = sweep_of(read_sweep(ROOT / "examples" / "sweep.toml"), catalog, catalog.llm)
    assert len(sweep.tasks) > 100
    assert sum(not task.reason for task in sweep.tasks) > 50

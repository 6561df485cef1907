"""``kill -9`` at random moments loses no finished run, and shows nothing half as whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from kept_runs import fault_of
from killing import dice_of, killed, random_delay_s

from rightrig.store import open_store

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

SUPPORT: Final = Path(__file__).parents[1] / "support"
FIRST_MOST_DELAY_S: Final = 0.25


@dataclass
class Kills:
    """What became of stores whose writers were killed."""

    kills_count: int = 0
    reported: set[int] = field(default_factory=set)
    died_count: int = 0
    checked: int = 0


@contextmanager
def forking() -> Iterator[subprocess.Popen[str]]:
    """Start the program that forks writers."""
    environment = {**os.environ, "PYTHONPATH": str(SUPPORT)}
    command = [sys.executable, str(SUPPORT / "kept_runs.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


def killed_writer(
    process: subprocess.Popen[str], place: str, seed: int, delay_s: float
) -> set[int]:
    """Fork a writer, kill it after a delay, and return the runs that it called finished."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{seed} {place}\n")
    process.stdin.flush()
    lines = iter(process.stdout.readline, "")
    reported: set[int] = set()
    for line in lines:
        word, *rest = line.split()
        if word == "writer":
            time.sleep(delay_s)
            os.kill(int(rest[0]), signal.SIGKILL)
        elif word == "finished":
            reported.add(int(rest[0]))
        elif word == "dead":
            break
        else:
            pytest.fail(line)
    return reported


def check(place: str, kills: Kills) -> None:
    """Open the store and look at every run that was not looked at."""
    with open_store(place) as store:
        runs = store.runs()
        assert kills.reported <= {run.id for run in runs if run.status == "finished"}
        new = [run for run in runs if run.id > kills.checked]
        assert [fault for run in new if (fault := fault_of(store, run))] == []
    kills.died_count += sum(run.status == "died" for run in new)
    kills.checked = max((run.id for run in runs), default=0)


def kill_writers(place: str, count: int, dice: random.Random) -> Kills:
    """Kill writers, at least so many, until some runs were finished and some were hit."""
    kills, most_delay_s = Kills(), FIRST_MOST_DELAY_S
    with forking() as process:
        while kills.kills_count < count or not (kills.reported and kills.died_count):
            assert kills.kills_count < 10 * count, kills
            delay_s = random_delay_s(dice, most_delay_s)
            kills.reported |= killed_writer(process, place, dice.randrange(10**6), delay_s)
            kills.kills_count += 1
            check(place, kills)
            # A busy machine takes longer to write a run.
            most_delay_s *= 1.0 if kills.reported else 1.1
    return kills


@pytest.mark.parametrize("seed", range(5))
def test_seventy_kills_of_writers_to_sqlite_lose_nothing(seed: int, tmp_path: Path) -> None:
    # Each store is new, so that some kills meet it while it is made.
    kills = kill_writers(str(tmp_path / "runs.db"), 14, dice_of(seed))
    assert len(kills.reported) >= 1
    assert 1 <= kills.died_count <= kills.kills_count


@pytest.mark.parametrize("seed", range(2))
def test_thirty_kills_of_writers_to_postgresql_lose_nothing(seed: int, empty_postgres: str) -> None:
    kills = kill_writers(empty_postgres, 15, dice_of(seed))
    assert len(kills.reported) >= 1
    assert 1 <= kills.died_count <= kills.kills_count


def test_a_program_that_is_killed_leaves_its_finished_runs(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import kept_runs; print('ready', flush=True);"
        "kept_runs._write_until_killed(0)"
    )
    place = str(tmp_path / "runs.db")
    found = killed(
        [sys.executable, "-c", code, str(SUPPORT)],
        0.3,
        after="finished",
        env={"RIGHTRIG_DB": place},
    )
    assert found.was_running, found.error
    finished = {int(line.split()[1]) for line in found.lines if line.startswith("finished")}
    kills = Kills(reported=finished)
    check(place, kills)
    assert len(finished) >= 1


def test_an_unfinished_sample_file_is_never_taken_for_one(tmp_path: Path) -> None:
    # What a kill leaves while samples are written: a file of another name, and no record of it.
    place = tmp_path / "runs.db"
    kill_writers(str(place), 3, dice_of(7))
    folder = place.with_name("runs.db-samples") / "1"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".requests.parquet.1.1.part").write_bytes(b"PAR1 half")
    (folder / "other.parquet").write_bytes(b"PAR1 half")
    with open_store(str(place)) as store:
        assert "other" not in store.run(1).samples

"""Opening a store: made where there is none; what cannot be one is refused in one sentence."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from kept_runs import load_run

from rightrig.errors import InputError, MissingError
from rightrig.store import open_store
from rightrig.store.place import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPPORT: Final = Path(__file__).parents[1] / "support"
ONE_SENTENCE: Final = re.compile(r"[^\n]{20,500}")
WRITES_RUNS: Final = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import kept_runs, pyarrow.parquet, rightrig.store.database
from killing import dice_of
print("ready", flush=True)
sys.stdin.readline()
with kept_runs.open_store() as store:
    for seed in range(4):
        kept_runs.write_one(store, dice_of(seed))
"""


def refusal(kind: type[Exception], place: str | Path) -> str:
    """Return the sentence with which a store is refused."""
    with pytest.raises(kind) as caught, open_store(str(place)) as store:
        store.begin(load_run()).finish()
    assert ONE_SENTENCE.fullmatch(str(caught.value)), caught.value
    return str(caught.value)


def test_without_a_name_a_store_lies_in_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for stated in ("", None):
        monkeypatch.delenv("RIGHTRIG_DB", raising=False)
        if stated is not None:
            monkeypatch.setenv("RIGHTRIG_DB", stated)
        file = place_of().file or tmp_path
        assert file.name == "runs.db"
        assert tmp_path in file.parents
    with open_store() as store:
        assert store.runs() == ()
    assert file.exists()


def test_a_place_is_a_path_or_a_url() -> None:
    assert place_of("/a/b.db").file == Path("/a/b.db")
    assert place_of("sqlite:////a/b.db").file == Path("/a/b.db")
    assert place_of("sqlite:///b.db").file == Path("b.db").absolute()
    for scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        place = place_of(f"{scheme}://me:secret@host:5/db?password=secret")
        assert place.url == "postgresql+psycopg://me:secret@host:5/db?password=secret"
        assert place.shown == "postgresql://host:5/db"
    for wrong in ("mysql://me:secret@host/db", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(InputError, match="names no store") as caught:
            place_of(wrong)
        assert "secret" not in str(caught.value)


def test_processes_that_find_no_store_make_one_together(place: str) -> None:
    command = [sys.executable, "-c", WRITES_RUNS, str(SUPPORT)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    programs = [subprocess.Popen(command, text=True, **pipes) for _ in range(3)]  # type: ignore[call-overload] # pipes
    for program in programs:
        assert program.stdout.readline() == "ready\n"
    for program in programs:
        program.stdin.write("go\n")
        program.stdin.flush()
    assert [program.communicate()[1] for program in programs] == ["", "", ""]
    with open_store(place) as store:
        assert [run.status for run in store.runs()] == ["finished"] * 12


def test_a_newer_schema_is_refused(place: str) -> None:
    with open_store(place) as store:
        store.begin(load_run()).finish()
    change = "INSERT INTO rightrig_schema VALUES (2, '2027', '9.0')"
    if place.startswith("postgresql"):
        import psycopg  # noqa: PLC0415 - an extra

        with psycopg.connect(place, autocommit=True) as server:
            server.execute(change)
    else:
        with sqlite3.connect(place) as connection:
            connection.execute(change)
        connection.close()
    said = refusal(InputError, place)
    assert "has schema 2" in said
    assert "install a newer rightrig" in said


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sales (day TEXT)")
    connection.close()
    assert "a database of something else" in refusal(InputError, path)
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert tables == [("sales",)]


@pytest.mark.parametrize("content", [b"not a database\n" * 99, b"\x00" * 4096])
def test_a_file_that_is_no_database_is_refused_and_kept(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    assert "is no SQLite database" in refusal(InputError, path)
    assert path.read_bytes() == content


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with open_store(str(path)) as store:
        store.begin(load_run()).finish()
    content = bytearray(path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    path.write_bytes(bytes(content))
    assert "damaged" in refusal(InputError, path)


def test_a_place_that_no_file_can_have_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for place in (tmp_path, tmp_path / "file" / "runs.db", tmp_path / ("x" * 300)):
        assert "name another in RIGHTRIG_DB" in refusal(InputError, place)


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """Return a folder with a store that this process may read and not write."""
    # Folders of tests are closed to others, and root may write everywhere.
    folder = Path(tempfile.mkdtemp())
    with open_store(str(folder / "runs.db")) as store:
        store.begin(load_run()).finish()
    folder.chmod(0o555)
    (folder / "runs.db").chmod(0o444)
    is_root = os.geteuid() == 0
    if is_root:
        os.setegid(65534)
        os.seteuid(65534)
    yield folder
    if is_root:
        os.seteuid(0)
        os.setegid(0)
    shutil.move(folder, tmp_path)


@pytest.mark.parametrize("name", ["runs.db", "new.db", "deep/new.db"])
def test_a_folder_that_cannot_be_written_is_told(name: str, locked: Path) -> None:
    assert "name another in RIGHTRIG_DB" in refusal(InputError, locked / name)


def test_a_full_disk_is_told_and_what_was_finished_stays(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with open_store(str(path)) as store:
        store.begin(load_run()).finish()
    code = (
        "import resource, signal, sys; sys.path.insert(0, sys.argv[1])\n"
        "from kept_runs import load_run, open_store\n"
        "from rightrig.store.records import Value\n"
        "from rightrig.errors import MissingError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "store = open_store(sys.argv[2])\n"
        "writer = store.begin(load_run())\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))\n"
        "try:\n"
        "    for i in range(1000): writer.add([Value('ttft_s', 1.0, {'text': 'x' * 9000})])\n"
        "except MissingError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SUPPORT), str(path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ONE_SENTENCE.fullmatch(done.stdout.strip()), done.stdout + done.stderr
    assert "make room" in done.stdout
    with open_store(str(path)) as store:
        assert [run.status for run in store.runs()] == ["died", "finished"]
        store.begin(load_run()).finish()


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    said = refusal(MissingError, "postgresql://me:secret@127.0.0.1:1/db")
    assert "postgresql://127.0.0.1:1/db" in said
    assert "secret" not in said


@pytest.mark.parametrize("url", ["postgresql://host:port/db", "postgresql://u:p@[::1/db"])
def test_a_url_that_is_none_is_told(url: str) -> None:
    assert "is no URL of a store" in refusal(InputError, url)

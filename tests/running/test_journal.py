"""The journal: what was written whole is known, whatever happened to the rest."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.running.journal import NAME, opened
from rightrig.running.results import write_results
from rightrig.running.tasks import Done

if TYPE_CHECKING:
    from rightrig.running.tasks import Row

ENTRIES: Final = (
    Done("a", {"x": 1.5, "y": None, "z": "é\n", "w": True}),
    Done("b", None, "ValueError: no"),
    Done("c", None, "killed", died=True),
    Done("d", {"x": 0.1 + 0.2}),
)
NAMES: Final = frozenset("abcd")


def written(folder: Path) -> bytes:
    with opened(folder, NAMES) as journal:
        for entry in ENTRIES:
            journal.add(entry)
    return (folder / NAME).read_bytes()


def known(folder: Path) -> tuple[dict[str, Done], int]:
    with opened(folder, NAMES) as journal:
        return journal.known, journal.torn_count


def test_what_was_added_is_read_again_but_for_what_died(tmp_path: Path) -> None:
    written(tmp_path)
    assert known(tmp_path) == ({e.id: e for e in ENTRIES if not e.died}, 0)


@given(cut=st.integers(0, 250), other=st.binary(max_size=3))
def test_a_journal_that_ends_anywhere_knows_its_whole_lines(cut: int, other: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = written(folder)
        kept = whole[: min(cut, len(whole))]
        tail = other.replace(b"\n", b"") if kept.count(b"\n") else b""
        (folder / NAME).write_bytes(kept + tail)
        lines = kept.count(b"\n")
        found, torn = known(folder)
        assert set(found) == {e.id for e in ENTRIES[: max(lines - 1, 0)] if not e.died}
        assert torn == (not (kept + tail).endswith(b"\n") and kept + tail != b"")
        with opened(folder, NAMES) as journal:
            journal.add(ENTRIES[3])
        assert known(folder)[0]["d"] == ENTRIES[3]


def test_a_damaged_line_in_the_middle_costs_its_task_alone(tmp_path: Path) -> None:
    lines = written(tmp_path).splitlines(keepends=True)
    lines[1] = b"\0" * (len(lines[1]) - 1) + b"\n"
    (tmp_path / NAME).write_bytes(b"".join(lines))
    found, torn = known(tmp_path)
    assert (set(found), torn) == ({"b", "d"}, 1)


def test_another_file_of_that_name_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_text("my diary\n")
    with pytest.raises(InputError, match="is no journal of a run"):
        known(tmp_path)
    assert path.read_text() == "my diary\n"


def test_two_runs_do_not_write_one_journal(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with (
        opened(tmp_path, NAMES),
        pytest.raises(InputError, match="another run writes into this folder"),
        opened(tmp_path, NAMES),
    ):
        pytest.fail("both write")


def test_results_have_all_columns_in_their_order(tmp_path: Path) -> None:
    rows: list[Row] = [{"b": 'say "x", y', "a": None}, {"a": 0.1 + 0.2}]
    assert write_results(tmp_path, ("a", "b"), rows) == ("results.csv", "results.jsonl")
    assert (tmp_path / "results.csv").read_text() == (
        'a,b\n,"say ""x"", y"\n0.30000000000000004,\n'
    )
    assert (tmp_path / "results.jsonl").read_text() == (
        '{"a": null, "b": "say \\"x\\", y"}\n{"a": 0.30000000000000004, "b": null}\n'
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.csv", "results.jsonl"]

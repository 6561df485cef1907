"""What a store is given, it gives back: in SQLite and in PostgreSQL."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept_runs import SERVED, closed_level, load_run

from rightrig.errors import InputError
from rightrig.store import open_store
from rightrig.store.records import NewRun, Value

if TYPE_CHECKING:
    from rightrig.store.database import Store

pytestmark = pytest.mark.usefixtures("place")


def test_a_run_is_given_back_as_it_was_kept() -> None:
    new = load_run(settings={"seed": 3, "levels": [1, 4], "ratio": 0.5}, command=("a b", "c'd"))
    values = [*closed_level(4, ttft_s=0.1, tpot_s=0.01), Value("copy_bytes_per_s", 1e300)]
    with open_store() as store:
        writer = store.begin(new)
        writer.add(values)
        writer.finish()
        (run,) = store.runs()
        assert store.run(writer.run_id) == run
    assert run.new == new
    assert run.new.served == SERVED
    assert run.values == tuple(values)
    assert run.status == "finished"
    started, ended = (datetime.datetime.fromisoformat(x) for x in (run.started, run.ended))
    assert started.utcoffset() == datetime.timedelta(0)
    assert datetime.timedelta(0) <= ended - started < datetime.timedelta(minutes=1)


_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
_LABELS = st.dictionaries(_TEXTS, _TEXTS | st.integers(0, 10**6) | st.floats(-1e9, 1e9), max_size=3)
_VALUES = st.builds(
    Value, _TEXTS, st.floats(allow_nan=False, allow_infinity=False), _LABELS,
)  # fmt: skip


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(_VALUES, max_size=4), machine=_TEXTS, word=st.text(max_size=9))
def test_any_text_and_finite_number_is_given_back(
    values: list[Value], machine: str, word: str
) -> None:
    new = load_run(machine=machine, command=(word,), versions={word: word}, served=None)
    with open_store() as store:
        writer = store.begin(new)
        writer.add(values)
        writer.finish()
        run = store.run(writer.run_id)
    assert run.values == tuple(values)
    assert run.new == new


def test_columns_of_samples_are_given_back() -> None:
    columns = {
        "sent_s": np.array([0.0, 0.5, np.nan]),
        "output_tokens": np.array([1, 2, 2**40]),
        "is_error": np.array([True, False, True]),
        "error": np.array(["", "reset by peer", "naïve \N{GREEK SMALL LETTER ETA}"], dtype=object),
    }
    with open_store() as store:
        writer = store.begin(load_run())
        writer.keep_samples("requests", columns)
        writer.keep_samples("gaps", {"gap_s": np.zeros(0)})
        writer.finish()
        run = store.run(writer.run_id)
        assert run.samples == ("requests", "gaps")
        found = store.samples(run.id, "requests")
        assert len(store.samples(run.id, "gaps")["gap_s"]) == 0
    assert list(found) == list(columns)
    for name, column in columns.items():
        np.testing.assert_array_equal(found[name], column)
        assert found[name].dtype == column.dtype


def test_runs_come_newest_first_and_as_asked() -> None:
    with open_store() as store:
        for kind, machine in (("load", "a"), ("bench", "a"), ("load", "b"), ("load", "a")):
            writer = store.begin(load_run(kind=kind, machine=machine))
            writer.add(closed_level(1, ttft_s=1.0))
            writer.finish("failed" if machine == "b" else "finished")
        ids = [run.id for run in store.runs()]
        assert ids == sorted(ids, reverse=True)
        assert len(ids) == 4
        assert [run.id for run in store.runs("load")] == [ids[0], ids[1], ids[3]]
        assert [run.id for run in store.runs(machine="a")] == [ids[0], ids[2], ids[3]]
        assert [run.id for run in store.runs("load", "a", 1)] == [ids[0]]
        assert [run.id for run in store.runs(status="failed")] == [ids[1]]
        assert store.runs("probe") == ()
        assert [len(run.values) for run in store.runs()] == [1, 1, 1, 1]
        assert [len(run.values) for run in store.runs(with_values=False)] == [0, 0, 0, 0]


def test_a_run_is_there_while_it_runs_with_what_it_has() -> None:
    with open_store() as store, open_store() as other:
        writer = store.begin(load_run())
        (run,) = other.runs(status="running")
        assert (run.status, run.ended, run.values) == ("running", "", ())
        writer.add([Value("ttft_s", 1.0)])
        assert len(other.run(writer.run_id).values) == 1
        writer.finish("interrupted")
        assert other.run(writer.run_id).status == "interrupted"
        assert other.runs(status="running") == ()


def test_nothing_is_added_to_a_run_that_ended_or_is_gone() -> None:
    with open_store() as store:
        writer, gone = store.begin(load_run()), store.begin(load_run())
        writer.finish()
        store.delete(gone.run_id, even_running=True)
        for one, said in ((writer, "is finished"), (gone, "was deleted")):
            with pytest.raises(InputError, match=said):
                one.add([Value("ttft_s", 1.0)])
            with pytest.raises(InputError, match=said):
                one.keep_samples("requests", {"a": np.zeros(1)})
            with pytest.raises(InputError, match=said):
                one.finish()
        assert store.run(writer.run_id).values == ()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_was_not_measured_is_no_figure_and_none_beside_it_is_kept(value: float) -> None:
    with open_store() as store:
        writer = store.begin(load_run())
        with pytest.raises(InputError, match="tpot_s is"):
            writer.add([Value("ttft_s", 1.0), Value("tpot_s", value)])
        assert store.run(writer.run_id).values == ()


def test_a_deleted_run_leaves_nothing_and_its_number_is_not_given_again(place: str) -> None:
    with open_store() as store:
        writer = store.begin(load_run())
        writer.add([Value("ttft_s", 1.0)])
        writer.keep_samples("requests", {"a": np.zeros(9)})
        with pytest.raises(InputError, match=r"is running.*--force"):
            store.delete(writer.run_id)
        writer.finish()
        store.delete(writer.run_id)
        assert store.runs() == ()
        with pytest.raises(InputError, match="has no run"):
            store.run(writer.run_id)
        with pytest.raises(InputError, match="no samples"):
            store.samples(writer.run_id, "requests")
        assert store.begin(load_run()).run_id > writer.run_id
    if not place.startswith("postgresql"):
        assert list(Path(f"{place}-samples").iterdir()) == []


def write_runs(store: Store) -> None:
    for _ in range(4):
        writer = store.begin(load_run())
        for part in range(3):
            writer.add([Value("ttft_s", float(part))])
        writer.keep_samples("requests", {"a": np.arange(50)})
        writer.finish()


def test_threads_and_stores_write_at_once_without_a_loss() -> None:
    with open_store() as one, open_store() as other, ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(write_runs, store) for store in (one, other) * 3]:
            done.result()
        runs = one.runs()
    assert len(runs) == 24
    assert all(run.status == "finished" for run in runs)
    assert all([v.value for v in run.values] == [0.0, 1.0, 2.0] for run in runs)


def test_what_json_has_no_form_for_is_kept_as_text(tmp_path: Path) -> None:
    new = NewRun("bench", "m", (), settings={"path": tmp_path, "shape": (1, 2)})
    with open_store() as store:
        run = store.run(store.begin(new).run_id)
    assert run.new.settings == {"path": str(tmp_path), "shape": [1, 2]}


def test_a_label_may_be_a_number_of_numpy() -> None:
    labels = {"concurrency": np.int64(8), "rate_requests_per_s": np.float64(0.5)}
    with open_store() as store:
        writer = store.begin(load_run())
        writer.add([Value("ttft_s", float(np.float64(0.25)), labels)])  # type: ignore[arg-type] # on purpose
        (value,) = store.run(writer.run_id).values
    assert value.labels == {"concurrency": 8, "rate_requests_per_s": 0.5}

"""Runs of an experiment are kept in a real store, and taken up again by their conditions."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from rightrig.measuring.tune.engine import EngineFailedError
from rightrig.measuring.tune.figures import Figures, Ran, mean_figures
from rightrig.measuring.tune.recorded import Experiment, Recorded, figures_of, values_of
from rightrig.measuring.tune.settings import baseline_of
from rightrig.store import open_store

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from rightrig.measuring.tune.settings import Setting
    from rightrig.store.database import Store

PLAIN = Figures(100, 0.25, 10.0, 100.0, 0.1, 0.2, 0.01, 0.02, 1.0, 2.0)
EIGHT, SIXTEEN = baseline_of("seqs=8"), baseline_of("seqs=16")


@dataclass
class Bench:
    """A bench that counts what it runs, and fails or is stopped when it is told."""

    ends_with: BaseException | None = None
    limited: str = ""
    ran: list[tuple[str, int]] = field(default_factory=list)

    def reused_count(self, setting: Setting, numbers: Sequence[int]) -> int:
        """Return 0."""
        del setting, numbers
        return 0

    def runs(self, setting: Setting, numbers: Sequence[int]) -> Generator[Ran, None, None]:
        """Yield a run for each number."""
        for number in numbers:
            if self.ends_with is not None and number:
                raise self.ends_with
            self.ran.append((setting.text, number))
            figures = replace(PLAIN, output_tokens_per_s=100.0 + number, limited=self.limited)
            yield Ran(figures, samples={"requests": {"due_s": np.arange(3.0)}})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield a store of this test."""
    with open_store(str(tmp_path / "runs.db")) as opened:
        yield opened


def experiment(**conditions: object) -> Experiment:
    """Return an experiment of some conditions."""
    return Experiment("here", ("rightrig", "tune"), {}, conditions, lambda _: None)


def test_runs_are_kept_whole_with_what_it_takes_to_repeat_them(store: Store) -> None:
    recorded = Recorded(Bench(), store, experiment(engine="x"))
    found = [ran.figures.output_tokens_per_s for ran in recorded.runs(EIGHT, range(2))]
    assert found == [100.0, 101.0]
    first, second = (store.run(number) for number in recorded.ids)
    assert first.status == second.status == "finished"
    assert first.new.settings["setting"] == {"seqs": "8"}
    assert first.new.settings["engine"] == "x"
    assert store.samples(second.id, "requests")["due_s"].tolist() == [0.0, 1.0, 2.0]


def test_an_equal_experiment_takes_them_up_and_runs_what_is_missing(store: Store) -> None:
    list(Recorded(Bench(), store, experiment(engine="x")).runs(EIGHT, range(2)))
    bench = Bench()
    again = Recorded(bench, store, experiment(engine="x"))
    assert again.reused_count(EIGHT, range(3)) == 2
    assert again.reused_count(SIXTEEN, range(3)) == 0
    found = [ran.figures.output_tokens_per_s for ran in again.runs(EIGHT, range(3))]
    assert found == [100.0, 101.0, 102.0]
    assert bench.ran == [("seqs=8", 2)]
    assert len(again.ids) == 3


@pytest.mark.parametrize("other", [{"engine": "y"}, {"engine": "x", "rate": 2}])
def test_other_conditions_are_another_experiment(store: Store, other: dict[str, object]) -> None:
    list(Recorded(Bench(), store, experiment(engine="x")).runs(EIGHT, range(2)))
    assert Recorded(Bench(), store, experiment(**other)).reused_count(EIGHT, range(2)) == 0


def test_another_machine_is_another_experiment(store: Store) -> None:
    list(Recorded(Bench(), store, experiment(engine="x")).runs(EIGHT, range(2)))
    there = replace(experiment(engine="x"), machine="there")
    assert Recorded(Bench(), store, there).reused_count(EIGHT, range(2)) == 0


def test_nothing_is_taken_up_when_it_is_to_be_measured_again(store: Store) -> None:
    list(Recorded(Bench(), store, experiment(engine="x")).runs(EIGHT, range(2)))
    fresh = Recorded(Bench(), store, experiment(engine="x"), resumes=False)
    assert fresh.reused_count(EIGHT, range(2)) == 0


def test_runs_of_yesterday_are_not_taken_up(store: Store, tmp_path: Path) -> None:
    list(Recorded(Bench(), store, experiment(engine="x")).runs(EIGHT, range(2)))
    old = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)).isoformat()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'runs.db'}")
    with engine.begin() as connection:
        tables = sa.inspect(connection).get_table_names()
        (table,) = (
            name for name in tables
            if "started" in {c["name"] for c in sa.inspect(connection).get_columns(name)}
        )  # fmt: skip
        connection.execute(sa.text(f"UPDATE {table} SET started = :old"), {"old": old})  # noqa: S608 - its own name
    engine.dispose()
    assert Recorded(Bench(), store, experiment(engine="x")).reused_count(EIGHT, range(2)) == 0


@pytest.mark.parametrize(
    ("ends_with", "status"),
    [(EngineFailedError("it died"), "failed"), (KeyboardInterrupt(), "interrupted")],
)
def test_a_run_that_does_not_end_well_is_not_taken_up(
    store: Store, ends_with: BaseException, status: str
) -> None:
    recorded = Recorded(Bench(ends_with), store, experiment(engine="x"))
    runs = recorded.runs(EIGHT, range(3))
    next(runs)
    with pytest.raises(type(ends_with)):
        next(runs)
    assert [run.status for run in store.runs("tune")] == [status, "finished"]
    assert Recorded(Bench(), store, experiment(engine="x")).reused_count(EIGHT, range(3)) == 1


def test_what_this_client_limited_is_not_taken_up(store: Store) -> None:
    list(Recorded(Bench(limited="slow"), store, experiment(engine="x")).runs(EIGHT, range(1)))
    assert Recorded(Bench(), store, experiment(engine="x")).reused_count(EIGHT, range(1)) == 0


def test_a_store_that_goes_away_does_not_end_the_experiment(store: Store, tmp_path: Path) -> None:
    recorded = Recorded(Bench(), store, experiment(engine="x"))
    runs = recorded.runs(EIGHT, range(3))
    next(runs)
    store.close()
    (tmp_path / "runs.db").write_bytes(b"no database any more" * 100)
    for name in ("runs.db-wal", "runs.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert len(list(runs)) == 2
    assert recorded.trouble.startswith("Runs are not kept any more")


NUMBERS = st.floats(0.0, 1e6, allow_nan=False)


@given(
    st.builds(
        Figures,
        requests_count=st.integers(0, 10**6),
        error_ratio=st.floats(0.0, 1.0),
        requests_per_s=NUMBERS,
        output_tokens_per_s=NUMBERS,
        ttft_p50_s=st.none() | NUMBERS,
        ttft_p99_s=st.none() | NUMBERS,
        tpot_p50_s=st.none() | NUMBERS,
        tpot_p99_s=st.none() | NUMBERS,
        e2e_p50_s=st.none() | NUMBERS,
        e2e_p99_s=st.none() | NUMBERS,
        goodput_requests_per_s=st.none() | NUMBERS,
        good_ratio=st.none() | st.floats(0.0, 1.0),
        memory_bytes=st.none() | NUMBERS,
        usd_per_output_token=st.none() | NUMBERS,
        keeps_slo=st.none() | st.booleans(),
    )
)
def test_figures_come_back_as_they_were_kept(figures: Figures) -> None:
    assert figures_of(values_of(figures)) == figures


def test_figures_that_are_not_whole_are_none() -> None:
    assert figures_of(values_of(PLAIN)[:2]) is None


def test_the_mean_of_runs_knows_what_all_of_them_know() -> None:
    other = replace(PLAIN, ttft_p99_s=None, requests_per_s=20.0, keeps_slo=None)
    mean = mean_figures((PLAIN, other))
    assert mean.requests_per_s == 15.0
    assert mean.requests_count == 200
    assert mean.ttft_p99_s is None
    kept = [replace(PLAIN, keeps_slo=is_kept) for is_kept in (True, True, False)]
    assert mean_figures(tuple(kept)).keeps_slo is True

"""Change points: known ones are found, chance is not, and figures of kept runs become series."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from answer_types import answer_type, assert_is
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.report.terminal import plain_text
from rightrig.store.records import NewRun, Run, Served, Value
from rightrig.verbs.watch_drift import watch_drift
from rightrig.watching.drift import ALPHA_RATIO, Verdict, needed_count, shifted
from rightrig.watching.drift_series import better_of, series_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from rightrig.report.schema.drift import DriftJson
    from rightrig.verbs.found import Found

RNG: Final = np.random.default_rng
SERIES: Final = 1_000
RUNS: Final = 40


def one(values: object) -> Verdict:
    return shifted([values])[0]  # type: ignore[list-item] # an array is a sequence of floats


def stepped(seed: int, sigmas: float, before: int = 20, after: int = 20) -> NDArray[np.float64]:
    """Return noise of a deviation of 2 around 100, lower by some deviations at the end."""
    values = 100.0 + 2.0 * RNG(seed).normal(size=before + after)
    values[before:] -= 2.0 * sigmas
    return values


def normal(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=RUNS)


def heavy(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.standard_t(2, size=RUNS)


def widening(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=RUNS) * np.linspace(1.0, 4.0, RUNS)


def short(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=10)


def counted(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.poisson(3.0, size=RUNS).astype(float)


@pytest.mark.parametrize(
    ("noise", "count"),
    # Ties differ from series to series, and with them what chance does.
    [(normal, SERIES), (heavy, SERIES), (widening, SERIES), (short, SERIES), (counted, 200)],
)
def test_steady_noise_is_flagged_in_at_most_one_of_twenty(
    noise: Callable[[np.random.Generator], NDArray[np.float64]], count: int
) -> None:
    rng = RNG(7)
    flagged = sum(one(100.0 + 2.0 * noise(rng)).word == "shifted" for _ in range(count))
    assert flagged <= ALPHA_RATIO * count


def test_runs_that_resemble_the_last_one_are_rarely_flagged() -> None:
    rng, flagged = RNG(8), 0
    for _ in range(SERIES):
        steps = rng.normal(size=90)
        for i in range(1, 90):
            steps[i] += 0.3 * steps[i - 1]
        flagged += one(100.0 + steps).word == "shifted"
    assert flagged <= ALPHA_RATIO * SERIES


def test_many_steady_figures_together_flag_none_or_few() -> None:
    rng = RNG(9)
    anywhere = 0
    for _ in range(50):
        found = shifted([100.0 + rng.normal(size=30) for _ in range(60)])  # type: ignore[misc]
        anywhere += any(verdict.word == "shifted" for verdict in found)
    assert anywhere <= 5


def test_a_step_of_three_deviations_is_found_in_at_least_95_of_100() -> None:
    found = [one(stepped(seed, 3.0)) for seed in range(300)]
    assert sum(verdict.word == "shifted" for verdict in found) >= 0.95 * 300
    near = [abs(v.shift.place - 20) <= 1 for v in found if v.shift is not None]
    assert sum(near) >= 0.9 * len(near)


def test_a_known_step_is_found_on_its_run_with_its_size() -> None:
    verdict = one(stepped(1, 8.0, 25, 15))
    assert verdict.word == "shifted"
    assert verdict.shift is not None
    assert verdict.shift.place == 25
    assert verdict.shift.before == pytest.approx(100.0, abs=1.0)
    assert verdict.shift.after == pytest.approx(84.0, abs=1.0)
    change = verdict.shift.change_ratio
    assert change.low < change.mid < change.high < -0.13
    assert change.low < -0.16 < change.high
    assert not verdict.shift.is_gradual
    assert not verdict.shift.is_over


def test_one_strange_run_is_no_shift_wherever_it_is() -> None:
    steady = 100.0 + RNG(2).normal(size=30)
    for place in (0, 10, 28, 29):
        values = steady.copy()
        values[place] = 10.0
        assert one(values).word == "steady"


def test_a_trend_is_a_gradual_shift() -> None:
    verdict = one(100.0 - np.linspace(0.0, 20.0, 40) + RNG(3).normal(size=40))
    assert verdict.shift is not None
    assert verdict.shift.is_gradual
    assert verdict.shift.after < verdict.shift.before


def test_a_shift_that_went_away_is_over() -> None:
    values = np.concatenate([np.full(30, 100.0), np.full(6, 80.0), np.full(4, 100.0)])
    verdict = one(values + RNG(4).normal(size=40))
    assert verdict.shift is not None
    assert verdict.shift.is_over


@pytest.mark.parametrize(("drop_ratio", "word"), [(0.005, "steady"), (0.02, "shifted")])
def test_less_than_one_percent_is_no_shift_however_sure(drop_ratio: float, word: str) -> None:
    values = 100.0 + 0.01 * RNG(5).normal(size=40)
    values[20:] *= 1.0 - drop_ratio
    assert one(values).word == word


def test_equal_values_are_steady() -> None:
    verdict = one([5.0] * 20)
    assert (verdict.word, verdict.median, verdict.spread) == ("steady", 5.0, 0.0)


def test_ties_on_both_sides_are_a_shift() -> None:
    verdict = one([5.0] * 10 + [4.0] * 10)
    assert verdict.shift is not None
    assert (verdict.shift.place, verdict.shift.before, verdict.shift.after) == (10, 5.0, 4.0)


def test_a_figure_that_was_nothing_has_no_change_in_percent() -> None:
    verdict = one([0.0] * 10 + [0.25] * 10)
    assert verdict.shift is not None
    assert verdict.shift.change_ratio.mid == math.inf


def test_what_is_no_number_is_left_out_and_places_stay() -> None:
    values = stepped(6, 6.0)
    values = np.insert(values, [0, 5, 20], [math.nan, math.inf, math.nan])
    verdict = one(values)
    assert verdict.count == 40
    assert verdict.shift is not None
    # Two of the three stand before the step, the third just at it.
    assert verdict.shift.place == 23


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 7, [math.nan] * 30])
def test_few_runs_are_not_judged(values: list[float]) -> None:
    verdict = one(values)
    assert (verdict.word, verdict.shift) == ("too few runs", None)
    assert verdict.needed_count == 8


def test_eight_runs_suffice_for_the_clearest_shift_and_go_through_every_order() -> None:
    verdict = one([10.0, 10.1, 10.2, 10.05, 5.0, 5.1, 5.2, 5.05])
    assert verdict.shift is not None
    # Two of the 70 ways to choose four of eight.
    assert verdict.shift.p_ratio == pytest.approx(2.0 / 70.0)


def test_among_many_figures_one_needs_more_runs() -> None:
    clear = [10.0, 10.1, 10.2, 10.05, 5.0, 5.1, 5.2, 5.05]
    rng = RNG(10)
    found = shifted([clear, *([float(x) for x in rng.normal(size=8)] for _ in range(99))])
    assert found[0].word == "too few runs"
    assert found[0].needed_count == needed_count(100) == 15


def test_more_figures_than_chance_can_be_told_from_are_refused() -> None:
    with pytest.raises(InputError, match="--figure"):
        shifted([[1.0]] * 4_001)


@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.floats(0.1, 1e6), min_size=8, max_size=30),
    scale=st.sampled_from([0.5, 2.0, 1024.0]),
)
def test_the_unit_changes_no_verdict(values: list[float], scale: float) -> None:
    first, second = one(values), one([scale * value for value in values])
    assert first.word == second.word
    assert (first.shift is None) == (second.shift is None)
    if first.shift is not None and second.shift is not None:
        assert first.shift.place == second.shift.place


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(1.0, 100.0), min_size=8, max_size=30))
def test_a_verdict_is_the_same_again_and_its_parts_are_in_order(values: list[float]) -> None:
    verdict = one(values)
    assert verdict == one(values)
    if verdict.shift is not None:
        assert 3 <= verdict.shift.place <= len(values) - 3
        assert 0.0 < verdict.shift.p_ratio <= ALPHA_RATIO


# Series of kept runs


def bench_run(number: int, rate: float, **changes: object) -> Run:
    labels: dict[str, str | float] = {"block": "copy", "device": "card 0", "size_bytes": 1e9}
    values = tuple(
        Value("copy_bytes_per_s", rate * factor, {**labels, "statistic": statistic})
        for statistic, factor in (("p10", 0.9), ("p50", 1.0), ("p90", 1.1))
    )
    plain: dict[str, Any] = {
        "id": number,
        "new": NewRun("bench", "here", ("rightrig", "bench", "--quick"), {"driver": "580.1"}),
        "status": "finished",
        "started": f"2026-{10 + number // 31:02d}-{1 + number % 31:02d}T03:00:00.000+00:00",
        "ended": "",
        "values": values,
    }
    return Run(**{**plain, **changes})


def test_a_bench_has_one_point_a_run_oldest_first() -> None:
    runs = [bench_run(number, 100.0 + number) for number in (3, 1, 2)]
    (series,) = series_of(runs)
    assert [point.value for point in series.points] == [101.0, 102.0, 103.0]
    assert (series.name, series.better) == ("copy_bytes_per_s", "more")
    assert series.of == "block copy, device card 0, size_bytes 1e+09"


def test_runs_that_failed_or_still_run_do_not_count() -> None:
    ended = [bench_run(i, 1.0, status=s) for i, s in enumerate(("failed", "died", "running"))]
    assert series_of(ended) == ()


def test_another_command_is_another_series() -> None:
    whole = NewRun("bench", "here", ("rightrig", "bench"))
    assert len(series_of([bench_run(1, 1.0), bench_run(2, 1.0, new=whole)])) == 2


def load_run(number: int, ttft: float, verdict: str = "VALID") -> Run:
    labels: dict[str, str | float] = {
        "level": float(number % 3), "verdict": verdict, "concurrency": 8.0,
        "input_tokens": 1000.0 + number, "output_tokens": 300.0 - number,
    }  # fmt: skip
    values = [
        Value("ttft_s", ttft * k, {**labels, "statistic": s})
        for s, k in (("mean", 1.1), ("p50", 1.0), ("p90", 1.5), ("p99", 2.0))
    ]
    values.append(Value("requests_per_s", 5.0, {**labels, "statistic": "mean"}))
    new = NewRun("load", "here", ("rightrig", "load", "http://localhost:8000"))
    return bench_run(number, 1.0, new=new, values=tuple(values))


def test_what_a_load_counted_does_not_tear_its_series_apart() -> None:
    found = {(s.name, s.of): s for s in series_of([load_run(i, 0.1) for i in range(5)])}
    assert set(found) == {
        ("ttft_s", "concurrency 8, statistic p50"),
        ("ttft_s", "concurrency 8, statistic p99"),
        ("requests_per_s", "concurrency 8"),
    }
    assert all(len(series.points) == 5 for series in found.values())


def test_another_plan_under_the_name_of_the_same_file_is_another_series() -> None:
    """A new version of the engine is not: that is what is looked for."""
    served = Served("llama-3.1-8b", "1xh100-sxm", "h100-sxm", 1, "vllm", "0.19", "bf16", "bf16")
    others = (
        served, replace(served, version="0.20"), replace(served, weights="fp8"),
        replace(served, tp=2),
    )  # fmt: skip
    runs = []
    for number, other in enumerate(others):
        run = load_run(number, 0.1)
        runs.append(replace(run, new=replace(run.new, served=other)))
    tails = [s for s in series_of(runs, "ttft_s") if "statistic p99" in s.of]
    assert sorted(len(one.points) for one in tails) == [1, 1, 2]
    assert "llama-3.1-8b on 1xh100-sxm, vllm" in tails[0].of


def test_a_level_that_the_client_limited_does_not_count() -> None:
    assert series_of([load_run(1, 0.1, "CLIENT-LIMITED")]) == ()


def test_a_figure_is_named_with_its_unit_or_without() -> None:
    runs = [bench_run(1, 1.0), load_run(2, 0.1)]
    assert {s.name for s in series_of(runs, "copy")} == {"copy_bytes_per_s"}
    assert {s.name for s in series_of(runs, "ttft_s")} == {"ttft_s"}
    assert series_of(runs, "nothing") == ()


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("ttft_s", "less"), ("launch_s", "less"), ("error_ratio", "less"),
        ("failed_count", "less"), ("gemm_flop_per_s", "more"), ("good_ratio", "more"),
        ("requests_per_s", "more"), ("offered_requests_per_s", "neither"),
        ("concurrency_mean_count", "neither"),
    ],
)  # fmt: skip
def test_which_way_is_better(name: str, better: str) -> None:
    assert better_of(name) == better


# The command


def asked(**words: object) -> Found[DriftJson]:
    return watch_drift(shipped(), **words)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")
    monkeypatch.setenv("RIGHTRIG_DB", str(tmp_path / "runs.db"))
    monkeypatch.setenv("RIGHTRIG_MACHINE", str(tmp_path / "machine.json"))
    return str(tmp_path / "runs.db")


def kept(values: object, versions: dict[int, str], machine: str) -> None:
    """Keep a run of ``bench`` a value; ``versions`` are drivers from some run on."""
    from rightrig.store import open_store  # noqa: PLC0415

    driver = ""
    with open_store() as store:
        for number, value in enumerate(values):  # type: ignore[arg-type, var-annotated]
            driver = versions.get(number, driver)
            command = ("rightrig", "bench", "--quick")
            new = NewRun("bench", machine, command, {"driver": driver})
            writer = store.begin(new)
            labels: dict[str, str | float] = {"device": "card 0", "statistic": "p50"}
            writer.add([Value("copy_bytes_per_s", float(value) * 1e9, labels)])
            writer.finish()


def test_a_slower_card_makes_the_answer_no_and_names_the_driver_that_changed(store: str) -> None:
    kept(stepped(1, 8.0, 25, 15), {0: "570.1", 25: "580.2"}, "m")
    found = asked(machine="m")
    assert not found.yes
    data = json.loads(json.dumps(found.data(), allow_nan=False))
    assert_is(answer_type(watch_drift), json.dumps(data))
    assert (data["worse_count"], data["better_count"], data["store"]) == (1, 0, store)
    (figure,) = data["figures"]
    assert (figure["verdict"], figure["shift"]["run"]) == ("shifted", 26)
    assert figure["shift"]["changed_versions"] == ["driver 570.1 → 580.2"]
    text = plain_text(found.document())
    assert "1 figure shifted to the worse" in text
    assert "driver 570.1 → 580.2" in text


def test_a_quicker_card_is_said_and_makes_no_no(store: str) -> None:
    kept(200.0 - stepped(1, 8.0), {0: "570.1"}, "m")
    found = asked(machine="m", kind="bench", figure="copy", since="1d")
    assert found.yes
    assert found.data()["better_count"] == 1
    assert "1 to the better" in plain_text(found.document())
    assert store


def test_a_store_without_runs_is_no_and_says_what_to_do(store: str) -> None:
    found = asked(machine="m")
    assert not found.yes
    assert "rightrig bench --quick" in plain_text(found.document())
    assert found.data()["figures"] == []
    assert store


def test_few_runs_say_how_many_are_needed(store: str) -> None:
    kept([1.0, 2.0, 3.0], {}, "m")
    found = asked(machine="m", figure="copy")
    assert found.yes
    assert "too few runs (needs 8)" in plain_text(found.document())
    assert store


def test_runs_of_another_machine_do_not_count(store: str) -> None:
    kept([1.0] * 9, {}, "other")
    assert asked(machine="m").data()["runs_count"] == 0
    assert store


def test_an_unknown_figure_is_refused_with_those_that_there_are(store: str) -> None:
    kept([1.0], {}, "m")
    with pytest.raises(InputError, match="copy_bytes_per_s"):
        asked(machine="m", figure="speed")
    with pytest.raises(InputError, match="--since"):
        asked(machine="m", since="90")
    assert store

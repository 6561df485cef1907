"""Sweeps: tasks with lasting names, rows that simulate would print, and the cheapest rig."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.demand.sweep import SweepFile
from rightrig.errors import InputError
from rightrig.planning.sweeps.summary import summary_of
from rightrig.planning.sweeps.sweep import (
    COLUMNS,
    COMBINATION,
    Sweep,
    results_of,
    split_of,
    sweep_of,
)
from rightrig.planning.sweeps.work import MEASURES, sources_key
from rightrig.simulation.simulate import Setting, simulate

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.catalog import Catalog
    from rightrig.planning.sweeps.work import Row

CATALOG: Final = rightrig.shipped()
RIGS: Final = ("1xl4", "1xl40s", "2xl40s")
ASKED: Final[dict[str, Any]] = {
    "models": "llama-3.1-8b",
    "rigs": RIGS,
    "demands": [{"preset": "chat", "rates": ["1/s", "2/s"]}, {"concurrency": 4}],
    "slo": {"ttft_p99": "2s", "tpot_p99": "50ms"},
    "requests": 200,
    "seeds": 2,
}


def swept(catalog: Catalog = CATALOG, **changes: Any) -> Sweep:
    file = SweepFile.model_validate({**ASKED, **changes})
    return sweep_of(file, catalog, catalog.llm)


def names(sweep: Sweep) -> list[str]:
    return [task.id for task in sweep.tasks]


def rows_of(sweep: Sweep) -> tuple[Row, ...]:
    return results_of(sweep, {task.id: sweep.work(task) for task in sweep.tasks}, {})


@pytest.fixture(scope="module", name="rows")
def simulated(compiled: None) -> tuple[Row, ...]:
    del compiled
    return rows_of(swept(seeds=[7], rigs=["1xl40s"]))


def test_every_combination_demand_and_seed_is_one_task_in_the_order_of_the_file() -> None:
    sweep = swept()
    assert len(sweep.tasks) == len(set(names(sweep))) == 3 * 3 * 2
    labels = [sweep.labels[name] for name in names(sweep)]
    order = [(label["rig"], label["demand"], label["seed"]) for label in labels]
    assert order[:3] == [
        ("1xl4", "chat, 1/s", 1),
        ("1xl4", "chat, 1/s", 2),
        ("1xl4", "chat, 2/s", 1),
    ]
    assert [rig for rig, _, _ in order] == [rig for rig in RIGS for _ in range(6)]


def test_the_name_of_a_task_does_not_depend_on_what_stands_beside_it() -> None:
    before = swept()
    after = swept(rigs=tuple(reversed(RIGS)), seeds=[3, 2, 1], demands=[
        {"concurrency": [8, 4]}, {"preset": "chat", "rates": ["2/s"]},
    ])  # fmt: skip
    shared = set(names(before)) & set(names(after))
    assert len(shared) == 3 * 2 * 2
    for name in shared:
        assert before.labels[name] == after.labels[name]


@pytest.mark.parametrize(
    "change",
    [
        {"requests": 201}, {"slo": {"ttft_p99": "1s"}}, {"intervals": False}, {"seeds": [3, 4]},
        {"kv": "fp8"}, {"max_seqs": 8}, {"max_batched_tokens": 1024}, {"weights": "fp8"},
        {"models": "qwen3-8b"}, {"demands": [{"preset": "code", "rates": "1/s"}]},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_the_row_depends_on_changes_the_name(change: dict[str, Any]) -> None:
    assert set(names(swept())).isdisjoint(names(swept(**change)))


def test_words_that_come_to_the_same_deployment_are_one_task() -> None:
    usual = swept(rigs="2xl40s")
    assert names(swept(rigs="2xl40s", splits=["tp=2", "tp=2,pp=1"])) == names(usual)
    assert names(swept(rigs="2xl40s", runtimes="vllm")) == names(usual)


def test_a_price_changes_the_rent_and_no_name(tmp_path: Path) -> None:
    (tmp_path / "prices").mkdir()
    row = "provider,gpu,on_demand_usd_per_hour,date\nown,l4,0.01,2026-11-20\n"
    (tmp_path / "prices" / "own.csv").write_text(row)
    cheap = swept(rightrig.load_catalog([tmp_path]))
    assert names(cheap) == names(swept())
    assert cheap.labels[names(cheap)[0]]["rent_usd_per_month"] == pytest.approx(7.30)
    assert cheap.labels[names(cheap)[0]]["provider"] == "own"


def test_a_record_of_the_user_changes_the_names(tmp_path: Path) -> None:
    (tmp_path / "power").mkdir()
    text = 'category = "pue"\nitem = "ours"\nlow = 1.1\nhigh = 1.1\nunit = "ratio"\n'
    (tmp_path / "power" / "pue.toml").write_text(text)
    own = swept(rightrig.load_catalog([tmp_path]))
    assert set(names(own)).isdisjoint(names(swept()))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"models": "llama-9"}, "no model is called"),
        ({"rigs": "1xh900"}, "no GPU is called"),
        ({"runtimes": "vlllm"}, "no runtime is called"),
        ({"weights": "fp7"}, "fp7"),
        ({"kv": "fp7"}, "kv is 'fp7'"),
        ({"splits": "tp=two"}, "splits: 'tp=two'"),
        ({"splits": "tp=2,tp=2"}, "at most once"),
        ({"seeds": 10_000, "max_seqs": list(range(1, 101))}, "the most is 1,000,000"),
    ],
)
def test_what_nobody_knows_is_refused_before_anything_is_done(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        swept(**change)


def test_a_split_is_read_word_by_word() -> None:
    choices = split_of("tp=2, dp=4,ep=8,cp=1,pp=3,replicas=6")
    assert (choices.tp, choices.pp, choices.attention_dp) == (2, 3, 4)
    assert (choices.expert_parallel, choices.context_parallel, choices.replicas) == (8, 1, 6)


def test_what_a_rule_forbids_or_does_not_fit_is_a_row_with_its_reason(compiled: None) -> None:
    del compiled
    sweep = swept(rigs=["1xl4", "2xl4"], splits="tp=2", models=["llama-3.3-70b"], seeds=1)
    found = rows_of(sweep)
    assert [row["status"] for row in found] == ["not possible"] * 3 + ["does not fit"] * 3
    assert "needs a multiple of 2 cards" in str(found[0]["reason"])
    assert found[0]["split"] == "tp=2"
    assert all(row["reason"] and row["served_count"] is None for row in found)
    assert all(tuple(row) == COLUMNS for row in found)
    summary = summary_of(found)
    assert summary.statuses_count["not possible"] == summary.statuses_count["does not fit"] == 3
    assert all(best.winner is best.nearest is None for best in summary.best)


def test_a_row_is_what_simulate_finds_with_that_seed(rows: tuple[Row, ...]) -> None:
    rig = rightrig.parse_rig("1xl40s", CATALOG)
    deployment = rightrig.propose(CATALOG, CATALOG.llm("llama-3.1-8b"), rig)
    row = rows[1]
    rent = float(row["rent_usd_per_month"] or 0.0)
    outcome = simulate(
        deployment,
        rightrig.preset("chat").scenario.at_rate(2.0),
        slo=rightrig.Slo(ttft_p99_s=2.0, tpot_p99_s=0.05),
        setting=Setting(200, seed=7, price_usd_per_hour=rent / 730.0),
    )
    ttft = outcome.latencies["ttft"]["p99"]
    assert row["demand"] == "chat, 2/s"
    assert (row["slo_met"], row["good_ratio"]) == (outcome.verdict, outcome.good_ratio)
    assert (row["ttft_p99_s"], row["ttft_p99_high_s"]) == (ttft.mid, ttft.joined.high)
    assert row["e2e_p50_s"] == outcome.latencies["e2e"]["p50"].mid
    assert row["goodput_requests_per_s"] == outcome.goodput_requests_per_s
    cost = (outcome.usd_per_good_token or math.nan) * 1e6
    assert row["cost_usd_per_million_good_tokens"] == pytest.approx(cost)


def test_rows_can_be_written_as_json(rows: tuple[Row, ...]) -> None:
    for row in rows:
        assert tuple(row) == COLUMNS
        assert json.loads(json.dumps(row, allow_nan=False)) == row
        assert row["status"] == "simulated"
        known = {name for name in MEASURES if row[name] is not None}
        assert known >= {"ttft_p99_s", "tpot_p99_low_s", "power_w", "evidence", "used_ratio"}


def test_without_the_ends_of_the_interval_nothing_is_sure(rows: tuple[Row, ...]) -> None:
    quick = rows_of(swept(seeds=[7], rigs=["1xl40s"], intervals=False))
    assert rows[0]["slo_met"] == "surely"
    assert quick[0]["slo_met"] == "likely"
    assert quick[0]["ttft_p99_s"] == rows[0]["ttft_p99_s"]


def test_answers_of_one_token_have_no_time_between_tokens() -> None:
    (row,) = rows_of(swept(rigs="1xl40s", seeds=1, demands=[{"output": 1, "rates": 1}]))
    assert row["status"] == "not possible"
    assert "tpot_p99: answers of one token" in str(row["reason"])


def test_a_failed_task_is_a_row_that_says_what_it_was() -> None:
    sweep = swept(rigs="1xl4", seeds=1)
    found = results_of(sweep, {}, dict.fromkeys(names(sweep), "killed"))
    assert {(row["status"], row["reason"], row["rig"]) for row in found} == {
        ("failed", "killed", "1xl4")
    }


def test_workers_with_other_sources_do_no_work() -> None:
    work = swept().work
    assert work.sources == sources_key()
    with pytest.raises(InputError, match="another rightrig"):
        replace(work, sources="0" * 64).prepare()


def made_up(rig: str, seed: int, met: str, rent: float | None) -> Row:
    """A row of a simulated task."""
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"status": "simulated", "model": "m", "rig": rig, "demand": "d", "seed": seed,
            "slo_met": met, "served_count": 10, "rent_usd_per_month": rent, "reason": "",
            "good_ratio": 1.0 if met != "not" else 0.9, "ttft_p99_s": float(seed)}  # fmt: skip
    return row


def test_the_cheapest_that_meets_the_objectives_in_every_seed_wins() -> None:
    rows = [
        made_up("a", 1, "surely", 100.0), made_up("a", 2, "not", 100.0),
        made_up("b", 1, "surely", 300.0), made_up("b", 2, "likely", 300.0),
        made_up("c", 1, "surely", 400.0), made_up("c", 2, "surely", 400.0),
        made_up("d", 1, "surely", None), made_up("d", 2, "surely", None),
    ]  # fmt: skip
    (best,) = summary_of(rows).best
    assert best.winner is not None
    assert (best.winner.said["rig"], best.winner.met) == ("b", "likely")
    assert (best.meeting_count, best.unpriced_count) == (3, 1)
    spread = best.winner.ttft_p99_s
    assert spread is not None
    assert (spread.least_s, spread.middle_s, spread.most_s) == (1.0, 1.5, 2.0)
    assert "b at $300 a month" in summary_of(rows).explain().sentences[0]


def test_without_a_winner_the_nearest_and_the_reason_are_told() -> None:
    (best,) = summary_of([
        made_up("a", 1, "not", 100.0), made_up("a", 2, "not", 100.0),
        made_up("b", 1, "surely", 300.0), made_up("b", 2, "not", 300.0),
    ]).best  # fmt: skip
    assert best.winner is None
    assert best.nearest is not None
    assert (best.nearest.said["rig"], best.nearest.met_count) == ("b", 1)
    assert best.reason == "none of 2 meets the objectives in every seed"
    (best,) = summary_of([made_up("a", 1, "surely", None)]).best
    assert (best.winner, best.reason) == (
        None,
        "no offer is known for the 1 that meet the objectives",
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.sampled_from(["surely", "likely", "not"]),
            st.floats(1.0, 1e6) | st.none(),
        ),
        min_size=1,
    )
)
def test_no_cheaper_rig_meets_the_objectives(drawn: list[tuple[str, str, float | None]]) -> None:
    rents = {rig: rent for rig, _, rent in drawn}
    rows = [made_up(rig, n, met, rents[rig]) for n, (rig, met, _) in enumerate(drawn)]
    (best,) = summary_of(rows).best
    missed = {rig for rig, met, _ in drawn if met == "not"}
    possible = [rent for rig, rent in rents.items() if rig not in missed and rent is not None]
    assert (best.winner is None) == (not possible)
    if best.winner is not None:
        assert best.winner.rent_usd_per_month == min(possible)


def test_the_names_of_what_serves_are_columns() -> None:
    assert set(COMBINATION) | set(MEASURES) < set(COLUMNS)
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_objectives_at_a_rate_that_was_not_offered_are_not_met_surely(compiled: None) -> None:
    del compiled
    loose = {"ttft_p99": "1h", "tpot_p99": "10s"}
    rates = ["1/s", "0.001/s"]
    found = rows_of(
        swept(rigs="1xl40s", seeds=[1], slo=loose, demands=[{"preset": "agent", "rates": rates}])
    )
    assert [row["slo_met"] for row in found] == ["likely", "surely"]
    assert "sessions are too few for 1 requests/s" in str(found[0]["reason"])
    assert found[1]["reason"] == ""
    (told,) = summary_of(found).reasons
    assert told == ("simulated", str(found[0]["reason"]), 1)

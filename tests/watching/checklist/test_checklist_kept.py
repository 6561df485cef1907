"""What kept runs say: levels of load tests of one deployment, and a bench judged again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from bench_runs import figure, measured_on
from ready_deployment import CATALOG

from rightrig.deployment.rig import parse_rig
from rightrig.measuring.bench.expectation import Subject
from rightrig.measuring.bench.judging import judged
from rightrig.measuring.bench.keeping import values_of
from rightrig.measuring.load.ramp_kept import served_by
from rightrig.store.records import NewRun, Run, Value
from rightrig.watching.checklist.kept_benches import benches_of
from rightrig.watching.checklist.kept_loads import levels_of

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.measuring.bench.values import Label
    from rightrig.store.records import Served
    from rightrig.watching.checklist.evidence import BenchSeen, Evidence

MODEL = "meta-llama/Llama-3.1-8B"


def run(values: list[Value], served: Served | None = None, **changes: Any) -> Run:
    new = NewRun(changes.pop("kind", "load"), "here", ("rightrig",), served=served,
                 settings=changes.pop("settings", {}))  # fmt: skip
    plain = {"id": 1, "status": "finished", "started": "2026-11-20T10:00:00+00:00", "ended": ""}
    return Run(**{**plain, "new": new, "values": tuple(values), **changes})


def open_level(rate: float, good: float, **changes: Any) -> list[Value]:
    labels = {
        "level": rate, "verdict": "VALID", "rate_requests_per_s": rate, "input_tokens": 1000.0,
        "output_tokens": 300.0, "statistic": "mean", **changes,
    }  # fmt: skip
    means = {
        "requests_per_s": rate, "output_tokens_per_s": 300.0 * rate, "good_ratio": good,
        "error_ratio": 0.0, "concurrency_mean_count": 4.0,
    }  # fmt: skip
    tail = Value("ttft_s", 9.0, {**labels, "statistic": "p99"})
    return [*(Value(name, value, labels) for name, value in means.items()), tail]


@pytest.fixture
def served(good: Evidence) -> Served:
    assert good.deployment is not None
    return served_by(good.deployment)


def test_levels_are_read_with_their_load_and_whether_they_held(
    good: Evidence, served: Served
) -> None:
    assert good.deployment is not None
    values = [*open_level(6.5, 0.99), *open_level(13.0, 0.5), *open_level(19.5, 0.0)]
    found = levels_of([run(values, served)], good.deployment, MODEL)
    assert [one.asked_requests_per_s for one in found] == [6.5, 13.0, 19.5]
    assert [one.holds for one in found] == [True, False, False]
    assert found[0].output_tokens_per_s == 300.0 * 6.5
    assert (found[0].concurrency_count, found[0].version) == (4.0, served.version)
    assert found[0].day.isoformat() == "2026-11-20"


def test_a_level_that_the_client_limited_is_not_sound(good: Evidence, served: Served) -> None:
    assert good.deployment is not None
    values = open_level(6.5, 0.99, verdict="CLIENT-LIMITED")
    (found,) = levels_of([run(values, served)], good.deployment, MODEL)
    assert not found.is_sound


def test_users_in_a_closed_loop_have_no_asked_rate(good: Evidence, served: Served) -> None:
    assert good.deployment is not None
    values = [
        replace(v, labels={k: w for k, w in v.labels.items() if k != "rate_requests_per_s"}
                | {"concurrency": 16.0})
        for v in open_level(6.5, 0.99)
    ]  # fmt: skip
    (found,) = levels_of([run(values, served)], good.deployment, MODEL)
    assert (found.asked_requests_per_s, found.concurrency_count) == (None, 16.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "Qwen/Qwen3-8B"}, {"gpu": "h200-sxm"}, {"gpu_count": 3}, {"gpu_count": 1},
        {"runtime": "sglang"}, {"weights": "fp8"}, {"kv": "fp8"}, {"tp": 1}, {"pp": 2},
    ],
)  # fmt: skip
def test_runs_of_something_else_are_not_of_the_deployment(
    good: Evidence, served: Served, changes: dict[str, Any]
) -> None:
    assert good.deployment is not None
    other = replace(served, **changes)
    assert levels_of([run(open_level(6.5, 1.0), other)], good.deployment, MODEL) == ()


def test_two_machines_together_are_two_of_the_deployment(good: Evidence, served: Served) -> None:
    assert good.deployment is not None
    two = replace(served, gpu_count=4, version="0.20")
    (found,) = levels_of([run(open_level(6.5, 1.0), two)], good.deployment, MODEL)
    assert found.machines_count == 2


@pytest.mark.parametrize("changes", [{"kind": "tune"}, {"status": "failed"}, {"status": "running"}])
def test_runs_that_are_no_finished_load_tests_do_not_count(
    good: Evidence, served: Served, changes: dict[str, Any]
) -> None:
    assert good.deployment is not None
    found = levels_of([run(open_level(6.5, 1.0), served, **changes)], good.deployment, MODEL)
    assert found == ()


def test_without_what_the_server_ran_nothing_is_of_the_deployment(good: Evidence) -> None:
    assert good.deployment is not None
    assert levels_of([run(open_level(6.5, 1.0))], good.deployment, MODEL) == ()


# A bench, judged again

RIG = parse_rig("2xh100-sxm", CATALOG)
BAND = RIG.gpu.memory_bandwidth_bytes_per_s


def spread(name: str, value: float, block: str, **labels: Any) -> list[Value]:
    own = {"block": block, "device": "cuda:0 NVIDIA H100", **labels}
    return [
        Value(name, value * factor, {**own, "statistic": statistic})
        for statistic, factor in (("p10", 0.99), ("p50", 1.0), ("p90", 1.01))
    ]


def bench(number: int = 2, **shares: float) -> Run:
    """Return a bench of an H100 by its shares of the datasheet."""
    gpu = RIG.gpu
    assert gpu.pcie is not None
    assert gpu.peak.bf16_flop_per_s is not None
    of = {"copy": 0.9, "gemm": 0.75, "h2d": 0.85, "d2h": 0.85, "peer": 0.8, "all_reduce": 0.9}
    of |= shares
    link = RIG.link(2).bytes_per_s
    sides = {"m": 8192, "n": 8192, "k": 8192}
    values = [
        *spread("copy_bytes_per_s", of["copy"] * BAND, "copy", size_bytes=8e9),
        *spread("gemm_flop_per_s", of["gemm"] * gpu.peak.bf16_flop_per_s, "gemm",
                type="bfloat16", **sides),
        *spread("h2d_bytes_per_s", of["h2d"] * gpu.pcie.bytes_per_s, "transfer"),
        *spread("d2h_bytes_per_s", of["d2h"] * gpu.pcie.bytes_per_s, "transfer"),
        *spread("peer_bytes_per_s", of["peer"] * link, "peers", **{"from": 0, "to": 1}),
        *spread("peer_bytes_per_s", 0.85 * link, "peers", **{"from": 1, "to": 0}),
        *spread("all_reduce_bytes_per_s", of["all_reduce"] * link, "collectives", ranks=2,
                size_bytes=1e9, backend="nccl"),
    ]  # fmt: skip
    settings = {"device": "cuda:0", "title": "NVIDIA H100"}
    return run(values, kind="bench", id=number, settings=settings)


def seen(*runs: Run, rig: Rig = RIG) -> BenchSeen:
    """Return the newest bench of memory and links alike."""
    found, links = benches_of(runs, rig)
    assert found is not None
    assert found == links
    return found


def test_a_bench_near_its_datasheet_is_healthy() -> None:
    found = seen(bench())
    assert found.verdict.word == "healthy"
    shares = {f.id: round(f.found_ratio, 3) for f in found.verdict.findings}
    assert shares == {
        "BENCH-COPY": 0.9, "BENCH-GEMM-BF16": 0.75, "BENCH-H2D": 0.85, "BENCH-D2H": 0.85,
        "BENCH-LINK": 0.9,
    }  # fmt: skip
    assert found.peers_ratio == pytest.approx(0.8)
    assert (found.run_id, found.links_count) == (2, 5)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"copy": 0.5}, "BENCH-COPY"), ({"gemm": 0.4}, "BENCH-GEMM-BF16"),
        ({"h2d": 0.2}, "BENCH-H2D"), ({"all_reduce": 0.3}, "BENCH-LINK"),
    ],
)  # fmt: skip
def test_a_slow_part_is_degraded(changes: dict[str, float], rule: str) -> None:
    found = seen(bench(2, **changes))
    assert found.verdict.word == "degraded"
    assert [f.id for f in found.verdict.findings if f.word == "degraded"] == [rule]


def test_slower_than_earlier_runs_is_degraded() -> None:
    found = seen(bench(9, copy=0.86), bench(8, copy=0.97), bench(7, copy=0.97))
    assert found.run_id == 9
    assert [f.id for f in found.verdict.findings if f.word == "degraded"] == ["BENCH-EARLIER"]


def test_the_slowest_pair_counts() -> None:
    found = seen(bench(peer=0.3))
    assert found.peers_ratio == pytest.approx(0.3)


def test_pairs_that_exchange_through_the_host_are_not_judged() -> None:
    found = seen(bench(peer=0.01), rig=parse_rig("2xrtx-4090", CATALOG))
    assert found.peers_ratio is None


def test_a_bench_of_the_processor_is_none_of_the_planned_cards() -> None:
    processor = bench(9)
    values = tuple(
        replace(one, labels={**one.labels, "device": "cpu EPYC"}) for one in processor.values
    )
    assert seen(replace(processor, values=values), bench(2)).run_id == 2


def test_no_ended_bench_is_none() -> None:
    assert benches_of([], RIG) == (None, None)
    assert benches_of([replace(bench(), status="failed")], RIG) == (None, None)


def test_a_newer_bench_without_links_leaves_the_links_of_an_older_one() -> None:
    whole = bench(5)
    links = frozenset({"transfer", "peers", "collectives"})
    rest = tuple(v for v in whole.values if v.labels["block"] not in links)
    newest, older = benches_of([replace(whole, id=6, values=rest), whole], RIG)
    assert newest is not None
    assert older is not None
    assert (newest.run_id, newest.links_count) == (6, 0)
    assert (older.run_id, older.links_count, older.pairs_count) == (5, 5, 3)


def test_what_is_kept_is_judged_as_it_was_when_it_ran() -> None:
    times = (0.99e-3, 1e-3, 1.01e-3)
    sides: dict[str, Label] = {"type": "bfloat16", "m": 4096, "n": 8192, "k": 8192}
    flop = 2.0 * 4096 * 8192 * 8192
    figures = (
        figure("copy", "copy", "bytes", times, labels={"size_bytes": 1.5e9}, moved_bytes=3e9),
        figure("gemm", "gemm", "flop", times, labels=sides, flop=flop),
        figure("transfer", "h2d", "bytes", times, labels={}, moved_bytes=5e7),
        figure("launch", "launch", "s", times, labels={}),
    )
    direct = judged(measured_on("cuda:0", *figures), Subject(RIG.gpu, RIG), {})
    kept = run(
        [value for one in figures for value in values_of(one, "cuda:0 H100")],
        kind="bench", settings={"device": "cuda:0"},
    )  # fmt: skip
    again = seen(kept).verdict
    assert again.word == direct.word
    assert [f.id for f in again.findings] == [f.id for f in direct.findings]
    for first, second in zip(again.findings, direct.findings, strict=True):
        assert first.found_ratio == pytest.approx(second.found_ratio, rel=1e-6)

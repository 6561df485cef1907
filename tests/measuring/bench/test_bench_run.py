"""A bench on this machine's processor: what it finds, that it is right, and what ends it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from bench_runs import new_run, short_plan, small_cache, thin_llm
from killing import dice_of, killed, random_delay_s
from scripts import ROOT

from rightrig.errors import InputError, MissingError
from rightrig.facts.catalog import shipped
from rightrig.measuring.bench.checking import causal_error_ratio, product_error_ratio
from rightrig.measuring.bench.device import Device, open_device
from rightrig.measuring.bench.plan import Asked, plan_for
from rightrig.measuring.bench.run import Setup, run
from rightrig.measuring.bench.timing import Method, OutOfTimeError, now_s, timed
from rightrig.measuring.bench.values import BLOCKS
from rightrig.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rightrig.measuring.bench.values import Block, Measured
    from rightrig.store.records import Value

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed (make engines)")


@pytest.fixture(scope="module")
def device() -> Device:
    return small_cache(open_device("cpu"))


@pytest.fixture(scope="module")
def everything(device: Device) -> tuple[Measured, list[float]]:
    """Return a run of every block, and the shares that it told."""
    told: list[float] = []
    setup = Setup(device, short_plan(block_s=20.0), {"thin": thin_llm()})
    return run(setup, None, told.append), told


def ran(device: Device, *blocks: Block, block_s: float = 5.0) -> Measured:
    setup = Setup(device, short_plan(*blocks, block_s=block_s), {"thin": thin_llm()})
    return run(setup, None, lambda _: None)


def test_every_block_measures_something_or_says_why_not(
    everything: tuple[Measured, list[float]],
) -> None:
    measured, _ = everything
    found = {figure.block for figure in measured.figures}
    assert {gap.block for gap in measured.gaps} == {"launch", "transfer", "peers"}
    assert found == set(BLOCKS) - {"transfer", "peers"}
    assert all(len(f.timing.samples_s) >= 7 for f in measured.figures if f.block != "clocks")


def test_every_result_is_checked_and_right(everything: tuple[Measured, list[float]]) -> None:
    measured, _ = everything
    assert [f.key for f in measured.figures if f.is_wrong] == []
    assert all(f.error_ratio is not None for f in measured.figures)


def test_the_share_that_is_told_grows_to_one(everything: tuple[Measured, list[float]]) -> None:
    _, told = everything
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_messages_among_two_processes_arrive_whole(
    everything: tuple[Measured, list[float]],
) -> None:
    measured, _ = everything
    found = {f.name: f for f in measured.figures if f.block == "collectives"}
    assert set(found) == {"all_reduce", "all_gather", "all_to_all"}
    assert found["all_reduce"].moved_bytes == 65536.0
    assert found["all_gather"].moved_bytes == 32768.0
    assert all(f.labels["backend"] == "gloo" for f in found.values())


def test_a_product_does_the_work_that_its_labels_say(device: Device) -> None:
    figures = ran(device, "gemm").figures
    assert {(f.labels["k"], f.labels["n"], f.labels["m"], f.labels["type"]) for f in figures} == {
        (k, n, m, dtype)
        for k, n in ((64, 128), (64, 64), (64, 256), (128, 64))
        for m in (1, 8)
        for dtype in ("float32", "bfloat16")
    }
    one = next(f for f in figures if f.labels["n"] == 256 and f.labels["m"] == 8)
    assert one.flop == 2.0 * 8 * 64 * 256


def test_integers_and_8_bit_floats_are_multiplied_right_where_the_build_can(
    device: Device,
) -> None:
    plan = replace(short_plan("gemm"), types=("int8", "float8_e4m3fn"))
    plan = replace(plan, main_types=plan.types, rows_count=(32,))
    measured = run(Setup(device, plan, {"thin": thin_llm()}), None, lambda _: None)
    integers = [f for f in measured.figures if f.labels["type"] == "int8"]
    assert integers
    assert all(f.error_ratio == 0.0 for f in integers)
    assert not any(f.is_wrong for f in measured.figures)


def test_a_kernel_that_computes_wrongly_is_found() -> None:
    torch.manual_seed(1)
    inputs, weights = torch.randn(16, 256), torch.randn(128, 256)
    right = inputs @ weights.T
    assert product_error_ratio(inputs, weights, right) < 1e-5
    # A part of k that is skipped, and one NaN.
    assert product_error_ratio(inputs, weights, inputs[:, :240] @ weights[:, :240].T) > 0.1
    right[3, 3] = float("nan")
    assert not product_error_ratio(inputs, weights, right) <= 1.0


def test_attention_that_looks_ahead_is_found() -> None:
    torch.manual_seed(1)
    queries, keys, values = (torch.randn(1, 2, 8, 16) for _ in range(3))
    attend = torch.nn.functional.scaled_dot_product_attention
    assert causal_error_ratio(queries, keys, values, attend(queries, keys, values)) < 1e-5
    less = attend(queries, keys[:, :, :4], values[:, :, :4])
    assert causal_error_ratio(queries, keys, values, less) > 0.1


def test_a_model_that_cannot_be_built_is_said_and_no_error(device: Device) -> None:
    llm = shipped().llm("deepseek-v3")
    measured = run(Setup(device, short_plan("stack"), {"v3": llm}), None, lambda _: None)
    (gap,) = measured.gaps
    assert gap.what == "steps of v3"
    assert gap.why == "the stack does not cover mla attention yet"


def test_a_call_that_sleeps_takes_as_long(device: Device) -> None:
    found = timed(device, lambda _: time.sleep(0.01), Method(now_s() + 5.0, calls_count=1))
    assert found.timing.median_s == pytest.approx(0.01, rel=0.5)
    assert found.timing.median_s >= 0.01
    assert len(found.timing.samples_s) == 7


def test_each_call_takes_the_next_inputs(device: Device) -> None:
    places: list[int] = []
    timed(device, places.append, Method(now_s() + 5.0, calls_count=5))
    assert places == list(range(3 + 7 * 5))


def test_what_would_end_too_late_is_not_begun(device: Device) -> None:
    begun_s = now_s()
    with pytest.raises(OutOfTimeError):
        timed(device, lambda _: time.sleep(0.05), Method(now_s() + 0.3))
    assert now_s() - begun_s < 0.4
    measured = ran(device, "copy", block_s=0.0)
    assert measured.figures == ()
    assert {gap.why for gap in measured.gaps} == {"no time was left for it"}


def test_inputs_rotate_over_four_times_the_cache(device: Device) -> None:
    assert device.rotations_count(0.5 * 2**20) == 8
    assert device.rotations_count(64.0 * 2**20) == 1
    assert replace(device, memory_bytes=2.0**20).rotations_count(2.0**20) == 1


def test_a_plan_of_a_minute_takes_no_more(device: Device) -> None:
    plan = plan_for(device, Asked(quick=True))
    assert plan.total_s <= 50.0
    assert set(plan.blocks_s) == set(BLOCKS)
    only = plan_for(device, Asked(only=("copy", "clocks"), sustained_s=120.0))
    assert list(only.blocks_s) == ["copy", "clocks"]
    assert only.blocks_s["clocks"] == 120.0


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:0", "tpu"])
def test_a_device_that_there_is_none_of_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="write cuda:0, another number, or cpu"):
        open_device(name)


def test_a_card_that_is_missing_is_missing() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a card")
    with pytest.raises(MissingError, match="--device cpu"):
        open_device("cuda:0")


class _Impatient:
    """Interrupts at the n-th figure, as Ctrl-C would."""

    def __init__(self, count: int) -> None:
        self.kept: list[Value] = []
        self.samples: list[str] = []
        self._left = count

    def add(self, values: Iterable[Value]) -> None:
        self.kept += values
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt

    def keep_samples(self, name: str, columns: object) -> None:
        del columns
        self.samples.append(name)


def test_an_interrupted_run_has_all_figures_until_then(device: Device) -> None:
    writer = _Impatient(3)
    plan = short_plan("copy", "read")
    measured = run(Setup(device, plan, {"thin": thin_llm()}), writer, lambda _: None)
    assert measured.interrupted
    assert len(measured.figures) == 3
    assert {v.name for v in writer.kept} == {"copy_bytes_per_s", "read_bytes_per_s"}
    # Samples of the block that was interrupted are kept too.
    assert writer.samples == ["copy", "read"]


def test_a_store_holds_figures_before_the_run_ends_and_samples_after_a_block(
    device: Device, tmp_path: Path
) -> None:
    place = str(tmp_path / "runs.db")
    seen: list[int] = []
    with open_store(place) as store:
        writer = store.begin(new_run())
        tell = partial(_count_kept, place, seen)
        measured = run(
            Setup(device, short_plan("copy", "gemm"), {"thin": thin_llm()}), writer, tell
        )
        writer.finish()
        (kept,) = store.runs(kind="bench")
        columns = store.samples(kept.id, "copy")
    assert len(kept.values) == 3 * len(measured.figures)
    assert seen[:2] == [3, 6]
    assert columns["time_s"].tolist() == [
        s for f in measured.figures if f.block == "copy" for s in f.timing.samples_s
    ]


def _count_kept(place: str, seen: list[int], share: float) -> None:
    del share
    with open_store(place) as store:
        seen.append(sum(len(one.values) for one in store.runs(kind="bench")))


def test_a_rank_ends_when_whoever_started_it_is_gone(tmp_path: Path) -> None:
    task = {
        "rank": 0, "ranks_count": 2, "meeting": (tmp_path / "meeting").as_uri(), "is_card": False,
        "sizes_bytes": [65536.0], "until_s": 1e12,
    }  # fmt: skip
    # It waits for the other rank, which never comes.
    process = subprocess.Popen(
        [sys.executable, "-m", "rightrig.measuring.bench.rank", json.dumps(task)],
        stdin=subprocess.PIPE,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=0.5)
    process.communicate(timeout=30)  # closes what the parent holds
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no process groups")
def test_a_killed_bench_loses_no_figure_and_shows_nothing_half(tmp_path: Path) -> None:
    place = str(tmp_path / "runs.db")
    dice = dice_of(4)
    ended = 0
    for _ in range(3):
        command = [sys.executable, str(ROOT / "tests/support/bench_runs.py"), place]
        done = killed(command, random_delay_s(dice, 1.5), after="0.")
        assert done.was_running, done.error
        with open_store(place) as store:
            runs = store.runs(kind="bench")
        assert {one.status for one in runs} <= {"finished", "died"}
        for one in runs:
            statistics = [value.labels["statistic"] for value in one.values]
            assert statistics == ["p50", "p10", "p90"] * (len(statistics) // 3)
        # What the program had said was kept is kept.
        least = ended + sum(line == "kept" for line in done.lines)
        ended = sum(one.status == "finished" for one in runs)
        assert ended >= least
    assert any(one.status == "died" and one.values for one in runs)

"""Speeds and steps of all rows at once are those of each deployment alone."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from one_by_one import engine

import rightrig
from rightrig.deployment.parallelism import Parallelism
from rightrig.planning.candidates import Choice, enumerate_candidates
from rightrig.planning.evaluate import groups
from rightrig.planning.speed_table import engine_rig, speed_table
from rightrig.prediction.efficiency import speeds
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.serving import flow_of
from rightrig.prediction.timers import joined_of, timer_of

if TYPE_CHECKING:
    from rightrig.planning.candidates import Candidates

CATALOG = rightrig.shipped()
MODELS: Final = (
    "llama-3.3-70b", "deepseek-v3", "gemma-3-27b-it", "Qwen/Qwen3-Next-80B-A3B-Instruct",
)  # fmt: skip
RUNTIMES: Final = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")
CARDS: Final = ("h100-sxm", "l4", "mi300x", "rtx-4090", "b200-sxm", "gb200", "m3-ultra", "t4")
ARRAYS: Final = (
    "step_s", "sequence_s", "request_s", "eager_s", "miss_ratio", "burst_ratio", "turn_s",
    "peak_flop_per_s", "peak_16bit_flop_per_s", "peak_bytes_per_s", "link_bytes_per_s",
)  # fmt: skip


def rows_of(model: str, runtime: str) -> Candidates:
    cards = [CATALOG.gpu(slug) for slug in CARDS]
    return enumerate_candidates(CATALOG.llm(model), cards, Choice((CATALOG.runtime(runtime),)))


def sampled(candidates: Candidates, seed: str, count: int = 30) -> list[int]:
    rows = range(len(candidates.rows))
    return random.Random(seed).sample(rows, min(count, len(rows)))  # noqa: S311 - rows, no secrets


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model", MODELS)
def test_speeds_are_those_of_each_card_alone(model: str, runtime: str) -> None:
    llm, candidates = CATALOG.llm(model), rows_of(model, runtime)
    numbers = sampled(candidates, model + runtime)
    table = speed_table(llm, candidates, np.array(numbers))
    for place, number in enumerate(numbers):
        one = engine(llm, candidates, number)
        joined = joined_of(one.rig, one.parallelism)
        alone = speeds(one.rig.gpu, one.runtime, llm.format_of(one.precision.weights), joined)
        for name in ARRAYS:
            expected = getattr(alone, name)
            assert getattr(table.speeds, name)[place] == pytest.approx(expected), (name, number)
        assert table.measured[table.kinds[place]] == alone.measured
        assert table.speeds.rates.keys() == alone.rates.keys()
        for kind, rates in alone.rates.items():
            for part in dataclasses.fields(rates):
                found = np.broadcast_to(getattr(table.speeds.rates[kind], part.name), len(numbers))
                assert found[place] == pytest.approx(getattr(rates, part.name)), (kind, part.name)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model", MODELS)
def test_a_load_on_all_rows_is_that_of_each_timer_alone(model: str, runtime: str) -> None:
    llm, candidates = CATALOG.llm(model), rows_of(model, runtime)
    numbers, lengths = np.array(sampled(candidates, runtime + model, 12)), Lengths(700.0, 200.0)
    seen = 0
    for group in groups(llm, candidates, numbers):
        running = np.linspace(0.5, 90.0, len(group.numbers))
        flow = flow_of(group.timer, running, lengths)
        for place, number in enumerate(group.numbers.tolist()):
            timer = timer_of(engine(llm, candidates, number))
            alone = flow_of(timer, float(running[place]), lengths)
            assert np.asarray(flow.rate_requests_per_s)[place] == pytest.approx(
                float(alone.rate_requests_per_s)
            )
            for metric in ("ttft", "tpot", "itl", "e2e"):
                for percentile in (50, 99):
                    tail = np.asarray(flow.tail_s(metric, percentile))[place]
                    assert tail == pytest.approx(float(alone.tail_s(metric, percentile)))
            seen += 1
    assert seen == len(numbers)


def test_an_engine_over_machines_has_its_stages_joined_by_the_network() -> None:
    gpu = CATALOG.gpu("h100-sxm")
    wide, narrow = Parallelism(8, 2), Parallelism(4, 2)
    assert engine_rig(gpu, wide).nodes_count == 2
    assert engine_rig(gpu, narrow).nodes_count == 1
    across, within = (joined_of(engine_rig(gpu, split), split) for split in (wide, narrow))
    assert across.stage.bytes_per_s < 0.2 * within.stage.bytes_per_s
    assert across.ranks.bytes_per_s == within.ranks.bytes_per_s

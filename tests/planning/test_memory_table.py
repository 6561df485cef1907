"""Memory of all rows at once is the memory of each alone, as ``fit`` has it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from one_by_one import engine, held_seqs

import rightrig
from rightrig.planning.candidates import Choice, enumerate_candidates, spanning_candidates
from rightrig.planning.memory_table import memory
from rightrig.prediction.memory_fit import fit

if TYPE_CHECKING:
    from rightrig.demand.objective import Confidence
    from rightrig.planning.candidates import Candidates

CATALOG = rightrig.shipped()
# Dense, latent cache, windows with an encoder, windows with experts, recurrent layers.
MODELS: Final = (
    "llama-3.3-70b", "deepseek-v3", "gemma-3-27b-it", "gpt-oss-120b",
    "Qwen/Qwen3-Next-80B-A3B-Instruct", "qwen3-vl-8b-instruct",
)  # fmt: skip
RUNTIMES: Final = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")
CARDS: Final = ("h100-sxm", "h200-sxm", "a100-sxm-40gb", "l4", "mi300x", "b200-sxm")
SAMPLED: Final = 9


def rows_of(model: str, runtime: str) -> Candidates:
    """Return engines inside one machine and over two or three, of one runtime."""
    llm = CATALOG.llm(model)
    choice = Choice((CATALOG.runtime(runtime),))
    inside = enumerate_candidates(llm, [CATALOG.gpu(slug) for slug in CARDS], choice)
    names = ["runtime", "format", "kv"]
    kinds = {(int(row["gpu"]), row[names].item()) for row in inside.rows}
    wider = spanning_candidates(llm, inside, choice, sorted(kinds), 64)
    return replace(wider, rows=np.concatenate([inside.rows, wider.rows]))


def sampled(candidates: Candidates, seed: str) -> list[int]:
    """Return rows of every kind: inside a machine, over several, with and without pipelines."""
    draw = random.Random(seed)  # noqa: S311 - which rows are looked at
    numbers = range(len(candidates.rows))
    wide = [n for n in numbers if candidates.rows["cards"][n] > 8]
    few = draw.sample(wide, min(len(wide), SAMPLED // 3))
    return few + draw.sample(numbers, SAMPLED - len(few))


@pytest.mark.parametrize("confidence", ["likely", "surely"])
@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model", MODELS)
def test_capacity_is_that_of_each_deployment_alone(
    model: str, runtime: str, confidence: Confidence
) -> None:
    llm, candidates = CATALOG.llm(model), rows_of(model, runtime)
    numbers = sampled(candidates, model + runtime)
    assert any(candidates.rows["cards"][n] > 8 for n in numbers)
    for tokens in (1, 1300, 8000):
        found = memory(llm, candidates, np.array(numbers), tokens, confidence)
        for number in numbers:
            one = engine(llm, candidates, number)
            expected = held_seqs(one, tokens, is_sure=confidence == "surely")
            held = found.capacity_seqs[number]
            assert held == np.floor(expected), (one.rig.text, one.parallelism.text, tokens)
            assert (found.short_bytes[number] > 0.0) == (held < 1.0)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("model", MODELS)
def test_likely_capacity_is_what_fit_says(model: str, runtime: str) -> None:
    llm, candidates = CATALOG.llm(model), rows_of(model, runtime)
    numbers = sampled(candidates, runtime + model)
    tokens = 2000
    found = memory(llm, candidates, np.array(numbers), tokens, "likely")
    for number in numbers:
        one = engine(llm, candidates, number)
        most = one.limits.max_seqs * one.parallelism.attention_dp
        expected = min(fit(one, tokens, 1).max_concurrency, most)
        assert found.capacity_seqs[number] == expected, (one.rig.text, one.parallelism.text)


@pytest.mark.parametrize("model", MODELS)
def test_no_row_is_ruled_out_by_its_weights_alone_that_fits(model: str) -> None:
    llm, ruled_out = CATALOG.llm(model), 0
    for runtime in RUNTIMES:
        candidates = rows_of(model, runtime)
        found = memory(llm, candidates, np.arange(len(candidates.rows)), 1, "likely")
        bounded = np.flatnonzero(found.is_bounded)
        ruled_out += len(bounded)
        assert (found.capacity_seqs[bounded] == 0.0).all()
        for number in bounded[:: max(1, len(bounded) // 6)].tolist():
            assert held_seqs(engine(llm, candidates, number), 1, is_sure=False) < 1.0
    assert ruled_out or model == "qwen3-vl-8b-instruct"


def test_surely_never_holds_more_than_likely() -> None:
    llm, candidates = CATALOG.llm("llama-3.3-70b"), rows_of("llama-3.3-70b", "vllm")
    numbers = np.arange(len(candidates.rows))
    likely = memory(llm, candidates, numbers, 1300, "likely").capacity_seqs
    surely = memory(llm, candidates, numbers, 1300, "surely").capacity_seqs
    assert (surely <= likely).all()
    assert (surely < likely).any()


def test_of_rows_that_are_not_asked_about_nothing_is_said() -> None:
    llm, candidates = CATALOG.llm("llama-3.3-70b"), rows_of("llama-3.3-70b", "vllm")
    found = memory(llm, candidates, np.array([3]), 1300, "likely")
    others = np.delete(np.arange(len(candidates.rows)), 3)
    assert not found.capacity_seqs[others].any()
    assert not found.short_bytes[others].any()


def test_memories_of_two_parts_join_to_that_of_the_whole() -> None:
    candidates, llm = rows_of("llama-3.3-70b", "vllm"), CATALOG.llm("llama-3.3-70b")
    count, part = len(candidates.rows), len(candidates.rows) // 3
    whole = memory(llm, candidates, np.arange(count), 1300, "likely")
    inside = replace(candidates, rows=candidates.rows[:part])
    first = memory(llm, inside, np.arange(part), 1300, "likely")
    rest = memory(llm, candidates, np.arange(part, count), 1300, "likely")
    joined = first.joined(rest)
    for name in ("capacity_seqs", "short_bytes", "is_bounded"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name)), name
    assert not rest.capacity_seqs[:part].any()

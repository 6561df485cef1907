"""The search finds what its engines cost one by one: random small questions, both ways."""

from __future__ import annotations

import functools
import random
from dataclasses import replace

import numpy as np
import pytest
from one_by_one import judged

import rightrig
from rightrig.costs.goods import goods_of
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.planning.constraints import CONSTRAINTS, Question, first_broken
from rightrig.planning.search import Space, evaluated, plan, space_of

CATALOG = rightrig.shipped()
CHUNKS, EACH = 20, 10
MOST_ROWS = 24
"""Above so many, only a sample of the rows is worked out one by one."""
SAMPLED_ROWS = 10
MODELS = (
    "llama-3.1-8b", "qwen2.5-0.5b-instruct", "qwen2-7b-instruct", "llama-3.3-70b", "gemma-3-12b-it",
    "gemma-2-9b-it", "qwen3-30b-a3b", "gpt-oss-20b", "deepseek-v2-lite", "deepseek-v3",
    "Qwen/Qwen3-Next-80B-A3B-Instruct", "smollm2-135m-instruct",
)  # fmt: skip
FORMATS = {"llama.cpp": ("q8_0", "q4_k_m")}
PAGED_FORMATS = ("checkpoint", "fp8", "awq")
RUNTIMES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")


@functools.cache
def priced() -> tuple[str, ...]:
    rented = {price.gpu for price in CATALOG.prices() if price.on_demand_usd_per_hour}
    return tuple(sorted(rented & set(CATALOG.slugs("gpus"))))


@functools.cache
def bought() -> tuple[str, ...]:
    return tuple(sorted({good.gpu for good in goods_of(CATALOG)}))


def drawn_limits(draw: random.Random, *, buys: bool) -> Limits:
    usd = draw.choice((None, None, 10 ** draw.uniform(2.5, 5.5)))
    return Limits(
        budget_usd_per_month=None if buys else usd,
        max_capex_usd=usd if buys else None,
        max_power_w=draw.choice((None, None, draw.uniform(300, 20_000))),
        max_gpus_count=draw.choice((8, 64, 512, 4096)),
        headroom_ratio=draw.choice((0.0, 0.3, 1.0)),
        spare_engines_count=draw.choice((0, 0, 1, 2)),
        min_engines_count=draw.choice((1, 1, 2, 5)),
        confidence=draw.choice(("likely", "surely")),
        buys=buys,
        spot=draw.random() < 0.3,
        rank_by="capex" if buys else "month",
    )


def drawn_slo(draw: random.Random, output_tokens: int) -> Slo:
    limits: dict[str, float] = {}
    for metric, usual in (("ttft", 1.0), ("tpot", 0.05), ("e2e", 1.0 + 0.05 * output_tokens)):
        if draw.random() < 0.6:
            percentile = draw.choice((50, 90, 95, 99))
            limits[f"{metric}_p{percentile}_s"] = usual * 10 ** draw.uniform(-0.7, 1.0)
    return Slo(**limits)


def drawn(seed: int) -> tuple[str, Question, Space]:
    draw = random.Random(seed)  # noqa: S311 - questions, no secrets
    buys = draw.random() < 0.3
    model, runtime = draw.choice(MODELS), draw.choice(RUNTIMES)
    known = FORMATS.get(runtime, PAGED_FORMATS)
    output = draw.choice((1, 16, 128, 700))
    workload = Workload(
        rate_requests_per_s=10 ** draw.uniform(-1.5, 1.8),
        input_tokens=draw.choice((1, 100, 1000, 3300)),
        output_tokens=output,
    )
    question = Question(workload, drawn_slo(draw, output), drawn_limits(draw, buys=buys))
    cards = draw.sample(bought() if buys else priced(), draw.choice((1, 1, 2)))
    space = replace(
        space_of(CATALOG, question),
        gpus=tuple(CATALOG.gpu(slug) for slug in cards),
        runtimes=(CATALOG.runtime(runtime),),
        formats=tuple(draw.sample(known, draw.choice((1, 1, 2)))),
        kv=draw.choice((None, "fp16" if runtime == "llama.cpp" else "bf16")),
    )
    return model, question, space


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_search_agrees_with_rows_that_are_taken_one_by_one(chunk: int) -> None:
    for seed in range(chunk * EACH, chunk * EACH + EACH):
        assert_agrees(seed)


def assert_agrees(seed: int) -> None:
    model, question, space = drawn(seed)
    llm = CATALOG.llm(model)
    table, found = evaluated(llm, question, space), plan(llm, question, space)
    keeps = first_broken(table, question) == len(CONSTRAINTS)
    assert found.feasible_count == keeps.sum(), seed
    count = len(table.rows)
    numbers = list(range(count))
    if count > MOST_ROWS:
        numbers = random.Random(seed).sample(numbers, SAMPLED_ROWS)  # noqa: S311 - rows, no secrets
        numbers += [one.number for one in found.plans[:1]]
    alone = {n: judged(llm, question, space, table.candidates, n) for n in numbers}
    for number, one in alone.items():
        assert (one is not None) == keeps[number], (seed, number, one)
        if one is not None:
            assert one.engines_count == table.engines_count[number], (seed, number)
            assert one.usd == pytest.approx(table.usd[number]), (seed, number)
    cheapest = min((one.usd for one in alone.values() if one), default=np.inf)
    least = found.plans[0].cost_usd if found.plans else np.inf
    assert least == pytest.approx(cheapest), seed


def test_the_questions_are_of_every_kind() -> None:
    """What the questions above go through: were one kind never drawn, nothing would say so."""
    found = [drawn(seed) for seed in range(CHUNKS * EACH)]
    assert {model for model, _, _ in found} == set(MODELS)
    assert {space.runtimes[0].slug for _, _, space in found} == set(RUNTIMES)
    kinds: tuple[list[object], ...] = (
        [q.limits.buys for _, q, _ in found],
        [q.limits.spot for _, q, _ in found],
        [q.limits.confidence for _, q, _ in found],
        [space.kv is None for _, _, space in found],
        [len(space.gpus) for _, _, space in found],
        [bool(q.limits.spare_engines_count) for _, q, _ in found],
    )
    for kind in kinds:
        values = [kind.count(value) for value in set(kind)]
        assert len(values) == 2
        assert min(values) >= 20

"""A cache as a sum of terms is the cache that engines round it to, at any context."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.deployment.deployment import Deployment, EngineLimits, Precision
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.planning.survey.fits_caches import Cache, Caches, Term, caches_of, runs
from rightrig.prediction.layered_engines import parts_of
from rightrig.prediction.memory_fit import engine_of
from rightrig.prediction.paged_engines import paged_shares
from rightrig.work.llama_cpp_options import place

CATALOG = shipped()
LLMS = tuple(CATALOG.llm(slug) for slug in CATALOG.slugs("llms"))
BY_LAYERS = tuple({(llm.family, llm.blocks): llm for llm in LLMS}.values())
"""One model of every kind of layers."""
RIG = parse_rig("1xh100-sxm", CATALOG)
MANY_TOKENS = (1, 15, 16, 17, 511, 512, 513, 1040, 4097, 8191, 33_000, 262_144)


def sizes_bytes(caches: tuple[Cache, ...], tokens: int) -> list[float]:
    """Return the bytes of some caches at one context."""
    table = Caches.table(caches)
    return [float(size) for size in table.sizes_bytes(np.full(len(caches), float(tokens)))]


@pytest.mark.parametrize(
    ("runtime", "kv"),
    [("vllm", "bf16"), ("vllm", "fp8"), ("sglang", "bf16"), ("tensorrt-llm", "fp16")],
)
def test_terms_are_the_pages_of_every_kind_of_layers(runtime: str, kv: str) -> None:
    record = CATALOG.runtime(runtime)
    for llm in BY_LAYERS:
        deployment = Deployment(
            llm, RIG, Parallelism(), Precision("checkpoint", kv), record,
            EngineLimits(256, 2048, 0.9),
        )  # fmt: skip
        (share,) = paged_shares(engine_of(deployment))
        first, further, shared_bytes = caches_of(share)
        for tokens in MANY_TOKENS:
            wanted = share.sequences_bytes(tokens)
            found = (*sizes_bytes((first, further), tokens), shared_bytes)
            assert found == pytest.approx(wanted, rel=1e-12), (llm.name, tokens)


@pytest.mark.parametrize("kv", ["fp16", "q8_0"])
def test_terms_are_the_cells_of_llama_cpp(kv: str) -> None:
    record = CATALOG.runtime("llama.cpp")
    for llm in BY_LAYERS:
        deployment = Deployment(
            llm, RIG, Parallelism(), Precision("bf16", kv), record, EngineLimits(1, 512, 1.0)
        )
        for part in parts_of(engine_of(deployment), place(llm.layer_count, (1.0, 1.0))):
            share = part.share({})
            first, further, shared_bytes = caches_of(share)
            assert first is further
            assert shared_bytes == 0.0
            for tokens in MANY_TOKENS:
                wanted = share.kv_bytes(tokens)
                assert sizes_bytes((first,), tokens) == pytest.approx([wanted], rel=1e-12), llm.name


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["gemma-3-27b-it", "gpt-oss-120b", "llama-3.1-8b", "deepseek-v3.2"]),
    tp=st.sampled_from([1, 2, 4, 8]),
    ranks=st.sampled_from([1, 2]),
    step_tokens=st.integers(1, 20_000),
    tokens=st.integers(1, 200_000),
)
def test_terms_are_the_pages_for_any_split_and_step(
    name: str, tp: int, ranks: int, step_tokens: int, tokens: int
) -> None:
    llm = CATALOG.llm(name)
    deployment = Deployment(
        llm, RIG, Parallelism(tp), Precision(), CATALOG.runtime("vllm"),
        EngineLimits(256, step_tokens, 0.9),
    )  # fmt: skip
    (share,) = paged_shares(engine_of(deployment))
    share = replace(share, context_ranks=ranks)
    first, further, shared_bytes = caches_of(share)
    wanted = share.sequences_bytes(tokens)
    found = (*sizes_bytes((first, further), tokens), shared_bytes)
    assert found == pytest.approx(wanted, rel=1e-12)


def test_a_window_stops_growing_and_pages_are_whole() -> None:
    full = Cache((Term(100.0, page_tokens=16),))
    window = Cache((Term(10.0, cap_tokens=1024.0, page_tokens=16, extra_count=1),))
    assert sizes_bytes((full, window), 17) == [200.0, 30.0]
    assert sizes_bytes((full, window), 100_000) == [625_000.0, 650.0]


def test_some_caches_may_be_asked_for_twice() -> None:
    table = Caches.table((Cache((Term(1.0), Term(2.0))), Cache((Term(5.0),))))
    places = np.array([1, 0, 1])
    assert table.some(places).sizes_bytes(np.array([1.0, 2.0, 3.0])).tolist() == [5.0, 6.0, 15.0]


def test_runs_follow_one_another() -> None:
    assert runs(np.array([5, 0]), np.array([2, 3])).tolist() == [5, 6, 0, 1, 2]
    assert runs(np.zeros(0, dtype=int), np.zeros(0, dtype=int)).tolist() == []

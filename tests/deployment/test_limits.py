"""The limits that engines set when nobody does, worked out by hand from their own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import rightrig
from rightrig.deployment.limits import default_limits, sglang_graph_seqs, sglang_reserve_bytes
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.quantities import MIB

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu

CATALOG = rightrig.shipped()
# Sizes of prefill graphs up to 2,048: 4…32 by 4, 48…256 by 16, 288…512 by 32, 576…1024 by 64,
# 1280…2048 by 256; up to 4,096 eight more, up to 8,192 (by 512) eight more, up to 16,384 sixteen.
GRAPHS_TO_2K = 8 + 14 + 8 + 8 + 4
GRAPHS_TO_4K = GRAPHS_TO_2K + 8
GRAPHS_TO_8K = GRAPHS_TO_4K + 8
GRAPHS_TO_16K = GRAPHS_TO_8K + 16


@pytest.mark.parametrize(
    ("card", "split", "mib"),
    [
        ("rtx-3060-12gb", Parallelism(), 512 + 1.5 * 2048 + 128 + 2 * 8 + 8 * GRAPHS_TO_2K),
        ("rtx-4090", Parallelism(), 512 + 1.5 * 4096 + 128 + 2 * 48 + 8 * GRAPHS_TO_4K),
        ("rtx-4090", Parallelism(4), 512 + 1.5 * 4096 + 4 * 128 + 2 * 160 + 8 * GRAPHS_TO_4K),
        ("rtx-4090", Parallelism(2, 2), 512 + 1.5 * 4096 + 4 * 128 + 2 * 48 + 8 * GRAPHS_TO_4K),
        ("l40s", Parallelism(), 512 + 1.5 * 4096 + 128 + 2 * 32 + 8 * GRAPHS_TO_4K),
        ("h100-sxm", Parallelism(), 512 + 1.5 * 8192 + 128 + 2 * 256 + 8 * GRAPHS_TO_8K),
        ("h100-sxm", Parallelism(8), 512 + 1.5 * 8192 + 8 * 128 + 2 * 512 + 8 * GRAPHS_TO_8K),
        ("b200-sxm", Parallelism(), 512 + 1.5 * 16384 + 128 + 2 * 512 + 8 * GRAPHS_TO_16K),
        (
            "h200-sxm",
            Parallelism(1, 1, attention_dp=8),
            512 + 1.5 * 8192 + 8 * 128 + (2 + 3 * 8) * 256 + 8 * GRAPHS_TO_8K,
        ),
    ],
)
def test_sglang_reserves_a_chunk_its_graphs_and_128_mib_a_rank(
    card: str, split: Parallelism, mib: float
) -> None:
    assert sglang_reserve_bytes(CATALOG.gpu(card), split) == mib * MIB


@pytest.mark.parametrize("gpu", CATALOG.gpus(), ids=lambda gpu: gpu.slug)
def test_sglang_reserves_10_gib_at_least_above_60_gib(gpu: Gpu) -> None:
    if gpu.memory_bytes.mid > 60 * 1024 * MIB:
        assert sglang_reserve_bytes(gpu, Parallelism()) >= 10 * 1024 * MIB


def test_sglang_takes_0_829_of_an_h100_and_0_698_of_a_4090() -> None:
    runtime = CATALOG.runtime("sglang")
    large, small = (default_limits(runtime, CATALOG.gpu(c)) for c in ("h100-sxm", "rtx-4090"))
    assert (large.memory_ratio, large.max_batched_tokens) == (0.829, 8192)
    assert (small.memory_ratio, small.max_batched_tokens) == (0.698, 4096)


def test_sglang_captures_larger_batches_over_four_ranks() -> None:
    gpu = CATALOG.gpu("h100-sxm")
    assert [sglang_graph_seqs(gpu, Parallelism(tp)) for tp in (1, 2, 4, 8)] == [256, 256, 512, 512]


@pytest.mark.parametrize(
    ("card", "version", "seqs", "batched_tokens", "ratio"),
    [
        ("h100-sxm", "0.6.4", 256, 2048, 0.90),  # the first engine: one size for every card
        ("h100-sxm", "0.7.3", 256, 2048, 0.90),
        ("h100-sxm", "0.9.2", 1024, 8192, 0.90),
        ("h100-sxm", "0.19.0", 1024, 8192, 0.90),
        ("h100-sxm", "0.20.2", 1024, 8192, 0.90),
        ("h100-sxm", "0.21", 1024, 8192, 0.92),
        ("h100-sxm", "", 1024, 8192, 0.92),
        ("rtx-4090", "0.9.2", 256, 2048, 0.90),
        ("rtx-4090", "", 256, 2048, 0.92),
        ("b200-sxm", "", 1024, 16384, 0.92),
    ],
)
def test_vllm_sets_its_limits_by_version_and_card(
    card: str, version: str, seqs: int, batched_tokens: int, ratio: float
) -> None:
    limits = default_limits(CATALOG.runtime("vllm"), CATALOG.gpu(card), None, version)
    assert (limits.max_seqs, limits.max_batched_tokens) == (seqs, batched_tokens)
    assert limits.memory_ratio == ratio


@pytest.mark.parametrize(
    ("card", "seqs"),
    [
        ("a100-sxm-40gb", 512), ("a100-sxm-80gb", 512), ("h20", 1024), ("h100-sxm", 1024),
        ("h200-sxm", 1280), ("rtx-4090", 128), ("a10", 128), ("b200-sxm", 128),
    ],
)  # fmt: skip
def test_lmdeploy_knows_the_batch_of_four_cards(card: str, seqs: int) -> None:
    limits = default_limits(CATALOG.runtime("lmdeploy"), CATALOG.gpu(card))
    assert (limits.max_seqs, limits.memory_ratio) == (seqs, 0.8)


def test_tensorrt_llm_has_one_size_for_every_card() -> None:
    runtime = CATALOG.runtime("tensorrt-llm")
    for card in ("rtx-4090", "h100-sxm", "b200-sxm"):
        limits = default_limits(runtime, CATALOG.gpu(card))
        assert (limits.max_seqs, limits.max_batched_tokens) == (2048, 8192)
        assert limits.memory_ratio == 0.9


def test_of_unequal_cards_the_smallest_sets_the_limits() -> None:
    mixed = parse_rig("1xh100-sxm+1xrtx-4090", CATALOG)
    asked = propose(CATALOG, CATALOG.llm("llama-3.1-8b"), mixed, Choices(runtime="vllm"))
    assert (asked.limits.max_seqs, asked.limits.max_batched_tokens) == (256, 2048)

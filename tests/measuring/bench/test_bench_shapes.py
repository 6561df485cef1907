"""The products of real models' layers, and which models a stack can be built of."""

from __future__ import annotations

import pytest

from rightrig.facts.catalog import shipped
from rightrig.measuring.bench.collectives import bus_bytes
from rightrig.measuring.bench.shapes import shapes_of, uncovered


def sides(name: str) -> dict[str, tuple[int, int]]:
    return {s.name: (s.inputs_count, s.outputs_count) for s in shapes_of(shipped().llm(name), name)}


def test_the_shapes_of_llama_3_are_those_that_engines_multiply() -> None:
    assert sides("llama-3-8b") == {
        "qkv": (4096, 6144), "o": (4096, 4096), "gate_up": (4096, 28672), "down": (14336, 4096),
        "lm_head": (4096, 128256),
    }  # fmt: skip
    assert sides("llama-3-70b") == {
        "qkv": (8192, 10240), "o": (8192, 8192), "gate_up": (8192, 57344), "down": (28672, 8192),
        "lm_head": (8192, 128256),
    }  # fmt: skip


def test_experts_are_products_of_one_expert() -> None:
    found = sides("qwen3-30b-a3b")
    assert found["expert_gate_up"] == (2048, 1536)
    assert found["expert_down"] == (768, 2048)
    assert "gate_up" not in found


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("llama-3-8b", ""),
        ("qwen3-8b", ""),
        ("qwen3-30b-a3b", "mixtures of experts"),
        ("deepseek-v3", "mla attention"),
    ],
)
def test_what_a_stack_cannot_build_is_named(name: str, why: str) -> None:
    assert uncovered(shipped().llm(name)) == why


def test_bus_bandwidth_is_counted_as_nccl_tests_does() -> None:
    # 8 ranks, 16 GB: an all-reduce moves 28 GB a rank, the others 14 GB.
    assert bus_bytes("all_reduce", 16e9, 8) == pytest.approx(28e9)
    assert bus_bytes("all_gather", 16e9, 8) == pytest.approx(14e9)
    assert bus_bytes("all_to_all", 16e9, 8) == pytest.approx(14e9)

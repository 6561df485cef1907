"""Published perplexities of quantised models: what they say and which of them is chosen."""

from __future__ import annotations

import itertools
import math

import pytest

from rightrig.facts.quality import QualityTable, best_format, quality_tables
from rightrig.facts.quantization import GGUF_MIXES

TABLES = quality_tables()
by_model = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.model)


@by_model
def test_every_table_has_a_source_and_formats_that_llama_cpp_knows(table: QualityTable) -> None:
    assert table.sources
    for point in table.points:
        assert point.format in GGUF_MIXES


@by_model
@pytest.mark.parametrize("kind", ["iq", "q"])
def test_fewer_bits_of_one_kind_never_read_much_better(table: QualityTable, kind: str) -> None:
    # IQ2_M, a codebook, reads better than the larger Q2_K.
    alike = [point for point in table.points if point.format.startswith(kind)]
    points = sorted(alike, key=lambda point: -point.bits_per_weight)
    for more, fewer in itertools.pairwise(points):
        assert fewer.perplexity_ratio >= more.perplexity_ratio - 0.05


@by_model
def test_perplexity_starts_near_16_bits_and_is_twice_as_high_at_2(table: QualityTable) -> None:
    most = max(table.points, key=lambda point: point.bits_per_weight)
    least = min(table.points, key=lambda point: point.bits_per_weight)
    assert most.perplexity_ratio == pytest.approx(1.0, abs=0.05)
    if least.bits_per_weight < 2.5:
        assert least.perplexity_ratio > 1.5


@pytest.mark.parametrize(
    ("bits", "name"),
    [
        (16.0, "q4_k_m"),
        (4.82, "q4_k_m"),
        (4.81, "iq3_xxs"),
        (3.0, "iq2_xs"),
        (2.31, "iq2_xs"),
    ],
)
def test_of_a_70b_the_published_format_of_least_perplexity_is_chosen(
    bits: float, name: str
) -> None:
    found = best_format(bits, 70.6e9)
    assert found is not None
    assert found[0].format == name
    assert found[0].bits_per_weight <= bits


def test_where_nothing_so_small_was_published_nothing_is_said() -> None:
    assert best_format(1.0, 70.6e9) is None


@pytest.mark.parametrize("params", [1e8, 8e9, 70e9, 1e12])
def test_the_table_of_the_model_nearest_in_size_is_read(params: float) -> None:
    found = best_format(16.0, params)
    assert found is not None
    ratios = [abs(math.log(params / table.params_count)) for table in TABLES]
    assert abs(math.log(params / found[1].params_count)) == min(ratios)

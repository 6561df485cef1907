"""Which cached entries a query reads, and which experts the busiest rank reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

import rightrig
from rightrig.work.attention_step import Reach, reach_of
from rightrig.work.ffn_step import Routing

if TYPE_CHECKING:
    from rightrig.facts.llm import Attention

CATALOG: Final = rightrig.shipped()


def attentions(model: str) -> list[Attention]:
    return list(CATALOG.llm(model).attentions)


def test_full_attention_reads_the_whole_context() -> None:
    reach = reach_of(attentions("llama-3.1-8b")[0])
    assert reach == Reach(np.inf, np.inf, 0.0)
    assert reach.attended_tokens(5000.0) == 5000.0


def test_a_window_ends_what_is_read() -> None:
    windowed = next(a for a in attentions("gpt-oss-120b") if a.window_tokens)
    assert windowed.window_tokens == 128
    assert reach_of(windowed).attended_tokens(100.0) == 100.0
    assert reach_of(windowed).attended_tokens(5000.0) == 128.0


def test_an_indexer_chooses_at_most_so_many_entries() -> None:
    sparse = next(a for a in attentions("deepseek-v3.2") if a.indexer)
    assert reach_of(sparse).attended_tokens(1000.0) == 1000.0
    assert reach_of(sparse).attended_tokens(100_000.0) == 2048.0


def test_compressed_entries_come_on_top_of_the_near_ones() -> None:
    reach = Reach(near_tokens=128.0, joined_tokens=4.0, chosen_tokens=512.0)
    found = reach.attended_tokens(np.array([100.0, 1000.0, 100_000.0]))
    assert np.asarray(found).tolist() == [100.0 + 25.0, 128.0 + 250.0, 128.0 + 512.0]


def test_one_token_on_one_rank_reads_the_experts_that_it_visits() -> None:
    experts, rows = Routing(256.0, 8.0, 1.0).busiest_count(1.0)
    assert experts == pytest.approx(8.0)
    assert rows == pytest.approx(8.0)


def test_no_rank_reads_more_experts_than_it_holds() -> None:
    experts, rows = Routing(256.0, 8.0, 16.0).busiest_count(1e6)
    assert experts == pytest.approx(16.0, rel=1e-6)
    assert rows == pytest.approx(8e6 / 16.0, rel=0.01)


def test_the_busiest_rank_has_more_than_the_mean() -> None:
    _, rows = Routing(256.0, 8.0, 16.0).busiest_count(64.0)
    # 1 + √(2·ln 16 / 32) over the mean of 32 visits (F6.2).
    assert rows == pytest.approx(32.0 * (1.0 + (2.0 * 2.772588722 / 32.0) ** 0.5))

"""Presets: every one is drawn, and has the means that its sources state."""

from __future__ import annotations

import numpy as np
import pytest

from rightrig.demand.presets import preset, preset_names
from rightrig.demand.requests import input_statistics, output_statistics
from rightrig.demand.scenario import sample
from rightrig.errors import InputError

PUBLISHED = {
    "chat": (1155.0, 211.0),
    "code": (2048.0, 28.0),
    "rag": (2944.0, 283.0),
    "reasoning": (1268.0, 1527.0),
}


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_drawn_and_names_its_sources(name: str) -> None:
    found = preset(name)
    assert found.scenario.name == name
    assert found.summary
    assert found.note
    assert all(source.startswith("https://") for source in found.sources)
    assert len(sample(found.scenario, 2000, 1)) == 2000


@pytest.mark.parametrize(("name", "means"), PUBLISHED.items())
def test_a_preset_has_the_published_means(name: str, means: tuple[float, float]) -> None:
    found = sample(preset(name).scenario, 200_000, 1)
    assert input_statistics(found).mean_tokens == pytest.approx(means[0], rel=0.07)
    assert output_statistics(found).mean_tokens == pytest.approx(means[1], rel=0.07)


def test_chat_has_the_percentiles_of_the_azure_trace() -> None:
    found = sample(preset("chat").scenario, 200_000, 1)
    prompts, answers = input_statistics(found), output_statistics(found)
    assert (prompts.p50_tokens, prompts.p90_tokens) == pytest.approx((1020.0, 2735.0), rel=0.02)
    assert (answers.p50_tokens, answers.p99_tokens) == pytest.approx((129.0, 601.0), rel=0.03)


def test_two_thirds_of_reasoning_answers_are_reasoning() -> None:
    found = sample(preset("reasoning").scenario, 100_000, 1)
    share = found.reasoning_tokens.sum() / found.output_tokens.sum()
    assert share == pytest.approx(0.70, abs=0.02)


def test_agents_reread_long_contexts_and_say_little() -> None:
    # TraceLab: median prefix 118,656, median answer 214, 95.7 % of prompt tokens cached.
    found = sample(preset("agent").scenario, 30_000, 1)
    assert input_statistics(found).p50_tokens == pytest.approx(118_656, rel=0.25)
    assert output_statistics(found).p50_tokens == pytest.approx(214.0, rel=0.03)
    seen = len(found.block_ids) - len(np.unique(found.block_ids))
    assert seen * found.block_tokens / found.input_tokens.sum() > 0.9


def test_most_rag_prompts_begin_alike() -> None:
    found = sample(preset("rag").scenario, 20_000, 1)
    first = found.block_ids[found.block_offsets[:-1]]
    share = np.unique(first, return_counts=True)[1].max() / len(first)
    assert share == pytest.approx(0.73, abs=0.02)


def test_a_batch_is_there_at_once() -> None:
    assert not sample(preset("batch").scenario, 100, 1).arrival_s.any()


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(InputError, match="agent, batch, chat"):
        preset("poetry")

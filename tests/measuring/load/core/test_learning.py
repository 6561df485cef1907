"""What a server says of itself before it is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mock_llm_process import MockLlm, mock_llm

from rightrig.demand.lengths import Fixed
from rightrig.demand.scenario import Scenario, sample
from rightrig.measuring.load.level import measure_level
from rightrig.measuring.load.level_learning import learn, models_of
from rightrig.measuring.load.outcome import Level
from rightrig.measuring.load.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[MockLlm]:
    """Yield a server whose tokens are three a word, and seven around a prompt."""
    with mock_llm(word_tokens=3, template_tokens=7) as found:
        yield found


def test_prompts_get_the_length_that_the_server_counts(server: MockLlm) -> None:
    learned = learn(Target(server.url, "mock"))
    assert learned.kind == "ok"
    assert learned.writer.scale.tokens_per_word_ratio == pytest.approx(3.0)
    assert learned.writer.scale.overhead_tokens == 7
    requests = sample(Scenario(input=Fixed(tokens=307), output=Fixed(tokens=2)), 4)
    level = Level("closed", concurrency=1, requests_count=4)
    found = measure_level(learned.target, requests, level, writer=learned.writer)
    assert (found.samples.input_tokens == 307).all()
    assert found.usage.input_ratio == pytest.approx(1.0)


def test_without_learning_it_is_said_that_prompts_are_longer(server: MockLlm) -> None:
    requests = sample(Scenario(input=Fixed(tokens=100), output=Fixed(tokens=2)), 4)
    level = Level("closed", concurrency=1, requests_count=4)
    found = measure_level(Target(server.url, "mock"), requests, level)
    assert "3.07 times" in found.usage.notes[0]


def test_with_a_tokenizer_only_the_template_is_learned(server: MockLlm) -> None:
    class Triples:
        def count(self, text: str) -> int:
            return 3 * len(text.split())

    scale = learn(Target(server.url, "mock"), tokenizer=Triples()).writer.scale
    assert (scale.tokens_per_word_ratio, scale.overhead_tokens) == (1.0, 7)


def test_what_is_refused_is_learned(server: MockLlm) -> None:
    mock = {"refuses": ["stream_options", "ignore_eos"]}
    learned = learn(Target(server.url, "mock", extra_body={"mock": mock}))
    assert not learned.target.asks_usage
    assert not learned.target.fixes_length
    assert len(learned.notes) == 2
    assert learned.writer.scale.tokens_per_word_ratio == 1.0


def test_a_server_that_is_not_there_is_a_kind_of_failure(server: MockLlm) -> None:
    assert learn(Target("http://127.0.0.1:1", "mock")).kind == "refused"
    wrong = Target(server.url, "mock", extra_body={"mock": {"fault": "404"}})
    assert learn(wrong).kind == "client-error"


def test_models_are_those_that_the_server_lists(server: MockLlm) -> None:
    assert models_of(Target(server.url, "")) == ("mock",)
    assert models_of(Target(server.url + "/other/chat/completions", "")) == ("mock",)
    assert models_of(Target("http://127.0.0.1:1", "")) == ()

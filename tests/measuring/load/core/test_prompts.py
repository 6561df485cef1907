from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.demand.arrivals import ClosedLoop
from rightrig.demand.lengths import Fixed
from rightrig.demand.scenario import Scenario, Sessions, SharedPrefixes, sample
from rightrig.measuring.load.prompts import WORDS, Asking, Said, Scale, Writer, members_of


@settings(deadline=None)
@given(tokens=st.integers(1, 3000), key=st.integers(-(10**9), 10**9), seed=st.integers(0, 10**9))
def test_a_text_has_the_tokens_that_were_asked(tokens: int, key: int, seed: int) -> None:
    writer = Writer(seed)
    text = writer.text(key, tokens)
    assert len(text.split()) == tokens
    assert text == Writer(seed).text(key, tokens)
    assert text.isascii()


def test_a_text_may_be_longer_than_what_it_is_cut_from() -> None:
    assert len(Writer().text(1, 200_000).split()) == 200_000


def test_texts_differ_from_their_first_words_on() -> None:
    writer = Writer()
    starts = Counter(" ".join(writer.text(-1 - row, 100).split()[:4]) for row in range(2000))
    assert max(starts.values()) == 1


def test_a_text_is_not_one_word_again_and_again() -> None:
    counts = Counter(Writer().text(7, 2000).split())
    assert len(counts) > 0.9 * len(WORDS)
    assert max(counts.values()) < 40


def test_words_of_several_tokens_make_fewer_words() -> None:
    text = Writer(scale=Scale(tokens_per_word_ratio=1.6)).text(3, 800)
    assert len(text.split()) == pytest.approx(500, abs=1)


def test_a_tokenizer_says_how_long_each_word_is() -> None:
    class Letters:
        def count(self, text: str) -> int:
            return len(text)

    text = Writer(tokenizer=Letters()).text(3, 500)
    assert 480 <= len(text) + 1 <= 500


def test_the_template_of_a_server_is_part_of_a_prompt() -> None:
    requests = sample(Scenario(input=Fixed(tokens=100), output=Fixed(tokens=4)), 3)
    writer = Writer(scale=Scale(overhead_tokens=12))
    (text,) = Asking(requests, writer, "chat").texts(0, None)
    assert len(text.split()) == 88


def test_requests_share_a_prefix_to_the_letter_and_nothing_else() -> None:
    prefixes = SharedPrefixes(count=2, tokens=128)
    scenario = Scenario(
        input=Fixed(tokens=64), output=Fixed(tokens=8), prefixes=prefixes, block_tokens=32
    )
    requests = sample(scenario, 40)
    asking = Asking(requests, Writer(), "completions")
    words = [asking.texts(row, None)[0].split() for row in range(40)]
    assert {len(one) for one in words} == {192}
    assert len({tuple(one[:128]) for one in words}) == 2
    assert len({tuple(one[128:136]) for one in words}) == 40


def test_a_turn_holds_all_that_was_said() -> None:
    scenario = Scenario(
        input=Fixed(tokens=80),
        output=Fixed(tokens=70),
        sessions=Sessions(turns=Fixed(tokens=3)),
    )
    requests = sample(scenario, 6)
    asking = Asking(requests, Writer(), "chat")
    first = asking.texts(0, None)
    row = int(requests.next_index[0])
    second = asking.texts(row, Said(0, (*first, "an answer")))
    assert second[:2] == (first[0], "an answer")
    assert len(second) == 3
    assert len(second[2].split()) == 80
    roles = [message["role"] for message in members_of(second, "chat")["messages"]]  # type: ignore[attr-defined]
    assert roles == ["user", "assistant", "user"]


def test_after_a_failure_a_turn_is_as_long_as_it_would_have_been() -> None:
    scenario = Scenario(
        input=Fixed(tokens=80),
        output=Fixed(tokens=70),
        sessions=Sessions(turns=Fixed(tokens=3)),
    )
    requests = sample(scenario, 6)
    row = int(requests.next_index[0])
    (text,) = Asking(requests, Writer(), "chat").texts(row, None)
    assert len(text.split()) == requests.input_tokens[row] == 230


def test_the_next_session_of_a_user_begins_anew() -> None:
    scenario = Scenario(
        arrivals=ClosedLoop(users=1),
        input=Fixed(tokens=80),
        output=Fixed(tokens=70),
        sessions=Sessions(turns=Fixed(tokens=2)),
    )
    requests = sample(scenario, 4)
    asking = Asking(requests, Writer(), "chat")
    order, row = [], 0
    while row >= 0:
        order.append(row)
        row = int(requests.next_index[row])
    sizes = [
        len(asking.texts(row, Said(before, ("question", "answer"))))
        for before, row in pairwise(order)
    ]
    assert sizes == [3, 1, 3]
    assert np.isinf(requests.arrival_s[1:]).all()

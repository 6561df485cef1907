from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.measuring.load.faults import FaultError
from rightrig.measuring.load.sse import MOST_EVENT_BYTES, Events

STREAM = b': hello\n\ndata: {"a": 1}\n\nevent: x\nid: 3\ndata: one\ndata:two\n\ndata: [DONE]\n\n'
PAYLOADS = [b'{"a": 1}', b"one\ntwo", b"[DONE]"]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 120), max_size=30))
def test_it_does_not_matter_where_the_network_cuts(ending: bytes, cuts: list[int]) -> None:
    text = STREAM.replace(b"\n", ending)
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    events = Events()
    found = [payload for a, b in pairwise(edges) for payload in events.feed(text[a:b])]
    assert found + events.finish() == PAYLOADS


def test_an_event_that_the_end_leaves_open_counts() -> None:
    events = Events()
    assert events.feed(b"data: a\n\ndata: [DONE]") == [b"a"]
    assert events.finish() == [b"[DONE]"]
    assert events.finish() == []


def test_lines_that_are_no_event_stream_are_malformed() -> None:
    with pytest.raises(FaultError) as found:
        Events().feed(b'{"choices": []}\n\n')
    assert found.value.kind == "malformed"


@pytest.mark.parametrize("line", [b"data: " + b"x" * 65_536, b"data: " + b"x" * 65_530 + b"\n"])
def test_an_event_has_a_bound_however_it_comes(line: bytes) -> None:
    events = Events()

    def flood() -> None:
        for _ in range(MOST_EVENT_BYTES // 65_536 + 2):
            events.feed(line)

    with pytest.raises(FaultError) as found:
        flood()
    assert found.value.kind == "too-long"

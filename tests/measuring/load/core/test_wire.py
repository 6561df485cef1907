from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.measuring.load.faults import FaultError
from rightrig.measuring.load.wire import MOST_HEAD_BYTES, Answering, Head, read_head

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"
    b"5\r\nhello\r\n3;ext=1\r\n, w\r\n4\r\norld\r\n0\r\nTrailer: 1\r\n\r\n"
)
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world"


class Heard:
    def __init__(self) -> None:
        self.heads: list[Head] = []
        self.body = b""
        self.answering = Answering(self.heads.append, self.take)

    def take(self, data: bytes) -> None:
        self.body += data


def heard(*pieces: bytes) -> Heard:
    found = Heard()
    for piece in pieces:
        found.answering.feed(piece)
    return found


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, len(CHUNKED)), max_size=40), chunked=st.booleans())
def test_it_does_not_matter_where_the_network_cuts(*, cuts: list[int], chunked: bool) -> None:
    text = CHUNKED if chunked else PLAIN
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    found = heard(*(text[a:b] for a, b in pairwise(edges)))
    assert found.body == b"hello, world"
    assert found.answering.is_done
    assert found.answering.is_clean
    assert [head.status for head in found.heads] == [200]


def fault_of(*pieces: bytes) -> str:
    try:
        heard(*pieces)
    except FaultError as fault:
        return fault.kind
    return ""


@settings(deadline=None)
@given(data=st.binary(max_size=400))
def test_nonsense_is_a_fault_and_nothing_else(data: bytes) -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        assert fault_of(start, data) in {"", "malformed", "too-long"}


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    found = heard(b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert not found.answering.is_done
    assert found.answering.close()
    assert found.body == b"abc"
    assert not found.heads[0].keeps_open


def test_a_body_that_is_cut_short_is_not_done() -> None:
    assert not heard(PLAIN[:-1]).answering.close()
    assert not heard(CHUNKED[:-2]).answering.close()


def test_what_comes_before_the_answer_is_skipped() -> None:
    found = heard(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN)
    assert found.heads[0].status == 200
    assert found.body == b"hello, world"


def test_bytes_after_the_end_are_seen() -> None:
    assert not heard(PLAIN + b"more").answering.is_clean
    assert not heard(CHUNKED + b"more").answering.is_clean
    assert not heard(PLAIN, b"more").answering.is_clean


def test_an_answer_that_has_no_body_is_done_with_its_head() -> None:
    found = heard(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert found.answering.is_done
    assert found.answering.is_clean


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1_0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 300,
    ],
)
def test_what_is_no_http_is_malformed(text: bytes) -> None:
    with pytest.raises(FaultError) as found:
        heard(text)
    assert found.value.kind == "malformed"


def test_heads_have_a_bound() -> None:
    with pytest.raises(FaultError) as found:
        heard(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (MOST_HEAD_BYTES + 1))
    assert found.value.kind == "too-long"


def test_the_last_of_two_headers_counts() -> None:
    head = read_head(b"HTTP/1.1 429 No\r\nRetry-After: 1\r\nretry-after:  7 \r\nConnection: Close")
    assert (head.status, head.headers["retry-after"], head.keeps_open) == (429, "7", False)

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import InputError, MissingError
from rightrig.measuring.load.target import (
    Api,
    Target,
    endpoint_of,
    head_of,
    request_for_models,
    retry_after_s,
    trust_of,
)


@pytest.mark.parametrize(
    ("url", "api", "place"),
    [
        ("http://localhost:8000", "chat", ("localhost", 8000, "/v1/chat/completions")),
        ("http://localhost:8000/", "completions", ("localhost", 8000, "/v1/completions")),
        ("https://api.host/v1", "chat", ("api.host", 443, "/v1/chat/completions")),
        ("http://host/openai/v1/", "chat", ("host", 80, "/openai/v1/chat/completions")),
        ("http://host/v1/chat/completions", "chat", ("host", 80, "/v1/chat/completions")),
        ("http://host/v1/chat/completions", "completions", ("host", 80, "/v1/completions")),
        ("http://[::1]:81/v1?v=2", "chat", ("::1", 81, "/v1/chat/completions?v=2")),
    ],
)
def test_an_address_names_a_place(url: str, api: Api, place: tuple[str, int, str]) -> None:
    found = endpoint_of(url, api)
    assert (found.host, found.port, found.path) == place


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost:8000", "ftp://host", "http://", "http://host:abc", "http://host:99999",
        "http://a b", "http://host/\r\nX: y", "http://[::1", "file:///etc/passwd", "http://ö",
        "http://host/" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InputError):
        Target(url, "m")


def test_a_key_does_not_stand_in_the_address() -> None:
    with pytest.raises(InputError) as found:
        Target("https://me:secret@host", "m")
    assert "secret" not in str(found.value)


@pytest.mark.parametrize(
    "headers",
    [{"X\r\nY": "1"}, {"X": "1\r\nY: 2"}, {"Content-Length": "3"}, {"": "1"}, {"X": "ö"}],
)
def test_a_header_that_cannot_be_sent_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Target("http://host", "m", headers=headers)


@pytest.mark.parametrize("extra", [{"a": {1, 2}}, {"a": math.nan}, {"a": b""}])
def test_members_that_are_no_json_are_refused(extra: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Target("http://host", "m", extra_body=extra)


@pytest.mark.parametrize("time_s", [0.0, -1.0, math.nan, math.inf, 1e9])
def test_a_time_out_has_a_bound(time_s: float) -> None:
    with pytest.raises(InputError):
        Target("http://host", "m", timeout_s=time_s)
    with pytest.raises(InputError):
        Target("http://host", "m", connect_timeout_s=time_s)


def test_a_head_asks_for_nothing_compressed() -> None:
    target = Target("http://host:81", "m", headers={"Authorization": "Bearer x"})
    lines = head_of(target).decode().split("\r\n")
    assert lines[:2] == ["POST /v1/chat/completions HTTP/1.1", "Host: host:81"]
    assert "Accept-Encoding: identity" in lines
    assert "Authorization: Bearer x" in lines
    assert lines[-1] == "Content-Length: "
    assert request_for_models(target).startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert request_for_models(target).endswith(b"\r\n\r\n")


@settings(deadline=None)
@given(text=st.text(max_size=20))
def test_any_retry_after_is_a_time_with_a_bound(text: str) -> None:
    assert 0.0 <= retry_after_s(text, 60.0) <= 60.0


def test_a_file_of_certificates_is_read_when_it_is_needed() -> None:
    assert trust_of(Target("http://host", "m", ca_file=Path("none"))) is None
    with pytest.raises(MissingError, match="none holds no certificates"):
        trust_of(Target("https://host", "m", ca_file=Path("none")))

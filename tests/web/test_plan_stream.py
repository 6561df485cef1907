"""The stream of a search: it ends with an answer, whatever happens to the worker."""

from __future__ import annotations

from fastapi.testclient import TestClient

from rightrig.facts.catalog import shipped
from rightrig.web.app import created
from rightrig.web.site import Settings


def test_a_search_over_time_ends_its_stream_with_the_reason() -> None:
    app = created(shipped(), Settings(workers_count=1, most_time_s=0.01, warms=False))
    with TestClient(app, base_url="http://localhost") as client:
        told = client.get("/plan/events?model=qwen3-8b&rate=9/s").text
    assert "event: done" in told
    assert "the answer takes longer than the 0.01 s that one may" in told
    assert told.endswith("event: close\ndata: \n\n")

"""The page of comparisons: what its address asks, what it shows, what it refuses."""

from __future__ import annotations

import re
from functools import cache
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.facts.catalog import shipped
from rightrig.web.app import created

THREE: Final = "/compare?rig=4xrtx-4090&rig=1xh100-sxm&rig=2xl40s&users=4"


@cache
def client() -> TestClient:
    """Return a client of the shipped catalogue."""
    return TestClient(created(shipped()), base_url="http://localhost", follow_redirects=False)


def cells(page: str, label: str) -> list[str]:
    """Return the texts of a row of the table."""
    row = re.search(rf'<th scope="row">{re.escape(label)}</th>(.*?)</tr>', page, re.DOTALL)
    assert row, label
    found = re.findall(r"<td[^>]*>(.*?)</td>", row[1], re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in found]


def test_each_build_stands_against_the_first() -> None:
    page = client().get(THREE).text
    assert cells(page, "memory on the box") == [
        "96.0 GiB", "80.0 GiB", "0.83×", "96.0 GiB", "same",
    ]  # fmt: skip
    # 4 × 1008 GB/s, 3350 GB/s, 2 × 864 GB/s
    assert cells(page, "memory bandwidth of all cards")[0:3] == [
        "4,032 GB/s",
        "3,350 GB/s",
        "0.83×",
    ]
    assert cells(page, "BF16, dense, all cards")[1] == "989 TFLOP/s"
    assert cells(page, "link of a card, one direction")[0] == "31.5 GB/s PCIe through host memory"


def test_without_a_rig_there_is_a_form_and_examples_that_lead_on() -> None:
    page = client().get("/compare").text
    assert 'name="rig"' in page
    examples = re.findall(r'<a href="(/compare\?rig=[^"]+)"', page)
    assert len(examples) >= 3
    assert all(client().get(url.replace("&amp;", "&")).status_code == 200 for url in examples[:1])


def test_what_a_form_sends_leads_to_the_short_address() -> None:
    sent = (
        "/compare?rig=4xrtx-4090&rig=&rig=+1xh100-sxm+&model=&context=8192&output=300&users=4&rate="
    )
    answer = client().get(sent)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/compare?rig=4xrtx-4090&rig=1xh100-sxm&users=4"
    assert client().get(answer.headers["location"]).status_code == 200


def test_a_fourth_build_is_refused_in_words() -> None:
    answer = client().get(f"{THREE}&rig=1xl4")
    assert answer.status_code == 422
    assert "3 builds are compared at most and the address names 4: 1xl4 was left out" in answer.text
    assert cells(answer.text, "cards")[2].startswith("2 × l40s")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("rig=nonsense", "The first rig: "),
        ("rig=4xrtx-4090&rig=99xrtx-4090", "The second rig: "),
        ("rig=4xrtx-4090&users=many", "users is &#39;many&#39;"),
        ("rig=4xrtx-4090&model=no-such-model", "no-such-model"),
    ],
)
def test_wrong_words_are_told_and_the_rest_is_answered(query: str, sentence: str) -> None:
    answer = client().get(f"/compare?{query}")
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'role="alert"' in answer.text


def test_a_rig_that_is_pinned_twice_is_compared_once() -> None:
    answer = client().get("/compare?rig=4xrtx-4090&rig=4xRTX-4090&rig=4xrtx-4090")
    assert answer.status_code == 200
    assert "is pinned already" in answer.text
    assert len(cells(answer.text, "cards")) == 1


def test_pins_add_and_removals_drop_one() -> None:
    page = client().get("/compare?rig=4xrtx-4090&rig=1xh100-sxm").text
    pins = re.findall(r'<a class="button" href="([^"]+)" aria-label="Pin', page)
    assert pins
    rigs = [dict_of(url) for url in pins]
    assert all(found[:2] == ["4xrtx-4090", "1xh100-sxm"] and len(found) == 3 for found in rigs)
    removed = re.search(r'href="([^"]+)" aria-label="Remove 4xrtx-4090"', page)
    assert removed
    assert dict_of(removed[1]) == ["1xh100-sxm"]
    first = re.search(r'href="([^"]+)" aria-label="Compare the others against 1xh100', page)
    assert first
    assert dict_of(first[1]) == ["1xh100-sxm", "4xrtx-4090"]


def dict_of(url: str) -> list[str]:
    """Return the rigs of an address, in order."""
    query = urlsplit(url.replace("&amp;", "&")).query
    return [value for name, value in parse_qsl(query) if name == "rig"]


def test_the_cloud_equivalent_is_pinned_beside_the_first() -> None:
    answer = client().get("/compare/cloud?rig=2xrtx-3090&model=qwen--qwen3-8b")
    assert answer.status_code == 303
    found = dict_of(answer.headers["location"])
    assert found[0] == "2xrtx-3090"
    assert len(found) == 2
    page = client().get(answer.headers["location"]).text
    own, other = (float(cells(page, "tokens/s for a user")[n].split()[0]) for n in (0, 1))
    assert other >= own


def test_the_cloud_equivalent_of_three_is_refused() -> None:
    answer = client().get(THREE.replace("/compare", "/compare/cloud"))
    assert answer.status_code == 422
    assert "3 builds are pinned, the most that are compared" in answer.text


def test_the_table_of_cards_is_that_of_the_verb() -> None:
    page = client().get("/compare?rig=4xrtx-4090&rig=1xh100-sxm").text
    assert "Card by card" in page
    assert "reading all memory once" in page
    assert "rightrig compare 4xrtx-4090 1xh100-sxm" in page
    api = re.search(r'href="(/api/v1/compare[^"]+)"', page)
    assert api


def test_names_are_escaped() -> None:
    answer = client().get("/compare?rig=<script>alert(1)</script>")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_an_answer_is_kept() -> None:
    first = client().get(THREE)
    again = client().get(THREE, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


NAMES: Final = ("rig", "model", "context", "output", "users", "rate", "weights", "v", "x")


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(NAMES), st.text(max_size=12) | st.sampled_from(["1xl4", "2", "∞"])
        ),
        max_size=6,
    )
)
def test_no_address_breaks_it(query: list[tuple[str, str]]) -> None:
    answer = client().get(f"/compare?{urlencode(query)}")
    assert answer.status_code in {200, 303, 422}

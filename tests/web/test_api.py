"""The REST API answers what the verbs answer, says what it takes, and refuses in one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rightrig.facts.catalog import shipped
from rightrig.verbs.table import HERE, VERBS
from rightrig.verbs.told import whole_json
from rightrig.web.api.examples import EXAMPLES
from rightrig.web.api.fields import query_of
from rightrig.web.limits import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.verbs.table import Verb

QUICK: Final = {
    ("fit",), ("predict",), ("plan",), ("simulate",), ("fleet",), ("compare",), ("risk", "bits"),
    ("cost", "own"), ("cost", "compare"), ("ask", "criteria"), ("prices", "list"),
}  # fmt: skip
CATALOGUE: Final = ("gpus", "models", "rigs", "prices", "runtimes")
PROBLEM: Final = "application/problem+json"
CONFIG: Final = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048,
    "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256, "max_position_embeddings": 8192,
    "torch_dtype": "bfloat16", "tie_word_embeddings": True,
}  # fmt: skip
BY_QUERY: Final = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def api(api_server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{api_server}/api/v1", timeout=120.0) as client:
        yield client


@pytest.fixture(scope="module")
def description(api: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/openapi.json").json()
    return found


def is_problem(response: httpx.Response, status: int) -> bool:
    """Whether a response is a problem of that status, with a sentence."""
    assert response.status_code == status, response.text[:500]
    told = response.json()
    return (
        response.headers["content-type"] == PROBLEM
        and told["status"] == status
        and told["type"].startswith("urn:rightrig:problem:")
        and bool(told["title"])
        and bool(told["detail"])
    )


def without_duration(response: httpx.Response) -> dict[str, Any]:
    """Return an answer without how long it took."""
    found: dict[str, Any] = response.json()
    return {name: value for name, value in found.items() if name not in {"wall_s", "elapsed_s"}}


def path_of(verb: Verb) -> str:
    return f"/{'/'.join(verb.words)}"


@pytest.mark.parametrize(
    "words", [("fit",), ("compare",), ("cost", "own"), ("ask", "ecosystem"), ("risk", "serve")]
)
def test_an_answer_is_the_json_of_the_verb(words: tuple[str, ...], api: httpx.Client) -> None:
    (verb,) = (one for one in VERBS if one.words == words)
    here = whole_json(verb.answer(shipped(), **EXAMPLES[words]))
    assert api.post(path_of(verb), json=EXAMPLES[words]).json() == json.loads(json.dumps(here))


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.words in QUICK])
def test_a_get_answers_what_a_post_does(verb: Verb, api: httpx.Client) -> None:
    example = EXAMPLES[verb.words]
    found = api.get(path_of(verb), params=example if query_of(verb) else {})
    if query_of(verb) is None:
        assert is_problem(found, 405)
    else:
        posted = api.post(path_of(verb), json=example)
        assert without_duration(found) == without_duration(posted)


def test_no_is_an_answer_with_its_own_header(api: httpx.Client) -> None:
    found = api.get("/fit", params={"model": "llama-3.3-70b", "on": "1xl4"})
    assert (found.status_code, found.headers["rightrig-answer"]) == (200, "no")
    assert found.json()["verdict"] == "no"


def test_a_known_answer_is_not_sent_again(api: httpx.Client) -> None:
    asked = {"model": "llama-3.1-8b", "on": "1xl4"}
    first = api.get("/fit", params=asked)
    tag = first.headers["etag"]
    again = api.get("/fit", params=asked, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    # The order of fields, and a field that says what is taken anyway, change nothing.
    same = api.get("/fit?on=1xl4&concurrency=1&model=llama-3.1-8b")
    assert same.headers["etag"] == tag
    other = api.get("/fit", params={**asked, "concurrency": 2}, headers={"If-None-Match": tag})
    assert other.status_code == 200
    assert other.headers["etag"] != tag


@pytest.mark.parametrize("verb", HERE, ids=lambda verb: " ".join(verb.words))
def test_nobody_elsewhere_measures_or_watches_this_machine(verb: Verb, api: httpx.Client) -> None:
    assert is_problem(api.post(path_of(verb), json={}), 404)
    assert is_problem(api.get(path_of(verb)), 404)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_the_pages_of_a_list_are_the_list(kind: str, api: httpx.Client) -> None:
    whole = api.get(f"/{kind}/list").json()[kind]
    rows, url = [], f"/{kind}?limit=37"
    for _ in range(len(whole) // 37 + 1):
        page = api.get(url)
        assert page.headers["rightrig-total"] == str(len(whole))
        rows += page.json()[kind]
        url = page.links.get("next", {}).get("url", "").removeprefix("/api/v1")
    assert url == ""
    assert rows == whole


def test_a_page_keeps_the_filters_of_its_list(api: httpx.Client) -> None:
    page = api.get("/prices?gpu=h100-sxm&limit=1&sort=price")
    (offer,) = page.json()["prices"]
    following = api.get(page.links["next"]["url"].removeprefix("/api/v1")).json()["prices"][0]
    assert offer["gpu"] == following["gpu"] == "h100-sxm"
    assert offer != following


def test_a_record_has_a_path_of_its_own(api: httpx.Client) -> None:
    assert api.get("/gpus/4090").json()["slug"] == "rtx-4090"
    assert api.get("/models/meta-llama/Llama-3.1-8B").json()["family"] == "llama"
    rig = "4xrtx-4090%2B1xa100-sxm-80gb"
    whole, less = api.get(f"/rigs/{rig}").json(), api.get(f"/rigs/{rig}?overhead=9GiB").json()
    assert whole["combo"]["rig"] == "4xrtx-4090+1xa100-sxm-80gb"
    assert whole["combo"]["memory"]["effective_bytes"] > less["combo"]["memory"]["effective_bytes"]
    assert is_problem(api.get("/gpus/rtx-4091"), 422)


def test_a_list_of_models_that_is_empty_is_told(api: httpx.Client) -> None:
    found = api.post("/ask/mix", json={"models": [], "rigs": "4xrtx-4090,2xa100-sxm-80gb"})
    assert is_problem(found, 422)
    assert "models is empty" in found.text


def test_a_configuration_can_be_sent_in_place_of_a_name(api: httpx.Client) -> None:
    found = api.post("/fit", json={"model": {"config": CONFIG}, "on": "1xl4"}).json()
    assert found["verdict"] == "fits"
    # 16 layers of 2 × 8 heads of 64 numbers of 2 bytes.
    assert found["kv_bytes_per_token"] == 16 * 2 * 8 * 64 * 2
    assert found["weights_bytes"] == pytest.approx(2 * 1.236e9, rel=0.01)


def test_a_trace_can_be_sent(api: httpx.Client) -> None:
    lines = [f"{i / 5},{100 + i},{20 + i}" for i in range(40)]
    text = "\n".join(["arrival_s,input_tokens,output_tokens", *lines]) + "\n"
    asked = {"model": "qwen3-8b", "on": "1xl40s", "trace": {"name": "mine.csv", "text": text}}
    found = api.post("/simulate", json=asked)
    assert found.status_code == 200, found.text
    assert found.json()["requests_count"] == 40


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        ("/fit", {"model": "llama-3.1-8b", "on": "1xl4", "folder": "x"}, "folder"),
        ("/fit", {"model": "llama-3.1-8b"}, "on"),
        ("/fit", {"model": "llama-3.1-8b", "on": "1xl4", "context": 0}, "context"),
        ("/fit", {"model": "llama-3.1-8b", "on": "1xl4", "context": "many"}, "context"),
        ("/fit", {"model": "llama-3.1-8b", "on": "1xl4", "context": 10**30}, "context"),
        ("/plan", {"model": "qwen3-8b", "rate": "1/s", "save": "x"}, "save"),
        ("/plan", {"model": "qwen3-8b", "rate": "1/s", "sweep": "x.toml"}, "sweep"),
        ("/compare", {"rigs": ["l4"] * 33}, "rigs"),
        ("/fleet", {"file": {"name": "../x.toml", "text": ""}}, "file.name"),
        ("/fleet", {"file": "fleet.toml"}, "file"),
    ],
)
def test_a_wrong_word_is_named(
    path: str, body: dict[str, Any], word: str, api: httpx.Client
) -> None:
    found = api.post(path, json=body)
    assert is_problem(found, 422)
    assert found.json()["parameter"] == word


@pytest.mark.parametrize(
    ("words", "name", "most"),
    [(words, name, most) for words, limits in MOST.items() for name, most in limits.items()],
)
def test_a_costly_request_is_refused_with_the_limit(
    words: tuple[str, ...], name: str, most: int, api: httpx.Client
) -> None:
    found = api.post("/" + "/".join(words), json={**EXAMPLES[words], name: most + 1})
    assert is_problem(found, 422)
    assert f"{most:,}" in found.json()["detail"]
    assert found.json()["parameter"] == name


def test_what_is_not_there_and_what_is_not_taken_are_problems(api: httpx.Client) -> None:
    assert is_problem(api.get("/nothing"), 404)
    refused = api.delete("/fit")
    assert is_problem(refused, 405)
    assert "GET" in refused.headers["allow"] or "POST" in refused.headers["allow"]


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"model": "\\ud800", "on": "1xl4"}',
        b'{"model": "llama-3.1-8b", "on": "1xl4", "context": ' + b"9" * 6000 + b"}",
        b'{"model": {"config": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001 + b', "on": "1xl4"}',
        b'{"model": "llama-3.1-8b", "on": "1xl4", "gpu_memory_utilization": NaN}',
        b'{"model": {"config": {"hidden_size": Infinity}}, "on": "1xl4"}',
        b'{"model": {"config": {"a": ' + b"[" * 300 + b"]" * 300 + b'}}, "on": "1xl4"}',
        b'{"model": {"config": {"model_type": "\\ud800"}}, "on": "1xl4"}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_request_is_refused(body: bytes, api: httpx.Client) -> None:
    found = api.post("/fit", content=body, headers={"content-type": "application/json"})
    assert found.status_code in {400, 422}
    assert is_problem(found, found.status_code)


def test_what_is_no_json_is_another_problem_than_wrong_words(api: httpx.Client) -> None:
    heads = {"content-type": "application/json"}
    assert is_problem(api.post("/fit", content=b"{", headers=heads), 400)
    assert is_problem(api.post("/fit", content=b"{}", headers=heads), 422)


@pytest.mark.parametrize(
    "file",
    [
        {"name": ".", "text": "x"}, {"name": "..", "text": "x"}, {"name": ".models", "text": "x"},
        {"name": "a/b", "text": "x"}, {"name": "a.toml", "text": "\ud800"},
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_written_is_refused(file: dict[str, str], api: httpx.Client) -> None:
    body = json.dumps({"file": file}).encode()
    found = api.post("/fleet", content=body, headers={"content-type": "application/json"})
    assert is_problem(found, 422)


def test_a_configuration_and_a_file_do_not_meet(api: httpx.Client) -> None:
    text = "arrival_s,input_tokens,output_tokens\n" + "".join(f"{i},9,9\n" for i in range(20))
    asked = {"model": {"config": CONFIG}, "on": "1xl4", "trace": {"name": "uploaded", "text": text}}
    assert api.post("/simulate", json=asked).status_code == 200


def test_the_index_and_the_description_name_every_verb(
    api: httpx.Client, description: dict[str, Any]
) -> None:
    listed = api.get("/").json()["verbs"]
    assert [tuple(one["words"]) for one in listed] == [verb.words for verb in VERBS]
    assert {one["path"] for one in listed} <= description["paths"].keys()
    ids = [o["operationId"] for path in description["paths"].values() for o in path.values()]
    assert len(ids) == len(set(ids))
    assert "fit" in ids
    assert "cost_break_even" in ids


@BY_QUERY
@given(st.sampled_from(["fit", "predict", "compare", "gpus", "rigs/show", "cost/rent"]), st.data())
def test_no_query_string_makes_the_server_fail(
    api: httpx.Client, path: str, data: st.DataObject
) -> None:
    names = st.sampled_from(["model", "on", "rigs", "rig", "context", "limit", "offset", "name"])
    values = st.one_of(
        st.text(max_size=30), st.integers().map(str), st.floats().map(str),
        st.sampled_from(["llama-3.1-8b", "1xl4", "9999xl4", "l4", "0", "-1", "1e999"]),
    )  # fmt: skip
    pairs = data.draw(st.lists(st.tuples(names | st.text(max_size=8), values), max_size=6))
    query = urlencode(pairs, errors="replace")
    found = api.get(f"/{path}?{query}")
    assert found.status_code in {200, 422}
    assert found.status_code == 200 or is_problem(found, 422)

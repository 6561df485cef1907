"""The configurator page: the verdicts of ``fits``, the speeds of ``predict``, and no surprises."""

from __future__ import annotations

import csv
import html
import io
import itertools
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from starlette.testclient import TestClient

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.planning.combos.rivals import purchase_of
from rightrig.planning.fits import models_that_fit
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import SECONDS_PER_MONTH
from rightrig.web.app import created
from rightrig.web.drawing import memory_drawing
from rightrig.web.pages.configurator_answer import answer_of
from rightrig.web.pages.configurator_rows import refused_html, rows_html
from rightrig.web.pages.configurator_shelf import shelf_of
from rightrig.web.pages.configurator_table import Cell, Refused, Row
from rightrig.web.state import read

if TYPE_CHECKING:
    from httpx2 import Response

    from rightrig.web.pages.configurator_answer import Answer

_HTMX = {"HX-Request": "true"}
_LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(created(shipped()), base_url="http://localhost")


def _answer(query: str, before: str = "") -> Answer:
    catalog = shipped()
    old = read(parse_qs(before), catalog) if before else None
    return answer_of(read(parse_qs(query), catalog), shelf_of(catalog), old)


def _text(response: Response) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", response.text))


def test_the_table_says_what_fits_says() -> None:
    catalog = shipped()
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    rig = parse_rig("2xrtx-4090", catalog)
    known = {m.llm.name: m for m in models_that_fit(catalog, rig, 8192, 4, Choices(), llms)}
    table = _answer("rig=2xrtx-4090&users=4&all=1").table
    shown = {f"{row.owner}{row.name}": row.verdict for row in table.rows}
    shown |= {f"{row.owner}{row.name}": "no" for row in table.refused}
    assert shown == {name: model.verdict for name, model in known.items()}


def test_speed_and_price_of_a_row_are_those_of_predict_and_of_the_cheapest_rent(
    client: TestClient,
) -> None:
    catalog = shipped()
    rig = parse_rig("1xl40s", catalog)
    rows = csv.DictReader(
        io.StringIO(client.get("/configurator.csv?rig=1xl40s&users=8&all=1").text)
    )
    row = next(row for row in rows if row["model"] == _LLAMA)
    choices = Choices(weights="checkpoint" if row["weights"] == "bf16" else row["weights"])
    known = predict(propose(catalog, catalog.llm(_LLAMA), rig, choices), Lengths(7892.0, 300.0), 8)
    assert float(row["ttft_s_mid"]) == pytest.approx(known.ttft_s.mid, rel=1e-5)
    assert float(row["tpot_s_high"]) == pytest.approx(known.tpot_s.high, rel=1e-5)
    purchase = purchase_of(catalog.prices(), rig)
    assert purchase is not None
    token_usd = purchase.rent_usd_per_month / SECONDS_PER_MONTH / known.output_tokens_per_s.mid
    assert float(row["output_usd_per_token_mid"]) == pytest.approx(token_usd, rel=1e-5)


def test_a_model_that_is_slower_than_the_requests_come_has_no_time_to_first_token() -> None:
    table = _answer("rig=1xrtx-4090&rate=50/s").table
    row = next(row for row in table.rows if row.name == "Llama-3.1-8B-Instruct")
    assert row.cells[2].mid == "∞"


def test_the_default_list_has_one_model_of_a_shape() -> None:
    rows = _answer("rig=8xh100-sxm").table.rows
    names = [f"{row.owner}{row.name}" for row in rows]
    assert "meta-llama/Llama-3.3-70B-Instruct" in names
    assert "deepseek-ai/DeepSeek-R1-Distill-Llama-70B" not in names
    assert "nvidia/Llama-3.1-70B-Instruct-FP8" not in names


def test_the_largest_model_that_fits_is_drawn_until_one_is_chosen() -> None:
    usual = _answer("rig=1xrtx-4090").chosen
    assert usual is not None
    assert usual.is_default
    assert usual.verdict == "fits"
    chosen = _answer("rig=1xrtx-4090&model=llama-3.3-70b-instruct").chosen
    assert chosen is not None
    assert (chosen.name, chosen.verdict) == ("meta-llama/Llama-3.3-70B-Instruct", "no")


def test_a_change_names_the_models_that_vanish() -> None:
    shift = _answer("rig=2xrtx-4090", before="rig=4xrtx-4090").shift
    assert shift is not None
    assert shift.text == "4xrtx-4090 → 2xrtx-4090"
    assert "mistralai/Mistral-Large-Instruct-2407" in shift.lost
    assert not shift.won
    assert _answer("rig=2xrtx-4090&sort=price", before="rig=2xrtx-4090").shift is None


@pytest.mark.parametrize("sort", ["size", "context", "users", "user-speed", "price"])
def test_a_sort_keeps_all_rows_and_equals_in_their_order(sort: str) -> None:
    usual = _answer("rig=2xrtx-4090").table.rows
    rows = _answer(f"rig=2xrtx-4090&sort={sort}&order=desc").table.rows
    assert {row.place for row in rows} == {row.place for row in usual}
    assert [row.place for row in rows] != [row.place for row in usual]
    order = {row.place: number for number, row in enumerate(usual)}
    column = {"size": "size", "context": "context", "users": "users"}.get(sort)
    for one, two in itertools.pairwise(rows):
        if column and getattr(one, column) == getattr(two, column) and sort != "size":
            assert order[one.place] < order[two.place]


def test_filters_leave_what_they_say() -> None:
    answer = _answer("rig=8xh100-sxm&family=qwen3&size=4-15&licence=open&all=1")
    names = {row.name for row in answer.table.rows}
    assert {"Qwen3-8B", "Qwen3-14B"} <= names
    assert all(name.startswith(("Qwen3-", "Ternary")) for name in names)


def test_every_card_has_a_bar_and_its_parts_add_up_to_the_card() -> None:
    catalog = shipped()
    rig = parse_rig("4xrtx-4090+1xa100-sxm-80gb", catalog)
    llm = catalog.llm("llama-3.3-70b-instruct")
    deployment = propose(catalog, llm, rig, Choices("vllm", "fp8"))
    drawing = memory_drawing(fit(deployment, 8192, 4))
    assert len(drawing.bars) == 5
    for bar in drawing.bars:
        width = sum(float(part.width_percent.rstrip("%")) for part in bar.segments)
        assert width == pytest.approx(float(bar.length_percent.rstrip("%")), abs=0.3)
    assert drawing.bars[0].length_percent == "29.64%"
    assert "equal numbers of layers" in drawing.bars[-1].aside
    assert ("unusable", "cannot be used") in drawing.legend


def test_layers_in_host_memory_have_a_bar() -> None:
    catalog = shipped()
    rig = parse_rig("1xrtx-4090@ram=128GiB", catalog)
    llm = catalog.llm("llama-3.3-70b-instruct")
    result = fit(propose(catalog, llm, rig, Choices("llama.cpp", "q4_k_m")), 8192, 1)
    assert result.verdict == "offload"
    bar = memory_drawing(result).bars[-1]
    assert bar.label == "Host memory"
    assert "of 108.80 GiB" in bar.note


def test_a_form_is_answered_at_the_canonical_url(client: TestClient) -> None:
    was = "was=v%3D1%26rig%3D4xrtx-4090"
    form = f"card=4090&count=2&link=&slot=&watts=&mig=&context=8192&users=4&{was}"
    found = client.get(f"/?{form}", follow_redirects=False)
    assert found.status_code == 303
    assert found.headers["location"].startswith("/?v=1&rig=2xrtx-4090&users=4&was=")
    told = _text(client.get(found.headers["location"]))
    assert "4xrtx-4090 → 2xrtx-4090, users 1 → 4:" in told
    assert "models no longer fit" in told


def test_htmx_gets_the_part_and_the_canonical_url(client: TestClient) -> None:
    was = {**_HTMX, "HX-Current-URL": "http://localhost/?v=1&rig=4xrtx-4090"}
    form = "card=rtx-4090&count=2&link=&slot=&watts=&mig=&context=8192&users=1"
    found = client.get(f"/?{form}", headers=was)
    assert found.headers["hx-push-url"] == "/?v=1&rig=2xrtx-4090"
    assert "<html" not in found.text
    assert "<form" not in found.text  # nothing under the user's hands is drawn anew
    assert "4xrtx-4090 → 2xrtx-4090:" in _text(found)
    other = client.get(f"/?{form.replace('rtx-4090', 'rtx-3090')}", headers=was)
    assert "<form" in other.text  # another card has other links
    assert '<option value="rtx-3090" selected>' in other.text
    back = client.get("/?v=1&rig=2xrtx-4090", headers=was | {"HX-History-Restore-Request": "true"})
    assert "<html" in back.text


@pytest.mark.parametrize("address", ["http://[", "?", "http://x/?rig=", "\\"])
def test_whatever_a_client_calls_its_address_is_no_fault(client: TestClient, address: str) -> None:
    answered = client.get("/?rig=1xl40s", headers={**_HTMX, "HX-Current-URL": address})
    assert answered.status_code == 200
    assert "HX-Request" in answered.headers["vary"]


def test_a_wrong_value_is_told_beside_its_field_with_the_page(client: TestClient) -> None:
    found = client.get("/?v=1&rig=2xrtx-4090%2B1xnope&context=abc")
    assert found.status_code == 422
    assert 'aria-describedby="wrong-context"' in found.text
    assert "abc" in found.text
    assert "It was left out, the rest was computed." in _text(found)
    assert "models fit" in _text(found)


def test_an_old_link_is_computed_anew_and_says_what_it_did_not_understand(
    client: TestClient,
) -> None:
    found = client.get("/?v=0&rig=2xrtx-4090&gone=1")
    assert found.status_code == 200
    assert "everything was computed anew" in _text(found)
    assert "'gone'" in _text(found)


@pytest.mark.parametrize("query", [
    "rig=<script>alert(1)</script>", "model=<script>alert(1)</script>", "family=<script>",
    "card=<script>&count=<script>", "x<script>=1", "was=rig%3D<script>", "sort=<script>",
])  # fmt: skip
def test_nothing_that_a_link_says_becomes_a_script(client: TestClient, query: str) -> None:
    assert "<script>" not in client.get(f"/?{query}").text
    assert "<script>" not in client.get(f"/?{query}", headers=_HTMX).text


def test_the_name_of_a_model_is_escaped_in_its_row() -> None:
    hostile = '<img src=x onerror="alert(1)">'
    cell = Cell("1", "0–2")
    row = Row(0, hostile, hostile, hostile, "fits", "✓", "8 B", hostile, hostile, "8k", "1",
              (cell,), "", is_chosen=False)  # fmt: skip
    gone = Refused(hostile, hostile, hostile, "8 B", hostile, hostile, hostile, is_chosen=False)
    drawn = rows_html([row], hostile) + refused_html([gone], hostile)
    assert "<img" not in drawn
    assert 'onerror="' not in drawn


def test_a_choice_that_no_engine_knows_is_told_without_a_table(client: TestClient) -> None:
    found = client.get("/?v=1&rig=1xm3-ultra&os=windows")
    assert found.status_code in {200, 422}
    assert "Windows" in _text(found) or "windows" in _text(found)


def test_why_tells_the_sum_and_what_would_help(client: TestClient) -> None:
    query = "v=1&rig=1xrtx-4090&model=llama-3.1-8b-instruct&weights=bf16&context=131072"
    part = _text(client.get(f"/why?{query}", headers=_HTMX))
    sizes = re.search(r": (.*) = ([\d.]+) GiB, of a budget", part)
    assert sizes is not None
    parts = [float(text.rpartition(" ")[2]) for text in sizes[1].split(" + ")]
    assert sum(parts) == pytest.approx(float(sizes[2]), abs=0.05)
    assert "--on 2xrtx-4090 (tp2) : fits, costs money" in part
    assert "<html" in client.get(f"/why?{query}").text


def test_markdown_holds_the_rows_of_the_page(client: TestClient) -> None:
    text = client.get("/configurator.md?rig=2xrtx-4090&family=gemma3_text").text
    assert text.startswith("## 2xrtx-4090: 1 at once of 8,192 tokens")
    assert text.count("google/gemma-3") == len(
        _answer("rig=2xrtx-4090&family=gemma3_text").table.rows
    )


def test_a_file_of_a_wrong_question_is_refused(client: TestClient) -> None:
    found = client.get("/configurator.csv?rig=1xnope")
    assert found.status_code == 422
    assert "nope" in found.text

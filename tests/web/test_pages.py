"""The pages of the catalogue: each shows its facts, and says what it does not know."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from rightrig.facts.catalog import shipped
from rightrig.web.app import created
from rightrig.web.site import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LLAMA = "/models/meta-llama--llama-3.3-70b-instruct"
HOSTILE = "<script>alert(1)</script>"
RUN_COLUMNS = (
    "source,date,version,gpu,gpu_count,tp,pp,interconnect,model,params_b,weight_dtype,kv_dtype,"
    "runtime,isl,osl,concurrency_or_batch,metric,value,notes"
)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """Return a client of a server; its workers start only where a rig's page is asked for."""
    app = created(shipped())
    yield TestClient(app, base_url="http://localhost", follow_redirects=False)
    app.state.site.workers.close()


def text_of(client: TestClient, path: str, status: int = 200) -> str:
    """Return a page as text, without its tags."""
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def rows_of(client: TestClient, path: str) -> list[str]:
    """Return the first cells of a list, in its order."""
    page = client.get(path).text
    listed = page[page.index('class="grid list"') :]
    return re.findall(r'<tr>\s*<th scope="row"[^>]*>(?:<a [^>]*>)?([^<]+)', listed)


@pytest.mark.parametrize(
    ("path", "facts"),
    [
        ("/gpus", ("150 cards", "rtx-4090", "16-bit TFLOP/s")),
        ("/gpus/rtx-4090", ("23.52 GiB", "1,008 GB/s", "450 W", "Ada", "24,564 MiB", "Sources")),
        ("/gpus/h100-sxm", ("80 GB class", "1g.10gb", "NVLINK".lower(), "prices".rstrip("s"))),
        ("/models", ("B parameters", "KV B/token", "meta-llama/Llama-3.3-70B-Instruct")),
        (LLAMA, ("70.55 billion parameters", "327,680 B", "Smallest rigs", "tight", "awq")),
        ("/rigs", ("dgx-h100", "52 machines", "2n:8xh200-sxm")),
        ("/prices", ("114 offers", "Rental offers", "trust", "snapshot of 2026-11-20")),
        ("/prices?gpu=h100-sxm", ("15 of 114 offers", "Rent of one h100-sxm", "nebius")),
        ("/runtimes", ("23 engines", "memory, speed", "facts only")),
        ("/runtimes/vllm", ("of-total", "Weight formats on NVIDIA", "compute capability")),
        ("/measured", ("58 of 58 rows predicted", "golden_speed.csv: 38 rows, shipped")),
        ("/accuracy", ("measured nearby", "this GPU and runtime", "argonne-lcf")),
        ("/claims", ("llmfit", "24.900", "none of its 38 rows breaks a rule")),
        ("/api", ("55 verbs", "/api/v1/cost/break-even", "needed", "curl")),
    ],
)
def test_a_page_shows_its_facts(client: TestClient, path: str, facts: tuple[str, ...]) -> None:
    """Numbers that are known by hand stand on the page."""
    text = text_of(client, path)
    assert not [fact for fact in facts if fact.lower() not in text.lower()]


def test_a_page_of_plans_has_the_limits_of_the_api(client: TestClient) -> None:
    for path in ("/plan", "/api/v1/plan"):
        found = client.get(f"{path}?model=qwen3-8b&rate=5/s&top=101")
        assert found.status_code == 422
        assert "100 at most" in found.text


def test_a_list_is_sorted_by_the_heads_of_its_columns(client: TestClient) -> None:
    """Memory falls down the page, cards without a price come last both ways round."""
    assert rows_of(client, "/gpus?sort=memory&order=desc")[0] == "m3-ultra"
    both = [rows_of(client, f"/gpus?sort=rent&order={order}") for order in ("asc", "desc")]
    offers = [price for price in shipped().prices() if price.terms == "on-demand"]
    priced = {price.gpu for price in offers if price.per_gpu_usd_per_hour}
    assert all(set(found[: len(priced)]) == priced for found in both)
    assert both[0][: len(priced)][0] == both[1][: len(priced)][-1]


def test_a_list_is_filtered_by_its_form(client: TestClient) -> None:
    """Maker and memory leave the right cards, and the address keeps what was typed."""
    found = rows_of(client, "/gpus?maker=AMD&memory=180")
    assert found
    assert all(shipped().gpu(slug).vendor == "AMD" for slug in found)
    assert all(shipped().gpu(slug).memory_bytes.mid >= 180 * 2**30 for slug in found)
    page = client.get("/gpus?maker=AMD&memory=180&sort=power").text
    assert 'value="180"' in page
    assert "maker=AMD&amp;memory=180" in page


def test_a_wrong_value_is_told_beside_its_field(client: TestClient) -> None:
    """It limits nothing, and the page says why."""
    text = text_of(client, "/gpus?memory=much&maker=nobody")
    assert "'much' is no number" in text
    assert "'nobody' is none of these" in text
    assert "150 cards" in text


def test_a_long_list_has_pages(client: TestClient) -> None:
    """Each shows what the others do not; a page that is not there is the last."""
    first, last = (
        client.get(f"/claims?page={page}").text.count('<tr>\n<th scope="row"') for page in (1, 9999)
    )
    assert first == 250
    assert 0 < last < 250
    assert 'aria-current="page">1<' in client.get("/claims").text


@pytest.mark.parametrize(
    ("alias", "slug"),
    [
        ("/gpus/RTX%204090", "/gpus/rtx-4090"),
        ("/models/meta-llama/Llama-3.3-70B-Instruct", LLAMA),
        ("/models/llama-3.3-70b", LLAMA),
        ("/rigs/4xRTX%204090", "/rigs/4xrtx-4090"),
        ("/rigs?rig=2n:8xH200-SXM@net=50GB/s", "/rigs/2n:8xh200-sxm@net=50GB%2Fs"),
    ],
)
def test_another_name_leads_to_the_record(client: TestClient, alias: str, slug: str) -> None:
    """One record has one address."""
    answer = client.get(alias)
    assert answer.status_code == 303
    assert answer.headers["location"] == slug


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("/gpus/rtx-409o", 'href="/gpus/rtx-4090"'),
        ("/models/lama-3.3-70b", 'href="/models/'),
        ("/rigs/4xrtx-409o", 'href="/gpus/rtx-4090"'),
        ("/rigs/dgx-h10", 'href="/rigs/dgx-h100"'),
        ("/runtimes/vlm", 'href="/runtimes/vllm"'),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    client: TestClient, path: str, near: str
) -> None:
    """The page that is not there helps to find the one that is."""
    answer = client.get(path)
    assert answer.status_code == 404
    assert near in answer.text


@pytest.mark.parametrize(
    "path",
    [
        f"/gpus/{HOSTILE}", f"/models/{HOSTILE}", f"/rigs/{HOSTILE}", f"/runtimes/{HOSTILE}",
        f"/gpus?name={HOSTILE}&memory={HOSTILE}", f"/rigs?rig={HOSTILE}", f"/prices?gpu={HOSTILE}",
        f"/claims?of={HOSTILE}&sort={HOSTILE}&page={HOSTILE}", f"/measured?model={HOSTILE}",
        "/gpus/../../etc/passwd", "/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/rigs/9999xrtx-4090",
        "/rigs/1024n:72xh100-sxm", "/gpus/%00", f"/models/{'x' * 5000}",
        f"/rigs/{'+'.join(['1xl4'] * 90)}",
    ],
)  # fmt: skip
def test_hostile_words_come_back_escaped_or_not_at_all(client: TestClient, path: str) -> None:
    """No script is put into a page, and nothing breaks the server."""
    answer = client.get(path)
    assert answer.status_code in {200, 303, 404}
    assert HOSTILE not in answer.text
    assert len(answer.content) < 500_000


def test_a_known_page_is_not_sent_again(client: TestClient) -> None:
    """The ETag of a page is answered 304 until something changes."""
    tag = client.get("/gpus/rtx-4090").headers["etag"]
    assert client.get("/gpus/rtx-4090", headers={"If-None-Match": tag}).status_code == 304
    assert client.get("/gpus/a10", headers={"If-None-Match": tag}).status_code == 200


def test_the_page_of_a_rig_says_everything_about_it(client: TestClient) -> None:
    """The verdict comes first, then the arithmetic, the drawing, engines, failures, money."""
    page = client.get("/rigs/2xrtx-3090@nvlink").text
    assert re.findall(r'<h2 id="(\w+)"', page) == [
        "memory", "topology", "runtimes", "splits", "models", "traits", "failures", "alternatives",
        "money", "power", "next", "sources",
    ]  # fmt: skip
    text = text_of(client, "/rigs/2xrtx-3090@nvlink")
    facts = (
        "of 223 models fit", "37.2 GiB effective VRAM of 47.2 GiB visible", "For production:",
        "NVLink, card to card: 56 GB/s between two, each way", "How it fails", "Best at",
        "Bad at", "Who should avoid it", "READY-", "a month for", "vllm bench serve",
    )  # fmt: skip
    assert not [fact for fact in facts if fact not in text]
    assert 'href="/?v=1&amp;rig=2xrtx-3090%40nvlink"' in page
    assert 'href="/compare?rig=2xrtx-3090%40nvlink"' in page


def test_tables_of_the_folder_are_shown_and_followed(tmp_path: Path) -> None:
    """A table that is added appears; one that cannot be read says why, without its folder."""
    app = created(shipped(), Settings(measured=tmp_path))
    client = TestClient(app, base_url="http://localhost")
    assert "mine.csv" not in client.get("/measured").text
    golden = "example/bench,2026-01,0.9,rtx-4090,1,1,1,n/a,Llama-3.1-8B,8,bf16,bf16,vLLM,128,128,1"
    row = f"{golden},output_tok_s_total,50,{HOSTILE}"
    (tmp_path / "mine.csv").write_text(f"{RUN_COLUMNS}\n{row}\n")
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n")
    page = client.get("/measured").text
    assert "mine.csv: 1 rows, of this server" in page
    assert "broken.csv: " in page
    assert "its header is that of none" in page
    assert str(tmp_path) not in page
    assert HOSTILE not in page
    assert "mine.csv" in client.get("/claims").text


def test_internal_links_of_the_pages_lead_somewhere(client: TestClient) -> None:
    """A walk from the lists meets no dead end; pages of rigs are only looked up."""
    seen, waiting, asked = set[str](), ["/gpus", "/models", "/rigs", "/prices", "/measured"], 0
    while waiting and asked < 100:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        answer = client.get(path)
        asked += 1
        assert answer.status_code in {200, 303}, path
        links = [html.unescape(link) for link in re.findall(r'href="(/[^"#]*)', answer.text)]
        waiting += [link for link in links if is_walked(link)][:: 7 if asked > 5 else 1]
        for link in links:
            if link.startswith("/rigs/") and link not in seen:
                seen.add(link)
                assert client.get(link, headers={"If-None-Match": "*"}).status_code == 304, link
    assert asked >= 80


def is_walked(link: str) -> bool:
    """Say whether a link is of pages that are made quickly."""
    return link == "/models" or link.startswith(
        ("/gpus", "/runtimes", "/prices", "/accuracy", "/claims")
    )

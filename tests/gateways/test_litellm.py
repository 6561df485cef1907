"""LiteLLM's proxy with the generated configuration, before two servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from gated_llm import FIRST, REST, GatedLlm, gated_llm
from gateway_process import MODEL, asked, litellm, litellm_text, next_text, streamed
from prometheus_process import until

from rightrig.measuring.tune.engine import free_port
from rightrig.planning.routing import Route, RoutingTable, Target
from rightrig.recipes.gateway import litellm_config
from rightrig.recipes.places.gateways import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

Proxy = tuple[str, GatedLlm, GatedLlm]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Yield a proxy before two engines, each with one sequence in service and one that waits."""
    with gated_llm() as one, gated_llm() as two:
        addresses = [Address("127.0.0.1", one.port), Address("127.0.0.1", two.port)]
        with litellm(litellm_text(addresses, 2), tmp_path_factory.mktemp("proxy")) as url:
            yield url, one, two


@pytest.fixture(autouse=True)
def _forgotten(proxy: Proxy) -> None:
    for engine in proxy[1:]:
        engine.bodies.clear()
        engine.gate.set()
        engine.breaks = engine.is_strict = False


def test_it_answers_under_the_models_name(proxy: Proxy) -> None:
    url, one, two = proxy
    status, answer = asked(url)
    assert status == 200
    assert answer["choices"][0]["message"]["content"] == FIRST + REST
    assert [body["model"] for body in (*one.bodies, *two.bodies)] == [MODEL]


def test_a_token_reaches_the_client_before_the_next_one_is_made(proxy: Proxy) -> None:
    url, one, two = proxy
    one.gate.clear()
    two.gate.clear()
    with streamed(url) as answer:
        assert next_text(answer) == FIRST
        one.gate.set()
        two.gate.set()
        assert next_text(answer) == REST
        assert next_text(answer) is None


def test_requests_are_spread_and_who_comes_when_all_are_full_is_told_at_once(proxy: Proxy) -> None:
    url, one, two = proxy
    one.gate.clear()
    two.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        held = []
        for count in range(1, 5):
            held.append(pool.submit(asked, url))
            until(lambda n=count: len(one.bodies) + len(two.bodies) == n, 20.0, "requests")  # type: ignore[misc]
        assert len(one.bodies) == len(two.bodies) == 2
        assert asked(url)[0] == 429
        one.gate.set()
        two.gate.set()
        assert {answer.result()[0] for answer in held} == {200}
    # A full engine has not failed: it is asked again.
    assert asked(url)[0] == 200


def test_an_engines_refusal_of_a_long_prompt_comes_back_once(proxy: Proxy) -> None:
    url, one, two = proxy
    one.is_strict = two.is_strict = True
    status, answer = asked(url)
    assert status == 400
    assert "maximum context length" in answer["error"]["message"]
    assert len(one.bodies) + len(two.bodies) == 1


def test_a_stream_that_began_is_not_repeated_on_another_engine(proxy: Proxy) -> None:
    url, one, two = proxy
    one.breaks = two.breaks = True
    with streamed(url) as answer:
        assert next_text(answer) == FIRST
        assert next_text(answer) is None
    assert len(one.bodies) + len(two.bodies) == 1


def test_an_engine_that_is_gone_is_passed_over(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with gated_llm() as one:
        addresses = [Address("127.0.0.1", free_port()), Address("127.0.0.1", one.port)]
        with litellm(litellm_text(addresses), tmp_path_factory.mktemp("gone")) as url:
            assert [asked(url)[0] for _ in range(6)] == [200] * 6


def test_a_fleets_configuration_sends_long_prompts_to_their_pool(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    table = RoutingTable(
        (
            Route(MODEL, MODEL, 8192, 0, 100, (Target("short", 1, 1.0),)),
            Route(MODEL, MODEL, 8192, 100, None, (Target("long", 1, 1.0),)),
        )
    )
    with gated_llm() as short, gated_llm() as long:
        text = litellm_config(table)
        text = text.replace("http://short:8000", short.url).replace("http://long:8000", long.url)
        with litellm(text, tmp_path_factory.mktemp("fleet")) as url:
            assert asked(url)[0] == 200
            assert (len(short.bodies), len(long.bodies)) == (1, 0)
            assert asked(url, prompt="word " * 1000)[0] == 200
            assert (len(short.bodies), len(long.bodies)) == (1, 1)

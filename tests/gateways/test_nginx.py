"""nginx with the generated configuration, before two servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from gated_llm import FIRST, REST, gated_llm
from gateway_process import asked, got, next_text, nginx, streamed
from prometheus_process import until

from rightrig.measuring.tune.engine import free_port
from rightrig.recipes.places.gateways import Address


def test_it_answers_and_shows_nothing_but_the_api() -> None:
    with gated_llm() as one, nginx([Address("127.0.0.1", one.port)]) as url:
        status, answer = asked(url)
        assert status == 200
        assert answer["choices"][0]["message"]["content"] == FIRST + REST
        assert got(url, "/healthz") == 200
        assert got(url, "/metrics") == 404


def test_requests_are_spread_over_the_engines_by_how_many_each_holds() -> None:
    with gated_llm() as one, gated_llm() as two:
        one.gate.clear()
        two.gate.clear()
        addresses = [Address("127.0.0.1", one.port), Address("127.0.0.1", two.port)]
        with nginx(addresses) as url, ThreadPoolExecutor(6) as pool:
            answers = [pool.submit(asked, url) for _ in range(6)]
            until(lambda: len(one.bodies) + len(two.bodies) == 6, 20.0, "six requests")
            assert len(one.bodies) == len(two.bodies) == 3
            one.gate.set()
            two.gate.set()
            assert {answer.result()[0] for answer in answers} == {200}


def test_a_token_reaches_the_client_before_the_next_one_is_made() -> None:
    with gated_llm() as one, nginx([Address("127.0.0.1", one.port)]) as url:
        one.gate.clear()
        with streamed(url) as answer:
            assert next_text(answer) == FIRST
            one.gate.set()
            assert next_text(answer) == REST
            assert next_text(answer) is None


def test_an_engine_that_is_gone_is_passed_over() -> None:
    with gated_llm() as one:
        addresses = [Address("127.0.0.1", free_port()), Address("127.0.0.1", one.port)]
        with nginx(addresses) as url:
            assert [asked(url)[0] for _ in range(6)] == [200] * 6


def test_without_engines_clients_are_told_so_in_json() -> None:
    with nginx([Address("127.0.0.1", free_port())]) as url:
        status, answer = asked(url)
        assert (status, answer["error"]["message"]) == (503, "no engine answers")


def test_a_stream_that_began_is_not_repeated_on_another_engine() -> None:
    with gated_llm(breaks=True) as one, gated_llm(breaks=True) as two:
        addresses = [Address("127.0.0.1", one.port), Address("127.0.0.1", two.port)]
        with nginx(addresses) as url, streamed(url) as answer:
            assert next_text(answer) == FIRST
            assert answer.readline().strip() == b""
        assert len(one.bodies) + len(two.bodies) == 1


def test_who_comes_when_all_engines_are_full_is_told_at_once() -> None:
    # Two engines, each with one sequence in service and one that waits.
    with gated_llm() as one, gated_llm() as two:
        one.gate.clear()
        two.gate.clear()
        addresses = [Address("127.0.0.1", one.port), Address("127.0.0.1", two.port)]
        with nginx(addresses, concurrency=2) as url, ThreadPoolExecutor(4) as pool:
            held = [pool.submit(asked, url) for _ in range(4)]
            until(lambda: len(one.bodies) + len(two.bodies) == 4, 20.0, "four requests")
            status, answer = asked(url)
            assert (status, answer["error"]["type"]) == (429, "rate_limit_error")
            one.gate.set()
            two.gate.set()
            assert {answer.result()[0] for answer in held} == {200}


def test_a_body_that_no_context_could_hold_never_reaches_an_engine() -> None:
    with gated_llm() as one, nginx([Address("127.0.0.1", one.port)]) as url:
        status, answer = asked(url, prompt="word " * 400_000)
        assert (status, answer["error"]["code"]) == (413, 413)
        assert not one.bodies


def test_the_engines_own_refusal_of_a_long_prompt_comes_back_once() -> None:
    with gated_llm(is_strict=True) as one, gated_llm(is_strict=True) as two:
        addresses = [Address("127.0.0.1", one.port), Address("127.0.0.1", two.port)]
        with nginx(addresses) as url:
            status, answer = asked(url)
        assert status == 400
        assert "maximum context length" in answer["error"]["message"]
        assert len(one.bodies) + len(two.bodies) == 1

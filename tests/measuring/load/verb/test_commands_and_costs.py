"""The same test in the words of other tools, and what tokens cost."""

from __future__ import annotations

import shlex

import pytest

from rightrig.demand.objective import Slo
from rightrig.interval import Interval
from rightrig.measuring.load.commands import (
    Load,
    Trial,
    aiperf_command,
    base_of,
    load_text,
    vllm_command,
)
from rightrig.measuring.load.costing import token_cost, usd_per_token
from rightrig.report.load_plan import folded

SLO = Slo(ttft_p50_s=0.2, ttft_p99_s=1.0, tpot_p99_s=0.05, e2e_p95_s=10.0, itl_p99_s=0.1)
TEST = Trial("http://host:8000/v1", "llama", "meta-llama/Llama-3.1-8B", "chat", 1000, 300, SLO, 7)


def options_of(command: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    name = ""
    for word in shlex.split(command):
        if word.startswith("--"):
            name = word
            found.setdefault(name, [])
        else:
            found.setdefault(name, []).append(word)
    return found


def test_vllm_is_asked_for_the_same_rate_lengths_and_limits() -> None:
    found = options_of(vllm_command(TEST, Load(200, 6.5)))
    assert found[""] == ["vllm", "bench", "serve"]
    assert found["--base-url"] == ["http://host:8000"]
    assert found["--endpoint"] == ["/v1/chat/completions"]
    assert found["--backend"] == ["openai-chat"]
    assert (found["--random-input-len"], found["--random-output-len"]) == (["1000"], ["300"])
    assert (found["--request-rate"], found["--num-prompts"]) == (["6.5"], ["200"])
    assert (found["--model"], found["--served-model-name"]) == (
        ["meta-llama/Llama-3.1-8B"], ["llama"],
    )  # fmt: skip
    # The tightest limit of a metric is what a good request keeps; ITL is none a request.
    assert found["--goodput"] == ["ttft:200", "tpot:50", "e2el:10000"]
    assert "--ignore-eos" in found
    assert "--save-detailed" in found


def test_aiperf_is_asked_for_the_same() -> None:
    found = options_of(aiperf_command(TEST, Load(64, users_count=8)))
    assert found[""] == ["aiperf", "profile"]
    assert (found["--concurrency"], found["--request-count"]) == (["8"], ["64"])
    assert found["--synthetic-input-tokens-mean"] == ["1000"]
    assert found["--extra-inputs"] == ["ignore_eos:true", "min_tokens:300"]
    assert found["--goodput"] == [
        "time_to_first_token:200 inter_token_latency:50 request_latency:10000"
    ]
    assert "--streaming" in found
    assert "--request-rate" not in found


def test_completions_and_no_limits_have_fewer_words() -> None:
    plain = Trial("https://h/v1/completions", "m", "", "completions", 10, 2, Slo())
    found = options_of(vllm_command(plain, Load(10, users_count=1)))
    assert (found["--endpoint"], found["--base-url"]) == (["/v1/completions"], ["https://h"])
    assert "--goodput" not in found
    assert "--served-model-name" not in found
    assert "--goodput" not in options_of(aiperf_command(plain, Load(10, 1.0)))
    assert load_text(Load(10, users_count=1)) == "1 user"


def test_an_address_is_brought_to_what_the_tools_take() -> None:
    for url in ("http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/chat/completions/"):
        assert base_of(url) == "http://h:1"


def test_a_folded_command_is_the_same_command() -> None:
    command = vllm_command(TEST, Load(200, 6.5))
    lines = folded(command)
    assert all(len(line) <= 100 for line in lines)
    assert len(lines) > 2
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)


def test_a_million_tokens_cost_what_the_hour_divides_into() -> None:
    assert usd_per_token(3.6, 1000.0) * 1e6 == pytest.approx(1.0)
    cost = token_cost(3.6, 1000.0, Interval(800.0, 1000.0, 1250.0))
    assert cost is not None
    assert cost.predicted_usd_per_token is not None
    assert cost.predicted_usd_per_token.high * 1e6 == pytest.approx(1.25)
    assert not cost.is_regression


def test_a_cost_beyond_the_pessimistic_end_is_a_regression() -> None:
    predicted = Interval(800.0, 1000.0, 1250.0)
    at_the_end, beyond = token_cost(3.6, 800.0, predicted), token_cost(3.6, 799.0, predicted)
    assert at_the_end is not None
    assert beyond is not None
    assert (at_the_end.is_regression, beyond.is_regression) == (False, True)


def test_without_tokens_or_a_prediction_nothing_is_claimed() -> None:
    assert token_cost(3.6, 0.0, None) is None
    alone = token_cost(3.6, 10.0, None)
    assert alone is not None
    assert (alone.predicted_usd_per_token, alone.is_regression) == (None, False)

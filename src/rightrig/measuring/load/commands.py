"""The same test as commands of other load generators: ``vllm bench serve`` and ``aiperf profile``.

Options as of vLLM's ``vllm/benchmarks/serve.py`` (vllm-project/vllm@009e6d4) and of AIPerf 0.13's
command-line reference. Both know limits a request, not percentiles: where several percentiles of a
metric are limited, the tightest limit is the one that a good request keeps.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.quantities import show_number, show_users

if TYPE_CHECKING:
    from rightrig.demand.objective import Slo

_VLLM_NAMES: Final = {"ttft": "ttft", "tpot": "tpot", "e2e": "e2el"}
_AIPERF_NAMES: Final = {
    "ttft": "time_to_first_token", "tpot": "inter_token_latency", "e2e": "request_latency",
}  # fmt: skip
"""AIPerf's ``inter_token_latency`` is a mean a request, which is what we call TPOT."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What every command of a test has in common.

    Attributes:
        url: Of the server, without ``/v1`` and without credentials.
        name: What the server calls the model.
        tokenizer: Hub id or path of the tokenizer; empty for what the name says.
        input_tokens, output_tokens: Mean lengths.
        seed: Of prompts and arrivals.
    """

    url: str
    name: str
    tokenizer: str
    api: Literal["chat", "completions"]
    input_tokens: int
    output_tokens: int
    slo: Slo
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """How much comes: a rate of its own, or users who each wait for their answer."""

    requests_count: int
    rate_requests_per_s: float | None = None
    users_count: int | None = None


def vllm_command(test: Trial, load: Load) -> str:
    """Return the test as ``vllm bench serve``; random prompts, Poisson arrivals."""
    is_chat = test.api == "chat"
    words = [
        "vllm", "bench", "serve", "--backend", "openai-chat" if is_chat else "openai",
        "--base-url", base_of(test.url),
        "--endpoint", "/v1/chat/completions" if is_chat else "/v1/completions",
        "--model", test.tokenizer or test.name,
    ]  # fmt: skip
    if test.tokenizer and test.tokenizer != test.name:
        words += ["--served-model-name", test.name]
    words += [
        "--dataset-name", "random", "--random-input-len", str(test.input_tokens),
        "--random-output-len", str(test.output_tokens), "--ignore-eos",
        *_vllm_load(load), "--num-prompts", str(load.requests_count), "--seed", str(test.seed),
        "--percentile-metrics", "ttft,tpot,itl,e2el", "--metric-percentiles", "50,90,95,99",
    ]  # fmt: skip
    limits = _limits(test.slo, _VLLM_NAMES)
    return shlex.join([*words, *(["--goodput", *limits] if limits else []),
                       "--save-result", "--save-detailed"])  # fmt: skip


def _vllm_load(load: Load) -> list[str]:
    """Return how much comes; without a rate all wait for a free place."""
    if load.rate_requests_per_s is not None:
        return ["--request-rate", f"{load.rate_requests_per_s:.6g}"]
    return ["--max-concurrency", str(load.users_count)]


def aiperf_command(test: Trial, load: Load) -> str:
    """Return the test as ``aiperf profile``; its arrivals at a rate are Poisson, too."""
    words = ["aiperf", "profile", "--model", test.name]
    if test.tokenizer and test.tokenizer != test.name:
        words += ["--tokenizer", test.tokenizer]
    words += [
        "--url", base_of(test.url), "--endpoint-type", test.api, "--streaming",
        "--synthetic-input-tokens-mean", str(test.input_tokens),
        "--synthetic-input-tokens-stddev", "0", "--output-tokens-mean", str(test.output_tokens),
        "--output-tokens-stddev", "0", "--extra-inputs", "ignore_eos:true",
        "--extra-inputs", f"min_tokens:{test.output_tokens}",
        *_aiperf_load(load), "--request-count", str(load.requests_count),
        "--random-seed", str(test.seed),
    ]  # fmt: skip
    limits = _limits(test.slo, _AIPERF_NAMES)
    return shlex.join([*words, *(["--goodput", " ".join(limits)] if limits else [])])


def _aiperf_load(load: Load) -> list[str]:
    """Return how much comes."""
    if load.rate_requests_per_s is not None:
        return ["--request-rate", f"{load.rate_requests_per_s:.6g}"]
    return ["--concurrency", str(load.users_count)]


def _limits(slo: Slo, names: dict[str, str]) -> list[str]:
    """Return the tightest limit of each metric that the tool knows, in milliseconds."""
    tightest_s: dict[str, float] = {}
    for metric, _, limit_s in slo.objectives():
        if metric in names:
            tightest_s[metric] = min(limit_s, tightest_s.get(metric, limit_s))
    return [f"{names[metric]}:{limit_s * 1e3:.6g}" for metric, limit_s in tightest_s.items()]


def base_of(url: str) -> str:
    """Return the address to which both tools add ``/v1/…`` themselves.

    >>> base_of("http://localhost:8000/v1/"), base_of("https://host/v1/chat/completions")
    ('http://localhost:8000', 'https://host')
    """
    base = url.rstrip("/")
    for ending in ("/chat/completions", "/completions", "/v1"):
        base = base.removesuffix(ending).rstrip("/")
    return base


def load_text(load: Load) -> str:
    """Return how much comes, as people say it."""
    if load.rate_requests_per_s is not None:
        return f"{show_number(load.rate_requests_per_s)} requests/s"
    return show_users(load.users_count or 0)

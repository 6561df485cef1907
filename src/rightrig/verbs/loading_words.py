"""From the words of ``load`` to levels, requests and a server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.demand.workload import MAX_TOKENS
from rightrig.errors import InputError
from rightrig.quantities import check_count, parse
from rightrig.verbs.requesting import traffic_of

if TYPE_CHECKING:
    from rightrig.demand.requests import Requests
    from rightrig.measuring.load.commands import Trial
    from rightrig.measuring.load.levels import Bounds
    from rightrig.measuring.load.target import Target
    from rightrig.measuring.load.tokens import Tokenizer
    from rightrig.report.simulated import Traffic
    from rightrig.verbs.loading import Asked, Server, Subject
    from rightrig.verbs.requesting import Words
    from rightrig.verbs.tuning_asked import Server as Engine

_LONGEST_S: Final = 86_400.0
_MOST_LEVELS: Final = 32
_SOME_REQUESTS: Final = 1_000
_USUAL_RATE: Final = "1/s"
_NOTHING_SAID: Final = (
    "how much comes is not said: add --rate 5/s, --concurrency 1,4,16, --trace FILE, --ramp or "
    "--plan FILE"
)


def bounds_of(asked: Asked) -> Bounds:
    """Return what limits a test."""
    from rightrig.measuring.load.levels import LEAST_RAMP_REQUESTS, Bounds

    count = asked.words.requests
    is_search = asked.is_ramp or asked.files.plan is not None
    if count is not None and is_search and count < LEAST_RAMP_REQUESTS:
        raise InputError(
            f"--requests is {count}: a ramp tells a rate that holds from one that breaks by "
            f"{LEAST_RAMP_REQUESTS} requests or more"
        )
    bounds = Bounds(requests_count=count)
    if asked.seconds is not None:
        total_s = parse(asked.seconds, "time", name="--seconds", limit=_LONGEST_S)
        bounds = replace(bounds, total_s=total_s)
    if asked.warmup is not None:
        warmup_s = 0.0
        if asked.warmup.strip() not in {"0", "0s"}:
            warmup_s = parse(asked.warmup, "time", name="--warmup", limit=_LONGEST_S)
        bounds = replace(bounds, warmup_s=warmup_s)
    return bounds


def users_of(text: str | None) -> tuple[int, ...]:
    """Return the levels of a closed loop, in the order given.

    >>> users_of("1,4, 16")
    (1, 4, 16)
    """
    from rightrig.measuring.load.outcome import MOST_CONCURRENCY

    if text is None:
        return ()
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--concurrency is {text[:40]!r}: write whole numbers by comma, such as 1,4,16"
        ) from None
    if len(found) > _MOST_LEVELS:
        raise InputError(f"--concurrency names {len(found)} levels; ask for at most {_MOST_LEVELS}")
    return tuple(check_count(n, name="--concurrency", limit=MOST_CONCURRENCY) for n in found)


@dataclass(slots=True)
class Drawing:
    """Draws the requests of a test: the same ones for the same number.

    Attributes:
        words: What is drawn.
        most_tokens: The longest context of the model.
        is_free: Whether the rate is looked for.
    """

    words: Words
    most_tokens: int
    is_free: bool
    drawn: dict[int, Traffic] = field(default_factory=dict)

    def traffic(self, count: int | None) -> Traffic:
        """Return the traffic of so many requests; ``None`` for all of a trace."""
        key = count or 0
        if key not in self.drawn:
            words = replace(self.words, requests=count)
            self.drawn[key] = traffic_of(words, self.most_tokens, finds_limit=self.is_free)
        return self.drawn[key]

    def some(self) -> Requests:
        """Return enough requests to see how long they are: all of a trace."""
        return self.traffic(None if self.words.trace else _SOME_REQUESTS).requests

    def requests(self, count: int) -> Requests:
        """Return so many requests; of a closed loop or a rate alike."""
        return self.traffic(count).requests


def drawing(asked: Asked, subject: Subject, users_count: int | None = None) -> Drawing:
    """Return what draws the requests of a test.

    Args:
        asked: The words of the command.
        subject: What is tested; the traffic of a plan is the plan's.
        users_count: Of a closed loop whose users pause: each then has requests of its own.
    """
    words, planned = asked.words, subject.planned
    if planned is not None:
        rate = f"{planned.peak_requests_per_s!r}/s"
        words = replace(
            words, rate=rate, input=f"{planned.input_tokens}", output=f"{planned.output_tokens}"
        )
    elif users_count is not None and words.think is not None:
        words = replace(words, concurrency=users_count)
    elif words.rate is None and words.trace is None and words.arrivals is None:
        if not asked.is_ramp and asked.concurrency is None:
            raise InputError(_NOTHING_SAID)
        words = replace(words, rate=_USUAL_RATE)
    llm = None if subject.deployment is None else subject.deployment.llm
    most = MAX_TOKENS if llm is None else llm.max_context_tokens
    return Drawing(replace(words, requests=None), most, asked.is_ramp and planned is None)


def target_of(server: Server | Engine, url: str) -> Target:
    """Return the server; the key is read from the environment and kept nowhere.

    Raises:
        InputError: for a wrong address, or a variable that is not set.
    """
    from rightrig.measuring.load.target import Target

    headers: dict[str, str] = {}
    if server.api_key_env is not None:
        key = os.environ.get(server.api_key_env, "").strip()
        if not key:
            raise InputError(
                f"--api-key-env names {server.api_key_env[:60]!r}, which is not set in the "
                "environment: export it first"
            )
        headers["Authorization"] = f"Bearer {key}"
    target = Target(url, server.name or "", server.api, headers, fixes_length=server.fixes_length)
    if server.timeout is not None:
        timeout_s = parse(server.timeout, "time", name="--timeout", limit=_LONGEST_S)
        target = replace(target, timeout_s=timeout_s)
    return target


def tokenizer_of(asked: Asked) -> Tokenizer | None:
    """Return what counts tokens; ``None`` for the server's own counts."""
    if asked.server.tokenizer is None:
        return None
    from rightrig.measuring.load.tokens import read_tokenizer

    return read_tokenizer(Path(asked.server.tokenizer))


def peak_requests_per_s(asked: Asked, subject: Subject) -> float | None:
    """Return the planned load of a ramp in requests/s; ``None`` where nobody said one."""
    if subject.planned is not None:
        return subject.planned.peak_requests_per_s
    return asked.words.rate_per_s if asked.is_ramp else None


def trial_of(asked: Asked, subject: Subject, url: str, name: str) -> Trial:
    """Return the test in the words of other tools."""
    from rightrig.measuring.load.commands import Trial

    planned, deployment = subject.planned, subject.deployment
    tokenizer = asked.server.tokenizer or ""
    if not tokenizer and deployment is not None:
        tokenizer = deployment.llm.name
    lengths = (1, 1)
    if planned is not None:
        lengths = (planned.input_tokens, planned.output_tokens)
    return Trial(url, name, tokenizer, asked.server.api, *lengths, subject.slo, asked.words.seed)

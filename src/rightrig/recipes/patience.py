"""How long an answer may take, and how many may wait for one: what gateways and services allow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.work.weights import weight_bytes

if TYPE_CHECKING:
    from rightrig.recipes.serving import Serving

_UNKNOWN_S: Final = 600.0
"""Longest answer where no speed is predicted."""
_LEAST_S: Final = 60.0
_STEP_S: Final = 30.0
_OBJECTIVE_SLACK_RATIO: Final = 2.0
_MOST_ROUNDS: Final = 4
_READ_BYTES_PER_S: Final = 2e8
"""Weights from a slow disk or over a network of 2 Gb/s."""
DOWNLOAD_BYTES_PER_S: Final = 1e8
"""From the hub, the first time. An assumption: 0.8 Gb/s."""
_START_S: Final = 300.0
"""Imports, compilation and graph capture, generously."""


def waiting_requests(serving: Serving) -> int:
    """Return the requests that may wait for one engine, beside those that it serves.

    Where a time to the first token is promised, as many as the engine finishes in that time at
    the slow end of the prediction: who comes later would be late anyway, and is better told at
    once. Without a promise, as many as are served.
    """
    most = _MOST_ROUNDS * serving.engine_seqs
    limits_s = [one.limit_s for one in serving.slo.objectives() if one.metric == "ttft"]
    if not limits_s or serving.prediction is None:
        return serving.engine_seqs
    engines = serving.deployment.parallelism.replicas
    rate_per_s = serving.prediction.requests_per_s.low / engines
    return min(most, max(1, int(rate_per_s * max(limits_s))))


def held_requests(serving: Serving) -> int:
    """Return the requests that one engine is sent at most: in service and waiting."""
    return serving.engine_seqs + waiting_requests(serving)


def first_token_s(serving: Serving) -> int:
    """Return how long the first token of the longest prompt may take, in seconds.

    Its turn comes when those before it are done; then it is read, in proportion to its length.
    """
    prediction = serving.prediction
    if prediction is None:
        return round(_UNKNOWN_S)
    engines = serving.deployment.parallelism.replicas
    wait_s = waiting_requests(serving) * engines / prediction.requests_per_s.low
    longer_ratio = max(1.0, serving.context_tokens / serving.input_tokens)
    return _rounded_s(wait_s + prediction.ttft_s.high * longer_ratio)


def answer_s(serving: Serving) -> int:
    """Return how long the longest answer may take, in seconds.

    A whole context of output at the slow end of the prediction, or twice what is promised where
    that is longer. A client that does not stream sees no byte before the end.
    """
    if serving.prediction is None:
        return round(_UNKNOWN_S)
    whole_s = first_token_s(serving) + serving.context_tokens * serving.prediction.tpot_s.high
    promised = (one.limit_s for one in serving.slo.objectives() if one.metric == "e2e")
    promised_s = _OBJECTIVE_SLACK_RATIO * max(promised, default=0.0)
    return _rounded_s(max(whole_s, promised_s))


def loading_s(serving: Serving) -> int:
    """Return the time in which an engine has surely loaded, in seconds.

    Assumed, not measured: 200 MB/s for the weights and five minutes for the rest. A download from
    a slower hub belongs before the start.
    """
    return _rounded_s(_START_S + serving.fit.weights_bytes / _READ_BYTES_PER_S)


def file_bytes(serving: Serving) -> float:
    """Return the bytes of weights that are fetched, those of a draft too."""
    deployment = serving.deployment
    found = serving.fit.weights_bytes
    if serving.checkpoint == deployment.llm.name:
        found = max(found, weight_bytes(deployment.llm, "checkpoint"))
    draft = deployment.companions.draft
    return found + (weight_bytes(draft, "checkpoint") if draft else 0.0)


def startup_s(serving: Serving) -> int:
    """Return how long a first start may take: download and load; whole minutes."""
    found = file_bytes(serving) / DOWNLOAD_BYTES_PER_S + loading_s(serving)
    return 60 * math.ceil(found / 60.0)


def _rounded_s(time_s: float) -> int:
    """Return a time as configurations have it: whole half minutes, at least one minute."""
    return round(max(_LEAST_S, math.ceil(time_s / _STEP_S) * _STEP_S))

"""From a command's words to traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.cli.deploying import MAX_CONCURRENCY, check_traffic
from rightrig.errors import InputError
from rightrig.prediction.predict import Prediction, predict
from rightrig.prediction.serving import Lengths
from rightrig.quantities import check_count

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment


def predicted(
    deployment: Deployment, input_tokens: int, output_tokens: int, concurrency: str
) -> Prediction:
    """Return the speed of a deployment for a command's traffic."""
    lengths = lengths_of(deployment, input_tokens, output_tokens)
    return predict(deployment, lengths, concurrency_of(concurrency))


def lengths_of(deployment: Deployment, input_tokens: int, output_tokens: int) -> Lengths:
    """Return prompt and answer, when both are positive and the model takes them together."""
    check_count(input_tokens, name="--input", limit=deployment.llm.max_context_tokens)
    check_count(output_tokens, name="--output", limit=deployment.llm.max_context_tokens)
    check_traffic(deployment, input_tokens + output_tokens, 1)
    return Lengths(float(input_tokens), float(output_tokens))


def concurrency_of(text: str) -> int | None:
    """Return the users at once, or ``None`` for as many as fit."""
    if text.lower() == "max":
        return None
    try:
        value = int(text)
    except ValueError:
        raise InputError(
            f"--concurrency is {text[:40]!r}: write a whole number, or max for as many as fit"
        ) from None
    return check_count(value, name="--concurrency", limit=MAX_CONCURRENCY)

"""From a command's words to traffic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.prediction.drafting import speculating
from rightrig.prediction.predict import Prediction, predict
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import check_count
from rightrig.verbs.deploying import MAX_CONCURRENCY, check_traffic

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment


_MOST_PATCHES: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a command says of its traffic."""

    input: int
    output: int
    concurrency: str
    prefix_hit_ratio: float | None = None
    spec_tokens: int | None = None
    acceptance_ratio: float | None = None
    image_patches: int | None = None

    def swept(self, name: str, value: int) -> Traffic:
        """Return the same traffic with one quantity changed."""
        if name == "concurrency":
            return replace(self, concurrency=str(value))
        return replace(self, input=value) if name == "input" else replace(self, output=value)


def predicted(deployment: Deployment, traffic: Traffic) -> Prediction:
    """Return the speed of a deployment for a command's traffic."""
    lengths = lengths_of(deployment, traffic)
    return predict(deployment, lengths, concurrency_of(traffic.concurrency))


def lengths_of(deployment: Deployment, traffic: Traffic) -> Lengths:
    """Return prompt and answer, when both are positive and the model takes them together."""
    most = deployment.llm.max_context_tokens
    check_count(traffic.input, name="--input", limit=most)
    check_count(traffic.output, name="--output", limit=most)
    check_traffic(deployment, traffic.input + traffic.output, 1)
    if traffic.output == 1:
        raise InputError(
            "--output is 1: an answer of one token has no time per output token; ask for 2 or more"
        )
    lengths = Lengths(
        float(traffic.input), float(traffic.output), _cached_tokens(traffic),
        patches_count=_patches_count(deployment, traffic),
    )  # fmt: skip
    return _speculated(deployment, traffic, lengths)


def _patches_count(deployment: Deployment, traffic: Traffic) -> float:
    """Return the patches of the pictures in each prompt."""
    if traffic.image_patches is None:
        return 0.0
    check_count(traffic.image_patches, name="--image-patches", limit=_MOST_PATCHES)
    if not any(tower.kind == "vision" for tower in deployment.llm.towers):
        raise InputError(
            f"--image-patches: no encoder of pictures is known for {deployment.llm.name}; "
            "leave it out"
        )
    return float(traffic.image_patches)


def _cached_tokens(traffic: Traffic) -> float:
    """Return the tokens of a prompt that a cache holds."""
    share = traffic.prefix_hit_ratio or 0.0
    if not 0.0 <= share <= 1.0:
        raise InputError(
            f"--prefix-hit is {share:g}: it is the share of each prompt that a prefix cache holds, "
            "from 0 to 1"
        )
    return share * traffic.input


def _speculated(deployment: Deployment, traffic: Traffic, lengths: Lengths) -> Lengths:
    """Return lengths with drafted tokens, when they are asked for as a whole."""
    asked = drafting_of(deployment, traffic.spec_tokens, traffic.acceptance_ratio)
    return lengths if asked is None else speculating(lengths, *asked)


def drafting_of(
    deployment: Deployment, drafted_count: int | None, acceptance_ratio: float | None
) -> tuple[int, float] | None:
    """Return what is drafted and which share is accepted, when it is asked for as a whole."""
    if (drafted_count is None) != (acceptance_ratio is None):
        raise InputError(
            "--spec-tokens and --acceptance belong together: how many tokens are drafted, and "
            "which share of them is accepted, such as --spec-tokens 4 --acceptance 0.7"
        )
    if drafted_count is not None and acceptance_ratio is not None:
        return drafted_count, acceptance_ratio
    companions = deployment.companions
    if companions.draft is not None or companions.draft_ahead:
        raise InputError(
            "--draft alone does not say how much it drafts; add --spec-tokens 4 --acceptance 0.7"
        )
    return None


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

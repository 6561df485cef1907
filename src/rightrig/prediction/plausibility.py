"""Rules that a predicted or published value must keep before anybody believes it (formulas F16).

A rule does not say who is wrong: the value, the cards, the format or the lengths of a row may be
other than stated. ``implausible`` judges measured runs, ``implausible_prediction`` our own
answers; rules for values that somebody puts side by side are in ``comparability``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.deployment.rule import Rule, Violation, violations
from rightrig.facts.quantization import KV_BITS
from rightrig.prediction.least_time import (
    Case,
    best_of,
    beyond_ratio,
    cards_of,
    case_of,
    largest_flop_per_s,
    need_of,
)
from rightrig.prediction.roofline import decode_bound_tokens_per_s
from rightrig.prediction.run_plan import plan_run
from rightrig.quantities import GB, GIB, show_number
from rightrig.work.stored import Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu
    from rightrig.prediction.predict import Prediction
    from rightrig.prediction.runs import InferenceRun, Metric, Regime

SLACK_RATIO: Final = 1.02
"""Cards may clock a little above the boost of their datasheet."""
_WORDS: Final[dict[Metric, str]] = {
    "ttft_s": "s to the first token",
    "tpot_s": "s a token",
    "output_tokens_per_s": "output tokens/s",
    "prompt_tokens_per_s": "prompt tokens/s",
    "total_tokens_per_s": "tokens/s, prompts too",
    "requests_per_s": "requests/s",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """A value of speed, and what it is judged by.

    Attributes:
        value: Claimed, in the unit of the metric.
        best: What no engine on these cards can beat.
        best_even: The same where tokens choose their experts by chance.
        stored_bytes, memory_bytes: All weights of one engine, and the memory of its cards.
    """

    metric: Metric
    value: float
    best: float
    best_even: float
    stored_bytes: float
    memory_bytes: float

    @property
    def beyond_ratio(self) -> float:
        """How far the value lies beyond the best: above 1 is faster than the datasheet."""
        return beyond_ratio(self.metric, self.value, self.best)

    @property
    def beyond_even_ratio(self) -> float:
        """The same where tokens choose their experts by chance."""
        return beyond_ratio(self.metric, self.value, self.best_even)

    @property
    def filled_ratio(self) -> float:
        """Share of the memory that the weights take."""
        return self.stored_bytes / self.memory_bytes


class MemoryRule:
    """The weights fit in the memory of the cards."""

    id: ClassVar[str] = "PLA-MEMORY"

    def check(self, subject: Claim) -> str | None:
        """Return why not."""
        if subject.filled_ratio <= 1.0:
            return None
        return (
            f"the weights take {subject.stored_bytes / GB:,.1f} GB and the cards have "
            f"{subject.memory_bytes / GB:,.1f} GB; check the number of cards and the format"
        )


class RooflineRule:
    """No value is better than the datasheet allows (η = 1), with 2 % for clocks above boost."""

    id: ClassVar[str] = "PLA-ROOFLINE"

    def check(self, subject: Claim) -> str | None:
        """Return why not."""
        if subject.beyond_ratio <= SLACK_RATIO:
            return None
        return (
            f"{show_number(subject.value)} {_WORDS[subject.metric]} is {subject.beyond_ratio:.2f} "
            f"times better than the {show_number(subject.best)} that the datasheet allows; check "
            "the cards, the format and the lengths"
        )


class ExpertsRule:
    """No value needs all tokens of a batch to choose the same experts."""

    id: ClassVar[str] = "PLA-EXPERTS"

    def check(self, subject: Claim) -> str | None:
        """Return why not; nothing where the roofline is passed anyway."""
        if subject.beyond_even_ratio <= SLACK_RATIO or subject.beyond_ratio > SLACK_RATIO:
            return None
        return (
            f"{show_number(subject.value)} {_WORDS[subject.metric]} is "
            f"{subject.beyond_even_ratio:.2f} times better than the "
            f"{show_number(subject.best_even)} of tokens that choose their experts by chance; "
            "check the cards, the format and the lengths"
        )


RULES: Final[tuple[Rule[Claim], ...]] = (MemoryRule(), RooflineRule(), ExpertsRule())
"""What every value of speed must keep, in the order in which it is reported."""


def broken(claim: Claim) -> tuple[Violation, ...]:
    """Return the rules that a claim breaks, with their reasons."""
    return violations(RULES, claim)


def implausible(run: InferenceRun) -> tuple[Violation, ...]:
    """Return the rules that a measured run breaks, with their reasons."""
    return broken(claim_of_run(run))


def implausible_prediction(prediction: Prediction) -> tuple[Violation, ...]:
    """Return the rules that a prediction breaks: its middles and the quick end of its TPOT."""
    return tuple(v for claim in claims_of(prediction) for v in broken(claim))


def claim_of_run(run: InferenceRun) -> Claim:
    """Return a measured run's claim: of the splits that it may have had, the most able one."""
    splits = (run.split, *run.alternatives)
    claims = [
        _claim(case_of(plan), run.regime, run.metric, run.measured)
        for plan in (plan_run(replace(run, split=split)) for split in splits)
    ]
    return min(claims, key=lambda claim: claim.beyond_ratio)


def claims_of(prediction: Prediction) -> tuple[Claim, ...]:
    """Return what a prediction claims, to be judged."""
    case = _case_of_prediction(prediction)
    told: tuple[tuple[Metric, float], ...] = (
        ("ttft_s", prediction.ttft_s.mid),
        ("tpot_s", prediction.tpot_s.low),
        ("output_tokens_per_s", prediction.output_tokens_per_s.mid),
        ("total_tokens_per_s", prediction.total_tokens_per_s.mid),
        ("requests_per_s", prediction.requests_per_s.mid),
    )
    return tuple(_claim(case, "closed_loop", metric, value) for metric, value in told)


def decode_claim(tokens_per_s: float, weight_bytes: float, gpu: Gpu, cards_count: int = 1) -> Claim:
    """Return the claim that one sequence gets some tokens/s out of weights of some bytes.

    For statements that name nothing else: the weights alone are read, once a token (F5.3).
    """
    rate = gpu.memory_bandwidth_bytes_per_s * cards_count
    best = decode_bound_tokens_per_s(weight_bytes, rate)
    memory_bytes = gpu.memory_marketed_gib * GIB * cards_count
    return Claim("output_tokens_per_s", tokens_per_s, best, best, weight_bytes, memory_bytes)


def _claim(case: Case, regime: Regime, metric: Metric, value: float) -> Claim:
    """Return the claim of a value."""
    return Claim(
        metric,
        value,
        best_of(case, regime, metric),
        best_of(replace(case, even=True), regime, metric),
        case.need.stored_bytes,
        case.cards.engine_memory_bytes,
    )


def _case_of_prediction(prediction: Prediction) -> Case:
    """Return what a prediction's values are bounded by; of unequal cards the best."""
    asked = prediction.deployment
    llm, precision, split = asked.llm, asked.precision, asked.parallelism
    own = llm.format_of(precision.weights)
    kinds = [
        cards_of(group.gpu, largest_flop_per_s(group.gpu, asked.runtime, own), split)
        for group in asked.rig.groups
    ]
    cards = replace(
        kinds[0],
        peak_flop_per_s=max(kind.peak_flop_per_s for kind in kinds),
        peak_bytes_per_s=max(kind.peak_bytes_per_s for kind in kinds),
        memory_bytes=max(kind.memory_bytes for kind in kinds),
    )
    stored = Stored(class_bits(llm, precision.weights), KV_BITS[precision.kv])
    users = max(prediction.running_seqs / split.replicas, 1.0)
    need = need_of(llm, stored, prediction.lengths)
    return Case(need, cards, prediction.lengths, users, split.replicas)

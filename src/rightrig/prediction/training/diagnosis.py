"""Why training is slower than predicted: every cause computed as a job of its own, and ranked.

A cause that can be computed (other links, no overlap, recomputation, small micro-batches) predicts
a speed, and how near that comes to the measured one ranks it. A cause of unknown size (a slow card,
a slow loader, padding) says how large it would have to be, and ranks behind those that fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval
from rightrig.prediction.training.links import on_rig, with_cards
from rightrig.prediction.training.slow_causes import variants
from rightrig.prediction.training.time import training_time
from rightrig.quantities import check_positive, show_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.training import TrainingJob
    from rightrig.prediction.training.slow_causes import Variant
    from rightrig.prediction.training.time import TrainingTime

MOST_TOKENS_PER_S: Final = 1e12
_NEAR_RATIO: Final = 1.1
"""A cause within this factor of the measured speed explains it."""
_LEAST_GAP_RATIO: Final = 0.02
"""Of a smaller gap no share is told."""


@dataclass(frozen=True, slots=True)
class SlowCause:
    """One reason why a job may be slower than predicted.

    Attributes:
        tokens_per_s: What it predicts of all cards; ``None`` where its size is not known.
        explained_ratio: Share of the gap between prediction and measurement that it explains;
            ``None`` where there is hardly a gap.
        distance_ratio: How many times its prediction is off the measured speed, at least 1;
            1 where its size is chosen to fit.
        fits: Whether it explains the measured speed.
        run: What to run or look at.
        expected: What that shows if this is the cause.
    """

    name: str
    tokens_per_s: Interval | None
    explained_ratio: float | None
    distance_ratio: float
    fits: bool
    run: str
    expected: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer: what was expected, what was measured, and causes, the likeliest first.

    Attributes:
        expected: The job as it is described.
        expected_tokens_per_s: Its speed, scaled to a measured speed of one card where there is
            one.
        linear_tokens_per_s: One card's speed times the cards.
        gap_ratio: Share of the expected speed that is missing; below 0 where it is exceeded.
    """

    expected: TrainingTime
    expected_tokens_per_s: Interval
    linear_tokens_per_s: float
    measured_tokens_per_s: float
    gap_ratio: float
    causes: tuple[SlowCause, ...]

    @property
    def is_as_expected(self) -> bool:
        """Whether the measured speed lies within the predicted interval."""
        found = self.expected_tokens_per_s
        return found.low <= self.measured_tokens_per_s <= found.high

    def explain(self) -> Explanation:
        """Return the gap and the likeliest causes with what would show them."""
        sentences = (
            (
                f"Measured {self.measured_tokens_per_s:,.0f} tokens/s; expected "
                f"{self.expected_tokens_per_s.mid:,.0f} ({self.expected_tokens_per_s.low:,.0f} to "
                f"{self.expected_tokens_per_s.high:,.0f}); linear would be "
                f"{self.linear_tokens_per_s:,.0f}."
            ),
            (
                f"As described, {self.expected.communication_ratio:.0%} of a step waits for "
                "messages between cards."
            ),
            *(
                f"{cause.name}: {_predicts(cause)}. Look at {cause.run}. Expect {cause.expected}."
                for cause in self.causes
            ),
        )
        figures = (
            Figure("gap_ratio", self.gap_ratio, f"{self.gap_ratio:.0%}", "F10.3"),
            *(
                Figure("tokens_per_s", c.tokens_per_s.mid, f"{c.tokens_per_s.mid:,.0f}", c.name)
                for c in self.causes
                if c.tokens_per_s is not None
            ),
        )
        return Explanation(sentences, figures, self.expected.explain().sources)


def diagnose(
    job: TrainingJob, measured_tokens_per_s: float, one_card_tokens_per_s: float | None = None
) -> Diagnosis:
    """Return the causes that may make a job slower than predicted, the likeliest first.

    Args:
        job: The job as it should run.
        measured_tokens_per_s: Of all cards, padding among them.
        one_card_tokens_per_s: Measured on one card with the same work for it; takes what the
            prediction is off alone out of the comparison.

    Raises:
        InputError: for speeds that are not positive.
    """
    check_positive(measured_tokens_per_s, name="measured tokens/s", limit=MOST_TOKENS_PER_S)
    expected = training_time(job)
    alone = _one_card_tokens_per_s(job)
    scale = 1.0
    if one_card_tokens_per_s is not None:
        check_positive(one_card_tokens_per_s, name="one card's tokens/s", limit=MOST_TOKENS_PER_S)
        scale = one_card_tokens_per_s / alone
    speed = expected.tokens_per_s.scaled(scale)
    ends = Interval(speed.low / speed.mid, 1.0, speed.high / speed.mid)
    if one_card_tokens_per_s is not None:
        ends = Interval.around(1.0, _NEAR_RATIO)
    case = _Case(job, expected, measured_tokens_per_s, scale, ends, one_card_tokens_per_s)
    judged = (
        _judged(case, variant)
        for variant in variants(job, expected, scale)
        if _is_asked(case, variant)
    )
    causes = (*judged, *_free(case))
    return Diagnosis(
        expected=expected,
        expected_tokens_per_s=ends.scaled(speed.mid),
        linear_tokens_per_s=alone * scale * job.cards_count,
        measured_tokens_per_s=measured_tokens_per_s,
        gap_ratio=1.0 - measured_tokens_per_s / speed.mid,
        causes=tuple(sorted(causes, key=_rank)),
    )


def diagnose_scaling(job: TrainingJob, lost_ratio: float) -> Diagnosis:
    """Return the causes of a speed that is some share below linear: 0.2 for "20 % slower".

    Linear is the predicted speed of one card times the cards, whether or not one card would hold
    the job.
    """
    alone = _one_card_tokens_per_s(job)
    return diagnose(job, (1.0 - lost_ratio) * alone * job.cards_count, alone)


def _one_card_tokens_per_s(job: TrainingJob) -> float:
    """Return the predicted speed of one card; where several split a rank's work, their share."""
    split = job.split
    rank_cards = split.tp * split.pp * split.context_parallel
    alone = training_time(on_rig(job, with_cards(job.rig, rank_cards)))
    return alone.tokens_per_s.mid / rank_cards


@dataclass(frozen=True, slots=True)
class _Case:
    """A job, what was expected and measured, and how sure comparisons are.

    Attributes:
        scale_ratio: Measured over predicted speed of one card.
        ends_ratio: Of a predicted speed, over its middle.
        one_card_tokens_per_s: As measured, if it was.
    """

    job: TrainingJob
    expected: TrainingTime
    measured_tokens_per_s: float
    scale_ratio: float
    ends_ratio: Interval
    one_card_tokens_per_s: float | None

    @property
    def expected_tokens_per_s(self) -> float:
        """The middle of what was expected."""
        return self.expected.tokens_per_s.mid * self.scale_ratio


def _is_asked(case: _Case, variant: Variant) -> bool:
    """Return whether a variant may explain anything.

    A setting that slows one card as much says nothing about many, where one was measured.
    """
    if case.measured_tokens_per_s >= case.expected_tokens_per_s:
        # Nothing that slows a job explains a fast one.
        return variant.time is case.expected
    if not variant.is_setting or case.one_card_tokens_per_s is None:
        return True
    alone = _one_card_tokens_per_s(variant.time.job)
    lost = 1.0 - variant.time.tokens_per_s.mid / (alone * case.job.cards_count)
    own = 1.0 - case.expected.tokens_per_s.mid * case.scale_ratio / (
        case.one_card_tokens_per_s * case.job.cards_count
    )
    return lost > own + _LEAST_GAP_RATIO


def _judged(case: _Case, variant: Variant) -> SlowCause:
    """Return how well one variant explains the measured speed."""
    scale = case.scale_ratio
    if variant.is_setting and case.one_card_tokens_per_s is not None:
        # One card was measured with the same setting: it explains only what scales worse.
        scale = case.one_card_tokens_per_s / _one_card_tokens_per_s(variant.time.job)
    mid = variant.time.tokens_per_s.mid * scale
    speed = case.ends_ratio.scaled(mid)
    gap = case.expected_tokens_per_s - case.measured_tokens_per_s
    is_gap = gap > _LEAST_GAP_RATIO * case.expected_tokens_per_s
    explained = (case.expected_tokens_per_s - mid) / gap if is_gap else None
    distance = max(mid / case.measured_tokens_per_s, case.measured_tokens_per_s / mid)
    return SlowCause(
        name=variant.name,
        tokens_per_s=speed,
        explained_ratio=explained,
        distance_ratio=distance,
        fits=distance <= _NEAR_RATIO or speed.low <= case.measured_tokens_per_s <= speed.high,
        run=variant.run,
        expected=variant.expected,
    )


def _rank(cause: SlowCause) -> tuple[int, float]:
    """Return the order: near ones, those of unknown size, the rest; each by distance."""
    if cause.tokens_per_s is None:
        return (1, 1.0)
    return (0 if cause.distance_ratio <= _NEAR_RATIO else 2, cause.distance_ratio)


def _free(case: _Case) -> Iterator[SlowCause]:
    """Yield causes of unknown size with the size that each would have to have."""
    measured = case.measured_tokens_per_s
    step = case.job.step_tokens / measured
    expected = case.job.step_tokens / case.expected_tokens_per_s
    extra = step - expected
    if extra <= 0.0:
        return
    yield _free_cause(
        "the loader or the host: cards wait for data, logging or checkpoints",
        "the same steps on data already in memory; GPU utilisation over a second",
        f"gaps of {show_seconds(extra)} a step without kernels, gone with such data",
    )
    kernels = (
        sum(
            float(part)
            for part in (case.expected.parts.products_s, case.expected.parts.attention_s)
        )
        / case.scale_ratio
    )
    if case.job.cards_count > 1:
        yield _free_cause(
            "one card is slower: heat, a power cap, longer sequences",
            "nvidia-smi dmon -s pucvmet on every card; the time of each rank's own kernels",
            f"the slowest card's arithmetic takes {1.0 + extra / kernels:.2f} times that of "
            "the others",
        )
    ratio = measured / case.expected_tokens_per_s
    yield _free_cause(
        "padding: the measured figure leaves it out",
        "the share of padding tokens in a batch; packing of short examples",
        f"{1.0 - ratio:.0%} of the tokens are padding",
    )


def _free_cause(name: str, run: str, expected: str) -> SlowCause:
    """Return a cause whose size is chosen to fit."""
    return SlowCause(name, None, 1.0, 1.0, fits=True, run=run, expected=expected)


def _predicts(cause: SlowCause) -> str:
    """Say what a cause predicts."""
    if cause.tokens_per_s is None:
        return "explains any speed"
    known = cause.explained_ratio
    share = "" if known is None else f", {known:.0%} of the gap"
    return f"predicts {cause.tokens_per_s.mid:,.0f} tokens/s{share}"

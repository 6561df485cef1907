"""Time of training: one step of a job, what it is spent on, and what that is in tokens and MFU."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Literal

from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval
from rightrig.prediction.parameters import tables
from rightrig.prediction.training.efficiency import (
    Closeness,
    card_key,
    reached_of,
    repeats_last,
    style_of_job,
)
from rightrig.prediction.training.load import plain_flop_per_s, training_load
from rightrig.prediction.training.step import FULL_OVERLAP_RATIO, step_parts
from rightrig.quantities import TERA, show_seconds
from rightrig.work.training_flop import hardware_flop_per_token, model_flop_per_token
from rightrig.work.training_step import TrainingKernels

if TYPE_CHECKING:
    from rightrig.deployment.training import TrainingJob
    from rightrig.prediction.training.load import TrainingLoad
    from rightrig.prediction.training.reading import TrainingMetric, TrainingRun
    from rightrig.prediction.training.step import StepParts

Spent = Literal[
    "arithmetic", "memory bandwidth", "communication", "pipeline bubble", "host", "optimizer"
]
SPENT: Final[dict[Spent, tuple[str, ...]]] = {
    "arithmetic": ("products_s", "attention_s"),
    "memory bandwidth": ("rows_s", "unpacking_s"),
    "communication": ("tensor_s", "exchange_s"),
    "pipeline bubble": ("bubble_s",),
    "host": ("host_s", "offload_s"),
    "optimizer": ("optimizer_s",),
}
"""Which parts of a step each bottleneck is."""
_FORMULA: Final = "F10"
_CAUSES: Final[dict[Spent, str]] = {
    "arithmetic": "faster cards, or FP8 where they have it",
    "memory bandwidth": "fused kernels, and a base format that unpacks quickly",
    "communication": "larger micro-batches, more accumulation, or faster links",
    "pipeline bubble": "more micro-batches a step, or fewer stages",
    "host": "longer or more sequences in a micro-batch, a compiled model, less offloading",
    "optimizer": "more accumulation, or states shared over more cards",
}


@dataclass(frozen=True, slots=True)
class TrainingTime:
    """One step of a job.

    Attributes:
        parts: What the middle of ``step_s`` is spent on.
        step_s: One step of the optimizer, all its micro-batches.
        closeness: How close the published runs behind it are.
        least_s: Arithmetic alone at the datasheet's rates; no end of ``step_s`` passes it.
        model_flop_per_token: As PaLM counts, which frameworks print as MFU.
        hardware_flop_per_token: The same with what checkpointing computes again.
        peak_flop_per_s: Datasheet's dense rate of the type that products are computed in.
    """

    job: TrainingJob
    parts: StepParts
    step_s: Interval
    closeness: Closeness
    least_s: float
    model_flop_per_token: float
    hardware_flop_per_token: float
    peak_flop_per_s: float

    @property
    def tokens_per_s(self) -> Interval:
        """Tokens of all cards, padding among them."""
        return self.step_s.reciprocal().scaled(self.job.step_tokens)

    @property
    def tokens_per_s_per_card(self) -> Interval:
        """The same of one card."""
        return self.tokens_per_s.scaled(1.0 / self.job.cards_count)

    @property
    def useful_tokens_per_s(self) -> Interval:
        """Tokens of all cards that are no padding."""
        return self.tokens_per_s.scaled(self.job.batch.useful_ratio)

    @property
    def flop_per_s_per_card(self) -> Interval:
        """Model flop of one card, as PaLM counts them."""
        return self.tokens_per_s_per_card.scaled(self.model_flop_per_token)

    @property
    def mfu_ratio(self) -> Interval:
        """Model flop over the datasheet's peak (PaLM, arXiv:2204.02311, appendix B)."""
        return self.flop_per_s_per_card.scaled(1.0 / self.peak_flop_per_s)

    @property
    def hfu_ratio(self) -> Interval:
        """The same with recomputation: model flop and what checkpointing does again."""
        return self.mfu_ratio.scaled(self.hardware_flop_per_token / self.model_flop_per_token)

    @property
    def spent_s(self) -> dict[Spent, float]:
        """Seconds of the middle by what limits them, the longest first."""
        sums = {
            name: sum(float(getattr(self.parts, part)) for part in parts)
            for name, parts in SPENT.items()
        }
        return dict(sorted(sums.items(), key=lambda item: -item[1]))

    @property
    def bottleneck(self) -> Spent:
        """What a step is longest spent on."""
        return next(iter(self.spent_s))

    @property
    def communication_ratio(self) -> float:
        """Share of a step that waits for messages between cards."""
        waited = float(self.parts.tensor_s) + float(self.parts.exchange_s)
        return waited / self.step_s.mid

    def explain(self) -> Explanation:
        """Return what a step is spent on, and what would shorten it."""
        return _explained(self)


def training_time(job: TrainingJob, overlap_ratio: float = FULL_OVERLAP_RATIO) -> TrainingTime:
    """Return the time of one step of a job, whether or not its memory fits.

    Args:
        job: What is trained, on what, how.
        overlap_ratio: How much of the time beside which messages could travel they do.
    """
    return time_of(job, training_load(job), overlap_ratio)


def time_of(job: TrainingJob, load: TrainingLoad, overlap_ratio: float) -> TrainingTime:
    """Return the time of one step of a job whose load is known."""
    parts = step_parts(load, reached_of(job), overlap_ratio)
    closeness = closeness_of(job)
    least = _least_s(load)
    low, high = _job_ends(job, closeness)
    mid = max(float(parts.total_s), least)
    model = model_flop_per_token(
        job.llm, job.batch.seq_tokens, job.method, job.adapter, convention="palm"
    )
    again = _recomputed_flop_per_token(job)
    return TrainingTime(
        job=job,
        parts=parts,
        step_s=Interval(max(mid / high, least), mid, mid / low),
        closeness=closeness,
        least_s=least,
        model_flop_per_token=model,
        hardware_flop_per_token=model + again,
        peak_flop_per_s=computed_flop_per_s(job),
    )


def closeness_of(job: TrainingJob) -> Closeness:
    """Return how close published runs of training are to a job."""
    known = tables("training_fitted")["runs"]
    own = known.get(job.framework)
    card = card_key(job.rig.gpu)
    if own is not None:
        return "this framework and card" if card in own else "this framework"
    return "this card" if any(card in cards for cards in known.values()) else "neither"


def _job_ends(job: TrainingJob, closeness: Closeness) -> tuple[float, float]:
    """Return the ends of a job's speed over its middle, squared for splits that no run measured.

    All published runs behind the parameters are data-parallel: of tensor, pipeline and context
    parallelism nothing was measured, so that its errors multiply those of the rest.
    """
    low, high = speed_ends(closeness)
    split = job.split
    if split.tp * split.pp * split.context_parallel == 1:
        return low, high
    return low * low, high * high


def speed_ends(closeness: Closeness) -> tuple[float, float]:
    """Return the ends of the central 80 % of speed over its middle."""
    ends = {entry["closeness"]: entry for entry in tables("training_fitted")["interval"]}
    return float(ends[closeness]["low_ratio"]), float(ends[closeness]["high_ratio"])


def _recomputed_flop_per_token(job: TrainingJob) -> float:
    """Return the flop of a token that checkpointing computes again."""
    shared = (job.llm, job.batch.seq_tokens, job.method)
    kernels = TrainingKernels(repeats_last=repeats_last(job.framework))
    with_it = hardware_flop_per_token(*shared, job.checkpointing, job.adapter, kernels)
    without = hardware_flop_per_token(*shared, "none", job.adapter)
    return job.checkpointed_ratio * (with_it - without)


def computed_flop_per_s(job: TrainingJob) -> float:
    """Return the peak that MFU is taken over: of FP8 where products are computed in it."""
    eight = job.rig.gpu.peak.fp8_flop_per_s
    if job.states.compute == "fp8" and eight is not None:
        return eight
    return plain_flop_per_s(job)


def measure_per_token(run: TrainingRun, metric: TrainingMetric) -> float:
    """Return what one token a second and card is in a measure, as a run's framework counts.

    Frameworks differ in the flop of a token (``run.flop_convention``) and in the peak that MFU is
    over: torchtitan's stays that of 16 bits where products are computed in FP8.
    """
    if metric == "tokens_per_s_per_card":
        return 1.0
    job = run.job
    flop = model_flop_per_token(
        job.llm, job.batch.seq_tokens, job.method, job.adapter, run.flop_convention
    )
    if metric == "flop_per_s_per_card":
        return flop
    return flop / (plain_flop_per_s(job) if run.mfu_at_16_bits else computed_flop_per_s(job))


def _least_s(load: TrainingLoad) -> float:
    """Return arithmetic alone at the datasheet's rates (η = 1)."""
    return float(load.micro_count * (load.products_s + load.eight_bit_s + load.attention_s))


def _explained(found: TrainingTime) -> Explanation:
    """Return the explanation of one step."""
    job, step = found.job, found.step_s.mid
    spent = ", ".join(
        f"{name} {seconds / step:.0%}"
        for name, seconds in found.spent_s.items()
        if seconds >= _SHOWN_RATIO * step
    )
    sentences = (
        f"A step of {job.step_tokens:,} tokens takes {show_seconds(step)}: {spent}.",
        (
            f"It is spent longest on {found.bottleneck}; "
            f"what would shorten that: {_CAUSES[found.bottleneck]}."
        ),
        (
            f"MFU counts {found.model_flop_per_token:.4g} flop a token (attention over the whole "
            f"square, no recomputation); checkpointing '{job.checkpointing}' makes them "
            f"{found.hardware_flop_per_token:.4g}."
        ),
        (
            f"Published runs behind it: {found.closeness} (framework {job.framework}, run as "
            f"{style_of_job(job)}; card {card_key(job.rig.gpu)})."
        ),
    )
    figures = tuple(
        Figure(part.name, float(value), show_seconds(float(value)), _FORMULA)
        for part in fields(found.parts)
        if (value := getattr(found.parts, part.name)) > 0.0
    )
    rate = found.flop_per_s_per_card.mid
    figures += (
        Figure("step_s", step, show_seconds(step), _FORMULA),
        Figure("flop_per_s_per_card", rate, f"{rate / TERA:.0f} TFLOP/s", _FORMULA),
    )
    return Explanation(sentences, figures, tuple(tables("training_fitted")["meta"]["projects"]))


_SHOWN_RATIO: Final = 0.005

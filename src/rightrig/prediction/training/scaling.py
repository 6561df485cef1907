"""How training scales over cards: the same work for each card, or the same work for all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.prediction.gradient_sync import ring_bytes_per_s, weak_scaling_ratio
from rightrig.prediction.training.links import on_pcie, on_rig, through_host, with_cards
from rightrig.prediction.training.time import training_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.deployment.training import TrainingJob
    from rightrig.prediction.training.time import TrainingTime

ScalingKind = Literal["weak", "strong"]


@dataclass(frozen=True, slots=True)
class ScalePoint:
    """A job on one number of cards.

    Attributes:
        speedup_ratio: Tokens a second over those of the first number, times that number: what
            linear scaling makes the number of cards.
        efficiency_ratio: Speed-up a card; above 1 where more cards share the work of the optimizer.
    """

    cards_count: int
    time: TrainingTime
    speedup_ratio: float
    efficiency_ratio: float

    @property
    def communication_ratio(self) -> float:
        """Share of a step that waits for messages between cards."""
        return self.time.communication_ratio


@dataclass(frozen=True, slots=True)
class ScalingCurve:
    """A job on several numbers of cards.

    Attributes:
        kind: ``weak``: every data-parallel rank keeps its batch; ``strong``: the batch of all
            ranks together stays.
        refused: Numbers that the batch or the machines do not allow, and why.
    """

    kind: ScalingKind
    points: tuple[ScalePoint, ...]
    refused: tuple[tuple[int, str], ...]

    def explain(self) -> Explanation:
        """Return the speed-up and the share of waiting of every number of cards."""
        first = self.points[0].cards_count
        sentences = tuple(
            f"{p.cards_count} cards: {p.speedup_ratio:.3g} times one card of {first}, "
            f"{p.efficiency_ratio:.0%} of linear; {p.communication_ratio:.1%} of a step waits for "
            "messages."
            for p in self.points
        )
        figures = tuple(
            Figure("efficiency_ratio", p.efficiency_ratio, f"{p.efficiency_ratio:.0%}", "F10.3")
            for p in self.points
        )
        return Explanation(sentences, figures, self.points[0].time.explain().sources)


@dataclass(frozen=True, slots=True)
class LinkPoint:
    """A job on the same cards with other links between them.

    Attributes:
        name: What joins the cards.
        bytes_per_s: What one card sends in a ring of all of them.
    """

    name: str
    bytes_per_s: float
    time: TrainingTime


def scaling_curve(
    job: TrainingJob, cards_counts: Iterable[int], kind: ScalingKind = "weak"
) -> ScalingCurve:
    """Return a job on several numbers of cards; speed-ups are over the least of them.

    Memory is not looked at: a number of cards whose memory does not hold the job is timed too.

    Raises:
        InputError: where no number of cards is possible.
    """
    times: list[tuple[int, TrainingTime]] = []
    refused: list[tuple[int, str]] = []
    for count in sorted(set(cards_counts)):
        try:
            sized = on_rig(job, with_cards(job.rig, count))
            times.append((count, training_time(sized if kind == "weak" else _shared(job, sized))))
        except InputError as error:
            refused.append((count, str(error)))
    if not times:
        raise InputError(refused[0][1] if refused else "no number of cards was named; name one")
    first_count, first = times[0]
    alone_s = first.step_s.mid / first.job.step_tokens * first_count
    points = tuple(_point(count, time, alone_s) for count, time in times)
    return ScalingCurve(kind, points, tuple(refused))


def _point(cards_count: int, time: TrainingTime, alone_s: float) -> ScalePoint:
    """Return one point; ``alone_s`` is the time of a token on one card."""
    token_s = time.step_s.mid / time.job.step_tokens * cards_count
    speedup = weak_scaling_ratio(cards_count, alone_s, token_s)
    return ScalePoint(cards_count, time, speedup, speedup / cards_count)


def _shared(job: TrainingJob, sized: TrainingJob) -> TrainingJob:
    """Return a job of another size with the batch of the first, in smaller shares a rank.

    Raises:
        InputError: where the sequences cannot be dealt out evenly.
    """
    batch = job.batch
    seqs = job.data_ranks * batch.micro_seqs * batch.accumulation_count
    if seqs % sized.data_ranks:
        raise InputError(
            f"{seqs} sequences a step cannot be dealt to {sized.data_ranks} ranks: name a number "
            "of cards that divides them, or a larger batch"
        )
    own = seqs // sized.data_ranks
    micro = next(n for n in range(min(batch.micro_seqs, own), 0, -1) if own % n == 0)
    dealt = replace(batch, micro_seqs=micro, accumulation_count=own // micro)
    return replace(sized, batch=dealt)


def over_links(job: TrainingJob) -> tuple[LinkPoint, ...]:
    """Return the job on its own links, on PCIe, and through host memory, as far as they differ."""
    rigs = (
        ("as it is", job.rig),
        ("PCIe, peer to peer", on_pcie(job.rig)),
        ("PCIe, through host memory", through_host(job.rig)),
    )
    return tuple(
        LinkPoint(name, ring_bytes_per_s(rig, rig.cards_count), training_time(on_rig(job, rig)))
        for name, rig in rigs
        if rig is not None
    )

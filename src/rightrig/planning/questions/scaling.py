"""Scaling: does training fit some cards, what does the exchange of gradients cost, why so slow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.training import SHARINGS, Sharing
from rightrig.interval import Interval
from rightrig.planning.questions.scaling_words import explained, wait_text
from rightrig.prediction.gradient_sync import (
    exposed_s,
    overhead_ratio,
    rig_sync_s,
    training_state_bytes,
    volume_ratio,
    weak_scaling_ratio,
)
from rightrig.prediction.network import ring_all_reduce_s
from rightrig.prediction.training.links import NARROWER_RATIO, in_narrower_slots, through_host
from rightrig.quantities import show_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.rig import Rig
    from rightrig.facts.explanation import Explanation


@dataclass(frozen=True, slots=True)
class Wire:
    """What joins the cards: a rig's links, or a bandwidth alone.

    Attributes:
        rig: The cards, or ``None`` where only a bandwidth is known.
        bytes_per_s: Of one card in one direction, where there is no rig.
    """

    rig: Rig | None
    bytes_per_s: float = 0.0

    @property
    def card_bytes(self) -> float | None:
        """Memory of the smallest card; ``None`` where no card is known."""
        if self.rig is None:
            return None
        return min(group.gpu.memory_bytes.mid for group in self.rig.groups)

    def sync_s(self, gradient_bytes: float, ranks_count: int) -> Interval:
        """Return the time to add up gradients over all cards."""
        if ranks_count == 1:
            return Interval.exact(0.0)
        if self.rig is not None:
            return rig_sync_s(self.rig, gradient_bytes, ranks_count)
        return Interval.exact(ring_all_reduce_s(gradient_bytes, ranks_count, 0.0, self.bytes_per_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training on some cards, each with a batch of its own.

    Attributes:
        params_count: Weights that are trained.
        ranks_count: Cards.
        compute_s: Arithmetic of one step on one card, without any exchange.
        gradient_bytes_per_weight: 2 for 16-bit gradients, 4 for 32 bits.
        state_bytes_per_weight: Weights, gradients and optimizer; 16 with Adam.
        overlap_ratio: Share of the backward pass beside which gradients are sent.
        accumulated_count: Steps between two exchanges.
    """

    params_count: float
    ranks_count: int
    compute_s: float
    gradient_bytes_per_weight: float
    state_bytes_per_weight: float
    overlap_ratio: float
    accumulated_count: int


@dataclass(frozen=True, slots=True)
class States:
    """The states on one card under one way of sharing; ``fits`` is ``None`` for unknown cards."""

    sharing: Sharing
    card_bytes: float
    fits: bool | None


@dataclass(frozen=True, slots=True)
class Pace:
    """One exchange of gradients with or without overlap.

    Attributes:
        waited_s: What a step waits for.
        speedup_ratio: Work of all cards over that of one in the same time.
    """

    overlap_ratio: float
    waited_s: float
    overhead_ratio: float
    speedup_ratio: float


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for a slower training, what it predicts, and what would confirm it.

    Attributes:
        speedup_ratio: Predicted; ``None`` for what explains any figure.
        lost_ratio: Share of the measured loss against linear that its middle explains.
        is_possible: Whether the measured speed-up lies within the predicted interval.
        finding: The number that it stands for, in words.
        confirm: What to look at.
    """

    name: str
    speedup_ratio: Interval | None
    lost_ratio: float
    is_possible: bool
    finding: str
    confirm: str


@dataclass(frozen=True, slots=True)
class Scaling:
    """The answer: memory first, then time, then causes.

    Attributes:
        whole_bytes: All states, once.
        states: By way of sharing, from none to all.
        sharing: The first that fits, or ``None``: no time is computed then.
        sync_s: One exchange, with its interval; ``None`` when nothing fits.
        plain, overlapped: Without and with overlap; ``None`` when nothing fits.
        causes: Where a measured speed-up was given, the likeliest first.
    """

    job: Job
    wire: Wire
    whole_bytes: float
    states: tuple[States, ...]
    sharing: Sharing | None
    sync_s: Interval | None
    plain: Pace | None
    overlapped: Pace | None
    measured_ratio: float | None
    causes: tuple[Cause, ...]

    def explain(self) -> Explanation:
        """Return what fits, what waits, and what may be wrong."""
        return explained(self)


def scaling(job: Job, wire: Wire, measured_ratio: float | None = None) -> Scaling:
    """Return how a training scales over cards: states that fit, exchange, speed-up, causes.

    Time is computed only where the states fit some way of sharing them; where the cards are not
    known, every card is taken to hold all states.
    """
    states = tuple(_states(job, wire.card_bytes, sharing) for sharing in SHARINGS)
    whole = training_state_bytes(job.params_count, job.state_bytes_per_weight, 1, "none")
    sharing = next((one.sharing for one in states if one.fits is not False), None)
    if sharing is None:
        return Scaling(job, wire, whole, states, None, None, None, None, measured_ratio, ())
    sync = _sync_s(job, wire, sharing)
    plain, overlapped = (_pace(job, sync.mid, ratio) for ratio in (0.0, job.overlap_ratio))
    causes = () if measured_ratio is None else _causes(job, wire, sharing, measured_ratio)
    return Scaling(
        job, wire, whole, states, sharing, sync, plain, overlapped, measured_ratio, causes
    )


def cost_with_overhead_usd(cost_usd: float, waited_ratio: float) -> float:
    """Return what a job costs when a share of its time waits: ``C / (1 − x)`` (F10.5).

    >>> round(cost_with_overhead_usd(136.0, 0.05), 2)
    143.16
    """
    return cost_usd / (1.0 - waited_ratio)


def _states(job: Job, card_bytes: float | None, sharing: Sharing) -> States:
    """Return what one way of sharing takes on a card."""
    need = training_state_bytes(
        job.params_count, job.state_bytes_per_weight, job.ranks_count, sharing
    )
    return States(sharing, need, None if card_bytes is None else need <= card_bytes)


def _sync_s(job: Job, wire: Wire, sharing: Sharing) -> Interval:
    """Return one exchange, spread over the steps between two of them."""
    gradient = job.params_count * job.gradient_bytes_per_weight
    share = volume_ratio(sharing) / job.accumulated_count
    return wire.sync_s(gradient, job.ranks_count).scaled(share)


def _pace(job: Job, sync_s: float, overlap_ratio: float) -> Pace:
    """Return what a step waits for at one overlap."""
    # Only the last of accumulated steps exchanges: its backward pass is what gradients go beside.
    waited = exposed_s(sync_s, job.compute_s / job.accumulated_count, overlap_ratio)
    return Pace(
        overlap_ratio,
        waited,
        overhead_ratio(job.compute_s, waited),
        weak_scaling_ratio(job.ranks_count, job.compute_s, job.compute_s + waited),
    )


def _causes(job: Job, wire: Wire, sharing: Sharing, measured_ratio: float) -> tuple[Cause, ...]:
    """Return the causes: those that predict the figure, nearest first, then what explains any."""
    predicted = [_cause(job, variant, sharing, measured_ratio) for variant in _variants(job, wire)]
    predicted.sort(
        key=lambda cause: (not cause.is_possible, _distance_ratio(cause, measured_ratio))
    )
    return (*predicted, *_free_causes(job, wire, sharing, measured_ratio))


def _distance_ratio(cause: Cause, measured_ratio: float) -> float:
    """Return how many times the middle of a cause is off the measured speed-up; at least 1."""
    mid = cause.speedup_ratio.mid if cause.speedup_ratio else math.inf
    return max(mid / measured_ratio, measured_ratio / mid)


@dataclass(frozen=True, slots=True)
class _Variant:
    """What may be the case: links and overlap, and what would show it."""

    name: str
    wire: Wire
    overlap_ratio: float
    confirm: str


def _cause(job: Job, variant: _Variant, sharing: Sharing, measured_ratio: float) -> Cause:
    """Return what one state of links and overlap predicts."""
    sync = _sync_s(job, variant.wire, sharing)
    waited = sync.map(lambda sync_s: _pace(job, sync_s, variant.overlap_ratio).waited_s)
    speedup = sync.map(lambda sync_s: _pace(job, sync_s, variant.overlap_ratio).speedup_ratio)
    lost = (job.ranks_count - speedup.mid) / (job.ranks_count - measured_ratio)
    finding = f"exchange {show_seconds(sync.mid)}, a step waits {wait_text(waited.mid)} for it"
    is_possible = speedup.low <= measured_ratio <= speedup.high
    return Cause(variant.name, speedup, lost, is_possible, finding, variant.confirm)


_SEES_OVERLAP: Final = (
    "a profile of one step: all-reduce kernels begin only after the backward pass has ended"
)
_SEES_LINK: Final = (
    "NCCL_DEBUG=INFO prints 'via SHM' instead of 'via P2P'; nvidia-smi topo -p2p r; all_reduce_perf"
    " of nccl-tests shows the bandwidth"
)
_SEES_SLOT: Final = (
    "nvidia-smi --query-gpu=pcie.link.gen.current,pcie.link.width.current under load"
)


def _variants(job: Job, wire: Wire) -> Iterator[_Variant]:
    """Yield what may be the case with links and overlap."""
    own = job.overlap_ratio
    yield _Variant(
        "nothing is wrong", wire, own, "accumulating more steps an exchange scales better"
    )
    yield _Variant("gradients are not sent beside the backward pass", wire, 0.0, _SEES_OVERLAP)
    staged = _staged(wire)
    if staged is not None:
        both = f"{_SEES_LINK}; {_SEES_OVERLAP}"
        yield _Variant("PCIe without peer-to-peer", staged, own, _SEES_LINK)
        yield _Variant("PCIe without peer-to-peer, and no overlap", staged, 0.0, both)
    slower = _narrower(staged or wire)
    if slower is not None:
        name = "PCIe without peer-to-peer, slots of half the width" if staged else _half_name(wire)
        yield _Variant(name, slower, own, _SEES_SLOT)
        yield _Variant(f"{name}, and no overlap", slower, 0.0, f"{_SEES_SLOT}; {_SEES_OVERLAP}")


def _half_name(wire: Wire) -> str:
    """Say what has half of its bandwidth."""
    return "a link of half the bandwidth" if wire.rig is None else "slots of half the width"


def _free_causes(job: Job, wire: Wire, sharing: Sharing, measured_ratio: float) -> Iterator[Cause]:
    """Yield what explains any loss beyond the predicted one, with the size that it must have."""
    expected = _pace(job, _sync_s(job, wire, sharing).mid, job.overlap_ratio)
    step = job.ranks_count * job.compute_s / measured_ratio
    extra = step - job.compute_s - expected.waited_s
    if extra <= 0.0:
        return
    lost = extra / (step - job.compute_s)
    yield _free_cause(
        "a fixed time a step: loading data, the host, checkpoints", lost,
        f"{show_seconds(extra)} a step beside the predicted exchange",
        "time the same step on one card with the data of all; time steps without exchange "
        "(no_sync): what stays longer than on one card is not the link",
    )  # fmt: skip
    slowest = (step - expected.waited_s) / job.compute_s
    yield _free_cause(
        "one card is slower: heat, a power cap, longer sequences", lost,
        f"the slowest takes {slowest:.2f} times the step of one card",
        "clocks and power of every card (nvidia-smi dmon); the time that each rank spends in its "
        "own kernels",
    )  # fmt: skip


def _free_cause(name: str, lost_ratio: float, finding: str, confirm: str) -> Cause:
    """Return a cause that explains any figure."""
    return Cause(name, None, lost_ratio, is_possible=True, finding=finding, confirm=confirm)


def _staged(wire: Wire) -> Wire | None:
    """Return the same cards exchanging through host memory; ``None`` where they do or unknown."""
    if wire.rig is None or wire.rig.nodes_count > 1:
        return None
    staged = through_host(wire.rig)
    return None if staged is None else Wire(staged)


def _narrower(wire: Wire) -> Wire | None:
    """Return cards in PCIe slots of half the width, or half of a bandwidth."""
    if wire.rig is None:
        return Wire(None, wire.bytes_per_s / NARROWER_RATIO)
    narrower = None if wire.rig.nodes_count > 1 else in_narrower_slots(wire.rig)
    return None if narrower is None else Wire(narrower)

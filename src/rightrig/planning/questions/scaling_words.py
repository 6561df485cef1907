"""What a training's scaling comes to, in sentences with their numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.facts.explanation import Explanation, Figure
from rightrig.quantities import show_gib, show_seconds

if TYPE_CHECKING:
    from rightrig.deployment.training import Sharing
    from rightrig.interval import Interval
    from rightrig.planning.questions.scaling import Job, Pace, Scaling

_PAPERS: Final = (
    "arXiv:1910.02054 (states sharded over cards)",
    "arXiv:2006.15704 (gradients in buckets, beside the backward pass)",
    "Patarasuk and Yuan 2009 (ring all-reduce)",
)
_SHARED: Final[dict[Sharing, str]] = {
    "none": "every card holds all states",
    "zero-1": "the optimizer's states are shared out (ZeRO-1)",
    "zero-2": "optimizer and gradients are shared out (ZeRO-2)",
    "zero-3": "all states are shared out (ZeRO-3, FSDP)",
}


def explained(found: Scaling) -> Explanation:
    """Return the sentences of an answer: memory, exchange, what a step waits for, causes."""
    job = found.job
    whole = f"{found.whole_bytes / 1e9:,.0f} GB"
    first = (
        f"{job.params_count / 1e9:.3g} B trained weights at {job.state_bytes_per_weight:g} bytes "
        f"each are {whole} of states, before any activation."
    )
    figures = [Figure("whole_bytes", found.whole_bytes, whole, "F4.3")]
    if found.plain is None or found.overlapped is None or found.sync_s is None:
        return Explanation((first, _no_room(found)), tuple(figures), _PAPERS)
    figures.append(
        Figure("sync_s", found.sync_s.mid, show_seconds(found.sync_s.mid), "F10.3 and F7.1")
    )
    sentences = [first, _room(found), _exchange(found, found.sync_s)]
    # Without any overlap both paces are one.
    paces = dict.fromkeys((found.plain, found.overlapped))
    sentences += [_paced(pace, job) for pace in paces]
    if found.measured_ratio is not None:
        sentences.append(_diagnosis(found, found.measured_ratio))
    return Explanation(tuple(sentences), tuple(figures), _PAPERS)


def _no_room(found: Scaling) -> str:
    """Say that nothing fits, and how many cards would."""
    card = found.wire.card_bytes or math.inf
    cards = math.ceil(found.whole_bytes / card)
    least = found.states[-1].card_bytes
    return (
        f"Even shared out over all cards they are {show_gib(least)} on each of "
        f"{found.job.ranks_count}, and a card has {show_gib(card)}: it takes at least {cards} such "
        "cards, fewer bytes a weight (8-bit Adam: 10; LoRA trains few weights) or host memory."
    )


def _room(found: Scaling) -> str:
    """Say which way of sharing fits."""
    card = found.wire.card_bytes
    if card is None:
        return "No card is named, so that nobody knows whether they fit; name a rig in --link."
    chosen = next(one for one in found.states if one.sharing == found.sharing)
    return (
        f"They fit when {_SHARED[chosen.sharing]}: {show_gib(chosen.card_bytes)} of "
        f"{show_gib(card)} a card; activations take what is left."
    )


def _exchange(found: Scaling, sync_s: Interval) -> str:
    """Say what one exchange takes."""
    job = found.job
    gradient = job.params_count * job.gradient_bytes_per_weight
    ring = 2.0 * (job.ranks_count - 1) / job.ranks_count
    span = (
        "" if sync_s.low == sync_s.high
        else f" ({show_seconds(sync_s.low)} to {show_seconds(sync_s.high)})"
    )  # fmt: skip
    return (
        f"Adding up {gradient / 1e9:.3g} GB of gradients moves 2(n−1)/n = {ring:.2f} times as much "
        f"through each card's link: {show_seconds(sync_s.mid)} a step{span}."
    )


def wait_text(waited_s: float) -> str:
    """Return a wait in words."""
    return show_seconds(waited_s) if waited_s else "no time"


def _paced(pace: Pace, job: Job) -> str:
    """Say what a step waits for at one overlap."""
    how = (
        f"Sent beside {pace.overlap_ratio:.0%} of the backward pass"
        if pace.overlap_ratio
        else "Without overlap"
    )
    return (
        f"{how}, a step waits {wait_text(pace.waited_s)}, {pace.overhead_ratio:.1%} of "
        f"it: {job.ranks_count} cards do {pace.speedup_ratio:.2f} times the work of one."
    )


def _diagnosis(found: Scaling, measured_ratio: float) -> str:
    """Say which cause comes nearest to the measured speed-up."""
    count = found.job.ranks_count
    lost = 1.0 - measured_ratio / count
    said = f"{measured_ratio:.3g}× on {count} cards is {lost:.0%} below linear; "
    best = found.causes[0]
    assert best.speedup_ratio is not None  # noqa: S101 - causes with a prediction come first
    told = f"{best.name} ({best.speedup_ratio.low:.2f} to {best.speedup_ratio.high:.2f}×)"
    if best.is_possible:
        return f"{said}the nearest cause that predicts it: {told}. To confirm: {best.confirm}."
    return (
        f"{said}no cause that links predict does it; nearest is: {told}. Look at a fixed time a "
        "step and at the slowest card first."
    )

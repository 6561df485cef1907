"""Training on several cards: what their states take, and what the exchange of gradients costs.

Weak scaling: every card has a batch of its own, so that n cards do n times the work of a step.
Formulas F4.3 and F10.3; sharded states: Rajbhandari et al. 2020 (arXiv:1910.02054); buckets and
overlap with the backward pass: Li et al. 2020 (arXiv:2006.15704).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.prediction.kernels import allreduce_s
from rightrig.prediction.parameters import engine_of
from rightrig.prediction.rates import keys_of, link_key, looked_up

if TYPE_CHECKING:
    from rightrig.deployment.rig import Link, Rig
    from rightrig.deployment.training import Sharing
    from rightrig.interval import Interval

FULL_STATE_BYTES_PER_WEIGHT: Final = 16.0
"""Mixed precision with Adam: 2 weights, 2 gradients, 4 + 4 + 4 master weights and moments."""
LEAST_STATE_BYTES_PER_WEIGHT: Final = 4.0
"""Weights and gradients of 16 bits, without any state of an optimizer."""
BUCKET_BYTES: Final = 25.0 * 2**20
"""What PyTorch's DistributedDataParallel sends at once (``bucket_cap_mb``)."""
BACKWARD_RATIO: Final = 2.0 / 3.0
"""Share of a step's arithmetic that the backward pass is: twice the forward pass."""
_WEIGHT_BYTES: Final = 2.0
_GRADIENT_BYTES: Final = 2.0
_SHARDED_VOLUME_RATIO: Final = 1.5


def training_state_bytes(
    params_count: float, bytes_per_weight: float, ranks_count: int, sharing: Sharing
) -> float:
    """Return the states on one card: ``16Ψ``, ``4Ψ + 12Ψ/n``, ``2Ψ + 14Ψ/n`` or ``16Ψ/n``.

    Without activations, so that a card needs more.

    Source: Rajbhandari et al. 2020 (ZeRO), arXiv:1910.02054. Validity: Adam with mixed precision;
    buffers are left out.

    >>> round(training_state_bytes(68_976_648_192, 16.0, 8, "none") / 1e9)
    1104
    >>> round(training_state_bytes(7.5e9, 16.0, 64, "zero-2") / 1e9, 1)
    16.6
    """
    whole_bytes = {
        "none": bytes_per_weight,
        "zero-1": _WEIGHT_BYTES + _GRADIENT_BYTES,
        "zero-2": _WEIGHT_BYTES,
        "zero-3": 0.0,
    }[sharing]
    return params_count * (whole_bytes + (bytes_per_weight - whole_bytes) / ranks_count)


def volume_ratio(sharing: Sharing) -> float:
    """Return what cards exchange in a step over one all-reduce of the gradients.

    An all-reduce is a reduce-scatter and an all-gather; weights that are sharded too are gathered
    twice, for the forward and for the backward pass: ``3Ψ / 2Ψ``.

    Source: Rajbhandari et al. 2020 (ZeRO, section 7), arXiv:1910.02054. Validity: gradients and
    weights of one width.
    """
    return _SHARDED_VOLUME_RATIO if sharing == "zero-3" else 1.0


def rig_sync_s(rig: Rig, gradient_bytes: float, ranks_count: int) -> Interval:
    """Return the time of the all-reduces of all gradients, bucket by bucket, on a rig's links."""
    sent_bytes = min(gradient_bytes, BUCKET_BYTES)
    return allreduce_s(rig, sent_bytes, ranks_count).scaled(gradient_bytes / sent_bytes)


def ring_bytes_per_s(rig: Rig, ranks_count: int, stride_count: int = 1) -> float:
    """Return what one card sends a second in a ring of ranks (bus bandwidth of nccl-tests).

    A ring is as fast as its slowest hop. Ranks that lie ``stride`` cards apart have as many
    rings beside theirs, which share the network of a node where they leave it.

    Args:
        rig: Equal cards.
        ranks_count: Ranks of the ring.
        stride_count: Cards from one rank to the next: those that split one rank's work.
    """
    if ranks_count == 1:
        return math.inf
    span = ranks_count * stride_count
    inside = min(span, rig.cards_per_node)
    rate = math.inf
    if inside > 1 and stride_count < rig.cards_per_node:
        rate = _bus_bytes_per_s(rig, inside)
    if span > rig.cards_per_node:
        rings = min(stride_count, rig.cards_per_node)
        rate = min(rate, _bus_bytes_per_s(rig, rig.cards_per_node + 1) / rings)
    return rate


def slowest_link(rig: Rig) -> Link:
    """Return the link of the slowest hop in a ring of all cards of a rig."""
    whole = rig.link(rig.cards_count)
    if rig.nodes_count == 1 or rig.cards_per_node == 1:
        return whole
    between = _bus_bytes_per_s(rig, rig.cards_per_node + 1)
    inside = _bus_bytes_per_s(rig, rig.cards_per_node)
    return rig.link(rig.cards_per_node) if inside < between else whole


def _bus_bytes_per_s(rig: Rig, ranks_count: int) -> float:
    """Return the bus bandwidth that messages among some cards reach."""
    link = rig.link(ranks_count)
    key = link_key(rig.gpu, link, ranks_count)
    ratio = looked_up(keys_of(rig.gpu, engine_of("vllm"), "bf16", key))("bus")
    return min(ratio, 1.0) * link.bytes_per_s


def exposed_s(sync_s: float, compute_s: float, overlap_ratio: float) -> float:
    """Return what of the exchange a step waits for: ``max(0, T_AR − φ·T_backward)``.

    Source: Li et al. 2020 (buckets), arXiv:2006.15704. Validity: φ is stated or fitted, not
    derived.

    Args:
        sync_s: The whole exchange.
        compute_s: The step's arithmetic; two thirds of it are the backward pass.
        overlap_ratio: φ, the share of the backward pass during which gradients are sent.

    >>> exposed_s(14.0, 5.0, 0.0), round(exposed_s(14.0, 5.0, 0.75), 2)
    (14.0, 11.5)
    """
    return max(0.0, sync_s - overlap_ratio * BACKWARD_RATIO * compute_s)


def overhead_ratio(compute_s: float, waited_s: float) -> float:
    """Return the share of a step that waits: ``e / (c + e)``.

    Source: definition. Validity: ``e`` is what no arithmetic hides.

    >>> round(overhead_ratio(5.0, 14.0), 3)
    0.737
    """
    return waited_s / (compute_s + waited_s)


def weak_scaling_ratio(ranks_count: int, alone_s: float, step_s: float) -> float:
    """Return how many times one card's work n cards do in the same time: ``n·T₁/T_n``.

    Source: Gustafson 1988, doi:10.1145/42411.42415. Validity: the work of a card stays as it is.

    >>> round(weak_scaling_ratio(4, 5.0, 19.0), 2)
    1.05
    """
    return ranks_count * alone_s / step_s

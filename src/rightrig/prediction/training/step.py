"""One training step put together: what overlaps, what waits, what comes once.

Equations: F7.5 (bubble of a pipeline), F10.3 and F10.4 (what of an exchange a step waits for).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.prediction.gradient_sync import BACKWARD_RATIO
from rightrig.prediction.roofline import smooth_max_s

if TYPE_CHECKING:
    from rightrig.prediction.training.efficiency import Reached
    from rightrig.prediction.training.load import TrainingLoad
    from rightrig.work.operators import Floats

NO_OVERLAP_RATIO: Final = 0.0
FULL_OVERLAP_RATIO: Final = 1.0


@dataclass(frozen=True, slots=True)
class StepParts:
    """Seconds of one step of the optimizer, by what they are spent on; they add up to the step.

    Attributes:
        products_s: Matrix products of all passes.
        attention_s: Scores, softmax and sums.
        rows_s: Norms, activations, residuals, loss, casts.
        unpacking_s: Turning frozen weights of few bits into 16 bits.
        tensor_s: Messages among tensor- and context-parallel ranks.
        host_s: Waiting for the host to start kernels.
        bubble_s: A pipeline that fills and drains.
        exchange_s: Weights and gradients among data-parallel ranks, as far as the step waits.
        optimizer_s: The optimizer's reads and writes.
        offload_s: Transfers to and from host memory, as far as the step waits.
    """

    products_s: Floats
    attention_s: Floats
    rows_s: Floats
    unpacking_s: Floats
    tensor_s: Floats
    host_s: Floats
    bubble_s: Floats
    exchange_s: Floats
    optimizer_s: Floats
    offload_s: Floats

    @property
    def total_s(self) -> Floats:
        """The whole step."""
        total: Floats = 0.0
        for part in fields(self):
            total = total + getattr(self, part.name)
        return total


def step_parts(
    load: TrainingLoad, reached: Reached, overlap_ratio: float = FULL_OVERLAP_RATIO
) -> StepParts:
    """Return one step: micro-batches one after another, then the exchange and the optimizer.

    A micro-batch takes its kernels' time or the host's, whichever is longer (smoothly). Sharded
    weights travel beside all of it, gradients that are exchanged once beside the backward pass
    of the last one. The pipeline of ``p`` stages adds ``(p − 1)`` micro-batches, or that over the
    parts of the model on each stage.

    Args:
        load: The work.
        reached: What of the datasheet is reached.
        overlap_ratio: How much of the time beside which messages could travel they do: 0 for a
            program that waits for them.
    """
    products = (
        load.products_s / reached.products_ratio
        + load.eight_bit_s / reached.eight_bit_ratio
        + load.traffic_s * reached.traffic_ratio
    )
    attention = load.attention_s / reached.attention_ratio
    rows = load.rows_s * reached.rows_ratio + load.casts_s / reached.memory_ratio
    unpacking = load.unpacking_s * reached.unpacking_ratio
    context = np.maximum(0.0, load.context_s / reached.link_ratio - overlap_ratio * attention)
    waits = _Waits(reached.contention_ratio, overlap_ratio)
    beside = waits.exposed_s(load.async_tensor_s / reached.link_ratio, products)
    tensor = load.tensor_s / reached.link_ratio + beside + context
    kernels = products + attention + rows + unpacking + tensor
    started = load.launches_count * reached.launch_s + load.hooks_count * reached.hook_s
    micro = smooth_max_s(kernels, started)
    count = load.micro_count
    gathered = waits.exposed_s(load.gather_s / reached.link_ratio, micro)
    exchanged = waits.exposed_s(load.exchange_s / reached.link_ratio, BACKWARD_RATIO * micro)
    streamed = waits.exposed_s(load.streamed_s / reached.slot_ratio, micro)
    return StepParts(
        products_s=count * products,
        attention_s=count * attention,
        rows_s=count * rows,
        unpacking_s=count * unpacking,
        tensor_s=count * tensor,
        host_s=count * (micro - kernels),
        bubble_s=load.bubble_count * micro,
        exchange_s=count * gathered + exchanged,
        optimizer_s=load.optimizer_s / reached.memory_ratio,
        offload_s=count * streamed + load.offload_s / reached.slot_ratio,
    )


@dataclass(frozen=True, slots=True)
class _Waits:
    """What a step pays for messages: those beyond what they could hide behind, and contention."""

    contention_ratio: Floats
    overlap_ratio: float

    def exposed_s(self, sent_s: Floats, beside_s: Floats) -> Floats:
        """Return the wait for messages that travel beside arithmetic (F10.3, F10.4).

        ``max(0, T − φ·C)`` and a share of the hidden rest: messages take memory bandwidth and
        multiprocessors from the arithmetic beside them.
        """
        room = self.overlap_ratio * beside_s
        return np.maximum(0.0, sent_s - room) + self.contention_ratio * np.minimum(sent_s, room)

"""The least recomputation, offload and sharing with which a job fits its cards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.prediction.training.memory import training_memory

if TYPE_CHECKING:
    from rightrig.deployment.training import Checkpointing, Offload, TrainingJob


@dataclass(frozen=True, slots=True)
class Saving:
    """A way to save memory.

    Attributes:
        shares_weights: Whether cards share weights and gradients too (ZeRO-3).
    """

    checkpointing: Checkpointing
    offload: Offload = "none"
    shares_weights: bool = False


SAVINGS: Final = (
    Saving("none"),
    Saving("selective"),
    Saving("selective", "optimizer"),
    Saving("full"),
    Saving("full", "optimizer"),
    Saving("full", "optimizer", shares_weights=True),
    Saving("full", "all", shares_weights=True),
)
"""From the fastest to the slowest: an optimizer in host memory costs once a step, which many
micro-batches share; a whole forward pass again costs a quarter of every micro-batch, weights of
other cards or of the host cost their way to the card."""


def least_that_fits(job: TrainingJob) -> TrainingJob:
    """Return the job with the first of ``SAVINGS`` that fits its cards, or the last of them."""
    tried = job
    for saving in SAVINGS:
        tried = _saved(job, saving)
        if training_memory(tried).verdict != "no":
            return tried
    return tried


def _saved(job: TrainingJob, saving: Saving) -> TrainingJob:
    """Return the job with one saving; a single card has nobody to share with."""
    split = job.split
    if saving.shares_weights and job.cards_count > 1:
        split = replace(split, sharing="zero-3")
    states = replace(job.states, offload=saving.offload)
    return replace(job, checkpointing=saving.checkpointing, states=states, split=split)

"""What a user says of a training job, and every job that keeps to it.

Nothing here is measured: what is left open is enumerated, and ``choosing`` takes the fastest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.training import (
    Adapter,
    Batch,
    TrainingJob,
    TrainingSplit,
    TrainingStates,
)
from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.rig import Rig
    from rightrig.deployment.training import Checkpointing, Method, Sharing
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm

USUAL_STEP_TOKENS: Final = 131_072
"""Tokens of a step where nobody says: 64 sequences of 2,048."""
MOST_MICRO_SEQS: Final = 64
_TRIED_SHARINGS: Final[tuple[Sharing, ...]] = ("none", "zero-2", "zero-3")
_TRIED_CHECKPOINTINGS: Final[tuple[Checkpointing, ...]] = ("none", "selective", "full")
_USUAL_STATES: Final = TrainingStates()
_USUAL_ADAPTER: Final = Adapter()
_VENDORS: Final = frozenset(("NVIDIA", "AMD"))


@dataclass(frozen=True, slots=True)
class StepWish:
    """What is said of a step; ``None`` where it is left open.

    Attributes:
        seq_tokens: Length of a sequence.
        batch_seqs: Sequences of all cards in a step.
        micro_seqs: Sequences that one rank works on at once.
        accumulation_count: Micro-batches of a rank in a step.
        useful_ratio: Share of the tokens that are no padding.
        is_packed: Whether short examples share a sequence.
    """

    seq_tokens: int = 2048
    batch_seqs: int | None = None
    micro_seqs: int | None = None
    accumulation_count: int | None = None
    useful_ratio: float = 1.0
    is_packed: bool = True

    @property
    def wanted_seqs(self) -> int:
        """Sequences of a step: as said, or as many as are usual."""
        return self.batch_seqs or max(1, USUAL_STEP_TOKENS // self.seq_tokens)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is said of a job; ``None`` where it is left open.

    Attributes:
        tp, pp, context_parallel: Ranks that split one sequence's work.
        base: Format of frozen weights.
    """

    method: Method
    step: StepWish
    states: TrainingStates = _USUAL_STATES
    adapter: Adapter = _USUAL_ADAPTER
    sharing: Sharing | None = None
    checkpointing: Checkpointing | None = None
    tp: int = 1
    pp: int = 1
    context_parallel: int = 1
    framework: str = "pytorch"

    @property
    def rank_cards(self) -> int:
        """Cards that one data-parallel rank takes."""
        return self.tp * self.pp * self.context_parallel


def trains_reason(gpu: Gpu) -> str:
    """Return why a kind of card trains nothing here; empty where it does."""
    if gpu.vendor not in _VENDORS:
        return f"training is modelled for PyTorch on CUDA and ROCm, not on {gpu.vendor}"
    peak = gpu.peak
    if peak.bf16_flop_per_s is None and peak.fp16_flop_per_s is None:
        return "no rate of 16-bit products is published"
    return ""


def jobs(llm: Llm, rig: Rig, wish: Wish) -> Iterator[tuple[TrainingJob, ...]]:
    """Yield the jobs that keep to a wish, those of one split together by micro-batch, least first.

    Raises:
        InputError: for a card that trains nothing here, and a split that the rig does not have.
    """
    reason = trains_reason(rig.gpu)
    if reason:
        raise InputError(f"{rig.gpu.slug}: {reason}; name an NVIDIA or AMD card")
    _check_split(llm, wish)
    split = TrainingSplit(wish.tp, wish.pp, wish.context_parallel)
    ranks = split.data_ranks(rig.cards_count)
    batches = tuple(batches_of(wish.step, ranks))
    for sharing in _sharings(wish, ranks * wish.context_parallel):
        shared = TrainingSplit(wish.tp, wish.pp, wish.context_parallel, sharing)
        for checkpointing in _checkpointings(wish):
            yield tuple(
                TrainingJob(
                    llm, rig, wish.method, batch, shared, wish.states, wish.adapter,
                    checkpointing, wish.framework,
                )
                for batch in batches
            )  # fmt: skip


def _check_split(llm: Llm, wish: Wish) -> None:
    """Refuse splits that the model cannot have.

    Raises:
        InputError: saying which.
    """
    if wish.pp > llm.layer_count:
        raise InputError(f"--pp is {wish.pp}: {llm.name} has {llm.layer_count} layers")
    heads = min((attention.head_count for attention in llm.attentions), default=1)
    if heads % wish.tp:
        raise InputError(
            f"--tp is {wish.tp}: it does not divide the {heads} attention heads of {llm.name}"
        )


def _sharings(wish: Wish, ranks: int) -> tuple[Sharing, ...]:
    """Return ways to share states; a single rank has nobody to share with."""
    if wish.sharing is not None:
        return (wish.sharing,)
    return _TRIED_SHARINGS if ranks > 1 else ("none",)


def _checkpointings(wish: Wish) -> tuple[Checkpointing, ...]:
    """Return ways to recompute."""
    return _TRIED_CHECKPOINTINGS if wish.checkpointing is None else (wish.checkpointing,)


def batches_of(step: StepWish, ranks: int) -> Iterator[Batch]:
    """Yield the batches of a rank, the smallest micro-batch first.

    Where the sequences of a step do not divide evenly, each rank takes the next whole number.

    Raises:
        InputError: where batch, micro-batch and accumulation are all said and do not agree.
    """
    own = math.ceil(step.wanted_seqs / ranks)
    micro, count = step.micro_seqs, step.accumulation_count
    if micro is not None and count is not None:
        if step.batch_seqs is not None and ranks * micro * count != step.batch_seqs:
            raise InputError(
                f"{ranks} ranks × --micro-batch {micro} × --accumulate {count} are "
                f"{ranks * micro * count} sequences, and --batch is {step.batch_seqs}: leave one "
                "of the three out"
            )
        yield _batch(step, micro, count)
    elif micro is not None:
        yield _batch(step, micro, math.ceil(own / micro))
    elif count is not None:
        yield _batch(step, math.ceil(own / count), count)
    else:
        size = 1
        while size <= min(own, MOST_MICRO_SEQS):
            yield _batch(step, size, math.ceil(own / size))
            size *= 2


def _batch(step: StepWish, micro_seqs: int, accumulation_count: int) -> Batch:
    """Return one batch of a rank."""
    return Batch(step.seq_tokens, micro_seqs, accumulation_count, step.useful_ratio, step.is_packed)

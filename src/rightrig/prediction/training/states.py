"""Weights, gradients and states of the optimizer: what a training job keeps on each card.

Formulas F4.3 to F4.5; sharing: Rajbhandari et al. 2020 (arXiv:1910.02054). A job's fullest card is
on the first or the last stage of its pipeline: the first holds the embedding and the most
micro-batches, the last the output matrix and the logits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.training import TrainingSplit
from rightrig.work.training_step import adapter_params_count
from rightrig.work.weights import (
    block_params,
    class_bits,
    rank_weight_bytes,
    stage_blocks,
    total_params_count,
    vocabulary_params,
)

if TYPE_CHECKING:
    from rightrig.deployment.training import TrainingJob, TrainingStates
    from rightrig.facts.llm import Block

_WEIGHT_BYTES: Final = 2.0
_MASTER_BYTES: Final = 4.0
_KEPT_BITS: Final = 16.0
_BITS_PER_BYTE: Final = 8.0
_MOMENTS: Final = {
    "adamw": (2, 32.0), "adamw-8bit": (2, 8.0), "adafactor": (0, 32.0), "sgd-momentum": (1, 32.0),
}  # fmt: skip
"""Moments that an optimizer keeps of each weight, and their bits. Adafactor keeps sums of rows and
columns, which are thin (Shazeer and Stern 2018, arXiv:1804.04235)."""


@dataclass(frozen=True, slots=True)
class States:
    """What one card keeps of weights, gradients and the optimizer, in bytes.

    Attributes:
        weights_bytes: All weights that the passes read, and copies in FP8.
        adapter_bytes: Weights that are trained beside frozen ones.
        gradients_bytes: Of the trained weights.
        optimizer_bytes: Master weights and moments.
        gathered_bytes: Weights of other cards that are here for a moment.
        host_bytes: What lies in host memory instead.
        stepping_count: Trained weights that this card's optimizer steps, those of 16 bits by half.
    """

    weights_bytes: float
    adapter_bytes: float
    gradients_bytes: float
    optimizer_bytes: float
    gathered_bytes: float
    host_bytes: float
    stepping_count: float


@dataclass(frozen=True, slots=True)
class Habits:
    """What frameworks do differently with weights.

    Attributes:
        upcasts: Whether the classes that a format of few bits leaves at 16 are kept at 32
            (PEFT's ``prepare_model_for_kbit_training``).
        keeps_gathered: Whether gathered weights that are frozen stay until the pass is over (FSDP
            of PyTorch 2.1: only a module's trained weights make it give them back).
    """

    upcasts: bool = False
    keeps_gathered: bool = False


def optimizer_bytes_per_weight(states: TrainingStates) -> float:
    """Return master weight and moments of one trained weight: 12 for Adam, 6 for its 8 bits (F4.3).

    >>> from rightrig.deployment.training import TrainingStates
    >>> optimizer_bytes_per_weight(TrainingStates())
    12.0
    >>> optimizer_bytes_per_weight(TrainingStates(optimizer="adamw-8bit", has_master_weights=False))
    2.0
    """
    count, bits = _MOMENTS[states.optimizer]
    moments = count * (states.moment_bits or bits) / _BITS_PER_BYTE
    return moments + (_MASTER_BYTES if states.has_master_weights else 0.0)


def state_bytes_per_weight(states: TrainingStates) -> float:
    """Return weight, gradient and optimizer of one trained weight: 2 + 2 + 12 = 16 if mixed.

    Source: Rajbhandari et al. 2020 (ZeRO), arXiv:1910.02054; 8-bit moments: Dettmers et al. 2021,
    arXiv:2110.02861. Validity: activations and buffers come on top.

    >>> from rightrig.deployment.training import TrainingStates
    >>> state_bytes_per_weight(TrainingStates())
    16.0
    """
    gradient = states.gradient_bits / _BITS_PER_BYTE
    return _weight_bytes(states) + gradient + optimizer_bytes_per_weight(states)


def _weight_bytes(states: TrainingStates) -> float:
    """Return the bytes of one weight that is trained: FP32 where nothing is computed in 16 bits."""
    least = 2.0 * _WEIGHT_BYTES if states.compute == "fp32" else _WEIGHT_BYTES
    return max(least, states.weight_bits / _BITS_PER_BYTE)


def gathered_weight_bytes(states: TrainingStates) -> float:
    """Return the bytes of one weight that cards which share weights send to each other."""
    if states.compute == "fp32":
        return 2.0 * _WEIGHT_BYTES
    return states.gathered_bits / _BITS_PER_BYTE


def shard_ranks(job: TrainingJob) -> int:
    """Return the cards over which states are shared; FSDP counts context-parallel ones too."""
    if job.split.sharing == "none":
        return 1
    ranks = job.data_ranks * job.split.context_parallel
    return min(job.split.shard_cards or ranks, ranks)


def states_of(job: TrainingJob, stage: int, habits: Habits) -> States:
    """Return what a card of one stage keeps."""
    base_bytes = _base_bytes(job, stage, upcasts=habits.upcasts)
    trained = _trained_bytes(job, stage)
    ranks = shard_ranks(job)
    weights_ranks = ranks if job.split.sharing == "zero-3" else 1
    gradient_ranks = ranks if job.split.sharing in {"zero-2", "zero-3"} else 1
    here = States(
        weights_bytes=base_bytes / weights_ranks,
        adapter_bytes=trained.weights_bytes / weights_ranks,
        gradients_bytes=trained.gradients_bytes / gradient_ranks,
        optimizer_bytes=trained.optimizer_bytes / ranks,
        gathered_bytes=_gathered_bytes(job, base_bytes, keeps=habits.keeps_gathered),
        host_bytes=0.0,
        stepping_count=trained.stepping_count / ranks,
    )
    return _offloaded(here, job.states.offload)


def _offloaded(here: States, offload: str) -> States:
    """Return the states with those moved to the host that a job keeps there."""
    if offload == "none":
        return here
    away = here.optimizer_bytes
    left = replace(here, optimizer_bytes=0.0, stepping_count=0.0)
    if offload == "all":
        away += here.weights_bytes + here.gradients_bytes
        left = replace(left, weights_bytes=0.0, gradients_bytes=0.0)
    return replace(left, host_bytes=away)


@dataclass(frozen=True, slots=True)
class _Trained:
    """What is trained on one rank before it is shared."""

    weights_bytes: float
    gradients_bytes: float
    optimizer_bytes: float
    stepping_count: float


def _trained_bytes(job: TrainingJob, stage: int) -> _Trained:
    """Return weights beside frozen ones, gradients and optimizer of a stage.

    Embedding and output matrix that are trained beside low-rank matrices are copies in the
    model's own 16 bits, and so are their moments (PEFT's ``modules_to_save``).
    """
    states = job.states
    if job.method == "full":
        matrices, whole = _params_count(job, stage), 0.0
    else:
        part = _params_count(job, stage) / total_params_count(job.llm)
        bare = replace(job.adapter, trains_embeddings=False)
        matrices = adapter_params_count(job.llm, bare) * part
        whole = _vocabulary_count(job, stage) if job.adapter.trains_embeddings else 0.0
    beside = 0.0 if job.method == "full" else matrices * _weight_bytes(states)
    gradients = matrices * states.gradient_bits / _BITS_PER_BYTE
    optimizer = matrices * optimizer_bytes_per_weight(states)
    return _Trained(
        weights_bytes=beside + whole * _WEIGHT_BYTES,
        gradients_bytes=gradients + whole * _WEIGHT_BYTES,
        optimizer_bytes=optimizer + whole * 2.0 * _WEIGHT_BYTES,
        stepping_count=matrices + whole / 2.0,
    )


def whole_state_bytes(job: TrainingJob) -> float:
    """Return weights, gradients and optimizer once, whatever cards they lie on (F4.3)."""
    alone = replace(job, split=TrainingSplit(), states=replace(job.states, offload="none"))
    one = states_of(alone, 0, Habits())
    return one.weights_bytes + one.adapter_bytes + one.gradients_bytes + one.optimizer_bytes


def largest_block(job: TrainingJob) -> Block:
    """Return the kind of layer with the most weights."""
    size = job.llm.hidden_size
    return max(job.llm.blocks, key=lambda block: sum(block_params(block, size).values()))


def unpacked_bytes(job: TrainingJob) -> float:
    """Return the room in which a matrix of few bits is unpacked: the largest, at 16 bits (F4.5)."""
    bits = class_bits(job.llm, job.states.base)
    packed = {kind for kind, width in bits.items() if width < _BITS_PER_BYTE * _WEIGHT_BYTES}
    if job.method != "qlora":
        return 0.0
    block = largest_block(job)
    inner = 0.0
    if block.ffn is not None and packed & {"ffn", "expert"}:
        inner = max(block.ffn.inner_size, block.ffn.expert_inner_size)
    return _WEIGHT_BYTES * job.llm.hidden_size * max(inner, job.llm.hidden_size) / job.split.tp


def _params_count(job: TrainingJob, stage: int) -> float:
    """Return the weights of one rank of a stage."""
    sizes = rank_weight_bytes(job.llm, "bf16", job.split.tp, job.split.pp)
    return sizes[stage] / _WEIGHT_BYTES


def _base_bytes(job: TrainingJob, stage: int, *, upcasts: bool) -> float:
    """Return the weights that the passes of one rank read, before they are shared."""
    split, states = job.split, job.states
    if job.method == "full":
        base = _params_count(job, stage) * _weight_bytes(states)
        # Weights that are gathered in fewer bits are cast on the way and kept in none.
        is_cast = states.compute == "fp8" and states.weight_bits <= _KEPT_BITS
        return base + (_block_params_count(job, stage) if is_cast else 0.0)
    base = rank_weight_bytes(job.llm, states.base, split.tp, split.pp)[stage]
    is_kept = job.method == "qlora" and class_bits(job.llm, states.base)["embedding"] == _KEPT_BITS
    widened = _vocabulary_count(job, stage) * _WEIGHT_BYTES if upcasts and is_kept else 0.0
    return base + widened


def _block_params_count(job: TrainingJob, stage: int) -> float:
    """Return the weights of a stage's layers on one rank."""
    blocks = stage_blocks(job.llm, job.split.pp)[stage]
    return float(
        sum(
            count * sum(block_params(block, job.llm.hidden_size, job.split.tp).values())
            for block, count in blocks
        )
    )


def _vocabulary_count(job: TrainingJob, stage: int) -> float:
    """Return the weights of embedding and output matrix on one rank of a stage."""
    matrix = vocabulary_params(job.llm, job.split.tp)
    has_head = stage == job.split.pp - 1 and not job.llm.tied_embeddings
    return float((matrix if stage == 0 else 0) + (matrix if has_head else 0))


def _gathered_bytes(job: TrainingJob, base_bytes: float, *, keeps: bool) -> float:
    """Return weights of other cards that are here for a moment.

    With shared weights the layer at work and the next one, beside embedding and output matrix,
    which are one unit; of trained layers the whole gradient of one. A stage of a pipeline gathers
    its weights once a step and exchanges its gradients once: both are whole until then (torchtitan,
    parallelize_llama.py: no resharding after the forward pass).
    """
    is_away = job.states.offload == "all"
    if not is_away and (job.split.sharing != "zero-3" or shard_ranks(job) == 1):
        return 0.0
    if keeps and job.method != "full":
        return base_bytes
    size, tp = job.llm.hidden_size, job.split.tp
    gradient_bytes = job.states.gradient_bits / _BITS_PER_BYTE if job.method == "full" else 0.0
    if job.split.pp > 1:
        count = base_bytes / _weight_bytes(job.states)
        return count * (gathered_weight_bytes(job.states) + gradient_bytes)
    layer = sum(block_params(largest_block(job), size, tp).values())
    matrices = 1 if job.llm.tied_embeddings or job.split.pp > 1 else 2
    root = matrices * vocabulary_params(job.llm, tp)
    each = gathered_weight_bytes(job.states)
    return each * 2.0 * layer + max(each, _WEIGHT_BYTES) * root + gradient_bytes * layer

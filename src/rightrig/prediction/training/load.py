"""What a training step has to do on its busiest card, in seconds at the datasheet's rates.

Nothing here is fitted, except what links were timed at; ``efficiency`` says what training reaches
of the rest, ``time`` adds it up. Every attribute of a load may be a number (one job)
or an array (an element a job), so that calibration and prediction share one formula.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.prediction.gradient_sync import ring_bytes_per_s
from rightrig.prediction.power_cap import clock_ratio
from rightrig.prediction.rates import peak_flop_per_s
from rightrig.prediction.training.efficiency import repeats_last
from rightrig.prediction.training.states import (
    gathered_weight_bytes,
    optimizer_bytes_per_weight,
    shard_ranks,
)
from rightrig.work.operators import Shard
from rightrig.work.training_step import (
    MicroBatch,
    TrainingKernels,
    adapted_matrices_count,
    forward_work,
    trained_params_count,
    training_work,
)
from rightrig.work.weights import class_bits, params_by_class, total_params_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.training import TrainingJob
    from rightrig.facts.gpu import Gpu
    from rightrig.work.operators import Floats
    from rightrig.work.training_step import TrainingWork

_WEIGHT_BYTES: Final = 2.0
_EIGHT_BIT_KINDS: Final = frozenset({"gemm", "experts"})
"""What runs in FP8 where a job asks for it; output matrix and attention stay at 16 bits."""
_CAST_RATIO: Final = 0.75
"""Bytes to turn operands into FP8 over all 16-bit bytes of a product: operands are about half of
them, and each value is read in 2 bytes and written in 1."""


@dataclass(frozen=True, slots=True)
class TrainingLoad:
    """Seconds of one micro-batch on one rank, at the datasheet's rates unless said otherwise.

    Attributes:
        products_s: Matrix products of 16 bits.
        eight_bit_s: Products in FP8.
        traffic_s: Bytes of the products over the card's memory bandwidth.
        attention_s: Attention at the 16-bit rate.
        rows_s: Norms, activations, residuals and loss over the memory bandwidth.
        casts_s: Turning operands into FP8, likewise.
        unpacking_s: Turning frozen weights of few bits into 16 bits, likewise.
        launches_count: Kernels that the host starts.
        hooks_count: Matrices that sharding gathers and drops one by one, pass by pass.
        tensor_s: Messages among tensor-parallel ranks, which nothing hides.
        async_tensor_s: Such messages where they travel beside the products.
        context_s: Keys and values among context-parallel ranks, beside attention.
        gather_s: Sharded weights and gradients of a micro-batch among data-parallel ranks.
        streamed_s: Weights that a micro-batch fetches from host memory.
        micro_count: Micro-batches of a step.
        bubble_count: Micro-batches' times that a pipeline takes to fill and drain: ``(p − 1)/v``
            with ``v`` parts of the model on each stage (Narayanan et al. 2021, arXiv:2104.04473).
        exchange_s: What data-parallel ranks exchange once a step.
        optimizer_s: States that the optimizer reads and writes in the card's memory.
        offload_s: States that it fetches from host memory and writes back.
    """

    products_s: Floats
    eight_bit_s: Floats
    traffic_s: Floats
    attention_s: Floats
    rows_s: Floats
    casts_s: Floats
    unpacking_s: Floats
    launches_count: Floats
    hooks_count: Floats
    tensor_s: Floats
    async_tensor_s: Floats
    context_s: Floats
    gather_s: Floats
    streamed_s: Floats
    micro_count: Floats
    bubble_count: Floats
    exchange_s: Floats
    optimizer_s: Floats
    offload_s: Floats


def stacked(loads: Sequence[TrainingLoad]) -> TrainingLoad:
    """Return many loads as one of arrays."""
    names = [field.name for field in fields(TrainingLoad)]
    columns = {name: np.array([float(getattr(load, name)) for load in loads]) for name in names}
    return TrainingLoad(**columns)


def training_load(job: TrainingJob) -> TrainingLoad:
    """Return the load of one job on its busiest card.

    Stages of a pipeline are taken as balanced: each has its share of layers and output matrix.
    """
    split, batch = job.split, job.batch
    micro = MicroBatch(
        batch.micro_seqs, batch.seq_tokens / split.context_parallel, batch.seq_tokens
    )
    adapter = None if job.method == "full" else job.adapter
    kernels = TrainingKernels(
        not job.has_flash_attention, job.has_fused_loss, job.has_sequence_parallel,
        repeats_last=repeats_last(job.framework),
    )  # fmt: skip
    forward = forward_work(job.llm, micro, Shard(tp=split.tp), adapter, kernels)
    works = training_work(forward, job.method, job.checkpointing, kernels, job.checkpointed_ratio)
    device = _device_seconds(job, works)
    per_stage = {name: seconds / split.pp for name, seconds in device.items()}
    return TrainingLoad(
        **per_stage,
        unpacking_s=_unpacking_s(job),
        hooks_count=_hooks_count(job),
        tensor_s=0.0 if job.has_async_tp else _tensor_s(job, micro),
        async_tensor_s=_tensor_s(job, micro) if job.has_async_tp else 0.0,
        context_s=_context_s(job, micro),
        gather_s=_gather_s(job),
        streamed_s=_streamed_s(job),
        micro_count=float(batch.accumulation_count),
        bubble_count=(split.pp - 1.0) / split.virtual_stages,
        exchange_s=_exchange_s(job),
        optimizer_s=_moved_state_bytes(job) / job.rig.gpu.memory_bandwidth_bytes_per_s,
        offload_s=_offload_s(job),
    )


def sixteen_bit_flop_per_s(gpu: Gpu) -> float:
    """Return the datasheet's dense rate at 16 bits, over which MFU and HFU are taken.

    Where none is published, what cards of the kind offer a byte of bandwidth stands for it.
    """
    return peak_flop_per_s(gpu, "fp16") or 50.0 * gpu.memory_bandwidth_bytes_per_s


def plain_flop_per_s(job: TrainingJob) -> float:
    """Return the datasheet's rate of products that are not in FP8: 16 bits, or FP32."""
    gpu = job.rig.gpu
    if job.states.compute == "fp32" and gpu.peak.fp32_flop_per_s:
        return gpu.peak.fp32_flop_per_s
    return sixteen_bit_flop_per_s(gpu)


def _device_seconds(job: TrainingJob, works: Sequence[TrainingWork]) -> dict[str, float]:
    """Return what the kernels of a micro-batch take, by the ceiling that they meet."""
    gpu = job.rig.gpu
    sixteen = plain_flop_per_s(job)
    bandwidth = gpu.memory_bandwidth_bytes_per_s
    eight = _eight_bit_flop_per_s(job)
    found = dict.fromkeys(
        ("products_s", "eight_bit_s", "traffic_s", "attention_s", "rows_s", "casts_s"), 0.0
    )
    clock = _clock_ratio(job)
    for work in works:
        if work.kind == "prefill":
            found["attention_s"] += work.flop / (sixteen * clock)
        elif work.kind == "rows":
            found["rows_s"] += work.moved_bytes / bandwidth
        else:
            is_low = eight is not None and work.kind in _EIGHT_BIT_KINDS and not work.is_adapter
            rate = eight if is_low and eight is not None else sixteen
            found["eight_bit_s" if is_low else "products_s"] += work.flop / (rate * clock)
            moved = work.moved_bytes / bandwidth
            found["traffic_s"] += moved
            found["casts_s"] += _CAST_RATIO * moved if is_low else 0.0
    return {**found, "launches_count": sum(work.launches_count for work in works)}


def _clock_ratio(job: TrainingJob) -> float:
    """Return the clock under a power cap over that without (F13)."""
    group = job.rig.groups[0]
    board = group.gpu.board_power_w
    if not group.power_cap_w or not board:
        return 1.0
    return float(clock_ratio(group.power_cap_w / board))


def _eight_bit_flop_per_s(job: TrainingJob) -> float | None:
    """Return the rate of FP8 products; ``None`` where the job or the card has none."""
    return job.rig.gpu.peak.fp8_flop_per_s if job.states.compute == "fp8" else None


def _passes_count(job: TrainingJob) -> float:
    """Return how often a micro-batch goes through the layers: forward, again, backward."""
    again = {"none": 0.0, "selective": 0.0, "alternate": 0.5, "full": 1.0}[job.checkpointing]
    return 2.0 + again * job.checkpointed_ratio


def _hooks_count(job: TrainingJob) -> float:
    """Return the matrices that a micro-batch gathers one by one under ZeRO-3, pass by pass.

    Frameworks that gather a whole layer at once take no time for it (``efficiency``).
    """
    if job.split.sharing != "zero-3":
        return 0.0
    matrices = sum(count * adapted_matrices_count(block) for block, count in job.llm.block_counts)
    return _passes_count(job) * matrices / job.split.pp


def _unpacking_s(job: TrainingJob) -> float:
    """Return the time to unpack frozen weights in each pass: bits read, 16 bits written."""
    if job.method != "qlora":
        return 0.0
    bits = class_bits(job.llm, job.states.base)
    moved = sum(
        params * (bits[kind] / 8.0 + _WEIGHT_BYTES)
        for kind, params in params_by_class(job.llm).items()
        if bits[kind] < 8.0 * _WEIGHT_BYTES
    )
    passes = _passes_count(job)
    ranks = job.split.tp * job.split.pp
    return passes * moved / ranks / job.rig.gpu.memory_bandwidth_bytes_per_s


def _tensor_s(job: TrainingJob, micro: MicroBatch) -> float:
    """Return the messages of tensor parallelism: two all-reduces a layer and pass (F7.3).

    Each is a gathering, in the width of gathered weights, and a scattering in 16 bits.
    """
    ranks = job.split.tp
    if ranks == 1:
        return 0.0
    passes = _passes_count(job)
    width = (_WEIGHT_BYTES + min(_WEIGHT_BYTES, gathered_weight_bytes(job.states))) / 2.0
    message = width * micro.tokens * job.llm.hidden_size
    count = 2.0 * passes * job.llm.layer_count / job.split.pp
    volume = 2.0 * (ranks - 1.0) / ranks * message * count
    return volume / ring_bytes_per_s(job.rig, ranks, 1)


def _context_s(job: TrainingJob, micro: MicroBatch) -> float:
    """Return keys and values passed round the ring of context-parallel ranks.

    Forward all but the own ones, backward twice that: keys, values and their gradients (Ring
    Attention, Liu et al. 2023, arXiv:2310.01889).
    """
    ranks = job.split.context_parallel
    if ranks == 1:
        return 0.0
    values = sum(
        count * a.kv_head_count * (a.head_dim + a.value_dim)
        for block, count in job.llm.block_counts
        if (a := block.attention) is not None
    )
    sent = 3.0 * (ranks - 1.0) * micro.tokens * values * _WEIGHT_BYTES
    sent /= job.split.tp * job.split.pp
    return sent / ring_bytes_per_s(job.rig, ranks, job.split.tp)


def _trained_params_count(job: TrainingJob) -> float:
    """Return the trained parameters of one rank before data-parallel sharding."""
    return trained_params_count(job.llm, job.method, job.adapter) / (job.split.tp * job.split.pp)


def _model_params_count(job: TrainingJob) -> float:
    """Return all parameters of one rank before data-parallel sharding."""
    return total_params_count(job.llm) / (job.split.tp * job.split.pp)


def _ring_ranks(job: TrainingJob) -> int:
    """Return the ranks with the same weights and batches, or parts of sequences, of their own."""
    return job.data_ranks * job.split.context_parallel


def _rate_bytes_per_s(job: TrainingJob, ranks_count: int) -> float:
    """Return what one card moves round a ring of such ranks."""
    return ring_bytes_per_s(job.rig, ranks_count, job.split.tp)


def _gathers(sharing: str) -> tuple[float, float]:
    """Return how often weights are gathered and gradients scattered in every micro-batch.

    FSDP's full shard (ZeRO-3) gathers before the forward and before the backward pass;
    its SHARD_GRAD_OP (ZeRO-2) once.
    """
    return {"none": (0.0, 0.0), "zero-1": (0.0, 0.0), "zero-2": (0.0, 1.0), "zero-3": (2.0, 1.0)}[
        sharing
    ]


def _gather_s(job: TrainingJob) -> float:
    """Return what a micro-batch moves among the ranks that share states (F4.3, F10.4)."""
    ranks = shard_ranks(job)
    if ranks == 1 or gathers_once(job):
        return 0.0
    gathers, scatters = _gathers(job.split.sharing)
    gathers = 0.0 if _reads_all_from_host(job) else gathers
    gradients = _trained_params_count(job) * job.states.gradient_bits / 8.0
    moved = gathers * _gathered_weights_bytes(job) + scatters * gradients
    return (ranks - 1.0) / ranks * moved / _rate_bytes_per_s(job, shard_ranks(job))


def gathers_once(job: TrainingJob) -> bool:
    """Return whether a stage of a pipeline keeps its gathered weights for all micro-batches."""
    return job.split.sharing == "zero-3" and job.split.pp > 1


def _gathered_weights_bytes(job: TrainingJob) -> float:
    """Return all weights of a rank as cards send them to each other."""
    return gathered_weight_bytes(job.states) * _model_params_count(job)


def _exchange_s(job: TrainingJob) -> float:
    """Return what is exchanged once a step.

    Without sharing an all-reduce of the gradients; with shared optimizer states the trained
    weights gathered again (ZeRO-1: and gradients scattered); among groups that each hold all
    states (hybrid sharding) an all-reduce of each card's part.
    """
    ranks = _ring_ranks(job)
    if ranks == 1:
        return 0.0
    trained = _trained_params_count(job)
    gradients = trained * job.states.gradient_bits / 8.0
    share = (ranks - 1.0) / ranks
    if job.split.sharing == "none":
        return 2.0 * share * gradients / _rate_bytes_per_s(job, ranks)
    if job.split.sharing == "zero-1":
        return share * (gradients + trained * _WEIGHT_BYTES) / _rate_bytes_per_s(job, ranks)
    shards = shard_ranks(job)
    moved = share * trained * _WEIGHT_BYTES if job.split.sharing == "zero-2" else 0.0
    if gathers_once(job):
        moved = (shards - 1.0) / shards * (_gathered_weights_bytes(job) + gradients)
    total = moved / _rate_bytes_per_s(job, shard_ranks(job))
    if shards < ranks:
        groups = ranks / shards
        part = 2.0 * (groups - 1.0) / groups * gradients / shards
        total += part / _rate_bytes_per_s(job, ranks)
    return total


def _sharded_trained_count(job: TrainingJob) -> float:
    """Return the trained parameters whose optimizer states one card keeps."""
    return _trained_params_count(job) / shard_ranks(job)


def _moved_state_bytes(job: TrainingJob) -> float:
    """Return what a step of the optimizer moves in memory: states twice, gradient and weight."""
    kept = 0.0 if job.states.offload != "none" else 2.0 * optimizer_bytes_per_weight(job.states)
    each = kept + job.states.gradient_bits / 8.0 + _WEIGHT_BYTES
    return _sharded_trained_count(job) * each


def _host_bytes_per_s(job: TrainingJob) -> float:
    """Return the rate of a card's slot, one direction; without a slot, that of its memory."""
    group = job.rig.groups[0]
    if group.gpu.pcie is None:
        return group.gpu.memory_bandwidth_bytes_per_s
    return group.pcie_bytes_per_s or group.gpu.pcie.bytes_per_s


def _offload_s(job: TrainingJob) -> float:
    """Return the states that a step fetches and writes back, both directions at once."""
    if job.states.offload == "none":
        return 0.0
    return (
        _sharded_trained_count(job)
        * optimizer_bytes_per_weight(job.states)
        / _host_bytes_per_s(job)
    )


def _reads_all_from_host(job: TrainingJob) -> bool:
    """Return whether each card reads all weights from host memory rather than from its peers."""
    rate = _rate_bytes_per_s(job, shard_ranks(job))
    return job.states.offload == "all" and rate < _host_bytes_per_s(job)


def _streamed_s(job: TrainingJob) -> float:
    """Return the weights that every pass of a micro-batch fetches where all lies in the host.

    Each card fetches its share and gathers the rest from the others, or fetches all of it where
    that is faster.
    """
    if job.states.offload != "all":
        return 0.0
    passes = _passes_count(job)
    is_shared = job.split.sharing == "zero-3" and not _reads_all_from_host(job)
    ranks = shard_ranks(job) if is_shared else 1
    moved = passes * _WEIGHT_BYTES * _model_params_count(job) / ranks
    return moved / _host_bytes_per_s(job)

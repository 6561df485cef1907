"""The memory of a training job, part by part, on its fullest card.

The peak is in the backward pass (activations, logits, gathered weights) or while the optimizer
steps (its gradients and roots in FP32), whichever takes more; both stand on the states. Formulas
F4.1 to F4.6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval
from rightrig.prediction.memory_fit import HOST_RATIO, card_verdict
from rightrig.prediction.training.memory_parameters import memory_parameters
from rightrig.prediction.training.states import (
    shard_ranks,
    states_of,
    unpacked_bytes,
    whole_state_bytes,
)
from rightrig.quantities import show_gib
from rightrig.work.training_activations import (
    Kept,
    Share,
    backward_bytes,
    checkpoint_bytes,
    layer_activation_bytes,
)
from rightrig.work.weights import stage_blocks

if TYPE_CHECKING:
    from rightrig.deployment.training import TrainingJob
    from rightrig.facts.llm import Block
    from rightrig.prediction.memory_fit import Verdict
    from rightrig.prediction.training.memory_parameters import MemoryParameters
    from rightrig.prediction.training.states import States

Phase = Literal["backward", "step"]
_FUSED_PIECES_COUNT: Final = 8.0
"""Pieces in which a fused loss goes through the logits."""
_FP32_HEAD_SAVES_BYTES: Final = 4.0
"""A head in FP32 has no logits of 16 bits, nor their gradient."""
_LEAST_LOGIT_BYTES: Final = 2.0
_ATTENTION_MATRICES: Final = {"query-value": 1, "attention": 3, "all-linear": 3}
"""Low-rank matrices on one input that drop it out each for itself; queries and values are one
matrix where only they have them (litgpt)."""
_GATE_AND_UP: Final = 2


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """One part of a card's memory at the peak.

    Attributes:
        name: As in the JSON output.
        basis: What it is of.
    """

    name: str
    size_bytes: Interval
    basis: str


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """What a job needs on its fullest card, and whether the card has it.

    Attributes:
        stage: Stage of the pipeline that the card works for, from 0.
        parts: What is there at the peak.
        phase: When the peak is: in the backward pass, or while the optimizer steps.
        allocated_bytes: What tensors take at the peak (``torch.cuda.max_memory_allocated``).
        required_bytes: The same with runtime and reserve: what the card must have.
        budget_bytes: What the driver shows of the card.
        whole_state_bytes: Weights, gradients and optimizer once, over all cards.
        host_bytes: Host memory that offload takes, of all cards.
    """

    job: TrainingJob
    stage: int
    parts: tuple[MemoryPart, ...]
    phase: Phase
    allocated_bytes: Interval
    required_bytes: Interval
    budget_bytes: Interval
    whole_state_bytes: float
    host_bytes: float

    @property
    def verdict(self) -> Verdict:
        """``fits`` (surely, 8 % to spare), ``tight`` (likely) or ``no``; host memory counts too."""
        if self.lacks_host_memory:
            return "no"
        return card_verdict(self.budget_bytes, self.required_bytes)

    @property
    def lacks_host_memory(self) -> bool:
        """Whether the machines have less memory than offload takes, as far as the rig names it."""
        rig = self.job.rig
        if rig.host_memory_bytes is None:
            return False
        return self.host_bytes > HOST_RATIO * rig.host_memory_bytes * rig.nodes_count

    @property
    def free_bytes(self) -> float:
        """Budget less need, by the middle; negative when it does not fit."""
        return self.budget_bytes.mid - self.required_bytes.mid

    @property
    def rig_bytes(self) -> float:
        """What all cards of the rig show together."""
        return self.budget_bytes.mid * self.job.cards_count

    def explain(self) -> Explanation:
        """Return the reasons of the verdict."""
        largest = max(self.parts, key=lambda part: part.size_bytes.mid)
        when = "in the backward pass" if self.phase == "backward" else "as the optimizer steps"
        name = largest.name.replace("_", " ")
        needed = (
            f"The fullest card needs {show_gib(self.required_bytes.mid)} of "
            f"{show_gib(self.budget_bytes.mid)} {when}; the largest part is {name} "
            f"({show_gib(largest.size_bytes.mid)}, {largest.basis})."
        )
        sentences = [needed]
        if self.whole_state_bytes > self.rig_bytes and self.job.states.offload == "none":
            sentences.append(
                f"Weights, gradients and optimizer alone take {self.whole_state_bytes / 1e9:,.0f} "
                f"GB; {self.job.cards_count} cards have {self.rig_bytes / 1e9:,.0f} GB."
            )
        if self.host_bytes:
            sentences.append(f"Offload keeps {show_gib(self.host_bytes)} in host memory.")
        figures = tuple(
            Figure(
                f"{part.name}_bytes", part.size_bytes.mid, show_gib(part.size_bytes.mid), part.basis
            )
            for part in self.parts
        )
        return Explanation(tuple(sentences), figures, tuple(part.basis for part in self.parts))


def training_memory(job: TrainingJob, parameters: MemoryParameters | None = None) -> TrainingMemory:
    """Return the memory of a job's fullest card.

    Args:
        job: The job.
        parameters: Other than the shipped ones, for calibration.
    """
    known = parameters or memory_parameters()
    stages = sorted({0, job.split.pp - 1})
    found = [_on_stage(job, stage, known) for stage in stages]
    return max(found, key=lambda one: one.required_bytes.mid)


def reported_bytes(job: TrainingJob, parameters: MemoryParameters | None = None) -> Interval:
    """Return the memory that a job's framework prints: what tensors take, or all that is gone."""
    known = parameters or memory_parameters()
    memory = training_memory(job, known)
    own = known.framework(job.framework)
    if own.reports != "allocated":
        return memory.required_bytes
    if not (own.pages_optimizer and job.states.optimizer == "adamw-8bit"):
        return memory.allocated_bytes
    paged = sum(part.size_bytes.mid for part in memory.parts if part.name == "optimizer")
    return memory.allocated_bytes.scaled(1.0 - paged / memory.allocated_bytes.mid)


def _on_stage(job: TrainingJob, stage: int, known: MemoryParameters) -> TrainingMemory:
    """Return the memory of a card of one stage."""
    states = states_of(job, stage, known.framework(job.framework).habits)
    passing = _passing_parts(job, stage, states, known)
    stepping = _stepping_parts(job, states, known)
    phase: Phase = "step" if _sum_bytes(stepping) > _sum_bytes(passing) else "backward"
    parts = (*_resident_parts(job, states), *(stepping if phase == "step" else passing))
    tensors, spread = _sum_bytes(parts), known.spread_of_ratio(job)
    runtime = MemoryPart(
        "runtime",
        _roughly_bytes(known.runtime_bytes),
        "CUDA, its libraries, the allocator's reserve",
    )
    return TrainingMemory(
        job=job,
        stage=stage,
        parts=(*(part for part in parts if part.size_bytes.mid > 0.0), runtime),
        phase=phase,
        allocated_bytes=Interval.around(tensors, spread),
        required_bytes=Interval.around(tensors + known.runtime_bytes, spread),
        budget_bytes=min(
            (group.gpu.memory_bytes for group in job.rig.groups), key=lambda size: size.mid
        ),
        whole_state_bytes=whole_state_bytes(job),
        host_bytes=states.host_bytes * job.cards_count,
    )


def _sum_bytes(parts: tuple[MemoryPart, ...]) -> float:
    """Return the middles' sum."""
    return sum(part.size_bytes.mid for part in parts)


def _resident_parts(job: TrainingJob, states: States) -> tuple[MemoryPart, ...]:
    """Return what is on the card all the time."""
    shared = "" if job.split.sharing == "none" else f", {job.split.sharing}"
    what = job.states.base if job.method != "full" else job.states.compute
    return (
        MemoryPart("weights", Interval.exact(states.weights_bytes), f"{what}{shared}"),
        MemoryPart("adapters", Interval.exact(states.adapter_bytes), f"rank {job.adapter.rank}"),
        MemoryPart(
            "gradients",
            Interval.exact(states.gradients_bytes),
            f"{job.states.gradient_bits} bits{shared}",
        ),
        MemoryPart(
            "optimizer", Interval.exact(states.optimizer_bytes), f"{job.states.optimizer}{shared}"
        ),
    )


def _passing_parts(
    job: TrainingJob, stage: int, states: States, known: MemoryParameters
) -> tuple[MemoryPart, ...]:
    """Return what the backward pass has at its peak beside the states.

    That is when it begins, with all logits, or in a layer, when they are gone.
    """
    logits = _logits_bytes(job, stage, known)
    layer = _layer_bytes(job, stage, known)
    at_loss = logits >= layer
    peak = (
        MemoryPart(
            "logits", _roughly_bytes(logits), f"{job.llm.vocab_size:,} a token, and the loss"
        )
        if at_loss
        else MemoryPart(
            "layer", _roughly_bytes(layer), "one layer's activations and their gradients"
        )
    )
    return (
        MemoryPart("activations", _roughly_bytes(_kept_bytes(job, stage, known)), _kept_words(job)),
        peak,
        MemoryPart(
            "gathered_weights", _roughly_bytes(states.gathered_bytes), "weights of other cards"
        ),
        MemoryPart(
            "unpacked_matrix", _roughly_bytes(unpacked_bytes(job)), "the largest matrix at 16 bits"
        ),
    )


def _roughly_bytes(size_bytes: float) -> Interval:
    """Return a part that formulas give to about a fifth."""
    return Interval.around(size_bytes, 1.2)


def _kept_words(job: TrainingJob) -> str:
    """Return what of the forward pass is kept, in words."""
    return {
        "none": "all of the forward pass",
        "selective": "the forward pass without what is cheap to compute again",
        "alternate": "the input of every layer, attention, every second product",
        "full": "the input of every layer",
    }[job.checkpointing]


def _stepping_parts(
    job: TrainingJob, states: States, known: MemoryParameters
) -> tuple[MemoryPart, ...]:
    """Return what the optimizer holds while it steps; weights that cards share step by groups.

    A card that shares with nobody has its peak as if all weights stepped at once, as published
    runs of DeepSpeed on one card show.
    """
    count = states.stepping_count
    if job.split.sharing == "zero-3" and shard_ranks(job) > 1:
        count = min(count, known.step_count)
    own = known.framework(job.framework)
    if own.is_tuned or own.has_fused_step:
        count = 0.0
    return (
        MemoryPart(
            "step_copies", _roughly_bytes(count * known.step_bytes), "FP32 copies of a step"
        ),
    )


def _share(job: TrainingJob) -> Share:
    """Return one micro-batch's part on a card."""
    batch, split = job.batch, job.split
    return Share(
        tokens=batch.micro_seqs * batch.seq_tokens / split.context_parallel,
        seq_tokens=batch.seq_tokens,
        tp=split.tp,
        has_sequence_parallel=job.has_sequence_parallel,
    )


def _kept(job: TrainingJob) -> Kept:
    """Return what of a layer is kept."""
    is_full = job.method == "full"
    reaches_ffn = job.adapter.targets == "all-linear"
    drops = job.adapter.has_dropout and not is_full
    return Kept(
        # bitsandbytes' products keep their input, whether or not anything learns from it.
        ffn_inputs=is_full or reaches_ffn or job.method == "qlora",
        has_flash_attention=job.has_flash_attention,
        is_selective=job.checkpointing == "selective",
        is_alternate=job.checkpointing == "alternate",
        dropped_attention_inputs=_ATTENTION_MATRICES[job.adapter.targets] if drops else 0,
        dropped_ffn_inputs=_GATE_AND_UP if drops and reaches_ffn else 0,
        value_bytes=4.0 if job.states.compute == "fp32" else 2.0,
    )


def _eager_ratio(job: TrainingJob, known: MemoryParameters) -> float:
    """Return what a framework keeps over what formulas name."""
    is_tuned = known.framework(job.framework).is_tuned or job.is_compiled
    return 1.0 if is_tuned else known.kept_ratio


def _kept_bytes(job: TrainingJob, stage: int, known: MemoryParameters) -> float:
    """Return what all layers of a stage keep, of all micro-batches that are in flight."""
    plain, again = replace(job, checkpointing="none"), job.checkpointed_ratio
    held = 0.0
    for block, count in stage_blocks(job.llm, job.split.pp)[stage]:
        held += again * count * _layer_kept_bytes(job, block, known)
        if again < 1.0:
            held += (1.0 - again) * count * _layer_kept_bytes(plain, block, known)
    return _flights_count(job, stage) * held


def _flights_count(job: TrainingJob, stage: int) -> float:
    """Return the micro-batches of a stage between their passes (1F1B).

    Interleaved ``v``-fold the first stage has ``(p − 1)/v`` more (Korthikanti et al. 2022,
    arXiv:2205.05198).
    """
    split = job.split
    more = (split.pp - 1) / split.virtual_stages if split.virtual_stages > 1 else 0.0
    return min(split.pp - stage + more, job.batch.accumulation_count)


def _layer_kept_bytes(job: TrainingJob, block: Block, known: MemoryParameters) -> float:
    """Return what one layer keeps of a micro-batch."""
    share, kept, size = _share(job), _kept(job), job.llm.hidden_size
    if job.checkpointing == "full":
        return checkpoint_bytes(size, share, kept.value_bytes)
    # What is kept by the names of operators has no results of casts and copies beside it.
    eager = 1.0 if kept.is_alternate else _eager_ratio(job, known)
    return eager * layer_activation_bytes(block, size, share, kept)


def _layer_bytes(job: TrainingJob, stage: int, known: MemoryParameters) -> float:
    """Return what the backward pass of one layer has: its gradients, and what is done again."""
    share, kept, size = _share(job), _kept(job), job.llm.hidden_size
    again = _eager_ratio(job, known) if job.checkpointing in {"full", "alternate"} else 0.0
    whole = replace(kept, is_alternate=False)
    return max(
        again * layer_activation_bytes(block, size, share, whole)
        + backward_bytes(block, size, share, kept.value_bytes)
        for block, _ in stage_blocks(job.llm, job.split.pp)[stage]
    )


def _logits_bytes(job: TrainingJob, stage: int, known: MemoryParameters) -> float:
    """Return the logits of a micro-batch and what the loss makes of them."""
    if stage != job.split.pp - 1:
        return 0.0
    own = known.framework(job.framework)
    each = own.logit_bytes or known.logit_bytes
    if own.habits.upcasts and job.method == "qlora":
        each = max(_LEAST_LOGIT_BYTES, each - _FP32_HEAD_SAVES_BYTES)
    pieces = _FUSED_PIECES_COUNT if job.has_fused_loss else 1.0
    return _share(job).tokens * job.llm.vocab_size / job.split.tp * each / pieces

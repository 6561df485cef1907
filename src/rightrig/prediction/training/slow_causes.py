"""Jobs with one thing wrong: other links, messages that wait, settings left on, small batches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.prediction.gradient_sync import ring_bytes_per_s
from rightrig.prediction.training.efficiency import reached_of
from rightrig.prediction.training.links import in_narrower_slots, on_pcie, on_rig, through_host
from rightrig.prediction.training.load import training_load
from rightrig.prediction.training.step import FULL_OVERLAP_RATIO, NO_OVERLAP_RATIO
from rightrig.prediction.training.time import time_of, training_time
from rightrig.quantities import GIGA, show_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.training import TrainingJob
    from rightrig.prediction.training.load import TrainingLoad
    from rightrig.prediction.training.time import TrainingTime

_NOTHING: Final = "nothing is wrong: the prediction is this far off, or linear was too much to ask"
_SEES_TOPOLOGY: Final = "nvidia-smi topo -m: NV# between the cards, or PIX, PHB, SYS"
_SEES_PATH: Final = "NCCL_DEBUG=INFO: 'via P2P' or 'via SHM'; nvidia-smi topo -p2p r"
_SEES_SLOT: Final = "nvidia-smi --query-gpu=pcie.link.gen.current,pcie.link.width.current, loaded"
_SEES_OVERLAP: Final = "torch profiler, one step: whether NCCL kernels run beside the backward pass"


@dataclass(frozen=True, slots=True)
class Variant:
    """A job with one thing wrong, and what would show it.

    Attributes:
        is_setting: Whether the same would slow one card alone.
    """

    name: str
    time: TrainingTime
    run: str
    expected: str
    is_setting: bool = False


def variants(job: TrainingJob, expected: TrainingTime, scale_ratio: float) -> Iterator[Variant]:
    """Yield the causes whose speed can be computed, the job as it is described among them.

    Args:
        job: The job as it should run.
        expected: Its time.
        scale_ratio: Measured over predicted speed of one card.
    """
    yield Variant(
        _NOTHING, expected, "the same job for a longer time, without its first steps",
        f"a step of {show_seconds(expected.step_s.mid / scale_ratio)}",
    )  # fmt: skip
    if job.cards_count > 1:
        yield from _link_variants(job)
        yield from _exchange_variants(job)
    yield from _setting_variants(job)


def _link_variants(job: TrainingJob) -> Iterator[Variant]:
    """Yield other links between the same cards."""
    staged = through_host(job.rig)
    links = (
        (
            "NVLink is not used: PCIe, peer to peer", on_pcie(job.rig), _SEES_TOPOLOGY,
            FULL_OVERLAP_RATIO,
        ),
        (
            "no peer-to-peer: messages go through host memory", staged, _SEES_PATH,
            FULL_OVERLAP_RATIO,
        ),
        ("slots of half the width", in_narrower_slots(job.rig), _SEES_SLOT, FULL_OVERLAP_RATIO),
        (
            "no peer-to-peer, and no overlap", staged, f"{_SEES_PATH}; {_SEES_OVERLAP}",
            NO_OVERLAP_RATIO,
        ),
    )  # fmt: skip
    for name, rig, run, overlap in links:
        if rig is None:
            continue
        rate, own = (_bus_bytes_per_s(on_rig(job, r)) / GIGA for r in (rig, job.rig))
        found = (
            f"all_reduce_perf of nccl-tests at about {rate:.3g} GB/s of bus bandwidth instead of "
            f"{own:.3g}"
        )
        yield Variant(name, training_time(on_rig(job, rig), overlap), run, found)


def _bus_bytes_per_s(job: TrainingJob) -> float:
    """Return what a ring of all cards reaches with long messages."""
    return ring_bytes_per_s(job.rig, job.cards_count) * float(reached_of(job).link_ratio)


def _exchange_variants(job: TrainingJob) -> Iterator[Variant]:
    """Yield an exchange that waits, and one that comes too often."""
    load = training_load(job)
    waiting = time_of(job, load, NO_OVERLAP_RATIO)
    sent = float(waiting.parts.exchange_s) + float(waiting.parts.tensor_s)
    yield Variant(
        "messages do not overlap with arithmetic", waiting, _SEES_OVERLAP,
        f"{show_seconds(sent)} of a step in NCCL kernels alone",
    )  # fmt: skip
    count = job.batch.accumulation_count
    if count > 1 and job.split.sharing in {"none", "zero-1"} and load.exchange_s:
        often = time_of(job, _exchanged_each_time(load), FULL_OVERLAP_RATIO)
        yield Variant(
            "gradients are exchanged in every micro-batch", often,
            "whether accumulation runs under no_sync (DDP) or its counterpart",
            f"{count} exchanges a step instead of one",
        )  # fmt: skip


def _exchanged_each_time(load: TrainingLoad) -> TrainingLoad:
    """Return a load whose exchange comes with every micro-batch."""
    return replace(load, gather_s=load.gather_s + load.exchange_s, exchange_s=0.0)


def _setting_variants(job: TrainingJob) -> Iterator[Variant]:
    """Yield settings that cost speed and are left on, or off, unnoticed."""
    if job.checkpointing != "full":
        slower = training_time(replace(job, checkpointing="full"))
        yield Variant(
            "activation checkpointing is on", slower,
            "gradient_checkpointing or activation_checkpointing in the settings; peak memory",
            "forward kernels twice a step in a profile, and memory well below the predicted",
            is_setting=True,
        )  # fmt: skip
    if job.has_flash_attention:
        slower = training_time(replace(job, has_flash_attention=False))
        yield Variant(
            "attention stores its scores", slower,
            "the attention kernels' names in a profile",
            "softmax and masked_fill kernels beside two plain products, no flash or fmha kernel",
            is_setting=True,
        )  # fmt: skip
    batch = job.batch
    if batch.micro_seqs > 1:
        single = replace(
            batch, micro_seqs=1, accumulation_count=batch.micro_seqs * batch.accumulation_count
        )
        yield Variant(
            "micro-batches of one sequence", training_time(replace(job, batch=single)),
            "per_device_train_batch_size or its counterpart, as the log prints it",
            f"{single.accumulation_count} micro-batches a step instead of "
            f"{batch.accumulation_count}",
            is_setting=True,
        )  # fmt: skip

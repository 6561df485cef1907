"""accelerate: its configuration, and how it starts a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.recipes.shell import PORT, Options, command, file, shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.training import TrainingJob
    from rightrig.recipes.shell import Data

_STAGES: Final = {"none": 0, "zero-1": 1, "zero-2": 2, "zero-3": 3}


def accelerate_recipe(job: TrainingJob, data: Data) -> Iterator[str]:
    """Yield a file of accelerate and how it starts a script of your own."""
    yield f"# Your script reads {job.batch.micro_seqs} sequences of {job.batch.seq_tokens:,} tokens"
    yield f"# at once, {job.batch.accumulation_count} times a step, {data.epochs_count:g} epochs."
    yield from file("accelerate.yaml", accelerate_config(job))
    yield command(["accelerate", "launch", "--config_file", "accelerate.yaml"], ["train.py"])


def accelerate_config(job: TrainingJob) -> Options:
    """Return a configuration of accelerate: FSDP 2, or DeepSpeed for stage 1 and offloading."""
    kind = _distribution(job)
    nodes = job.rig.nodes_count
    found: Options = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": kind,
        "mixed_precision": job.states.compute,
        "num_machines": nodes,
        "num_processes": job.cards_count,
        "machine_rank": "${MACHINE_RANK:?0 on the first machine}" if nodes > 1 else 0,
        "main_training_function": "main",
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": False,
    }
    if nodes > 1:
        found |= {
            "main_process_ip": "${MAIN_IP:?address of the first machine}",
            "main_process_port": PORT,
        }
    if kind == "FSDP":
        found["fsdp_config"] = _fsdp(job)
    if kind == "DEEPSPEED":
        found["deepspeed_config"] = _deepspeed(job)
    return found


def _distribution(job: TrainingJob) -> str:
    """Return what accelerate starts."""
    if job.states.offload != "none" or job.split.sharing == "zero-1":
        return "DEEPSPEED"
    if shares(job):
        return "FSDP"
    return "MULTI_GPU" if job.cards_count > 1 else "NO"


def _fsdp(job: TrainingJob) -> Options:
    """Return FSDP 2: stage 3 gives weights back after the forward pass, stage 2 keeps them."""
    return {
        "fsdp_version": 2,
        "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
        "fsdp_reshard_after_forward": job.split.sharing == "zero-3",
        "fsdp_activation_checkpointing": False,
        "fsdp_cpu_ram_efficient_loading": True,
        "fsdp_offload_params": False,
        "fsdp_state_dict_type": "FULL_STATE_DICT",
    }


def _deepspeed(job: TrainingJob) -> Options:
    """Return DeepSpeed's stage and what it keeps in host memory."""
    away = job.states.offload
    stage = max(_STAGES[job.split.sharing], 3 if away == "all" else 1)
    return {
        "zero_stage": stage,
        "offload_optimizer_device": "none" if away == "none" else "cpu",
        "offload_param_device": "cpu" if away == "all" else "none",
        "gradient_accumulation_steps": job.batch.accumulation_count,
        "zero3_init_flag": stage == _STAGES["zero-3"],
        "zero3_save_16bit_model": stage == _STAGES["zero-3"],
    }

"""axolotl: its configuration and command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.errors import InputError
from rightrig.recipes.shell import TARGETS, Options, command, file, optimizer, shares, torchrun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.training import TrainingJob
    from rightrig.recipes.shell import Data


def axolotl_recipe(job: TrainingJob, data: Data) -> Iterator[str]:
    """Yield a configuration of axolotl and its command."""
    if job.states.offload == "optimizer" or (job.states.offload != "none" and not shares(job)):
        raise InputError("axolotl's FSDP offloads all on several cards: --zero 3 --offload all")
    if job.split.sharing == "zero-1":
        raise InputError("axolotl's FSDP shares gradients too: --zero 0, 2 or 3")
    yield ': "${DATASET:?a data set of the hub}"'
    yield from file("axolotl.yaml", axolotl_config(job, data))
    launch = ["axolotl", "train", "axolotl.yaml"]
    if job.cards_count > 1:
        launch += ["--launcher", "torchrun", "--", *torchrun(job)]
    yield command(launch, [])


def axolotl_config(job: TrainingJob, data: Data) -> Options:
    """Return a configuration of axolotl."""
    batch, states = job.batch, job.states
    found: Options = {
        "base_model": job.llm.name,
        "datasets": [{"path": "${DATASET}", "type": "alpaca"}],
        "output_dir": "out",
        "sequence_len": batch.seq_tokens,
        "sample_packing": batch.is_packed,
        "pad_to_sequence_len": True,
        "micro_batch_size": batch.micro_seqs,
        "gradient_accumulation_steps": batch.accumulation_count,
        "gradient_checkpointing": job.checkpointing == "full",
        "num_epochs": data.epochs_count,
        "optimizer": optimizer(job),
        "learning_rate": 2e-5 if job.method == "full" else 2e-4,
        "bf16": states.compute == "bf16",
        "fp16": states.compute == "fp16",
        "flash_attention": True,
    }
    if job.method != "full":
        found |= {
            "adapter": job.method,
            "load_in_4bit": job.method == "qlora",
            "lora_r": job.adapter.rank,
            "lora_alpha": 2 * job.adapter.rank,
            "lora_dropout": 0.0,
        }
        found |= _axolotl_targets(job)
    if shares(job):
        found["fsdp_version"] = 2
        found["fsdp_config"] = {
            "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "reshard_after_forward": job.split.sharing == "zero-3",
            "offload_params": states.offload == "all",
            "state_dict_type": "FULL_STATE_DICT",
        }
    return found


def _axolotl_targets(job: TrainingJob) -> Options:
    """Return which matrices are trained beside frozen ones."""
    if job.adapter.targets == "all-linear":
        return {"lora_target_linear": True}
    return {"lora_target_modules": list(TARGETS[job.adapter.targets])}

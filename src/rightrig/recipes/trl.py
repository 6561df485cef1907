"""TRL: a file of accelerate, and ``trl sft`` with PEFT's options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.recipes.accelerate import accelerate_config
from rightrig.recipes.shell import TARGETS, Options, command, file, optimizer, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.training import TrainingJob
    from rightrig.recipes.shell import Data


def trl_recipe(job: TrainingJob, data: Data) -> Iterator[str]:
    """Yield a file of accelerate and ``trl sft``."""
    yield from file("accelerate.yaml", accelerate_config(job))
    options = {"--dataset_name": "${DATASET:?a data set of the hub}", **_trl_options(job, data)}
    launch = ["trl", "sft", "--accelerate_config", "accelerate.yaml"]
    yield command(launch, [f"{key} {plain(value)}" for key, value in options.items()])


def _trl_options(job: TrainingJob, data: Data) -> Options:
    """Return the arguments of ``trl sft``; weights are loaded as wide as the optimizer keeps."""
    batch, states = job.batch, job.states
    is_wide = job.method == "full" and states.has_master_weights
    half = "bfloat16" if states.compute == "bf16" else "float16"
    found: Options = {
        "--model_name_or_path": job.llm.name,
        "--dtype": "float32" if is_wide else half,
        "--attn_implementation": "flash_attention_2",
        "--output_dir": "out",
        "--max_length": batch.seq_tokens,
        "--packing": batch.is_packed,
        "--per_device_train_batch_size": batch.micro_seqs,
        "--gradient_accumulation_steps": batch.accumulation_count,
        "--gradient_checkpointing": job.checkpointing == "full",
        "--num_train_epochs": f"{data.epochs_count:g}",
        "--optim": optimizer(job),
        "--bf16": states.compute == "bf16",
        "--fp16": states.compute == "fp16",
    }
    if job.method != "full":
        found |= {
            "--use_peft": True,
            "--lora_r": job.adapter.rank,
            "--lora_alpha": 2 * job.adapter.rank,
            "--lora_dropout": 0,
            "--lora_target_modules": " ".join(TARGETS[job.adapter.targets]),
        }
    if job.method == "qlora":
        found |= {
            "--load_in_4bit": True,
            "--bnb_4bit_quant_type": "nf4",
            "--use_bnb_nested_quant": True,
            "--bnb_4bit_quant_storage": half,
        }
    return found

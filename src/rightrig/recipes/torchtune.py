"""torchtune: ``tune run`` with a configuration that it ships, and what differs from it."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import InputError
from rightrig.recipes.shell import TARGETS, Options, command, plain, torchrun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rightrig.deployment.training import TrainingJob
    from rightrig.recipes.shell import Data

_DATA: Final = Path(__file__).with_name("data") / "torchtune.toml"


def torchtune_recipe(job: TrainingJob, data: Data) -> Iterator[str]:
    """Yield ``tune run`` with a configuration that torchtune ships, and what differs from it."""
    if job.states.compute != "bf16":
        raise InputError("torchtune trains in bf16 and fp32, not in fp16; take --recipe trl")
    if job.states.offload == "optimizer":
        raise InputError("torchtune offloads all or nothing: --offload all")
    is_single = job.cards_count == 1
    if is_single and job.states.offload != "none":
        raise InputError("torchtune offloads on several cards only; leave --offload out")
    if job.states.optimizer != "adamw":
        raise InputError("--recipe torchtune has adamw alone; take --recipe trl for 8-bit moments")
    kind = "full" if job.method == "full" else "lora"
    script = f"{kind}_finetune_{'single_device' if is_single else 'distributed'}"
    launch = ["tune", "run", *torchrun(job), script, "--config", _torchtune_config(job)]
    yield "# First: tune download. Then add checkpointer.checkpoint_dir=… and tokenizer.path=…."
    yield command(launch, [f"{key}={plain(v)}" for key, v in _torchtune_options(job, data).items()])


@functools.cache
def torchtune_data() -> Mapping[str, Any]:
    """Return what torchtune ships for which model."""
    return tomllib.loads(_DATA.read_text(encoding="utf-8"))


def _torchtune_config(job: TrainingJob) -> str:
    """Return the name of a configuration.

    Raises:
        InputError: where torchtune ships none.
    """
    known = torchtune_data()
    name = job.llm.name.lower()
    family = next((size for pattern, size in known["model"].items() if pattern in name), None)
    ending = "_single_device" if job.cards_count == 1 else ""
    config = f"{family}_{job.method}{ending}"
    if family is None or config not in known["configurations"]:
        raise InputError(
            f"torchtune {known['version']} ships no configuration of {job.method} for "
            f"{job.llm.name} on {job.rig.text}; take --recipe trl or axolotl"
        )
    return config


def _torchtune_options(job: TrainingJob, data: Data) -> Options:
    """Return what differs from the configuration."""
    batch, cards = job.batch, job.cards_count
    found: Options = {
        "tokenizer.max_seq_len": batch.seq_tokens,
        "dataset.packed": batch.is_packed,
        "batch_size": batch.micro_seqs,
        "gradient_accumulation_steps": batch.accumulation_count,
        "epochs": max(1, round(data.epochs_count)),
        "dtype": "bf16",
        "enable_activation_checkpointing": job.checkpointing == "full",
        "enable_activation_offloading": False,
    }
    if job.method == "full":
        found["optimizer_in_bwd"] = False
    else:
        found |= _torchtune_lora(job)
    if cards > 1:
        found["fsdp_reshard_after_forward"] = job.split.sharing == "zero-3"
        found["fsdp_cpu_offload"] = job.states.offload == "all"
    return {**found, "optimizer": "torch.optim.AdamW"}


def _torchtune_lora(job: TrainingJob) -> Options:
    """Return what is trained beside frozen weights; torchtune calls ``o_proj`` ``output_proj``."""
    targets = job.adapter.targets
    names = TARGETS["query-value" if targets == "query-value" else "attention"]
    return {
        "model.lora_rank": job.adapter.rank,
        "model.lora_alpha": 2 * job.adapter.rank,
        "model.lora_attn_modules": [n.replace("o_proj", "output_proj") for n in names],
        "model.apply_lora_to_mlp": targets == "all-linear",
    }

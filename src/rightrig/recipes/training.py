"""Training jobs as frameworks take them: scripts for torchtune, TRL, axolotl and accelerate.

Each recipe is one shell script: files that it writes, then the command. What a job asks and a
framework has no option for is refused, never left out in silence. Options were checked against the
released packages that ``VERSIONS`` names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.recipes.accelerate import accelerate_recipe
from rightrig.recipes.axolotl import axolotl_recipe
from rightrig.recipes.torchtune import torchtune_recipe
from rightrig.recipes.trl import trl_recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rightrig.deployment.training import TrainingJob
    from rightrig.recipes.shell import Data

VERSIONS: Final = {
    "torchtune": "torchtune 0.6.1",
    "trl": "TRL 1.16.0, accelerate 1.15.0, PEFT 0.21.2",
    "axolotl": "axolotl 0.19.0",
    "accelerate": "accelerate 1.15.0",
}
"""Packages whose options each recipe was checked against."""
FRAMEWORKS: Final = {
    "torchtune": "torchtune", "trl": "trl", "axolotl": "axolotl", "accelerate": "pytorch",
}  # fmt: skip
"""How the memory and the time of each recipe are predicted."""


def recipe_of(name: str, job: TrainingJob, data: Data) -> str:
    """Return the script of a job for one framework.

    Raises:
        InputError: for what the framework cannot do.
    """
    _check(name, job)
    head = (
        "#!/usr/bin/env bash",
        f"# {job.llm.name}, {job.method}, on {job.rig.text}: {job.step_tokens:,} tokens a step.",
        f"# Options checked against {VERSIONS[name]}.",
        "set -eu",
    )
    return "\n".join([*head, *_notes(name, job), *_RECIPES[name](job, data), ""])


def _check(name: str, job: TrainingJob) -> None:
    """Refuse what no recipe here can express.

    Raises:
        InputError: saying what.
    """
    split = job.split
    if split.tp * split.pp * split.context_parallel > 1:
        raise InputError("--recipe has no tensor, pipeline or context parallelism; leave them out")
    if job.checkpointing not in {"none", "full"}:
        raise InputError(f"{name} recomputes all or nothing here: --checkpointing none or full")
    if job.states.compute not in {"bf16", "fp16"}:
        raise InputError(f"--recipe computes in bf16 or fp16, not in {job.states.compute}")
    if job.states.optimizer not in {"adamw", "adamw-8bit"}:
        raise InputError(f"--recipe has adamw and adamw-8bit, not {job.states.optimizer}")
    if not job.rig.is_uniform:
        raise InputError(f"{job.rig.text} has cards of several kinds; a recipe needs one")


def _notes(name: str, job: TrainingJob) -> Iterator[str]:
    """Yield where a framework stores other bytes than the job says."""
    if job.method == "full" and job.states.has_master_weights and name in {"torchtune", "axolotl"}:
        yield f"# {name} trains the 16-bit weights themselves: without a 32-bit copy, so that it"
        yield "# needs less memory than predicted; --no-master-weights predicts that."
    if job.split.sharing == "none" and job.cards_count > 1 and name == "torchtune":
        yield "# torchtune shares gradients and optimizer over cards in any case: less memory."
    if job.method != "full" and job.adapter.targets != "all-linear":
        yield "# The names of the matrices are those of Llama-like models."


_RECIPES: Final[dict[str, Callable[[TrainingJob, Data], Iterator[str]]]] = {
    "torchtune": torchtune_recipe,
    "trl": trl_recipe,
    "axolotl": axolotl_recipe,
    "accelerate": accelerate_recipe,
}

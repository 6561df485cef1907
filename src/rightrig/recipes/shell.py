"""Scripts of the shell: commands with an option a line, and files that they write."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.training import TrainingJob

PORT: Final = 29500
"""Where the processes of several machines meet; the usual one of torchrun."""
TARGETS: Final = {
    "query-value": ("q_proj", "v_proj"),
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "all-linear": ("all-linear",),
}
"""Names of the matrices beside which low-rank ones are trained."""
Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Data:
    """How often the data are read; where they are is left to the reader.

    Attributes:
        epochs_count: Times that all examples are read.
    """

    epochs_count: float = 1.0


def shares(job: TrainingJob) -> bool:
    """Return whether cards share states."""
    return job.split.sharing != "none" and job.cards_count > 1


def torchrun(job: TrainingJob) -> list[str]:
    """Return how many processes torchrun starts, and where they meet."""
    if job.cards_count == 1:
        return []
    found = ["--nproc_per_node", str(job.rig.cards_per_node)]
    if job.rig.nodes_count > 1:
        found += ["--nnodes", str(job.rig.nodes_count), "--rdzv_backend", "c10d"]
        found += ["--rdzv_endpoint", f"${{MAIN_IP:?address of the first machine}}:{PORT}"]
    return found


def optimizer(job: TrainingJob) -> str:
    """Return the optimizer as Transformers names it; bitsandbytes' moments are never shared."""
    if job.states.optimizer == "adamw":
        return "adamw_torch_fused"
    return "adamw_bnb_8bit" if job.split.sharing == "none" else "adamw_torch_8bit"


def plain(value: object) -> str:
    """Return a value as a command line takes it; variables stay for the shell to fill in."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return shlex.quote(f"[{','.join(value)}]")
    text = str(value)
    return f'"{text}"' if "$" in text else text


def command(launch: list[str], options: list[str]) -> str:
    """Return a command, an option a line."""
    start = " ".join(plain(word) for word in launch)
    return " \\\n  ".join([start, *options])


def file(name: str, content: Options) -> Iterator[str]:
    """Yield lines that write a YAML file; the shell fills in variables."""
    yield f"cat > {name} <<EOF"
    yield from _yaml(content)
    yield "EOF"


def _yaml(content: Options, indent: str = "") -> Iterator[str]:
    """Yield a mapping as YAML: a scalar in JSON is one in YAML."""
    for key, value in content.items():
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _yaml(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {json.dumps(value)}"

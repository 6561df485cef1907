"""What the memory of training is calibrated with, and what frameworks do differently."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rightrig.prediction.engine_memory import DATA
from rightrig.prediction.training.states import Habits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.deployment.training import TrainingJob

FILE: Final = DATA / "training_memory.toml"
FITTED: Final = ("kept_ratio", "logit_bytes", "step_bytes", "runtime_bytes")
"""Names of the parameters that are fitted on published runs."""
_PLAIN: Final = Habits()


@dataclass(frozen=True, slots=True)
class Framework:
    """How a framework trains, as its documents say.

    Attributes:
        reports: What its tables print: ``allocated`` (what tensors take) or ``device`` (what the
            card has lost, with reserve and runtime).
        is_tuned: Whether its kernels keep what formulas name and no more, a step included; eager
            PyTorch keeps results of casts and copies beside them.
        has_fused_step: Whether its optimizer has no copies of its own while it steps.
        is_measured: Whether runs of it are among those that the interval was measured on.
        logit_bytes: Of one logit at its loss; ``None`` where that is as fitted.
        pages_optimizer: Whether what it prints leaves out moments of 8 bits, which bitsandbytes
            keeps outside PyTorch's allocator.
        habits: What it does with weights.
        reason: Where this is documented.
    """

    reports: str = "device"
    is_tuned: bool = False
    has_fused_step: bool = False
    is_measured: bool = False
    logit_bytes: float | None = None
    pages_optimizer: bool = False
    habits: Habits = _PLAIN
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MemoryParameters:
    """Parameters of the memory of training.

    Attributes:
        kept_ratio: Activations that eager PyTorch keeps over those that formulas name.
        logit_bytes: Of one logit at an unfused loss.
        step_bytes: Of one trained weight while an optimizer steps: its gradient and the root of
            its second moment in FP32.
        step_count: Trained weights that step at once where weights are shared.
        runtime_bytes: CUDA's context, its libraries' room, and what PyTorch's allocator holds
            beside tensors.
        spread_ratio: The 80 % interval of a card's memory: its ends over the middle, by method.
        frameworks: By slug.
    """

    kept_ratio: float
    logit_bytes: float
    step_bytes: float
    step_count: float
    runtime_bytes: float
    spread_ratio: Mapping[str, float]
    frameworks: Mapping[str, Framework]

    def framework(self, slug: str) -> Framework:
        """Return how one framework trains; like plain PyTorch where nothing is known."""
        return self.frameworks.get(slug, Framework())

    def spread_of_ratio(self, job: TrainingJob) -> float:
        """Return the ends of a job's interval over its middle, squared where nobody measured."""
        spread = self.spread_ratio[job.method]
        return spread if self.framework(job.framework).is_measured else spread * spread

    def fitted_as(self, values: Mapping[str, float]) -> MemoryParameters:
        """Return the parameters with other fitted values, by their names."""
        return replace(
            self,
            kept_ratio=values["kept_ratio"],
            logit_bytes=values["logit_bytes"],
            step_bytes=values["step_bytes"],
            runtime_bytes=values["runtime_bytes"],
        )


@functools.cache
def memory_parameters() -> MemoryParameters:
    """Return the parameters that ship."""
    known = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return MemoryParameters(
        **{name: known["fitted"][name]["value"] for name in FITTED},
        step_count=known["documented"]["step_count"]["value"],
        spread_ratio=known["spread_ratio"],
        frameworks={slug: _framework(entry) for slug, entry in known["framework"].items()},
    )


def _framework(entry: dict[str, Any]) -> Framework:
    """Return one framework of the file."""
    habits = {key: entry[key] for key in ("upcasts", "keeps_gathered") if key in entry}
    own = {key: value for key, value in entry.items() if key not in habits}
    return Framework(habits=Habits(**habits), **own)

"""Fine-tuning and training on a rig: memory first, then time, where it fits.

The public face of ``prediction.training``: one job in, feasibility and speed out (F4, F10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.facts.explanation import Explanation
from rightrig.prediction.training.memory import training_memory
from rightrig.prediction.training.time import training_time
from rightrig.quantities import show_bytes

if TYPE_CHECKING:
    from rightrig.deployment.training import TrainingJob
    from rightrig.prediction.memory_fit import Verdict
    from rightrig.prediction.training.memory import TrainingMemory
    from rightrig.prediction.training.time import TrainingTime


@dataclass(frozen=True, slots=True)
class Finetune:
    """Whether a job runs on its rig, and how fast.

    Attributes:
        memory: What its fullest card needs.
        time: One step; ``None`` where memory does not hold it, since no time is true then.
    """

    job: TrainingJob
    memory: TrainingMemory
    time: TrainingTime | None

    @property
    def verdict(self) -> Verdict:
        """``fits``, ``tight`` or ``no``, of the memory."""
        return self.memory.verdict

    def explain(self) -> Explanation:
        """Return the reasons of the verdict, then those of the speed."""
        held = self.memory.explain()
        if self.time is None:
            missing = -self.memory.free_bytes
            refusal = (
                f"No time is given: the fullest card lacks {show_bytes(missing)}, so that this "
                "job does not run."
            )
            return Explanation((*held.sentences, refusal), held.figures, held.sources)
        timed = self.time.explain()
        return Explanation(
            held.sentences + timed.sentences,
            held.figures + timed.figures,
            tuple(dict.fromkeys(held.sources + timed.sources)),
        )


def finetune(job: TrainingJob) -> Finetune:
    """Return whether a job fits its rig and, only where it does, the time of a step.

    Raises:
        InputError: when the split does not divide the cards.
    """
    memory = training_memory(job)
    return Finetune(job, memory, None if memory.verdict == "no" else training_time(job))

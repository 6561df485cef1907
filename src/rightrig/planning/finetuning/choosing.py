"""The fastest job that keeps to a wish and fits a rig; where none fits, the one of least need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rightrig.planning.finetuning.wishes import jobs
from rightrig.prediction.finetune import Finetune
from rightrig.prediction.training.memory import training_memory
from rightrig.prediction.training.time import training_time

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.llm import Llm
    from rightrig.planning.finetuning.wishes import Wish
    from rightrig.prediction.training.memory import TrainingMemory

Room = Literal["preferred", "needed", "ignored"]
"""Whether a job must have room to spare: a tight one counts only where no other fits, never, or
always."""


@dataclass(frozen=True, slots=True)
class Held:
    """The jobs of a wish on a rig, as far as memory says.

    Attributes:
        fitting: Those that fit, surely or likely.
        least: The one whose fullest card needs least, whether it fits or not.
    """

    fitting: tuple[TrainingMemory, ...]
    least: TrainingMemory

    def candidates(self, room: Room) -> tuple[TrainingMemory, ...]:
        """Return the jobs to choose from."""
        roomy = tuple(memory for memory in self.fitting if memory.verdict == "fits")
        takes_all = room == "ignored" or (room == "preferred" and not roomy)
        return self.fitting if takes_all else roomy


def held(llm: Llm, rig: Rig, wish: Wish) -> Held:
    """Return which jobs memory holds.

    A larger micro-batch never needs less, so that the first of a split that does not fit ends
    its row.

    Raises:
        InputError: for a card that trains nothing, or a split that the rig does not have.
    """
    tried: list[TrainingMemory] = []
    for row in jobs(llm, rig, wish):
        for job in row:
            tried.append(training_memory(job))
            if tried[-1].verdict == "no":
                break
    fitting = tuple(memory for memory in tried if memory.verdict != "no")
    return Held(fitting, min(tried, key=lambda memory: memory.required_bytes.mid))


def chosen(llm: Llm, rig: Rig, wish: Wish, room: Room = "preferred") -> Finetune:
    """Return the fastest job that fits, or the one that needs least, without a time.

    Args:
        llm: The model.
        rig: The cards.
        wish: What is said of the job.
        room: Whether memory to spare counts.
    """
    found = held(llm, rig, wish)
    timed = [(training_time(memory.job), memory) for memory in found.candidates(room)]
    if not timed:
        return Finetune(found.least.job, found.least, None)
    time, memory = max(timed, key=lambda pair: pair[0].tokens_per_s.mid)
    return Finetune(memory.job, memory, time)

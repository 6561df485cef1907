"""How a step shrinks with tensor-parallel ranks, rig by rig."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.deployment.propose import Choices, propose
from rightrig.errors import InputError
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.regimes import decode_step, prompt_step
from rightrig.prediction.step_time import account
from rightrig.prediction.timers import timer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.prediction.memory_fit import Verdict
    from rightrig.prediction.regimes import Lengths

RANKS: Final = (1, 2, 4, 8)
Work = Literal["decode", "prompt"]


@dataclass(frozen=True, slots=True)
class Divided:
    """One step on some tensor-parallel ranks of a rig.

    Attributes:
        work: A step that decodes for all users, or one that reads a prompt.
        kernels_s: Matrix products, attention and what runs row by row, on one rank.
        communication_s: Messages between ranks, which overlap with nothing.
        host_s: What the host adds.
        speedup_ratio: One card's time over this one's.
        verdict: Whether model and users fit these ranks.
    """

    rig: str
    ranks_count: int
    work: Work
    kernels_s: float
    communication_s: float
    host_s: float
    speedup_ratio: float
    verdict: Verdict

    @property
    def total_s(self) -> float:
        """The whole step."""
        return self.kernels_s + self.communication_s + self.host_s

    @property
    def efficiency_ratio(self) -> float:
        """Speed-up a rank."""
        return self.speedup_ratio / self.ranks_count


@dataclass(frozen=True, slots=True)
class Undivided:
    """Ranks that a model, a runtime or a rig does not allow, and why."""

    rig: str
    ranks_count: int
    reason: str


def cards_of(rig: Rig, cards_count: int) -> Rig:
    """Return a rig of some cards of the first kind of another, in one machine."""
    return replace(rig, groups=(replace(rig.groups[0], count=cards_count),), nodes_count=1)


def divided_steps(
    catalog: Catalog, llm: Llm, rig: Rig, choices: Choices, lengths: Lengths, users: int
) -> tuple[tuple[Divided, ...], tuple[Undivided, ...]]:
    """Return the steps on 1, 2, 4 and 8 cards of a rig, and what cannot be divided so.

    Where one card does not hold the model, the speed-up is over a card that would.

    Raises:
        InputError: for unequal cards, for one card, and where model or runtime divide nothing.
    """
    if not rig.is_uniform or rig.cards_per_node < 2:  # noqa: PLR2004 - nothing to divide
        raise InputError(
            f"--splits divides a step over equal cards of one machine and {rig.text} has none to "
            "divide it over; name two or more, such as 8xh100-sxm"
        )
    deployed: list[Deployment] = []
    refused: list[Undivided] = []
    for ranks in (n for n in RANKS if n <= rig.cards_per_node):
        try:
            part = cards_of(rig, ranks)
            deployed.append(propose(catalog, llm, part, replace(choices, tp=ranks)))
        except InputError as error:
            if ranks == 1:
                raise
            refused.append(Undivided(rig.text, ranks, str(error)))
    if len(deployed) == 1:
        raise InputError(refused[0].reason)
    found: list[Divided] = []
    works: tuple[Work, ...] = ("decode", "prompt")
    for work in works:
        found += _speedups([_step(one, work, rig, lengths, users) for one in deployed])
    return tuple(found), tuple(refused)


def _step(deployment: Deployment, work: Work, rig: Rig, lengths: Lengths, users: int) -> Divided:
    """Return the account of one step on the ranks of a deployment."""
    timer = timer_of(deployment)
    chunk = min(lengths.read_tokens, float(timer.pace.step_tokens))
    step = (
        decode_step(timer.pace, users, lengths)
        if work == "decode"
        else prompt_step(timer.pace, 0.0, chunk, lengths)
    )
    times = {"communication": 0.0, "host": 0.0, "kernels": 0.0}
    for part in account(timer, step):
        own = part.resource if part.resource in times else "kernels"
        times[own] += part.time_s
    tokens = int(lengths.input_tokens + lengths.output_tokens)
    return Divided(
        rig=rig.text,
        ranks_count=deployment.parallelism.tp,
        work=work,
        kernels_s=times["kernels"],
        communication_s=times["communication"],
        host_s=times["host"],
        speedup_ratio=1.0,
        verdict=fit(deployment, tokens, users).verdict,
    )


def _speedups(steps: Sequence[Divided]) -> list[Divided]:
    """Return steps with their speed-up over the first, which is that of one card."""
    return [replace(step, speedup_ratio=steps[0].total_s / step.total_s) for step in steps]

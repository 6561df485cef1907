"""Which ways to fine-tune a model a rig has: all of its weights, LoRA, QLoRA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.training import METHODS
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.finetuning.choosing import chosen
from rightrig.planning.finetuning.remedies import grown, lighter, nearest, remedies
from rightrig.planning.finetuning.spending import spent
from rightrig.planning.layouts import BOARD_CARDS
from rightrig.prediction.training.links import on_rig, with_cards
from rightrig.prediction.training.memory import training_memory
from rightrig.prediction.training.scaling import over_links, scaling_curve
from rightrig.quantities import GB, show_gib

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.llm import Llm
    from rightrig.planning.finetuning.remedies import Remedy
    from rightrig.planning.finetuning.spending import Spent, Terms
    from rightrig.planning.finetuning.wishes import Wish
    from rightrig.prediction.finetune import Finetune
    from rightrig.prediction.training.scaling import LinkPoint, ScalingCurve

_GROWTH: Final = 4
"""Times the cards of a rig up to which its scaling is shown."""
_MOST_DOUBLINGS: Final = 12


@dataclass(frozen=True, slots=True)
class Run:
    """One job on one rig: whether it fits, how fast it is, what it takes.

    Attributes:
        found: The fastest job that keeps to the wish, or the one that needs least.
        spent: Hours, dollars, energy; ``None`` where it does not fit.
        remedies: Changes that were tried, where it does not.
    """

    found: Finetune
    spent: Spent | None
    remedies: tuple[Remedy, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether it fits, surely or likely."""
        return self.found.verdict != "no"

    @property
    def nearest(self) -> Remedy | None:
        """The first change with which it fits."""
        return nearest(self.remedies)

    def explain(self) -> Explanation:
        """Return the reasons of the verdict and the speed, and the nearest remedy."""
        held = self.found.explain()
        if self.fits:
            return held
        memory = self.found.memory
        figure = Figure(
            "whole_state_bytes", memory.whole_state_bytes,
            f"{memory.whole_state_bytes / GB:,.0f} GB", "F4.3",
        )  # fmt: skip
        return Explanation(
            (*held.sentences, self._remedy_sentence()), (*held.figures, figure), held.sources
        )

    def _remedy_sentence(self) -> str:
        """Return what would make it fit."""
        remedy = self.nearest
        if remedy is None:
            return "No change that is tried makes it fit."
        memory = remedy.found.memory
        return (
            f"Nearest that fits: {remedy.name} ({show_gib(memory.required_bytes.mid)} of "
            f"{show_gib(memory.budget_bytes.mid)} a card, {memory.verdict})."
        )


@dataclass(frozen=True, slots=True)
class ScaledRun:
    """A run on several numbers of its cards.

    Attributes:
        curve: Every data-parallel rank keeps its batch.
        holding: Numbers of cards whose memory holds it.
        links: The run on other links between its cards.
    """

    curve: ScalingCurve
    holding: frozenset[int]
    links: tuple[LinkPoint, ...]


def scaled(found: Finetune) -> ScaledRun | None:
    """Return a run on 1, 2, 4 … cards, of one machine first; ``None`` for unequal cards."""
    job = found.job
    if len(job.rig.groups) != 1 or found.time is None:
        return None
    least = job.split.tp * job.split.pp * job.split.context_parallel
    most = max(BOARD_CARDS, _GROWTH * job.cards_count)
    counts = [least << power for power in range(_MOST_DOUBLINGS) if least << power <= most]
    board = on_rig(job, grown(with_cards(job.rig, job.rig.cards_per_node), BOARD_CARDS))
    curve = scaling_curve(board, {*counts, job.cards_count})
    holding = frozenset(
        point.cards_count
        for point in curve.points
        if training_memory(point.time.job).verdict != "no"
    )
    links = over_links(job) if job.cards_count > 1 else ()
    return ScaledRun(curve, holding, links)


@dataclass(frozen=True, slots=True)
class Methods:
    """Every method on one rig."""

    runs: tuple[Run, ...]

    @property
    def fits(self) -> bool:
        """Whether any of them fits."""
        return any(run.fits for run in self.runs)

    def explain(self) -> Explanation:
        """Return the reasons of each method."""
        each = [(run.found.job.method, run.explain()) for run in self.runs]
        return Explanation(
            tuple(f"{method}: {told.sentences[0]}" for method, told in each),
            tuple(figure for _, told in each for figure in told.figures),
            tuple(dict.fromkeys(source for _, told in each for source in told.sources)),
        )


def run_of(llm: Llm, rig: Rig, wish: Wish, terms: Terms) -> Run:
    """Return one job on one rig, with remedies where memory does not hold it.

    Raises:
        InputError: for a card that trains nothing, or a split that the rig does not have.
    """
    found = chosen(llm, rig, wish)
    if found.time is None:
        return Run(found, None, remedies(llm, rig, wish))
    return Run(found, spent(found.time, terms))


def methods_of(llm: Llm, rig: Rig, wish: Wish, terms: Terms) -> Methods:
    """Return every method on one rig, the rest of the wish as it is."""
    return Methods(tuple(run_of(llm, rig, lighter(wish, method), terms) for method in METHODS))

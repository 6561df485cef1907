"""What makes a job fit: fewer bytes a weight, less kept, another method, more cards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.planning.finetuning.choosing import chosen
from rightrig.planning.layouts import BOARD_CARDS
from rightrig.prediction.training.links import with_cards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.rig import Rig
    from rightrig.deployment.training import Method, TrainingStates
    from rightrig.facts.llm import Llm
    from rightrig.planning.finetuning.wishes import Wish
    from rightrig.prediction.finetune import Finetune

_LIGHTER: Final[dict[Method, tuple[Method, ...]]] = {
    "full": ("lora", "qlora"), "lora": ("qlora",), "qlora": (),
}  # fmt: skip
_NO_MASTER: Final = (
    "8-bit moments, no 32-bit copy of the weights (--optimizer adamw-8bit --no-master-weights)"
)
_MOST_CARDS: Final = 512
BASES: Final[dict[Method, str]] = {"full": "bf16", "lora": "bf16", "qlora": "nf4"}
"""Format of the weights that a method starts from, where nobody says."""
_MOST_GROWTH: Final = 64


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change, and what it makes of the job.

    Attributes:
        name: What to change.
        found: The job with it.
    """

    name: str
    found: Finetune

    @property
    def helps(self) -> bool:
        """Whether the job then fits."""
        return self.found.verdict != "no"


def remedies(llm: Llm, rig: Rig, wish: Wish) -> tuple[Remedy, ...]:
    """Return changes from the one that alters the training least, each tried alone.

    More cards come last; their number is the smallest doubling that fits.
    """
    found = [Remedy(name, chosen(llm, rig, changed)) for name, changed in _changes(rig, wish)]
    return (*found, *_more_cards(llm, rig, wish))


def nearest(tried: tuple[Remedy, ...]) -> Remedy | None:
    """Return the first change that makes the job fit, or ``None``."""
    return next((remedy for remedy in tried if remedy.helps), None)


def _changes(rig: Rig, wish: Wish) -> Iterator[tuple[str, Wish]]:
    """Yield changes on the same cards."""
    step, states = wish.step, wish.states
    if wish.checkpointing not in {None, "full"}:
        yield "checkpoint every layer (--checkpointing full)", replace(wish, checkpointing="full")
    if wish.sharing not in {None, "zero-3"} and rig.cards_count > wish.rank_cards:
        yield "share all states among the cards (--zero 3)", replace(wish, sharing="zero-3")
    if step.micro_seqs is not None and step.micro_seqs > 1:
        smaller = replace(step, micro_seqs=1, accumulation_count=None)
        yield "one sequence at once (--micro-batch 1)", replace(wish, step=smaller)
    if states.optimizer == "adamw" and states.moment_bits is None:
        small = replace(states, optimizer="adamw-8bit")
        yield "moments of 8 bits (--optimizer adamw-8bit)", replace(wish, states=small)
    if wish.method == "full" and states.has_master_weights:
        yield _NO_MASTER, replace(wish, states=_without_master(states))
    if states.offload == "none":
        away = replace(states, offload="optimizer")
        yield "optimizer in host memory (--offload optimizer)", replace(wish, states=away)
    for method in _LIGHTER[wish.method]:
        yield f"--method {method}", lighter(wish, method)


def _without_master(states: TrainingStates) -> TrainingStates:
    """Return states that keep weights at 16 bits alone, with moments of 8."""
    return replace(states, optimizer="adamw-8bit", has_master_weights=False)


def lighter(wish: Wish, method: Method) -> Wish:
    """Return a wish by another method, on the weights that it starts from."""
    return replace(wish, method=method, states=replace(wish.states, base=BASES[method]))


def _more_cards(llm: Llm, rig: Rig, wish: Wish) -> Iterator[Remedy]:
    """Yield the smallest doubling of the cards that fits, if there is one."""
    count = 2 * rig.cards_count
    while count <= min(_MOST_CARDS, _MOST_GROWTH * rig.cards_count):
        try:
            found = chosen(llm, grown(rig, count), wish)
        except InputError:
            return  # cards of several kinds, or a batch that nobody can deal out
        if found.verdict != "no":
            yield Remedy(f"more cards: {found.job.rig.text}", found)
            return
        count *= 2


def grown(rig: Rig, cards_count: int) -> Rig:
    """Return a rig of more cards: of one machine up to a board, then of several full ones.

    Raises:
        InputError: for cards of several kinds.
    """
    board = max(rig.cards_per_node, BOARD_CARDS)
    if rig.nodes_count == 1 and rig.is_uniform:
        group = replace(rig.groups[0], count=min(cards_count, board))
        rig = replace(rig, groups=(group,))
    return with_cards(rig, cards_count)

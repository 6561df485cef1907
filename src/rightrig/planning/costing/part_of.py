"""Share of the cost for what share of the models: one rig held against another (F097)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.planning.costing.coverage import held_models

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog


@dataclass(frozen=True, slots=True)
class PartOf:
    """What a rig has of the cost and of the models of another one.

    How much each model is used is not known: all count the same.

    Attributes:
        cost_ratio: Cost of the first over that of the second.
        first_count, second_count, both_count: Models that each holds, and that both hold.
        models_count: Models of the catalogue.
        lost: Those that only the second holds, by name.
    """

    first: str
    second: str
    cost_ratio: float
    first_count: int
    second_count: int
    both_count: int
    models_count: int
    lost: tuple[str, ...]

    @property
    def covered_ratio(self) -> float:
        """Share of the second's models that the first holds too."""
        return self.both_count / self.second_count if self.second_count else 1.0

    @property
    def sentence(self) -> str:
        """As people say it."""
        return (
            f"{self.first} costs {self.cost_ratio:.0%} of {self.second} and holds "
            f"{self.covered_ratio:.0%} of the models that it holds ({self.both_count} of "
            f"{self.second_count}; of all {self.models_count} of the catalogue {self.first_count})."
        )


def part_of(catalog: Catalog, first: Rig, second: Rig, cost_ratio: float) -> PartOf:
    """Return which of a rig's models another one holds, one sequence each, for a share of its cost.

    Args:
        catalog: Whose models are tried, each in the largest format that fits.
        first: The rig that is judged.
        second: The one that it is held against.
        cost_ratio: Cost of the first over that of the second, over the same years.
    """
    held, whole = held_models(catalog, first), held_models(catalog, second)
    return PartOf(
        first=first.text,
        second=second.text,
        cost_ratio=cost_ratio,
        first_count=len(held),
        second_count=len(whole),
        both_count=len(held & whole),
        models_count=len(catalog.slugs("llms")),
        lost=tuple(sorted(whole - held)),
    )

"""Coverage: which share of the catalogue's models a rig holds, to set beside its cost (F097)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices
from rightrig.planning.fits import models_that_fit

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog

CONTEXT_TOKENS: Final = 8192
"""Of the one sequence that a model must hold, or the model's most."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many models of the catalogue a rig holds in some format."""

    held_count: int
    models_count: int

    @property
    def held_ratio(self) -> float:
        """Share of all models."""
        return self.held_count / self.models_count


def coverage_of(catalog: Catalog, rig: Rig) -> Coverage:
    """Return how many models of the catalogue fit a rig, each in the largest format that does."""
    return Coverage(len(held_models(catalog, rig)), len(catalog.slugs("llms")))


def held_models(catalog: Catalog, rig: Rig) -> frozenset[str]:
    """Return the names of the models that fit a rig, one sequence each."""
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    found = models_that_fit(catalog, rig, CONTEXT_TOKENS, 1, Choices(), llms)
    return frozenset(one.llm.name for one in found if one.verdict in {"fits", "tight"})

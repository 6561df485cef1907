"""From the words of ``fits`` to every model of the catalogue with its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.cli.deploying import MAX_CONCURRENCY
from rightrig.demand.workload import MAX_TOKENS
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.planning.fits import models_that_fit
from rightrig.quantities import check_count

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.planning.fits import ModelFit

__all__ = ["Choices", "held_models"]
_ANY_MODEL: Final = "meta-llama/Llama-3.2-1B-Instruct"


def held_models(
    catalog: Catalog, on: str, context_tokens: int, concurrency: int, choices: Choices
) -> tuple[Rig, tuple[ModelFit, ...]]:
    """Return the rig, and every model of the catalogue with its verdict on it."""
    check_count(context_tokens, name="--context", limit=MAX_TOKENS)
    check_count(concurrency, name="--concurrency", limit=MAX_CONCURRENCY)
    rig = parse_rig(on, catalog)
    llms = [catalog.llm(slug) for slug in catalog.slugs("llms")]
    # A choice that no model could have is wrong input, not 121 times "no".
    propose(catalog, catalog.llm(_ANY_MODEL), rig, choices)
    return rig, models_that_fit(catalog, rig, context_tokens, concurrency, choices, llms)

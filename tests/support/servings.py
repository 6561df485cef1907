"""Deployments as recipes take them, from the words of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.facts.models import find_llm
from rightrig.recipes.making import Use, serving_of

if TYPE_CHECKING:
    from rightrig.recipes.serving import Serving


def serving(
    model: str,
    on: str,
    context: int = 8192,
    concurrency: int = 8,
    use: dict[str, Any] | None = None,
    **choices: Any,
) -> Serving:
    """Return a deployment on a rig; ``choices`` are those of ``propose``."""
    known = shipped()
    llm = find_llm(model, known)
    deployment = propose(known, llm, parse_rig(on, known), Choices(**choices))
    words = {"context_tokens": context, "concurrency": concurrency, **(use or {})}
    return serving_of(deployment, Use(**{"input_tokens": 1000, "output_tokens": 300, **words}))

"""From a command's words to a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.demand.workload import MAX_TOKENS
from rightrig.deployment.propose import MODELLED, Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.models import find_llm
from rightrig.quantities import check_count

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment

__all__ = ["Choices", "check_traffic", "deploy", "others"]
MAX_CONCURRENCY = 10_000_000


def deploy(model: str, on: str, choices: Choices) -> Deployment:
    """Return the deployment that a command names."""
    catalog = shipped()
    rig = parse_rig(on, catalog)
    return propose(catalog, find_llm(model, catalog), rig, choices)


def others(deployment: Deployment) -> dict[str, Deployment]:
    """Return the same model and rig on the other modelled runtimes, by the option for it."""
    found = {}
    for name in MODELLED:
        if name != deployment.runtime.slug:
            try:
                other = propose(shipped(), deployment.llm, deployment.rig, Choices(runtime=name))
            except InputError:
                continue  # it does not run there
            found[f"--runtime {name} --weights {other.precision.weights}"] = other
    return found


def check_traffic(deployment: Deployment, context_tokens: int, concurrency: int) -> None:
    """Refuse contexts and concurrencies that no engine could be asked for."""
    check_count(context_tokens, name="context", limit=MAX_TOKENS)
    check_count(concurrency, name="--concurrency", limit=MAX_CONCURRENCY)
    most = deployment.llm.max_context_tokens
    if context_tokens > most:
        raise InputError(
            f"a context of {context_tokens:,} tokens exceeds the {most:,} that "
            f"{deployment.llm.name} was made for; ask for fewer"
        )

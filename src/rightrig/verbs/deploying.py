"""From a command's words to a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.demand.workload import MAX_TOKENS
from rightrig.deployment.propose import USUAL, Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.prediction.levers import levers
from rightrig.prediction.memory_fit import fit
from rightrig.quantities import check_count
from rightrig.verbs.naming import model_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.prediction.levers import Lever
    from rightrig.prediction.memory_fit import Fit

__all__ = ["Choices", "check_traffic", "deploy", "fitted", "records_of", "sides"]
MAX_CONCURRENCY: Final = 10_000_000
DEFAULT_CONTEXT: Final = 8192


def deploy(catalog: Catalog, model: str, on: str, choices: Choices) -> Deployment:
    """Return the deployment that a command names."""
    rig = parse_rig(on, catalog)
    return propose(catalog, model_named(model, catalog), rig, choices)


def records_of(deployment: Deployment) -> tuple[Record, ...]:
    """Return the records that a deployment is made of."""
    cards = (group.gpu for group in deployment.rig.groups)
    return (deployment.llm, *cards, deployment.runtime)


def fitted(
    catalog: Catalog, deployment: Deployment, context_tokens: int | None, concurrency: int
) -> tuple[Fit, tuple[Lever, ...]]:
    """Return the fit for a command's traffic, and what would help when it does not fit."""
    most = deployment.llm.max_context_tokens
    tokens = min(DEFAULT_CONTEXT, most) if context_tokens is None else context_tokens
    check_traffic(deployment, tokens, concurrency)
    result = fit(deployment, tokens, concurrency)
    if result.verdict in {"fits", "tight"}:
        return result, ()
    return result, levers(result, others(catalog, deployment))


def others(catalog: Catalog, deployment: Deployment) -> dict[str, Deployment]:
    """Return the same model and rig on the other modelled runtimes, by the option for it."""
    found = {}
    for name in USUAL:
        if name != deployment.runtime.slug:
            choices = Choices(runtime=name, operating_system=deployment.operating_system)
            try:
                other = propose(catalog, deployment.llm, deployment.rig, choices)
            except InputError:
                continue  # it does not run there
            found[f"--runtime {name} --weights {other.precision.weights}"] = other
    return found


def sides(texts: Sequence[str], catalog: Catalog) -> tuple[Rig, ...]:
    """Return the rigs that ``compare`` puts side by side."""
    if len(texts) < 2:  # noqa: PLR2004 - two sides
        raise InputError(
            "compare needs two or more cards or rigs, such as: compare rtx-4090 h100-sxm"
        )
    rigs = tuple(parse_rig(text, catalog) for text in texts)
    mixed = next((rig for rig in rigs if not rig.is_uniform), None)
    if mixed is not None:
        raise InputError(f"{mixed.text} mixes cards; compare rigs of one kind of card")
    return rigs


def check_traffic(deployment: Deployment, context_tokens: int, concurrency: int) -> None:
    """Refuse contexts and concurrencies that no engine could be asked for."""
    check_count(context_tokens, name="--context", limit=MAX_TOKENS)
    check_count(concurrency, name="--concurrency", limit=MAX_CONCURRENCY)
    most = deployment.llm.max_context_tokens
    if context_tokens > most:
        raise InputError(
            f"a context of {context_tokens:,} tokens exceeds the {most:,} that "
            f"{deployment.llm.name} was made for; ask for fewer"
        )

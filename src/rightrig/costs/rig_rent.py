"""What the rig of a deployment costs to rent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.costs.offers import cheapest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.costs.offers import Purchase
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.price import Price


def cheapest_for(prices: Iterable[Price], deployment: Deployment) -> Purchase | None:
    """Return the cheapest purchase of a deployment's rig, or ``None``.

    MIG instances and mixed rigs are sold by nobody.
    """
    rig, split = deployment.rig, deployment.parallelism
    if not rig.is_uniform or rig.groups[0].mig:
        return None
    return cheapest(prices, rig.gpu.slug, split.engine_cards, split.replicas)

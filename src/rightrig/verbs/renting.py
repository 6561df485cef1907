"""What a rig costs an hour: as the user says, or as the cheapest offer of the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.costs.rig_rent import cheapest_for
from rightrig.quantities import HOURS_PER_MONTH, parse
from rightrig.report.simulated import Rent

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog

_MOST_USD_PER_MONTH: Final = 1e9


def rent_of(catalog: Catalog, deployment: Deployment, price: str | None) -> Rent | None:
    """Return the rent of a deployment's rig; ``None`` where no offer is known.

    Args:
        catalog: For its offers.
        deployment: What is rented.
        price: What the user says, a number of dollars an hour or with a unit.
    """
    if price is not None:
        return Rent(said_usd_per_hour(price))
    found = cheapest_for(catalog.prices(), deployment)
    return None if found is None else Rent(found.rent_usd_per_month / HOURS_PER_MONTH, found)


def said_usd_per_hour(price: str) -> float:
    """Return what ``--price`` says: a number of dollars an hour, or money a time with a unit."""
    text = f"{price}/h" if price[-1:].isdigit() else price
    monthly = parse(text, "money_per_month", name="--price", limit=_MOST_USD_PER_MONTH)
    return monthly / HOURS_PER_MONTH

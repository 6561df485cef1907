"""What the cards of some tenants cost each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.costs.offers import cheapest

if TYPE_CHECKING:
    from rightrig.costs.offers import Purchase
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu


@dataclass(frozen=True, slots=True)
class Cost:
    """What the cards of some tenants cost.

    Attributes:
        purchase: The cheapest offer for so many cards; ``None`` where none is known.
        price_usd: Of one card, where the user says.
    """

    purchase: Purchase | None
    price_usd: float | None
    cards_count: int
    tenants_count: int

    @property
    def tenant_rent_usd_per_month(self) -> float | None:
        """Rent of the cards over their tenants, in USD a month each."""
        if self.purchase is None:
            return None
        return self.purchase.rent_usd_per_month / self.tenants_count

    @property
    def tenant_price_usd(self) -> float | None:
        """Purchase price of the cards over their tenants: ``price · cards / tenants``."""
        if self.price_usd is None:
            return None
        return self.price_usd * self.cards_count / self.tenants_count


def cost_of(
    catalog: Catalog, gpu: Gpu, cards_count: int, tenants_count: int, price_usd: float | None
) -> Cost:
    """Return what some cards cost: the cheapest offer, and the purchase price if one is said."""
    purchase = cheapest(catalog.prices(), gpu.slug, 1, cards_count)
    return Cost(purchase, price_usd, cards_count, tenants_count)

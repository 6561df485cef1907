"""How old prices are."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.fetching.price_status import PriceStatus


def price_status(catalog: Catalog) -> PriceStatus:
    """Return which prices a catalogue has, and how old they are."""
    from rightrig.facts.price_snapshot import snapshot_folder
    from rightrig.fetching.price_status import status_of

    return status_of(snapshot_folder(), catalog.prices(), today())


def today() -> datetime.date:
    """Return the day that ages are counted to."""
    return datetime.datetime.now(tz=datetime.UTC).date()

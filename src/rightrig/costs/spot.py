"""Spot: what an hour of work costs on machines that may be taken away at any time (F12.5)."""

from __future__ import annotations

import math


def useful_usd_per_hour(spot_usd_per_hour: float, waste_ratio: float) -> float:
    """Return dollars an hour of work that is kept: ``price / (1 − waste)``.

    Infinite where everything is lost.

    Source: definition. Validity: work that is saved or can be done again.

    Args:
        spot_usd_per_hour: Price of an hour, kept or lost.
        waste_ratio: Share of the paid hours that is lost: to saving, to work that is done again,
            to starting again.

    >>> round(useful_usd_per_hour(1.0, 0.13318775), 4)
    1.1537
    """
    return spot_usd_per_hour / (1.0 - waste_ratio) if waste_ratio < 1.0 else math.inf

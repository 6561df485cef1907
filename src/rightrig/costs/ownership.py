"""Owning: what a machine costs over the years, with the price of the money in it (F12.2)."""

from __future__ import annotations

import math
from typing import Final

_LEAST_RATE_PER_YEAR: Final = 1e-300
"""Below it the formula divides rounding by rounding; such money costs nothing."""


def annuity_years(rate_per_year: float, owned_years: float) -> float:
    """Return what one dollar a year, paid at the end of each, is worth today, over a dollar a year.

    ``a = (1 − (1 + r)^−Y) / r``, and ``Y`` where money costs nothing.

    Source: the textbook formula (Brealey, Myers and Allen 2020). Validity: payments at the end of
    each year, one rate.

    >>> round(annuity_years(0.08, 3.0), 4), annuity_years(0.0, 3.0)
    (2.5771, 3.0)
    """
    if rate_per_year < _LEAST_RATE_PER_YEAR:
        return owned_years
    # 1 − (1 + r)^−Y without the cancellation of small rates.
    return -math.expm1(-owned_years * math.log1p(rate_per_year)) / rate_per_year


def discount_ratio(rate_per_year: float, after_years: float) -> float:
    """Return what a dollar that comes later is worth today: ``(1 + r)^−t``.

    >>> round(discount_ratio(0.08, 3.0), 5)
    0.79383
    """
    return float((1.0 + rate_per_year) ** -after_years)


def capital_recovery_per_year(rate_per_year: float, owned_years: float) -> float:
    """Return the share of a price that equal payments a year must bring back: ``1 / a``.

    Source: the textbook formula (Brealey, Myers and Allen 2020). Validity: as
    ``annuity_years``.

    >>> round(capital_recovery_per_year(0.08, 3.0), 6)
    0.388034
    """
    return 1.0 / annuity_years(rate_per_year, owned_years)


def present_value_usd(
    price_usd: float,
    running_usd_per_year: float,
    resale_usd: float,
    rate_per_year: float,
    owned_years: float,
) -> float:
    """Return the cost of owning, in money of today.

    ``price + a · running − resale / (1 + r)^Y``. At a rate of 0 it is the plain sum of what is
    paid: the usual "TCO".

    Source: the textbook formula (Brealey, Myers and Allen 2020). Validity: equal running costs
    every year, no taxes.

    >>> round(present_value_usd(30_000.0, 490.56, 9_000.0, 0.08, 3.0), 2)
    24119.73
    >>> round(present_value_usd(30_000.0, 490.56, 0.0, 0.0, 3.0), 2)
    31471.68
    """
    annuity = annuity_years(rate_per_year, owned_years)
    resold = resale_usd * discount_ratio(rate_per_year, owned_years)
    return price_usd + annuity * running_usd_per_year - resold


def equal_cost_usd_per_year(
    price_usd: float,
    running_usd_per_year: float,
    resale_usd: float,
    rate_per_year: float,
    owned_years: float,
) -> float:
    """Return the rent a year that costs as much as owning: ``present value / a``.

    A rent below it is cheaper than owning, a rent above it is dearer.

    Source: the textbook formula (Brealey, Myers and Allen 2020). Validity: as
    ``present_value_usd``.

    >>> round(equal_cost_usd_per_year(200_000.0, 6_832.8, 0.0, 0.08, 3.0) / 12.0, 1)
    7036.6
    """
    value = present_value_usd(
        price_usd, running_usd_per_year, resale_usd, rate_per_year, owned_years
    )
    return value * capital_recovery_per_year(rate_per_year, owned_years)


def straight_line_usd_per_year(price_usd: float, resale_usd: float, life_years: float) -> float:
    """Return what the books lose a year: ``(price − resale) / life``.

    Source: definition of straight-line depreciation. Validity: books, not markets.

    >>> straight_line_usd_per_year(30_000.0, 9_000.0, 3.0)
    7000.0
    """
    return (price_usd - resale_usd) / life_years


def book_value_usd(
    price_usd: float, resale_usd: float, life_years: float, age_years: float
) -> float:
    """Return what the books say that a machine is worth at some age; never below its resale.

    >>> book_value_usd(30_000.0, 9_000.0, 3.0, 1.0), book_value_usd(30_000.0, 9_000.0, 3.0, 5.0)
    (23000.0, 9000.0)
    """
    lost = straight_line_usd_per_year(price_usd, resale_usd, life_years) * age_years
    return max(price_usd - lost, resale_usd)

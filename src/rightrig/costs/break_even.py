"""Break-even: how long something bought must work until renting the same work had cost more."""

from __future__ import annotations

import math

from rightrig.costs.money import HOURS_PER_YEAR, energy_usd_per_month
from rightrig.quantities import HOURS_PER_MONTH

MONTHS_PER_YEAR_COUNT = HOURS_PER_YEAR / HOURS_PER_MONTH


def break_even_months_count(
    net_price_usd: float, rented_usd_per_month: float, running_usd_per_month: float
) -> float:
    """Return ``net price / (rent − running cost)`` in months.

    Infinite where running the own machine costs as much as renting, or more: no month saves
    anything. Both sides must do the same work.

    Source: definition, simple payback. Validity: money at no interest, both used alike every month.

    >>> round(break_even_months_count(800.0, 0.34 * 730.0, 0.45 * 0.08 * 730.0), 2)
    3.6
    """
    saved_usd_per_month = rented_usd_per_month - running_usd_per_month
    return net_price_usd / saved_usd_per_month if saved_usd_per_month > 0.0 else math.inf


def show_months(months_count: float) -> str:
    """Return a number of months; the sign for endless where nothing is ever saved.

    >>> show_months(2.84), show_months(math.inf)
    ('2.8', '∞')
    """
    return "∞" if math.isinf(months_count) else f"{months_count:.1f}"


def break_even_use_ratio(
    net_price_usd: float,
    rent_usd_per_hour: float,
    running_usd_per_hour: float,
    owned_years: float,
) -> float:
    """Return the share of all hours from which buying is cheaper.

    ``net price / ((rent − running cost) · 8760 h · years)``; infinite where an hour saves nothing,
    and above 1 where the machine would have to work more hours than there are.

    Source: definition, ``break_even_months_count`` over the machine's life. Validity: money at no
    interest.

    >>> round(break_even_use_ratio(1700.0, 0.34, 0.45 * 0.08, 3.0), 3)
    0.213
    """
    saved_usd_per_hour = rent_usd_per_hour - running_usd_per_hour
    if saved_usd_per_hour <= 0.0:
        return math.inf
    return net_price_usd / (saved_usd_per_hour * HOURS_PER_YEAR * owned_years)


def running_usd_per_hour(power_w: float, pue_ratio: float, tariff_usd_per_kwh: float) -> float:
    """Return what an hour of work of an own machine costs in electricity.

    >>> round(running_usd_per_hour(450.0, 1.0, 0.08), 3)
    0.036
    """
    return energy_usd_per_month(power_w, pue_ratio, tariff_usd_per_kwh) / HOURS_PER_MONTH


def same_work_count(rented_use_ratio: float, speed_ratio: float) -> int:
    """Return the own machines that do the work of one rented: ``⌈use / speed⌉``.

    Args:
        rented_use_ratio: Share of all hours that the rented one works.
        speed_ratio: Work an hour of an own one over that of the rented one.

    >>> same_work_count(1.0, 0.8), same_work_count(0.5, 0.8)
    (2, 1)
    """
    return max(1, math.ceil(rented_use_ratio / speed_ratio - _ROUNDING_COUNT))


_ROUNDING_COUNT = 1e-9
"""A quotient that is whole but for rounding takes no machine more."""


def threshold_tokens_per_month(
    fixed_usd_per_month: float, api_usd_per_token: float, marginal_usd_per_token: float = 0.0
) -> float:
    """Return the tokens a month from which own engines cost less than an API.

    ``fixed / (API price − marginal cost)``; infinite where each own token costs as much as the
    API's, or more.

    Source: definition, the crossing of two lines. Validity: up to what the own engines carry.

    >>> round(threshold_tokens_per_month(730.0, 0.5e-6) / 1e6)
    1460
    """
    saved_usd_per_token = api_usd_per_token - marginal_usd_per_token
    return fixed_usd_per_month / saved_usd_per_token if saved_usd_per_token > 0.0 else math.inf

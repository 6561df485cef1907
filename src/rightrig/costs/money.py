"""Rent, energy, and prices per token. One quantity, one function; formulas F12."""

from __future__ import annotations

from rightrig.quantities import HOURS_PER_MONTH, SECONDS_PER_HOUR

HOURS_PER_YEAR = 8760.0


def rent_usd_per_month(instance_usd_per_hour: float, instances_count: int) -> float:
    """Return rent around the clock: ``price · instances · 730 h``.

    >>> round(rent_usd_per_month(0.34, 2), 2)
    496.4
    """
    return instance_usd_per_hour * instances_count * HOURS_PER_MONTH


def energy_usd_per_month(power_w: float, pue_ratio: float, tariff_usd_per_kwh: float) -> float:
    """Return what a constant draw costs: ``kW · PUE · 730 h · $/kWh``.

    Source: definition. Validity: a constant draw and one tariff; demand charges are left out.

    >>> round(energy_usd_per_month(2340.0, 1.0, 0.12) * 12, 2)
    2459.81
    """
    return power_w / 1e3 * pue_ratio * HOURS_PER_MONTH * tariff_usd_per_kwh


def cost_usd_per_token(cost_usd_per_month: float, tokens_per_s: float) -> float:
    """Return dollars a token at a sustained rate: ``cost / (tok/s · 730 h)``."""
    return cost_usd_per_month / (tokens_per_s * HOURS_PER_MONTH * SECONDS_PER_HOUR)


def owned_cost_usd_per_token(
    total_usd: float, tokens_per_s: float, owned_years: float, use_ratio: float = 1.0
) -> float:
    """Return dollars a token of something owned: ``TCO / (tok/s · u · 3600 · 8760 · y)``.

    Source: definition. Validity: one rate over the whole life, money at no interest.

    >>> round(owned_cost_usd_per_token(31470.0, 95.0, 3.0) * 1e6, 3)
    3.501
    """
    seconds = SECONDS_PER_HOUR * HOURS_PER_YEAR * owned_years
    return total_usd / (tokens_per_s * use_ratio * seconds)

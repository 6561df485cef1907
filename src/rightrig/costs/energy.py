"""Electricity of own machines, and the arithmetic that a joule buys."""

from __future__ import annotations

from rightrig.costs.break_even import MONTHS_PER_YEAR_COUNT
from rightrig.costs.money import energy_usd_per_month


def energy_usd_per_year(power_w: float, pue_ratio: float, tariff_usd_per_kwh: float) -> float:
    """Return what a mean draw costs a year: ``kW · PUE · 8760 h · $/kWh`` (F12.3).

    >>> round(energy_usd_per_year(700.0, 1.0, 0.08), 2)
    490.56
    >>> round(energy_usd_per_year(1_800.0, 1.3, 0.12), 2)
    2459.81
    """
    return energy_usd_per_month(power_w, pue_ratio, tariff_usd_per_kwh) * MONTHS_PER_YEAR_COUNT


def sustained_flop_per_j(peak_flop_per_s: float, sustained_ratio: float, power_w: float) -> float:
    """Return the arithmetic that a joule buys: ``peak · share sustained / power``, in flop/J.

    flop/J is flop/s per watt. Two cards are compared at the same share: a lower one for the other
    side alone would make any card the winner.

    >>> round(sustained_flop_per_j(312e12, 1.0, 400.0) / 1e9, 1)
    780.0
    """
    return peak_flop_per_s * sustained_ratio / power_w

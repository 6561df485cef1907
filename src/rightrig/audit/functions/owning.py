"""What own machines cost and draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.costs.break_even import MONTHS_PER_YEAR_COUNT
from rightrig.costs.energy import energy_usd_per_year
from rightrig.costs.goods import part_usd
from rightrig.costs.ownership import equal_cost_usd_per_year
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.prediction.host_power import hosts_power_w
from rightrig.prediction.power_supply import transients

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting
    from rightrig.interval import Interval

_SAME_RATIO: Final = 1e-6


def cards_power_w(setting: Setting, rig: str) -> float:
    """Return the limits of all cards of a rig together, without the machine around them."""
    return sum(_limits_w(setting, rig))


def _limits_w(setting: Setting, rig: str) -> list[float]:
    """Return the limit of each card of a rig."""
    found = parse_rig(rig, setting.catalog)
    limits = [group.card_power_w for group in found.groups for _ in range(group.count)]
    known = [watts for watts in limits if watts is not None]
    if len(known) < len(limits):
        raise InputError(f"the power of a card of {plain(rig, 40)} is not recorded")
    return known * found.nodes_count


def rig_power_w(setting: Setting, rig: str) -> Interval:
    """Return what a rig draws with its hosts, cards at their limits; hosts are estimated."""
    cards_w = cards_power_w(setting, rig)
    return hosts_power_w(parse_rig(rig, setting.catalog)).map(lambda host_w: host_w + cards_w)


def transient_power_w(setting: Setting, rig: str, duration_s: float) -> float:
    """Return the worst draw of the cards of a rig for 0.1, 1, 10 or 100 ms.

    By the excursions that ATX 3 supplies and 12VHPWR plugs must bear; the host is left out.

    Raises:
        InputError: for another duration.
    """
    limits_w = _limits_w(setting, rig)
    found = transients(max(limits_w), sum(limits_w), 0.0)
    for one in found:
        if abs(one.duration_s - duration_s) <= _SAME_RATIO * duration_s:
            return one.power_w
    known = ", ".join(f"{1e3 * one.duration_s:g}*ms" for one in found)
    raise InputError(f"excursions are known for {known}")


def part_price_usd(setting: Setting, part: str) -> Interval:
    """Return the published prices of a part beside the cards: ``"host-pcie"`` is a whole host."""
    return part_usd(setting.catalog.part(part))


def owned_usd_per_month(
    price_usd: float,
    owned_years: float,
    rate_per_year: float,
    power_w: float,
    pue_ratio: float,
    tariff_usd_per_kwh: float,
) -> float:
    """Return the rent a month that costs as much as owning: price, interest and electricity.

    Nothing is resold; space, support and staff are left out.

    >>> round(owned_usd_per_month(200_000.0, 3.0, 0.08, 5_000.0, 1.3, 0.12), 1)
    7036.6
    """
    running = energy_usd_per_year(power_w, pue_ratio, tariff_usd_per_kwh)
    yearly = equal_cost_usd_per_year(price_usd, running, 0.0, rate_per_year, owned_years)
    return yearly / MONTHS_PER_YEAR_COUNT


OWNING_FACTS: Final = (cards_power_w, part_price_usd)
OWNING: Final = (rig_power_w, transient_power_w, owned_usd_per_month)

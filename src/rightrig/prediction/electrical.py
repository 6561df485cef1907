"""From watts to amperes, breakers, plugs, batteries, heat and air (formulas F13).

Continuous loads take at most 80 % of a circuit: NEC 210.20(A) asks for a breaker of 125 % of
them. Where the code of another country has no such rule it is still what keeps a breaker cool.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

CONTINUOUS_RATIO: Final = 0.8
"""Share of a breaker that a load of three hours and more may take (NEC 210.20(A), 1/1.25)."""
UPS_HEADROOM_RATIO: Final = 1.25
"""Room that a UPS keeps above its load (F13)."""
_INVERTER_RATIO: Final = 0.92
"""Share of a battery's energy that a double-conversion UPS gives to the load: a judgement."""
_BATTERY_DEPTH_RATIO: Final = 0.8
"""Share of a battery's energy that is taken before it is called empty: a judgement."""
_WATT_BTU_PER_HOUR: Final[float] = 3.412142
TON_BTU_PER_HOUR: Final[float] = 12_000.0
_AIR_BTU_PER_HOUR_OF_CFM: Final[float] = 1.08
"""BTU/h that one cubic foot a minute of air at sea level carries a degree Fahrenheit."""
_FAHRENHEIT_RATIO: Final[float] = 1.8
NEC_BREAKERS_A: Final = (
    15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 110.0, 125.0,
    150.0, 175.0, 200.0, 225.0, 250.0, 300.0, 350.0, 400.0, 450.0, 500.0, 600.0, 700.0, 800.0,
    1000.0, 1200.0, 1600.0, 2000.0, 2500.0, 3000.0, 4000.0, 5000.0, 6000.0,
)  # fmt: skip
"""Standard ratings of NEC 240.6(A)."""
IEC_BREAKERS_A: Final = (
    6.0, 10.0, 13.0, 16.0, 20.0, 25.0, 32.0, 40.0, 50.0, 63.0, 80.0, 100.0, 125.0, 160.0, 200.0,
    250.0, 315.0, 400.0, 500.0, 630.0, 800.0, 1000.0, 1250.0, 1600.0, 2000.0, 2500.0, 3200.0,
    4000.0, 5000.0, 6300.0,
)  # fmt: skip
"""Preferred ratings of IEC 60898-1 and IEC 60947-2."""
_IEC_VOLTAGES_V: Final = (220.0, 230.0, 380.0, 400.0, 415.0)
THREE_PHASES_COUNT: Final = 3


@dataclass(frozen=True, slots=True)
class Feed:
    """How electricity arrives.

    Attributes:
        volts_v: Between the two conductors of one phase; of three phases, line to line.
        phases_count: 1 or 3.
        power_factor_ratio: Of the load; supplies with correction reach 0.95 to 0.99.
    """

    volts_v: float
    phases_count: int = 1
    power_factor_ratio: float = 0.95

    @property
    def breakers_a(self) -> tuple[float, ...]:
        """Standard breakers where this voltage is found: IEC's at 230 and 400 V, else NEC's."""
        return IEC_BREAKERS_A if self.volts_v in _IEC_VOLTAGES_V else NEC_BREAKERS_A

    @property
    def standard(self) -> str:
        """Which standard the breakers follow."""
        return "IEC" if self.volts_v in _IEC_VOLTAGES_V else "NEC"

    def load_a(self, power_w: float) -> float:
        """Return the current of a load on each conductor, in A."""
        one_phase = feed_a(power_w, self.volts_v, self.power_factor_ratio)
        return one_phase / math.sqrt(self.phases_count)

    def continuous_w(self, breaker_a: float) -> float:
        """Return what a circuit of this feed carries for hours, in W."""
        one_phase = circuit_continuous_w(self.volts_v, breaker_a, self.power_factor_ratio)
        return one_phase * math.sqrt(self.phases_count)

    def breaker_a(self, load_a: float) -> float | None:
        """Return the next standard breaker for a continuous load; ``None`` above the largest."""
        least_a = load_a / CONTINUOUS_RATIO
        # A load that fills a rating but for rounding takes that rating.
        return next((size for size in self.breakers_a if size >= least_a * (1 - 1e-9)), None)


def feed_a(power_w: float, volts_v: float, power_factor_ratio: float) -> float:
    """Return the current of a load on one phase: ``W / (V·pf)``; of three, over √3.

    Source: definition of alternating current. Validity: balanced phases.

    >>> round(feed_a(1440.0, 120.0, 1.0), 1)
    12.0
    >>> round(Feed(208.0, 3, 0.95).load_a(10_200.0), 1)
    29.8
    """
    return power_w / (volts_v * power_factor_ratio)


def circuit_continuous_w(volts_v: float, breaker_a: float, power_factor_ratio: float) -> float:
    """Return what a one-phase circuit carries for hours: ``0.8 · V · A · pf``.

    Source: NFPA 70 (NEC), 210.20(A): a continuous load takes 80 % of a circuit. Validity: North
    American rules.

    >>> round(circuit_continuous_w(120.0, 15.0, 1.0))
    1440
    """
    return CONTINUOUS_RATIO * volts_v * breaker_a * power_factor_ratio


def ups_va(power_w: float, power_factor_ratio: float) -> float:
    """Return the rating of a UPS for a load: ``W / pf · 1.25``.

    Source: definition, with a quarter of spare. Validity: the rating in VA; its watts may bind
    first.

    >>> round(ups_va(10_200.0, 0.95))
    13421
    """
    return power_w / power_factor_ratio * UPS_HEADROOM_RATIO


def battery_j(power_w: float, backup_s: float) -> float:
    """Return the energy of the batteries that carry a load for a time, in J.

    ``W · s / (inverter · depth)``, the efficiency of the inverter and the share of a battery that
    is used. Source: definition. Validity: new batteries at room temperature.

    >>> round(battery_j(10_200.0, 600.0) / 3.6e6, 2)
    2.31
    """
    return power_w * backup_s / (_INVERTER_RATIO * _BATTERY_DEPTH_RATIO)


def heat_btu_per_hour(power_w: float) -> float:
    """Return the heat of a load: all of its watts, in BTU an hour.

    ``W · 3.412``. Source: definition of the unit. Validity: exact; lamps and people come on top.

    >>> round(heat_btu_per_hour(10_200.0))
    34804
    """
    return power_w * _WATT_BTU_PER_HOUR


def cooling_tons_count(power_w: float) -> float:
    """Return the tons of refrigeration that take a load's heat away: 12,000 BTU/h each.

    ``BTU/h / 12,000``. Source: definition of the unit. Validity: exact.

    >>> round(cooling_tons_count(10_200.0), 2)
    2.9
    """
    return heat_btu_per_hour(power_w) / TON_BTU_PER_HOUR


def air_cfm(power_w: float, rise_celsius: float) -> float:
    """Return the air that carries a load's heat with a rise in temperature, in cubic feet a minute.

    ``CFM = BTU/h / (1.08 · ΔT in °F)``; validity: sea level.

    Source: the sensible heat of standard air, as ASHRAE's handbook has it.

    >>> round(air_cfm(10_200.0, 15.0))
    1194
    """
    rise_fahrenheit = rise_celsius * _FAHRENHEIT_RATIO
    return heat_btu_per_hour(power_w) / (_AIR_BTU_PER_HOUR_OF_CFM * rise_fahrenheit)


@dataclass(frozen=True, slots=True)
class Connector:
    """A plug or inlet and what it may carry.

    Attributes:
        rated_a: By IEC 60320 or IEC 60309; UL lists C13 for 15 A and C19 for 20 A.
    """

    name: str
    rated_a: float


INLETS: Final = (Connector("C13/C14", 10.0), Connector("C19/C20", 16.0))
PLUGS: Final = (
    Connector("IEC 60309 16 A", 16.0),
    Connector("IEC 60309 32 A", 32.0),
    Connector("IEC 60309 63 A", 63.0),
    Connector("IEC 60309 125 A", 125.0),
)
_NEMA_ONE_PHASE: Final = (
    Connector("NEMA 5-15", 15.0),
    Connector("NEMA 5-20", 20.0),
    Connector("NEMA L5-30", 30.0),
)
_NEMA_200: Final = (
    Connector("NEMA L6-20", 20.0),
    Connector("NEMA L6-30", 30.0),
    Connector("CS8365 50 A", 50.0),
)
_NEMA_THREE: Final = (
    Connector("NEMA L15-20", 20.0),
    Connector("NEMA L15-30", 30.0),
    Connector("CS8365 50 A", 50.0),
)
_HOUSE_V: Final = 130.0


def inlet_of(current_a: float) -> Connector | None:
    """Return the smallest inlet of a power supply that carries a current, or ``None``."""
    return next((inlet for inlet in INLETS if current_a <= inlet.rated_a), None)


def plug_of(feed: Feed, breaker_a: float) -> Connector | None:
    """Return the plug of a circuit; ``None`` where it is wired without one."""
    return next((plug for plug in _plugs(feed) if breaker_a <= plug.rated_a), None)


def _plugs(feed: Feed) -> tuple[Connector, ...]:
    """Return the plugs of a feed's country and voltage, the smallest first."""
    if feed.standard == "IEC":
        return PLUGS
    if feed.phases_count == THREE_PHASES_COUNT:
        return (*_NEMA_THREE, *(plug for plug in PLUGS if plug.rated_a > _NEMA_THREE[-1].rated_a))
    return _NEMA_ONE_PHASE if feed.volts_v < _HOUSE_V else _NEMA_200

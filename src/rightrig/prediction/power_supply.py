"""Power supplies: what a machine's cards and host ask of them, for hours and for microseconds.

A card on a 12V-2x6 connector may draw three times its limit for 100 µs (PCIe CEM 5.1); one public
note has H100 at 1.4 to 1.6 times for milliseconds (low trust, formulas F13). ATX 3.x supplies bear
200 % of their rating for 100 µs, 180 % for 1 ms, 160 % for 10 ms and 120 % for 100 ms; older ones
promise nothing above 100 %. The records ``transient-*`` have the sources.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

Redundancy = Literal["none", "n+1", "2n"]
REDUNDANCIES: Final[tuple[Redundancy, ...]] = ("none", "n+1", "2n")
SupplyKind = Literal["desktop", "server"]
_LOAD_RATIO: Final = 0.9
"""Most of a supply's rating that a load takes for hours: a judgement."""
EFFICIENCY_RATIO: Final[dict[SupplyKind, float]] = {"desktop": 0.91, "server": 0.94}
"""Of 80 PLUS Gold at full load (87 % asked at 115 V, 91 % at 230 V) and Titanium (91 % asked;
94 % at half load and above): wall watts are the load over it."""
_RATINGS_W: Final[dict[SupplyKind, tuple[float, ...]]] = {
    "desktop": (550.0, 650.0, 750.0, 850.0, 1000.0, 1200.0, 1300.0, 1600.0),
    "server": (800.0, 1300.0, 1600.0, 2000.0, 2400.0, 2700.0, 3000.0, 3300.0),
}
_MOST_SUPPLIES_OF_A_DESKTOP: Final = 2
SLOW_LOW_RATIO: Final = 1.4
SLOW_HIGH_RATIO: Final = 1.6


@dataclass(frozen=True, slots=True)
class Excursion:
    """How far cards and a supply go for a short time.

    Attributes:
        duration_s: How long.
        one_ratio: Times its limit that the worst card may draw …
        others_ratio: … and all others at the same moment.
        supply_ratio: Times its rating that an ATX 3.x supply must bear.
    """

    duration_s: float
    one_ratio: float
    others_ratio: float
    supply_ratio: float


EXCURSIONS: Final = (
    Excursion(1e-4, 3.0, SLOW_HIGH_RATIO, 2.0),
    Excursion(1e-3, SLOW_HIGH_RATIO, SLOW_HIGH_RATIO, 1.8),
    Excursion(1e-2, SLOW_HIGH_RATIO, SLOW_LOW_RATIO, 1.6),
    Excursion(1e-1, 1.1, 1.1, 1.2),
)


@dataclass(frozen=True, slots=True)
class Transient:
    """The worst draw of one machine for a short time, behind its supplies.

    Attributes:
        rating_w: Least rating of ATX 3.x supplies that bear it.
    """

    duration_s: float
    power_w: float
    rating_w: float


def transients(worst_card_w: float, cards_w: float, host_w: float) -> tuple[Transient, ...]:
    """Return the worst draws of a machine by their duration, the shortest first.

    Args:
        worst_card_w: Limit of the card with the highest one.
        cards_w: Limits of all cards together, that one too.
        host_w: What else hangs on the supplies.
    """
    found = []
    for one in EXCURSIONS:
        others_w = one.others_ratio * (cards_w - worst_card_w)
        power_w = one.one_ratio * worst_card_w + others_w + host_w
        found.append(Transient(one.duration_s, power_w, power_w / one.supply_ratio))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Supplies:
    """The power supplies of one machine.

    Attributes:
        rating_w: Of one.
        working_count: That carry the load; the others stand by.
        needed_w: Rating in all that the load asks for: for hours, or for its transients.
        is_for_transients: Whether a transient and not the steady load decides.
    """

    kind: SupplyKind
    rating_w: float
    working_count: int
    spare_count: int
    needed_w: float
    is_for_transients: bool

    @property
    def count(self) -> int:
        """All of them."""
        return self.working_count + self.spare_count


def supplies_for(
    load_w: float, found: tuple[Transient, ...], kind: SupplyKind, redundancy: Redundancy
) -> Supplies:
    """Return the fewest power supplies that carry a load and bear its transients.

    Of as few, the smallest. ``n+1`` adds one, ``2n`` doubles them.
    """
    steady_w = load_w / _LOAD_RATIO
    # Supplies of servers share their load, and their makers size them for the cards' transients.
    short_w = max(one.rating_w for one in found) if kind == "desktop" else 0.0
    needed_w = max(steady_w, short_w)
    ratings = _RATINGS_W[kind]
    working = max(1, math.ceil(needed_w / ratings[-1] - 1e-9))
    rating = next(size for size in ratings if size * working >= needed_w * (1 - 1e-9))
    spare = {"none": 0, "n+1": 1, "2n": working}[redundancy]
    return Supplies(kind, rating, working, spare, needed_w, short_w > steady_w)

"""Availability of replicas that fail and are repaired: k of n, and zones that fail as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.special import bdtr, bdtrc

from rightrig.errors import InputError
from rightrig.reliability.rates import least_count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

MOST_REPLICAS: Final = 10_000
MOST_SPARE_RATIO: Final = 5.0
"""Spares for each replica up to which a search goes."""
CO_FAILURE_RATIO: Final = 0.92
"""Spot machines of a zone that are taken within three minutes of the first (arXiv:2604.16457)."""
_ROUNDING_RATIO: Final = 1e-12


def available_ratio(mtbf_s: float, mttr_s: float) -> float:
    """Return the share of time that something works: A = MTBF / (MTBF + MTTR).

    For any laws of working and repair; the two alternate.

    Source: definition, by renewal theory (Cox 1962). Validity: the long run.

    >>> available_ratio(99.0, 1.0)
    0.99
    """
    return mtbf_s / (mtbf_s + mttr_s)


def at_least_ratio(needed_count: int, replicas_count: int, up_ratio: float) -> float:
    """Return P(at least k of n replicas work), each independently with the same chance.

    Binomial: Σ over i ≥ k of C(n, i)·A^i·(1 − A)^(n − i).

    Source: definition of the binomial law. Validity: replicas that fail apart;
    ``working_ratio`` has zones.

    >>> round(at_least_ratio(2, 3, 0.9), 3)
    0.972
    """
    if needed_count <= 0:
        return 1.0
    if needed_count > replicas_count:
        return 0.0
    return float(bdtrc(needed_count - 1, replicas_count, up_ratio))


@dataclass(frozen=True, slots=True)
class Zones:
    """Domains that fail as a whole; replicas are spread over them evenly.

    Attributes:
        up_ratio: Share of time that a zone is whole.
        co_failure_ratio: Replicas of a zone that are lost when it is not.
    """

    count: int = 1
    up_ratio: float = 1.0
    co_failure_ratio: float = CO_FAILURE_RATIO


ONE_ZONE: Final = Zones()
"""Replicas that fail on their own only."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """What a service runs.

    Attributes:
        needed_count: Replicas that carry the load.
        up_ratio: Share of time that a replica works while its zone is whole.
    """

    needed_count: int
    up_ratio: float
    zones: Zones = ONE_ZONE

    def carried_ratio(self, replicas_count: int) -> float:
        """Return P(enough replicas work) with so many in all."""
        if self.needed_count > replicas_count:
            return 0.0
        if self.zones.up_ratio == 1.0:
            return at_least_ratio(self.needed_count, replicas_count, self.up_ratio)
        chances = working_ratio(replicas_count, self.up_ratio, self.zones)
        return float(min(1.0, chances[self.needed_count :].sum()))


def spread(replicas_count: int, zones_count: int) -> tuple[int, ...]:
    """Return how many replicas each zone has, as evenly as whole ones go.

    >>> spread(7, 3)
    (3, 2, 2)
    """
    each, more = divmod(replicas_count, zones_count)
    return tuple(each + (i < more) for i in range(zones_count))


def working_ratio(replicas_count: int, up_ratio: float, zones: Zones) -> NDArray[np.float64]:
    """Return P(exactly i replicas work) for i from 0 to all of them.

    Of a zone: Z·Bin(n, A) + (1 − Z)·Bin(n, A·(1 − q)), with Z its share of time whole and q the
    co-failure; the zones are independent, so that their laws convolve.

    Source: definition, a mixture; the co-failure is measured, arXiv:2604.16457. Validity: one kind
    of zone failure.
    """
    lost_ratio = up_ratio * (1.0 - zones.co_failure_ratio)
    chances = np.ones(1)
    for count in spread(replicas_count, zones.count):
        whole, broken = _binomial_ratio(count, up_ratio), _binomial_ratio(count, lost_ratio)
        own = zones.up_ratio * whole + (1.0 - zones.up_ratio) * broken
        chances = np.convolve(chances, own)
    return chances


def _binomial_ratio(count: int, up_ratio: float) -> NDArray[np.float64]:
    """Return the chances of 0 to all successes."""
    below = np.asarray(bdtr(np.arange(count + 1.0), count, up_ratio))
    return np.diff(below, prepend=0.0)


def spares_for(replicas: Replicas, target_ratio: float) -> int | None:
    """Return the fewest spares with which enough replicas work for a share of the time.

    ``None`` where :data:`MOST_SPARE_RATIO` times as many do not: zones that are broken for longer
    than that, all at once.

    Raises:
        InputError: for a target that is not a share.
    """
    if not 0.0 < target_ratio < 1.0:
        raise InputError(f"a target of {target_ratio:g} is no share of time between 0 and 1")
    needed, enough_ratio = replicas.needed_count, target_ratio - _ROUNDING_RATIO
    most = int(needed * MOST_SPARE_RATIO) + 1
    if replicas.carried_ratio(needed + most) < enough_ratio:
        return None
    # One more replica never leaves fewer at work, in whichever zone it is.
    return least_count(lambda count: replicas.carried_ratio(needed + count) >= enough_ratio)


def by_spares(replicas: Replicas, spares_counts: Iterable[int]) -> tuple[tuple[int, float], ...]:
    """Return the share of time with enough replicas, for some numbers of spares."""
    return tuple(
        (spares, replicas.carried_ratio(replicas.needed_count + spares)) for spares in spares_counts
    )

"""Which is cheaper, and how sure: costs under inputs that are not known exactly.

Each input has an interval and a key. Inputs of one key are one quantity: both sides of a
comparison see the same draw of it, so that what they share moves them together and what cancels,
cancels. Draws of a key depend on the key and the seed alone, never on the order of the sides.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from rightrig.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

DRAWS_COUNT: Final = 20_000
SURE_RATIO: Final = 0.9
"""From this probability of being the cheapest on, a winner is named."""
_NORMAL_90: Final = 1.2815515655446004
"""Standard deviations from the middle of a normal to the ends of its central 80 %."""
_EXACT_RATIO: Final = 1e-12

Values: TypeAlias = "Mapping[str, Any]"
"""Key → value of an input, a number or one a draw."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """One positive input of a cost.

    Attributes:
        key: Inputs of the same key are the same quantity.
        name: As people call it.
        value: Central 80 %, in ``unit``, or as a factor of what ``shown_ratio`` is.
        unit: Of what people read.
        shown_ratio: Factor from ``value`` to what people read in ``unit``.
    """

    key: str
    name: str
    value: Interval
    unit: str = ""
    shown_ratio: float = 1.0

    @property
    def is_exact(self) -> bool:
        """Whether it is known."""
        return self.value.high - self.value.low <= _EXACT_RATIO * self.value.mid


@dataclass(frozen=True, slots=True)
class Side:
    """One of the things that are compared.

    Attributes:
        name: Unique among the sides.
        inputs: What its cost depends on.
        cost_usd: The cost of the same work, from a value of each input; takes arrays too.
    """

    name: str
    inputs: tuple[Uncertain, ...]
    cost_usd: Callable[[Values], Any]

    def mid_usd(self) -> float:
        """Return the cost with every input at its middle."""
        return float(self.cost_usd(middles(self.inputs)))


@dataclass(frozen=True, slots=True)
class Standing:
    """How one side stands among all.

    Attributes:
        cost_usd: Middle: all inputs at theirs. Ends: the central 80 % of the draws.
        cheapest_ratio: Probability of being the cheapest; equals share it.
        beats_ratio: Name of another side → probability of being cheaper than it.
    """

    name: str
    cost_usd: Interval
    cheapest_ratio: float
    beats_ratio: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Race:
    """Sides compared under their joint uncertainty, cheapest middle first."""

    standings: tuple[Standing, ...]

    @property
    def winner(self) -> str | None:
        """The side that is the cheapest with a probability of 0.9 or more, or ``None``."""
        best = max(self.standings, key=lambda one: one.cheapest_ratio)
        return best.name if best.cheapest_ratio >= SURE_RATIO else None


def middles(inputs: Sequence[Uncertain]) -> dict[str, float]:
    """Return every input at its middle."""
    return {one.key: one.value.mid for one in inputs}


def drawn(inputs: Sequence[Uncertain], seed: int, count: int = DRAWS_COUNT) -> dict[str, Any]:
    """Return draws of every input: a lognormal on each side of the middle.

    ``mid · (high/mid)^(z/1.28)`` above it and ``mid · (mid/low)^(z/1.28)`` below, with ``z``
    standard normal: one draw in ten lies beyond each end, half on each side of the middle.
    """
    return {one.key: _spread(one.value, _deviates(one.key, seed, count)) for one in inputs}


def _deviates(key: str, seed: int, count: int) -> NDArray[np.float64]:
    """Return standard normal deviates that belong to a key, half of them mirrored.

    A deviate and its mirror make the share above the middle exactly one half.
    """
    random = np.random.default_rng([seed, zlib.crc32(key.encode())])
    half = random.standard_normal((count + 1) // 2)
    whole = np.concatenate((half, -half))
    return random.permutation(whole)[:count]


def _spread(value: Interval, deviates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an interval's values at standard normal deviates."""
    if value.mid <= 0.0:
        return np.full_like(deviates, value.mid)
    up, down = math.log(value.high / value.mid), math.log(value.mid / value.low)
    widths: NDArray[np.float64] = np.where(deviates > 0.0, up, down)
    spread: NDArray[np.float64] = value.mid * np.exp(widths * deviates / _NORMAL_90)
    return spread


def interval_of(middle: float, draws: NDArray[np.float64]) -> Interval:
    """Return the central 80 % of some draws around a middle."""
    low, high = (float(v) for v in np.quantile(draws, (0.1, 0.9), method="inverted_cdf"))
    return Interval(min(low, middle), middle, max(high, middle))


def race(sides: Sequence[Side], seed: int = 1, count: int = DRAWS_COUNT) -> Race:
    """Return which side is cheapest, and how sure that is, under the inputs drawn jointly."""
    inputs = tuple(one for side in sides for one in side.inputs)
    values = drawn(inputs, seed, count)
    costs = np.array([np.broadcast_to(side.cost_usd(values), (count,)) for side in sides])
    least = costs.min(axis=0)
    is_least = costs <= least * (1.0 + _EXACT_RATIO)
    cheapest = (is_least / is_least.sum(axis=0)).mean(axis=1)
    standings = [
        Standing(
            side.name,
            interval_of(side.mid_usd(), own),
            float(cheapest[row]),
            {other.name: _beats_ratio(own, costs[n]) for n, other in enumerate(sides) if n != row},
        )
        for row, (side, own) in enumerate(zip(sides, costs, strict=True))
    ]
    return Race(tuple(sorted(standings, key=lambda one: one.cost_usd.mid)))


def _beats_ratio(own: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the share of draws in which one cost is below another; equals count half."""
    near = np.isclose(own, other, rtol=_EXACT_RATIO, atol=0.0)
    return float(np.mean(np.where(near, 0.5, own < other)))

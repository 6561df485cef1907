"""What decides between two costs: each input from one end of its interval to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.uncertain import middles

if TYPE_CHECKING:
    from rightrig.costs.uncertain import Side, Uncertain

_WIDEST_RATIO: Final = 100.0
"""A flip is looked for from the middle over this to the middle times this."""
_STEPS: Final = 200
_BISECTIONS: Final = 60
_LEAST_SWING_RATIO: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Swing:
    """How far one input alone moves the ratio of two costs.

    Attributes:
        given: The input.
        low_ratio, high_ratio: Cost of the first over that of the second with the input at the
            low and at the high end of its interval, all others at their middles.
        flip: Value of the input nearest to its middle at which both cost the same, others at
            their middles, as people read it in the input's unit; ``None`` where no value within a
            factor of 100 does it.
    """

    given: Uncertain
    low_ratio: float
    high_ratio: float
    flip: float | None

    @property
    def width_ratio(self) -> float:
        """Larger over smaller ratio: 1 where the input does not matter."""
        small, large = sorted((self.low_ratio, self.high_ratio))
        return large / small


def tornado(first: Side, second: Side) -> tuple[Swing, ...]:
    """Return every uncertain input of two sides, the one that matters most first.

    Inputs that both share and that cancel are left out, as are inputs that are known.
    """
    inputs = {one.key: one for one in (*first.inputs, *second.inputs)}
    swings = [
        Swing(
            one,
            _cost_ratio(first, second, one.key, one.value.low),
            _cost_ratio(first, second, one.key, one.value.high),
            flip_of(first, second, one),
        )
        for one in inputs.values()
        if not one.is_exact
    ]
    moving = [one for one in swings if one.width_ratio > 1.0 + _LEAST_SWING_RATIO]
    return tuple(sorted(moving, key=lambda one: -one.width_ratio))


def _cost_ratio(first: Side, second: Side, key: str, value_ratio: float) -> float:
    """Return the ratio of the costs with one input at a value, the others at their middles."""
    at = {**middles((*first.inputs, *second.inputs)), key: value_ratio}
    return float(first.cost_usd(at)) / float(second.cost_usd(at))


def flip_of(first: Side, second: Side, given: Uncertain) -> float | None:
    """Return the value nearest to the middle at which the cheaper side changes, or ``None``.

    Costs of whole machines jump: a step on a grid brackets the change, bisection narrows it.
    """
    mid = given.value.mid
    was_below = _cost_ratio(first, second, given.key, mid) < 1.0

    def changed(log_ratio: float) -> bool:
        ratio = _cost_ratio(first, second, given.key, mid * math.exp(log_ratio))
        return (ratio < 1.0) != was_below

    reach = math.log(_WIDEST_RATIO)
    for step in range(1, _STEPS + 1):
        for sign in (1.0, -1.0):
            outer, inner = sign * reach * step / _STEPS, sign * reach * (step - 1) / _STEPS
            if not changed(outer):
                continue
            for _ in range(_BISECTIONS):
                middle = 0.5 * (inner + outer)
                inner, outer = (inner, middle) if changed(middle) else (middle, outer)
            return mid * math.exp(outer) * given.shown_ratio
    return None

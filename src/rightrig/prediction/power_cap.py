"""What a power cap leaves of a card's clock, and of its memory's speed.

Dynamic power rises with the cube of the clock while the voltage falls with it, and only in
proportion once the voltage is at its lowest; leakage, memory and the board draw their share at any
clock (formulas F13). The memory's own clock stays, but cores that slow down ask it for less.

Measured clocks and speeds, and what the formulas give for the same watts:

- prompts, RTX 3090, 300, 250, 200 and 150 of 350 W: 0.94, 0.85, 0.60, 0.26 of the speed
  (llmgarage.ai power-limit sweep, 2026-02); 0.93, 0.84, 0.57, 0.30;
- one user of a 27B model in 4 bits, RTX PRO 6000, which draws 511 of 600 W: clock 0.96, 0.89, 0.75
  and 0.56 at 450, 400, 350 and 300 W, speed 1.00, 0.99, 0.95, 0.87
  (github:Light-Heart-Labs/MMBT-Messy-Model-Bench-Tests@f4d2a4ea:
  hardware-tests/vllm-power-sweep-2026-04-29); clock 0.94, 0.88, 0.74, 0.55, speed 0.99, 0.98, 0.94,
  0.87;
- one user of a 27B model, RTX 3090, which draws 333 W: clock 0.92, 0.89, 0.82 and 0.28 at 295, 273,
  247 and 199 W, speed 1.00, 0.99, 0.96, 0.62 (github:jeanfbrito/jeanfbrito.github.io@3532d086:
  _posts/2026-04-28-rtx-3090-power-limit-sweet-spot.md); clock 0.94, 0.91, 0.86, 0.61, speed 0.99,
  0.98, 0.97, 0.90.

Formats of three bits unpack more arithmetic than the formulas know: they lost 0.24 on an RTX 3090
at 250 W (github:noonghunna/club-3090@42afdbbf: docs/img/power-cap-3090-qwen36.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rightrig.work.operators import Floats

STATIC_RATIO: Final = 0.27
"""Share of a board's power that does not fall with the clock, fitted by eye on those sweeps."""
VOLTAGE_FLOOR_RATIO: Final = 0.85
"""Clock, over the full one, below which the voltage falls no further; fitted with it."""
CORE_BOUND_RATIO: Final = 0.18
"""Share of the time of work that waits for memory which follows the cores' clock; on the same."""
_EXPONENT_RATIO: Final = 1.0 / 3.0
_LEAST_CLOCK_RATIO: Final = 0.1
"""Cards hold a lowest clock, whatever the cap."""
LEAST_TRUSTED_RATIO: Final = 0.6
"""Below this share of the board's power the clock of an RTX 3090 that decodes breaks down: 0.28 at
199 W, where the formula gives 0.61."""


def clock_ratio(limit_ratio: Floats, draw_ratio: Floats = 1.0) -> Floats:
    """Return the clock that a cap leaves to some work, over its clock without one.

    ``x = (c − s)/(d − s)`` is the share of the dynamic power that is left, with ``s`` the share of
    the board's power that no clock changes; the clock is ``x^(1/3)`` down to the lowest voltage, at
    the clock ``v``, and ``x/v²`` below.

    Source: dynamic power as ``f·V²``, Kim et al. 2003, doi:10.1109/MC.2003.1250885; ``s`` and ``v``
    fitted by eye on the sweeps at the head of ``prediction/power_cap.py``. Validity: caps of 60 %
    of the board's power and more; below, the clock of a card that decodes may break down.

    Args:
        limit_ratio: The cap over the board's power, ``c``.
        draw_ratio: What the work draws without a cap over the board's power, ``d``: all of it for
            prompts and large batches. A cap above it costs nothing.

    >>> round(float(clock_ratio(300.0 / 350.0)), 2), round(float(clock_ratio(200.0 / 350.0)), 2)
    (0.93, 0.57)
    >>> float(clock_ratio(0.9, 0.8))
    1.0
    """
    left = np.clip((limit_ratio - STATIC_RATIO) / (draw_ratio - STATIC_RATIO), 0.0, 1.0)
    clock = np.minimum(left**_EXPONENT_RATIO, left / VOLTAGE_FLOOR_RATIO**2)
    return np.maximum(clock, _LEAST_CLOCK_RATIO)


def memory_speed_ratio(clock_ratio: Floats) -> Floats:
    """Return what work that waits for memory keeps of its speed: ``1/(1 + β·(1/f − 1))``.

    ``f`` is the clock over its own, ``β`` the share of such work's time that follows it.

    Source: fitted on the sweeps at the head of ``prediction/power_cap.py``. Validity: work that
    waits for memory; clocks from a half to all of the own one.

    >>> round(float(memory_speed_ratio(0.75)), 2)
    0.94
    """
    return 1.0 / (1.0 + CORE_BOUND_RATIO * (1.0 / clock_ratio - 1.0))

"""What a power cap leaves of a card's clock.

Dynamic power rises with the cube of the clock, because the voltage falls with it; leakage, memory
and the board draw their share at any clock (formulas F13). Measured throughput of prompts under
caps: RTX 3090 at 300 and 250 of 350 W 0.94 and 0.85 (llama.cpp, llmgarage.ai power-limit sweep,
2026-02); RTX 5090 with drafting at 400 of 600 W 0.82
(github:sudoingX/qwen38-mtp@17621a8a:sweeps/rtx-5090.md). The formula gives 0.94, 0.86 and 0.84.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rightrig.work.operators import Floats

STATIC_RATIO: Final = 0.2
"""Share of a board's power that does not fall with the clock, fitted by eye on those sweeps."""
_EXPONENT_RATIO: Final = 1.0 / 3.0
_LEAST_CLOCK_RATIO: Final = 0.25
"""Cards hold a lowest clock, whatever the cap."""
LEAST_TRUSTED_RATIO: Final = 0.6
"""Below this share of the limit cards meet their lowest voltage and lose more than the formula
says: the same sweep of RTX 3090 has 0.60 at 200 W, where the formula gives 0.77."""


def clock_ratio(limit_ratio: Floats) -> Floats:
    """Return the clock of a card that draws all that it may: ``((c − s)/(1 − s))^(1/3)``.

    ``c`` is the limit over the board's power, ``s`` the share that no clock lowers. It holds for
    work that would draw the whole of the board's power: prompts and large batches. What waits for
    memory draws less, and its time hardly depends on the clock.

    >>> round(float(clock_ratio(300.0 / 350.0)), 2), round(float(clock_ratio(0.6)), 2)
    (0.94, 0.79)
    >>> float(clock_ratio(1.0))
    1.0
    """
    dynamic = np.clip((limit_ratio - STATIC_RATIO) / (1.0 - STATIC_RATIO), 0.0, 1.0)
    return np.maximum(dynamic**_EXPONENT_RATIO, _LEAST_CLOCK_RATIO)

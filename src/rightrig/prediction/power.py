"""Power of a card while it serves.

Decoding waits for memory and draws less than prefill; two anchors on H100 (ML.ENERGY v3):
43 % of the board's power at batch 1, 86 % at batch 128. Between them the share follows how
busy the arithmetic is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rightrig.work.operators import Floats

IDLE_RATIO: Final = 0.12
_MEMORY_BOUND_RATIO: Final = 0.43
_BUSY_RATIO: Final = 0.95
_BUSY_AT_RATIO: Final = 0.4
"""Share of peak arithmetic at which cards of the anchors reach their busy power."""


def card_power_w(board_power_w: Floats, compute_use_ratio: Floats, busy_ratio: Floats) -> Floats:
    """Return the mean power of one card, in W.

    ``P = TDP·[idle·(1 − busy) + busy·(0.43 + 0.52·min(1, use/0.4))]`` with ``use`` the share of
    peak arithmetic while busy (F13). Validity: data-centre cards; two anchors, so ±25 %.
    """
    rise = np.minimum(compute_use_ratio / _BUSY_AT_RATIO, 1.0)
    working = _MEMORY_BOUND_RATIO + (_BUSY_RATIO - _MEMORY_BOUND_RATIO) * rise
    return board_power_w * (IDLE_RATIO * (1.0 - busy_ratio) + busy_ratio * working)


def energy_per_token_j(power_w: float, tokens_per_s: float) -> float:
    """Return joules a token: ``P / (tok/s)`` (F13).

    >>> energy_per_token_j(300.0, 2500.0)
    0.12
    """
    return power_w / tokens_per_s

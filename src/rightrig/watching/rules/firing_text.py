"""How a firing alert writes a share."""

from __future__ import annotations


def percent(share_ratio: float) -> str:
    """Return a share for people.

    >>> percent(0.123), percent(0.004)
    ('12 %', '0.4 %')
    """
    value = 100.0 * share_ratio
    return f"{value:.1f} %" if value < 1.0 else f"{value:.0f} %"

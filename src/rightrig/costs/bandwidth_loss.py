"""What lost bandwidth between cards costs: only the time that is waited for costs anything."""

from __future__ import annotations

from rightrig.costs.soft import gain_usd_per_year


def lost_work_ratio(lost_bandwidth_ratio: float, exposed_ratio: float) -> float:
    """Return the share of the work that is lost with a share of the bandwidth.

    A step waits a share ``x`` of its time for other cards, not hidden behind arithmetic. With the
    bandwidth down by ``l`` it takes ``1 − x + x / (1 − l)`` times as long, so that
    ``1 − 1 / (1 − x + x / (1 − l))`` of the work is lost: ``l`` where everything is exposed,
    nothing where nothing is, and in between about in proportion to ``x``. It does not grow with
    the number of cards unless the exposed share does.

    Source: Amdahl 1967, doi:10.1145/1465482.1465560, of a part that becomes slower. Validity: the
    exposed share stays the same.

    Args:
        lost_bandwidth_ratio: Share of the bandwidth that is lost, below 1.
        exposed_ratio: Share of a step's time at full bandwidth that is waited for other cards.

    >>> round(lost_work_ratio(0.2, 1.0), 6), lost_work_ratio(0.2, 0.0)
    (0.2, 0.0)
    >>> round(lost_work_ratio(0.2, 0.1), 4)
    0.0244
    """
    stretched = 1.0 - exposed_ratio + exposed_ratio / (1.0 - lost_bandwidth_ratio)
    return 1.0 - 1.0 / stretched


def lost_bandwidth_usd_per_year(
    lost_bandwidth_ratio: float, exposed_ratio: float, cards_count: int, card_usd_per_hour: float
) -> float:
    """Return the price of the work that is lost, in USD a year.

    >>> round(lost_bandwidth_usd_per_year(0.2, 1.0, 8_000, 2.5))
    35040000
    """
    lost = lost_work_ratio(lost_bandwidth_ratio, exposed_ratio)
    return gain_usd_per_year(lost, cards_count, card_usd_per_hour)

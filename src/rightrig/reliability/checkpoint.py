"""How often to save a run that may fail, and what saving and failing cost together.

Times of one run: C is the time that a save stops the run, M the mean time between failures, R the
time to restart from a save, D until a failure is noticed, F until a save that goes on in the
background can be restarted from. τ is the work between two saves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from scipy.special import lambertw

from rightrig.errors import InputError

MOST_LOSS_RATIO: Final = 700.0
"""Largest (τ + C) / M for which e^x is a float: no work is done long before it."""


@dataclass(frozen=True, slots=True)
class Saving:
    """The times of one run.

    Attributes:
        mtbf_s: M, mean time between failures of the whole system.
        save_s: C, for which a save stops the run.
        restart_s: R, from a failure that was noticed to work again.
        detection_s: D, until a failure is noticed.
        flush_s: F, after the save, until it can be restarted from; 0 for saves that block.
    """

    mtbf_s: float
    save_s: float
    restart_s: float = 0.0
    detection_s: float = 0.0
    flush_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse times that no run has."""
        if self.mtbf_s <= 0.0 or self.save_s <= 0.0:
            raise InputError("the mean time between failures and the time of a save are above 0")
        if min(self.restart_s, self.detection_s, self.flush_s) < 0.0:
            raise InputError("times to restart, to notice and to flush are 0 or more")

    @property
    def down_s(self) -> float:
        """D + R: what a failure costs beside the work since the last save."""
        return self.detection_s + self.restart_s


def young_s(save_s: float, mtbf_s: float) -> float:
    """Return Young's interval √(2·C·M), first order (CACM 17(9), 1974, doi:10.1145/361147.361115).

    Validity: C far below M; restarts do not enter.

    >>> round(young_s(60.0, 3.093078759 * 3600.0), 1)
    1155.9
    """
    return math.sqrt(2.0 * save_s * mtbf_s)


def daly_s(save_s: float, mtbf_s: float) -> float:
    """Return Daly's interval (FGCS 22(3), 2006, doi:10.1016/j.future.2004.11.016).

    √(2CM)·[1 + ⅓·√(C/2M) + (1/9)·(C/2M)] − C for C < 2M, else M.

    Validity: exponential failures; a series that comes near ``optimal_s``.

    >>> round(daly_s(60.0, 3.093078759 * 3600.0), 1)
    1116.3
    """
    if save_s >= 2.0 * mtbf_s:
        return mtbf_s
    part = save_s / (2.0 * mtbf_s)
    return young_s(save_s, mtbf_s) * (1.0 + math.sqrt(part) / 3.0 + part / 9.0) - save_s


def availability_period_s(save_s: float, mtbf_s: float, restart_s: float) -> float:
    """Return the period, save included, of most availability: C + √(2·(M + R)·C + C²).

    Saxena et al., NVIDIA, arXiv:2410.18124. The work between two saves is C less.

    Validity: as its source has it, for saves that block.

    >>> round(availability_period_s(60.0, 3.093078759 * 3600.0, 600.0), 1)
    1248.2
    """
    return save_s + math.sqrt(2.0 * (mtbf_s + restart_s) * save_s + save_s**2)


def optimal_s(save_s: float, mtbf_s: float) -> float:
    """Return the interval of least expected time, exactly: M·(1 + W₀(−e^(−1 − C/M))).

    Where the derivative of ``expected_s`` is zero: e^(x + c)·(x − 1) = −1 with x = τ/M and
    c = C/M. The time to restart does not move it. W₀ is the main branch of Lambert's function.

    Source: derived here from Daly 2006, doi:10.1016/j.future.2004.11.016. Validity: exponential
    failures, constant times.
    """
    inner = -math.exp(-1.0 - save_s / mtbf_s)
    return mtbf_s * (1.0 + float(lambertw(inner).real))


def expected_s(work_s: float, interval_s: float, saving: Saving) -> float:
    """Return the expected time of a run: M·e^((D+R+F)/M)·(e^((τ+C)/M) − 1)·T/τ (Daly 2006).

    Failures come at random, at any time, a restart included. A save in the background costs the
    time of its flush a failure, as work done meanwhile is lost with it (first order in F/M).
    Infinite where hardly any interval ends without a failure.

    Source: Daly 2006, doi:10.1016/j.future.2004.11.016. Validity: exponential failures, constant
    times; exact for saves that block.
    """
    mtbf = saving.mtbf_s
    span = (interval_s + saving.save_s) / mtbf
    if span > MOST_LOSS_RATIO or (saving.down_s + saving.flush_s) / mtbf > MOST_LOSS_RATIO:
        return math.inf
    again = math.exp((saving.down_s + saving.flush_s) / mtbf)
    return mtbf * again * math.expm1(span) * work_s / interval_s


def first_order_waste_ratio(interval_s: float, saving: Saving) -> float:
    """Return the share of time that is lost, to first order: C/τ + (τ/2 + F + R + D)/M.

    For τ and R far below M only; it passes 1 where they are not.

    Source: Young 1974, doi:10.1145/361147.361115, with the restart. Validity: below about a tenth.

    >>> saving = Saving(11136.0, 60.0, 600.0)
    >>> round(first_order_waste_ratio(1155.945511, saving), 3)
    0.158
    """
    lost_s = interval_s / 2.0 + saving.flush_s + saving.down_s
    return saving.save_s / interval_s + lost_s / saving.mtbf_s


def useful_ratio(interval_s: float, saving: Saving) -> float:
    """Return the share of time that is work which lasts (ETTR): T / expected time."""
    return 1.0 / expected_s(1.0, interval_s, saving)


def waste_ratio(interval_s: float, saving: Saving) -> float:
    """Return the share of time that saves, lost work and restarts take: 1 − ETTR."""
    return 1.0 - useful_ratio(interval_s, saving)


def save_time_s(state_bytes: float, bandwidth_bytes_per_s: float) -> float:
    """Return the time to write a state at a bandwidth: bytes / bandwidth, of all writers."""
    return state_bytes / bandwidth_bytes_per_s


def kept_saves_count(interval_s: float, saving: Saving) -> int:
    """Return the saves to keep so that one is older than any failure not yet noticed.

    A fault that is noticed late may be in all saves of that time: ⌈D / (τ + C)⌉ of them, and one
    before.

    Source: derived here. Validity: D bounds the delay.
    """
    return math.ceil(saving.detection_s / (interval_s + saving.save_s)) + 1


@dataclass(frozen=True, slots=True)
class Choice:
    """One interval, and what it costs.

    Attributes:
        interval_s: Work between two saves.
        useful_ratio: Share of time that is work which lasts.
    """

    name: str
    interval_s: float
    useful_ratio: float
    source: str


def choices(saving: Saving) -> tuple[Choice, ...]:
    """Return the exact optimum and the published intervals; none is shorter than a flush.

    A save cannot begin before the last one is flushed.
    """
    save, mtbf = saving.save_s, saving.mtbf_s
    found = (
        ("exact optimum", optimal_s(save, mtbf), "least expected time, by Lambert's W"),
        ("Young", young_s(save, mtbf), "Young 1974, doi:10.1145/361147.361115"),
        ("Daly", daly_s(save, mtbf), "Daly 2006, doi:10.1016/j.future.2004.11.016"),
        (
            "most availability",
            availability_period_s(save, mtbf, saving.restart_s) - save,
            "Saxena et al. 2024, arXiv:2410.18124; less the save, which its period includes",
        ),
    )
    least = saving.flush_s
    return tuple(
        Choice(name, max(interval, least), useful_ratio(max(interval, least), saving), source)
        for name, interval, source in found
    )


def with_own(saving: Saving, interval_s: float | None) -> tuple[Choice, ...]:
    """Return the exact optimum and the published intervals, and one that is stated."""
    found = choices(saving)
    if interval_s is None:
        return found
    return (*found, Choice("stated", interval_s, useful_ratio(interval_s, saving), "as stated"))


def with_mtbf(saving: Saving, mtbf_s: float) -> Saving:
    """Return the same run on a system of another mean time between failures."""
    return replace(saving, mtbf_s=mtbf_s)

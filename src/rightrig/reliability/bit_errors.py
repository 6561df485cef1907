"""Bit errors of memory: which class each becomes, on how many cards, and what reaches answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scipy.optimize import brentq

from rightrig.interval import Interval, product_if_independent, sum_if_independent

if TYPE_CHECKING:
    from rightrig.facts.failure_rate import FailureRate

VULNERABLE_RATIO: Final = Interval(0.01, 0.055, 0.3)
"""Share of silent bit errors that change an answer: architectural and program vulnerability factors
of 0.01 to 0.3 by model and bit (PVF: arXiv:2405.01741); the middle is the geometric mean."""
_LEAST_SHAPE_COUNT: Final = 1e-9
_MOST_SHAPE_COUNT: Final = 1e9


@dataclass(frozen=True, slots=True)
class ErrorClasses:
    """Expected errors by what becomes of them.

    Attributes:
        corrected_count: Corrected by ECC; nobody notices.
        detected_count: Detected and not corrected: the engine on that card ends.
        silent_count: Wrong data that nothing reports.
    """

    corrected_count: Interval
    detected_count: Interval
    silent_count: Interval


def by_class(
    single_count: Interval, double_count: Interval, other_count: Interval, *, ecc: bool
) -> ErrorClasses:
    """Return what becomes of single-bit errors, double-bit errors, and errors outside memory.

    With ECC (SECDED) single-bit errors are corrected and double-bit errors detected. Without it
    both are silent. Errors of computation are silent either way: ECC guards memory only.
    """
    none = Interval.exact(0.0)
    if ecc:
        return ErrorClasses(single_count, double_count, other_count)
    return ErrorClasses(none, none, sum_if_independent((single_count, double_count, other_count)))


def no_error_ratio(mean_per_card_count: float, concentration_count: float, cards: int = 1) -> float:
    """Return P(no error on any of some cards), each card's rate drawn from a gamma law.

    (1 + m/k)^(−k·n), the zero term of the negative binomial law; a concentration k of infinity is
    the Poisson law e^(−m·n), and a small one puts most errors on few cards.

    Source: Greenwood and Yule 1920, doi:10.2307/2341080. Validity: cards independent of each other.
    """
    if math.isinf(concentration_count):
        return math.exp(-mean_per_card_count * cards)
    return math.exp(
        -cards * concentration_count * math.log1p(mean_per_card_count / concentration_count)
    )


def concentration_count(record: FailureRate) -> float:
    """Return the concentration k with which as many devices have an error as were seen.

    It solves (1 + m/k)^−k = share of devices without an error, m the mean of a device. Infinity
    where a source does not say how many, or where no fewer have one than chance alone leaves.
    """
    devices, hit = record.devices_count, record.devices_with_any_count
    if devices is None or hit is None:
        return math.inf
    mean, free = record.events_count / devices, 1.0 - hit / devices
    if free <= math.exp(-mean):
        return math.inf

    def excess_ratio(log_shape_count: float) -> float:
        return no_error_ratio(mean, math.exp(log_shape_count)) - free

    ends = math.log(_LEAST_SHAPE_COUNT), math.log(_MOST_SHAPE_COUNT)
    return math.exp(float(brentq(excess_ratio, *ends)))


def corrupting_count(silent_count: Interval, vulnerable_ratio: Interval) -> Interval:
    """Return the silent errors that change a computed result: errors × vulnerability factor.

    Source: PVF, arXiv:2405.01741. Validity: factors span decades; see the interval.
    """
    if silent_count.mid == 0.0:
        return silent_count
    return product_if_independent(silent_count, vulnerable_ratio)

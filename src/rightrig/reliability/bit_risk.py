"""The bit errors that a fleet sees, what becomes of them, and whether an SLA holds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval, sum_if_independent
from rightrig.quantities import show_number
from rightrig.reliability.bit_errors import (
    VULNERABLE_RATIO,
    by_class,
    corrupting_count,
    no_error_ratio,
)
from rightrig.reliability.rates import DAY_S, any_event_ratio, events_range
from rightrig.reliability.sla import sla_risk

if TYPE_CHECKING:
    from rightrig.reliability.bit_errors import ErrorClasses
    from rightrig.reliability.rates import Rate
    from rightrig.reliability.sla import Service, SlaRisk


@dataclass(frozen=True, slots=True)
class Cards:
    """Cards that are watched.

    Attributes:
        gigabytes_count: Memory of one card in 10⁹ bytes; of unequal cards the mean.
        ecc: Whether ECC is on.
    """

    count: int
    gigabytes_count: float
    ecc: bool


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """How often errors come.

    Attributes:
        single: Single-bit errors of memory, of a gigabyte.
        double: Errors of memory that ECC detects and cannot correct, of a GPU.
        compute: Wrong results that nothing reports, of a GPU.
        concentration_count: How evenly cards share errors; infinite for evenly.
        vulnerable_ratio: Share of silent errors that change a result.
    """

    single: Rate
    double: Rate
    compute: Rate
    concentration_count: float = math.inf
    vulnerable_ratio: Interval = VULNERABLE_RATIO


@dataclass(frozen=True, slots=True)
class BitRisk:
    """Bit errors of some cards in a time.

    Attributes:
        single_count, double_count, compute_count: Expected errors by where they come from.
        classes: The same by what becomes of them.
        silent_range: Central 80 % of the number of silent errors.
        any_silent_ratio: P(≥ 1 silent error), all cards alike.
        any_silent_concentrated_ratio: The same where few cards have most errors.
        hit_cards_ratio: Share of the cards with a silent error, all alike.
        hit_cards_concentrated_ratio: The same where few cards have most errors.
        corrupting_count: Silent errors that change a result: a share of those of memory, all of
            those of computation.
        sla: Whether a promise holds; ``None`` where none was asked about.
    """

    cards: Cards
    rates: ErrorRates
    time_s: float
    single_count: Interval
    double_count: Interval
    compute_count: Interval
    classes: ErrorClasses
    silent_range: tuple[int, int]
    any_silent_ratio: float
    any_silent_concentrated_ratio: float
    hit_cards_ratio: float
    hit_cards_concentrated_ratio: float
    corrupting_count: Interval
    sla: SlaRisk | None

    def explain(self) -> Explanation:
        """Return the errors by class, with the rates and formulas behind them."""
        return _explained(self)


def bit_risk(
    cards: Cards, rates: ErrorRates, time_s: float, service: Service | None = None
) -> BitRisk:
    """Return the bit errors of some cards in a time, and what they do to a service."""
    single = rates.single.expected_count(cards.gigabytes_count * cards.count, time_s)
    double = rates.double.expected_count(cards.count, time_s)
    compute = rates.compute.expected_count(cards.count, time_s)
    classes = by_class(single, double, compute, ecc=cards.ecc)
    silent = classes.silent_count
    in_memory = _silent_in_memory_count(single, double, ecc=cards.ecc)
    memory = single.mid + double.mid
    shape = rates.compute.shape_count if cards.ecc or not memory else rates.single.shape_count
    each, concentration = silent.mid / cards.count, rates.concentration_count
    return BitRisk(
        cards=cards,
        rates=rates,
        time_s=time_s,
        single_count=single,
        double_count=double,
        compute_count=compute,
        classes=classes,
        silent_range=events_range(silent.mid, shape),
        any_silent_ratio=any_event_ratio(silent.mid),
        any_silent_concentrated_ratio=1.0 - no_error_ratio(each, concentration, cards.count),
        hit_cards_ratio=any_event_ratio(each),
        hit_cards_concentrated_ratio=1.0 - no_error_ratio(each, concentration),
        corrupting_count=sum_if_independent(
            (corrupting_count(in_memory, rates.vulnerable_ratio), compute)
        ),
        sla=None if service is None else _sla(cards, rates, service),
    )


def _silent_in_memory_count(
    single_count: Interval, double_count: Interval, *, ecc: bool
) -> Interval:
    """Return the silent errors of memory: none with ECC, of which only a share changes a result.

    Those of computation were counted because they had changed one.
    """
    return by_class(single_count, double_count, Interval.exact(0.0), ecc=ecc).silent_count


def _sla(cards: Cards, rates: ErrorRates, service: Service) -> SlaRisk:
    """Return whether a promise holds, by the errors of a day."""
    single = rates.single.expected_count(cards.gigabytes_count * cards.count, DAY_S)
    double = rates.double.expected_count(cards.count, DAY_S)
    compute = rates.compute.expected_count(cards.count, DAY_S)
    in_memory = _silent_in_memory_count(single, double, ecc=cards.ecc)
    memory = corrupting_count(in_memory, rates.vulnerable_ratio)
    return sla_risk(service, cards.count, memory, compute)


def _explained(found: BitRisk) -> Explanation:
    """Return sentences, figures and sources."""
    days, classes = found.time_s / DAY_S, found.classes
    ecc = "on" if found.cards.ecc else "off"
    sentences = [
        (
            f"{found.cards.count:,} × {found.cards.gigabytes_count:g} GB, ECC {ecc}: "
            f"{show_number(found.single_count.mid)} single-bit errors of memory in {days:g} days."
        ),
        _fate(found),
        (
            f"{show_number(found.corrupting_count.mid)} of the silent ones change a result "
            f"({show_number(found.corrupting_count.low)} to "
            f"{show_number(found.corrupting_count.high)})."
        ),
    ]
    if found.sla is not None:
        sentences.append(_sla_sentence(found.sla))
    figures = (
        Figure(
            "single_count", found.single_count.mid, show_number(found.single_count.mid),
            "m = rate · gigabytes · cards · time (formula F11.4)",
        ),
        Figure(
            "silent_count", classes.silent_count.mid, show_number(classes.silent_count.mid),
            "all errors without ECC; with it those outside memory",
        ),
        Figure(
            "any_silent_ratio", found.any_silent_ratio, f"{found.any_silent_ratio:.1%}",
            "1 − e^−m (formula F11.4)",
        ),
        Figure(
            "corrupting_count", found.corrupting_count.mid,
            show_number(found.corrupting_count.mid),
            "silent errors of memory × vulnerability factor (arXiv:2405.01741), and of computation",
        ),
    )  # fmt: skip
    rates = (found.rates.single, found.rates.double, found.rates.compute)
    return Explanation(tuple(sentences), figures, tuple(rate.source for rate in rates))


def _fate(found: BitRisk) -> str:
    """Return what becomes of the errors."""
    classes, (low, high) = found.classes, found.silent_range
    silent = f"{show_number(classes.silent_count.mid)} are silent ({low:,} to {high:,})"
    chance = f"at least one with {found.any_silent_ratio:.1%}"
    if not found.cards.ecc:
        return f"Without ECC none is noticed: {silent}, {chance}."
    return (
        f"ECC corrects {show_number(classes.corrected_count.mid)} and detects "
        f"{show_number(classes.detected_count.mid)}, each of which ends an engine; {silent}, "
        f"{chance}."
    )


def _sla_sentence(risk: SlaRisk) -> str:
    """Return the verdict on a promise, with both sides of it."""
    wrong, service = risk.daily_corrupted_requests, risk.service
    opinion = {
        "surely": "not significant for this promise",
        "likely": "within this promise by the middle estimate, not by the high one",
        "no": "an unacceptable risk to this promise",
    }[risk.kept]
    return (
        f"{show_number(wrong.mid)} of {service.daily_requests:,.0f} answers a day are wrong "
        f"({show_number(wrong.low)} to {show_number(wrong.high)}); {service.promised_ratio:.8g} "
        f"right allows {show_number(risk.daily_budget_requests)}: {opinion}."
    )

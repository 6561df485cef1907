"""What may fail on a rig, how often, and whether it is ready for production."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.combos.failure_modes import counted, failure_modes, whole_cards_count
from rightrig.planning.combos.readiness import Ready, ready
from rightrig.quantities import show_number
from rightrig.reliability.failures import Fleet, fleet_of
from rightrig.reliability.rates import YEAR_S, rate_of

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.failure_rate import FailureRate
    from rightrig.interval import Interval
    from rightrig.planning.combos.failure_modes import FailureMode

CARD_PRESET: Final = "llama-3"
"""The published record that counts failures of cards and of their memory apart."""


@dataclass(frozen=True, slots=True)
class RigRisk:
    """What may fail on a rig, how often, and whether it is fit for production.

    Attributes:
        fleet: Its cards, at the published rate of failures of cards and their memory.
        one_card_per_year: Expected failures a year of one card alone.
        modes: How it fails: symptom, check, fix.
        readiness: Whether it is ready for production, and why.
    """

    rig: Rig
    fleet: Fleet
    one_card_per_year: Interval
    modes: tuple[FailureMode, ...]
    readiness: Ready

    def explain(self) -> Explanation:
        """Return the expected failures and the readiness, with their reasons."""
        yearly, cards = self.fleet.failures_per_year, self.fleet.devices_count
        sentences = (
            (
                f"{counted(cards, 'point')} of failure: {show_number(yearly.mid)} failures of a "
                f"card or its memory a year ({show_number(yearly.low)} to "
                f"{show_number(yearly.high)}), where one card has "
                f"{show_number(self.one_card_per_year.mid)}; at least one with "
                f"{self.fleet.interrupted_ratio(YEAR_S).mid:.0%}."
            ),
            (
                "The rate is of H100 cards in training; no count is published for consumer cards, "
                "whose fans, power and drivers add to it."
            ),
            f"Production: {self.readiness.word}.",
            *(one.reason for one in self.readiness.reasons),
        )
        figure = Figure(
            "failures_per_year", yearly.mid, show_number(yearly.mid), "n · r · 1 year, Poisson"
        )
        return Explanation(sentences, (figure,), (self.fleet.rate.source,))


def rig_risk(rig: Rig, record: FailureRate) -> RigRisk:
    """Return what may fail on a rig: points of failure, how it fails, readiness.

    Raises:
        InputError: when the record counts no failures of cards.
    """
    rate = rate_of(record, "gpu", "memory")
    fleet = fleet_of(rate, whole_cards_count(rig))
    return RigRisk(rig, fleet, rate.events_per_year, failure_modes(rig), ready(rig))

"""From the words of ``risk`` to values: shares, times that may be zero, rates of failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.quantities import check_count, parse
from rightrig.reliability.checkpoint import Saving, save_time_s
from rightrig.reliability.failures import Fleet, fleet_of
from rightrig.reliability.rates import YEAR_S, Rate, rate_of, stated_rate

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.failure_rate import FailureRate

MOST_GPUS: Final = 100_000_000
LONGEST_S: Final = 1000.0 * YEAR_S
_MOST_AFR_RATIO: Final = 1000.0
_USUAL: Final = "llama-3"


def share_ratio(text: str, name: str, limit_ratio: float = 1.0) -> float:
    """Return a share written as 99.9% or 0.999.

    Raises:
        InputError: for no number, zero, a negative, or one above the limit.
    """
    cleaned = text.strip()
    if not cleaned.endswith("%"):
        return parse(cleaned, "count", name=name, limit=limit_ratio)
    return parse(cleaned[:-1], "count", name=f"{name} in %", limit=100.0 * limit_ratio) / 100.0


def below_one_ratio(text: str, name: str) -> float:
    """Return a share that is below one: a target of all the time is never reached."""
    value = share_ratio(text, name)
    if value >= 1.0:
        raise InputError(f"{name} is {text}: it must be below 100%, as everything fails sometimes")
    return value


def time_s(text: str | None, name: str) -> float:
    """Return a time; 0 where none is given, or where it says so."""
    if text is None or text.strip().rstrip("smhdin ") in {"0", "0.0"}:
        return 0.0
    return parse(text, "time", name=name, limit=LONGEST_S)


def long_s(text: str, name: str) -> float:
    """Return a time of hours or days, whose unit must be written.

    Raises:
        InputError: for a bare number, which would be seconds: nobody means 30 s of delivery.
    """
    if text.strip()[-1:].isdigit():
        raise InputError(f"{name} is {text[:40]!r}: write its unit, such as 30min, 3h or 30d")
    return parse(text, "time", name=name, limit=LONGEST_S)


@dataclass(frozen=True, slots=True)
class RateWords:
    """How often something fails, in words; at most one of the three rates is given."""

    preset: str | None = None
    afr: str | None = None
    mtbf: str | None = None

    @property
    def given_count(self) -> int:
        """How many of the three are given."""
        return sum(word is not None for word in (self.preset, self.afr, self.mtbf))


@dataclass(frozen=True, slots=True)
class SavingWords:
    """The times of a save and of a failure, in words."""

    save_time: str | None
    state: str | None
    bandwidth: str | None
    restart: str
    detection: str | None
    flush: str | None


def fleet(catalog: Catalog, words: RateWords, gpus: int | None) -> tuple[Fleet, FailureRate | None]:
    """Return what fails, and the record that says how often.

    Raises:
        InputError: for two rates, or for a rate of a GPU without their number.
    """
    if words.given_count > 1:
        raise InputError("--preset, --afr and --mtbf each state how often: give one of them")
    if words.mtbf is not None:
        mtbf_s = long_s(words.mtbf, "--mtbf")
        return Fleet(stated_rate(YEAR_S / mtbf_s, "whole system"), 1), None
    if gpus is None:
        raise InputError("say how many with --gpus N, or how often all of it fails with --mtbf 3h")
    check_count(gpus, name="--gpus", limit=MOST_GPUS)
    if words.afr is not None:
        return fleet_of(stated_rate(_afr_per_year(words.afr), "GPU"), gpus), None
    record = _interruptions(catalog, words.preset)
    return fleet_of(rate_of(record), gpus, record.gpus_per_device_count or 1), record


def card_rate(catalog: Catalog, words: RateWords) -> tuple[Rate, FailureRate | None]:
    """Return how often a card itself fails, its memory included, and the record that says so."""
    if words.preset is not None and words.afr is not None:
        raise InputError("--preset and --afr both state how often: give one of them")
    if words.afr is not None:
        return stated_rate(_afr_per_year(words.afr), "GPU"), None
    record = _interruptions(catalog, words.preset)
    return rate_of(record, "gpu", "memory"), record


def _interruptions(catalog: Catalog, preset: str | None) -> FailureRate:
    """Return a published rate of failures, and refuse one of errors that memory reports."""
    record = catalog.failure_rate(preset or _USUAL)
    if record.kind != "interruption":
        raise InputError(
            f"{record.slug} counts {record.kind} errors, not failures; take llama-3 or meta-rsc-1"
        )
    return record


def _afr_per_year(text: str) -> float:
    """Return failures of a GPU in a year."""
    return share_ratio(text, "--afr", _MOST_AFR_RATIO)


def saving(words: SavingWords, mtbf_s: float) -> Saving:
    """Return the times of a save and of a failure.

    Raises:
        InputError: unless either a time or a size with a bandwidth says how long a save takes.
    """
    sized = words.state is not None and words.bandwidth is not None
    if (words.save_time is not None) == sized:
        raise InputError(
            "say how long a save stops the run: --save-time 60s, or --state 2TB --bandwidth 100GB/s"
        )
    return Saving(
        mtbf_s,
        _save_s(words),
        time_s(words.restart, "--restart"),
        time_s(words.detection, "--detection"),
        time_s(words.flush, "--flush"),
    )


def _save_s(words: SavingWords) -> float:
    """Return the time of a save."""
    if words.save_time is not None:
        return parse(words.save_time, "time", name="--save-time", limit=LONGEST_S)
    bandwidth = (words.bandwidth or "").removesuffix("/s")
    return save_time_s(
        parse(words.state or "", "bytes", name="--state"),
        parse(bandwidth, "bytes", name="--bandwidth"),
    )

"""Rules for values that somebody puts side by side (formulas F16: 2, 3, 7, 8, 11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from rightrig.quantities import GB

_AMOUNT: Final = re.compile(
    r"(?P<number>\d+(?:,\d{3})*(?:\.\d+)?) ?"
    r"(?:(?P<prefix>[kKMGT])(?P<binary>i)?)?(?P<unit>B|b|bit|byte)s?(?P<rate>/s)?"
)
_POWERS: Final = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}
_ROUNDED_RATIO: Final = 0.005
"""Texts round to three figures."""


@dataclass(frozen=True, slots=True)
class StatedRate:
    """A rate with what makers leave out of their headlines.

    Attributes:
        per_s: Flop/s or bytes/s.
        quantity: Arithmetic, memory or link.
        directions_count: Of a link: 1, or 2 for the sum of both.
        is_sparse: Counted as if half of the operands were not zero.
        format_bits, accumulate_bits: Of the operands of arithmetic, and of their sums.
    """

    per_s: float
    quantity: Literal["arithmetic", "memory", "link"]
    directions_count: int = 1
    is_sparse: bool = False
    format_bits: int = 0
    accumulate_bits: int = 0


@dataclass(frozen=True, slots=True)
class RateRatio:
    """Two rates, one divided by the other."""

    first: StatedRate
    second: StatedRate

    @property
    def value_ratio(self) -> float:
        """The quotient."""
        return self.first.per_s / self.second.per_s


@dataclass(frozen=True, slots=True)
class StatedAmount:
    """An amount of data or of data a second as a text states it, and as it was understood."""

    text: str
    understood_bytes: float


@dataclass(frozen=True, slots=True)
class ClaimedTraining:
    """How long a training is said to take.

    Attributes:
        duration_s: Claimed; ``None`` for no claim.
        needed_bytes: Memory that it needs on each card; ``None`` where nobody looked.
        memory_bytes: Memory of a card.
    """

    duration_s: float | None
    needed_bytes: float | None
    memory_bytes: float


@dataclass(frozen=True, slots=True)
class ComparedSystem:
    """One side of a comparison.

    Attributes:
        derate_ratios: What rated values were multiplied by, by name (``bandwidth``, ``uptime``).
        overhead_rules: How each kind of overhead was counted, by name (``host power``).
    """

    name: str
    derate_ratios: tuple[tuple[str, float], ...] = ()
    overhead_rules: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems side by side."""

    first: ComparedSystem
    second: ComparedSystem


def _counted(rate: StatedRate) -> tuple[str, ...]:
    """Return what a rate counts, in words."""
    directions = {1: "one direction", 2: "both directions"}
    return (
        rate.quantity,
        directions.get(rate.directions_count, f"{rate.directions_count} directions"),
        "sparse" if rate.is_sparse else "dense",
        f"operands of {_width(rate.format_bits)}",
        f"sums of {_width(rate.accumulate_bits)}",
    )


def _width(bits: int) -> str:
    """Return a width in words; 0 is one that nobody states."""
    return f"{bits} bits" if bits else "an unstated width"


class RatioRule:
    """Rates are divided only by rates of the same direction, sparsity and accumulation."""

    id: ClassVar[str] = "PLA-RATIO"

    def check(self, subject: RateRatio) -> str | None:
        """Return why not."""
        both = zip(_counted(subject.first), _counted(subject.second), strict=True)
        unlike = [f"{one} beside {other}" for one, other in both if one != other]
        if not unlike:
            return None
        return f"the rates are unlike: {', '.join(unlike)}; count both alike"


class UnitsRule:
    """Bits and bytes, thousands and 1,024s are told apart."""

    id: ClassVar[str] = "PLA-UNITS"

    def check(self, subject: StatedAmount) -> str | None:
        """Return why not."""
        found = _AMOUNT.fullmatch(subject.text.strip())
        if found is None:
            return (
                f"{subject.text[:40]!r} does not say bits or bytes, of 1,000 or 1,024; write GB, "
                "GiB or Gb, with /s for a rate"
            )
        base = 1024.0 if found["binary"] else 1000.0
        scale = base ** _POWERS[found["prefix"] or ""]
        scale /= 8.0 if found["unit"] in {"b", "bit"} else 1.0
        stated_bytes = float(found["number"].replace(",", "")) * scale
        ratio = subject.understood_bytes / stated_bytes
        if abs(ratio - 1.0) <= _ROUNDED_RATIO:
            return None
        unit = f"GB{found['rate'] or ''}"
        return (
            f"{subject.text!r} is {stated_bytes / GB:,.3f} {unit} and stands for "
            f"{subject.understood_bytes / GB:,.3f} {unit}, {ratio:.3f} times as much; read the "
            "unit again"
        )


class TrainingRule:
    """A training has a duration only where its memory fits."""

    id: ClassVar[str] = "PLA-TRAINING"

    def check(self, subject: ClaimedTraining) -> str | None:
        """Return why not."""
        if subject.duration_s is None:
            return None
        if subject.needed_bytes is None:
            return "a duration without its memory; count the memory first"
        if subject.needed_bytes <= subject.memory_bytes:
            return None
        return (
            f"the training needs {subject.needed_bytes / GB:,.1f} GB a card, which has "
            f"{subject.memory_bytes / GB:,.1f} GB; take more cards, or say that it does not fit"
        )


class DeratesRule:
    """What lowers the rated values of one system lowers those of the other."""

    id: ClassVar[str] = "PLA-DERATES"

    def check(self, subject: Comparison) -> str | None:
        """Return why not."""
        first, second = subject.first, subject.second
        one, other = dict(first.derate_ratios), dict(second.derate_ratios)
        lone = sorted(one.keys() ^ other.keys())
        if lone:
            held = first if lone[0] in one else second
            return (
                f"{lone[0]} is lowered for {held.name} only; lower it for both, each by its own "
                "share, or for none"
            )
        odd = [name for name, share in (*one.items(), *other.items()) if not 0.0 < share <= 1.0]
        return f"{odd[0]} is multiplied by no share from 0 to 1; write one" if odd else None


class OverheadsRule:
    """Overheads of both systems are counted by one rule."""

    id: ClassVar[str] = "PLA-OVERHEADS"

    def check(self, subject: Comparison) -> str | None:
        """Return why not."""
        one, other = (dict(s.overhead_rules) for s in (subject.first, subject.second))
        for name in sorted(one.keys() | other.keys()):
            rules = one.get(name, "nothing"), other.get(name, "nothing")
            if rules[0] != rules[1]:
                return (
                    f"{name} counts {rules[0]} for {subject.first.name} and {rules[1]} for "
                    f"{subject.second.name}; count both by one rule"
                )
        return None


RULES: Final = (
    RatioRule(),
    UnitsRule(),
    TrainingRule(),
    DeratesRule(),
    OverheadsRule(),
)
"""Each judges another kind of statement."""

"""Verdicts: what was stated beside what was computed.

==============  ================================================================================
correct         as it is, at the digits that it states
approximate     within 10 % (5 % for three digits), or within the 80 % interval of what was computed
depends         right for one reading of it and not for another, or no single value is right
unverifiable    nothing public computes it, or only a bound is known and it keeps that
wrong           none of these; also where a rule is broken that makes it mean nothing
impossible      wrong, and beyond a bound: faster than the datasheet allows, more than memory holds
==============  ================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.audit.amounts import Amount, Readings
from rightrig.audit.stated import Number
from rightrig.audit.units import show_dimension
from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.audit.amounts import Found, Value
    from rightrig.audit.stated import Stated
    from rightrig.deployment.rule import Violation

Verdict = Literal["correct", "approximate", "depends", "unverifiable", "wrong", "impossible"]
VERDICTS: Final[tuple[Verdict, ...]] = (
    "correct", "approximate", "depends", "unverifiable", "wrong", "impossible",
)  # fmt: skip
_WORST_LAST: Final[tuple[Verdict, ...]] = (
    "correct", "approximate", "unverifiable", "depends", "wrong", "impossible",
)  # fmt: skip
NEAR_RATIO: Final = 0.10
"""An approximate figure is within this of what is right."""
FINE_DIGITS: Final = 3
FINE_RATIO: Final = 0.05
"""A figure of three digits says more than one of two, and is approximate within this."""
EXACT_DIGITS: Final = 4
"""Digits from which on a figure claims to be exact, and is right or wrong."""
ROUNDED_RATIO: Final = 0.002
"""A figure with zeros at its end may be rounded; it is right when it is this near."""
SLACK_RATIO: Final = 1.02
"""As in ``prediction.plausibility``: cards may clock a little above the boost of the datasheet."""
BEYOND: Final = frozenset(("PLA-ROOFLINE", "PLA-MEMORY", "COST-MEMORY", "PLA-TRAINING"))
"""Rules whose breach no machine of that kind can mend."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is thought of one figure.

    Attributes:
        factor_ratio: What was computed over what was stated (its nearer end); ``None`` for words.
        depends_on: What has to be said before it is right or wrong.
    """

    verdict: Verdict
    factor_ratio: float | None = None
    depends_on: str = ""


def judged(stated: Sequence[Stated], found: Found) -> Judgement:
    """Return the verdict on a claim whose expression came to something.

    Raises:
        InputError: where the two cannot be compared.
    """
    if isinstance(found, Readings):
        return _of_readings(stated, found)
    values = found if isinstance(found, tuple) else (found,)
    if len(values) != len(stated):
        raise InputError(
            f"the claim states {len(stated)} figures and the expression comes to {len(values)}"
        )
    each = [_one(one, value) for one, value in zip(stated, values, strict=True)]
    return max(each, key=lambda j: _WORST_LAST.index(j.verdict))


def with_rules(judgement: Judgement, broken: Sequence[Violation]) -> Judgement:
    """Return a verdict with the rules that the claim breaks."""
    if not broken:
        return judgement
    is_beyond = any(violation.rule_id in BEYOND for violation in broken)
    verdict: Verdict = "impossible" if is_beyond else "wrong"
    worst = max((judgement.verdict, verdict), key=_WORST_LAST.index)
    return Judgement(worst, judgement.factor_ratio, judgement.depends_on)


def _of_readings(stated: Sequence[Stated], found: Readings) -> Judgement:
    """Return a verdict where the claim may mean several things."""
    each = {name: judged(stated, value) for name, value in found.by_name.items()}
    if not each:
        raise InputError("a dictionary of readings has at least one")
    right = [name for name, j in each.items() if j.verdict in {"correct", "approximate"}]
    if len(right) == len(each):
        return max(each.values(), key=lambda j: _WORST_LAST.index(j.verdict))
    other = [name for name in each if name not in right]
    if not right:
        best = min(each.values(), key=lambda j: _WORST_LAST.index(j.verdict))
        if best.verdict in {"wrong", "impossible"}:
            return min(each.values(), key=lambda j: _distance_ratio(j.factor_ratio))
        return Judgement(best.verdict, best.factor_ratio, best.depends_on or " or ".join(other))
    factor = each[other[0]].factor_ratio
    return Judgement("depends", factor, f"{', '.join(right)} (right) or {', '.join(other)}")


def _distance_ratio(factor_ratio: float | None) -> float:
    """Return how far a factor is from 1, either way."""
    if not factor_ratio or factor_ratio <= 0.0:
        return float("inf")
    return max(factor_ratio, 1.0 / factor_ratio)


def _one(stated: Stated, value: Value) -> Judgement:
    """Return the verdict on one figure."""
    if isinstance(value, Amount):
        if not isinstance(stated, Number):
            raise InputError("the claim states words and the expression comes to a number")
        return _number(stated, value)
    if isinstance(stated, Number) and isinstance(value, bool):
        raise InputError("the claim states a number and the expression comes to yes or no")
    said = stated.text if isinstance(stated, Number) else stated
    if isinstance(said, bool) != isinstance(value, bool):
        raise InputError("the claim and the expression are not of one kind: words, yes or no")
    same = _folded(said) == _folded(value)
    return Judgement("correct" if same else "wrong")


def _folded(value: bool | str) -> object:  # noqa: FBT001 - what is compared
    """Return a text without case and spaces."""
    return value if isinstance(value, bool) else "".join(value.lower().split())


def _number(stated: Number, value: Amount) -> Judgement:
    """Return the verdict on a number."""
    if stated.dimension != value.dimension:
        raise InputError(
            f"the claim states {show_dimension(stated.dimension)} and the expression comes to "
            f"{show_dimension(value.dimension)}; write the unit of the claim, such as GB/s"
        )
    nearest = min(max(value.mid, stated.low), stated.high)
    factor = value.mid / nearest if nearest else None
    if value.limit:
        return _bounded(stated, value)
    if value.varies:
        wide = (value.interval.low * (1 - NEAR_RATIO), value.interval.high * (1 + NEAR_RATIO))
        is_inside = stated.low <= wide[1] and stated.high >= wide[0]
        return Judgement("depends" if is_inside else "wrong", factor, value.varies)
    return Judgement(_nearness(stated, value), factor)


def _bounded(stated: Number, value: Amount) -> Judgement:
    """Return the verdict where only a bound is known."""
    if value.limit == "most":
        factor = value.mid / stated.high if stated.high else None
        is_beyond = stated.low > value.mid * SLACK_RATIO
    else:
        factor = value.mid / stated.low if stated.low else None
        is_beyond = stated.high < value.mid / SLACK_RATIO
    return Judgement("impossible" if is_beyond else "unverifiable", factor)


def _nearness(stated: Number, value: Amount) -> Verdict:
    """Return how near a figure is to what was computed."""
    mid = value.mid
    half = stated.written / 2.0 * (1.0 + 1e-9)
    off = max(stated.low - mid, mid - stated.high, 0.0)
    if off <= half or (off <= stated.rounded and off <= ROUNDED_RATIO * abs(mid)):
        return "correct"
    if not stated.is_range and stated.digits_count >= EXACT_DIGITS and value.is_exact:
        return "wrong"
    is_fine = not stated.is_range and stated.digits_count >= FINE_DIGITS
    is_near = off <= (FINE_RATIO if is_fine else NEAR_RATIO) * abs(mid)
    is_within = stated.low <= value.interval.high and stated.high >= value.interval.low
    return "approximate" if is_near or is_within else "wrong"

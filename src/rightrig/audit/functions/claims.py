"""What other claims of the same table state, and how numbers are joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Amount, varying
from rightrig.audit.stated import Number
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.interval import Interval

if TYPE_CHECKING:
    from rightrig.audit.amounts import Value
    from rightrig.audit.naming import Setting


def said(setting: Setting, claim: str, which: int = 1) -> Value:
    """Return what a claim of the table states, the first figure of it; a range by its middle."""
    stated = setting.stated.get(claim)
    if stated is None or not 1 <= which <= len(stated):
        raise InputError(f"the table has no claim {plain(claim, 40)!r} of {which} figures")
    found = stated[which - 1]
    if isinstance(found, Number):
        return Amount(Interval.exact(found.amount.mid), found.dimension)
    return found


def between(low: Amount, high: Amount) -> Amount:
    """Return an amount that lies between two."""
    found = varying(low, high, "")
    return Amount(found.interval, found.dimension)


def varies(low: Amount, high: Amount, what: str) -> Amount:
    """Return an amount that lies between two by something that a claim has to say."""
    return varying(low, high, what)


def larger(first: Amount, second: Amount) -> Amount:
    """Return the larger of two amounts."""
    _same(first, second)
    return max(first, second, key=lambda amount: amount.mid)


def smaller(first: Amount, second: Amount) -> Amount:
    """Return the smaller of two amounts."""
    _same(first, second)
    return min(first, second, key=lambda amount: amount.mid)


def _same(first: Amount, second: Amount) -> None:
    """Refuse amounts that measure different things."""
    if first.dimension != second.dimension:
        raise InputError("the two measure different things")


CLAIMS: Final = (said, between, varies, larger, smaller)

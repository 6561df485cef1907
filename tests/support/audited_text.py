"""Expressions of a claims table, computed over the shipped records."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rightrig.audit.amounts import Amount
from rightrig.audit.expression import compute, parse_expression
from rightrig.audit.naming import Setting
from rightrig.facts.catalog import shipped

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog

_DAY = datetime.date(2026, 11, 22)


def found(text: str, catalog: Catalog | None = None) -> object:
    """Return what an expression comes to, over the shipped records or others."""
    return compute(parse_expression(text), Setting(catalog or shipped(), _DAY, {}))


def amount(text: str) -> Amount:
    """Return the amount that an expression comes to."""
    value = found(text)
    assert isinstance(value, Amount)
    return value


def in_unit(text: str, unit: str) -> float:
    """Return the middle of what an expression comes to, in a unit; it must measure the same."""
    quotient = amount(f"({text}) / ({unit})")
    assert not any(quotient.dimension)
    return quotient.mid

"""Electricity tariffs, PUE, and what machines draw besides their cards."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat

from rightrig.facts.source import Record, Source


class PowerFact(Record):
    """One published figure about power.

    Attributes:
        category: What kind of figure it is.
        region: Where it holds, or which hardware it is about.
        low: Lower end; equal to ``high`` where a single figure is published.
        unit: ``USD/kWh``, ``EUR/kWh``, ``ratio``, ``W``, ``years`` or ``percent``.
    """

    slug: str
    category: Literal[
        "electricity", "pue", "server-overhead", "depreciation", "gpu-power", "transient"
    ]
    item: str
    region: str = ""
    low: PositiveFloat
    high: PositiveFloat
    unit: Literal["USD/kWh", "EUR/kWh", "ratio", "W", "years", "percent"]
    sources: tuple[Source, ...]
    note: str = ""

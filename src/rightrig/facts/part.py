"""Parts: what a machine with accelerators needs beside them, at published prices."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveFloat, PositiveInt, model_validator

from rightrig.facts.source import Record, Source


class Part(Record):
    """Something that an owner of accelerators pays for beside them.

    Attributes:
        kind: ``host`` (a machine without cards), ``network`` (a machine's share of switches,
            cables and optics), ``colocation`` (space with cooled power).
        low_usd, high_usd: Published prices of one, least and most.
        per: What one is: for a ``machine``, or for a ``kilowatt-month``.
        most_cards: Cards that a host holds.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    kind: Literal["host", "network", "colocation"]
    low_usd: PositiveFloat
    high_usd: PositiveFloat
    per: Literal["machine", "kilowatt-month"]
    most_cards: PositiveInt | None = None
    sources: tuple[Source, ...]
    note: str = ""

    @model_validator(mode="after")
    def _prices_are_in_order(self) -> Part:
        if self.low_usd > self.high_usd:
            raise ValueError("low_usd is above high_usd")
        return self

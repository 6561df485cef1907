"""Resale: what used cards bring, as shares of the price that was paid."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from rightrig.facts.source import Record, Source

Share = Annotated[float, Field(gt=0.0, le=1.0)]


class ResalePoint(Record):
    """What is left of the price at one age, least and most."""

    age_years: PositiveFloat
    low_ratio: Share
    high_ratio: Share

    @model_validator(mode="after")
    def _shares_are_in_order(self) -> ResalePoint:
        if self.low_ratio > self.high_ratio:
            raise ValueError("low_ratio is above high_ratio")
        return self


class Resale(Record):
    """Published resale values of one kind of card.

    Attributes:
        trust: How far the source can be believed.
        points: What is left at several ages.
        step_low_ratio, step_high_ratio: Share that is lost at once when the next generation can
            be had.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    trust: Literal["low", "list"]
    points: Annotated[tuple[ResalePoint, ...], Field(min_length=1)]
    step_low_ratio: Share
    step_high_ratio: Share
    sources: tuple[Source, ...]
    note: str = ""

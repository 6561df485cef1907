"""What a user's own runs made of the speed model on one machine."""

from __future__ import annotations

from pydantic import PositiveFloat, PositiveInt

from rightrig.facts.source import Record


class MeasuredHere(Record):
    """What runs of one engine on one card of this machine made of the speed model.

    Attributes:
        card: Slug of the card.
        era: Of the engine, as the speed model counts them.
        models: Slugs of the models that ran; of others the parameters hold, the ends do not.
        parameters: Kind of a parameter → its value here, in base units.
        ends: Quantity → the ends of its central 80 % over the middle.
        runs_count: Measured figures behind it.
        date: When it was fitted, ISO.
    """

    card: str
    era: str
    models: tuple[str, ...]
    parameters: dict[str, PositiveFloat]
    ends: dict[str, tuple[PositiveFloat, PositiveFloat]]
    runs_count: PositiveInt
    date: str

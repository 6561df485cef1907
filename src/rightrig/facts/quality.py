"""What quantisation costs in quality, as published: perplexity against 16 bits."""

from __future__ import annotations

import functools
import math
import tomllib
from typing import Final

from pydantic import PositiveFloat, PositiveInt

from rightrig.facts.index import DATA
from rightrig.facts.source import Record, Source

RISK_BELOW_BITS: Final = 3.0
"""Bits a weight below which quality is at risk whatever the method."""


class QualityPoint(Record):
    """One format's perplexity against 16 bits, on one model.

    Attributes:
        format: llama.cpp's file type.
        bits_per_weight: Of the whole file.
        perplexity_ratio: Perplexity over that at 16 bits.
    """

    format: str
    bits_per_weight: PositiveFloat
    perplexity_ratio: PositiveFloat


class QualityTable(Record):
    """Formats measured on one model, most bits first.

    Attributes:
        model: Hub id of the model.
        params_count: Its parameters.
        points: One a format.
    """

    model: str
    params_count: PositiveInt
    points: tuple[QualityPoint, ...]
    sources: tuple[Source, ...]
    note: str = ""


@functools.cache
def quality_tables() -> tuple[QualityTable, ...]:
    """Return every published table of the catalogue."""
    found = []
    for path in sorted((DATA / "quality").glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        found.append(QualityTable.model_validate(data))
    return tuple(found)


def best_format(
    bits_per_weight: float, params_count: float
) -> tuple[QualityPoint, QualityTable] | None:
    """Return the published format of least perplexity that takes no more than these bits.

    From the table of the model nearest in size; ``None`` where none of its formats is so small.
    """
    table = min(
        quality_tables(), key=lambda table: abs(math.log(params_count / table.params_count))
    )
    held = [point for point in table.points if point.bits_per_weight <= bits_per_weight]
    point = min(held, key=lambda point: point.perplexity_ratio, default=None)
    return None if point is None else (point, table)

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


_WHOLE: Final = frozenset({"checkpoint", "bf16", "fp16", "f16", "fp32"})
"""Names of formats that take nothing away from the published weights, or from 16-bit values."""


def quality_note(format_name: str, kv_name: str, params_count: float = 70e9) -> str:
    """Return what formats cost in quality, as far as it is published; empty for 16 bits.

    Args:
        format_name: Of the weights; ``checkpoint`` is what its makers published.
        kv_name: Of the KV cache.
        params_count: Of the model: the published table of the model nearest in size counts.
    """
    notes = []
    if format_name not in _WHOLE:
        table = min(quality_tables(), key=lambda t: abs(math.log(params_count / t.params_count)))
        point = next((p for p in table.points if p.format == format_name), None)
        if point is None:
            notes.append(f"{format_name} weights: no quality published here, test it on your task")
        else:
            rise = point.perplexity_ratio - 1.0
            model = table.model.rpartition("/")[2]
            notes.append(f"{format_name} weights: perplexity {rise:+.1%} on {model}")
    if kv_name not in _WHOLE:
        notes.append(f"{kv_name} cache: no quality published here, test it on your task")
    return "; ".join(notes)

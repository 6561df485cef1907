"""Runtimes: what an inference engine runs on, and how it divides a card's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from rightrig.facts.source import Record, Source


class Statement(Record):
    """One published statement about a runtime, with its source."""

    topic: str
    text: str
    source: str


class Runtime(Record):
    """An inference engine at one version.

    Attributes:
        modelled: Whether rightrig computes its memory and speed, or only shows its facts.
        vendors: Makers whose accelerators it runs on.
        min_compute_capability: NVIDIA floor as ``"7.5"``; ``None`` where none is stated.
        weight_formats: Format → the compute capability from which it loads, as ``"7.5"``;
            for other vendors see ``vendor_weight_formats``, by architecture or vendor.
        kv_formats: Formats of the KV cache.
        splits: ``tensor`` and ``pipeline`` (equal shares) or ``layer`` (by card memory).
        memory_rule: What its memory fraction multiplies.
        default_memory_ratio: That fraction's default.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    version: str = ""
    kind: Literal["engine", "orchestrator"]
    modelled: bool = False
    vendors: tuple[str, ...] = ()
    min_compute_capability: str | None = None
    weight_formats: Mapping[str, str] = Field(default_factory=dict)
    native_formats: Mapping[str, str] = Field(default_factory=dict)
    vendor_weight_formats: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    kv_formats: tuple[str, ...] = ()
    splits: tuple[Literal["tensor", "pipeline", "layer"], ...] = ()
    memory_rule: Literal["of-total", "static-share", "of-free", "exact", "unstated"] = "unstated"
    default_memory_ratio: float | None = None
    statements: tuple[Statement, ...] = ()
    sources: tuple[Source, ...] = ()
    note: str = ""

"""What a store keeps of a run: plain values, which know nothing of databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["probe", "bench", "load", "tune", "profile", "table"]
"""``table``: rows that others measured, brought in."""
Status = Literal["running", "finished", "interrupted", "failed", "died"]
"""``died``: the process that wrote it is gone and had not said how it ended."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a server runs, by the names of the catalogue; empty where it is not known.

    Attributes:
        model: Name or path of the model.
        rig: In rig notation.
        gpu: Slug of the card.
        interconnect: What joins the cards, as tables of measured runs write it.
    """

    model: str
    rig: str
    gpu: str
    gpu_count: int
    runtime: str
    version: str = ""
    weights: str = ""
    kv: str = ""
    tp: int = 1
    pp: int = 1
    interconnect: str = ""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run about to start: all that is needed to do it again.

    Attributes:
        machine: Name of the machine that was measured.
        command: As it was typed.
        versions: Software → version.
        settings: What the run was asked to do; JSON values.
        served: What the server runs, for ``load`` and ``tune``.
    """

    kind: Kind
    machine: str
    command: tuple[str, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    served: Served | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """One measured figure, in base units.

    Attributes:
        name: With its unit at the end: ``ttft_s``, ``copy_bytes_per_s``.
        labels: What tells it from others of its name in the run: ``{"concurrency": 8,
            "input_tokens": 128, "statistic": "p50"}``.
    """

    name: str
    value: float
    labels: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is kept.

    Attributes:
        id: Its number in the store.
        started, ended: ISO times in UTC; ``ended`` is empty while it runs, or when it died.
        samples: Names of its raw samples.
    """

    id: int
    new: NewRun
    status: Status
    started: str
    ended: str
    values: tuple[Value, ...] = ()
    samples: tuple[str, ...] = ()

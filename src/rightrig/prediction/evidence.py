"""Evidence and intervals: how close measurements are, and how far off such predictions were."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rightrig.interval import Interval
from rightrig.prediction.parameters import family_of, tables

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu
    from rightrig.prediction.parameters import Engine
    from rightrig.work.operators import Floats

Evidence = Literal[
    "measured on this machine", "this GPU and runtime", "same GPU", "same architecture",
    "datasheet only",
]  # fmt: skip
EVIDENCE_ORDER: Final[tuple[Evidence, ...]] = (
    "this GPU and runtime", "same GPU", "same architecture", "datasheet only",
)  # fmt: skip
"""From the closest evidence in published runs to the weakest."""
HERE: Final = "measured on this machine"
Quantity = Literal["tpot", "ttft", "throughput", "maximum"]
"""What has intervals of its own; ``maximum`` is the throughput of an offline run."""
_P99_RATIO: Final = 1.1
"""Analytic bounds of a percentile are wider than a mean by about this factor: a judgement."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured near a prediction: the engine's era, the maker, how close the runs are.

    Attributes:
        here: Ends of the central 80 % over the middle, by quantity, where this very machine ran
            the model; of other quantities and models those of published runs hold.
    """

    era: str
    vendor: str
    evidence: Evidence
    here: tuple[tuple[str, tuple[float, float]], ...] = ()

    @property
    def weakness(self) -> int:
        """How far measured runs are: 0 on this machine, then in the order of the classes."""
        return 0 if self.evidence == HERE else 1 + EVIDENCE_ORDER.index(self.evidence)


def measured_of(gpu: Gpu, engine: Engine, model: str = "") -> Measured:
    """Return what was measured near predictions of a card under an engine.

    Args:
        gpu: The card, perhaps of this very machine.
        engine: The era of its engine.
        model: Slug of the model; empty where none in particular is asked for.
    """
    here = next((one for one in gpu.measured_here if one.era == engine.era), None)
    # Runs on this machine are kept by card: which were of an instance is not known.
    if here is None or gpu.mig_profile or model not in here.models:
        return Measured(engine.era, vendor_of(gpu), evidence_of(gpu, engine))
    return Measured(engine.era, vendor_of(gpu), HERE, tuple(sorted(here.ends.items())))


def vendor_of(gpu: Gpu) -> str:
    """Return the maker whose cards have intervals of their own: ``NVIDIA``, else ``other``."""
    return gpu.vendor if gpu.vendor == "NVIDIA" else "other"


def evidence_of(gpu: Gpu, engine: Engine) -> Evidence:
    """Return how close the measurements behind a card's speeds are.

    ``this GPU and runtime``: whole runs of that card under that era of the engine; ``same GPU``:
    of the card under another; ``same architecture``: of a sister card. No run was of a MIG
    instance, to which the whole card is a sister.
    """
    known = tables("evidence")
    if not gpu.mig_profile and gpu.slug in known["runs"].get(engine.era, ()):
        return "this GPU and runtime"
    if not gpu.mig_profile and gpu.slug in known["cards"]:
        return "same GPU"
    return "same architecture" if family_of(gpu)["name"] in known["families"] else "datasheet only"


def run_sources(engine: Engine) -> tuple[str, ...]:
    """Return the projects whose runs an era's parameters were fitted on."""
    return tuple(tables("evidence")["sources"].get(engine.era, ()))


@functools.cache
def end_ratios(quantity: Quantity, measured: Measured, *, has_experts: bool) -> tuple[float, float]:
    """Return the ends of the central 80 % over the middle: of the closest group with enough runs.

    Another kind of model, or any engine, stands in where the engine's own group is too small, and
    weaker evidence where all of them are. Weaker evidence is never narrower than closer one.
    """
    if (own_ends := dict(measured.here).get(quantity)) is not None:
        return own_ends
    kind = "experts" if has_experts else "dense"
    levels = ((measured.era, kind), (measured.era, ""), ("", kind), ("", ""))
    reached = max(measured.weakness - 1, 0)
    found = [_group(quantity, levels, measured.vendor, e) for e in EVIDENCE_ORDER]
    own = next((group for group in found[reached:] if group is not None), None)
    if own is None:
        own = (len(levels), (1.0 / _WIDEST_RATIO, _WIDEST_RATIO))
    # Closer evidence bounds it from within only where it is of as alike an engine and model.
    known = [group for group in found[:reached] if group is not None and group[0] <= own[0]]
    ends = [own[1], *(group[1] for group in known)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _group(
    quantity: Quantity, levels: tuple[tuple[str, str], ...], vendor: str, evidence: Evidence
) -> tuple[int, tuple[float, float]] | None:
    """Return the first group of one class of evidence that has enough runs: its level and ends."""
    known = _ends()
    rows = ((n, known.get((quantity, *names, vendor, evidence))) for n, names in enumerate(levels))
    return next(((level, ends) for level, ends in rows if ends is not None), None)


_WIDEST_RATIO: Final = 2.5
"""Where no group of held-out runs is like it at all."""


@functools.cache
def _ends() -> dict[tuple[str, ...], tuple[float, float]]:
    columns = ("quantity", "era", "model", "vendor", "evidence")
    return {
        tuple(e[column] for column in columns): (e["low_ratio"], e["high_ratio"])
        for e in tables("intervals")["interval"]
    }


def around(mid: float, ends: tuple[float, float]) -> Interval:
    """Return the interval around a middle."""
    return Interval(mid * ends[0], mid, mid * ends[1])


def low_end_s(mid_s: Floats, low_ratio: Floats, least_s: Floats) -> Floats:
    """Return the low end of a time: never below what the datasheet allows, nor above the middle."""
    return np.minimum(np.maximum(mid_s * low_ratio, least_s), mid_s)


def highest_tokens_per_s(
    mid_tokens_per_s: Floats, quicker_ratio: Floats, bound_tokens_per_s: Floats
) -> Floats:
    """Return what the high end of a throughput may not pass.

    What steps at the low end of their time would make (``quicker_ratio``: its middle over that
    end), at most what the datasheet allows; the middle where that lies above both.
    """
    quickest = np.minimum(bound_tokens_per_s, mid_tokens_per_s * quicker_ratio)
    return np.maximum(mid_tokens_per_s, quickest)


def p99_end_ratios(
    quantity: Quantity, measured: Measured, *, has_experts: bool
) -> tuple[float, float]:
    """Return the same for an analytic bound of the 99th percentile, which is less sure."""
    low, high = end_ratios(quantity, measured, has_experts=has_experts)
    return low / _P99_RATIO, high * _P99_RATIO

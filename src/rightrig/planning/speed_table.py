"""Speeds of all candidates at once: what cards and links achieve, an element a row.

Rows that share a card, an engine's era, a width of numbers and links have the same speeds; these
kinds are worked out once, in arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.layouts import machine_cards
from rightrig.prediction.efficiency import Speeds, keyed_of
from rightrig.prediction.evidence import Measured, measured_of
from rightrig.prediction.parameters import KINDS, engine_for, family_of
from rightrig.prediction.rates import KernelRates, Sheet, kernel_rates, peak_flop_per_s
from rightrig.prediction.timers import joined_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.deployment.parallelism import Parallelism
    from rightrig.deployment.rig import Link
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.candidates import Candidates
    from rightrig.prediction.efficiency import Joined, Keyed
    from rightrig.prediction.parameters import Engine


@dataclass(frozen=True, slots=True)
class SpeedTable:
    """Speeds of some rows.

    Attributes:
        speeds: Arrays, an element a row.
        measured: What was measured near each kind of row.
        kinds: Which kind each row is.
    """

    speeds: Speeds
    measured: tuple[Measured, ...]
    kinds: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of row."""

    gpu: Gpu
    engine: Engine
    keyed: Keyed
    link: Link


def engine_rig(gpu: Gpu, split: Parallelism) -> Rig:
    """Return the cards of one engine: in one machine, or in as many as they fill."""
    cards, most = split.engine_cards, machine_cards(gpu)
    if cards <= most:
        return Rig((CardGroup(cards, gpu),))
    return Rig((CardGroup(most, gpu),), cards // most)


def speed_table(
    llm: Llm, candidates: Candidates, numbers: NDArray[np.int64]
) -> SpeedTable:  # fmt: skip
    """Return the speeds of some rows, all of engines that take in prompts alike."""
    known: dict[tuple[object, ...], int] = {}
    found: list[_Kind] = []
    stored = [llm.format_of(name) for name in candidates.formats]
    links: dict[tuple[int, int], Joined] = {}
    places = np.empty(len(numbers), dtype=np.int64)
    columns = ("gpu", "runtime", "format", "layout")
    keys = candidates.rows[list(columns)][numbers].tolist()
    for place, (gpu_index, runtime_index, format_index, layout) in enumerate(keys):
        joined = links.get((gpu_index, layout))
        if joined is None:
            split = candidates.layouts[layout]
            joined = joined_of(engine_rig(candidates.gpus[gpu_index], split), split)
            links[gpu_index, layout] = joined
        key = (gpu_index, runtime_index, stored[format_index], joined)
        number = known.get(key)
        if number is None:
            number = known[key] = len(found)
            gpu, runtime = candidates.gpus[gpu_index], candidates.runtimes[runtime_index]
            engine = engine_for(runtime)
            keyed = keyed_of(gpu, runtime, engine, stored[format_index], joined)
            found.append(_Kind(gpu, engine, keyed, joined.ranks))
        places[place] = number
    measured = tuple(measured_of(kind.gpu, kind.engine, llm.slug) for kind in found)
    return SpeedTable(taken(_stacked(found, measured), places), measured, places)


def _stacked(kinds: Sequence[_Kind], measured: Sequence[Measured]) -> Speeds:
    """Return the speeds of the kinds, an element each (``efficiency.speeds`` in arrays)."""
    values = {name: np.array([kind.keyed.value(name) for kind in kinds]) for name in KINDS}
    sheets = {
        name.name: np.array([getattr(kind.keyed.sheet, name.name) for kind in kinds])
        for name in fields(Sheet)
    }
    sheet, first = Sheet(**sheets), kinds[0]
    peaks = [
        peak_flop_per_s(k.gpu, k.keyed.compute, fp16_accumulate=k.engine.fp16_accumulate)
        or k.keyed.sheet.flop_per_s
        for k in kinds
    ]
    return Speeds(
        rates=kernel_rates(sheet, values.__getitem__),
        step_s=values["step_s"] * values["pair_host"],
        sequence_s=values["sequence_s"],
        request_s=values["request_s"],
        eager_s=values["eager_s"] * values["pair_host"],
        miss_ratio=values["miss_ratio"],
        burst_ratio=values["burst_ratio"],
        turn_s=values["turn_s"],
        overlapped=first.engine.overlapped,
        mixes_prompts=first.engine.mixes_prompts,
        peak_flop_per_s=np.array(peaks),
        peak_16bit_flop_per_s=sheet.sixteen_flop_per_s,
        peak_bytes_per_s=np.array([k.gpu.memory_bandwidth_bytes_per_s for k in kinds]),
        link_bytes_per_s=np.array([k.link.bytes_per_s for k in kinds]),
        family=family_of(first.gpu)["name"],
        measured=measured[0],
        sources=(),
    )


def taken(speeds: Speeds, places: NDArray[np.int64]) -> Speeds:
    """Return the speeds of rows from those of their kinds."""

    def at(values: object) -> NDArray[np.float64]:
        return np.asarray(values, dtype=float)[places]

    rates = {
        kind: KernelRates(
            one.compute_flop_per_s if np.ndim(one.compute_flop_per_s) == 0 else at(
                one.compute_flop_per_s
            ),
            at(one.memory_bytes_per_s),
            one.overhead_s if np.ndim(one.overhead_s) == 0 else at(one.overhead_s),
        )
        for kind, one in speeds.rates.items()
    }  # fmt: skip
    columns = (
        "step_s", "sequence_s", "request_s", "eager_s", "miss_ratio", "burst_ratio", "turn_s",
        "peak_flop_per_s", "peak_16bit_flop_per_s", "peak_bytes_per_s", "link_bytes_per_s",
    )  # fmt: skip
    taken = {name: at(getattr(speeds, name)) for name in columns}
    return replace(speeds, rates=rates, **taken)  # type: ignore[arg-type] # all are columns

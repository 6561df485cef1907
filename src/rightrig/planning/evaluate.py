"""Evaluate candidates: what memory holds, what load an engine carries within objectives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rightrig.deployment.compatibility_cache import usual_kv
from rightrig.deployment.deployment import EngineLimits, Precision
from rightrig.deployment.limits import LAYERED, default_limits, memory_class
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.facts.quantization import KV_BITS
from rightrig.planning.candidates import LLAMA_CPP_SLOTS, Candidates
from rightrig.prediction.efficiency import speeds
from rightrig.prediction.engine_memory import CardShare, Engine
from rightrig.prediction.evidence import p99_end_ratios
from rightrig.prediction.layered_engines import layered_shares, placement_of
from rightrig.prediction.paged_engines import paged_shares
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.serving import LoadPoint, at_rate, largest_load
from rightrig.prediction.step_time import StepTimer
from rightrig.prediction.timers import joined_of, pace_of, stack_speeds
from rightrig.work.operators import Shard
from rightrig.work.stored import Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rightrig.demand.objective import Confidence, Slo
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime
    from rightrig.interval import Interval
    from rightrig.prediction.efficiency import Speeds
    from rightrig.prediction.evidence import Measured, Quantity
    from rightrig.prediction.regimes import Lengths

NO_LIMIT_S = 1e9
"""Stands for an objective that is not set, in seconds."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What memory leaves for traffic, a value a row.

    Attributes:
        capacity_seqs: Sequences of the asked length that one engine holds; 0 when it does not fit.
        short_bytes: What the worst card lacks for one sequence; 0 when it fits.
    """

    capacity_seqs: NDArray[np.float64]
    short_bytes: NDArray[np.float64]


def limits_for(runtime: Runtime, gpu: Gpu) -> EngineLimits:
    """Return the engine limits that a plan assumes: the runtime's defaults.

    llama.cpp serves one sequence unless told otherwise; a plan tells it otherwise.
    """
    limits = default_limits(runtime, gpu)
    return replace(limits, max_seqs=LLAMA_CPP_SLOTS) if runtime.slug == "llama.cpp" else limits


def memory(
    llm: Llm, candidates: Candidates, tokens: int, kv: str | None, confidence: Confidence
) -> Memory:
    """Return the capacity of every row, computed once for equal engines on equal memories."""
    known: dict[tuple[int, ...], tuple[CardShare, ...]] = {}
    answers: dict[tuple[tuple[int, ...], Interval], tuple[float, float]] = {}
    totals = [gpu.memory_bytes for gpu in candidates.gpus]
    capacity = np.zeros(len(candidates.rows))
    short = np.zeros(len(candidates.rows))
    for number, row in enumerate(candidates.rows):
        gpu, runtime = candidates.gpus[row["gpu"]], candidates.runtimes[row["runtime"]]
        split = Parallelism(int(row["tp"]), int(row["pp"]))
        limits = limits_for(runtime, gpu)
        has_switch = Rig((CardGroup(split.cards, gpu),)).has_switch(split.tp)
        key = (
            int(row["runtime"]),
            int(row["format"]),
            split.tp,
            split.pp,
            memory_class(gpu),
            int(has_switch),
        )
        if key not in known:
            precision = Precision(candidates.formats[row["format"]], kv or usual_kv(runtime, llm))
            engine = Engine(
                llm, precision, split, limits, runtime.slug, runtime.version, has_switch=has_switch
            )
            known[key] = _shares(engine, tokens)
        total = totals[row["gpu"]]
        if (key, total) not in answers:
            answers[key, total] = _capacity(known[key], total, limits, tokens, confidence)
        held, lacking = answers[key, total]
        capacity[number], short[number] = min(held, limits.max_seqs), lacking
    return Memory(capacity, short)


def _shares(engine: Engine, tokens: int) -> tuple[CardShare, ...]:
    """Return the shares of one engine on equal cards."""
    if engine.runtime not in LAYERED:
        return paged_shares(engine)
    return layered_shares(engine, tokens, placement_of(engine, (1.0,) * engine.split.pp))


def _capacity(
    shares: tuple[CardShare, ...],
    total_bytes: Interval,
    limits: EngineLimits,
    tokens: int,
    confidence: Confidence,
) -> tuple[float, float]:
    """Return the sequences that the tightest card holds, and what it lacks for one."""
    sure = confidence == "surely"
    held, short = np.inf, 0.0
    for share in shares:
        fixed = share.fixed_bytes
        granted = share.budget_bytes(total_bytes, limits.memory_ratio)
        budget = granted.low if sure else granted.mid
        room = budget - (fixed.high if sure else fixed.mid)
        # A stage whose layers all share keys, or have none, caches nothing itself.
        held = min(held, share.held_count(tokens, room))
        short = max(short, share.cache_bytes(tokens, 1) - room)
    return float(held), short


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that share a runtime and a format, with their timer."""

    numbers: NDArray[np.int64]
    timer: StepTimer
    measured: tuple[Measured, ...]

    def p99_ends(self, quantity: Quantity, measured: Measured) -> tuple[float, float]:
        """Return the ends of a percentile's interval over its middle."""
        return p99_end_ratios(quantity, measured, has_experts=self.timer.llm.has_experts)


def groups(
    llm: Llm, candidates: Candidates, numbers: NDArray[np.int64], kv: str | None
) -> Iterator[Group]:
    """Yield the given rows in groups of one runtime and one format, each with its timer."""
    rows = candidates.rows[numbers]
    for runtime_index, format_index in sorted(
        {(int(r["runtime"]), int(r["format"])) for r in rows}
    ):
        chosen = (rows["runtime"] == runtime_index) & (rows["format"] == format_index)
        part = rows[chosen]
        runtime = candidates.runtimes[runtime_index]
        name = candidates.formats[format_index]
        own = llm.format_of(name)
        tokens = [limits_for(runtime, candidates.gpus[i]).max_batched_tokens for i in part["gpu"]]
        rates = _rates(candidates, part, runtime, own)
        stages = part["pp"].astype(float)
        timer = StepTimer(
            llm=llm,
            stored=Stored(class_bits(llm, name), KV_BITS[kv or usual_kv(runtime, llm)]),
            speeds=stack_speeds(rates),
            shard=Shard(part["tp"].astype(float), stages, 1.0, 1.0, 1.0),
            pace=pace_of(engine_for(runtime), stages, 1.0, np.array(tokens, dtype=float)),
        )
        yield Group(numbers[chosen], timer, tuple(rate.measured for rate in rates))


def _rates(
    candidates: Candidates, rows: NDArray[np.void], runtime: Runtime, format_name: str
) -> list[Speeds]:
    """Return the speeds of each row, computed once for equal cards and splits."""
    known: dict[tuple[int, int, int], Speeds] = {}
    found = []
    for row in rows:
        key = (int(row["gpu"]), int(row["tp"]), int(row["pp"]))
        if key not in known:
            gpu = candidates.gpus[key[0]]
            split = Parallelism(key[1], key[2])
            rig = Rig((CardGroup(split.engine_cards, gpu),))
            known[key] = speeds(gpu, runtime, format_name, joined_of(rig, split))
        found.append(known[key])
    return found


def largest_loads(
    group: Group,
    lengths: Lengths,
    capacity_seqs: NDArray[np.float64],
    slo: Slo,
    confidence: Confidence,
) -> LoadPoint:
    """Return the largest load within objectives of every row of a group.

    With ``surely`` the objectives are divided by the prediction's uncertainty.
    """
    ttft, tpot = slo.ttft_p99_s or NO_LIMIT_S, slo.tpot_p99_s or NO_LIMIT_S
    factor_ttft, factor_tpot = p99_factors(group, confidence)
    return largest_load(group.timer, lengths, capacity_seqs, ttft / factor_ttft, tpot / factor_tpot)


def p99_factors(
    group: Group, confidence: Confidence
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Return by how much each row's predicted p99 latencies are raised before they are judged."""
    if confidence == "likely":
        ones = np.ones(len(group.numbers))
        return ones, ones
    ttft = [group.p99_ends("ttft", measured)[1] for measured in group.measured]
    tpot = [group.p99_ends("tpot", measured)[1] for measured in group.measured]
    return np.array(ttft), np.array(tpot)


def points_at_rate(
    group: Group,
    lengths: Lengths,
    rate_requests_per_s: NDArray[np.float64],
    capacity_seqs: NDArray[np.float64],
) -> LoadPoint:
    """Return the operating points of a group's rows, each at its own rate an engine."""
    return at_rate(group.timer, lengths, rate_requests_per_s, capacity_seqs)

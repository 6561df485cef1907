"""Fleet files: several models with their traffic, and what may be bought for all of them.

A file holds ``[[demand]]`` tables, and may hold ``[limits]`` and ``[available]``. Names of models,
cards and providers are resolved by those who know a catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt

from rightrig.demand.length_text import parse_lengths
from rightrig.demand.objective import MAX_GPUS, OBJECTIVES, Confidence, Limits, Slo, slo_of
from rightrig.demand.presets import preset
from rightrig.demand.scenario import Scenario, sample
from rightrig.demand.trace import read_trace
from rightrig.demand.workload import MAX_RATE_PER_S, Workload
from rightrig.errors import InputError
from rightrig.facts.checking import validated
from rightrig.facts.reading import plain
from rightrig.facts.source import Record
from rightrig.facts.user_files import toml_table
from rightrig.quantities import check_positive, parse

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.demand.requests import Requests

Text = str | float
"""A quantity as it is written: ``"5/s"``, or a number in the base unit."""
Words = str | tuple[str, ...]
"""One name, or several."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,29}", re.ASCII)
_SAMPLED_COUNT: Final = 20_000
"""Requests that are drawn to split a law of lengths into size classes."""
_MOST_DEMANDS: Final = 50
_MOST_HEADROOM_RATIO: Final = 10.0


class _Objectives(Record):
    """Latency objectives as the command line names them."""

    ttft_p50: Text | None = None
    ttft_p90: Text | None = None
    ttft_p95: Text | None = None
    ttft_p99: Text | None = None
    tpot_p50: Text | None = None
    tpot_p90: Text | None = None
    tpot_p95: Text | None = None
    tpot_p99: Text | None = None
    e2e_p50: Text | None = None
    e2e_p90: Text | None = None
    e2e_p95: Text | None = None
    e2e_p99: Text | None = None
    itl_p50: Text | None = None
    itl_p90: Text | None = None
    itl_p95: Text | None = None
    itl_p99: Text | None = None


class DemandTable(_Objectives):
    """One ``[[demand]]``: a model, its traffic, its objectives.

    Attributes:
        name: What gateways and reports call it: lower-case letters, digits and ``-``.
        model: A catalogue name, a path, or a hub id.
        rate: Requests: ``"5/s"``; with a trace it may be left out.
        input, output: Tokens, or a law of lengths such as ``"lognormal:mean=1155,p99=4142"``.
        preset, trace: In their place, traffic of a known kind or a recorded one.
        weights, kv: Formats; left out, the usual ones are tried.
        buckets: Sizes of prompts at which the traffic is split, in tokens, rising.
    """

    name: str
    model: str
    rate: Text | None = None
    input: str | PositiveInt | None = None
    output: str | PositiveInt | None = None
    preset: str | None = None
    trace: str | None = None
    weights: str | None = None
    kv: str | None = None
    buckets: Annotated[tuple[PositiveInt, ...], Field(max_length=10)] = ()


class LimitsTable(Record):
    """``[limits]``: what the whole fleet may not exceed, and where it may be bought."""

    budget: Text | None = None
    max_gpus: Annotated[PositiveInt, Field(le=MAX_GPUS)] = MAX_GPUS
    power: Text | None = None
    gpus: Words = ()
    providers: Words = ()
    regions: Words = ()
    vendor: str | None = None
    headroom: Annotated[float, Field(ge=0.0, le=_MOST_HEADROOM_RATIO)] = 0.3
    confidence: Confidence = "likely"
    own: str | None = None

    def parsed(self, where: str) -> Limits:
        """Return the limits in base units; names of places are not among them."""
        budget, power = self.budget, self.power
        if budget is not None:
            budget = parse(str(budget), "money_per_month", name=f"{where}: budget")
        if power is not None:
            power = parse(str(power), "power", name=f"{where}: power")
        return Limits(
            budget_usd_per_month=budget,
            max_power_w=power,
            max_gpus_count=self.max_gpus,
            headroom_ratio=self.headroom,
            confidence=self.confidence,
        )


class _Top(Record):
    """The tables of a file."""

    demand: Annotated[tuple[dict[str, object], ...], Field(min_length=1, max_length=_MOST_DEMANDS)]
    limits: dict[str, object] = Field(default_factory=dict)
    available: dict[str, NonNegativeInt] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetFile:
    """What a fleet file says, its names not yet resolved.

    Attributes:
        path: The file; traces are looked for beside it.
        available: Card or instance → how many there are.
    """

    path: Path
    demands: tuple[DemandTable, ...]
    limits: LimitsTable
    available: dict[str, int]

    def place(self, table: str) -> str:
        """Return what messages call a table of the file."""
        return f"{plain(self.path)}, {table}"


def read_fleet(path: Path) -> FleetFile:
    """Return what a fleet file says.

    Raises:
        RightrigError: names the file, the table and the key at fault.
    """
    top = validated(_Top, toml_table(path, "fleet file"), plain(path), strict=True)
    demands = tuple(_demand(path, number, table) for number, table in enumerate(top.demand, 1))
    _check_names(plain(path), demands)
    limits = validated(LimitsTable, top.limits, f"{plain(path)}, [limits]", strict=True)
    return FleetFile(path, demands, limits, dict(top.available))


def _check_names(where: str, demands: tuple[DemandTable, ...]) -> None:
    """Refuse names that two demands, or a demand and a size class of another, share."""
    names = [demand.name for demand in demands]
    for demand in demands:
        classed = [f"{demand.name}-{n}" for n in range(1, len(demand.buckets) + 2)]
        for name in (demand.name, *(classed if demand.buckets else ())):
            if names.count(name) > (name == demand.name):
                raise InputError(
                    f"{where}: the name {name} is taken twice; a demand with buckets takes its "
                    "own with -1, -2 … too, so rename one"
                )


def _demand(path: Path, number: int, table: dict[str, object]) -> DemandTable:
    """Return one demand whose keys go together."""
    where = f"{plain(path)}, [[demand]] {plain(table.get('name', number), 40)}"
    found = validated(DemandTable, table, where, strict=True)
    if not _NAME.fullmatch(found.name):
        raise InputError(
            f"{where}: name is {plain(repr(found.name), 60)}; gateways need a-z, 0-9 and -, at "
            "most 30 of them"
        )
    has_lengths = found.input is not None or found.output is not None
    kinds = [has_lengths, found.preset is not None, found.trace is not None]
    if sum(kinds) != 1 or (has_lengths and (found.input is None or found.output is None)):
        raise InputError(f"{where}: give input and output, or preset, or trace, and one only")
    if found.rate is None and found.trace is None:
        raise InputError(f'{where}: rate is missing; write how much comes, as in rate = "5/s"')
    if any(low >= high for low, high in zip(found.buckets, found.buckets[1:], strict=False)):
        raise InputError(f"{where}: buckets must rise, as in buckets = [1000, 4000]")
    return found


def objectives_of(demand: DemandTable, where: str) -> Slo:
    """Return the latency objectives of a demand."""
    said = {name: getattr(demand, name) for name in OBJECTIVES}
    texts = {name: None if said[name] is None else str(said[name]) for name in said}
    return slo_of(texts, lambda name: f"{where}: {name}")


@dataclass(frozen=True, slots=True)
class SizeClass:
    """The requests of a demand whose prompts lie in one range.

    Attributes:
        low_tokens: Prompts are longer than this …
        high_tokens: … and at most this long; ``None`` for no limit.
        workload: Its part of the rate, with its mean lengths.
    """

    low_tokens: int
    high_tokens: int | None
    workload: Workload


@dataclass(frozen=True, slots=True)
class SizeClasses:
    """A demand by the size of its prompts.

    Attributes:
        too_long_ratio: Share of the requests that no engine of the model can take.
    """

    classes: tuple[SizeClass, ...]
    too_long_ratio: float = 0.0


def size_classes(demand: DemandTable, where: str, folder: Path, most_tokens: int) -> SizeClasses:
    """Return a demand split by the length of its prompts.

    Lengths that vary are drawn (or taken from the trace), and each class is planned with its mean
    prompt and mean answer. Classes into which nothing falls are joined to a neighbour.

    Args:
        demand: The table.
        where: What messages call it.
        folder: Where its trace is looked for.
        most_tokens: The context of the model; longer requests are left out and counted.

    Raises:
        InputError: for lengths that the model does not take, or wrong traffic.
    """
    requests = _requests(demand, where, folder, most_tokens)
    rate = _rate_per_s(demand, where, requests)
    tokens_in, tokens_out = requests.input_tokens, requests.output_tokens
    taken = tokens_in + tokens_out <= most_tokens
    if not taken.any():
        raise InputError(
            f"{where}: input and output are {int((tokens_in + tokens_out).min()):,} tokens "
            f"together at least; the model was made for {most_tokens:,}"
        )
    places = np.searchsorted(np.array(demand.buckets, dtype=np.int64), tokens_in, side="left")
    used = [place for place in range(len(demand.buckets) + 1) if (taken & (places == place)).any()]
    classes = []
    for order, place in enumerate(used):
        mine = taken & (places == place)
        workload = Workload(
            rate_requests_per_s=rate * float(mine.mean()),
            input_tokens=int(np.ceil(tokens_in[mine].mean())),
            output_tokens=int(np.ceil(tokens_out[mine].mean())),
        )
        low = demand.buckets[used[order - 1]] if order else 0
        high = demand.buckets[place] if order + 1 < len(used) else None
        classes.append(SizeClass(low, high, workload))
    return SizeClasses(tuple(classes), 1.0 - float(taken.mean()))


def _rate_per_s(demand: DemandTable, where: str, requests: Requests) -> float:
    """Return the rate that is written, or that of the trace."""
    name = f"{where}: rate"
    if demand.rate is None:
        mean = requests.mean_rate_requests_per_s
        return check_positive(mean, name=f"{name} of the trace", limit=MAX_RATE_PER_S)
    return parse(str(demand.rate), "rate", name=name, limit=MAX_RATE_PER_S)


def _requests(demand: DemandTable, where: str, folder: Path, most_tokens: int) -> Requests:
    """Return requests with the lengths of a demand."""
    if demand.trace is not None:
        return read_trace(folder / demand.trace).requests
    if demand.preset is not None:
        scenario = preset(demand.preset).scenario
        if scenario.sessions is not None:
            most = min(scenario.sessions.max_context_tokens, most_tokens)
            sessions = scenario.sessions.model_copy(update={"max_context_tokens": most})
            scenario = scenario.model_copy(update={"sessions": sessions})
        return sample(scenario, _SAMPLED_COUNT)
    prompts = parse_lengths(str(demand.input), name=f"{where}: input")
    answers = parse_lengths(str(demand.output), name=f"{where}: output")
    is_fixed = prompts.kind == answers.kind == "fixed"
    return sample(Scenario(input=prompts, output=answers), 1 if is_fixed else _SAMPLED_COUNT)

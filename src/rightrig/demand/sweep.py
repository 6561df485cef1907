"""The file of a sweep: models, rigs and demands that are simulated in every combination."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt

from rightrig.demand.arrival_text import parse_arrivals
from rightrig.demand.arrivals import says_rate
from rightrig.demand.length_text import parse_lengths
from rightrig.demand.objective import OBJECTIVES, slo_of
from rightrig.demand.presets import preset
from rightrig.demand.rows import FLOATS, INTEGERS
from rightrig.demand.scenario import Scenario
from rightrig.demand.trace import read_trace
from rightrig.demand.workload import MAX_RATE_PER_S, MAX_REQUESTS
from rightrig.errors import InputError
from rightrig.facts.checking import validated
from rightrig.facts.source import Record
from rightrig.facts.user_files import toml_table
from rightrig.quantities import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rightrig.demand.objective import Slo
    from rightrig.demand.requests import Requests

_USUAL_REQUESTS: Final = 10_000
_USUAL_INPUT: Final = "1000"
_USUAL_OUTPUT: Final = "300"
_MOST_SEEDS: Final = 10_000
_MOST_DEMANDS: Final = 100_000


def _listed(value: object) -> object:
    """Return one value as a list of one, and numbers as text."""
    values = value if isinstance(value, list | tuple) else (value,)
    return tuple(
        str(one) if isinstance(one, int | float) and not isinstance(one, bool) else one
        for one in values
    )


def _counted(value: object) -> object:
    """Return the seeds 1 to n of a number n, and a list as it is."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if not 1 <= value <= _MOST_SEEDS:
        raise ValueError(f"as a number of seeds it lies between 1 and {_MOST_SEEDS:,}")
    return tuple(range(1, value + 1))


def _each_once(values: tuple[object, ...]) -> tuple[object, ...]:
    """Refuse a value that stands twice."""
    twice = next((v for place, v in enumerate(values) if v in values[:place]), None)
    if twice is not None:
        raise ValueError(f"{twice!r} stands twice; keep one")
    return values


_Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=4096)]
Texts: TypeAlias = Annotated[
    tuple[_Text, ...], BeforeValidator(_listed), AfterValidator(_each_once)
]
Counts: TypeAlias = Annotated[
    tuple[PositiveInt, ...], BeforeValidator(_listed), AfterValidator(_each_once)
]
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]
Seeds: TypeAlias = Annotated[
    tuple[Seed, ...],
    BeforeValidator(_counted),
    AfterValidator(_each_once),
    Field(min_length=1),
]


class DemandTable(Record):
    """One ``[[demands]]`` of the file; what has several values is tried with each of them.

    Attributes:
        preset: Traffic of a known kind.
        trace: Files of recorded requests.
        input, output: Lengths, as ``simulate --input`` takes them.
        arrivals: When requests come, as ``simulate --arrivals`` takes it.
        rates: Requests: ``5/s``, ``300/min``.
        concurrency: Users of a closed loop.
        think: Their mean pause.
    """

    preset: Texts = ()
    trace: Texts = ()
    input: Texts = ()
    output: Texts = ()
    arrivals: Texts = ()
    rates: Texts = ()
    concurrency: Counts = ()
    think: str | None = None


class SweepFile(Record):
    """What a file of a sweep says; the order of its lists is the order of the results.

    Attributes:
        models, rigs: As every command takes them.
        demands: Who asks how much.
        runtimes, weights, kv: As ``--runtime``, ``--weights`` and ``--kv``; empty for the usual.
        splits: ``tp=2``, ``tp=4,pp=2``, ``replicas=2``; empty for the usual.
        max_seqs, max_batched_tokens: As the options; empty for the usual.
        slo: Objectives: ``ttft_p99 = "500ms"``.
        requests: How many are drawn for each task; by default 10,000, or all of a trace.
        seeds: A number of seeds, or the seeds themselves.
        intervals: Whether the ends of the prediction's interval are simulated too.
    """

    models: Annotated[Texts, Field(min_length=1)]
    rigs: Annotated[Texts, Field(min_length=1)]
    demands: Annotated[tuple[DemandTable, ...], Field(min_length=1)]
    runtimes: Texts = ()
    weights: Texts = ()
    kv: Texts = ()
    splits: Texts = ()
    max_seqs: Counts = ()
    max_batched_tokens: Counts = ()
    slo: dict[str, str] = Field(default_factory=dict)
    requests: Annotated[PositiveInt, Field(le=MAX_REQUESTS)] | None = None
    seeds: Seeds = (1,)
    intervals: bool = True

    @property
    def objectives(self) -> Slo:
        """The objectives.

        Raises:
            InputError: for one that there is not, or no time.
        """
        wrong = next((name for name in self.slo if name not in OBJECTIVES), None)
        if wrong is not None:
            raise InputError(
                f"slo: {wrong[:40]!r} is no objective; they are ttft, tpot, e2e and itl at p50, "
                "p90, p95 and p99, such as ttft_p99"
            )
        return slo_of(self.slo, lambda name: f"slo: {name}")


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """One demand of a sweep.

    Attributes:
        text: What it is called in the results.
        traffic: A scenario to draw from, or the requests of a trace.
        rate_requests_per_s: As asked for; ``None`` for a closed loop and for a trace as it is.
        users_count: Of a closed loop.
        key: A hash of all that it says.
    """

    text: str
    traffic: Scenario | Requests
    rate_requests_per_s: float | None
    users_count: int | None
    key: str


def read_sweep(path: Path) -> SweepFile:
    """Read the file of a sweep.

    Raises:
        RightrigError: names the file and the field that is wrong.
    """
    return validated(SweepFile, toml_table(path, "sweep"), str(path))


def demands_of(file: SweepFile) -> tuple[Demand, ...]:
    """Return every demand of a file, in its order.

    Raises:
        InputError: names the entry whose words do not go together or have no meaning.
    """
    found: dict[str, Demand] = {}
    for number, table in enumerate(file.demands, 1):
        where = f"demands, entry {number}"
        _check(table, where)
        for demand in _demands_in(table, file.requests, where):
            if demand.text in found:
                raise InputError(f"{where}: {demand.text!r} is asked for twice; keep one")
            if len(found) >= _MOST_DEMANDS:
                raise InputError(f"{where}: more than {_MOST_DEMANDS:,} demands; split the file")
            found[demand.text] = demand
    return tuple(found.values())


def _check(table: DemandTable, where: str) -> None:
    """Refuse words that do not go together."""
    said = {name for name in DemandTable.model_fields if getattr(table, name)}
    for name, others in (
        ("trace", ("preset", "input", "output", "arrivals", "concurrency")),
        ("preset", ("input", "output")),
        ("concurrency", ("rates", "arrivals")),
    ):
        wrong = next((other for other in others if other in said), None)
        if name in said and wrong is not None:
            raise InputError(f"{where}: {name} and {wrong} do not go together; make two entries")
    if "think" in said and "concurrency" not in said:
        raise InputError(f"{where}: think is the pause of a closed loop; add concurrency = 32")


def _demands_in(table: DemandTable, count: int | None, where: str) -> Iterator[Demand]:
    """Yield the demands of one entry."""
    rates: Sequence[str | None] = table.rates or (None,)
    if table.trace:
        for path in table.trace:
            requests = _recorded(path, count)
            for rate in rates:
                yield _replayed(path, requests, rate, where)
        return
    for (name, scenario), (came, arrivals) in itertools.product(
        _lengths(table, where), _arrivals(table, where)
    ):
        for rate in rates:
            yield _drawn(f"{name}{came}", _arriving(scenario, arrivals), rate, where)


def _lengths(table: DemandTable, where: str) -> Iterator[tuple[str, Scenario]]:
    """Yield the lengths of an entry, and what they are called."""
    if table.preset:
        yield from ((name, preset(name).scenario) for name in table.preset)
        return
    for prompts, answers in itertools.product(
        table.input or (_USUAL_INPUT,), table.output or (_USUAL_OUTPUT,)
    ):
        scenario = Scenario(
            input=parse_lengths(prompts, name=f"{where}: input"),
            output=parse_lengths(answers, name=f"{where}: output"),
        )
        yield f"{prompts} → {answers}", scenario


def _arrivals(table: DemandTable, where: str) -> Iterable[tuple[str, str | None]]:
    """Return when requests come, and how a demand's name says that."""
    if table.concurrency:
        think = "" if table.think is None else f",think={table.think}"
        pausing = "" if table.think is None else f" pausing {table.think}"
        return [(f", {n} users{pausing}", f"closed:users={n}{think}") for n in table.concurrency]
    wrong = next((text for text in table.arrivals if text.startswith("replay")), None)
    if wrong is not None:
        raise InputError(f"{where}: arrivals {wrong[:60]!r}: name the file as trace = instead")
    return [(f", {text}", text) for text in table.arrivals] or [("", None)]


def _arriving(scenario: Scenario, arrivals: str | None) -> Scenario:
    """Return a scenario whose requests come as a text says."""
    if arrivals is None:
        return scenario
    return scenario.model_copy(update={"arrivals": parse_arrivals(arrivals)})


def _drawn(name: str, scenario: Scenario, rate: str | None, where: str) -> Demand:
    """Return traffic that is drawn, at a rate."""
    rate_per_s = _rate_per_s(rate, where)
    if rate_per_s is not None:
        scenario = scenario.at_rate(rate_per_s)
    elif not says_rate(scenario.arrivals):
        raise InputError(
            f'{where}: how much comes is not said; add rates = ["5/s"] or concurrency = [32]'
        )
    return Demand(
        text=f"{name}{_rate_text(rate)}",
        traffic=scenario,
        rate_requests_per_s=rate_per_s,
        users_count=getattr(scenario.arrivals, "users", None),
        key=_key(scenario.model_dump_json().encode()),
    )


def _recorded(path: str, count: int | None) -> Requests:
    """Return the requests of a trace, cut or repeated to the number asked for."""
    requests = read_trace(Path(path)).requests
    if count is None or count == len(requests):
        return requests
    # A copy that found its prefixes in the cache would be quicker than any user's.
    return requests.repeated(count, distinct_prefixes=count > len(requests))


def _replayed(path: str, requests: Requests, rate: str | None, where: str) -> Demand:
    """Return traffic that was recorded, as it is or at a rate."""
    rate_per_s = _rate_per_s(rate, where)
    if rate_per_s is not None:
        requests = requests.at_rate(rate_per_s)
    columns = (getattr(requests, name).tobytes() for name in (*FLOATS, *INTEGERS))
    about = (requests.block_tokens, requests.classes, requests.tenants)
    return Demand(
        text=f"{path}{_rate_text(rate)}",
        traffic=requests,
        rate_requests_per_s=rate_per_s,
        users_count=None,
        key=_key(repr(about).encode(), *columns),
    )


def _rate_per_s(rate: str | None, where: str) -> float | None:
    """Return a rate that was said."""
    if rate is None:
        return None
    return parse(rate, "rate", name=f"{where}: rates", limit=MAX_RATE_PER_S)


def _rate_text(rate: str | None) -> str:
    """Return how a demand's name says its rate."""
    if rate is None:
        return ""
    return f", {rate}" if "/" in rate else f", {rate}/s"


def _key(*parts: bytes) -> str:
    """Return a hash of several parts."""
    text = hashlib.sha256()
    for part in parts:
        text.update(len(part).to_bytes(8, "big"))
        text.update(part)
    return text.hexdigest()


def requests_count(file: SweepFile) -> int:
    """Return how many requests are drawn for a demand that is no trace."""
    return file.requests or _USUAL_REQUESTS

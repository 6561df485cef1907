"""The search: all cards × layouts × formats × runtimes, priced, ranked; the losers' reasons.

Every candidate inside the rules is enumerated and evaluated, so that the first plan is the
optimum over them by enumeration; nothing is sampled. What memory or the market rules out is never
timed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.costs.goods import goods_of
from rightrig.errors import RecordError
from rightrig.planning.candidates import (
    Candidates,
    Choice,
    enumerate_candidates,
    spanning_candidates,
)
from rightrig.planning.constraints import CONSTRAINTS, Question, first_broken
from rightrig.planning.evaluate import groups
from rightrig.planning.finalists import (
    MOST_ON_FRONT,
    front_rows,
    outbid,
    planned_rigs,
)
from rightrig.planning.layouts import MOST_CARDS, machine_cards
from rightrig.planning.loads import Loads
from rightrig.planning.memory_table import memory
from rightrig.planning.nearest import nearest_miss, rejected_cards, relaxations
from rightrig.planning.planned import Counts, Plan, PlannedRig, Tariff
from rightrig.planning.ranking import best_of_each, ranking
from rightrig.planning.supply import Market, Suppliers
from rightrig.planning.table import Table
from rightrig.planning.winner import why_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.costs.goods import Good
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.power import PowerFact
    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime
    from rightrig.planning.memory_table import Memory

    Column = NDArray[np.float64]

RUNTIMES: Final = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")
"""Engines that are tried: those whose memory and speed are modelled and that serve many users."""
TARIFF_FACT: Final = "electricity-us-commercial"
"""The record of the tariff that a plan assumes: US commercial average."""
PUE_FACT: Final = "pue-industry-average-2025"
"""The record of the PUE that a plan assumes: industry average."""
OWN_TARIFF_FACT: Final = "electricity"
"""The record of a user's catalogue that comes before ``TARIFF_FACT`` …"""
OWN_PUE_FACT: Final = "pue"
"""… and the one that comes before ``PUE_FACT``."""


@dataclass(frozen=True, slots=True)
class Space:
    """What may be chosen from.

    Attributes:
        gpus: Cards, all of the catalogue unless limited.
        runtimes: Engines to try; of several that carry as much, the quickest wins.
        prices: Offers to rent from.
        tariff: What electricity costs.
        formats: Weight formats, or ``None`` for the usual ones.
        kv: KV format, or ``None`` for the usual one and one of half its size.
        goods: Cards and machines to buy.
    """

    gpus: tuple[Gpu, ...]
    runtimes: tuple[Runtime, ...]
    prices: tuple[Price, ...]
    tariff: Tariff
    formats: tuple[str, ...] | None = None
    kv: str | None = None
    goods: tuple[Good, ...] = ()

    @property
    def choice(self) -> Choice:
        """What may be chosen beside the cards."""
        return Choice(self.runtimes, self.formats, self.kv)


def space_of(catalog: Catalog, question: Question) -> Space:
    """Return the whole catalogue within the limits of a question."""
    limits = question.limits
    gpus = (catalog.gpu(limits.gpu),) if limits.gpu else catalog.gpus()
    if limits.vendor:
        gpus = tuple(gpu for gpu in gpus if gpu.vendor.lower() == limits.vendor.lower())
    prices = catalog.prices()
    if limits.provider:
        prices = tuple(p for p in prices if p.provider.lower() == limits.provider.lower())
    if limits.region:
        prices = tuple(p for p in prices if p.region.lower() == limits.region.lower())
    runtimes = tuple(catalog.runtime(name) for name in RUNTIMES)
    goods = goods_of(catalog) if limits.buys else ()
    return Space(gpus, runtimes, prices, tariff_of(catalog), goods=goods)


def tariff_facts(catalog: Catalog) -> tuple[PowerFact, PowerFact]:
    """Return the records of the tariff and of the PUE that a plan assumes.

    Raises:
        RecordError: when a user's record is in another unit than dollars a kWh, or a ratio.
    """
    known = catalog.slugs("power")
    tariff = catalog.power_fact(OWN_TARIFF_FACT if OWN_TARIFF_FACT in known else TARIFF_FACT)
    pue = catalog.power_fact(OWN_PUE_FACT if OWN_PUE_FACT in known else PUE_FACT)
    for fact, unit in ((tariff, "USD/kWh"), (pue, "ratio")):
        if fact.unit != unit:
            raise RecordError(
                f"power/{fact.slug}.toml: unit is {fact.unit!r}; a plan needs it in {unit}"
            )
    return tariff, pue


def tariff_of(catalog: Catalog) -> Tariff:
    """Return what electricity costs: the user's own figures, or else published averages."""
    tariff, pue = tariff_facts(catalog)
    return Tariff(
        usd_per_kwh=tariff.low,
        pue_ratio=pue.low,
        usd_origin=_origin(tariff, "US commercial average"),
        pue_origin=_origin(pue, "industry average"),
    )


def _origin(fact: PowerFact, shipped_words: str) -> str:
    """Say whose figure it is: a user's record speaks for itself."""
    is_own = any(source.kind == "user" for source in fact.sources)
    return fact.item if is_own else shipped_words


def plan(llm: Llm, question: Question, space: Space, top: int = 10) -> Plan:
    """Return the ranked plans for a model and its traffic, and why the other cards lost.

    Args:
        llm: The model.
        question: Traffic, objectives, limits.
        space: What may be chosen from.
        top: How many plans to return.
    """
    started_s = time.perf_counter()
    table = evaluated(llm, question, space)
    broken = first_broken(table, question)
    feasible = np.flatnonzero(broken == len(CONSTRAINTS))
    front = front_rows(table, feasible)
    ranked = ranking(llm, table, feasible, question)
    chosen = best_of_each(table.candidates, ranked)[:top].tolist()
    shown = [*chosen, *(n for n in front[:MOST_ON_FRONT].tolist() if n not in chosen)]
    on_front = frozenset(front.tolist())
    rigs = planned_rigs(llm, table, shown, question, space.tariff, on_front)
    by_number = {rig.number: rig for rig in rigs}
    plans = tuple(by_number[number] for number in chosen)
    barred = len(table.candidates.barred)
    found = Plan(
        llm=llm,
        question=question,
        plans=plans,
        rejected=rejected_cards(table, broken, question),
        nearest="" if len(feasible) else nearest_miss(table, broken, question),
        counts=Counts(
            candidates_count=len(table.rows) + barred,
            pruned_count=int((table.capacity_seqs < 1.0).sum()) + barred,
            evaluated_count=int((table.capacity_seqs >= 1.0).sum()),
            feasible_count=len(feasible),
            front_count=len(front),
        ),
        elapsed_s=0.0,
        tariff=space.tariff,
        front=tuple(by_number[n] for n in front[:MOST_ON_FRONT].tolist()),
        outbid=outbid(table, ranked),
        relaxations=() if len(feasible) else relaxations(table, question),
    )
    found = replace(found, reasons=why_first(found))
    return replace(found, elapsed_s=time.perf_counter() - started_s)


@dataclass(frozen=True, slots=True)
class Standing:
    """Candidates before their loads are worked out.

    Attributes:
        suppliers: Who rents or sells what.
        is_sold: Rows that somebody rents or sells the cards of one engine for.
        memory: What it leaves for traffic.
    """

    candidates: Candidates
    suppliers: Suppliers
    is_sold: NDArray[np.bool_]
    memory: Memory


def standing(llm: Llm, question: Question, space: Space) -> Standing:
    """Return all candidates with what memory holds.

    Engines inside one machine first; where a card and its formats hold the model in none, engines
    over several machines.
    """
    inside = enumerate_candidates(llm, space.gpus, space.choice)
    limits, market = question.limits, Market(space.prices, space.goods)
    suppliers = Suppliers(inside, market, limits)
    sold = suppliers.has_any()
    held = _held(llm, inside, sold, question)
    most = min(limits.max_gpus_count, MOST_CARDS)
    wanted = _options_not_held(inside, held.capacity_seqs, sold)
    if not wanted:
        return Standing(inside, suppliers, sold, held)
    wider = spanning_candidates(llm, inside, space.choice, wanted, most)
    whole = replace(wider, rows=np.concatenate([inside.rows, wider.rows]))
    suppliers = Suppliers(whole, market, limits)
    sold = suppliers.has_any()
    further = _held(llm, whole, sold, question, len(inside.rows))
    return Standing(whole, suppliers, sold, held.joined(further))


def evaluated(llm: Llm, question: Question, space: Space) -> Table:
    """Return all candidates with what was found out about them."""
    return loaded(llm, standing(llm, question, space), question)


def _held(
    llm: Llm, candidates: Candidates, sold: NDArray[np.bool_], question: Question, first: int = 0
) -> Memory:
    """Return what memory holds of the rows that somebody rents or sells, from ``first`` on."""
    tokens = question.workload.input_tokens + question.workload.output_tokens
    numbers = first + np.flatnonzero(sold[first:])
    return memory(llm, candidates, numbers, tokens, question.limits.confidence)


def _options_not_held(
    candidates: Candidates, capacity_seqs: Column, sold: NDArray[np.bool_]
) -> list[tuple[int, tuple[int, int, int]]]:
    """Return cards and options (runtime, formats) that no machine holds, of what is sold.

    Cards that stand alone on their board are left out: no network joins them.
    """
    rows = candidates.rows
    names = ["gpu", "runtime", "format", "kv"]
    machines = np.array([machine_cards(gpu) > 1 for gpu in candidates.gpus], dtype=np.bool_)
    asked = rows[names][sold & machines[rows["gpu"]]]
    held = rows[names][capacity_seqs >= 1.0]
    left = sorted(set(asked.tolist()) - set(held.tolist()))
    return [(gpu, (runtime, name, kv)) for gpu, runtime, name, kv in left]


def loaded(llm: Llm, found: Standing, question: Question) -> Table:
    """Return the table: loads of the rows that fit, engines for the traffic, and their price."""
    candidates, suppliers, sold, held = (
        found.candidates, found.suppliers, found.is_sold, found.memory,
    )  # fmt: skip
    loads = Loads.empty(len(candidates.rows), question)
    fitting = np.flatnonzero(held.capacity_seqs >= 1.0)
    for group in groups(llm, candidates, fitting):
        loads.fill(group, held.capacity_seqs[group.numbers], question)
    many = loads.may_divide(candidates, fitting, question)
    for group in groups(llm, candidates, many):
        loads.divide(group, held.capacity_seqs[group.numbers], question)
    engines = loads.engines_count
    usd, machines = _priced(suppliers, engines, sold)
    return Table(
        candidates=candidates,
        is_sold=sold,
        capacity_seqs=held.capacity_seqs,
        short_bytes=held.short_bytes,
        is_bounded=held.is_bounded,
        engine_rate_per_s=loads.rate_per_s,
        prefill_count=loads.prefill_count,
        capacity_requests_per_s=loads.capacity_per_s,
        judged_s=dict(zip(question.slo.objectives(), loads.judged_s, strict=True)),
        ttft_p99_s=loads.ttft_p99_s,
        tpot_p99_s=loads.tpot_p99_s,
        engines_count=engines,
        cards_count=engines * candidates.rows["cards"],
        usd=usd,
        machines_count=machines,
        suppliers=suppliers,
    )


def repriced(table: Table, question: Question, space: Space) -> Table:
    """Return a table with the prices of another space; what engines carry stays."""
    market = Market(space.prices, space.goods)
    suppliers = Suppliers(table.candidates, market, question.limits)
    usd, machines = _priced(suppliers, table.engines_count, table.is_sold)
    return replace(table, usd=usd, machines_count=machines, suppliers=suppliers)


def _priced(
    suppliers: Suppliers, engines_count: Column, sold: NDArray[np.bool_]
) -> tuple[Column, Column]:
    """Return dollars and machines of every row whose engines somebody rents or sells."""
    usd, machines = np.full(len(sold), np.nan), np.full(len(sold), np.nan)
    carried = np.flatnonzero(np.isfinite(engines_count) & sold)
    supply = suppliers.supply(carried, engines_count[carried])
    usd[carried], machines[carried] = supply.usd, supply.machines_count
    return usd, machines


__all__ = ["Plan", "PlannedRig", "Question", "Space", "plan", "space_of"]

"""The search: all cards × splits × formats, priced, ranked, and the losers with their reasons."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.costs.offers import cheapest
from rightrig.errors import RecordError
from rightrig.planning.candidates import Candidates, enumerate_candidates
from rightrig.planning.constraints import CONSTRAINTS, Question
from rightrig.planning.evaluate import (
    groups,
    largest_loads,
    memory,
    p99_factors,
    points_at_rate,
)
from rightrig.planning.finalists import Plan, PlannedRig, Tariff, finalists
from rightrig.planning.table import Table
from rightrig.prediction.regimes import Lengths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.costs.offers import Purchase
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.facts.power import PowerFact
    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime


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
        runtimes: Runtimes in order of preference.
        prices: Offers to rent from.
        tariff: What electricity costs.
        formats: Weight formats, or ``None`` for the usual ones.
        kv: KV format, or ``None`` for 16 bits.
    """

    gpus: tuple[Gpu, ...]
    runtimes: tuple[Runtime, ...]
    prices: tuple[Price, ...]
    tariff: Tariff
    formats: tuple[str, ...] | None = None
    kv: str | None = None


def space_of(catalog: Catalog, question: Question) -> Space:
    """Return the whole catalogue within the limits of a question."""
    limits = question.limits
    gpus = (catalog.gpu(limits.gpu),) if limits.gpu else catalog.gpus()
    if limits.vendor:
        gpus = tuple(gpu for gpu in gpus if gpu.vendor.lower() == limits.vendor.lower())
    prices = catalog.prices()
    if limits.provider:
        prices = tuple(p for p in prices if p.provider.lower() == limits.provider.lower())
    runtimes = (catalog.runtime("vllm"), catalog.runtime("llama.cpp"))
    return Space(gpus, runtimes, prices, tariff_of(catalog))


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
    candidates = enumerate_candidates(llm, space.gpus, space.runtimes, space.formats, space.kv)
    table = evaluated(llm, candidates, question, space)
    first_broken = _first_broken(table, question)
    feasible = np.flatnonzero(first_broken == len(CONSTRAINTS))
    ranked = finalists(llm, table, feasible, question, space.kv, space.tariff)
    return Plan(
        llm=llm,
        question=question,
        plans=ranked[:top],
        rejected=_rejected(table, first_broken, question),
        nearest="" if len(feasible) else _nearest(table, first_broken, question),
        candidates_count=len(candidates.rows) + len(candidates.barred),
        pruned_count=int((first_broken == 0).sum()) + len(candidates.barred),
        feasible_count=len(feasible),
        elapsed_s=time.perf_counter() - started_s,
        tariff=space.tariff,
    )


def evaluated(llm: Llm, candidates: Candidates, question: Question, space: Space) -> Table:
    """Return the table: memory for all rows, loads for those that fit, rent for their engines."""
    workload, limits = question.workload, question.limits
    tokens = workload.input_tokens + workload.output_tokens
    held = memory(llm, candidates, tokens, space.kv, limits.confidence)
    count = len(candidates.rows)
    rate, ttft, tpot = np.zeros(count), np.full(count, np.nan), np.full(count, np.nan)
    lengths = Lengths(float(workload.input_tokens), float(workload.output_tokens))
    fitting = np.flatnonzero(held.capacity_seqs >= 1.0)
    for group in groups(llm, candidates, fitting, space.kv):
        capacity = held.capacity_seqs[group.numbers]
        load = largest_loads(group, lengths, capacity, question.slo, limits.confidence)
        each = np.asarray(load.rate_requests_per_s)
        # Latency may be a little worse below the largest load, where a mixture of experts shares
        # less: the load that each engine will really carry is judged too.
        shared = workload.rate_requests_per_s / _engines_count(each, question)
        point = points_at_rate(group, lengths, shared, capacity)
        raise_ttft, raise_tpot = p99_factors(group, limits.confidence)
        rate[group.numbers] = each
        ttft[group.numbers] = np.maximum(load.ttft_p99_s, point.ttft_p99_s) * raise_ttft
        tpot[group.numbers] = np.maximum(load.tpot_p99_s, point.tpot_p99_s) * raise_tpot
    engines = _engines_count(rate, question)
    cards = engines * candidates.rows["tp"] * candidates.rows["pp"]
    rent, purchases = _rents(candidates, engines, space.prices)
    watts = np.array([gpu.board_power_w or np.nan for gpu in candidates.gpus])
    return Table(
        candidates=candidates,
        capacity_seqs=held.capacity_seqs,
        short_bytes=held.short_bytes,
        engine_rate_per_s=rate,
        judged_ttft_s=ttft,
        judged_tpot_s=tpot,
        engines_count=engines,
        cards_count=cards,
        rent_usd_per_month=rent,
        rated_power_w=cards * watts[candidates.rows["gpu"]] if count else cards,
        purchases=purchases,
    )


def _engines_count(
    rate_requests_per_s: NDArray[np.float64], question: Question
) -> NDArray[np.float64]:
    """Return the engines that carry the traffic with headroom; infinite where one carries none."""
    wanted = question.workload.rate_requests_per_s * (1.0 + question.limits.headroom_ratio)
    engines = np.ceil(wanted / np.maximum(rate_requests_per_s, 1e-12))
    return np.where(rate_requests_per_s > 0.0, engines, np.inf)


def _rents(
    candidates: Candidates, engines_count: NDArray[np.float64], prices: Sequence[Price]
) -> tuple[NDArray[np.float64], dict[int, Purchase]]:
    """Return the cheapest rent of every row's engines, and the purchase behind it."""
    rent = np.full(len(engines_count), np.nan)
    purchases = {}
    offers: dict[str, list[Price]] = {}
    for price in prices:
        offers.setdefault(price.gpu, []).append(price)
    for number in np.flatnonzero(np.isfinite(engines_count)):
        row = candidates.rows[number]
        slug = candidates.gpus[row["gpu"]].slug
        bought = cheapest(
            offers.get(slug, ()), slug, int(row["tp"] * row["pp"]), int(engines_count[number])
        )
        if bought is not None:
            rent[number] = bought.rent_usd_per_month
            purchases[int(number)] = bought
    return rent, purchases


def _first_broken(table: Table, question: Question) -> NDArray[np.int64]:
    """Return, for each row, the place of the first constraint that it breaks."""
    first = np.full(len(table.rows), len(CONSTRAINTS))
    for place in reversed(range(len(CONSTRAINTS))):
        first[CONSTRAINTS[place].broken(table, question)] = place
    return first


def _rejected(
    table: Table, first_broken: NDArray[np.int64], question: Question
) -> tuple[tuple[str, str, str], ...]:
    """Return (card, rule, reason) for every card without a plan: that of its best row.

    A card's best row is the one that broke its first rule latest; among equals, the nearest
    miss: least memory lacking, then least latency, then least cost.
    """
    found = [
        (table.candidates.gpus[index].slug, rule, reason)
        for index, (rule, reason) in table.candidates.barred.items()
    ]
    gpus = table.rows["gpu"]
    for index in np.unique(gpus):
        mine = np.flatnonzero(gpus == index)
        place = int(first_broken[mine].max())
        if place == len(CONSTRAINTS):
            continue
        near = mine[first_broken[mine] == place]
        number = int(near[np.argmin(_miss(table, near, place))])
        rule = CONSTRAINTS[place]
        found.append((table.gpu(number).slug, rule.id, rule.reason(table, number, question)))
    return tuple(sorted(found))


def _nearest(table: Table, first_broken: NDArray[np.int64], question: Question) -> str:
    """Return the row that comes closest to a plan, and the change that would make it one.

    Closest: the first rule that it breaks comes latest, and is missed by least.
    """
    if not len(table.rows):
        return "No card runs this model in these formats; leave --weights and --kv out."
    place = int(first_broken.max())
    near = np.flatnonzero(first_broken == place)
    number = int(near[np.nanargmin(_miss(table, near, place))])
    rule = CONSTRAINTS[place]
    reason = rule.reason(table, number, question)
    who = "" if table.gpu(number).slug in reason else f"{table.engine_text(number)} "
    return (
        f"Nearest: {who}{reason} [{rule.id}]. It would take at least {rule.remedy(table, number)}."
    )


def _miss(table: Table, numbers: NDArray[np.int64], place: int) -> NDArray[np.float64]:
    """Return how far each row misses a constraint, in any unit that orders them."""
    columns = {
        "MEM-FIT": table.short_bytes,
        "SLO-TTFT": table.judged_ttft_s,
        "SLO-TPOT": table.judged_tpot_s,
        "PRICE-NONE": table.cards_count,
        "LIMIT-GPUS": table.cards_count,
        "LIMIT-BUDGET": table.rent_usd_per_month,
        "LIMIT-POWER": np.nan_to_num(table.rated_power_w, nan=np.inf),
    }
    return columns[CONSTRAINTS[place].id][numbers]


__all__ = ["Plan", "PlannedRig", "Question", "Space", "plan", "space_of"]

"""From a fleet file to a question, and its answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.demand.fleet import objectives_of, read_fleet, size_classes
from rightrig.demand.objective import Limits
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.quantization import KV_BITS, is_gguf_mix, weight_format
from rightrig.planning.constraints import Question
from rightrig.planning.fleets.fleet import Fleet, fleet
from rightrig.planning.fleets.market import FleetMarket, Owned
from rightrig.planning.fleets.options import Bucket
from rightrig.planning.search import Space, space_of
from rightrig.quantities import parse
from rightrig.recipes.gateway import RECIPES
from rightrig.verbs.naming import model_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.demand.fleet import DemandTable, FleetFile, LimitsTable, Words
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.price import Price
    from rightrig.facts.source import Record

_LONGEST_TIME_LIMIT_S = 3600.0


def mixed(
    catalog: Catalog, file: str, time_limit: str
) -> tuple[Fleet, tuple[str, ...], tuple[Record, ...]]:
    """Return the fleet that a file asks for, notes on its traffic, and the records behind it."""
    time_limit_s = parse(time_limit, "time", name="--time-limit", limit=_LONGEST_TIME_LIMIT_S)
    asked = read_fleet(Path(file))
    market = _market(asked, catalog)
    limits = asked.limits.parsed(asked.place("[limits]"))
    buckets: list[Bucket] = []
    notes: list[str] = []
    for demand in asked.demands:
        found, said = _buckets(demand, asked, limits, market, catalog)
        buckets += found
        notes += said
    result = fleet(buckets, market, limits, time_limit_s)
    return result, tuple(notes), _records(result, catalog)


def _records(result: Fleet, catalog: Catalog) -> tuple[Record, ...]:
    """Return the records that a fleet rests on."""
    gpus = (catalog.gpu(machine.gpu) for machine, _ in result.machines)
    prices = (machine.price for machine, _ in result.machines if machine.price)
    return (*(bucket.llm for bucket in result.buckets), *gpus, *prices)


def _buckets(
    demand: DemandTable, asked: FleetFile, limits: Limits, market: FleetMarket, catalog: Catalog
) -> tuple[list[Bucket], list[str]]:
    """Return the size classes of a demand as questions, and what a reader should know."""
    where = asked.place(f"[[demand]] {demand.name}")
    llm = model_named(demand.model, catalog)
    slo = objectives_of(demand, where)
    split = size_classes(demand, where, asked.path.parent, llm.max_context_tokens)
    # The limits of the whole fleet are the program's; an engine is judged by its objectives.
    own = Limits(
        headroom_ratio=limits.headroom_ratio,
        confidence=limits.confidence,
        max_gpus_count=limits.max_gpus_count,
    )
    found = []
    for number, one in enumerate(split.classes, 1):
        question = Question(one.workload, slo, own)
        name = demand.name if len(split.classes) == 1 else f"{demand.name}-{number}"
        space = _space(demand, where, space_of(catalog, question), market, catalog)
        found.append(
            Bucket(name, demand.name, llm, question, space, one.low_tokens, one.high_tokens)
        )
    notes = []
    if split.too_long_ratio > 0.0:
        notes.append(
            f"{split.too_long_ratio:.2%} of the requests of {demand.name} are longer than the "
            f"{llm.max_context_tokens:,} tokens of {llm.name} and are left out."
        )
    return found, notes


def _space(
    demand: DemandTable, where: str, space: Space, market: FleetMarket, catalog: Catalog
) -> Space:
    """Return what engines of a demand may be made of: cards of the market, formats that are set."""
    slugs = {price.gpu for price in market.offers} | set(market.named_gpus)
    gpus = tuple(gpu for gpu in catalog.gpus() if gpu.slug in slugs)
    weights, kv = demand.weights, demand.kv
    if weights is not None:
        weights = weights.lower()
        if weights != "checkpoint" and not is_gguf_mix(weights):
            weight_format(weights)
    if kv is not None:
        kv = kv.lower()
        if kv not in KV_BITS:
            raise InputError(f"{where}: kv is {kv[:40]!r}; it is one of {', '.join(KV_BITS)}")
    formats = None if weights is None else (weights,)
    return replace(space, gpus=gpus, prices=market.offers, formats=formats, kv=kv)


def _market(asked: FleetFile, catalog: Catalog) -> FleetMarket:
    """Return the offers within the limits, what is owned, and what there is of each."""
    limits, where = asked.limits, asked.place("[limits]")
    gpus = tuple(catalog.gpu(name).slug for name in _each(limits.gpus))
    vendors = sorted({gpu.vendor for gpu in catalog.gpus()})
    vendor = None if limits.vendor is None else _known(limits.vendor, vendors, f"{where}: vendor")
    offers = _offers(limits, where, catalog.prices())
    prices = tuple(
        price
        for price in offers
        if (not gpus or price.gpu in gpus)
        and (vendor is None or catalog.gpu(price.gpu).vendor == vendor)
    )
    owned = () if limits.own is None else _owned(limits.own, where, catalog)
    if not prices and not owned:
        raise InputError(f"{where}: no offer is left; widen gpus, providers, regions or vendor")
    return FleetMarket(prices, owned, _stock(asked, offers, catalog), gpus)


def _offers(limits: LimitsTable, where: str, prices: Sequence[Price]) -> tuple[Price, ...]:
    """Return the offers of some providers in some regions."""
    wanted = {}
    for key, names in (("provider", limits.providers), ("region", limits.regions)):
        known = sorted({str(getattr(price, key)) for price in prices})
        wanted[key] = {_known(name, known, f"{where}: {key}s") for name in _each(names)}
    return tuple(
        price
        for price in prices
        if all(not names or getattr(price, key) in names for key, names in wanted.items())
    )


def _each(words: Words) -> tuple[str, ...]:
    """Return names, of which one may be written alone."""
    return (words,) if isinstance(words, str) else words


def _known(name: str, known: Iterable[str], where: str) -> str:
    """Return a name by its own spelling."""
    names = tuple(known)
    found = next((one for one in names if one.lower() == name.lower()), None)
    if found is None:
        raise InputError(f"{where} is {name[:40]!r}; known are {', '.join(names)}")
    return found


def _owned(text: str, where: str, catalog: Catalog) -> tuple[Owned, ...]:
    """Return machines that are there already."""
    rig = parse_rig(text, catalog)
    if any(group.options or group.mig for group in rig.groups) or rig.host_memory_bytes:
        raise InputError(
            f"{where}: own is {text[:60]!r}; a fleet counts plain cards, so leave out what "
            "stands behind @"
        )
    return tuple(Owned(group.gpu, group.count, rig.nodes_count) for group in rig.groups)


def _stock(
    asked: FleetFile, prices: Sequence[Price], catalog: Catalog
) -> tuple[tuple[str, int], ...]:
    """Return how many there are of each card or instance that the file names."""
    instances = {price.instance for price in prices}
    where = asked.place("[available]")
    found: dict[str, int] = {}
    for name, count in asked.available.items():
        key = name if name in instances else _card(name, where, catalog).slug
        if key in found:
            raise InputError(f"{where}: {key} is named twice")
        found[key] = count
    return tuple(found.items())


def _card(name: str, where: str, catalog: Catalog) -> Gpu:
    """Return a card by its name."""
    try:
        return catalog.gpu(name)
    except InputError as error:
        raise InputError(
            f"{where}: {name[:40]!r} is no instance of an offer, and {error}"
        ) from None


def check_recipe(name: str | None) -> None:
    """Refuse a gateway that is not known."""
    if name is not None and name not in RECIPES:
        raise InputError(f"--recipe is {name[:40]!r}: it is {' or '.join(RECIPES)}")

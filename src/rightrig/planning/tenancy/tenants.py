"""Tenants on MIG instances: the layouts of the fewest cards, with room, speed and cost for each.

An instance is planned like a card of its own (``@mig=PROFILE``): its memory decides what fits, its
SMs and its share of the bandwidth how fast it is. Which instances lie together is a matter of
places (``mig_layouts``), and which tenant gets which is searched exactly (formulas F14).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.tenancy.cost import Cost, cost_of
from rightrig.planning.tenancy.engine import Tenant, TenantEngine, check_tenants, engine_on
from rightrig.planning.tenancy.mig_layouts import (
    Layout,
    Placed,
    Stranded,
    maximal_layouts,
    multisets,
    plain_profiles,
    stranded,
)
from rightrig.planning.tenancy.packing import Fill, fewest_cards
from rightrig.quantities import show_gib, show_number, show_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.mig import MigTable

_GUIDE: Final = "https://docs.nvidia.com/datacenter/tesla/mig-user-guide/"
Seats = tuple[tuple[Placed, int], ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """One tenant's instance."""

    placed: Placed
    engine: TenantEngine


@dataclass(frozen=True, slots=True)
class MigCard:
    """One card, cut for its tenants."""

    layout: Layout
    instances: tuple[Instance, ...]
    stranded: Stranded


@dataclass(frozen=True, slots=True)
class Trial:
    """One kind of tenant on one profile; ``engine`` is ``None`` where nothing runs it there."""

    kind: int
    tenant: Tenant
    profile: str
    engine: TenantEngine | None


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Tenants on MIG instances of one kind of card.

    Attributes:
        gpu: The whole card.
        trials: Every kind of tenant on every profile.
        cards: The fewest that serve all tenants, cut for the most tokens/s; none where a
            tenant has no instance.
    """

    gpu: Gpu
    table: MigTable
    tenants: tuple[Tenant, ...]
    trials: tuple[Trial, ...]
    cards: tuple[MigCard, ...]
    cost: Cost | None

    @property
    def tenants_count(self) -> int:
        """Tenants that are served."""
        return sum(len(card.instances) for card in self.cards)

    @property
    def is_uneven(self) -> bool:
        """Whether two tenants of one kind have instances of different profiles."""
        seats = {
            (i.engine.tenant.name, i.placed.profile.profile)
            for card in self.cards
            for i in card.instances
        }
        return len(seats) > len({name for name, _ in seats})

    def explain(self) -> Explanation:
        """Return what the cards hold and leave, with figures and sources."""
        return _explained(self)


def tenancy(
    catalog: Catalog,
    gpu: Gpu,
    tenants: Sequence[Tenant],
    *,
    profile: str | None = None,
    price_usd: float | None = None,
    fill_one: bool = False,
) -> Tenancy:
    """Return the layouts of the fewest cards of a kind that serve the tenants.

    Args:
        catalog: For profiles, runtimes and offers.
        gpu: A card that MIG partitions.
        tenants: The kinds; their counts say how many of each.
        profile: The only profile to cut; otherwise all with usual media engines.
        price_usd: Purchase price of one card.
        fill_one: Serve as many of the only kind as one card holds, whatever its count.

    Raises:
        InputError: for a card without known profiles, or choices that the card does not run.
    """
    table = catalog.mig_table(gpu.slug)
    if table is None:
        raise InputError(
            f"no MIG profiles of {gpu.slug} are known; --mode shared puts several engines on the "
            "card without partitions"
        )
    check_tenants(tenants)
    profiles = plain_profiles(table) if profile is None else (table.profile(profile),)
    for tenant in tenants:
        propose(catalog, tenant.llm, parse_rig(f"1x{gpu.slug}", catalog), tenant.choices)
    rigs = {p.profile: parse_rig(f"1x{gpu.slug}@mig={p.profile}", catalog) for p in profiles}
    trials = tuple(
        Trial(kind, tenant, name, engine_on(catalog, rig, tenant))
        for kind, tenant in enumerate(tenants)
        for name, rig in rigs.items()
    )
    fills = card_fills(multisets(maximal_layouts(table, profiles)), len(tenants), trials)
    wanted = tuple(tenant.count for tenant in tenants)
    if fill_one:
        wanted = max((fill.counts for fill in fills), default=wanted)
    chosen = fewest_cards(fills, wanted) or ()
    cards = tuple(_card(gpu, table, fill.content, trials) for fill in chosen)
    cost = cost_of(catalog, gpu, len(cards), sum(wanted), price_usd) if cards else None
    return Tenancy(gpu, table, tuple(tenants), trials, cards, cost)


def tenancies(
    catalog: Catalog, tenants: Sequence[Tenant], *, fill_one: bool
) -> tuple[Tenancy, ...]:
    """Return the tenants on every card that MIG partitions, the cheapest rent a tenant first.

    Cards that do not run the tenants' formats, or hold none of them, are left out; cards that
    nobody offers come last.
    """
    found = []
    for gpu in catalog.gpus():
        if catalog.mig_table(gpu.slug) is None:
            continue
        try:
            answer = tenancy(catalog, gpu, tenants, fill_one=fill_one)
        except InputError:
            continue  # the runtime or the format is not for this card
        if answer.cards:
            found.append(answer)
    return tuple(sorted(found, key=_rent_order))


def card_fills(
    layouts: Iterable[Layout], kinds_count: int, trials: Iterable[Trial]
) -> tuple[Fill[Seats], ...]:
    """Return, for every number of tenants of each kind that one card serves, the best layout.

    Every instance of every full layout takes a tenant that it serves, or none; the largest sum
    of tokens/s wins.
    """
    rates = _served_tokens_per_s(trials)
    best: dict[tuple[int, ...], Fill[Seats]] = {}
    for layout in layouts:
        for fill in _assigned(layout, kinds_count, rates):
            kept = best.get(fill.counts)
            if kept is None or fill.output_tokens_per_s > kept.output_tokens_per_s:
                best[fill.counts] = fill
    return tuple(fill for counts, fill in best.items() if any(counts))


def _served_tokens_per_s(trials: Iterable[Trial]) -> dict[str, list[tuple[int, float]]]:
    """Return, by profile, the kinds that it serves and their tokens/s there."""
    found: dict[str, list[tuple[int, float]]] = {}
    for trial in trials:
        engine = trial.engine
        if engine is not None and engine.is_served and engine.prediction is not None:
            rate = engine.prediction.output_tokens_per_s.mid
            found.setdefault(trial.profile, []).append((trial.kind, rate))
    return found


def _assigned(
    layout: Layout, kinds_count: int, rates: Mapping[str, Sequence[tuple[int, float]]]
) -> Iterable[Fill[Seats]]:
    """Return the best assignment of one layout for every number of tenants of each kind."""
    best: dict[tuple[int, ...], Fill[Seats]] = {}
    nobody = tuple(0 for _ in range(kinds_count))
    best[nobody] = Fill(nobody, 0.0, ())
    for placed in layout.placed:
        for fill in tuple(best.values()):
            for kind, rate in rates.get(placed.profile.profile, ()):
                counts = tuple(n + (number == kind) for number, n in enumerate(fill.counts))
                total = fill.output_tokens_per_s + rate
                kept = best.get(counts)
                if kept is None or total > kept.output_tokens_per_s:
                    best[counts] = Fill(counts, total, (*fill.content, (placed, kind)))
    return best.values()


def _card(
    gpu: Gpu,
    table: MigTable,
    seats: Seats,
    trials: Sequence[Trial],
) -> MigCard:
    """Return one card with the tenants that it serves."""
    engines = {(t.kind, t.profile): t.engine for t in trials}
    instances = []
    for placed, kind in sorted(seats, key=lambda seat: seat[0].start):
        engine = engines[kind, placed.profile.profile]
        if engine is not None:
            instances.append(Instance(placed, engine))
    layout = Layout(table, tuple(instance.placed for instance in instances))
    return MigCard(layout, tuple(instances), stranded(gpu, layout))


def _rent_order(answer: Tenancy) -> tuple[bool, float]:
    """Order answers by the rent of a tenant; those without an offer last."""
    rent = answer.cost.tenant_rent_usd_per_month if answer.cost else None
    return rent is None, rent or 0.0


def _explained(found: Tenancy) -> Explanation:
    """Return sentences, figures and sources of an answer."""
    sources = tuple(dict.fromkeys(source.reference for source in found.table.sources))
    if not found.cards or found.cost is None:
        return Explanation(
            (f"No layout of {found.gpu.slug} has an instance for each tenant.",), (), sources
        )
    first = found.cards[0]
    left = first.stranded
    sentences = [
        f"{len(found.cards)} × {found.gpu.slug} for {found.tenants_count} tenants.",
        f"Card 0 is {first.layout.text}; {show_gib(left.memory_bytes)} belong to no instance.",
    ]
    figures = [
        Figure("tenants_count", found.tenants_count, str(found.tenants_count), "layout"),
        Figure("stranded_bytes", left.memory_bytes, show_gib(left.memory_bytes), "MIG profiles"),
    ]
    if left.sm_count is not None and left.sm_ratio is not None:
        sentences.append(
            f"{left.sm_count} of {found.gpu.sm_count} SMs belong to none ({left.sm_ratio:.0%})."
        )
        figures.append(
            Figure("stranded_sm_count", left.sm_count, show_number(left.sm_count), "MIG profiles")
        )
    rent = found.cost.tenant_rent_usd_per_month
    if rent is not None:
        figures.append(Figure("tenant_rent_usd_per_month", rent, show_usd(rent), "cheapest offer"))
    return Explanation(tuple(sentences), tuple(figures), (*sources, _GUIDE))

"""The report of ``tenants``: who gets which instance or share, what it holds, and its price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.planning.tenancy.isolation import ISOLATION, ISOLATION_SOURCES
from rightrig.quantities import HOURS_PER_MONTH, TERA, show_gib, show_number, show_seconds, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.tenants_layouts import layout_json, stranded_json, stranded_text
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.planning.tenancy.cost import Cost
    from rightrig.planning.tenancy.engine import Tenant, TenantEngine
    from rightrig.planning.tenancy.tenants import Instance, MigCard, Tenancy
    from rightrig.report.schema.tenancy import (
        IsolationJson,
        TenantCostJson,
        TenantEngineJson,
        TenantJson,
        TenantsAllGpusJson,
        TenantsMigJson,
    )


def tenants_text(count: int) -> str:
    """Return a number of tenants."""
    return f"{count:,} tenant{'' if count == 1 else 's'}"


def tenancy_document(found: Tenancy) -> Document:
    """Return the cards with their instances, what is stranded, the cost and the isolation."""
    if not found.cards:
        return _refusal(found)
    cards = _grouped(found.cards)
    title = (
        f"{tenants_text(found.tenants_count)} on {len(found.cards):,} × {found.gpu.slug} by MIG: "
        + "; ".join(
            f"{count:,} × ({c.layout.text})" if len(found.cards) > 1 else c.layout.text
            for c, count in cards
        )
    )
    blocks: list[Paragraph | Grid] = [Paragraph(title, "title"), *asked_paragraphs(found.tenants)]
    for card, count in cards:
        name = f"{count:,} × ({card.layout.text})" if len(cards) > 1 else ""
        blocks += [_instances(card, name), Paragraph(stranded_text(found.gpu, card.stranded))]
    if found.is_uneven and len(found.tenants) == 1:
        narrow = min(
            (i.placed.profile for c in found.cards for i in c.instances),
            key=lambda p: (p.compute_slice_count, p.memory_slice_count),
        )
        blocks.append(
            Paragraph(
                "Equal tenants have unequal instances here, for the most tokens/s; --profile "
                f"{narrow.profile} cuts equal ones.",
                "dim",
            )
        )
    return (*blocks, *cost_paragraphs(found.cost), isolation_grid("mig"))


def tenancies_document(found: Sequence[Tenancy]) -> Document:
    """Return every card that serves the tenants, and the instances of the cheapest."""
    if not found:
        return (Paragraph("No card with MIG has an instance for each tenant.", "bad"),)
    rows = tuple(
        (
            answer.gpu.slug,
            str(len(answer.cards)),
            str(answer.tenants_count),
            answer.cards[0].layout.text,
            _rent_text(answer.cost),
        )
        for answer in found
    )
    headers = ("card", "cards", "tenants", "layout of the first", "rent a tenant")
    grid = Grid(headers, rows, (1, 2, 4), title="Cards with MIG, the cheapest rent a tenant first")
    return (*tenancy_document(found[0]), grid)


def tenancy_json(found: Tenancy, recipe: str = "") -> TenantsMigJson:
    """Return the cards, every trial, the cost and the isolation as JSON, and a recipe if any."""
    told: TenantsMigJson = {
        "mode": "mig",
        "gpu": found.gpu.slug,
        "tenants_count": found.tenants_count,
        "cards_count": len(found.cards),
        "tenants": [tenant_json(tenant) for tenant in found.tenants],
        "cards": [
            {
                "count": count,
                **layout_json(card.layout),
                "stranded": stranded_json(card.stranded),
                "instances": [
                    {
                        "profile": instance.placed.profile.profile,
                        "start": instance.placed.start,
                        **engine_json(instance.engine),
                    }
                    for instance in card.instances
                ],
            }
            for card, count in _grouped(found.cards)
        ],
        "trials": [
            {
                "tenant": trial.tenant.name,
                "profile": trial.profile,
                "is_served": trial.engine is not None and trial.engine.is_served,
                "reason": _trial_reason(trial.engine),
            }
            for trial in found.trials
        ],
        "cost": cost_json(found.cost),
        "isolation": isolation_json("mig"),
        "explanation": explanation_json(found.explain()),
    }
    if recipe:
        told["recipe"] = recipe
    return told


def tenancies_json(found: Sequence[Tenancy]) -> TenantsAllGpusJson:
    """Return every card that serves the tenants, the cheapest first, as JSON."""
    return {
        "mode": "mig",
        "gpus": [
            {
                "gpu": answer.gpu.slug,
                "cards_count": len(answer.cards),
                "tenants_count": answer.tenants_count,
                "layout": answer.cards[0].layout.counts,
                "cost": cost_json(answer.cost),
            }
            for answer in found
        ],
        "best": tenancy_json(found[0]) if found else None,
    }


def asked_paragraphs(tenants: Iterable[Tenant]) -> tuple[Paragraph, ...]:
    """Return what each kind of tenant asks for, a line each."""
    return tuple(Paragraph(_asked_text(tenant), "dim") for tenant in tenants)


def _asked_text(tenant: Tenant) -> str:
    """Return what a kind of tenant asks for."""
    limits = [
        f"mean {name} at most {show_seconds(value)}"
        for name, value in (("TTFT", tenant.ttft_s), ("TPOT", tenant.tpot_s))
        if value is not None
    ]
    if tenant.rate_requests_per_s is not None:
        limits.append(f"{show_number(tenant.rate_requests_per_s)} requests/s")
    wanted = f"; {', '.join(limits)}" if limits else ""
    called = "" if tenant.name == tenant.llm.name else f"{tenant.name}: "
    return (
        f"{called}{tenant.llm.name}: room for {tenant.concurrency} × {tenant.context_tokens:,} "
        f"tokens; speed for {tenant.concurrency} at once, {tenant.lengths.input_tokens:,.0f} "
        f"tokens in and {tenant.lengths.output_tokens:,.0f} out{wanted}."
    )


def _instances(card: MigCard, title: str) -> Grid:
    """Return the instances of a card: a line for those of one tenant and profile."""
    alike: dict[tuple[str, str], list[Instance]] = {}
    for instance in card.instances:
        key = (instance.engine.tenant.name, instance.placed.profile.profile)
        alike.setdefault(key, []).append(instance)
    rows = tuple(
        (
            f"{len(group)} × {profile}",
            " ".join(str(instance.placed.start) for instance in group),
            short_name(tenant),
            str(group[0].placed.profile.sm_count or "unknown"),
            _tflops_text(group[0].engine),
            *_engine_cells(group[0].engine),
        )
        for (tenant, profile), group in alike.items()
    )
    headers = ("instances", "start at", "tenant", "SMs", "TFLOPS", *_ENGINE_HEADERS)
    return Grid(headers, rows, tuple(range(3, len(headers))), title=title, spare=(4, 1, 5))


_ENGINE_HEADERS = ("memory", "KV pool", "KV tokens", "TTFT", "TPOT", "tokens/s")
_MOST_NAME = 24


def short_name(tenant: str) -> str:
    """Return a tenant's name for a column: a hub id without its owner.

    >>> short_name("meta-llama/Llama-2-7b-hf")
    'Llama-2-7b-hf'
    """
    return tenant.rpartition("/")[2][:_MOST_NAME]


def _engine_cells(engine: TenantEngine) -> tuple[str, ...]:
    """Return an engine's memory, cache and speed: a cell for each of ``_ENGINE_HEADERS``."""
    speed, pool, tokens = engine.prediction, engine.pool_bytes, engine.cache_tokens
    return (
        show_gib(engine.fit.binding.total_bytes.mid),
        show_gib(pool.mid) if pool else "–",
        f"{tokens.mid:,.0f}" if tokens else "–",
        show_seconds(speed.ttft_s.mid) if speed else "–",
        show_seconds(speed.tpot_s.mid) if speed else "–",
        show_number(speed.output_tokens_per_s.mid) if speed else "–",
    )


def _tflops_text(engine: TenantEngine) -> str:
    """Return the dense 16-bit rate of the instance, in Tflop/s."""
    rate = engine.fit.deployment.rig.gpu.peak.bf16_flop_per_s
    return "unknown" if rate is None else f"{rate / TERA:.1f}"


def engine_json(engine: TenantEngine) -> TenantEngineJson:
    """Return an engine's room and speed as JSON."""
    gpu, speed = engine.fit.deployment.rig.gpu, engine.prediction
    pool, tokens = engine.pool_bytes, engine.cache_tokens
    return {
        "tenant": engine.tenant.name,
        "verdict": engine.fit.verdict,
        "sm_count": gpu.sm_count,
        "bf16_flop_per_s": gpu.peak.bf16_flop_per_s,
        "memory_bandwidth_bytes_per_s": gpu.memory_bandwidth_bytes_per_s,
        "memory_bytes": engine.fit.binding.total_bytes.mid,
        "budget_bytes": engine.fit.binding.budget_bytes.mid,
        "weights_bytes": engine.fit.weights_bytes,
        "kv_pool_bytes": interval_json(pool) if pool else None,
        "kv_tokens": interval_json(tokens) if tokens else None,
        "max_concurrency": engine.fit.max_concurrency,
        "ttft_s": interval_json(speed.ttft_s) if speed else None,
        "tpot_s": interval_json(speed.tpot_s) if speed else None,
        "output_tokens_per_s": interval_json(speed.output_tokens_per_s) if speed else None,
        "missed": list(engine.missed),
    }


def tenant_json(tenant: Tenant) -> TenantJson:
    """Return what a kind of tenant asks for, as JSON."""
    return {
        "name": tenant.name,
        "model": tenant.llm.name,
        "count": tenant.count,
        "context_tokens": tenant.context_tokens,
        "concurrency": tenant.concurrency,
        "input_tokens": tenant.lengths.input_tokens,
        "output_tokens": tenant.lengths.output_tokens,
        "ttft_s": tenant.ttft_s,
        "tpot_s": tenant.tpot_s,
        "rate_requests_per_s": tenant.rate_requests_per_s,
    }


def cost_paragraphs(cost: Cost | None) -> tuple[Paragraph, ...]:
    """Return what each tenant costs: rent, and the purchase price where it was said."""
    if cost is None:
        return ()
    lines = []
    rent, price = cost.tenant_rent_usd_per_month, cost.tenant_price_usd
    if rent is not None and cost.purchase is not None:
        lines.append(
            f"Rent: {show_usd(rent)} a month and tenant ({show_usd(rent / HOURS_PER_MONTH)}/h): "
            f"{cost.purchase.text} at {show_usd(cost.purchase.rent_usd_per_month)} a month over "
            f"{cost.tenants_count}."
        )
    else:
        lines.append("Rent: no offer of this card is known.")
    if price is not None and cost.price_usd is not None:
        cards = f"{cost.cards_count} × " if cost.cards_count > 1 else ""
        lines.append(
            f"Purchase: {show_usd(price)} a tenant: {cards}{show_usd(cost.price_usd)} over "
            f"{cost.tenants_count}."
        )
    return tuple(Paragraph(line) for line in lines)


def cost_json(cost: Cost | None) -> TenantCostJson | None:
    """Return what each tenant costs as JSON."""
    if cost is None:
        return None
    bought = cost.purchase
    return {
        "offer": None if bought is None else bought.text,
        "rent_usd_per_month": None if bought is None else bought.rent_usd_per_month,
        "tenant_rent_usd_per_month": cost.tenant_rent_usd_per_month,
        "price_usd": cost.price_usd,
        "tenant_price_usd": cost.tenant_price_usd,
    }


def isolation_grid(mode: str) -> Grid:
    """Return what separates the tenants, by how they share the card."""
    rows = tuple((row.what, row.mig if mode == "mig" else row.shared) for row in ISOLATION)
    return Grid(("what", "between tenants"), rows)


def isolation_json(mode: str) -> IsolationJson:
    """Return what separates the tenants as JSON."""
    rows = {row.what: row.mig if mode == "mig" else row.shared for row in ISOLATION}
    return {"properties": rows, "sources": list(ISOLATION_SOURCES)}


def _refusal(found: Tenancy) -> Document:
    """Return why no layout serves the tenants."""
    rows = tuple(
        (
            short_name(trial.tenant.name),
            trial.profile,
            "served" if trial.engine is not None and trial.engine.is_served
            else _trial_reason(trial.engine),
        )
        for trial in found.trials
    )  # fmt: skip
    return (
        Paragraph(f"NO: no layout of {found.gpu.slug} has an instance for each tenant.", "bad"),
        *asked_paragraphs(found.tenants),
        Grid(("tenant", "profile", "why"), rows),
    )


def _trial_reason(engine: TenantEngine | None) -> str:
    """Return why a profile does not serve a tenant."""
    return "nothing runs it on such an instance" if engine is None else engine.reason


def _grouped(cards: Iterable[MigCard]) -> tuple[tuple[MigCard, int], ...]:
    """Return different cards with how many there are of each."""
    counts: dict[tuple[tuple[str, int, str], ...], int] = {}
    first: dict[tuple[tuple[str, int, str], ...], MigCard] = {}
    for card in cards:
        key = tuple(
            (i.placed.profile.profile, i.placed.start, i.engine.tenant.name) for i in card.instances
        )
        counts[key] = counts.get(key, 0) + 1
        first.setdefault(key, card)
    return tuple((first[key], count) for key, count in counts.items())


def _rent_text(cost: Cost | None) -> str:
    """Return the rent of a tenant a month."""
    rent = None if cost is None else cost.tenant_rent_usd_per_month
    return "no offer" if rent is None else f"{show_usd(rent)}/month"

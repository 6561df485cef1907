"""The report of a fleet: what to rent, which pools serve what, and what proves it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from rightrig.planning.fleets.explain import request_costs
from rightrig.quantities import SECONDS_PER_MONTH, show_seconds, show_usd
from rightrig.report.document import Block, Document, Grid, Paragraph
from rightrig.report.record import asked_json
from rightrig.report.values import explanation_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.fleets.fleet import Alone, Fleet, Pool, Relaxed
    from rightrig.planning.fleets.model import Machine
    from rightrig.planning.fleets.options import Bucket
    from rightrig.report.schema.fleets import (
        BucketJson,
        FleetJson,
        FleetOfferJson,
        FleetRouteJson,
        HostJson,
        MachineJson,
        OneKindJson,
        PoolJson,
        RelaxedJson,
    )

_THOUSAND = 1000
_SHOWN_ALONE = 3


def fleet_document(fleet: Fleet, notes: Sequence[str] = ()) -> Document:
    """Return a fleet as a document; ``notes`` are on its traffic."""
    demands = len({bucket.demand for bucket in fleet.buckets})
    head = f"{demands} demand{'' if demands == 1 else 's'}"
    blocks: list[Block] = []
    if fleet.solution.is_found:
        rent = show_usd(fleet.solution.rent_usd_per_month)
        blocks.append(
            Paragraph(f"Fleet for {head}: {rent} a month, {fleet.cards_count:,} cards", "title")
        )
        blocks += [_machines(fleet), _pools(fleet), Paragraph(_pool_note(fleet), "dim")]
    else:
        blocks.append(Paragraph(f"No fleet for {head}", "title"))
    blocks += [Paragraph(sentence) for sentence in fleet.explain().sentences]
    blocks += _alone(fleet)
    if fleet.rejected:
        blocks.append(Paragraph("Routes that are not possible", "title"))
        blocks += [
            Paragraph(f"  {r.bucket} on {r.gpu}: {r.reason} [{r.rule}]") for r in fleet.rejected
        ]
    blocks += [Paragraph(note, "warn") for note in (*notes, *_stale(fleet))]
    blocks.append(Paragraph(_proof(fleet), "dim"))
    return tuple(blocks)


def _machines(fleet: Fleet) -> Grid:
    """Return what to rent, and what runs on each machine."""
    rows = tuple(
        (
            f"{count} × {_machine_text(machine)}",
            machine.price.provider if machine.price else "owned",
            machine.price.region if machine.price else "–",
            show_usd(machine.rent_usd_per_month * count) if machine.price else "–",
        )
        for machine, count in fleet.machines
    )
    return Grid(("machines", "from", "region", "$/month"), rows, (3,), spare=(2,))


def _machine_text(machine: Machine) -> str:
    """Return a machine in words: its cards, and what the provider calls it."""
    cards = f"{machine.cards_count}x{machine.gpu}"
    return f"{cards} ({machine.price.instance})" if machine.price else cards


def _pools(fleet: Fleet) -> Grid:
    """Return which engines serve what."""
    rows = tuple(
        (
            pool.bucket.name,
            _prompts_text(pool.bucket),
            f"{pool.engines_count} × {_engine_text(pool)}",
            _formats_text(pool),
            f"{pool.flow_requests_per_s:.3g}/s",
            f"{pool.load_ratio:.0%}",
            show_seconds(pool.option.ttft_p99_s),
            show_seconds(pool.option.tpot_p99_s),
        )
        for pool in fleet.pools
    )
    headers = (
        "demand", "prompts", "engines", "runtime, weights, KV", "takes", "load", "TTFT p99",
        "TPOT p99",
    )  # fmt: skip
    return Grid(headers, rows, (4, 5, 6, 7), spare=(3, 5))


def _engine_text(pool: Pool) -> str:
    """Return one engine of a pool in words."""
    kind = pool.choice.kind
    return f"{kind.cards_count}x{kind.gpu} {pool.option.split.text}"


def _formats_text(pool: Pool) -> str:
    """Return the runtime and the formats of a pool."""
    option = pool.option
    weights = "as published" if option.weights == "checkpoint" else option.weights
    return f"{option.runtime} {weights}, {option.kv}"


def _prompts_text(bucket: Bucket) -> str:
    """Return the sizes of a bucket's prompts, and its mean one."""
    mean = f"{bucket.question.workload.input_tokens:,} in"
    if bucket.high_tokens is not None:
        return f"≤ {bucket.high_tokens:,} (mean {mean})"
    return f"> {bucket.low_tokens:,} (mean {mean})" if bucket.low_tokens else mean


def _pool_note(fleet: Fleet) -> str:
    """Return how to read the pools."""
    limits = fleet.limits
    return (
        "Load is the share of what the engines carry within the objectives (met "
        f"{limits.confidence}); {limits.headroom_ratio:.0%} headroom is kept. p99 are analytic "
        "bounds at that load, for requests of mean length. Formats are those of the cheapest "
        "fleet: set weights and kv where quality counts. --json has the engines of each machine."
    )


def _alone(fleet: Fleet) -> list[Paragraph]:
    """Return the best fleets of one kind of card."""
    if not fleet.alone:
        return []
    texts = [
        f"{one.gpu} {show_usd(one.solution.rent_usd_per_month)}"
        for one in fleet.alone[:_SHOWN_ALONE]
    ]
    return [Paragraph(f"Fleets of one kind of card, $/month: {', '.join(texts)}.", "dim")]


def _proof(fleet: Fleet) -> str:
    """Return what the solver found and proved."""
    options = (
        f"{fleet.options_count:,} engines within the objectives, {len(fleet.choices):,} left after "
        "those that others make superfluous"
    )
    solution = fleet.solution
    if fleet.unserved:
        return f"{options}."
    if not solution.is_found:
        return f"{options}; {solution.elapsed_s:.2f} s."
    proven = "proven cheapest" if solution.status == "optimal" else "stopped by --time-limit"
    return (
        f"{options}; objective {_exact(solution.rent_usd_per_month)}, bound "
        f"{_exact(solution.bound_usd_per_month)}, gap {solution.gap_ratio:.2%} ({proven}, HiGHS); "
        f"{solution.elapsed_s:.2f} s."
    )


def _exact(amount_usd: float) -> str:
    """Return dollars with cents, as a bound is compared."""
    return f"${amount_usd:,.2f}"


def _stale(fleet: Fleet) -> list[str]:
    """Return which prices of the fleet are old, undated or of low trust."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    said: dict[str, None] = {}
    for machine, _ in fleet.machines:
        price = machine.price
        if price is not None and (price.staleness(today) or price.trust == "low"):
            age = price.staleness(today) or price.date
            low = ", of low trust" if price.trust == "low" else ""
            said[f"{machine.gpu} of {price.provider} ({age}{low})"] = None
    return [f"Check prices before you rent: {'; '.join(said)}."] if said else []


def fleet_json(fleet: Fleet, notes: Sequence[str] = (), recipe: str = "") -> FleetJson:
    """Return a fleet as JSON, and a recipe if any."""
    solution = fleet.solution
    told: FleetJson = {
        "status": "unserved" if fleet.unserved else solution.status,
        "rent_usd_per_month": solution.rent_usd_per_month if solution.is_found else None,
        "bound_usd_per_month": solution.bound_usd_per_month if solution.is_found else None,
        "gap_ratio": solution.gap_ratio if solution.is_found else None,
        "solver_s": solution.elapsed_s,
        "options_count": fleet.options_count,
        "kept_options_count": len(fleet.choices),
        "cards_count": fleet.cards_count,
        "limits": asked_json(fleet.limits),
        "demands": [_bucket_json(fleet, bucket) for bucket in fleet.buckets],
        "machines": [_machine_json(machine, count) for machine, count in fleet.machines],
        "pools": [_pool_json(pool) for pool in fleet.pools],
        "hosts": _hosts_json(fleet),
        "routes": _routes_json(fleet),
        "one_kind": [_alone_json(one) for one in fleet.alone],
        "without_limits": [_relaxed_json(fleet, one) for one in fleet.relaxed],
        "unserved": [{"demand": name, "reason": why} for name, why in fleet.unserved],
        "rejected": [
            {"demand": r.bucket, "gpu": r.gpu, "rule": r.rule, "reason": r.reason}
            for r in fleet.rejected
        ],
        "notes": list(notes),
        "explanation": explanation_json(fleet.explain()),
    }
    if recipe:
        told["recipe"] = recipe
    return told


def _bucket_json(fleet: Fleet, bucket: Bucket) -> BucketJson:
    """Return one size class of a demand as JSON."""
    return {
        "name": bucket.name,
        "demand": bucket.demand,
        "model": bucket.llm.name,
        "low_tokens": bucket.low_tokens,
        "high_tokens": bucket.high_tokens,
        **asked_json(bucket.question.workload),
        **asked_json(bucket.question.slo),
        "usd_per_thousand_requests": {
            gpu: cost_usd * _THOUSAND for gpu, cost_usd in request_costs(fleet, bucket)
        },
    }


def _machine_json(machine: Machine, count: int) -> MachineJson:
    """Return one kind of machine as JSON."""
    price = machine.price
    offer: FleetOfferJson | None = (
        None
        if price is None
        else {
            "provider": price.provider,
            "region": price.region,
            "instance": price.instance,
            "date": price.date,
            "trust": price.trust,
            "source": price.source,
            "price_warning": price.staleness(datetime.datetime.now(tz=datetime.UTC).date()),
        }
    )
    return {
        "gpu": machine.gpu,
        "cards_count": machine.cards_count,
        "machines_count": count,
        "rent_usd_per_month": machine.rent_usd_per_month * count,
        "offer": offer,
    }


def _pool_json(pool: Pool) -> PoolJson:
    """Return one pool as JSON."""
    option, kind = pool.option, pool.choice.kind
    month = pool.flow_requests_per_s * SECONDS_PER_MONTH
    return {
        "pool": pool.name,
        "demand": pool.bucket.name,
        "gpu": kind.gpu,
        "engine_cards_count": kind.cards_count,
        "engines_count": pool.engines_count,
        "tp": option.split.tp,
        "pp": option.split.pp,
        "split": option.split.text,
        "runtime": option.runtime,
        "weights": option.weights,
        "kv": option.kv,
        "step_tokens": option.step_tokens,
        "engine_rate_requests_per_s": kind.rate_requests_per_s,
        "flow_requests_per_s": pool.flow_requests_per_s,
        "requests_per_month": month,
        "share_ratio": pool.share_ratio,
        "load_ratio": pool.load_ratio,
        "ttft_p99_s": option.ttft_p99_s,
        "tpot_p99_s": option.tpot_p99_s,
    }


def _hosts_json(fleet: Fleet) -> list[HostJson]:
    """Return which engines run on each machine."""
    names = {pool.choice: pool.name for pool in fleet.pools}
    return [
        {
            "machine": _machine_text(fleet.problem.machines[host.machine]),
            "engines": {
                names[fleet.choices[kind]]: count for kind, count in host.engine_counts.items()
            },
            "free_cards_count": host.free_count,
        }
        for host in fleet.hosts
    ]


def _routes_json(fleet: Fleet) -> list[FleetRouteJson]:
    """Return the routing table as JSON."""
    return [
        {
            "name": route.name,
            "model": route.model,
            "low_tokens": route.low_tokens,
            "high_tokens": route.high_tokens,
            "targets": [{"pool": t.pool, "weight_ratio": t.weight_ratio} for t in route.targets],
        }
        for route in fleet.routes.routes
    ]


def _alone_json(one: Alone) -> OneKindJson:
    """Return the best fleet of one kind of card as JSON."""
    return {"gpu": one.gpu, "rent_usd_per_month": one.solution.rent_usd_per_month}


def _relaxed_json(fleet: Fleet, one: Relaxed) -> RelaxedJson:
    """Return what a fleet without some limits would be, as JSON."""
    return {
        "limits": [c.key for c in one.ceilings],
        "rent_usd_per_month": one.solution.rent_usd_per_month,
        "used": {c.key: fleet.problem.used(c, one.solution) for c in one.ceilings},
    }

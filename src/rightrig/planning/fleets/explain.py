"""Why a fleet is what it is: where each demand goes, what mixing saves, what limits cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.fleets.options import card_usd_per_month, request_usd
from rightrig.quantities import show_usd

if TYPE_CHECKING:
    from rightrig.planning.fleets.fleet import Fleet, Relaxed
    from rightrig.planning.fleets.model import Ceiling
    from rightrig.planning.fleets.options import Bucket

_SHOWN_CARDS: Final = 4
_THOUSAND: Final = 1000
_CHEAPER_RATIO: Final = 1.0 - 1e-6
"""Below this share of the best fleet of one kind of card, a mix is called cheaper."""


def explain_fleet(fleet: Fleet) -> Explanation:
    """Return the reasons of a fleet, or what stands in its way."""
    if fleet.unserved:
        return Explanation(
            tuple(f"No engine can serve {name}: {reason}" for name, reason in fleet.unserved)
        )
    if not fleet.solution.is_found:
        return Explanation(
            (_not_found(fleet), *(_relaxed_sentence(fleet, one) for one in fleet.relaxed))
        )
    sentences = [
        _mixing(fleet),
        *(_bucket_sentence(fleet, bucket) for bucket in fleet.buckets),
        *(_relaxed_sentence(fleet, one) for one in fleet.relaxed),
    ]
    source = "HiGHS, by scipy.optimize.milp"
    solution = fleet.solution
    figures = [
        Figure("rent_usd_per_month", solution.rent_usd_per_month,
               show_usd(solution.rent_usd_per_month), source),
        Figure("bound_usd_per_month", solution.bound_usd_per_month,
               show_usd(solution.bound_usd_per_month), source),
    ]  # fmt: skip
    prices = {machine.price.source: None for machine, _ in fleet.machines if machine.price}
    return Explanation(tuple(s for s in sentences if s), tuple(figures), tuple(prices))


def _not_found(fleet: Fleet) -> str:
    """Return why there is no fleet."""
    if fleet.solution.status != "infeasible":
        return "No fleet was found in the time; give more with --time-limit."
    if not fleet.relaxed:
        return "No fleet: the machines that can be had do not hold the engines that it takes."
    return "No fleet keeps every limit."


def _mixing(fleet: Fleet) -> str:
    """Return what the mix saves against the best fleet of one kind of card."""
    rent = fleet.solution.rent_usd_per_month
    kinds = {pool.choice.kind.gpu for pool in fleet.pools}
    if not fleet.alone:
        return "No single kind of card can serve every demand within the limits: a mix is needed."
    best = fleet.alone[0]
    alone = best.solution.rent_usd_per_month
    if rent < alone * _CHEAPER_RATIO:
        return (
            f"Mixing {len(kinds)} kinds of cards saves {show_usd(alone - rent)} a month "
            f"({1.0 - rent / alone:.0%}): {show_usd(rent)}, against {show_usd(alone)} for the best "
            f"fleet of one kind, {best.gpu}."
        )
    return (
        f"Mixing saves nothing here: a fleet of {best.gpu} alone costs {show_usd(alone)} a month "
        "too."
    )


def request_costs(fleet: Fleet, bucket: Bucket) -> tuple[tuple[str, float], ...]:
    """Return (card, USD) a request of a bucket on full engines of each card, cheapest first."""
    place = fleet.buckets.index(bucket)
    headroom = bucket.question.limits.headroom_ratio
    costs_usd: dict[str, float] = {}
    for choice in fleet.choices:
        kind = choice.kind
        if kind.need == place:
            each = card_usd_per_month(fleet.problem.machines, kind.gpu, kind.cards_count)
            one_usd = request_usd(each, kind.cards_count, kind.rate_requests_per_s, headroom)
            costs_usd[kind.gpu] = min(costs_usd.get(kind.gpu, math.inf), one_usd)
    return tuple(sorted(costs_usd.items(), key=lambda item: item[1]))


def _bucket_sentence(fleet: Fleet, bucket: Bucket) -> str:
    """Return where a bucket goes, and what a request costs there and elsewhere."""
    mine = [pool for pool in fleet.pools if pool.bucket is bucket]
    where = ", ".join(
        f"{pool.engines_count} × {pool.choice.kind.cards_count}x{pool.choice.kind.gpu} "
        f"({pool.share_ratio:.0%})"
        for pool in mine
    )
    costs = request_costs(fleet, bucket)
    used = {pool.choice.kind.gpu for pool in mine}
    shown = [(g, c) for g, c in costs if g in used]
    shown += [(g, c) for g, c in costs if g not in used][:_SHOWN_CARDS]
    texts = ", ".join(f"{show_usd(cost * _THOUSAND)} on {gpu}" for gpu, cost in shown)
    why = ""
    if costs[0][0] not in used:
        why = " Cards that are cheaper when full would not be filled, or a limit is in the way."
    return f"{bucket.name} goes to {where}; a thousand requests on full engines: {texts}.{why}"


def ceiling_text(ceiling: Ceiling, used: float | None = None) -> str:
    """Return a limit in words, or what is used of what it limits."""
    value = ceiling.most if used is None else used
    name = ceiling.key.removeprefix("available ")
    amount = {
        "budget": f"{show_usd(value)} a month",
        "power": f"{value:,.0f} W",
        "max_gpus": f"{value:,.0f} cards",
    }.get(name, f"{value:,.0f} of {name}")
    return amount if used is not None else f"{ceiling.key} = {amount}"


def _relaxed_sentence(fleet: Fleet, relaxed: Relaxed) -> str:
    """Return what the fleet would be without a limit."""
    problem, rent = fleet.problem, relaxed.solution.rent_usd_per_month
    names = " and ".join(ceiling_text(c) for c in relaxed.ceilings)
    uses = [ceiling_text(c, problem.used(c, relaxed.solution)) for c in relaxed.ceilings]
    if all(c.key != "budget" for c in relaxed.ceilings):
        uses.append(f"{show_usd(rent)} a month")
    taken = " and ".join(uses)
    if fleet.solution.is_found:
        saved = show_usd(fleet.solution.rent_usd_per_month - rent)
        return f"The limit {names} costs {saved} a month: without it the fleet takes {taken}."
    return f"Without {names} there is a fleet: the cheapest takes {taken}."

"""Why the first plan is first, in a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.costs.bill import between_usd
from rightrig.facts.explanation import Explanation, Figure
from rightrig.quantities import show_seconds, show_usd

if TYPE_CHECKING:
    from rightrig.costs.goods import Bought
    from rightrig.planning.planned import Plan, PlannedRig

_CLEARLY_RATIO: Final = 0.9
"""A plan is called quicker when its TPOT is at least a tenth lower."""


def why_first(plan: Plan) -> Explanation:
    """Return sentences about the winner and what beats it in something, or about the nearest."""
    if not plan.plans:
        alone = [
            f"{one.option} alone would do ({one.engine}, every other limit kept) [{one.rule}]."
            for one in plan.relaxations
        ]
        if not alone and "[LIMIT" in plan.nearest:
            alone = ["No single limit stands in the way alone: at least two must give."]
        return Explanation(("No plan: every card breaks a rule.", plan.nearest, *alone))
    best = plan.plans[0]
    sentences = [_first(best), *_quicker(plan.plans)]
    provider, name, source = best.source
    sentences.append(f"Price: {provider} {name}, {source}.")
    if best.bought is not None:
        sentences.append(_bought_sentence(best.bought))
    quantity = "rent_usd_per_month" if best.purchase is not None else "capex_usd"
    figures = (Figure(quantity, best.cost_usd, show_usd(best.cost_usd), source),)
    return Explanation(tuple(sentences), figures, (source,))


def _bought_sentence(bought: Bought) -> str:
    """Return what is bought in all, with its range."""
    total = f"In all {between_usd(bought.price_usd)}"
    if bought.host_text:
        hosts = between_usd(bought.hosts_usd)
        return f"{total}: {bought.text}, and {hosts} for {bought.host_text}."
    if bought.has_hosts:
        return f"{total}: {bought.text}."
    return f"{total}: {bought.text} alone; no machine around such cards has a known price."


def engines_text(plan: PlannedRig) -> str:
    """Return the engines of a plan in words."""
    formats = plan.weights if plan.kv in {"bf16", "fp16"} else f"{plan.weights}, {plan.kv} cache"
    kind = f"{plan.engine_split}, {formats}, {plan.runtime}{parts_text(plan)}"
    return f"{plan.split.replicas} × {plan.rig} ({kind})"


def parts_text(plan: PlannedRig) -> str:
    """Say how many of a plan's engines read prompts, where they are divided."""
    if not plan.prefill_count:
        return ""
    return f"; {plan.prefill_count} read prompts, {plan.split.replicas - plan.prefill_count} decode"


def cost_text(plan: PlannedRig) -> str:
    """Return what a plan costs, in words."""
    if plan.purchase is None:
        return f"{show_usd(plan.capex_usd)} to buy"
    return f"{show_usd(plan.rent_usd_per_month)} a month"


def _first(best: PlannedRig) -> str:
    """Say what the winner is, what it carries, and how surely."""
    carried = f"carries {best.capacity_requests_per_s:.3g} requests/s"
    if best.met == "no objective":
        return f"{engines_text(best)} at {cost_text(best)} {carried}; no latency objective was set."
    how = "simulated" if best.method == "simulated" else "p99 figures are analytic bounds"
    return (
        f"{engines_text(best)} at {cost_text(best)} {carried} within the objectives "
        f"(met {best.met}; {how})."
    )


def _quicker(plans: tuple[PlannedRig, ...]) -> list[str]:
    """Name the cheapest plan that is clearly quicker than the first."""
    best = plans[0]
    quicker = [p for p in plans[1:] if p.tpot_p99_s.mid < _CLEARLY_RATIO * best.tpot_p99_s.mid]
    if not quicker:
        return []
    other = min(quicker, key=lambda p: (p.cost_usd, p.tpot_p99_s.mid))
    extra = show_usd(max(other.cost_usd - best.cost_usd, 0.0))
    period = " a month" if best.purchase is not None else ""
    return [
        (
            f"For {extra}{period} more, {engines_text(other)} brings TPOT p99 from "
            f"{show_seconds(best.tpot_p99_s.mid)} to {show_seconds(other.tpot_p99_s.mid)}."
        )
    ]

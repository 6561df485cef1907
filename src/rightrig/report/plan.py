"""The report of a plan: the ranked list, the front, and why the other cards lost."""

from __future__ import annotations

import datetime
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.facts.price import STALE_AFTER_DAYS, staleness
from rightrig.quantities import MILLION, show_seconds, show_usd
from rightrig.report.document import Block, Document, Grid, Paragraph
from rightrig.report.questions_layout import growth_document, measure_next_document

if TYPE_CHECKING:
    from rightrig.planning.explain import Hinges
    from rightrig.planning.least import LeastObjective
    from rightrig.planning.planned import Outbid, Plan, PlannedRig
    from rightrig.planning.questions.growth import Runway
    from rightrig.planning.questions.measure_next import NextMeasurement

_SHOWN_CARDS = 12


@dataclass(frozen=True, slots=True)
class Extra:
    """What is shown beside a plan.

    Attributes:
        source: Where the traffic is from; empty for fixed lengths.
        longest_tokens: Longest prompt and answer together of that traffic; 0 for fixed lengths.
        every_reason: Whether each rejected card has a line of its own.
        hinges: What the answer hangs on.
        least: Without a plan, how far each objective would have to give way.
        measurement: What should be measured next.
        runway: How long the first plan lasts.
    """

    source: str = ""
    longest_tokens: int = 0
    every_reason: bool = False
    hinges: Hinges | None = None
    least: tuple[LeastObjective, ...] = ()
    measurement: NextMeasurement | None = None
    runway: Runway | None = None


def plan_document(plan: Plan, extra: Extra | None = None) -> Document:
    """Return a plan as a document."""
    extra = extra or Extra()
    blocks: list[Block] = [
        Paragraph(f"Plans for {plan.llm.name}", "title"),
        Paragraph(_asked(plan, extra)),
    ]
    if plan.plans:
        blocks += [_ranking(plan), Paragraph(_legend(plan), "dim")]
    blocks += [Paragraph(sentence) for sentence in plan.explain().sentences]
    blocks += [Paragraph(text, "dim") for text in _details(plan)]
    blocks += _hinges(extra)
    if plan.rejected or plan.outbid:
        blocks.append(Paragraph("Why the other cards lost", "title"))
        blocks += _outbid(plan, every_reason=extra.every_reason)
        blocks += _reasons(plan, every_reason=extra.every_reason)
    blocks += [Paragraph(warning, "warn") for warning in _warnings(plan)]
    counts = plan.counts
    blocks.append(
        Paragraph(
            f"{counts.candidates_count:,} candidates, {counts.pruned_count:,} pruned by market, "
            f"rules and memory, {counts.evaluated_count:,} evaluated, {counts.feasible_count:,} "
            f"feasible, {counts.front_count:,} on the front; {plan.elapsed_s:.2f} s.",
            "dim",
        )
    )
    return tuple(blocks)


def _asked(plan: Plan, extra: Extra) -> str:
    """Return the question in words."""
    workload, slo, limits = plan.question.workload, plan.question.slo, plan.question.limits
    wanted = [
        f"{one.metric.upper()} p{one.percentile} ≤ {show_seconds(one.limit_s)}"
        for one in slo.objectives()
    ]
    traffic = f"{extra.source}, on average " if extra.source else ""
    law = "" if extra.source else " (Poisson)"
    spare = f", {limits.spare_engines_count} spare" if limits.spare_engines_count else ""
    return (
        f"{traffic}{workload.rate_requests_per_s:.4g} requests/s{law}, {workload.input_tokens:,} "
        f"tokens in, {workload.output_tokens:,} out; {', '.join(wanted) or 'no latency objective'}"
        f"; {limits.headroom_ratio:.0%} headroom{spare}; objectives met {limits.confidence}."
    )


def _ranking(plan: Plan) -> Grid:
    """Return the ranked list."""
    buys = plan.question.limits.buys
    rows = tuple(
        (
            f"{number}{'*' if p.on_front else ''}",
            (f"{p.prefill_count}+" if p.prefill_count else "")
            + f"{p.split.replicas - p.prefill_count} × {p.rig}"
            + (f" {p.engine_split}" if p.engine_split != f"tp{p.split.engine_cards}" else ""),
            f"{p.runtime} {_formats(p)}",
            show_usd(p.cost_usd),
            _energy_text(p) if buys else show_usd(p.cost_usd_per_output_token * MILLION),
            show_seconds(p.ttft_p99_s.mid),
            show_seconds(p.tpot_p99_s.mid),
            f"{p.capacity_requests_per_s:.1f}/s",
            p.met + ("‡" if p.method == "simulated" else ""),
            _from(p),
        )
        for number, p in enumerate(plan.plans, 1)
    )
    headers = (
        "#", "engines", "runtime, weights", "$" if buys else "$/month",
        "energy $/month" if buys else "$/M out", "TTFT p99", "TPOT p99", "carries", "met", "from",
    )  # fmt: skip
    return Grid(headers, rows, (3, 4, 5, 6, 7), spare=(9, 4, 7))


def _formats(p: PlannedRig) -> str:
    """Return the formats of weights and, where it is not 16 bits, of the cache."""
    weights = "as published" if p.weights == "checkpoint" else p.weights
    return weights if p.kv in {"bf16", "fp16"} else f"{weights}/{p.kv}"


def _energy_text(p: PlannedRig) -> str:
    """Return what electricity costs a month, where power is published."""
    return "?" if p.energy_usd_per_month is None else show_usd(p.energy_usd_per_month)


def _legend(plan: Plan) -> str:
    """Return what the signs of the list mean."""
    some = any(p.method == "simulated" for p in plan.plans)
    how = (
        "‡ simulated, the others are analytic bounds of queueing"
        if some
        else "p99 are analytic bounds of queueing (--simulate 3 simulates the first three)"
    )
    parts = (
        " 2+3 engines: two read prompts and send their cache to three that decode."
        if any(p.prefill_count for p in plan.plans)
        else ""
    )
    low = " † price from a source of low trust." if any(map(_is_low_trust, plan.plans)) else ""
    return (
        f"* on the Pareto front of cost, TTFT p99, TPOT p99 and throughput. {how}; --json has the "
        f"80 % interval of each.{low}{parts}"
    )


def _from(p: PlannedRig) -> str:
    """Return who rents a plan's machines, or how they are bought."""
    if p.bought is not None:
        return p.bought.way
    return p.source[0] + ("†" if _is_low_trust(p) else "")


def _is_low_trust(p: PlannedRig) -> bool:
    """Say whether a price is from a source of low trust."""
    return p.purchase is not None and p.purchase.price.trust == "low"


def _details(plan: Plan) -> list[str]:
    """Say what the winner draws, what its formats cost in quality, and what is not counted."""
    if not plan.plans:
        return []
    best, told = plan.plans[0], []
    if best.power_w is not None:
        energy = show_usd(best.energy_usd_per_month or 0.0)
        paid = ", included in a rent" if best.purchase is not None else ""
        host = f" and the machines around them {best.host_power_w:,.0f} W (estimated)"
        hosts = host if best.host_power_w else ""
        told.append(
            f"Its cards draw about {best.power_w:,.0f} W{hosts}: {energy} a month at "
            f"${plan.tariff.usd_per_kwh:g}/kWh ({plan.tariff.usd_origin}) and PUE "
            f"{plan.tariff.pue_ratio:g} ({plan.tariff.pue_origin}){paid}."
        )
    if best.quality:
        told.append(f"Quality: {best.quality}.")
    if best.bought is not None:
        told.append(
            "Space, staff, support, the price of money and resale are not counted: "
            f"rightrig cost own {best.rig} adds them."
        )
    return told


def _hinges(extra: Extra) -> list[Block]:
    """Return what the answer hangs on, what to measure, how long it lasts."""
    blocks: list[Block] = []
    if extra.hinges is not None:
        blocks.append(Paragraph("What the answer hangs on", "title"))
        blocks += [Paragraph(sentence) for sentence in extra.hinges.sentences()]
    blocks += [Paragraph(one.text) for one in extra.least]
    if extra.measurement is not None:
        blocks += measure_next_document(extra.measurement)
    if extra.runway is not None:
        blocks += growth_document(extra.runway)
    return blocks


def _outbid(plan: Plan, *, every_reason: bool) -> list[Paragraph]:
    """Return the cards whose best plan lost to the first, with the gap in cost."""
    if every_reason:
        return [
            Paragraph(
                f"  {one.gpu}: {one.engine} costs {show_usd(one.cost_usd)}, {_gap(one)} [COST]"
            )
            for one in plan.outbid
        ]
    if not plan.outbid:
        return []
    told = ", ".join(f"{one.gpu} {_gap(one)}" for one in plan.outbid[:_SHOWN_CARDS])
    more = len(plan.outbid) - _SHOWN_CARDS
    return [Paragraph(f"  [COST] {told}{f' and {more} more' if more > 0 else ''}.")]


def _gap(one: Outbid) -> str:
    """Return a gap in cost with its sign."""
    return f"{'+' if one.gap_usd >= 0.0 else '-'}{show_usd(abs(one.gap_usd))}"


def _reasons(plan: Plan, *, every_reason: bool) -> list[Paragraph]:
    """Return the rejected cards, grouped by rule with one example each, or all of them."""
    if every_reason:
        return [Paragraph(f"  {gpu}: {reason} [{rule}]") for gpu, rule, reason in plan.rejected]
    grouped: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for gpu, rule, reason in plan.rejected:
        grouped[rule].append((gpu, reason))
    lines = []
    for rule, cards in grouped.items():
        names = ", ".join(gpu for gpu, _ in cards[:_SHOWN_CARDS])
        more = f" and {len(cards) - _SHOWN_CARDS} more" if len(cards) > _SHOWN_CARDS else ""
        lines.append(Paragraph(f"  [{rule}] {names}{more}. For one: {cards[0][1]}."))
    if lines:
        lines.append(Paragraph("  (--why lists the reason of every card)", "dim"))
    return lines


def price_warning(p: PlannedRig, today: datetime.date) -> str:
    """Return a warning about an old or undated price, else an empty text."""
    if p.purchase is not None:
        return p.purchase.price.staleness(today)
    return "" if p.bought is None else staleness(p.bought.good.date, today)


def winner_warning(stale: str, *, is_low: bool) -> list[str]:
    """Return what is to be known about the winning price: its age, and a source of low trust."""
    low = ", a source of low trust" if is_low else ""
    return [f"The winning price is {stale}{low}: check it before you buy."] if stale or low else []


def _warnings(plan: Plan) -> list[str]:
    """Return what a reader should know about the prices."""
    if not plan.plans:
        return []
    today = datetime.datetime.now(tz=datetime.UTC).date()
    stale = price_warning(plan.plans[0], today)
    said = winner_warning(stale, is_low=_is_low_trust(plan.plans[0]))
    others = sum(bool(price_warning(p, today)) for p in plan.plans[1:])
    if others:
        said.append(
            f"{others} of the other {len(plan.plans) - 1} plans rest on prices that are undated "
            f"or more than {STALE_AFTER_DAYS} days old."
        )
    return said

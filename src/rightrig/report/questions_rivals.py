"""The reports of the questions that put hardware against hardware: two rigs, budgets, markets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.planning.questions.consumer_or_datacenter import full_usd_per_million_tokens
from rightrig.planning.questions.market import weights_text
from rightrig.quantities import MILLION, TERA, show_gib, show_number, show_seconds, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.questions_hardware import (
    hire_json,
    optional_json,
    sentences_of,
    shown_usd,
)
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.constraints import Question
    from rightrig.planning.flips import Flip
    from rightrig.planning.planned import PlannedRig
    from rightrig.planning.questions.consumer_or_datacenter import ConsumerOrDatacenter, Corner
    from rightrig.planning.questions.many_or_one import ManyOrOne, Side
    from rightrig.planning.questions.market import Hire
    from rightrig.planning.questions.tiers import HomeLab, Tier, Tiers
    from rightrig.report.schema.ask_hardware import (
        BestFlipJson,
        ConsumerOrDatacenterJson,
        CornerJson,
        FullHireJson,
        ManyOrOneJson,
        MarketPlanJson,
        RivalRigJson,
        TierJson,
        TiersJson,
    )


def rivals_document(found: ManyOrOne) -> Document:
    """Return two rigs side by side, and whether the dear card is worth it."""
    many, one = found.many, found.one
    workload = found.question.workload
    tokens = workload.input_tokens + workload.output_tokens
    rows = tuple(
        (name, left, right)
        for (name, left), (_, right) in zip(
            _side_lines(many, tokens), _side_lines(one, tokens), strict=True
        )
    )
    return (
        Paragraph(f"{found.llm.name}: {many.text} or {one.text}", "title"),
        Grid(("", many.text, one.text), rows, (1, 2)),
        *sentences_of(found.explain()),
        Paragraph(
            "Peaks and pooled memory are sums; goodput has the split and its communication in it. "
            "Failures of more cards and hosts are not counted.",
            "dim",
        ),
    )


def _side_lines(side: Side, request_tokens: int) -> tuple[tuple[str, str], ...]:
    """Return one side as lines: what its datasheet adds up to, then what it delivers."""
    option, good, full = side.option, side.goodput_requests_per_s, side.saturated_tokens_per_s
    peak, cost = side.peak_flop_per_s, side.cost_usd_per_token(request_tokens)
    split = "–" if option is None else f"{side.engines_count} × {option.split.text}"
    return (
        ("peak, 16 bits, TFLOP/s", "–" if peak is None else show_number(peak / TERA)),
        ("memory, pooled", show_gib(side.pooled_bytes)),
        ("memory, largest shard", show_gib(side.card_bytes)),
        ("best split", split),
        ("requests/s within objectives", "–" if good is None else show_number(good.mid)),
        ("output tokens/s, saturated", "–" if full is None else show_number(full.mid)),
        ("TTFT p99 at that load", "–" if option is None else show_seconds(option.ttft_p99_s)),
        ("TPOT p99 at that load", "–" if option is None else show_seconds(option.tpot_p99_s)),
        ("rent a month", shown_usd(side.rent_usd_per_month)),
        ("$/M tokens at that load", shown_usd(None if cost is None else cost * MILLION)),
        ("cards to buy", shown_usd(side.purchase_usd)),
        ("rated power", "–" if side.rated_power_w is None else f"{side.rated_power_w:,.0f} W"),
        ("hosts", str(side.hosts_count)),
    )


def rivals_json(found: ManyOrOne) -> ManyOrOneJson:
    """Return two rigs as JSON."""
    workload = found.question.workload
    tokens = workload.input_tokens + workload.output_tokens
    return {
        "model": found.llm.name,
        "many": _side_json(found.many, tokens),
        "one": _side_json(found.one, tokens),
        "premiums": [
            {
                "basis": p.basis,
                "price_ratio": p.price_ratio,
                "goodput_ratio": interval_json(p.goodput_ratio),
                "justified": p.justified,
            }
            for p in found.premiums
        ],
        "flips": _flips_json(found.flips),
        "rate_requests_per_s": found.rate_requests_per_s,
        "winner": found.winner or None,
        "explanation": explanation_json(found.explain()),
    }


def _side_json(side: Side, request_tokens: int) -> RivalRigJson:
    """Return one side as JSON."""
    option, cost = side.option, side.cost_usd_per_token(request_tokens)
    return {
        "rig": side.text,
        "cards_count": side.cards_count,
        "hosts_count": side.hosts_count,
        "peak_flop_per_s": side.peak_flop_per_s,
        "pooled_bytes": side.pooled_bytes,
        "card_bytes": side.card_bytes,
        "engines_count": side.engines_count,
        "tp": None if option is None else option.split.tp,
        "pp": None if option is None else option.split.pp,
        "runtime": None if option is None else option.runtime,
        "weights": None if option is None else option.weights,
        "goodput_requests_per_s": optional_json(side.goodput_requests_per_s),
        "saturated_tokens_per_s": optional_json(side.saturated_tokens_per_s),
        "ttft_p99_s": None if option is None else option.ttft_p99_s,
        "tpot_p99_s": None if option is None else option.tpot_p99_s,
        "rent_usd_per_month": side.rent_usd_per_month,
        "purchase_usd": side.purchase_usd,
        "cost_usd_per_million_tokens": None if cost is None else cost * MILLION,
        "rated_power_w": side.rated_power_w,
    }


def _flips_json(flips: Sequence[Flip[str]]) -> list[BestFlipJson]:
    """Return flips as JSON."""
    return [
        {"at_requests_per_s": f.at_requests_per_s, "before": f.before, "after": f.after}
        for f in flips
    ]


def tiers_document(found: Tiers) -> Document:
    """Return what each budget carries."""
    rows = (*(_tier_row(tier) for tier in found.tiers), _home_row(found.home))
    headers = ("budget", "engines", "carries", "$/month", "TTFT p99", "TPOT p99")
    return (
        Paragraph(f"{found.llm.name}: what a budget carries", "title"),
        Grid(headers, rows, (2, 3, 4, 5), spare=(4,)),
        *sentences_of(found.explain()),
        Paragraph(
            f"Without an end, a budget is limited to {found.question.limits.max_gpus_count} cards; "
            "--max-gpus changes it. What carries most for a budget need not be the cheapest for "
            "less traffic: that is plan.",
            "dim",
        ),
    )


def _tier_row(tier: Tier) -> tuple[str, ...]:
    """Return one tier as a line."""
    hire = tier.hire
    if hire is None:
        return (f"{tier.name}/month", "nothing", "–", "–", "–", "–")
    return (
        f"{tier.name}/month",
        hire.text,
        f"{show_number(hire.capacity_requests_per_s)}/s",
        show_usd(hire.rent_usd_per_month),
        show_seconds(hire.option.ttft_p99_s),
        show_seconds(hire.option.tpot_p99_s),
    )


def _home_row(lab: HomeLab) -> tuple[str, ...]:
    """Return the home lab as a line."""
    name = f"home lab, {show_usd(lab.home.capital_usd)}"
    if lab.option is None:
        return (name, "nothing", "–", "–", "–", "–")
    split = lab.option.split
    return (
        name,
        f"{lab.engines_count} × {split.engine_cards}x{lab.option.gpu.slug}",
        f"{show_number(lab.capacity_requests_per_s)}/s",
        show_usd(lab.energy_usd_per_month),
        show_seconds(lab.option.ttft_p99_s),
        show_seconds(lab.option.tpot_p99_s),
    )


def tiers_json(found: Tiers) -> TiersJson:
    """Return what each budget carries as JSON."""
    lab = found.home
    option = lab.option
    return {
        "model": found.llm.name,
        "tiers": [_tier_json(tier) for tier in found.tiers],
        "home": {
            "capital_limit_usd": lab.home.capital_usd,
            "power_limit_w": lab.home.power_w,
            "gpu": None if option is None else option.gpu.slug,
            "weights": None if option is None else option.weights,
            "engines_count": lab.engines_count,
            "cards_count": 0 if option is None else lab.engines_count * option.split.engine_cards,
            "capital_usd": lab.capital_usd,
            "price_basis": lab.price_basis,
            "energy_usd_per_month": lab.energy_usd_per_month,
            "capacity_requests_per_s": lab.capacity_requests_per_s,
        },
        "explanation": explanation_json(found.explain()),
    }


def _tier_json(tier: Tier) -> TierJson:
    """Return one tier as JSON; a budget without an end has none."""
    end = tier.to_usd_per_month
    return {
        "from_usd_per_month": tier.from_usd_per_month,
        "to_usd_per_month": None if end == float("inf") else end,
        "rented": None if tier.hire is None else hire_json(tier.hire),
        "out_of_reach": [
            {"weights": weights, "least_usd_per_month": rent}
            for weights, rent in tier.cheapest_start
        ],
    }


def markets_document(found: ConsumerOrDatacenter) -> Document:
    """Return what one consumer card holds, and where the cheapest market changes."""
    rows = tuple((weights_text(name), count.verdict) for name, count in found.formats)
    return (
        Paragraph(f"{found.llm.name}: consumer cards or others", "title"),
        Grid(("weights", f"1x{found.card.slug}"), rows),
        *sentences_of(found.explain()),
    )


def markets_json(found: ConsumerOrDatacenter) -> ConsumerOrDatacenterJson:
    """Return the markets as JSON."""
    flip = found.tpot_flip
    consumer, other = found.full
    return {
        "model": found.llm.name,
        "card": found.card.slug,
        "formats": [
            {"weights": name, "verdict": count.verdict} for name, count in found.formats
        ],
        "cheapest_at_asked": found.cheapest_at_asked,
        "flips": _flips_json(found.flips),
        "full": {
            "consumer": _full_json(consumer, found.question),
            "other": _full_json(other, found.question),
        },
        "tpot_flip": None if flip is None else {
            "rate_requests_per_s": flip.rate_requests_per_s,
            "loose_s": flip.loose_s,
            "tight_s": flip.tight_s,
        },
        "corners": [_corner_json(corner) for corner in found.corners],
        "explanation": explanation_json(found.explain()),
    }  # fmt: skip


def _full_json(hire: Hire | None, question: Question) -> FullHireJson | None:
    """Return full engines of one market as JSON."""
    if hire is None:
        return None
    cost = full_usd_per_million_tokens(hire, question)
    return {**hire_json(hire), "cost_usd_per_million_tokens": cost}


def _corner_json(corner: Corner) -> CornerJson:
    """Return both markets at one rate as JSON."""
    return {
        "rate_requests_per_s": corner.rate_requests_per_s,
        "consumer": _planned_json(corner.consumer),
        "other": _planned_json(corner.other),
    }


def _planned_json(p: PlannedRig | None) -> MarketPlanJson | None:
    """Return one plan as JSON."""
    if p is None:
        return None
    return {
        "gpu": p.gpu,
        "cards_count": p.cards_count,
        "engines_count": p.split.replicas,
        "weights": p.weights,
        "rent_usd_per_month": p.rent_usd_per_month,
        "cost_usd_per_million_tokens": p.cost_usd_per_token * MILLION,
        "running_seqs": p.running_seqs,
    }

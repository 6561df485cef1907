"""The reports of the questions about one model's hardware: which card, how many, too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.planning.questions.gpu_count import HELD
from rightrig.planning.questions.market import weights_text
from rightrig.quantities import GIGA, MILLION, show_gib, show_number, show_seconds, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.record import asked_json
from rightrig.report.values import deployment_json, explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.facts.explanation import Explanation
    from rightrig.interval import Interval
    from rightrig.planning.questions.choose_gpu import Choice, Pick
    from rightrig.planning.questions.gpu_count import CardCount, CountFit, GpuCount
    from rightrig.planning.questions.market import Hire
    from rightrig.planning.questions.overkill import Overkill
    from rightrig.planning.questions.train_or_serve import Both, TrainOrServe
    from rightrig.report.schema.ask_hardware import (
        BothRolesJson,
        CardCountsJson,
        ChooseGpuJson,
        GpuCountJson,
        HireJson,
        OverkillJson,
        PickJson,
        TrainOrServeJson,
    )
    from rightrig.report.schema.shared import (
        IntervalJson,
    )

_SHOWN_PICKS = 8
_SHOWN_COUNTS = (1, 2, 4, 6, 8)


def sentences_of(explanation: Explanation) -> Document:
    """Return the sentences of an explanation, each a paragraph."""
    return tuple(Paragraph(sentence) for sentence in explanation.sentences)


def shown_usd(amount_usd: float | None) -> str:
    """Return an amount that may not be known."""
    return "–" if amount_usd is None else show_usd(amount_usd)


def optional_json(value: Interval | None) -> IntervalJson | None:
    """Return an interval that may be absent, as JSON."""
    return None if value is None else interval_json(value)


def hire_json(hire: Hire) -> HireJson:
    """Return rented engines as JSON."""
    option = hire.option
    return {
        "gpu": option.gpu.slug,
        "cards_count": hire.cards_count,
        "engines_count": hire.engines_count,
        "tp": option.split.tp,
        "pp": option.split.pp,
        "runtime": option.runtime,
        "weights": option.weights,
        "provider": hire.price.provider,
        "instance": hire.price.instance,
        "instances_count": hire.instances_count,
        "rent_usd_per_month": hire.rent_usd_per_month,
        "capacity_requests_per_s": hire.capacity_requests_per_s,
        "ttft_p99_s": option.ttft_p99_s,
        "tpot_p99_s": option.tpot_p99_s,
    }


def choice_document(found: Choice) -> Document:
    """Return which card, why, and the others that do."""
    chosen = found.chosen
    title = "No card does" if chosen is None else f"{chosen.engines_count} × {chosen.engine}"
    blocks: Document = (
        Paragraph(f"{title}: {found.llm.name}, {found.use.kind}", "title"),
        *sentences_of(found.explain()),
    )
    grids = ((found.picks, "to rent"), (found.owned, "to buy, rented by nobody"))
    return (*blocks, *(_picks_grid(picks, title) for picks, title in grids if picks))


def _picks_grid(picks: tuple[Pick, ...], title: str) -> Grid:
    """Return the first picks as a table."""
    rows = tuple(
        (
            f"{p.engines_count} × {p.engine}",
            shown_usd(p.rent_usd_per_month),
            shown_usd(p.purchase_usd),
            "–" if p.rated_power_w is None else f"{p.rated_power_w:,.0f} W",
            show_seconds(p.ttft_p99_s),
            show_seconds(p.tpot_p99_s),
        )
        for p in picks[:_SHOWN_PICKS]
    )
    headers = ("engines", "$/month", "to buy", "rated", "TTFT p99", "TPOT p99")
    more = f" (the first {_SHOWN_PICKS} of {len(picks)})" if len(picks) > _SHOWN_PICKS else ""
    return Grid(headers, rows, (1, 2, 3, 4, 5), title=title + more, spare=(2, 4))


def choice_json(found: Choice) -> ChooseGpuJson:
    """Return the choice as JSON."""
    deciding, chosen, question = found.deciding, found.chosen, found.use.question
    carrying = deciding.carrying
    return {
        "model": found.llm.name,
        "kind": found.use.kind,
        "question": {
            **asked_json(question.workload),
            **asked_json(question.slo),
            **asked_json(question.limits),
        },
        "chosen": None if chosen is None else _pick_json(chosen),
        "deciding": {
            "gpu": deciding.gpu.slug,
            "does": deciding.yes,
            "verdict": deciding.fits.verdict,
            "wanted_requests_per_s": deciding.wanted_requests_per_s,
            "carried_requests_per_s": None if carrying is None else carrying.rate_requests_per_s,
        },
        "to_rent": [_pick_json(p) for p in found.picks],
        "to_buy": [_pick_json(p) for p in found.owned],
        "nearest": list(found.nearest),
        "dropped_cards_count": found.dropped_count,
        "explanation": explanation_json(found.explain()),
    }


def _pick_json(p: Pick) -> PickJson:
    """Return one pick as JSON."""
    return {
        "gpu": p.gpu.slug,
        "engine": p.engine,
        "engines_count": p.engines_count,
        "cards_count": p.cards_count,
        "rent_usd_per_month": p.rent_usd_per_month,
        "purchase_usd": p.purchase_usd,
        "rated_power_w": p.rated_power_w,
        "ttft_p99_s": p.ttft_p99_s,
        "tpot_p99_s": p.tpot_p99_s,
    }


def count_document(found: GpuCount) -> Document:
    """Return the table of cards × formats, and the fewest of each."""
    most = max(c.cards_count for row in found.rows for c in row.counts)
    shown = tuple(n for n in _SHOWN_COUNTS if n <= most)
    rows = tuple(
        (
            row.gpu.slug,
            weights_text(row.weights),
            *(_count_cell(row.at(n)) for n in shown),
            str(row.least_count or "–"),
            "–" if row.is_layered else str(row.least_tensor_count or "–"),
        )
        for row in found.rows
    )
    headers = ("card", "weights", *(f"{n}" for n in shown), "fewest", "fewest tp")
    least, last = len(shown) + 2, len(shown) + 3
    return (
        Paragraph(
            f"{found.llm.name}: cards of one engine, {found.concurrency} × "
            f"{found.context_tokens:,} tokens",
            "title",
        ),
        Grid(headers, rows, (least, last)),
        Paragraph(
            "A number heads what so many cards hold and the split that does; fewest tp: by tensor "
            "parallelism alone, a dash where the runtime deals out layers or none holds it.",
            "dim",
        ),
        *sentences_of(found.explain()),
    )


def _count_cell(found: CountFit | None) -> str:
    """Return what a number of cards holds: the verdict and the best split."""
    if found is None or not found.splits:
        return "–"
    best = found.splits[0]
    return f"{best.verdict} {best.split.text}" if best.verdict in HELD else best.verdict


def count_json(found: GpuCount) -> GpuCountJson:
    """Return the table as JSON, every number of cards and every split."""
    return {
        "model": found.llm.name,
        "context_tokens": found.context_tokens,
        "concurrency": found.concurrency,
        "rows": [_card_json(row) for row in found.rows],
        "forbidden_tp": [{"tp": tp, "reason": why} for tp, why in found.forbidden.items()],
        "explanation": explanation_json(found.explain()),
    }


def _card_json(row: CardCount) -> CardCountsJson:
    """Return one card and format as JSON."""
    return {
        "gpu": row.gpu.slug,
        "weights": row.weights,
        "least_cards_count": row.least_count,
        "least_tensor_cards_count": row.least_tensor_count,
        "counts": [
            {
                "cards_count": count.cards_count,
                "verdict": count.verdict,
                "reason": count.reason,
                "splits": [
                    {
                        "tp": s.split.tp,
                        "pp": s.split.pp,
                        "runtime": s.runtime,
                        "verdict": s.verdict,
                        "headroom_ratio": s.headroom_ratio,
                        "lacking_bytes": s.lacking_bytes,
                    }
                    for s in count.splits
                ],
            }
            for count in row.counts
        ],
    }


def overkill_document(found: Overkill) -> Document:
    """Return how much of a rig is used and what would do."""
    card = found.fitted.binding
    rows = (
        (
            "memory",
            show_gib(card.required_bytes.mid),
            show_gib(card.budget_bytes.mid),
            f"{found.memory_ratio:.0%}",
        ),
        (
            "requests/s",
            show_number(found.question.workload.rate_requests_per_s),
            show_number(found.capacity_requests_per_s.mid),
            "–" if found.capacity_ratio is None else f"{found.capacity_ratio:.0%}",
        ),
    )
    word = "Yes, more than it takes" if found.is_overkill else "No"
    return (
        Paragraph(f"{word}: {found.deployment.llm.name} on {found.deployment.rig.text}", "title"),
        Grid(("tightest card", "used", "there is", "share"), rows, (1, 2, 3)),
        *sentences_of(found.explain()),
    )


def overkill_json(found: Overkill) -> OverkillJson:
    """Return the use of a rig as JSON."""
    p, busy = found.cheaper, found.busy
    return {
        "overkill": found.is_overkill,
        "deployment": deployment_json(found.deployment),
        "rate_requests_per_s": found.question.workload.rate_requests_per_s,
        "capacity_requests_per_s": interval_json(found.capacity_requests_per_s),
        "running_seqs": found.running_seqs,
        "memory_ratio": found.memory_ratio,
        "capacity_ratio": found.capacity_ratio,
        "rent_usd_per_month": found.rent_usd_per_month,
        "tpot_s": optional_json(None if busy is None else busy.tpot_s),
        "ttft_s": optional_json(None if busy is None else busy.ttft_s),
        "cheapest": None if p is None else {
            "gpu": p.gpu,
            "cards_count": p.cards_count,
            "rent_usd_per_month": p.rent_usd_per_month,
            "tpot_mean_s": p.tpot_mean_s,
            "ttft_mean_s": p.ttft_mean_s,
            "capacity_requests_per_s": p.capacity_requests_per_s,
        },
        "saving_usd_per_month": found.saving_usd_per_month,
        "sharing_engines_count": found.sharing_count,
        "explanation": explanation_json(found.explain()),
    }  # fmt: skip


def roles_document(found: TrainOrServe) -> Document:
    """Return cards in both roles."""
    headers = ("card", "$/M served", "tokens/s a card", "$/B trained", "trained tokens/s", "least")
    return (
        Paragraph(f"{found.llm.name}: to train and to serve", "title"),
        Grid(headers, tuple(_roles_row(both) for both in found.cards), (1, 2, 3, 4, 5)),
        Paragraph(
            "tokens/s a card: output within the objectives. Trained tokens/s: of one card of the "
            "smallest rig that holds a full run. "
            "least: cards that hold weights, gradients and Adam's states of a full run.",
            "dim",
        ),
        *sentences_of(found.explain()),
    )


def _roles_row(both: Both) -> tuple[str, ...]:
    """Return one card as a line."""
    served, trained = both.serving, both.training
    output, speed, cost = (
        served.goodput_tokens_per_s,
        trained.tokens_per_s,
        served.cost_usd_per_token,
    )
    dear, hire = trained.cost_usd_per_token, served.hire
    return (
        both.gpu.slug,
        shown_usd(None if cost is None else cost * MILLION),
        "–" if output is None or hire is None else show_number(output.mid / hire.cards_count),
        shown_usd(None if dear is None else dear.mid * GIGA),
        "–" if speed is None else show_number(speed.mid),
        f"{trained.least_cards:,}",
    )


def roles_json(found: TrainOrServe) -> TrainOrServeJson:
    """Return cards in both roles as JSON."""
    serve, train = found.best_to_serve, found.best_to_train
    return {
        "model": found.llm.name,
        "sequence_tokens": found.sequence_tokens,
        "state_bytes": found.state_bytes,
        "training_flop_per_token": found.training_flop_per_token,
        "best_to_serve": None if serve is None else serve.gpu.slug,
        "best_to_train": None if train is None else train.gpu.slug,
        "cards": [_both_json(both) for both in found.cards],
        "explanation": explanation_json(found.explain()),
    }


def _both_json(both: Both) -> BothRolesJson:
    """Return one card in both roles as JSON."""
    served, trained = both.serving, both.training
    dear = trained.cost_usd_per_token
    return {
        "gpu": both.gpu.slug,
        "serving": {
            "rented": None if served.hire is None else hire_json(served.hire),
            "goodput_tokens_per_s": optional_json(served.goodput_tokens_per_s),
            "saturated_tokens_per_s": optional_json(served.saturated_tokens_per_s),
            "cost_usd_per_million_tokens": None
            if served.cost_usd_per_token is None
            else served.cost_usd_per_token * MILLION,
        },
        "training": {
            "tokens_per_s": optional_json(trained.tokens_per_s),
            "least_cards_count": trained.least_cards,
            "cost_usd_per_billion_tokens": optional_json(
                None if dear is None else dear.scaled(GIGA)
            ),
        },
    }

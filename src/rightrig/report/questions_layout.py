"""Answers to questions about layouts, money and growth, as documents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rightrig.planning.questions.growth import end_text
from rightrig.planning.questions.mixing import grouped
from rightrig.planning.questions.split_choice import link_text
from rightrig.quantities import show_gib, show_number, show_seconds, show_usd
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.facts.explanation import Explanation
    from rightrig.interval import Interval
    from rightrig.planning.questions.buy_or_rent import BuyOrRent
    from rightrig.planning.questions.growth import GrowthStep, Runway
    from rightrig.planning.questions.measure_next import Doubt, NextMeasurement
    from rightrig.planning.questions.mixing import Mix, Route
    from rightrig.planning.questions.scaling import Cause, Scaling
    from rightrig.planning.questions.split_choice import Layout, SplitChoice
    from rightrig.report.document import Block

_SHOWN_STEPS = 12
_MILLION_TOKENS = 1e6


def told(explanation: Explanation) -> Document:
    """Return the sentences of an explanation, and its sources."""
    sources = f"Sources: {'; '.join(explanation.sources)}." if explanation.sources else ""
    dim = (Paragraph(sources, "dim"),) if sources else ()
    return (*(Paragraph(sentence) for sentence in explanation.sentences), *dim)


def split_document(found: Sequence[SplitChoice]) -> Document:
    """Return the splits of one rig or of several, each with its advice."""
    blocks = [block for one in found for block in _one_split(one)]
    if len(found) > 1:
        blocks.append(Paragraph(_side_by_side(found), "good"))
    return tuple(blocks)


def _one_split(found: SplitChoice) -> Iterator[Block]:
    """Yield the splits of one rig."""
    reads, writes = found.lengths.input_tokens, found.lengths.output_tokens
    yield Paragraph(f"{found.llm.name} on {found.rig.text} ({link_text(found.link)})", "title")
    yield Paragraph(f"{reads:,.0f} tokens in, {writes:,.0f} out; {_slo_text(found)}.", "dim")
    if found.layouts:
        headers = (
            "split", "TTFT, 1 user", "TPOT, 1 user", "requests/s", "tokens/s out", "sequences",
            "KV tokens", "memory",
        )  # fmt: skip
        rows = tuple(_layout_row(one) for one in found.layouts)
        yield Grid(headers, rows, (1, 2, 3, 4, 5, 6), spare=(6, 4))
        yield Paragraph(
            "* on the front: no other split is better in both latencies and in requests/s. "
            "Requests/s are the most within the objectives. Predictions for splits of the same "
            "cards err together; a few per cent between two of them decide nothing.",
            "dim",
        )
    yield from told(found.explain())
    yield from (Paragraph(f"{one.text}: {one.reason}", "dim") for one in found.refused)


def _slo_text(found: SplitChoice) -> str:
    """Return the objectives in words."""
    said = [
        f"{name} p99 ≤ {show_seconds(limit)}"
        for name, limit in (("TTFT", found.slo.ttft_p99_s), ("TPOT", found.slo.tpot_p99_s))
        if limit is not None
    ]
    return ", ".join(said) or "no latency objective"


def _layout_row(layout: Layout) -> tuple[str, ...]:
    """Return one split as a line."""
    return (
        f"{layout.text}{'*' * layout.on_front}",
        _between(layout.ttft_s),
        _between(layout.tpot_s),
        show_number(layout.goodput_requests_per_s) if layout.goodput_requests_per_s else "–",
        show_number(layout.output_tokens_per_s) if layout.output_tokens_per_s else "–",
        show_number(layout.capacity_seqs),
        show_number(layout.capacity_tokens),
        layout.fit.verdict,
    )


def _between(value_s: Interval) -> str:
    """Return a time with its ends."""
    ends = f"{show_seconds(value_s.low)}–{show_seconds(value_s.high)}"
    return f"{show_seconds(value_s.mid)} ({ends})"


def _side_by_side(found: Sequence[SplitChoice]) -> str:
    """Say which split each rig takes, for one user and for the most requests."""
    parts = []
    for one in found:
        if one.quickest is None or one.busiest is None:
            parts.append(f"{one.rig.text}: none")
        else:
            parts.append(
                f"{one.rig.text}: {one.quickest.text} for latency, {one.busiest.text} for requests"
            )
    return "; ".join(parts) + "."


def buy_or_rent_document(found: BuyOrRent) -> Document:
    """Return when buying has paid, and both totals."""
    terms = found.terms
    years = f"{show_number(terms.owned_years)} years"
    price = _money_span(terms.price_low_usd, terms.price_high_usd)
    rows = (
        ("price of one", price),
        ("rent", f"{show_usd(terms.rent_usd_per_hour)}/h"),
        ("rent a month", show_usd(found.rented_usd_per_month)),
        ("electricity a month", show_usd(found.running_usd_per_month)),
        (
            f"{found.machines_count} own over {years}",
            _money_span(found.owned_low_usd, found.owned_high_usd),
        ),
        (f"1 rented over {years}", show_usd(found.rented_usd)),
    )
    title = f"{terms.name}, buy or rent: {found.advice}"
    return (
        Paragraph(title, "title"), Grid(("", "USD"), rows, (1,)), *told(found.explain()),
    )  # fmt: skip


def _money_span(low_usd: float, high_usd: float) -> str:
    """Return an amount, or two."""
    low, high = show_usd(low_usd), show_usd(high_usd)
    return low if low == high else f"{low} to {high}"


def scaling_document(found: Scaling, cost: tuple[float, float, float] | None) -> Document:
    """Return whether the states fit, what a step waits for, and causes of a measured loss.

    Args:
        found: The answer.
        cost: In dollars, what a job costs without waiting, with overlap and without overlap.
    """
    job = found.job
    name = "a link" if found.wire.rig is None else found.wire.rig.text
    rows = tuple(
        (one.sharing, show_gib(one.card_bytes),
         "unknown" if one.fits is None else "fits" if one.fits else "no")
        for one in found.states
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(f"Training {job.params_count / 1e9:.3g} B weights on {job.ranks_count} cards "
                  f"of {name}", "title"),
        Grid(("states shared", "a card", "memory"), rows, (1,)),
        *told(found.explain()),
    ]  # fmt: skip
    if found.causes:
        headers = ("cause", "predicts", "of the loss", "would mean")
        lines = tuple(_cause_row(cause) for cause in found.causes)
        blocks.append(Grid(headers, lines, (1, 2), title="Why it scales worse than linear"))
        blocks += [
            Paragraph(f"{c.name}: {c.confirm}.", "dim") for c in found.causes if c.is_possible
        ]
    if cost is not None:
        blocks.append(
            Paragraph(
                f"A job of {show_usd(cost[0])} without any waiting costs {show_usd(cost[1])} with "
                f"overlap and {show_usd(cost[2])} without: C / (1 − x)."
            )
        )
    return tuple(blocks)


def _cause_row(cause: Cause) -> tuple[str, ...]:
    """Return one cause as a line."""
    ratio = cause.speedup_ratio
    predicts = "any" if ratio is None else f"{ratio.low:.2f}–{ratio.high:.2f}×"
    mark = "" if cause.is_possible else " (no)"
    return (cause.name, f"{predicts}{mark}", f"{cause.lost_ratio:.0%}", cause.finding)


def mix_document(found: Mix) -> Document:
    """Return whether kinds of cards mix in one engine, and the routes to pools."""
    shares = [
        (engine.model, share.card, str(count), str(share.layers_count),
         show_gib(share.weights_bytes), f"{share.stage_ratio:.0%}")
        for engine in found.engines
        for share, count in grouped(engine.shares)
    ]  # fmt: skip
    chosen = found.chosen()
    routes = tuple(_route_row(route, chosen=route in chosen) for route in found.routes)
    stages = Grid(
        ("model", "card", "cards", "layers each", "weights each", "of the slowest stage"),
        tuple(shares), (2, 3, 4, 5),
        title="One engine in stages over all cards",
    )  # fmt: skip
    pools = Grid(
        ("model", "pool", "split", "requests/s", "$/M tokens", "$/month"), routes, (3, 4, 5),
        title="Pools behind a router (* the route)",
    )  # fmt: skip
    return (
        Paragraph("Cards of several kinds together", "title"),
        *((stages,) if shares else ()), pools, *told(found.explain()),
    )  # fmt: skip


def _route_row(route: Route, *, chosen: bool) -> tuple[str, ...]:
    """Return one route as a line."""
    if route.layout is None:
        return (route.model, route.pool, "rejected", "–", "–", "–")
    cost, rent = route.usd_per_token, route.rent_usd_per_month
    return (
        f"{route.model}{'*' * chosen}",
        route.pool,
        route.layout.text,
        show_number(route.layout.goodput_requests_per_s),
        "–" if cost is None else show_usd(cost * _MILLION_TOKENS),
        "–" if rent is None else show_usd(rent),
    )


def growth_document(found: Runway) -> Document:
    """Return when the plan ends, and the steps after."""
    planned = found.planned
    title = (
        f"{planned.split.replicas} × {planned.rig} ({planned.engine_split}, {planned.weights}, "
        f"{planned.runtime}), growing {found.growth_ratio_per_month * 100.0:.3g} % a month"
    )
    ends = tuple(
        (str(end.date or "–"), f"{end.months_count:.1f}" if math.isfinite(end.months_count)
         else "never", end_text(end, found.span).split(":")[0].removesuffix(" never"),
         f"{show_number(end.at_requests_per_s)}/s")
        for end in found.ends
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(title, "title"),
        Grid(("date", "months", "what ends", "at"), ends, (1, 3)),
    ]
    if found.steps:
        rows = tuple(_step_row(step) for step in found.steps[:_SHOWN_STEPS])
        headers = ("from", "at", "engines", "cards", "$/month", "larger engines", "$/month")
        blocks.append(Grid(headers, rows, (1, 2, 3, 4, 6), title="Engines to add"))
        left = len(found.steps) - _SHOWN_STEPS
        if left > 0:
            blocks.append(Paragraph(f"{left} more steps are in --json.", "dim"))
    return (*blocks, *told(found.explain()))


def _step_row(step: GrowthStep) -> tuple[str, ...]:
    """Return one step as a line."""
    rent, larger = step.rent_usd_per_month, step.larger
    return (
        str(step.date or "–"),
        f"{show_number(step.from_requests_per_s)}/s",
        str(step.engines_count),
        str(step.cards_count),
        "–" if rent is None else show_usd(rent),
        "–" if larger is None else larger.text,
        "–" if larger is None else show_usd(larger.rent_usd_per_month),
    )


def measure_next_document(found: NextMeasurement) -> Document:
    """Return what is open, and the measurement that decides it."""
    headers = ("#", "engines", "of", "objective", "now", "after runs nearby", "chance", "evidence")
    rows = tuple(_doubt_row(doubt) for doubt in found.doubts)
    grid = (Grid(headers, rows, (3, 4, 5, 6), spare=(7,)),) if rows else ()
    return (Paragraph("What to measure next", "title"), *grid, *told(found.explain()))


def _doubt_row(doubt: Doubt) -> tuple[str, ...]:
    """Return one doubt as a line."""
    return (
        str(doubt.place),
        doubt.name,
        f"{doubt.quantity.upper()} p99",
        "–" if doubt.limit_s is None else show_seconds(doubt.limit_s),
        _between(doubt.now_s),
        _between(doubt.after_s),
        "–" if doubt.met_ratio is None else f"{doubt.met_ratio:.0%}",
        doubt.evidence,
    )

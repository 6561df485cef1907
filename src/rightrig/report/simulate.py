"""The report of a simulation: what requests saw, whether objectives hold, what it costs."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Final

from rightrig.quantities import show_number, show_seconds, show_usd
from rightrig.report.document import Block, Document, Grid, Paragraph
from rightrig.report.simulated import NAMES, THIN_REQUESTS, is_thin, rate_text
from rightrig.report.values import deployment_text
from rightrig.simulation.outcome import STATISTICS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.interval import Interval
    from rightrig.prediction.memory_fit import Fit
    from rightrig.report.simulated import Rent, Simulated, Traffic
    from rightrig.simulation.limit import Limit
    from rightrig.simulation.outcome import Kept, Outcome, Verdict

_MILLION_TOKENS: Final = 1e6
_SHOWN_SOURCES: Final = 4
_BLANK: Final = Paragraph("")
_AT_LIMIT: Final = Paragraph("What follows is at that rate.")
_VERDICTS: Final[dict[Verdict, Paragraph]] = {
    "surely": Paragraph("KEPT SURELY: each objective holds at its interval's far end.", "good"),
    "likely": Paragraph(
        "KEPT LIKELY: each objective holds in the middle of its interval, not at the far end.",
        "warn",
    ),
    "not": Paragraph("NOT KEPT: an objective is missed in the middle of its interval.", "bad"),
}  # fmt: skip


def simulate_document(seen: Simulated) -> Document:
    """Return a simulation as a document."""
    outcome = seen.outcome
    deployment = outcome.deployment
    title = "" if deployment is None else deployment_text(deployment)
    return (
        Paragraph(title, "title"),
        Paragraph(seen.traffic.text),
        *(Paragraph(f"{note[:1].upper()}{note[1:].rstrip('.')}.") for note in seen.traffic.notes),
        *_limit_blocks(seen.limit, seen.traffic),
        *_objective_blocks(seen),
        *_latency_blocks(outcome),
        *_class_blocks(outcome),
        _BLANK,
        Grid(("quantity", "value"), tuple(_facts(seen)), (1,)),
        _BLANK,
        *(Paragraph(sentence) for sentence in outcome.explain().sentences),
        *_price_warning(seen.rent),
        *_evidence(outcome),
        *_saved(seen),
    )


def outcome_document(outcome: Outcome) -> Document:
    """Return an outcome alone, without the traffic and the price that a command knows."""
    title = "" if outcome.deployment is None else deployment_text(outcome.deployment)
    served = f"{outcome.served_count:,} of {outcome.requests_count:,} requests served."
    return (
        Paragraph(title, "title"),
        Paragraph(served),
        *((_VERDICTS[outcome.verdict],) if outcome.kept else ()),
        *_latency_blocks(outcome),
        *(Paragraph(sentence) for sentence in outcome.explain().sentences),
        *_evidence(outcome),
    )


def refused_document(room: Fit, traffic: Traffic) -> Document:
    """Return the answer where not one request fits."""
    return (
        Paragraph(deployment_text(room.deployment), "title"),
        Paragraph(traffic.text),
        Paragraph(f"DOES NOT FIT: {room.explain().sentences[0]}", "bad"),
        Paragraph("No request is served; 'rightrig fit' says what would help."),
    )


def _limit_blocks(limit: Limit | None, traffic: Traffic) -> tuple[Block, ...]:
    """Return the highest rate, and what breaks above it."""
    if limit is None:
        return ()
    turns, rate = traffic.turns_count, limit.rate_requests_per_s
    if rate.mid <= 0.0:
        fast = f" (faster steps: up to {rate_text(rate.high, turns)})" if rate.high else ""
        return (
            Paragraph(
                f"NO RATE keeps every objective, not even that of an idle engine{fast}.", "bad"
            ),
            Paragraph("What follows is at a request now and then."),
        )
    shown = rate_text(rate.mid, turns)
    if limit.binding is None:
        text = f"NO LIMIT: {shown} still keep every objective; all may as well come at once."
        return (Paragraph(text, "good"), _AT_LIMIT)
    between = _between(rate.scaled(turns), show_number)
    text = f"LIMIT: {shown} keep every objective (80 % for the engine's speed: {between})."
    return (Paragraph(text, "good"), Paragraph(_breaking(limit.binding)), _AT_LIMIT)


def _breaking(binding: Kept) -> str:
    """Return which objective breaks first, and how."""
    limit_s, found_s = binding.objective.limit_s, binding.value.mid
    found = f"{show_seconds(found_s)} instead of at most {show_seconds(limit_s)}"
    if math.isinf(found_s):
        found = "too many requests are not served"
    return f"Just above it {_objective_name(binding)} breaks first: {found}."


def _objective_blocks(seen: Simulated) -> tuple[Block, ...]:
    """Return whether the objectives are kept."""
    outcome = seen.outcome
    if not outcome.kept:
        return ()
    rows = tuple(
        (
            f"{_objective_name(kept)} ≤ {show_seconds(kept.objective.limit_s)}",
            show_seconds(kept.value.mid),
            _between(kept.value.joined, show_seconds) if math.isfinite(kept.value.mid) else "",
            kept.verdict,
        )
        for kept in outcome.kept
    )
    verdict = () if seen.limit is not None else (_VERDICTS[outcome.verdict],)
    return (
        *verdict,
        _BLANK,
        Grid(("objective", "simulated", "80 % between", "kept"), rows, (1, 2)),
    )


def _objective_name(kept: Kept) -> str:
    """Return what an objective limits."""
    whom = f" of {kept.class_name}" if kept.class_name else ""
    return f"{NAMES[kept.objective.metric]} p{kept.objective.percentile}{whom}"


def _latency_blocks(outcome: Outcome) -> tuple[Block, ...]:
    """Return percentiles, and those of p99 with both kinds of uncertainty."""
    shown = [name for name in NAMES if name in outcome.latencies]
    if not shown:
        return (Paragraph("No request was served: there are no latencies.", "bad"),)
    rows = tuple(
        (NAMES[m], *(_cell(outcome, m, statistic) for statistic in STATISTICS)) for m in shown
    )
    apart = tuple((NAMES[m], *_apart(outcome, m)) for m in shown)
    blocks: list[Block] = [
        _BLANK,
        Grid(("latency", *STATISTICS), rows, tuple(range(1, 7))),
        _BLANK,
        Grid(
            ("p99, 80 % between", "other draws", "other engine speeds", "joined"), apart, (1, 2, 3)
        ),
    ]
    if any("*" in cell for row in rows for cell in row):
        blocks.append(
            Paragraph(
                f"* fewer than {THIN_REQUESTS} requests lie above it; --requests asks for more.",
                "dim",
            )
        )
    if not outcome.is_exact:
        blocks.append(
            Paragraph("Percentiles are of sketches: their rank is right to 0.1 % at p99.", "dim")
        )
    return tuple(blocks)


def _cell(outcome: Outcome, metric: str, statistic: str) -> str:
    """Return a statistic; a star where it rests on few requests."""
    mark = "*" if is_thin(outcome, metric, statistic) else ""
    return f"{show_seconds(outcome.latencies[metric][statistic].mid)}{mark}"


def _apart(outcome: Outcome, metric: str) -> tuple[str, str, str]:
    """Return the intervals of p99: of sampling, of the engine's speed, of both."""
    value = outcome.latencies[metric]["p99"]
    model = "" if value.model is None else _between(value.model, show_seconds)
    return (_between(value.sampling, show_seconds), model, _between(value.joined, show_seconds))


def _class_blocks(outcome: Outcome) -> tuple[Block, ...]:
    """Return what each class of requests saw."""
    if not outcome.classes:
        return ()
    metrics = ("ttft", "tpot", "e2e")
    rows = tuple(
        (
            own.name,
            f"{own.requests_count:,}",
            f"{own.served_count:,}",
            *(
                show_seconds(own.latencies[m]["p99"].mid) if own.latencies.get(m) else "–"
                for m in metrics
            ),
        )
        for own in outcome.classes
    )
    headers = ("class", "requests", "served", *(f"{NAMES[m]} p99" for m in metrics))
    return (
        _BLANK,
        Grid(headers, rows, tuple(range(1, 6))),
    )


def _facts(seen: Simulated) -> list[tuple[str, str]]:
    """Return counts, throughput, use, power and money."""
    outcome = seen.outcome
    ends = (
        (outcome.rejected_count, "rejected"), (outcome.cancelled_count, "cancelled"),
        (outcome.timed_out_count, "timed out"),
    )  # fmt: skip
    unserved = ", ".join(f"{count:,} {how}" for count, how in ends if count)
    good = "" if outcome.good_ratio is None else f" ({outcome.good_ratio:.1%} of all)"
    facts = [
        ("requests served", f"{outcome.served_count:,} of {outcome.requests_count:,}"),
        ("not served", unserved or "none"),
        ("requests served a second", show_number(outcome.served_requests_per_s)),
        ("goodput, requests a second", show_number(outcome.goodput_requests_per_s) + good),
        ("output tokens/s", show_number(outcome.output_tokens_per_s)),
        ("replicas busy", f"{outcome.used_ratio:.1%}"),
        ("requests running on a replica, mean", show_number(outcome.running_seqs)),
    ]
    if outcome.good_ratio is None:
        facts = [fact for fact in facts if not fact[0].startswith("goodput")]
    if outcome.kv_used_ratio is not None:
        facts.append(("KV cache in use, mean", f"{outcome.kv_used_ratio:.1%}"))
    facts += [
        ("preemptions", f"{outcome.preemptions_count:,}"),
        ("prompt tokens found in a cache", f"{outcome.cache_hit_ratio:.1%}"),
    ]
    return [*facts, *_power_facts(outcome), *_money_facts(seen)]


def _power_facts(outcome: Outcome) -> list[tuple[str, str]]:
    """Return what the cards draw."""
    facts = []
    if outcome.power_w is not None:
        facts.append(("power of the cards", _middle(outcome.power_w, "W")))
    if outcome.energy_j_per_token is not None:
        facts.append(("energy an output token", _middle(outcome.energy_j_per_token, "J")))
    return facts


def _money_facts(seen: Simulated) -> list[tuple[str, str]]:
    """Return the rent, and what a million tokens cost; nothing without a price."""
    rent, cost = seen.rent, seen.outcome.usd_per_good_token
    if rent is None or cost is None:
        return []
    bought = rent.purchase
    whose = "as you say" if bought is None else f"{bought.text}, {bought.price.date}"
    shown = f"{show_usd(rent.rent_usd_per_hour)}/h ({whose})"
    tokens = "output tokens" if seen.outcome.good_ratio is None else "good output tokens"
    per = "∞" if math.isinf(cost) else show_usd(cost * _MILLION_TOKENS)
    return [("rent", shown), (f"a million {tokens}", per)]


def _price_warning(rent: Rent | None) -> tuple[Paragraph, ...]:
    """Say what a reader should know about the price."""
    if rent is None or rent.purchase is None:
        return ()
    price = rent.purchase.price
    stale = price.staleness(datetime.datetime.now(tz=datetime.UTC).date())
    low = "from a source of low trust" if price.trust == "low" else ""
    wrong = " and ".join(word for word in (stale, low) if word)
    if not wrong:
        return ()
    return (Paragraph(f"The price is {wrong}: say your own with --price.", "warn"),)


def _evidence(outcome: Outcome) -> tuple[Paragraph, ...]:
    """Say what the engine's speed rests on."""
    if outcome.evidence is None:
        return ()
    sources = ", ".join(outcome.sources[:_SHOWN_SOURCES])
    rest = len(outcome.sources) - _SHOWN_SOURCES
    more = f" and {rest} more (--json)" if rest > 0 else ""
    return (Paragraph(f"Evidence: {outcome.evidence}. Fitted on: {sources}{more}.", "dim"),)


def _saved(seen: Simulated) -> tuple[Paragraph, ...]:
    """Name the files that were written."""
    if not seen.saved:
        return ()
    named = Paragraph(f"Saved in {seen.folder}: {', '.join(seen.saved)}.")
    return (named, *(Paragraph(hint, "dim") for hint in seen.hints))


def _between(value_s: Interval, show: Callable[[float], str]) -> str:
    """Return the ends of an interval of any unit."""
    return f"{show(value_s.low)} … {show(value_s.high)}"


def _middle(value_w: Interval, unit: str) -> str:
    """Return an interval of any unit with its middle first."""
    return f"{show_number(value_w.mid)} {unit} ({_between(value_w, show_number)})"

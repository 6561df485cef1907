"""The reports of ``finetune --find`` and ``finetune --measured``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.quantities import show_number, show_usd
from rightrig.reliability.rates import show_span
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.finetune import job_text
from rightrig.report.values import between_text

if TYPE_CHECKING:
    from rightrig.planning.finetuning.search import Doer, Search
    from rightrig.prediction.training.diagnosis import Diagnosis, SlowCause

_SHOWN_LOSERS: Final = ("too slow", "too dear", "does not fit")


def search_document(found: Search, top: int) -> Document:
    """Return the rigs that do a job, the cheapest first, and why other cards do not."""
    told = found.explain().sentences
    style = "good" if found.doers else "bad"
    first = (Paragraph(job_text(found.doers[0].found.job)),) if found.doers else ()
    return (
        Paragraph(_question(found), "title"),
        Paragraph(told[0], style),  # type: ignore[arg-type]
        *first,
        *_ranking(found.doers[:top]),
        *(Paragraph(text) for text in told[1:]),
        *_losers(found),
        Paragraph(
            "Rent of several machines assumes 100 Gb/s between them; 'finetune --on "
            "2n:8xh100-sxm@net=400GB/s' takes another network. Data, storage and egress are not "
            "counted.",
            "dim",
        ),
    )


def _question(found: Search) -> str:
    """Return what was asked."""
    aim = found.aim
    limits = [f"{show_number(found.terms.job_tokens or 0.0)} tokens"]
    if math.isfinite(aim.deadline_s):
        limits.append(f"within {show_span(aim.deadline_s)}")
    if math.isfinite(aim.budget_usd):
        limits.append(f"for at most {show_usd(aim.budget_usd)}")
    sure = "surely" if aim.surely else "likely"
    return f"{found.llm.name}, {found.wish.method}, {', '.join(limits)}, {sure}"


def _ranking(doers: tuple[Doer, ...]) -> Document:
    """Return the best rig of each card."""
    if not doers:
        return ()
    rows = tuple(
        (
            doer.rig.text,
            show_usd(doer.total_usd.mid),
            f"{show_usd(doer.total_usd.low)} to {show_usd(doer.total_usd.high)}",
            show_span(doer.elapsed_s.mid),
            doer.found.verdict,
            _how(doer),
            _offer(doer),
        )
        for doer in doers
    )
    headers = ("rig", "$", "80 %", "time", "memory", "how", "offer")
    return (Grid(headers, rows, (1, 3), spare=(6, 5)),)


def _how(doer: Doer) -> str:
    """Return how the job is run, in short."""
    job = doer.found.job
    batch = job.batch
    return (
        f"{job.split.sharing}, {job.checkpointing}, {batch.micro_seqs}×{batch.accumulation_count}"
    )


def _offer(doer: Doer) -> str:
    """Return where the rig comes from."""
    if doer.is_own or doer.spent.rent is None:
        return "own: electricity"
    return doer.spent.rent.purchase.text


def _losers(found: Search) -> Document:
    """Return why other cards do not do it; those that nobody rents only by their number."""
    shown = [loser for loser in found.losers if loser.why in _SHOWN_LOSERS]
    counts = {
        why: sum(loser.why == why for loser in found.losers)
        for why in ("not rented", "trains nothing", "power unknown")
    }
    words = {
        "not rented": "nobody rents by the hour in the price list",
        "trains nothing": "train nothing here (--json names each)",
        "power unknown": "have no record of their power",
    }
    grid = Grid(
        ("card", "why not", "its closest rig"),
        tuple((loser.gpu, loser.why, loser.words) for loser in shown),
    )
    rest = "; ".join(f"{count} cards {words[why]}" for why, count in counts.items() if count)
    return (*((grid,) if shown else ()), *((Paragraph(f"{rest}.", "dim"),) if rest else ()))


def diagnosis_document(found: Diagnosis) -> Document:
    """Return the gap to the prediction, and its causes in order with what would show each."""
    told = found.explain().sentences
    judged = (
        "within the predicted interval"
        if found.is_as_expected
        else f"{abs(found.gap_ratio):.0%} {'below' if found.gap_ratio > 0.0 else 'above'} expected"
    )
    job = found.expected.job
    return (
        Paragraph(
            f"{job.llm.name}, {job.method}, on {job.rig.text}: measured "
            f"{show_number(found.measured_tokens_per_s)} tokens/s, {judged}",
            "title",
        ),
        Paragraph(job_text(job)),
        *(Paragraph(text) for text in told[:2]),
        Grid(
            ("cause", "predicts tokens/s", "of the gap", "fits"),
            tuple(_cause_row(cause) for cause in found.causes),
            (1, 2),
        ),
        *(
            Paragraph(f"{place}. {cause.name}: look at {cause.run}. Expect {cause.expected}.")
            for place, cause in enumerate(found.causes, 1)
        ),
    )


def _cause_row(cause: SlowCause) -> tuple[str, ...]:
    """Return one cause."""
    speed, share = cause.tokens_per_s, cause.explained_ratio
    predicted = (
        "of any size" if speed is None else f"{show_number(speed.mid)} ({between_text(speed)})"
    )
    return (
        cause.name,
        predicted,
        "" if share is None or speed is None else f"{share:.0%}",
        "yes" if cause.fits else "no",
    )

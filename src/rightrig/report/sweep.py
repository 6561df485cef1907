"""The report of a sweep: the best rig for each demand, what was not simulated, and the files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.planning.sweeps.work import FAILED
from rightrig.quantities import show_number, show_seconds, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import explanation_json

if TYPE_CHECKING:
    from rightrig.planning.sweeps.summary import Best, Contender, Spread, Summary
    from rightrig.report.schema.planning import BestJson, ContenderJson, PlanSweepJson, SpreadJson
    from rightrig.running.run import Ran

_REASONS: Final = 5
_WIDEST: Final = 32
_NO_OBJECTIVE: Final = "no objective"


@dataclass(frozen=True, slots=True)
class Swept:
    """One answer of a sweep.

    Attributes:
        folder: Where the files are.
        files: Their names.
        engine, jobs_count: What did the work.
    """

    summary: Summary
    ran: Ran
    folder: str
    files: tuple[str, ...]
    engine: str
    jobs_count: int


def sweep_document(swept: Swept) -> Document:
    """Return a sweep as text."""
    summary = swept.summary
    named = (len({best.model for best in summary.best}) > 1, len(_runtimes(summary)) > 1)
    is_limited = any(_met(best) != _NO_OBJECTIVE for best in summary.best)
    meets = "meets the objectives in every seed" if is_limited else "serves (no objective is set)"
    return (
        Paragraph(f"{summary.tasks_count:,} tasks: {_statuses(summary)}", "title"),
        Grid(
            ("demand", "cheapest rig", "$/month", "TTFT p99", "TPOT p99", "met"),
            tuple(_row(best, *named) for best in summary.best),
            (2, 3, 4),
            title=f"The cheapest combination that {meets}",
            spare=(4, 3),
        ),
        Paragraph(
            "Times: the least and the most of the seeds. Met: the verdict of the worst seed, and "
            "how many combinations meet the objectives.",
            "dim",
        ),
        *_without_winner(summary),
        *_not_simulated(summary),
        *_work(swept),
    )


def _runtimes(summary: Summary) -> set[object]:
    """Return the runtimes that win."""
    return {best.winner.said["runtime"] for best in summary.best if best.winner is not None}


def _met(best: Best) -> str:
    """Return the verdict of the winner, or of what came closest."""
    shown = best.winner or best.nearest
    return "not" if shown is None else shown.met


def _statuses(summary: Summary) -> str:
    """Return how many tasks ended how."""
    return ", ".join(f"{count:,} {name}" for name, count in summary.statuses_count.items() if count)


def _row(best: Best, with_model: bool, with_runtime: bool) -> tuple[str, ...]:  # noqa: FBT001 - which names differ
    """Return one demand as a line."""
    asked = f"{best.model}: {best.demand}" if with_model else best.demand
    asked = asked if len(asked) <= _WIDEST else f"{asked[: _WIDEST - 1]}…"
    winner = best.winner
    if winner is None:
        return (asked, "none", "–", "–", "–", "not")
    rent = winner.rent_usd_per_month
    return (
        asked,
        _serving(winner) + (f" {winner.said['runtime']}" if with_runtime else ""),
        "–" if rent is None else show_usd(rent),
        _spread_text(winner.ttft_p99_s),
        _spread_text(winner.tpot_p99_s),
        f"{winner.met} ({best.meeting_count})",
    )


def _serving(contender: Contender) -> str:
    """Return a rig with its split and its weights."""
    said = contender.said
    return f"{said['rig']} {said['split']} {said['weights']}"


def _spread_text(spread: Spread | None) -> str:
    """Return a time over the seeds, with the unit once."""
    if spread is None:
        return "–"
    least, most = show_seconds(spread.least_s), show_seconds(spread.most_s)
    if least == most:
        return most
    unit = most.rpartition(" ")[2]
    return f"{least.removesuffix(f' {unit}')}–{most}"


def _without_winner(summary: Summary) -> Document:
    """Return why some demands have no rig, and what came closest."""
    lines = []
    for best in summary.best:
        if best.winner is not None:
            continue
        text = f"{best.demand}: {best.reason}"
        near = best.nearest
        if near is not None:
            text += (
                f"; nearest is {_serving(near)}, met in {near.met_count} of "
                f"{near.seeds_count} seeds, {near.good_ratio:.1%} of the requests good"
            )
        lines.append(Paragraph(f"{text}.", "warn"))
    return tuple(lines)


def _not_simulated(summary: Summary) -> Document:
    """Return the most frequent reasons of tasks that were not simulated, or not at their rate."""
    if not summary.reasons:
        return ()
    shown = tuple(
        Paragraph(f"{count:,} {status}: {reason}", "warn" if status == FAILED else "plain")
        for status, reason, count in summary.reasons[:_REASONS]
    )
    left = len(summary.reasons) - len(shown)
    more = (Paragraph(f"{left:,} more reasons are in the results.", "dim"),) if left > 0 else ()
    return (*shown, *more)


def _work(swept: Swept) -> Document:
    """Return what was done now, what was found done, and where the results are."""
    ran = swept.ran
    workers = f"{swept.jobs_count} {swept.engine} worker{'s' * (swept.jobs_count != 1)}"
    speed = f", {show_number(ran.computed_count / ran.elapsed_s)}/s" if ran.computed_count else ""
    text = (
        f"{ran.computed_count:,} tasks computed in {show_seconds(ran.elapsed_s)} by {workers}"
        f"{speed}; {ran.reused_count:,} were finished before."
    )
    if ran.torn_count:
        text += f" Broken lines of the journal: {ran.torn_count}; their tasks were done again."
    if ran.died_count:
        text += f" Workers of {ran.died_count} tasks ended twice: the next run tries them again."
    files = ", ".join(swept.files)
    return (
        Paragraph(text, "warn" if ran.died_count else "dim"),
        Paragraph(f"{swept.folder} holds {files}; the same command goes on from there.", "dim"),
    )


def sweep_json(swept: Swept) -> PlanSweepJson:
    """Return a sweep as JSON; its rows are in the files."""
    summary, ran = swept.summary, swept.ran
    return {
        "tasks_count": summary.tasks_count,
        "statuses_count": summary.statuses_count,
        "best": [_best_json(best) for best in summary.best],
        "reasons": [
            {"status": status, "reason": reason, "tasks_count": count}
            for status, reason, count in summary.reasons
        ],
        "run": {
            "engine": swept.engine,
            "jobs_count": swept.jobs_count,
            "computed_count": ran.computed_count,
            "reused_count": ran.reused_count,
            "died_count": ran.died_count,
            "torn_count": ran.torn_count,
            "elapsed_s": ran.elapsed_s,
        },
        "folder": swept.folder,
        "files": list(swept.files),
        "explanation": explanation_json(summary.explain()),
    }


def _best_json(best: Best) -> BestJson:
    """Return the answer for one demand as JSON."""
    return {
        "model": best.model,
        "demand": best.demand,
        "winner": None if best.winner is None else _contender_json(best.winner),
        "nearest": None if best.nearest is None else _contender_json(best.nearest),
        "meeting_count": best.meeting_count,
        "unpriced_count": best.unpriced_count,
        "reason": best.reason,
    }


def _contender_json(one: Contender) -> ContenderJson:
    """Return one combination as JSON; what was simulated has said all of what serves."""
    said = one.said
    return {
        "model": str(said["model"]),
        "rig": str(said["rig"]),
        "runtime": str(said["runtime"]),
        "weights": str(said["weights"]),
        "kv": str(said["kv"]),
        "split": str(said["split"]),
        "max_seqs": int(said["max_seqs"] or 0),
        "max_batched_tokens": int(said["max_batched_tokens"] or 0),
        "seeds_count": one.seeds_count,
        "met_count": one.met_count,
        "met": one.met,
        "good_ratio": one.good_ratio,
        "rent_usd_per_month": one.rent_usd_per_month,
        "provider": one.provider,
        "cost_usd_per_million_good_tokens": one.cost_usd_per_million_good_tokens,
        "ttft_p99_s": _spread_json(one.ttft_p99_s),
        "tpot_p99_s": _spread_json(one.tpot_p99_s),
    }


def _spread_json(spread: Spread | None) -> SpreadJson | None:
    """Return a time over the seeds as JSON."""
    if spread is None:
        return None
    return {"least_s": spread.least_s, "middle_s": spread.middle_s, "most_s": spread.most_s}

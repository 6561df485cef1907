"""From runs to verdicts: all changes are judged together, beside all runs of the baseline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.measuring.tune.verdict import LEAST_RUNS, effects_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.measuring.tune.figures import Judged
    from rightrig.measuring.tune.tuned import Change, Measured
    from rightrig.measuring.tune.verdict import Effect, Word

_FLOOR_RATIO: Final = 1e-3
"""Nothing at all counts as so small a share of the most that was measured: it has a logarithm."""


def judged_changes(
    first: Measured, last: Measured | None, changes: Sequence[Change], judged: Judged
) -> list[Change]:
    """Return every change with its fate.

    Args:
        first: Runs of the baseline before the changes.
        last: Its runs after them.
        changes: Those that ran carry their runs.
        judged: The figure that decides.
    """
    comparable = [change for change in changes if _is_comparable(change)]
    effects = iter(_effects(first, last, comparable, judged))
    return [
        _with_fate(change, next(effects) if _is_comparable(change) else None, first)
        for change in changes
    ]


def word_of(rival: Measured, measured: Measured, judged: Judged) -> Word:
    """Return how one setting does beside another, judged by themselves."""
    if len(rival.runs) < LEAST_RUNS or not measured.runs:
        return "same"
    ours, others = _floored_ratio(judged.over_most_ratio([rival.runs, measured.runs]))
    return effects_of(ours, [others], is_more_better=judged.is_more_better)[0].word


def kept_values(changes: Sequence[Change], judged: Judged) -> dict[str, str]:
    """Return the best value of each knob among those that are better."""
    best: dict[str, Change] = {}
    for change in changes:
        if change.fate != "better" or change.effect is None:
            continue
        rival = best.get(change.step.knob)
        if rival is None or _is_further(change.effect, rival.effect, judged):
            best[change.step.knob] = change
    return {knob: change.step.value for knob, change in best.items()}


def _is_further(effect: Effect, rival: Effect | None, judged: Judged) -> bool:
    """Whether an effect is larger, in the wanted direction."""
    if rival is None:
        return True
    more = effect.change_ratio.mid > rival.change_ratio.mid
    return more == judged.is_more_better


def _is_comparable(change: Change) -> bool:
    """Whether the runs of a change can be compared."""
    done = change.measured
    return done is not None and bool(done.runs) and not done.failure


def _effects(
    first: Measured, last: Measured | None, changes: Sequence[Change], judged: Judged
) -> tuple[Effect, ...]:
    """Return the effects of changes that can be compared."""
    if not changes or len(first.runs) < LEAST_RUNS:
        return ()
    groups = [first.runs, last.runs if last else ()]
    groups += [change.measured.runs for change in changes if change.measured]
    begin, end, *treated = _floored_ratio(judged.over_most_ratio(groups))
    return effects_of(begin, treated, last_ratio=end, is_more_better=judged.is_more_better)


def _floored_ratio(groups_ratio: list[list[float]]) -> list[list[float]]:
    """Return shares of the largest figure that are positive, since logarithms are compared.

    No request served counts so, and so does a latency that nothing has.
    """
    return [[max(share, _FLOOR_RATIO) for share in group] for group in groups_ratio]


def _with_fate(change: Change, effect: Effect | None, first: Measured) -> Change:
    """Return a change with what became of it."""
    done = change.measured
    if done is None or change.fate == "not tried":
        return change
    if done.failure:
        return replace(change, fate="failed", reason=done.failure)
    if done.limited and not (effect and effect.word == "better"):
        return replace(change, fate="limited", reason=done.limited)
    if not done.is_whole:
        return replace(change, fate="unfinished", effect=effect, reason="interrupted")
    if done.breaks_objective_of(first):
        reason = "it breaks an objective that the baseline keeps"
        return replace(change, fate="misses", effect=effect, reason=reason)
    # This client only ever makes a server look worse: what is better all the same, is.
    reason = f"it does at least as well as that: {done.limited}" if done.limited else ""
    return replace(change, fate=effect.word if effect else "same", effect=effect, reason=reason)

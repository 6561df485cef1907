"""What tuning found: every change, what it did, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rightrig.measuring.tune.figures import mean_figures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.measuring.tune.figures import Figures, Judged
    from rightrig.measuring.tune.matrix import Step
    from rightrig.measuring.tune.settings import Setting
    from rightrig.measuring.tune.verdict import Effect

Fate = Literal["better", "worse", "same", "misses", "limited", "failed", "unfinished", "not tried"]
"""``same``: within the spread. ``misses``: it breaks an objective that the baseline keeps.
``limited``: this client kept the server from showing what it does. ``failed``: the engine did not
start, or ended. ``unfinished``: it was interrupted."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The runs of one setting.

    Attributes:
        failure: Why there are no more; empty when all were done.
        log: The last lines of an engine that failed.
        reused_count: Runs that an earlier command had done.
    """

    setting: Setting
    runs: tuple[Figures, ...]
    failure: str = ""
    log: tuple[str, ...] = ()
    reused_count: int = 0
    is_whole: bool = True

    @property
    def mean(self) -> Figures | None:
        """The mean of its runs; ``None`` without one."""
        return mean_figures(self.runs) if self.runs else None

    def breaks_objective_of(self, baseline: Measured) -> bool:
        """Whether it breaks an objective that the baseline keeps."""
        before, after = baseline.mean, self.mean
        return bool(before and after and before.keeps_slo and after.keeps_slo is False)

    @property
    def limited(self) -> str:
        """Why the figures are this client's; empty when they are the server's."""
        return next((run.limited for run in self.runs if run.limited), "")


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the prediction says of a change.

    Attributes:
        change_ratio: The judged figure over that of the baseline; ``None`` where it is not known.
        why: Why it is not known.
    """

    change_ratio: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change and what became of it.

    Attributes:
        effect: Of the judged figure; ``None`` where the runs do not say.
        reason: A sentence for what was not tried, failed or misses an objective.
    """

    step: Step
    fate: Fate
    measured: Measured | None = None
    effect: Effect | None = None
    reason: str = ""
    foreseen: Foreseen = field(default_factory=lambda: Foreseen(None))


@dataclass(frozen=True, slots=True)
class Tuned:
    """What became of all changes.

    Attributes:
        first: The baseline, before the changes.
        last: The baseline started again after them; ``None`` when nothing asked for it.
        changes: In the order in which they were tried.
        kept: Knob → its best value, of knobs that have one which beats the spread.
        stopped: Why the rest was not tried; empty when all was.
    """

    judged: Judged
    first: Measured
    last: Measured | None
    changes: tuple[Change, ...]
    kept: Mapping[str, str]
    stopped: str = ""
    interrupted: bool = False

    @property
    def baseline(self) -> Figures | None:
        """The mean of all runs of the baseline."""
        runs = (*self.first.runs, *(self.last.runs if self.last else ()))
        return mean_figures(runs) if runs else None

    @property
    def is_judged(self) -> bool:
        """Whether the baseline ran, so that there is something to compare with."""
        return self.first.is_whole and not self.first.failure

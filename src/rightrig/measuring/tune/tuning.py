"""One knob at a time: the loop that knows neither engines nor simulators."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from rightrig.measuring.tune.engine import EngineFailedError
from rightrig.measuring.tune.judging import judged_changes, kept_values, word_of
from rightrig.measuring.tune.tuned import Change, Foreseen, Measured, Tuned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from rightrig.measuring.tune.figures import Figures, Judged, Ran
    from rightrig.measuring.tune.matrix import Step
    from rightrig.measuring.tune.settings import Setting

_ALL_IN_TIME_RATIO: Final = 0.999
"""Share of requests in time from which goodput at the offered rate has nothing left to gain."""


class Bench(Protocol):
    """Where settings are run."""

    def runs(self, setting: Setting, numbers: Sequence[int]) -> Generator[Ran, None, None]:
        """Yield runs of a setting, one for each number.

        Runs of one number are of the same traffic, whatever the setting.

        Raises:
            EngineFailedError: when the setting does not run.
        """
        ...

    def reused_count(self, setting: Setting, numbers: Sequence[int]) -> int:
        """Return how many of the runs an earlier command has done."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """How to tune.

    Attributes:
        repeats_count: Runs of each setting.
        again_count: Runs of the baseline after all changes; 0 where nothing drifts.
        is_open: Whether requests come at a rate of their own, so that all in time is the best.
        foreseen: What the prediction says of each change.
        say: Called with how far the experiment is and what is run now, in words.
    """

    repeats_count: int = 3
    again_count: int = 1
    is_open: bool = False
    foreseen: Mapping[Setting, Foreseen] = field(default_factory=dict)
    say: Callable[[str], None] | None = None


class Interrupted(Exception):  # noqa: N818 - no error: somebody said that it is enough
    """Somebody ended a setting early; what it had done is in it."""

    def __init__(self, measured: Measured) -> None:
        """Keep what was done."""
        super().__init__("interrupted")
        self.measured = measured


def tune(
    bench: Bench, baseline: Setting, steps: Sequence[Step], judged: Judged, order: Order
) -> Tuned:
    """Return what each change does beside the baseline.

    The baseline is run first. Changes follow in their order; a direction of a knob ends where one
    of its values fails, breaks an objective that the baseline keeps, or is surely worse than the
    best before it. All ends where every request is in time. When a change looks better, the
    baseline is run again at the end, so that a drift of the machine is not taken for a gain.
    """
    loop = _Loop(bench, judged, order, tuple(steps))
    try:
        loop.go(baseline)
    except (Interrupted, KeyboardInterrupt):
        loop.interrupted = True
    return loop.found(baseline)


@dataclass(slots=True)
class _Loop:
    """The state of one experiment."""

    bench: Bench
    judged: Judged
    order: Order
    steps: tuple[Step, ...]
    first: Measured | None = None
    last: Measured | None = None
    changes: list[Change] = field(default_factory=list)
    best: dict[tuple[str, str], Measured] = field(default_factory=dict)
    ended: dict[tuple[str, str], str] = field(default_factory=dict)
    stopped: str = ""
    interrupted: bool = False
    done_count: int = 0

    def go(self, baseline: Setting) -> None:
        """Run everything."""
        try:
            self.first = self._measured(baseline, range(self.order.repeats_count))
        except Interrupted as early:
            self.first = early.measured
            raise
        if self.first.failure or self.first.limited:
            return
        self._check_best(self.first, "the baseline")
        for step in self.steps:
            self._try(step)
        # A change looks better: it is worth to look whether the machine moved.
        if self.order.again_count and self.best:
            first = self.order.repeats_count
            self.last = self._again(baseline, range(first, first + self.order.again_count))

    def found(self, baseline: Setting) -> Tuned:
        """Return what is known when the loop has ended, however it has."""
        first = self.first or Measured(baseline, (), is_whole=False)
        tried = {change.step for change in self.changes}
        rest = [Change(step, "not tried", reason=self._why()) for step in self.steps
                if step not in tried]  # fmt: skip
        changes = [*self.changes, *rest]
        if first.is_whole and not first.failure and not first.limited:
            changes = judged_changes(first, self.last, changes, self.judged)
        told = tuple(self._with_foreseen(change) for change in changes)
        kept = kept_values(told, self.judged)
        return Tuned(
            self.judged, first, self.last, told, kept, self.stopped, interrupted=self.interrupted
        )

    def _why(self) -> str:
        """Return why what is left was not tried."""
        if self.interrupted:
            return "interrupted before"
        if self.first is not None and (self.first.failure or self.first.limited):
            return "the baseline has no figures to compare with"
        return self.stopped

    def _with_foreseen(self, change: Change) -> Change:
        """Return a change with what was predicted of it."""
        foreseen = self.order.foreseen.get(change.step.setting, Foreseen(None))
        return replace(change, foreseen=foreseen)

    def _try(self, step: Step) -> None:
        """Run one change, unless something says that it is not worth it."""
        line = (step.knob, step.direction)
        reason = self.stopped or self.ended.get(line, "")
        if reason:
            self.done_count += self.order.repeats_count
            self.changes.append(Change(step, "not tried", reason=reason))
            return
        try:
            measured = self._measured(step.setting, range(self.order.repeats_count))
        except Interrupted as early:
            self.changes.append(Change(step, "unfinished", early.measured))
            raise
        self.changes.append(Change(step, "same", measured))
        reason = self._harm(step, measured)
        if reason:
            self.ended[line] = reason
        else:
            self._remember(line, measured)
        self._check_best(measured, f"{step.knob}={step.value}")

    def _again(self, baseline: Setting, numbers: range) -> Measured | None:
        """Run the baseline once more; what it says when it is whole is all that counts."""
        try:
            found = self._measured(baseline, numbers)
        except Interrupted:
            self.interrupted = True
            return None
        return None if found.failure or found.limited else found

    def _harm(self, step: Step, measured: Measured) -> str:
        """Return why values beyond this one are not tried; empty when they are."""
        if measured.failure:
            return f"{step.knob}={step.value} did not run"
        if measured.limited:
            return ""
        assert self.first is not None  # noqa: S101 - for the type checker
        if measured.breaks_objective_of(self.first):
            return f"{step.knob}={step.value} breaks an objective that the baseline keeps"
        rival = self.best.get((step.knob, step.direction), self.first)
        if word_of(rival, measured, self.judged) == "worse":
            beside = "the baseline" if rival is self.first else f"{rival.setting[step.knob]}"
            return f"{step.knob}={step.value} is surely worse than {beside}"
        return ""

    def _remember(self, line: tuple[str, str], measured: Measured) -> None:
        """Keep the best of a direction."""
        assert self.first is not None  # noqa: S101 - for the type checker
        rival = self.best.get(line, self.first)
        if word_of(rival, measured, self.judged) == "better":
            self.best[line] = measured

    def _check_best(self, measured: Measured, name: str) -> None:
        """Stop everything when nothing is left to gain."""
        mean = measured.mean
        if self.judged.metric != "goodput" or not self.order.is_open or mean is None:
            return
        if not measured.limited and (mean.good_ratio or 0.0) >= _ALL_IN_TIME_RATIO:
            self.stopped = (
                f"{name} answers every request in time, and more than the offered rate cannot be "
                "answered; raise --rate to see differences"
            )

    def _measured(self, setting: Setting, numbers: range) -> Measured:
        """Run one setting."""
        reused = self.bench.reused_count(setting, numbers)
        found: list[Figures] = []
        self._say(setting)
        try:
            with closing(self.bench.runs(setting, numbers)) as runs:
                for ran in runs:
                    found.append(ran.figures)
                    self.done_count += 1
                    self._say(setting)
        except EngineFailedError as error:
            return Measured(setting, tuple(found), error.reason, error.log, reused)
        except KeyboardInterrupt:
            early = Measured(setting, tuple(found), reused_count=reused, is_whole=False)
            raise Interrupted(early) from None
        return Measured(setting, tuple(found), reused_count=reused)

    def _say(self, setting: Setting) -> None:
        """Tell how far the experiment is."""
        if self.order.say is not None:
            order = self.order
            most_count = (len(self.steps) + 1) * order.repeats_count + order.again_count
            self.order.say(f"run {self.done_count + 1} of at most {most_count}: {setting.text}")

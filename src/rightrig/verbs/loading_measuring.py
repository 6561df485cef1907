"""``load`` with a server: holds the levels, and puts what was predicted beside them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.quantities import show_number, show_seconds, show_users
from rightrig.report.loaded import Loaded
from rightrig.verbs.loading_files import costs_of
from rightrig.verbs.loading_keeping import begun, kept_name
from rightrig.verbs.loading_predicting import load_plan_of, predictions_of, price_of
from rightrig.verbs.loading_words import (
    bounds_of,
    drawing,
    peak_requests_per_s,
    target_of,
    tokenizer_of,
    trial_of,
    users_of,
)
from rightrig.verbs.progress import watcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.measuring.load.level_learning import Learned
    from rightrig.measuring.load.levels import Bounds
    from rightrig.measuring.load.outcome import Level, LevelOutcome, Progress
    from rightrig.measuring.load.ramp import LoadTest, Measured
    from rightrig.verbs.loading import Asked, Subject
    from rightrig.verbs.loading_words import Drawing
    from rightrig.verbs.progress import Line

_SEEDS_APART: Final = 1_000


def measured(asked: Asked, subject: Subject, url: str) -> Loaded:
    """Return what a server did; what was measured until somebody interrupts it is all of it."""
    bounds, users = bounds_of(asked), users_of(asked.concurrency)
    drawn = drawing(asked, subject)
    price = price_of(asked, subject)
    test = _test(asked, subject, bounds, drawn, users)
    test.check()
    target, tokenizer = target_of(asked.server, url), tokenizer_of(asked)
    from rightrig.measuring.load.ramp import run_test
    from rightrig.measuring.load.ramp_first import first_look

    learned = first_look(target, asked.words.seed % 2**32, tokenizer)
    plan = None
    if subject.planned is not None:
        plan = load_plan_of(subject, bounds, drawn.requests)
    keeper, unkept = begun(asked, subject, _shown(url), _versions())
    try:
        with watcher().line() as line:
            run = _Measuring(asked, subject, learned, drawn, line)
            found = run_test(test, run, keeper.keep)
    except BaseException:
        keeper.finish("failed")
        raise
    keeper.finish("interrupted" if found.interrupted else "finished")
    seen = _seen(asked, subject, found, drawn, learned)
    troubles = (keeper.trouble,) if keeper.trouble else ()
    return replace(
        seen,
        plan=plan,
        costs=costs_of(seen.outcomes, seen.predictions, price),
        price=price,
        run_id=keeper.run_id,
        notes=(*seen.notes, *learned.notes, *unkept, *troubles),
    )


@dataclass(frozen=True, slots=True)
class _Measuring:
    """Holds the levels of a test with the requests that each takes.

    Attributes:
        learned: The server, and how it counts tokens.
        line: Takes how far a level is; ``None`` where nobody looks.
    """

    asked: Asked
    subject: Subject
    learned: Learned
    drawn: Drawing
    line: Line | None

    def __call__(self, level: Level, number: int) -> LevelOutcome:
        """Hold a level, with prompts of its own."""
        from rightrig.measuring.load.level import measure_level
        from rightrig.measuring.load.prompts import Writer

        asked, usual = self.asked, self.learned.writer
        own = self.drawn
        if level.kind == "closed" and asked.words.think is not None:
            own = drawing(asked, self.subject, level.concurrency)
        is_whole = asked.words.trace is not None and level.rate_requests_per_s is None
        traffic = own.traffic(asked.words.requests if is_whole else level.requests_count)
        seed = asked.words.seed % 2**32 * _SEEDS_APART + number + 1
        writer = Writer(seed, usual.scale, usual.tokenizer)
        told = None if self.line is None else _telling(self.line, number + 1)
        return measure_level(
            self.learned.target, traffic.requests, level, self.subject.slo, told, writer
        )


def _test(
    asked: Asked, subject: Subject, bounds: Bounds, drawn: Drawing, users: tuple[int, ...]
) -> LoadTest:
    """Return the loads of a test."""
    from rightrig.measuring.load.levels import PLANNED_RATIOS, recorded_level
    from rightrig.measuring.load.ramp import LoadTest

    slo, rate = subject.slo, asked.words.rate_per_s
    peak = peak_requests_per_s(asked, subject)
    if peak is not None:
        rates = tuple(peak * ratio for ratio in PLANNED_RATIOS)
        return LoadTest(
            slo, bounds, rates_requests_per_s=rates, is_ramp=True, most_requests_per_s=max(rates)
        )
    if asked.is_ramp:
        return LoadTest(slo, bounds, rates_requests_per_s=(1.0,), is_ramp=True)
    if users:
        return LoadTest(slo, bounds, users_counts=users)
    requests = drawn.some()
    if asked.words.trace is not None and rate is None:
        whole = drawn.traffic(asked.words.requests).requests
        last_s = float(whole.arrival_s[whole.open_count - 1])
        return LoadTest(slo, bounds, recorded=recorded_level(len(whole), last_s, bounds))
    own = requests.mean_rate_requests_per_s if rate is None else rate
    return LoadTest(slo, bounds, rates_requests_per_s=(own,))


def _seen(
    asked: Asked, subject: Subject, found: Measured, drawn: Drawing, learned: Learned
) -> Loaded:
    """Return what was measured, with what was predicted of it."""
    outcomes = tuple(found.outcomes)
    foreseen = replace(subject, deployment=None) if found.interrupted else subject
    predictions, why = predictions_of(foreseen, outcomes, drawn.requests)
    count = found.skipped_count
    skipped = (f"{count} levels were left out: --seconds was over",) if count else ()
    return Loaded(
        test=trial_of(asked, subject, _shown(learned.target.url), learned.target.name),
        slo=subject.slo,
        traffic=_traffic_text(drawn, outcomes),
        is_usual_slo=subject.is_usual_slo,
        deployment=subject.deployment,
        peak_requests_per_s=peak_requests_per_s(asked, subject),
        outcomes=outcomes,
        predictions=predictions,
        breaking=found.breaking,
        command=kept_name(asked),
        notes=(*subject.notes, *why, *skipped),
        interrupted=found.interrupted,
    )


def _traffic_text(drawn: Drawing, outcomes: tuple[LevelOutcome, ...]) -> str:
    """Return the lengths that were asked for, in a sentence."""
    if not outcomes:
        return ""
    samples = outcomes[-1].samples
    if not len(samples):
        return ""
    prompts, answers = samples.asked_input_tokens, samples.asked_output_tokens
    words = drawn.words
    of = f"preset {words.preset}" if words.preset else ""
    of = f"trace {words.trace}" if words.trace else of
    return (
        f"{of}{': ' if of else ''}prompts of {prompts.mean():,.0f} tokens on average, answers of "
        f"{answers.mean():,.0f}."
    )


def _telling(line: Line, number: int) -> Callable[[Progress], None]:
    """Return what tells how far a level is."""

    def told(progress: Progress) -> None:
        level = progress.level
        rate = level.rate_requests_per_s
        load = show_users(level.concurrency) if level.kind == "closed" else "as recorded"
        load = load if rate is None else f"{show_number(rate)} requests/s"
        ttft = progress.ttft_p50_s
        shown = "–" if math.isnan(ttft) else show_seconds(ttft)
        line(
            f"level {number}: {load}  {progress.share_ratio:.0%}  sent {progress.sent_count:,}  "
            f"answered {progress.ok_count:,}  failed {progress.failed_count:,}  in flight "
            f"{progress.in_flight_count:,}  TTFT p50 {shown}  "
            f"{show_number(progress.output_tokens_per_s)} tokens/s"
        )

    return told


def _shown(url: str) -> str:
    """Return the address as it may be shown."""
    from rightrig.measuring.load.ramp_first import shown_url

    return shown_url(url)


def _versions() -> dict[str, str]:
    """Return what the client ran on."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return {"uvloop": version("uvloop")}
    except PackageNotFoundError:
        return {}

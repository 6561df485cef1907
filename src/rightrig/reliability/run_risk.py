"""A long run on many cards: interruptions, lost time, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.explanation import Explanation, Figure
from rightrig.quantities import SECONDS_PER_HOUR, show_number
from rightrig.reliability.checkpoint import choices, kept_saves_count, useful_ratio, with_mtbf
from rightrig.reliability.checkpoint_simulation import LEAST_USEFUL_RATIO, draw_runs
from rightrig.reliability.rates import DAY_S, show_span

if TYPE_CHECKING:
    from rightrig.interval import Interval
    from rightrig.reliability.checkpoint import Saving
    from rightrig.reliability.checkpoint_simulation import DrawnRuns
    from rightrig.reliability.failures import Fleet

_MOST_DRAWN_COUNT: Final = 5000.0
"""Interruptions up to which runs are drawn: the spread of more of them is small."""


@dataclass(frozen=True, slots=True)
class RunRisk:
    """What failures do to a run.

    Attributes:
        span_s: Time that the cards are held.
        saving: Times of one failure and of one save, with the mean time between failures.
        interval_s: Work between two saves.
        expected_count: Expected interruptions in the span.
        counted: Central 80 % of their number.
        interrupted_ratio: P(at least one).
        useful_ratio: Share of the span that is work which lasts (ETTR).
        kept_saves_count: Saves to keep, so that one is older than a failure noticed late.
        drawn: The same work as the span, with failures drawn; ``None`` where hardly any lasts, and
            where interruptions are so many that the mean says all.
    """

    fleet: Fleet
    gpus_count: int
    span_s: float
    saving: Saving
    interval_s: float
    expected_count: Interval
    counted: tuple[int, int]
    interrupted_ratio: Interval
    useful_ratio: Interval
    kept_saves_count: int
    drawn: DrawnRuns | None

    @property
    def lost_s(self) -> Interval:
        """Time of the span that is no lasting work."""
        return self.useful_ratio.map(lambda useful: (1.0 - useful) * self.span_s)

    @property
    def lost_gpu_s(self) -> Interval:
        """The same, of all cards together."""
        return self.lost_s.scaled(self.gpus_count)

    @property
    def work_s(self) -> Interval:
        """Lasting work of the span."""
        return self.useful_ratio.scaled(self.span_s)

    def explain(self) -> Explanation:
        """Return what the run meets, with formulas and sources."""
        return _explained(self)


def run_risk(
    fleet: Fleet, gpus_count: int, span_s: float, saving: Saving, interval_s: float | None = None
) -> RunRisk:
    """Return what failures do to a run.

    Args:
        fleet: What may fail; its mean time between failures replaces the one of ``saving``.
        gpus_count: Cards that stand still together.
        span_s: Time that they are held.
        saving: Times of a save, of noticing and of a restart.
        interval_s: Work between two saves; the exact optimum where it is not given.
    """
    saving = with_mtbf(saving, fleet.mtbf_s.mid)
    if interval_s is None:
        interval_s = choices(saving)[0].interval_s
    interval = interval_s
    useful = fleet.mtbf_s.map(lambda mtbf_s: useful_ratio(interval, with_mtbf(saving, mtbf_s)))
    expected = fleet.expected_count(span_s)
    is_drawn = useful.mid > LEAST_USEFUL_RATIO and expected.mid < _MOST_DRAWN_COUNT * useful.mid
    return RunRisk(
        fleet=fleet,
        gpus_count=gpus_count,
        span_s=span_s,
        saving=saving,
        interval_s=interval,
        expected_count=expected,
        counted=fleet.rate.counted(fleet.devices_count, span_s),
        interrupted_ratio=fleet.interrupted_ratio(span_s),
        useful_ratio=useful,
        kept_saves_count=kept_saves_count(interval, saving),
        drawn=draw_runs(span_s, interval, saving) if is_drawn else None,
    )


def _explained(found: RunRisk) -> Explanation:
    """Return sentences, figures and sources."""
    mtbf, days = found.fleet.mtbf_s, found.span_s / DAY_S
    lost_h, useful = found.lost_s.scaled(1.0 / SECONDS_PER_HOUR), found.useful_ratio
    low, high = found.counted
    spread = _ends(show_span(mtbf.low), show_span(mtbf.high))
    shares = _ends(f"{useful.low:.1%}", f"{useful.high:.1%}")
    sentences = [
        (
            f"{found.gpus_count:,} GPUs are interrupted every {show_span(mtbf.mid)}{spread}: "
            f"{show_number(found.expected_count.mid)} times in {days:g} days ({low:,} to "
            f"{high:,}); at least once with {found.interrupted_ratio.mid:.2%}."
        ),
        (
            f"Saved after every {show_span(found.interval_s)} of work, {useful.mid:.1%} of the "
            f"time is work that lasts{shares}; {lost_h.mid:,.1f} h of {days * 24.0:,.0f} are lost."
        ),
    ]
    if found.drawn is not None:
        took = found.drawn.elapsed_s
        sentences.append(
            f"{days:g} days of work take {show_span(took.mid)} ({show_span(took.low)} to "
            f"{show_span(took.high)}), by runs whose failures were drawn."
        )
    elif useful.mid > 0.0:
        sentences.append(f"{days:g} days of work take {show_span(found.span_s / useful.mid)}.")
    figures = (
        Figure("mtbf_s", mtbf.mid, show_span(mtbf.mid), "1 / (n · r) (F11.1)"),
        Figure(
            "interval_s", found.interval_s, show_span(found.interval_s),
            "M·(1 + W₀(−e^(−1 − C/M))), the exact optimum (F11.2), where none is stated",
        ),
        Figure(
            "useful_ratio", useful.mid, f"{useful.mid:.1%}",
            "τ / (M·e^((D+R+F)/M)·(e^((τ+C)/M) − 1)) (F11.3, Daly 2006)",
        ),
    )  # fmt: skip
    return Explanation(tuple(sentences), figures, (found.fleet.rate.source,))


def _ends(low: str, high: str) -> str:
    """Return the ends of an interval in brackets; nothing where they are alike."""
    return "" if low == high else f" ({low} to {high})"

"""A machine at work with all that is said of it: what its reports share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from rightrig.report.watch_texts import verdict_of
from rightrig.watching.deriving import rate_at_tokens_per_s
from rightrig.watching.engines.histograms import all_count

if TYPE_CHECKING:
    from rightrig.interval import Interval
    from rightrig.report.watch_texts import Verdict
    from rightrig.watching.expected import Expected
    from rightrig.watching.observing import Seen
    from rightrig.watching.rules.firing import Firing
    from rightrig.watching.states import CardState, Derived, Histogram, Latency

LATENCIES: Final[tuple[Latency, ...]] = ("ttft", "tpot", "itl", "e2e", "queue")
_SECONDS_PER_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Watched:
    """One reading, the plan, and the alerts whose conditions hold.

    Attributes:
        unlike: How what runs differs from the plan, or empty.
    """

    seen: Seen
    expected: Expected | None
    firings: tuple[Firing, ...]
    unlike: str = ""

    @property
    def derived(self) -> Derived:
        """What follows from the two readings."""
        found = self.seen.moment.derived
        assert found is not None  # noqa: S101 - of every second reading
        return found

    @property
    def cards(self) -> tuple[CardState, ...]:
        """All cards, lost ones too."""
        return self.seen.moment.snapshot.cards

    @property
    def is_healthy(self) -> bool:
        """Whether nothing critical holds."""
        return all(one.severity != "critical" for one in self.firings)

    @property
    def at(self) -> datetime:
        """When it was read, in UTC."""
        return datetime.fromtimestamp(self.seen.moment.snapshot.at_s, UTC)

    @property
    def expected_tokens_per_s(self) -> Interval | None:
        """What is predicted for as many users as ran."""
        running = self.seen.running_count
        if self.expected is None or running is None:
            return None
        return rate_at_tokens_per_s(self.expected, running)

    @property
    def expected_cost_usd_per_output_token(self) -> Interval | None:
        """The plan's rent over that."""
        rate = self.expected_tokens_per_s
        rent = None if self.expected is None else self.expected.cost_usd_per_hour
        if rate is None or rent is None:
            return None
        return rate.reciprocal().scaled(rent / _SECONDS_PER_HOUR)

    @property
    def verdict(self) -> Verdict:
        """How the output compares with what is predicted for as many users."""
        return verdict_of(self.derived.output_tokens_per_s, self.expected_tokens_per_s)

    def links_expected_count(self) -> int | None:
        """Return the NVLinks that each card should have up, where all of them should alike."""
        counts = {card.links_count for card in self.expected.cards} if self.expected else {None}
        return counts.pop() if len(counts) == 1 else None

    def latency(self, name: Latency) -> tuple[Histogram, Literal["reading", "start"]] | None:
        """Return a latency of the time between the readings, else of all since the start."""
        recent = self.seen.recent.get(name)
        if recent is not None:
            return recent, "reading"
        engine = self.seen.moment.engine
        whole = None if engine is None else engine.latencies.get(name)
        return (whole, "start") if whole is not None and all_count(whole) > 0.0 else None
